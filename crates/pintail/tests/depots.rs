//! A depot on another machine, with a fake ssh for the link; signatures that a target wants; and what may be pruned.

#![allow(
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "tests start programs by hand, and write files that nobody else sees"
)]

mod common;

use common::apps::{git, write};
use common::{HANDOVER, PINTAIL, Ran, Small, Stage, config, error, finish, ran};
use pintail_core::digest::Digest;
use pintail_depot::Depot;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What stands for ssh: the far machine is a folder here, in which Pintail has its seat already. Each call is noted, and
/// each way goes through a filter; one that kills the script cuts the link.
const SSH: &str = r#"#!/bin/sh
for line; do :; done
echo "$line" >> ROOM/ssh-calls
cd ROOM/far || exit 1
CUT_THERE | sh -c "$line" | CUT_HERE
"#;

/// After so many bytes the link is cut. `head` would hold back what it has read.
const CUT: &str = "{ perl -e '$n = 700000; while ($n > 0 and $r = sysread STDIN, $b, $n < 65536 ? $n : 65536) \
                   { syswrite STDOUT, $b; $n -= $r }'; kill $$; }";

/// A project whose depot is on the machine `far`.
struct Far {
    stage: Stage,
}

impl Far {
    fn new() -> Far {
        Far::at("srv/depot")
    }

    fn at(folder: &str) -> Far {
        let depot = format!("\n[depot]\npath = \"ci@far:{folder}\"\n");
        let far = Far { stage: Stage::with(|root| config(root, HANDOVER) + &depot) };
        let digest = Digest::of(&fs::read(PINTAIL).unwrap()).to_string();
        let seat = far.stage.room().join(format!("far/.pintail/bin/pintail-{}", &digest[..16]));
        fs::create_dir_all(seat.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(PINTAIL, seat).unwrap();
        far.link("cat", "cat");
        far
    }

    /// Through these filters from now on.
    fn link(&self, there: &str, here: &str) {
        let ssh = self.stage.room().join("ssh");
        let script = SSH.replace("ROOM", &self.stage.room().display().to_string());
        fs::write(&ssh, script.replace("CUT_THERE", there).replace("CUT_HERE", here)).unwrap();
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn depot(&self) -> Depot {
        Depot::new(self.stage.room().join("far/srv/depot"))
    }

    /// Another project of the same configuration, whose cache is empty.
    fn another(&self, name: &str) -> PathBuf {
        let folder = self.stage.room().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::copy(self.stage.project.join("pintail.toml"), folder.join("pintail.toml")).unwrap();
        folder
    }

    fn command(&self, project: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(PINTAIL);
        command.arg("-C").arg(project).args(arguments).stdin(Stdio::null());
        command.env("USER", "tester").env("TZ", "UTC").env("PINTAIL_SSH", self.stage.room().join("ssh"));
        command
    }

    fn run_in(&self, project: &Path, arguments: &[&str]) -> Ran {
        ran(self.command(project, arguments))
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_in(&self.stage.project, arguments)
    }

    fn start_in(&self, project: &Path, arguments: &[&str]) -> Child {
        let mut command = self.command(project, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// How often ssh was started since this was asked last.
    fn calls(&self) -> usize {
        let calls = self.stage.room().join("ssh-calls");
        let count = fs::read_to_string(&calls).unwrap_or_default().lines().count();
        let _ = fs::remove_file(calls);
        count
    }

    /// An artifact's file of the sample application, of some size, made elsewhere.
    fn file(&self, version: &str, text: &str) -> PathBuf {
        let aside = Stage::new(HANDOVER);
        aside.release_with(version, "", |tree| {
            let mut noise = vec![0; 1_500_000];
            let mut number = 7_u32;
            for byte in &mut noise {
                number ^= number << 13;
                number ^= number >> 17;
                number ^= number << 5;
                *byte = number as u8;
            }
            noise.extend(text.bytes());
            fs::write(tree.join("content/noise"), noise).unwrap();
        });
        let made = aside.depot().artifact_path(&"hello".parse().unwrap(), &version.parse().unwrap());
        let file = self.stage.room().join(format!("hello-{version}-{}.tar.zst", text.len()));
        fs::copy(made, &file).unwrap();
        file
    }

    fn add(&self, project: &Path, version: &str, text: &str) -> Child {
        let file = self.file(version, text);
        self.start_in(project, &["depot", "add", file.to_str().unwrap(), "--version", version])
    }

    #[track_caller]
    fn added(&self, version: &str, text: &str) -> Ran {
        let ran = finish(self.add(&self.stage.project, version, text));
        ran.expect(0);
        ran
    }

    /// Names in the far depot.
    fn names(&self) -> Vec<String> {
        names(&self.depot().folder().join("artifacts"))
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A project that can be built: a commit of `version`.
fn commit(project: &Path, text: &str) {
    write(&project.join("index.html"), text);
    write(&project.join(".gitignore"), ".pintail\n");
    if !project.join(".git").exists() {
        git(project, &["init", "-q"]);
    }
    git(project, &["add", "."]);
    git(project, &["commit", "-q", "-m", text]);
}

#[test]
fn built_there_listed_and_deployed_by_another() {
    let far = Far::new();
    far.added("1.0", "one");
    assert_eq!(far.calls(), 1, "one connection for the whole command");
    far.added("2.0", "two");
    assert_eq!(far.names().iter().filter(|name| name.ends_with(".tar.zst")).count(), 2);
    let ben = far.another("ben");
    far.calls();
    let list = far.run_in(&ben, &["depot", "list"]);
    assert_eq!(list.expect(0).out.lines().count(), 2, "{}", list.all());
    assert!(!ben.join(".pintail/cache").exists(), "nothing is brought for a list");
    far.run_in(&ben, &["deploy", "local", "1.0", "--yes"]).expect(0);
    assert_eq!(far.calls(), 2, "one for each command");
    far.run_in(&ben, &["plan", "local"]).expect(0);
    // With both here a patch is made of them, as with a depot here.
    let deployed = far.run_in(&ben, &["deploy", "local", "--yes"]);
    assert!(deployed.expect(0).err.contains("what 1.0-"), "{}", deployed.all());
    assert_eq!(far.stage.served().as_deref(), Ok("2.0"));
    let kept = fs::read_dir(ben.join(".pintail/cache")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(names(&kept.join("artifacts")).len(), 4);
    // A rollback needs no depot.
    far.link("false", "false");
    far.run_in(&ben, &["rollback", "local", "--yes"]).expect(0);
    assert_eq!(far.stage.served().as_deref(), Ok("1.0"));
    far.link("cat", "cat");
    let verified = far.run_in(&ben, &["depot", "verify"]);
    assert_eq!(verified.expect(0).out.lines().count(), 2);
    let shown = far.run_in(&ben, &["depot", "show", "2.0", "--json"]);
    assert_eq!(shown.expect(0).json()["artifact"]["version"], "2.0");
}

#[test]
fn a_build_is_published_there_once() {
    let far = Far::new();
    let project = &far.stage.project;
    commit(project, "one");
    far.run(&["build", "--version", "1.0"]).expect(0);
    assert_eq!(far.calls(), 1);
    let again = far.run(&["build", "--version", "1.0"]);
    assert!(again.expect(0).out.contains("was in the depot already, the same bytes"), "{}", again.all());
    commit(project, "two");
    let other = far.run(&["build", "--version", "1.0"]);
    assert!(error(other.expect(1)).contains("is in the depot with other contents"), "{}", other.all());
    far.run(&["build", "--version", "1.1"]).expect(0);
    assert_eq!(far.names(), ["hello-1.0.json", "hello-1.0.tar.zst", "hello-1.1.json", "hello-1.1.tar.zst"]);
    let kept = fs::read_dir(project.join(".pintail/cache")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(names(&kept.join("patches")).len(), 1, "the patch on the one before is made ahead");
}

/// The link is cut in the middle, on either way: it is told, nothing half is there, and the same again goes on.
#[test]
fn what_is_cut_goes_on() {
    let far = Far::new();
    far.link(CUT, "cat");
    let cut = finish(far.add(&far.stage.project, "1.0", "one"));
    let told = error(cut.expect(1));
    assert!(told.contains("the link to the depot `ci@far:srv/depot` was cut"), "{told}");
    assert!(told.contains("say the same again and it goes on where it was cut"), "{told}");
    let begun = far.names();
    assert!(begun.len() == 1 && begun[0].ends_with(".begun"), "{begun:?}");
    far.link("cat", "cat");
    let list = far.run(&["depot", "list"]);
    assert_eq!(list.expect(0).out, "");
    // What was brought before is not brought again.
    let there = far.stage.room().join("there");
    far.link(&format!("tee {}", there.display()), "cat");
    far.added("1.0", "one");
    let size = far.depot().find(&"hello".parse().unwrap(), &"1.0".parse().unwrap()).unwrap().packed_bytes;
    let brought = fs::metadata(&there).unwrap().len();
    assert!(brought < size - 400_000, "{brought} of {size}");
    assert_eq!(far.names(), ["hello-1.0.json", "hello-1.0.tar.zst"]);
    // And here.
    let ben = far.another("ben");
    far.link("cat", CUT);
    let cut = far.run_in(&ben, &["deploy", "local", "1.0", "--yes"]);
    assert!(error(cut.expect(1)).contains("was cut"), "{}", cut.all());
    assert_eq!(far.stage.names("."), [""; 0], "no host was touched");
    let here = far.stage.room().join("here");
    far.link("cat", &format!("tee {}", here.display()));
    far.run_in(&ben, &["deploy", "local", "1.0", "--yes"]).expect(0);
    let brought = fs::metadata(&here).unwrap().len();
    assert!(brought < size - 400_000, "{brought} of {size}");
    assert_eq!(far.stage.served().as_deref(), Ok("1.0"));
}

#[test]
fn of_two_publishers_at_once_one_wins() {
    for (texts, exits) in [(["one", "one"], [0, 0]), (["one", "three"], [0, 1])] {
        let far = Far::new();
        let started: Vec<Child> = texts
            .iter()
            .enumerate()
            .map(|(who, text)| far.add(&far.another(&format!("who{who}")), "1.0", text))
            .collect();
        let mut ended: Vec<Ran> = started.into_iter().map(finish).collect();
        ended.sort_by_key(|ran| ran.code);
        let codes: Vec<i32> = ended.iter().map(|ran| ran.code).collect();
        assert_eq!(codes, exits, "{}\n{}", ended[0].all(), ended[1].all());
        let won = |ran: &&Ran| ran.out.contains("is in the depot:");
        assert_eq!(ended.iter().filter(won).count(), 1, "{}\n{}", ended[0].all(), ended[1].all());
        if exits[1] == 1 {
            assert!(error(&ended[1]).contains("is in the depot with other contents"), "{}", ended[1].all());
        }
        assert_eq!(far.names(), ["hello-1.0.json", "hello-1.0.tar.zst"]);
        far.run(&["depot", "verify", "1.0"]).expect(0);
    }
}

#[test]
fn a_full_disk_there_is_told_and_not_kept_full() {
    let far = Far::new();
    let Some(small) = Small::of_mib(2) else { panic!("this test mounts a tmpfs, which only root may do") };
    far.added("1.0", "one");
    let kept = far.stage.room().join("far/srv/depot");
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::rename(&kept, far.stage.room().join("far/srv/before")).unwrap();
    std::os::unix::fs::symlink(small.path(), &kept).unwrap();
    small.fill();
    let full = finish(far.add(&far.stage.project, "2.0", "two"));
    let told = error(full.expect(1)).to_owned();
    assert!(told.contains("the depot `ci@far:srv/depot` refuses: can't write"), "{told}");
    assert!(told.contains("No space left on device"), "{told}");
    assert_eq!(far.names(), [""; 0]);
    small.free();
    far.added("2.0", "two");
}

#[test]
fn a_full_disk_here_is_told_before_a_host_is_touched() {
    let far = Far::new();
    let Some(small) = Small::of_mib(3) else { panic!("this test mounts a tmpfs, which only root may do") };
    far.added("1.0", "one");
    let ben = far.another("ben");
    fs::create_dir(ben.join(".pintail")).unwrap();
    std::os::unix::fs::symlink(small.path(), ben.join(".pintail/cache")).unwrap();
    let cache =
        || fs::read_dir(small.path()).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir());
    // Room for a beginning, and not for the whole.
    write(&small.path().join("half"), &"x".repeat(1_000_000));
    small.fill();
    fs::remove_file(small.path().join("half")).unwrap();
    let full = far.run_in(&ben, &["deploy", "local", "--yes"]);
    assert!(error(full.expect(1)).contains("No space left on device"), "{}", full.all());
    assert_eq!(far.stage.names("."), [""; 0], "no host was touched");
    assert_eq!(names(&cache().unwrap().join("artifacts")), [""; 0], "it is not kept full");
    small.free();
    far.run_in(&ben, &["deploy", "local", "--yes"]).expect(0);
    assert_eq!(far.stage.served().as_deref(), Ok("1.0"));
}

#[test]
fn who_is_not_there_is_told_with_what_to_do() {
    let far = Far::new();
    let ssh = far.stage.room().join("ssh");
    let mut told = Vec::new();
    for script in [
        "echo 'ssh: connect to host far port 22: Connection refused' >&2; exit 255",
        "echo pintail here; exit 0",
        "echo pintail here; echo 'pintail: no such command' >&2; exit 2",
        "echo pintail here; echo Welcome to Debian; sleep 1",
        // An older and a newer one.
        r#"echo pintail here; printf '\000\000\000\055J{"say":"hello","format":0,"pintail":"0.0.9"}'; cat >/dev/null"#,
        r#"echo pintail here; printf '\000\000\000\053J{"say":"hello","format":2,"pintail":"9.0"}'; cat >/dev/null"#,
    ] {
        fs::write(&ssh, format!("#!/bin/sh\n{script}\n")).unwrap();
        for command in [&["depot", "list"][..], &["deploy", "local", "--yes"]] {
            let ran = far.run(command);
            told.push(format!("$ {}\n{}", command.join(" "), error(ran.expect(1))));
        }
    }
    insta::assert_snapshot!(told.join("\n\n"));
}

/// A stage whose target wants signatures by the key `ci`, made by minisign.
struct Signing {
    stage: Stage,
}

#[track_caller]
fn minisign(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new("minisign");
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    common::apps::needs("minisign", &["-v"], "minisign");
    ran(command)
}

impl Signing {
    fn new() -> Signing {
        let signing = Signing { stage: Stage::new(HANDOVER) };
        for name in ["ci", "other"] {
            let (public, secret) = (format!("{name}.pub"), format!("{name}.key"));
            minisign(&signing.stage.project, &["-G", "-W", "-p", &public, "-s", &secret]).expect(0);
        }
        signing.configure("sign = \"ci.key\"", "signed_by = [\"ci.pub\"]");
        signing
    }

    fn configure(&self, depot: &str, target: &str) {
        let text = config(&self.stage.root, HANDOVER);
        let text = text.replace("hosts = [\"local\"]\n", &format!("hosts = [\"local\"]\n{target}\n"));
        self.stage.set_config(&format!("{text}\n[depot]\n{depot}\n"));
    }

    fn line(&self, name: &str) -> String {
        let text = fs::read_to_string(self.stage.project.join(format!("{name}.pub"))).unwrap();
        text.lines().nth(1).unwrap().to_owned()
    }

    fn id(&self, name: &str) -> String {
        let text = fs::read_to_string(self.stage.project.join(format!("{name}.pub"))).unwrap();
        text.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()
    }

    fn artifact(&self, version: &str) -> PathBuf {
        self.stage.depot().artifact_path(&"hello".parse().unwrap(), &version.parse().unwrap())
    }

    fn signature(&self, version: &str) -> PathBuf {
        PathBuf::from(format!("{}.minisig", self.artifact(version).display()))
    }

    /// What is told with ids, lines and paths as names.
    fn plain(&self, text: &str) -> String {
        let named = ["ci", "other"].into_iter().fold(text.to_owned(), |text, name| {
            text.replace(&self.id(name), &format!("KEY-{name}"))
                .replace(&self.line(name), &format!("LINE-{name}"))
        });
        self.stage.plain(&named)
    }
}

#[test]
fn what_is_built_is_signed_and_only_that_is_deployed() {
    let signing = Signing::new();
    let stage = &signing.stage;
    stage.release("1.0", "");
    let refused = stage.deploy("1.0");
    assert!(error(refused.expect(1)).contains("it has no signature"), "{}", refused.all());
    assert_eq!(stage.names("."), [""; 0], "no host was touched");
    stage.run(&["depot", "sign", "1.0"]).expect(0);
    let plan = stage.run(&["plan", "local", "1.0"]);
    assert!(plan.expect(0).out.contains(&format!("signed by {}", signing.id("ci"))), "{}", plan.all());
    let plan = stage.run(&["plan", "local", "1.0", "--json"]);
    let signed = plan.expect(0).json()["signed"].clone();
    assert_eq!(signed["by"], signing.id("ci"));
    assert!(signed["comment"].as_str().unwrap().contains("\tname:hello\tversion:1.0\tdigest:"), "{signed}");
    stage.deploy("1.0").expect(0);
    // What Debian's minisign says of it, and what we say of Debian's.
    let file = signing.artifact("1.0");
    minisign(&stage.project, &["-Vm", file.to_str().unwrap(), "-p", "ci.pub"]).expect(0);
    stage.release("2.0", "");
    let file = signing.artifact("2.0");
    minisign(&stage.project, &["-S", "-s", "ci.key", "-m", file.to_str().unwrap()]).expect(0);
    signing.configure("", &format!("signed_by = [{:?}, {:?}]", signing.line("other"), signing.line("ci")));
    stage.deploy("2.0").expect(0);
    // A commit that is built, by steps that see no password.
    let steps = "sign = \"ci.key\"\n\n[build]\nsteps = [\"test -z \\\"$PINTAIL_SIGN_PASSWORD\\\"\"]";
    signing.configure(steps, "signed_by = [\"ci.pub\"]");
    commit(&stage.project, "three");
    let mut build = stage.command(&["build", "--version", "3.0"]);
    build.env("PINTAIL_SIGN_PASSWORD", "hunter2");
    let built = ran(build);
    assert!(built.expect(0).out.contains(&format!(", signed by {}", signing.id("ci"))), "{}", built.all());
    let before = fs::read(signing.signature("3.0")).unwrap();
    stage.run(&["build", "--version", "3.0"]).expect(0);
    assert_eq!(fs::read(signing.signature("3.0")).unwrap(), before, "what is signed is not signed again");
    let verified = stage.run(&["depot", "verify"]);
    assert_eq!(verified.expect(0).out.matches(&signing.id("ci")).count(), 3, "{}", verified.all());
    // Going back needs none: it was checked when it came.
    fs::remove_file(signing.signature("1.0")).unwrap();
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    assert_eq!(stage.served().as_deref(), Ok("1.0"));
    let shown = stage.run(&["depot", "show", "2.0", "--json"]);
    assert_eq!(shown.expect(0).json()["signature"]["holds"], true);
    // Among all that was printed and kept, no secret.
    let secret = fs::read_to_string(stage.project.join("ci.key")).unwrap();
    let secret = &secret.lines().nth(1).unwrap()[80..];
    assert!(!built.all().contains(secret) && !shown.all().contains(secret));
    // A release that was there and goes live again by `deploy` is checked as any other.
    stage.deploy("2.0").expect(0);
    let again = stage.deploy("1.0");
    assert!(error(again.expect(1)).contains("it has no signature"), "{}", again.all());
}

/// Every wrong signature is refused before a host is touched, by `plan` and `deploy` alike.
#[test]
fn an_artifact_with_a_wrong_signature_is_refused() {
    let signing = Signing::new();
    let stage = &signing.stage;
    stage.release("1.0", "");
    stage.release("2.0", "");
    let mut told = Vec::new();
    let mut refused = |what: &str| {
        let (plan, deploy) = (stage.run(&["plan", "local", "1.0"]), stage.deploy("1.0"));
        assert_eq!(error(plan.expect(1)), error(deploy.expect(1)), "{what}");
        assert_eq!(stage.names("."), [""; 0], "{what}: no host was touched");
        told.push(format!("# {what}\n{}", signing.plain(error(&deploy))));
        let verified = stage.run(&["depot", "verify", "1.0"]);
        if what != "none" {
            verified.expect(1);
            told.push(signing.plain(&[verified.out, verified.err].concat()).trim_end().to_owned());
        }
    };
    refused("none");
    signing.configure("sign = \"other.key\"", "signed_by = [\"ci.pub\"]");
    stage.run(&["depot", "sign", "1.0"]).expect(0);
    refused("another key");
    signing.configure("sign = \"ci.key\"", "signed_by = [\"ci.pub\"]");
    stage.run(&["depot", "sign", "2.0"]).expect(0);
    fs::copy(signing.signature("2.0"), signing.signature("1.0")).unwrap();
    refused("another artifact's");
    fs::write(signing.signature("1.0"), "nonsense").unwrap();
    refused("nonsense");
    stage.run(&["depot", "sign", "1.0"]).expect(0);
    let good = fs::read(signing.artifact("1.0")).unwrap();
    let mut bytes = good.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(signing.artifact("1.0"), bytes).unwrap();
    refused("a changed file");
    fs::write(signing.artifact("1.0"), good).unwrap();
    stage.deploy("1.0").expect(0);
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn keys_that_can_not_be_used_are_told() {
    let signing = Signing::new();
    let stage = &signing.stage;
    stage.release("1.0", "");
    let mut told = Vec::new();
    let mut tell = |ran: Ran| told.push(signing.plain(error(&ran)));
    signing.configure("", "signed_by = [\"ci.key\", \"none.pub\", \"pintail.toml\"]");
    tell(stage.run(&["plan", "local", "1.0"]));
    tell(stage.run(&["depot", "sign", "1.0"]));
    signing.configure("sign = \"none.key\"", "");
    tell(stage.run(&["depot", "sign", "1.0"]));
    signing.configure("sign = \"ci.pub\"", "");
    tell(stage.run(&["depot", "sign", "1.0"]));
    // One with a password, made by minisign for the password `hunter2`.
    fs::write(stage.project.join("locked.key"), LOCKED).unwrap();
    signing.configure("sign = \"locked.key\"", "");
    tell(stage.run(&["depot", "sign", "1.0"]));
    let with = |password: &str| {
        let mut command = stage.command(&["depot", "sign", "1.0"]);
        command.env("PINTAIL_SIGN_PASSWORD", password);
        ran(command)
    };
    tell(with("hunter3"));
    with("hunter2").expect(0);
    // At a terminal it is asked for, and not shown.
    fs::remove_file(signing.signature("1.0")).unwrap();
    let line = format!("{PINTAIL} -C {} depot sign 1.0", stage.project.display());
    for (typed, code) in [("hunter2\r", 0), ("hun\x03", 1)] {
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = script.stderr(Stdio::piped()).spawn().unwrap();
        let mut keys = script.stdin.take().unwrap();
        let mut out = script.stdout.take().unwrap();
        let mut seen = String::new();
        while !seen.contains("password of `locked.key`: ") {
            let mut piece = [0; 100];
            let count = out.read(&mut piece).unwrap();
            assert!(count > 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
        keys.write_all(typed.as_bytes()).unwrap();
        out.read_to_string(&mut seen).unwrap();
        assert_eq!(script.wait().unwrap().code(), Some(code), "{seen}");
        assert!(!seen.contains("hun"), "{seen}");
        drop(keys);
    }
    assert!(signing.signature("1.0").exists());
    insta::assert_snapshot!(told.join("\n\n"));
    assert!(!told.join("").contains("hunter"));
}

const LOCKED: &str = "untrusted comment: minisign encrypted secret key\nRWRTY0Iyi1Q9ElVoxVPjiHLS+5IcbO2ujB29M1Y3LxQypEfQNDgAAAACAAAAAAAAAEAAAAAAwL0e9eNDtIt2tBeRrUaiiHO8AfZb+kxQHg6tM4+v6EvVW51k1c+4lgGY2pvdzOQRWbg8nfHtQgn5N688q9Sh+yEV0MV3N2edh0YhDuQA55pIwHugZMncTcOtrpXNVUqGSqrs1U4ANwM=\n";

/// A stage with eight versions in the depot, three of which the host has.
fn pruning() -> Stage {
    let stage = Stage::with(|root| config(root, HANDOVER).replace("shared =", "keep = 5\nshared ="));
    for version in ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"] {
        stage.release(version, "");
    }
    for version in ["1.1", "1.3"] {
        stage.deploy(version).expect(0);
    }
    stage
}

fn versions(stage: &Stage) -> Vec<String> {
    let list = stage.depot().list().unwrap().cards;
    list.iter().map(|card| format!("{} {}", card.name, card.version)).collect()
}

#[test]
fn what_a_host_has_is_never_pruned() {
    let stage = pruning();
    let unsaid = stage.run(&["depot", "prune"]);
    assert!(error(unsaid.expect(2)).contains("nothing is pruned"), "{}", unsaid.all());
    let unasked = stage.run(&["depot", "prune", "--keep", "2"]);
    assert!(error(unasked.expect(1)).contains("nobody can agree"), "{}", unasked.all());
    assert_eq!(versions(&stage).len(), 8);
    // Another application's, of a depot that is shared; and what the lock names.
    let tree = stage.room().join("other");
    write(&tree.join("index.html"), "x");
    stage.depot().publish_tree(&tree, &"shop".parse().unwrap(), &"0.1".parse().unwrap(), None, 1).unwrap();
    let locked = stage.depot().find(&"hello".parse().unwrap(), &"1.4".parse().unwrap()).unwrap();
    write(&stage.project.join("pintail.lock"), &format!("digest = \"{}\"\n", locked.digest));
    write(&stage.depot().folder().join("authors/id/A/AB/ABC/Hello-1.0.tar.gz"), "perl");
    let pruned = stage.run(&["depot", "prune", "--keep", "2", "--yes"]);
    insta::assert_snapshot!(without_sizes(&stage.plain(&pruned.expect(0).all())));
    assert_eq!(
        versions(&stage),
        ["hello 1.1", "hello 1.3", "hello 1.4", "hello 1.6", "hello 1.7", "shop 0.1"]
    );
    assert!(stage.depot().folder().join("authors/id/A/AB/ABC/Hello-1.0.tar.gz").exists());
    assert_eq!(names(&stage.depot().folder().join("artifacts")).len(), 12, "with their cards");
    let nothing = stage.run(&["depot", "prune", "--keep", "2"]);
    assert_eq!(nothing.expect(0).out, "nothing to prune\n");
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    let json = stage.run(&["depot", "prune", "--keep", "1", "--json", "--yes"]).expect(0).json();
    let goes = |one: &&Value| one["goes"] == true;
    let artifacts = json["artifacts"].as_array().unwrap();
    assert_eq!(artifacts.iter().filter(goes).map(|one| &one["version"]).collect::<Vec<_>>(), ["1.6"]);
    assert_eq!((&json["keep"], &json["pruned"]), (&Value::from(1), &Value::from(true)));
}

/// The same version of another digest on a host keeps nothing: it could not be made of this artifact.
#[test]
fn another_release_of_that_version_keeps_nothing() {
    let stage = pruning();
    let name = "hello".parse().unwrap();
    let card = stage.depot().find(&name, &"1.1".parse().unwrap()).unwrap();
    stage.depot().remove(&card).unwrap();
    stage.release("1.1", "unhealthy");
    stage.run(&["depot", "prune", "--keep", "1", "--yes"]).expect(0);
    assert_eq!(versions(&stage), ["hello 1.3", "hello 1.7"]);
}

#[test]
fn with_a_host_out_of_reach_nothing_is_pruned() {
    let stage = pruning();
    let ssh = stage.room().join("ssh");
    write(&ssh, "#!/bin/sh\necho 'ssh: connect to host web9 port 22: No route to host' >&2\nexit 255\n");
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let text = fs::read_to_string(stage.project.join("pintail.toml")).unwrap();
    stage.set_config(&format!("{text}\n[depot]\nkeep = 2\n\n[targets.far]\nhosts = [\"web8\", \"web9\"]\n"));
    let mut command = stage.command(&["depot", "prune", "--yes"]);
    command.env("PINTAIL_SSH", &ssh);
    let refused = ran(command);
    insta::assert_snapshot!(stage.plain(error(refused.expect(1))));
    assert_eq!(versions(&stage).len(), 8);
}

#[test]
fn a_host_that_has_nothing_must_be_said_to_be_new() {
    let stage = pruning();
    let root = stage.root.clone();
    let away = root.with_extension("unmounted");
    fs::rename(&root, &away).unwrap();
    fs::create_dir(&root).unwrap();
    let refused = stage.run(&["depot", "prune", "--keep", "1", "--yes"]);
    insta::assert_snapshot!(stage.plain(error(refused.expect(1))), @r"
    error: will not prune the depot while not every host has a release
      no release is on `local` of `local`: never deployed to, or a disk that is not mounted
    hint: mount it; where nothing was deployed yet, say so: `--empty local/local`
    ");
    assert_eq!(versions(&stage).len(), 8);
    fs::remove_dir_all(&root).unwrap();
    fs::rename(&away, &root).unwrap();
    stage.run(&["depot", "prune", "--keep", "1", "--yes"]).expect(0);
    assert_eq!(versions(&stage), ["hello 1.1", "hello 1.3", "hello 1.7"]);
    let text = fs::read_to_string(stage.project.join("pintail.toml")).unwrap();
    let new = stage.room().join("new");
    let target = format!("\n[targets.new]\nhosts = [\"local\"]\nroot = \"{}\"\n", new.display());
    stage.set_config(&(text + &target));
    stage.run(&["depot", "prune", "--keep", "1", "--yes"]).expect(1);
    stage.run(&["depot", "prune", "--keep", "1", "--empty", "new/local", "--yes"]).expect(0);
}

#[test]
fn a_depot_on_another_machine_is_pruned_and_signed_too() {
    let far = Far::new();
    for version in ["1.0", "1.1", "1.2"] {
        far.added(version, version);
    }
    far.run(&["deploy", "local", "1.0", "--yes"]).expect(0);
    let project = &far.stage.project;
    minisign(project, &["-G", "-W", "-p", "ci.pub", "-s", "ci.key"]).expect(0);
    let text = fs::read_to_string(project.join("pintail.toml")).unwrap();
    let text = text.replace("hosts = [\"local\"]\n", "hosts = [\"local\"]\nsigned_by = [\"ci.pub\"]\n");
    far.stage.set_config(&(text + "sign = \"ci.key\"\n"));
    let refused = far.run(&["deploy", "local", "--yes"]);
    assert!(error(refused.expect(1)).contains("it has no signature"), "{}", refused.all());
    far.run(&["depot", "sign", "1.2"]).expect(0);
    far.run(&["deploy", "local", "--yes"]).expect(0);
    assert_eq!(far.stage.served().as_deref(), Ok("1.2"));
    far.run(&["depot", "prune", "--keep", "1", "--yes"]).expect(0);
    assert_eq!(
        far.names(),
        [
            "hello-1.0.json",
            "hello-1.0.tar.zst",
            "hello-1.2.json",
            "hello-1.2.tar.zst",
            "hello-1.2.tar.zst.minisig"
        ]
    );
}

/// How small something packs hangs on the compiler that made it.
fn without_sizes(text: &str) -> String {
    let parts: Vec<&str> = text.split(" KB").collect();
    let last = parts.len() - 1;
    let number = |(index, part): (usize, &&str)| match index {
        index if index == last => (*part).to_owned(),
        _ => format!("{}N", part.trim_end_matches(|c: char| c.is_ascii_digit())),
    };
    parts.iter().enumerate().map(number).collect::<Vec<_>>().join(" KB")
}
