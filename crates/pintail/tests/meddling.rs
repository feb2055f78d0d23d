//! Somebody else at the depot: who damages what lies there, and who changes it while an operator is being asked.

#![allow(
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "tests start programs by hand, and write files that nobody else sees"
)]

mod common;

use common::apps::write;
use common::{HANDOVER, PINTAIL, Ran, Stage, config, error, ran};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn artifact(stage: &Stage, version: &str) -> PathBuf {
    stage.depot().artifact_path(&"hello".parse().unwrap(), &version.parse().unwrap())
}

fn beside(stage: &Stage, version: &str, ending: &str) -> PathBuf {
    PathBuf::from(artifact(stage, version).to_str().unwrap().replace(".tar.zst", ending))
}

fn versions(stage: &Stage) -> Vec<String> {
    stage.depot().list().unwrap().cards.iter().map(|card| card.version.to_string()).collect()
}

/// A stage whose target wants signatures by the key that signs.
fn signing() -> Stage {
    let stage = Stage::new(HANDOVER);
    let mut keys = Command::new("minisign");
    keys.args(["-G", "-W", "-p", "ci.pub", "-s", "ci.key"]).current_dir(&stage.project).stdin(Stdio::null());
    common::apps::needs("minisign", &["-v"], "minisign");
    ran(keys).expect(0);
    let text = config(&stage.root, HANDOVER);
    let text = text.replace("hosts = [\"local\"]\n", "hosts = [\"local\"]\nsigned_by = [\"ci.pub\"]\n");
    stage.set_config(&format!("{text}\n[depot]\nsign = \"ci.key\"\n"));
    stage
}

/// Runs a command at a terminal, does something while it waits with `question`, and then types `yes`.
#[track_caller]
fn asked(stage: &Stage, command: &str, question: &str, meanwhile: impl FnOnce()) -> Ran {
    let line = format!("{PINTAIL} -C {} {command}", stage.project.display());
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env("USER", "tester").env("TZ", "UTC");
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keys, mut out) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(question) {
        let mut piece = [0; 100];
        let count = out.read(&mut piece).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..count]);
    }
    meanwhile();
    keys.write_all(b"y\r").unwrap();
    out.read_to_end(&mut seen).unwrap();
    let code = script.wait().unwrap().code().unwrap();
    Ran { code, out: String::from_utf8_lossy(&seen).replace('\r', ""), err: String::new() }
}

/// What can't even be listed is told by `verify`, and it fails.
#[test]
fn what_is_damaged_is_told_by_verify() {
    let stage = Stage::new(HANDOVER);
    for version in ["1.0", "2.0", "3.0", "4.0"] {
        stage.release(version, "");
    }
    fs::write(artifact(&stage, "1.0"), "").unwrap();
    fs::remove_file(beside(&stage, "1.0", ".json")).unwrap();
    fs::rename(artifact(&stage, "2.0"), artifact(&stage, "9.0")).unwrap();
    let card = beside(&stage, "3.0", ".json");
    let json = fs::read_to_string(&card).unwrap();
    let lie =
        json.replace("\"commit\": null", "\"commit\": \"deadbeef\"").replace("\"files\": ", "\"files\": 77");
    fs::write(&card, lie).unwrap();
    let verified = stage.run(&["depot", "verify"]);
    insta::assert_snapshot!(stage.plain(&verified.expect(1).all()));
    // `index` makes the card again, and tells what it can't mend.
    let indexed = stage.run(&["depot", "index"]);
    insta::assert_snapshot!(stage.plain(&indexed.expect(1).all()));
    assert_eq!(fs::read_to_string(&card).unwrap(), json);
    stage.run(&["depot", "verify", "3.0"]).expect(0);
}

/// Of another file than its card was: `index` mends that, and somebody hears of it.
#[test]
fn a_card_of_another_file_is_told_by_index() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "");
    let (card, old) = (beside(&stage, "1.0", ".json"), fs::read(beside(&stage, "1.0", ".json")).unwrap());
    fs::remove_file(artifact(&stage, "1.0")).unwrap();
    stage.release("1.0", "unhealthy");
    fs::write(&card, old).unwrap();
    stage.run(&["depot", "verify"]).expect(1);
    let indexed = stage.run(&["depot", "index"]);
    assert!(
        error(indexed.expect(1)).contains("the card of `hello` `1.0` was that of another artifact"),
        "{}",
        indexed.all()
    );
    let indexed = stage.run(&["depot", "index"]);
    assert_eq!(indexed.expect(0).out, "1 artifact\n");
    stage.run(&["depot", "verify"]).expect(0);
}

/// Names, targets and proofs come from elsewhere: nothing of them is for the terminal to obey.
#[test]
fn what_is_shown_moves_no_cursor() {
    let stage = Stage::new(HANDOVER);
    stage.release_with("1.0", "", |tree| {
        fs::write(tree.join("a\u{1b}[2Jb"), "x").unwrap();
        std::os::unix::fs::symlink("a\u{1b}[2Jb", tree.join("link")).unwrap();
    });
    let digest = stage.depot().find(&"hello".parse().unwrap(), &"1.0".parse().unwrap()).unwrap().digest;
    let proof = serde_json::json!({
        "format": 1, "name": "hello", "version": "1.0", "digest": digest.to_string(), "command": "true\u{1b}]0;x\u{7}",
        "exit": 0, "began_ms": 0, "took_ms": 1, "by": "ada\u{1b}[1m", "sealed": ["\u{1b}[31msealed"],
    });
    write(&beside(&stage, "1.0", ".proof.json"), &proof.to_string());
    let shown = stage.run(&["depot", "show", "1.0"]);
    assert!(!shown.expect(0).all().contains(|c: char| c.is_control() && c != '\n'), "{:?}", shown.out);
    for told in [
        "a\\u{1b}[2Jb",
        "-> a\\u{1b}[2Jb",
        "`true\\u{1b}]0;x\\u{7}`",
        "by ada\\u{1b}[1m",
        "  \\u{1b}[31msealed",
    ] {
        assert!(shown.out.contains(told), "{told}: {}", shown.out);
    }
}

/// One deploys what another was about to prune, while their question waits.
#[test]
fn what_a_host_got_meanwhile_is_not_pruned() {
    let stage = Stage::with(|root| config(root, HANDOVER).replace("shared =", "keep = 5\nshared ="));
    for version in ["1.0", "1.1", "1.2", "1.3"] {
        stage.release(version, "");
    }
    stage.deploy("1.3").expect(0);
    let pruned = asked(&stage, "depot prune --keep 1", "take 3 artifacts", || {
        stage.deploy("1.0").expect(0);
        stage.release("1.4", "");
    });
    let said = pruned.expect(0).out.rsplit_once("[y/N]").unwrap().1;
    assert!(said.contains("1.0 stays after all: on `local` of `local`"), "{}", pruned.out);
    assert!(said.contains("2 of 5 artifacts are pruned"), "{}", pruned.out);
    assert_eq!(versions(&stage), ["1.0", "1.3", "1.4"]);
    // A host that can't say any more what it has keeps everything.
    let root = stage.root.clone();
    let away = root.with_extension("unmounted");
    stage.release("1.1", "");
    let pruned = asked(&stage, "depot prune --keep 1", "take 1 artifacts", || {
        fs::rename(&root, &away).unwrap();
        fs::create_dir(&root).unwrap();
    });
    assert!(pruned.expect(1).out.contains("no release is on `local` of `local`"), "{}", pruned.out);
    fs::remove_dir_all(&root).unwrap();
    fs::rename(&away, &root).unwrap();
    assert_eq!(versions(&stage), ["1.0", "1.1", "1.3", "1.4"]);
}

/// What was signed is what goes live, or nothing: also when somebody puts another artifact in its place after it was checked.
#[test]
fn what_was_checked_is_what_is_delivered() {
    let stage = signing();
    stage.release("1.0", "");
    stage.run(&["depot", "sign", "1.0"]).expect(0);
    let kept = ["", ".minisig"]
        .map(|ending| fs::read(format!("{}{ending}", artifact(&stage, "1.0").display())).unwrap());
    let card = fs::read(beside(&stage, "1.0", ".json")).unwrap();
    fs::remove_file(artifact(&stage, "1.0")).unwrap();
    stage.release_with("1.0", "", |tree| fs::write(tree.join("evil"), "evil").unwrap());
    let evil = fs::read(artifact(&stage, "1.0")).unwrap();
    fs::write(artifact(&stage, "1.0"), &kept[0]).unwrap();
    fs::write(beside(&stage, "1.0", ".tar.zst.minisig"), &kept[1]).unwrap();
    fs::write(beside(&stage, "1.0", ".json"), &card).unwrap();
    let deployed = asked(&stage, "deploy local 1.0", "do this to `local`?", || {
        fs::write(artifact(&stage, "1.0"), &evil).unwrap();
    });
    assert_ne!(deployed.code, 0, "{}", deployed.out);
    assert_eq!(stage.live(), None, "{}", deployed.out);
    fs::write(artifact(&stage, "1.0"), &kept[0]).unwrap();
    stage.deploy("1.0").expect(0);
}

/// A signature that is none says nothing of the artifact, and what isn't there is not said to be.
#[test]
fn what_is_wrong_with_signatures_is_told_as_that() {
    let stage = signing();
    stage.release("1.0", "");
    let unknown = stage.run(&["depot", "sign", "9.9"]);
    assert!(!error(unknown.expect(1)).contains("it is in the depot"), "{}", unknown.all());
    let mut told = vec![stage.plain(error(&unknown)).trim_end().to_owned()];
    let signature = beside(&stage, "1.0", ".tar.zst.minisig");
    for (what, bytes) in [("no text", &b"\xff\xfe\0"[..]), ("nothing", b""), ("too long", &[b'x'; 20_000])] {
        fs::write(&signature, bytes).unwrap();
        let verified = stage.run(&["depot", "verify", "1.0"]);
        told.push(format!(
            "# {what}\n{}",
            stage.plain(&[&*verified.expect(1).out, &verified.err].concat()).trim_end()
        ));
        stage.run(&["depot", "show", "1.0"]).expect(0);
        stage.deploy("1.0").expect(1);
    }
    fs::remove_file(&signature).unwrap();
    assert!(Command::new("mkfifo").arg(&signature).status().unwrap().success());
    let verified = stage.run(&["depot", "verify", "1.0"]);
    told.push(format!(
        "# a pipe\n{}",
        stage.plain(&[&*verified.expect(1).out, &verified.err].concat()).trim_end()
    ));
    stage.deploy("1.0").expect(1);
    stage.run(&["depot", "sign", "1.0"]).expect(0);
    stage.deploy("1.0").expect(0);
    insta::assert_snapshot!(told.join("\n\n"));
}

/// Whose signature a target takes, that stays, whoever publishes the same once more.
#[test]
fn a_signature_that_holds_is_not_replaced_by_publishing() {
    let stage = signing();
    stage.release("1.0", "");
    stage.run(&["depot", "sign", "1.0"]).expect(0);
    let signature = beside(&stage, "1.0", ".tar.zst.minisig");
    let by_ci = fs::read_to_string(&signature).unwrap();
    let copy = stage.project.join("hello-1.0.tar.zst");
    fs::copy(artifact(&stage, "1.0"), &copy).unwrap();
    let mut keys = Command::new("minisign");
    keys.args(["-G", "-W", "-p", "my.pub", "-s", "my.key"]).current_dir(&stage.project).stdin(Stdio::null());
    ran(keys).expect(0);
    let text = fs::read_to_string(stage.project.join("pintail.toml")).unwrap();
    stage.set_config(&text.replace("sign = \"ci.key\"", "sign = \"my.key\""));
    stage.run(&["depot", "add", "hello-1.0.tar.zst"]).expect(0);
    assert_eq!(fs::read_to_string(&signature).unwrap(), by_ci);
    stage.deploy("1.0").expect(0);
    // Who says so replaces it.
    stage.run(&["depot", "sign", "1.0"]).expect(0);
    assert_ne!(fs::read_to_string(&signature).unwrap(), by_ci);
}

/// An artifact may be a link to a disk; while that is not there, what is beside it is not taken for nobody's.
#[test]
fn what_is_beside_an_artifact_whose_disk_is_away_stays() {
    let stage = signing();
    stage.release("1.0", "");
    stage.run(&["depot", "sign", "1.0"]).expect(0);
    let (file, disk) = (artifact(&stage, "1.0"), stage.room().join("disk"));
    fs::copy(&file, stage.project.join("hello-1.0.tar.zst")).unwrap();
    fs::create_dir(&disk).unwrap();
    fs::rename(&file, disk.join("file")).unwrap();
    std::os::unix::fs::symlink(disk.join("file"), &file).unwrap();
    fs::rename(&disk, stage.room().join("away")).unwrap();
    stage.run(&["depot", "add", "hello-1.0.tar.zst"]).expect(1);
    fs::rename(stage.room().join("away"), &disk).unwrap();
    stage.run(&["depot", "verify", "1.0"]).expect(0);
    stage.deploy("1.0").expect(0);
}

/// A depot is served by others than who made it, whatever their umask is.
#[test]
fn a_depot_can_be_served_whatever_the_umask_is() {
    let stage = Stage::new(HANDOVER);
    let other = Stage::new(HANDOVER);
    other.release("1.0", "");
    let file = artifact(&other, "1.0");
    let line = format!(
        "umask 077; {PINTAIL} -C {p} depot add {file} && {PINTAIL} -C {p} depot author ADA 'Ada <a@b.org>'",
        p = stage.project.display(),
        file = file.display()
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).stdin(Stdio::null());
    ran(shell).expect(0);
    let folder = stage.depot().folder().to_owned();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    // What is above it is not the depot's to open.
    assert_eq!(mode(folder.parent().unwrap()), 0o700);
    let mut folders = vec![folder.clone()];
    let mut seen = 0;
    while let Some(at) = folders.pop() {
        assert_eq!(mode(&at), 0o755, "{}", at.display());
        for item in fs::read_dir(&at).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                seen += 1;
                assert_eq!(mode(&path), 0o644, "{}", path.display());
            }
        }
    }
    assert!(seen > 5, "{seen}");
}
