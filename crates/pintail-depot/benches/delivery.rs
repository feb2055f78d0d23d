//! What a delivery costs, without a line between: bytes and time of a patch from v1 to v2 of a tree of 10,000 files and
//! 200 MB of which 1 % changed, one a file of 50 MB that grew in its middle; of both artifacts, and of v2's alone with a
//! signature of v1; beside `rsync` to a new folder and
//! `zstd --patch-from`, in the same run. `cargo bench -p pintail-depot --bench delivery`, with `-- patch` without the rivals; asserts no time.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark starts its rivals and tells what it measured"
)]

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use pintail_core::manifest::{EntryKind, Manifest};
use pintail_depot::patch::{Ground, Signature, apply, make, make_by_signature, sign, sketch};
use pintail_depot::{Card, Depot, Held, Limits};

const FILES: usize = 10_000;
const SMALL_BYTES: usize = 15_000;
const LARGE_BYTES: usize = 50 << 20;
const CHANGED: usize = 100;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    /// Text that packs about as well as source code does.
    fn text(&mut self, bytes: usize) -> String {
        const WORDS: [&str; 24] = [
            "function",
            "return",
            "const",
            "if (",
            ") {",
            "}",
            "=> ",
            "this.",
            "module.exports",
            "value",
            "index",
            "require('",
            "')",
            ";",
            "null",
            "undefined",
            "length",
            "Object.",
            "name",
            "=",
            "+",
            "error",
            "new ",
            "[i]",
        ];
        let mut text = String::with_capacity(bytes + 80);
        while text.len() < bytes {
            for _ in 0..3 + self.roll(8) {
                text.push_str(WORDS[self.roll(WORDS.len())]);
                text.push(' ');
            }
            text.push_str(&format!("x{:x}\n", self.roll(1 << 20)));
        }
        text
    }
}

fn path_of(index: usize) -> String {
    format!("node_modules/p{:03}/lib/m{:02}/file{index}.js", index / 25, index % 5)
}

/// The first version, and what makes the second of it: about 1 % of all files changed by a line, some new, gone, moved.
fn trees(room: &Path) -> (PathBuf, PathBuf) {
    let (one, two) = (room.join("one"), room.join("two"));
    let mut dice = Dice(1);
    let put = |root: &Path, path: &str, content: &str| {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    };
    let step = FILES / CHANGED;
    for index in 0..FILES {
        let bytes = SMALL_BYTES / 4 + dice.roll(SMALL_BYTES * 3 / 2);
        let content = dice.text(bytes);
        let path = path_of(index);
        put(&one, &path, &content);
        if index % step != 0 {
            put(&two, &path, &content);
            continue;
        }
        let at = content[..content.len() / 2].rfind('\n').unwrap_or(0);
        let changed = format!("{}\n// {}{}", &content[..at], dice.text(40).trim_end(), &content[at..]);
        match index / step % 20 {
            0 => {}
            1 => put(&two, &format!("{path}.new.js"), &dice.text(3000)),
            2 | 3 => put(&two, &path.replace("/lib/", "/moved/"), &changed),
            _ => put(&two, &path, &changed),
        }
    }
    let large = dice.text(LARGE_BYTES);
    let middle = large[..large.len() / 2].rfind('\n').unwrap_or(0);
    put(&one, "data/all.ndjson", &large);
    let grown = format!("{}\n{}{}", &large[..middle], dice.text(4096).trim_end(), &large[middle..]);
    put(&two, "data/all.ndjson", &grown);
    put(&one, "VERSION", "1\n");
    put(&two, "VERSION", "2\n");
    (one, two)
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let began = Instant::now();
    let made = work();
    (began.elapsed().as_secs_f64(), made)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn seal(folder: &Path, manifest: &Manifest) {
    let held = Held::read(folder).unwrap().sealed(folder, manifest);
    held.write(folder).unwrap();
    for entry in manifest.entries() {
        if let EntryKind::File { executable, .. } = entry.kind {
            let mode = if executable { 0o555 } else { 0o444 };
            fs::set_permissions(folder.join(entry.path.as_str()), Permissions::from_mode(mode)).unwrap();
        }
    }
}

fn row(what: &str, bytes: u64, seconds: f64) {
    println!("{what:<58} {bytes:>11} B {seconds:>8.2} s");
}

/// Runs `line` in a shell; what it printed, or nothing if it can't run.
fn shell(line: &str) -> Option<(f64, String)> {
    let (seconds, ran) = timed(|| Command::new("sh").args(["-c", line]).output());
    let ran = ran.ok().filter(|ran| ran.status.success())?;
    Some((seconds, String::from_utf8_lossy(&ran.stdout).into_owned()))
}

/// The number behind `label` in what `rsync --stats` says.
fn stat(text: &str, label: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(label)).unwrap_or_default();
    line.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}

const ROUNDS: usize = 5;

/// A release that a host has, and one of whose artifact alone an operator has.
struct Told<'a> {
    depot: &'a Depot,
    base: &'a Path,
    old: &'a Manifest,
    new: &'a Card,
}

impl Told<'_> {
    /// The patch between them, and rows of what it costs.
    fn patch(&self) -> Vec<u8> {
        let limits = Limits::default();
        let (_, new) = self.depot.show(&self.new.name, &self.new.version).unwrap();
        let (seconds, asked) = timed(|| sketch(&new));
        row("signature: the sketch (operator)", asked.len() as u64, seconds);
        let told = || {
            let ground = Ground::named(self.base, &self.old.release_name(), &limits).unwrap();
            sign(&ground, &asked).unwrap()
        };
        let (seconds, signature) = rounds(told);
        row("signature: telling it (host)", signature.len() as u64, seconds);
        let artifact = self.depot.artifact_path(&self.new.name, &self.new.version);
        let made = || {
            let mut patch = Vec::new();
            let signature = Signature::read(&signature, &new, &limits).unwrap();
            make_by_signature(&signature, &artifact, &HashSet::new(), &limits, &mut patch).unwrap();
            patch
        };
        let (seconds, patch) = rounds(made);
        row("signature: making the patch of it (operator)", patch.len() as u64, seconds);
        let all = asked.len() + signature.len() + patch.len();
        println!(
            "signature: all that travels, both ways: {all} B, of an artifact of {} B",
            self.new.packed_bytes
        );
        patch
    }
}

/// The median of some times, and what was made last.
fn rounds<T>(work: impl Fn() -> T) -> (f64, T) {
    let (mut times, mut made) = (Vec::new(), None);
    for _ in 0..ROUNDS {
        let (seconds, one) = timed(&work);
        times.push(seconds);
        made = Some(one);
    }
    (median(times), made.unwrap())
}

fn main() {
    let room = tempfile::Builder::new().prefix("pintail-bench-").tempdir().unwrap();
    let at = |name: &str| room.path().join(name);
    let (one, two) = trees(room.path());
    let depot = Depot::new(at("depot"));
    let name = "bench".parse().unwrap();
    let publish = |tree: &Path, version: &str| {
        depot.publish_tree(tree, &name, &version.parse().unwrap(), None, 0).unwrap().card().clone()
    };
    let (card_one, card_two) = (publish(&one, "1"), publish(&two, "2"));
    println!("v1: {} files, {} B, artifact {} B", card_one.files, card_one.tree_bytes, card_one.packed_bytes);
    let (old, new) =
        (depot.artifact_path(&name, &card_one.version), depot.artifact_path(&name, &card_two.version));
    let limits = Limits::default();

    let (seconds, manifest) = timed(|| {
        pintail_depot::unpack(fs::File::open(&old).unwrap(), &at("base"), &card_one.digest, &limits).unwrap()
    });
    row("first delivery: unpack the artifact", card_one.packed_bytes, seconds);
    let base = at("base");
    seal(&base, &manifest);

    let told = Told { depot: &depot, base: &base, old: &manifest, new: &card_two };
    let by_signature = told.patch();
    let (seconds, ()) = timed(|| {
        let ground = Ground::of(&base, &card_one.digest, &limits, &|_| true).unwrap();
        apply(by_signature.as_slice(), &ground, &at("signed"), &card_two.digest, &limits).unwrap();
    });
    row("signature: applying that patch, by hard links (host)", by_signature.len() as u64, seconds);

    let mut patch = Vec::new();
    let times = (0..ROUNDS).map(|_| {
        patch.clear();
        timed(|| make(&old, &new, &HashSet::new(), &limits, &mut patch).unwrap()).0
    });
    let seconds = median(times.collect());
    row("patch: making it (operator; once for all hosts)", patch.len() as u64, seconds);
    for (what, link) in [("hard links", true), ("reflinks or copies", false)] {
        let times = (0..ROUNDS).map(|round| {
            let into = at(&format!("made-{link}-{round}"));
            let may_link = |_: &_| link;
            let (seconds, ()) = timed(|| {
                let ground = Ground::of(&base, &card_one.digest, &limits, &may_link).unwrap();
                apply(patch.as_slice(), &ground, &into, &card_two.digest, &limits).unwrap();
            });
            // It stays until the end: ext4 makes files slowly for half a minute after many were removed.
            seconds
        });
        row(
            &format!("patch: applying it, synced, by {what} (host)"),
            patch.len() as u64,
            median(times.collect()),
        );
    }

    println!("the file of 50 MB alone:");
    let (large_one, large_two) = (publish(&one.join("data"), "3"), publish(&two.join("data"), "4"));
    let path = |card: &Card| depot.artifact_path(&name, &card.version);
    let large_base = at("large");
    let artifact = fs::File::open(path(&large_one)).unwrap();
    let manifest = pintail_depot::unpack(artifact, &large_base, &large_one.digest, &limits).unwrap();
    seal(&large_base, &manifest);
    Told { depot: &depot, base: &large_base, old: &manifest, new: &large_two }.patch();
    let mut patch = Vec::new();
    let (seconds, ()) = timed(|| {
        make(&path(&large_one), &path(&large_two), &HashSet::new(), &limits, &mut patch).unwrap();
    });
    row("patch: making it", patch.len() as u64, seconds);

    if std::env::args().any(|argument| argument == "patch") {
        return;
    }
    let tars = format!("cd {} && tar cf v1.tar -C one . && tar cf v2.tar -C two .", room.path().display());
    if shell(&tars).is_some() {
        let line = format!(
            "cd {} && zstd -3 -q -f --long=31 --patch-from=v1.tar v2.tar -o v2.patch && wc -c < v2.patch",
            room.path().display()
        );
        if let Some((seconds, bytes)) = shell(&line) {
            let bytes = bytes.trim().parse().unwrap_or(0);
            row("zstd -3 --long=31 --patch-from of tars, making", bytes, seconds);
        }
    }
    // The far side is started as over ssh, only without it.
    fs::write(at("rsh"), "#!/bin/sh\nshift\nexec sh -c \"$*\"\n").unwrap();
    fs::set_permissions(at("rsh"), Permissions::from_mode(0o755)).unwrap();
    let _ = shell(&format!(
        "cd {0} && cp -a one rsync-base && cp -a two fresh && cd one && find . -type f -exec touch -r {{}} ../two/{{}} \\; 2>/dev/null; true",
        room.path().display()
    ));
    for (what, tree, options) in [
        ("times as they were", "two", "-az"),
        ("fresh times, as from a build", "fresh", "-az"),
        ("fresh times, -c", "fresh", "-azc"),
    ] {
        let mut said = String::new();
        let times: Vec<f64> = (0..ROUNDS)
            .filter_map(|round| {
                let into = at(&format!("rsync{options}-{tree}-{round}"));
                let line = format!(
                    "rsync {options} --stats -e {0}/rsh --link-dest={0}/rsync-base {0}/{tree}/ host:{1}/",
                    room.path().display(),
                    into.display()
                );
                let (seconds, text) = shell(&line)?;
                said = text;
                Some(seconds)
            })
            .collect();
        if times.len() == ROUNDS {
            let bytes = stat(&said, "Total bytes sent") + stat(&said, "Total bytes received");
            row(&format!("rsync {options} --link-dest, {what}, not synced"), bytes, median(times));
        }
    }
}
