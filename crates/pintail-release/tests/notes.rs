//! Histories as git has them: what of them asks something, and that the rule for trailers is git's own.

#![allow(clippy::disallowed_methods, reason = "tests start git and write files by hand")]

use pintail_core::config::{self, Config};
use pintail_core::notes::{About, Says, gather, trailers};
use pintail_release::about::about;
use proptest::prelude::*;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CONFIG: &str = "name = \"blog\"\n[targets.prod]\nhosts = [\"local\"]\n[host]\nroot = \"root\"\nenv_required = [\"DB\"]\n\
    [processes.web]\nrun = \"app\"\n[tasks.reindex]\nrun = \"script/reindex\"\n";

/// A repository made by hand.
struct Repo {
    room: tempfile::TempDir,
}

impl Repo {
    fn new() -> Repo {
        let repo = Repo { room: tempfile::tempdir().unwrap() };
        repo.git(&["init", "--quiet", "--initial-branch=main"], b"");
        repo
    }

    fn folder(&self) -> &Path {
        self.room.path()
    }

    fn git(&self, arguments: &[&str], input: &[u8]) -> String {
        git(self.folder(), arguments, input)
    }

    /// Commits, in the form of `git fast-import`.
    fn import(&self, stream: &[u8]) {
        self.git(&["fast-import", "--quiet", "--force"], stream);
    }

    fn about(&self, commit: &str) -> About {
        about(self.folder(), commit, &"1.0".parse().unwrap(), &config()).unwrap()
    }
}

fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut git = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(input).unwrap();
    let ran = git.wait_with_output().unwrap();
    assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).trim_end_matches('\n').to_owned()
}

fn config() -> Config {
    config::read(CONFIG, "pintail.toml").unwrap()
}

/// One commit of a stream: its mark, when, its message, the marks of its parents, and its files.
fn commit(mark: usize, when: usize, message: &[u8], parents: &[usize], files: &[(&str, &str)]) -> Vec<u8> {
    let mut stream = format!(
        "commit refs/heads/main\nmark :{mark}\ncommitter A <a@b> {} +0000\ndata {}\n",
        1_700_000_000 + when,
        message.len()
    )
    .into_bytes();
    stream.extend_from_slice(message);
    stream.push(b'\n');
    for (number, parent) in parents.iter().enumerate() {
        let word = if number == 0 { "from" } else { "merge" };
        stream.extend_from_slice(format!("{word} :{parent}\n").as_bytes());
    }
    for (path, content) in files {
        stream.extend_from_slice(
            format!("M 644 inline {path}\ndata {}\n{content}\n", content.len()).as_bytes(),
        );
    }
    stream
}

fn told(about: &About) -> Vec<String> {
    let notes = |noted: &pintail_core::notes::Noted| {
        noted.asked.notes.iter().map(|note| note.text.clone()).collect::<Vec<_>>().join(", ")
    };
    about.notes.iter().map(|noted| format!("{}: {}", noted.subject, notes(noted))).collect()
}

#[test]
fn a_history_with_merges_reverts_and_fragments() {
    let repo = Repo::new();
    let revert_merge =
        "Revert \"Merge branch\"\n\nThis reverts commit MERGE, reversing\nchanges made to other.\n";
    repo.import(
        &[
            commit(1, 0, b"one\n\nDeployment:\n- do one\n", &[], &[("cpanfile", "requires 'DBI';\n")]),
            commit(2, 10, b"side\n\nDEPLOYMENT:\n- do side\n", &[1], &[]),
            commit(3, 5, b"main\n\nDeployment: do main\n", &[1], &[]),
            commit(4, 20, b"Merge branch\n\nDeploy-Run: reindex\n", &[3, 2], &[]),
            commit(
                5,
                30,
                b"nothing to say",
                &[4],
                &[("deploy/notes/x.md", "- by file\n"), ("deploy/notes/no.txt", "- no\n")],
            ),
        ]
        .concat(),
    );
    let before = repo.about("main");
    insta::assert_snapshot!("history", String::from_utf8(before.to_json()).unwrap());
    assert_eq!(
        told(&before),
        ["one: do one", "main: do main", "side: do side", "Merge branch: ", "x: by file"]
    );
    // A merge is reverted with all that it brought, and only that.
    let merge = repo.git(&["rev-parse", "main~1"], b"");
    let message = revert_merge.replace("MERGE", &merge);
    let stream = commit(6, 40, message.as_bytes(), &[], &[]);
    let stream = String::from_utf8(stream).unwrap() + "from refs/heads/main^0\n";
    repo.import(stream.as_bytes());
    let gathered = gather(Some(&About { notes: Vec::new(), ..before.clone() }), &repo.about("main"), "prod");
    let struck: Vec<(&str, bool)> =
        gathered.asks.iter().map(|item| (item.subject.as_str(), item.struck_by.is_some())).collect();
    assert_eq!(struck, [("one", false), ("main", false), ("side", true), ("x", false)]);
    assert!(gathered.run.is_empty());
    // What is live and reverted is told.
    let gathered = gather(Some(&before), &repo.about("main"), "prod");
    let undone: Vec<&str> = gathered
        .asks
        .iter()
        .filter_map(|item| if let Says::Undoes { of, .. } = &item.says { Some(of.as_str()) } else { None })
        .collect();
    assert_eq!(undone, ["side", "Merge branch"]);
}

/// The document is a function of the commit: no tag, setting, replaced object, packing or other clone changes a byte.
#[test]
fn the_same_commit_gives_the_same_bytes_everywhere() {
    let repo = Repo::new();
    let mut stream = commit(1, 0, b"root\n\nDeployment: root\n", &[], &[("cpanfile", "requires 'DBI';\n")]);
    // Many of the same second, so that only their hashes order them.
    for branch in 0..20 {
        stream.extend(commit(
            10 + branch,
            5,
            format!("b{branch}\n\nDeployment: b{branch}\n").as_bytes(),
            &[1],
            &[],
        ));
    }
    let branches: Vec<usize> = (10..30).collect();
    stream.extend(commit(50, 6, b"all\n\nDeployment: all\n", &branches, &[]));
    repo.import(&stream);
    let first = repo.about("main").to_json();
    let room = tempfile::tempdir().unwrap();
    let clone = room.path().join("clone");
    git(room.path(), &["clone", "--quiet", &repo.folder().display().to_string(), "clone"], b"");
    for arguments in [
        &["config", "log.showSignature", "true"][..],
        &["config", "i18n.logOutputEncoding", "ISO-8859-1"],
        &["config", "log.date", "relative"],
        &["config", "color.ui", "always"],
        &["tag", "1.0", "main"],
        &["gc", "--quiet"],
        &["commit-graph", "write", "--reachable"],
        &["replace", "main^2", "main^3"],
        &["notes", "--ref=commits", "add", "-m", "Deployment: noted", "main"],
    ] {
        let identity = ["-c", "user.name=A", "-c", "user.email=a@b"];
        git(&clone, &[&identity[..], arguments].concat(), b"");
        let again = about(&clone, "main", &"1.0".parse().unwrap(), &config()).unwrap().to_json();
        assert_eq!(
            String::from_utf8(again).unwrap(),
            String::from_utf8(first.clone()).unwrap(),
            "{arguments:?}"
        );
    }
}

#[test]
fn messages_in_any_encoding_are_read() {
    let repo = Repo::new();
    let encoded = |encoding: &str, when: usize, message: &[u8], from: &str| {
        let plain = String::from_utf8(commit(1, when, b"", &[], &[])).unwrap();
        let head = plain.replace("data 0\n\n", &format!("encoding {encoding}\ndata {}\n", message.len()));
        repo.import(&[head.as_bytes(), message, b"\n", from.as_bytes()].concat());
    };
    encoded("ISO-8859-1", 0, b"s\n\nDeployment: caf\xe9 \xfcber\n", "");
    let broken = commit(2, 10, b"s\xff\n\nDeployment: \xc3\x28 and \x1b[2J\n", &[], &[]);
    repo.import(&[&broken[..], b"from refs/heads/main^0\n"].concat());
    assert_eq!(told(&repo.about("main")), ["s: café über", "s\u{fffd}: \u{fffd}( and [2J"]);
    // An encoding that nobody knows, and a message that is only that.
    encoded("x-none", 20, b"s\n\nDeployment: \xe4\xf6\n", "from refs/heads/main^0\n");
    assert_eq!(told(&repo.about("main"))[2], "s: \u{fffd}\u{fffd}");
}

#[test]
fn a_history_that_is_not_all_here_is_refused() {
    let repo = Repo::new();
    let stream = [commit(1, 0, b"one", &[], &[]), commit(2, 1, b"two", &[1], &[])].concat();
    repo.import(&stream);
    let room = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repo.folder().display());
    git(room.path(), &["clone", "--quiet", "--depth=1", &url, "clone"], b"");
    let clone: PathBuf = room.path().join("clone");
    let version = "1.0".parse().unwrap();
    let trouble = about(&clone, "main", &version, &config()).unwrap_err();
    assert_eq!(trouble.why, "this clone is shallow: it has only the end of the history");
    assert_eq!(trouble.hint.as_deref(), Some("`git fetch --unshallow` brings the rest"));
    let trouble = about(&clone, "nowhere", &version, &config()).unwrap_err();
    assert!(trouble.why.starts_with("`nowhere` is no commit in"), "{}", trouble.why);
}

/// A project may be a folder of its repository: its files are those below it.
#[test]
fn a_project_below_the_top_has_its_own_files() {
    let repo = Repo::new();
    let files = [
        ("cpanfile", "requires 'Above';\n"),
        ("deploy/notes/above.md", "- above\n"),
        ("shop/cpanfile", "requires 'Below';\n"),
        ("shop/deploy/notes/a/below.md", "---\namends: shop-id\n---\n- otherwise\n"),
    ];
    repo.import(&commit(1, 0, b"one\n\nDeployment: so\nDeploy-Id: shop-id\n", &[], &files));
    repo.git(&["reset", "--quiet", "--hard", "main"], b"");
    let below = about(&repo.folder().join("shop"), "main", &"1.0".parse().unwrap(), &config()).unwrap();
    assert_eq!(told(&below), ["one: otherwise"]);
    assert_eq!(below.notes[0].amended.as_ref().unwrap().path, "deploy/notes/a/below.md");
    assert_eq!(below.dependencies.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Below"]);
    assert_eq!(told(&repo.about("main")), ["one: so", "above: above"]);
}

#[test]
fn ten_thousand_commits_are_read_at_once() {
    let repo = Repo::new();
    let mut stream = Vec::new();
    for number in 1..=10_000 {
        let text = if number % 100 == 0 {
            "\n\nDeployment:\n- do it\n"
        } else {
            "\n\nWhy it was done, in some words.\n"
        };
        let parents: &[usize] = if number == 1 { &[] } else { &[number - 1] };
        stream.extend(commit(number, number, format!("commit {number}{text}").as_bytes(), parents, &[]));
    }
    repo.import(&stream);
    let started = Instant::now();
    assert_eq!(repo.about("main").notes.len(), 100);
    // Not a measure: reading one commit after the other would take half a minute.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

/// What is kept of a history changes nothing of what is read of it: with branches that were merged later, reverts by subject
/// and by hash across what was kept, another branch, and a kept file that is broken or lies.
#[test]
fn what_was_kept_of_a_history_changes_nothing() {
    let repo = Repo::new();
    let mut stream = Vec::new();
    const MANY: usize = 3000;
    for number in 1..=MANY {
        let message = match number % 50 {
            0 => format!("asks {number}\n\nDeployment:\n- do {number}\n"),
            7 => format!("Revert \"asks {}\"\n", number - 7),
            _ => format!("commit {number}"),
        };
        // A side branch of old times, merged much later.
        let parents = match number {
            1 => vec![],
            n if n % 97 == 0 && n > 200 => vec![n - 1, n - 90],
            n if n % 97 == 1 && n > 200 => vec![n - 2],
            n => vec![n - 1],
        };
        let when = if number % 13 == 0 { number / 2 } else { number };
        stream.extend(commit(number, when, message.as_bytes(), &parents, &[]));
    }
    repo.import(&stream);
    let tip = repo.git(&["rev-parse", "main"], b"");
    let kept = repo.folder().join(".git/pintail/history");
    let told = |commit: &str| {
        let with = repo.about(commit);
        let away = kept.with_extension("away");
        let had = fs::rename(&kept, &away).is_ok();
        let without = repo.about(commit);
        if had {
            fs::rename(&away, &kept).unwrap();
        }
        assert_eq!(with, without, "{commit}");
        with.notes.len()
    };
    repo.about("main");
    assert!(kept.exists());
    let first = told("main");
    assert!(first > 50, "{first}");
    // Beyond what was kept: what reverts it, by hash and by subject, and a branch from long before it.
    let early = repo.git(&["rev-parse", "main~1500"], b"");
    for message in [
        "Revert \"asks 2950\"".to_owned(),
        format!("x\n\nThis reverts commit {tip}."),
        "y\n\nDeployment: y".to_owned(),
    ] {
        repo.git(
            &[
                "-c",
                "user.name=A",
                "-c",
                "user.email=a@b",
                "commit",
                "--quiet",
                "--allow-empty",
                "-m",
                &message,
            ],
            b"",
        );
    }
    told("main");
    told("main~100");
    repo.git(&["checkout", "--quiet", "-b", "side", &early], b"");
    repo.git(
        &[
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@b",
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            "z\n\nDeployment: z",
        ],
        b"",
    );
    told("side");
    repo.git(&["-c", "user.name=A", "-c", "user.email=a@b", "merge", "--quiet", "--no-edit", "main"], b"");
    told("side");
    let text = fs::read_to_string(&kept).unwrap();
    for broken in ["", "pintail history 9 x\n", &text[..text.len() / 2], &text.replacen("asks", "tell", 1)] {
        fs::write(&kept, broken).unwrap();
        told("side");
    }
}

/// Lines that matter to git's rule, and others. None ends with a carriage return: that is taken away before.
fn line() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Key: value",
        "Other-key:  spaces  ",
        "Key :x",
        "Key:",
        "no trailer",
        "Signed-off-by: A <a@b>",
        "(cherry picked from commit 12)",
        " folded",
        "\tfolded",
        "",
        "",
        "   ",
        "# comment",
        "Conflicts:",
        "\ta/path",
        "---",
        "a b: c",
        ": c",
        "Deployment: run foo",
        "Deploy-Run: x",
        "- point",
        "# ------------------------ >8 ------------------------",
        "Signed-off-by:",
        "é: x",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[ -~]{0,20}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rule_for_trailers_is_gits_own(lines in prop::collection::vec(line(), 0..14)) {
        let message = format!("subject\n{}\n", lines.join("\n"));
        let said = git(Path::new("/"), &["interpret-trailers", "--parse", "--no-divider"], message.as_bytes());
        let said: Vec<String> = said.lines().map(|line| line.trim_end().to_owned()).collect();
        let lines: Vec<&str> = message.lines().collect();
        let (_, found) = trailers(&lines);
        let found: Vec<String> =
            found.iter().map(|trailer| format!("{}: {}", trailer.key, trailer.value()).trim_end().to_owned()).collect();
        prop_assert_eq!(found, said);
    }
}
