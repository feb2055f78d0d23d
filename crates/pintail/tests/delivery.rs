//! What travels to a host, and what it makes of it: a patch on what it has, the whole where that was changed, and the
//! rest of what a cut line left.

#![allow(clippy::disallowed_methods, reason = "tests start programs and write files by hand")]

mod common;

use common::{HANDOVER, PINTAIL, Ran, Stage, config, ran};
use pintail_core::digest::Digest;
use pintail_core::history::Outcome;
use pintail_core::manifest::EntryKind;
use pintail_core::plan::{HostPlan, Patch, Plan, Step};
use pintail_core::wire::frame::{self, Frame};
use pintail_core::wire::{Ahead, Ask, FORMAT, Hello, Say, Trouble};
use std::fs;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

fn stage() -> Stage {
    let stage = Stage::new(HANDOVER);
    for version in ["1.0", "2.0", "3.0"] {
        stage.release(version, "healthy");
    }
    stage.deploy("1.0").expect(0);
    stage
}

fn plan(stage: &Stage, version: &str) -> HostPlan {
    let ran = stage.run(&["plan", "local", version, "--json"]);
    let mut plan: Plan = serde_json::from_str(&ran.expect(0).out).unwrap();
    plan.hosts.remove(0).plan.unwrap()
}

fn patch_of(plan: &HostPlan) -> Option<&Patch> {
    plan.steps
        .iter()
        .find_map(|step| if let Step::Deliver { patch, .. } = step { patch.as_ref() } else { None })
}

fn release(stage: &Stage, version: &str) -> PathBuf {
    let start = format!("{version}-");
    let name = stage.names("releases").into_iter().find(|name| name.starts_with(&start)).unwrap();
    stage.root.join("releases").join(name)
}

/// Writes into a sealed file of a release, as somebody would who mends something on the host.
fn edit(file: PathBuf, text: &str) {
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&file, text).unwrap();
}

#[test]
fn only_what_the_host_lacks_travels() {
    let stage = stage();
    let planned = plan(&stage, "2.0");
    let patch = patch_of(&planned).unwrap();
    assert_eq!(patch.base.version().to_string(), "1.0");
    assert!(patch.bytes < 1000 && patch.bytes * 20 < planned.release.packed_bytes, "{patch:?}");
    let ran = stage.deploy("2.0");
    ran.expect(0);
    assert!(ran.err.contains(&format!("what {} lacks of it (", patch.base)), "{}", ran.all());
    stage.check_well("2.0", "by a patch");
    // What both have is the same, to the time; what was changed is new.
    let time = |version: &str, file: &str| {
        fs::metadata(release(&stage, version).join(file)).unwrap().modified().unwrap()
    };
    assert_eq!(time("1.0", "bin/hello"), time("2.0", "bin/hello"));
    assert_ne!(time("1.0", "VERSION"), time("2.0", "VERSION"));
    // From the live one, which is not the last.
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    assert_eq!(patch_of(&plan(&stage, "3.0")).unwrap().base.version().to_string(), "1.0");
    stage.deploy("3.0").expect(0);
    stage.check_well("3.0", "by another patch");
}

#[test]
fn a_release_that_was_changed_by_hand_is_not_built_upon() {
    let stage = stage();
    let planned = plan(&stage, "2.0");
    assert!(patch_of(&planned).is_some());
    edit(release(&stage, "1.0").join("VERSION"), "1.0 mended");
    let ran = stage.deploy("2.0");
    ran.expect(0);
    assert!(
        ran.err.contains("is no longer what it was when it was sealed; the whole artifact is brought"),
        "{}",
        ran.all()
    );
    stage.check_well("2.0", "whole");
    assert!(patch_of(&plan(&stage, "3.0")).is_some(), "the next one can be built upon");
}

/// Another operator of the same target, whose depot has version `version` and nothing else: a fresh CI runner.
struct Fresh(PathBuf);

impl Fresh {
    fn with(stage: &Stage, name: &str, version: &str) -> Self {
        let folder = stage.room().join(name);
        let artifacts = folder.join(".pintail/depot/artifacts");
        fs::create_dir_all(&artifacts).unwrap();
        fs::copy(stage.project.join("pintail.toml"), folder.join("pintail.toml")).unwrap();
        let file = stage.depot().artifact_path(&"hello".parse().unwrap(), &version.parse().unwrap());
        fs::copy(&file, artifacts.join(file.file_name().unwrap())).unwrap();
        Self(folder)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PINTAIL);
        command.arg("-C").arg(&self.0).args(arguments).env("USER", "tester");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments))
    }

    fn plan(&self) -> HostPlan {
        let ran = self.run(&["plan", "local", "--json"]);
        let mut plan: Plan = serde_json::from_str(&ran.expect(0).out).unwrap();
        plan.hosts.remove(0).plan.unwrap()
    }

    fn deploy(&self) -> Ran {
        self.run(&["deploy", "local", "--yes"])
    }

    fn patches(&self) -> usize {
        fs::read_dir(self.0.join(".pintail/depot/patches")).map_or(0, Iterator::count)
    }
}

/// That the release of `version` on the host has the contents of its artifact, byte for byte.
fn check_contents(stage: &Stage, version: &str) {
    let (_, manifest) = stage.depot().show(&"hello".parse().unwrap(), &version.parse().unwrap()).unwrap();
    let folder = release(stage, version);
    for entry in manifest.entries() {
        if let EntryKind::File { digest, .. } = &entry.kind {
            let content = fs::read(folder.join(entry.path.as_str())).unwrap();
            assert_eq!(Digest::of(&content), *digest, "{}", entry.path.as_str());
        }
    }
}

/// A release with a large file that nothing can pack, and one that grew in its middle by `grown`.
fn release_with_noise(stage: &Stage, version: &str, grown: &[u8]) {
    let noise = noise(3 << 20);
    let middle = noise.len() / 2;
    stage.release_with(version, "healthy", |tree| {
        fs::write(tree.join("noise"), [&noise[..middle], grown, &noise[middle..]].concat()).unwrap();
    });
}

#[test]
fn an_operator_without_the_bases_artifact_sends_what_is_around_the_change() {
    let stage = Stage::new(HANDOVER);
    release_with_noise(&stage, "1.0", b"");
    release_with_noise(&stage, "2.0", b"grown");
    stage.deploy("1.0").expect(0);
    let fresh = Fresh::with(&stage, "ci", "2.0");
    let planned = fresh.plan();
    let patch = patch_of(&planned).unwrap();
    assert_eq!(patch.base.version().to_string(), "1.0");
    // The chunks of a file of 3 MB are of 8 KB; those of the artifact are all of it.
    assert!(patch.bytes < 40_000 && planned.release.packed_bytes > 3_000_000, "{patch:?}");
    let ran = fresh.deploy();
    ran.expect(0);
    assert!(ran.err.contains(&format!("what {} lacks of it (", patch.base)), "{}", ran.all());
    assert_eq!(fresh.patches(), 1, "what was planned is what was sent");
    stage.check_well("2.0", "by an operator who never saw 1.0");
    check_contents(&stage, "2.0");
    // Who has both artifacts sends less.
    release_with_noise(&stage, "3.0", b"grown more");
    assert!(patch_of(&plan(&stage, "3.0")).unwrap().bytes < 1000);
}

#[test]
fn a_release_that_was_changed_by_hand_is_not_told_of() {
    let stage = stage();
    let fresh = Fresh::with(&stage, "ci", "2.0");
    let planned = fresh.plan();
    assert!(patch_of(&planned).is_some());
    edit(release(&stage, "1.0").join("VERSION"), "1.0 mended");
    // Changed between plan and deployment, it is not built upon.
    let mut fake = Fake::execute(&stage, &planned);
    assert_eq!(fake.wanted(), (0, None), "the whole artifact");
    fake.leave();
    // Changed before, it is not planned with.
    let late = Fresh::with(&stage, "late", "2.0");
    assert!(patch_of(&late.plan()).is_none());
    late.deploy().expect(0);
    stage.check_well("2.0", "whole");
    check_contents(&stage, "2.0");
}

#[test]
fn another_fresh_operator_goes_on_behind_what_a_cut_line_left() {
    let stage = stage();
    release_with_noise(&stage, "4.0", b"");
    let fresh = Fresh::with(&stage, "ci", "4.0");
    let planned = fresh.plan();
    let patch = patch_of(&planned).unwrap();
    let folder = fresh.0.join(".pintail/depot/patches");
    let bytes = fs::read(fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()).unwrap();
    assert_eq!(bytes.len() as u64, patch.bytes);
    let mut fake = Fake::execute(&stage, &planned);
    assert_eq!(fake.wanted(), (0, Some(patch.digest)));
    fake.data(&bytes[..2_000_000]);
    fake.leave();
    let ran = Fresh::with(&stage, "another", "4.0").deploy();
    ran.expect(0);
    assert!(ran.err.contains("goes on behind 2.0 MB of 3."), "{}", ran.all());
    stage.check_well("4.0", "in two pieces");
    check_contents(&stage, "4.0");
}

/// Between operator and agent, as ssh is: does `LIE` to each frame of bytes that the host sends, and `SAY` to each other.
const LIAR: &str = r#"#!/bin/sh
echo pintail here
PINTAIL agent --root ROOT --observe | perl -e '
binmode STDIN; binmode STDOUT; $| = 1;
while (read(STDIN, $head, 4) == 4) {
    read(STDIN, $_, unpack("N", $head));
    if (/^D/) { LIE } else { SAY }
    print pack("N", length), $_;
}'
"#;

/// A host that lies about what it has can make an operator send more than is lacking, and nothing else.
#[test]
fn a_host_that_lies_about_what_it_has_is_sent_the_whole_artifact() {
    let stage =
        Stage::with(|root| format!("{}\n[targets.liar]\nhosts = [\"liar\"]\n", config(root, HANDOVER)));
    release_with_noise(&stage, "1.0", b"");
    release_with_noise(&stage, "2.0", b"grown");
    stage.deploy("1.0").expect(0);
    let ssh = stage.room().join("ssh");
    let lies = [
        ("the base", "substr($_, 20, 1) ^= chr 1;", "", false),
        ("the structure", "substr($_, 60, 1) ^= chr 1;", "", false),
        ("too much", "$_ .= \"x\";", "", false),
        ("far too much", "", "s/(\"signed\",\"bytes\":)/${1}99999999/;", false),
        ("something else", "", "s/\"signed\",\"bytes\":\\d+/\"done\",\"told\":\"x\"/;", false),
        ("a chunk", "substr($_, -1, 1) ^= chr 1;", "", true),
        ("nothing untrue", "", "", true),
    ];
    for (number, (what, lie, say, is_used)) in lies.into_iter().enumerate() {
        let script = LIAR.replace("PINTAIL", PINTAIL).replace("ROOT", &stage.root.display().to_string());
        fs::write(&ssh, script.replace("LIE", lie).replace("SAY", say)).unwrap();
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        let fresh = Fresh::with(&stage, &format!("ci{number}"), "2.0");
        let run = |arguments: &[&str]| {
            let mut command = fresh.command(arguments);
            command.env("PINTAIL_SSH", &ssh);
            ran(command)
        };
        let mut plan: Plan = serde_json::from_str(&run(&["plan", "liar", "--json"]).expect(0).out).unwrap();
        let plan = plan.hosts.remove(0).plan.unwrap();
        assert_eq!(patch_of(&plan).is_some(), is_used, "{what}");
        if number == 0 || what == "a chunk" {
            run(&["deploy", "liar", "--yes"]).expect(0);
            check_contents(&stage, "2.0");
            stage.run(&["rollback", "local", "--yes"]).expect(0);
            // Gone from the host, it is delivered again.
            let folder = release(&stage, "2.0");
            pintail_os::files::remove_tree(&folder).unwrap();
        }
    }
}

/// Nothing that is asked of a release ends the agent, or tells of what is no release.
#[test]
fn a_question_that_makes_no_sense_is_refused() {
    let stage = stage();
    let name = stage.names("releases").remove(0);
    let mut fake = Fake::connect(&stage);
    for (release, sketch, why) in [
        ("9.9-00000000", vec![], "can't be read: No such file"),
        (name.as_str(), vec![0; 6_000_000], "longer than that of any release"),
    ] {
        fake.say(&Ask::Sign { release: release.parse().unwrap() });
        fake.data(&sketch);
        fake.say(&Ask::DataEnd);
        let refused = fake.refused();
        assert!(refused.why.contains(why), "{refused}");
    }
    // What is no sketch, and no end behind it.
    fake.say(&Ask::Sign { release: name.parse().unwrap() });
    fake.data(b"nothing of the kind");
    fake.say(&Ask::Observe);
    let bytes = fake.hear_until(|said| if let Say::Signed { bytes } = said { Some(bytes) } else { None });
    assert!(bytes > 100);
    fake.say(&Ask::Observe);
    fake.hear_until(|said| matches!(said, Say::Observed { .. }).then_some(()));
    fake.leave();
}

#[test]
fn a_patch_that_was_made_ahead_is_the_one_that_travels() {
    let stage = stage();
    let name = "hello".parse().unwrap();
    let ahead = |version: &str| stage.depot().patch_ahead(&name, &version.parse().unwrap());
    assert_eq!(ahead("1.0"), None, "nothing is before it");
    let patch = ahead("2.0").unwrap();
    assert_eq!(ahead("3.0").unwrap().base.version().to_string(), "2.0");
    let made = || fs::read_dir(stage.depot().folder().join("patches")).unwrap().count();
    assert_eq!(made(), 2);
    assert_eq!(patch_of(&plan(&stage, "2.0")), Some(&patch));
    stage.deploy("2.0").expect(0);
    assert_eq!(made(), 2);
}

#[test]
fn a_patch_that_was_damaged_in_the_depot_is_made_again() {
    let stage = stage();
    let first = patch_of(&plan(&stage, "2.0")).unwrap().clone();
    let folder = stage.depot().folder().join("patches");
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    bytes[100] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!(patch_of(&plan(&stage, "2.0")), Some(&first));
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "made again");
}

/// An operator of the test's own, that sends what it likes.
struct Fake {
    agent: Child,
    says: Option<ChildStdin>,
    hears: BufReader<ChildStdout>,
}

impl Fake {
    fn execute(stage: &Stage, plan: &HostPlan) -> Self {
        Self::execute_ahead(stage, plan, None)
    }

    fn execute_ahead(stage: &Stage, plan: &HostPlan, ahead: Option<Ahead>) -> Self {
        let mut fake = Self::connect(stage);
        fake.say(&Ask::Execute { plan: Box::new(plan.clone()), by: "fake@test".into(), trial: None, ahead });
        fake
    }

    fn connect(stage: &Stage) -> Self {
        let mut agent = Command::new(PINTAIL);
        agent.args(["agent", "--root"]).arg(&stage.root).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut agent = agent.spawn().unwrap();
        let (says, hears) = (agent.stdin.take(), BufReader::new(agent.stdout.take().unwrap()));
        let mut fake = Self { agent, says, hears };
        fake.say(&Hello { format: FORMAT, pintail: "fake".into() });
        fake
    }

    /// What it says to `plan` while nobody sends what it wants.
    fn says_without_being_sent(&mut self) -> Result<Outcome, Trouble> {
        loop {
            let frame: Frame = frame::receive(&mut self.hears).unwrap().expect("the agent ended");
            match frame.value() {
                Ok(Say::Refused { trouble }) => return Err(trouble),
                Ok(Say::Ended { deployment }) => return Ok(deployment.outcome),
                Ok(Say::Want { .. }) => panic!("it wants more"),
                _ => {}
            }
        }
    }

    fn say(&mut self, what: &impl serde::Serialize) {
        frame::send(self.says.as_mut().unwrap(), what).unwrap();
    }

    fn data(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(200_000) {
            frame::send_data(self.says.as_mut().unwrap(), piece).unwrap();
        }
    }

    fn hear_until<T>(&mut self, wanted: impl Fn(Say) -> Option<T>) -> T {
        loop {
            let frame: Frame = frame::receive(&mut self.hears).unwrap().expect("the agent ended");
            // The first is its hello.
            match frame.value() {
                Ok(Say::Refused { trouble }) => panic!("{trouble}"),
                Ok(said) => {
                    if let Some(found) = wanted(said) {
                        return found;
                    }
                }
                Err(_) => {}
            }
        }
    }

    fn refused(&mut self) -> Trouble {
        loop {
            let frame: Frame = frame::receive(&mut self.hears).unwrap().expect("the agent ended");
            if let Ok(Say::Refused { trouble }) = frame.value() {
                return trouble;
            }
        }
    }

    fn wanted(&mut self) -> (u64, Option<Digest>) {
        self.hear_until(
            |said| if let Say::Want { from, patch, .. } = said { Some((from, patch)) } else { None },
        )
    }

    fn outcome(&mut self) -> Outcome {
        self.hear_until(
            |said| if let Say::Ended { deployment } = said { Some(deployment.outcome) } else { None },
        )
    }

    fn leave(mut self) {
        drop(self.says.take());
        self.agent.wait().unwrap();
    }
}

fn patch_bytes(stage: &Stage, patch: &Patch) -> Vec<u8> {
    let artifact = stage.depot().artifact_path(&"hello".parse().unwrap(), &"1.0".parse().unwrap());
    fs::read(pintail_depot::patch_beside(&artifact, &patch.digest).unwrap()).unwrap()
}

/// What is sent as a patch is compared with the plan's digest; and where the plan lies too, with the release's.
#[test]
fn what_a_lying_operator_sends_as_a_patch_is_undone() {
    let stage = stage();
    let bytes = patch_bytes(&stage, patch_of(&plan(&stage, "2.0")).unwrap());
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 4;
        bytes
    };
    let before = stage.picture();
    let other = patch_bytes(&stage, patch_of(&plan(&stage, "3.0")).unwrap());
    for (what, sent) in [
        ("of another release", other),
        ("cut", bytes[..bytes.len() / 2].to_vec()),
        ("longer", [&bytes[..], b"x"].concat()),
        ("flipped in its head", flipped(20)),
        ("flipped in its structure", flipped(90)),
        ("flipped at its end", flipped(bytes.len() - 2)),
        ("no patch", b"nothing of the kind".to_vec()),
        ("zeros", vec![0; 100_000]),
    ] {
        for (lies, step) in [(false, "deliver"), (true, "unpack")] {
            let mut plan = plan(&stage, "2.0");
            for step in &mut plan.steps {
                if let Step::Deliver { patch: Some(patch), .. } = step
                    && lies
                {
                    patch.digest = Digest::of(&sent);
                    patch.bytes = sent.len() as u64;
                }
            }
            let mut fake = Fake::execute(&stage, &plan);
            assert!(fake.wanted().1.is_some(), "{what}");
            fake.data(&sent);
            fake.say(&Ask::DataEnd);
            match fake.outcome() {
                Outcome::Undone { step: at, .. } => assert_eq!(at, step, "{what}"),
                other => panic!("{what}: {other:?}"),
            }
            fake.leave();
            assert_eq!(stage.picture(), before, "{what}");
        }
    }
    stage.check_well("1.0", "lied to");
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "the good one");
}

/// A small patch comes with the plan, and is not wanted again; what comes is no more trusted for that.
#[test]
fn a_small_patch_goes_ahead() {
    let stage = stage();
    let first = plan(&stage, "2.0");
    let patch = patch_of(&first).unwrap().clone();
    let bytes = patch_bytes(&stage, &patch);
    let ahead = |bytes: usize| Some(Ahead { digest: patch.digest, bytes: bytes as u64 });
    let before = stage.picture();

    let mut fake = Fake::execute_ahead(&stage, &first, ahead(bytes.len()));
    fake.say(&Ask::DataEnd);
    let told = fake.says_without_being_sent().unwrap_err();
    assert!(told.to_string().contains("not all bytes came that were to come ahead"), "{told}");
    fake.leave();
    assert_eq!(stage.picture(), before, "another word came instead");

    for wrong in [bytes[..10].to_vec(), vec![7; bytes.len()], [&bytes[..], b"x"].concat(), vec![7; 300_000]] {
        let mut fake = Fake::execute_ahead(&stage, &plan(&stage, "2.0"), ahead(wrong.len()));
        fake.data(&wrong);
        match fake.says_without_being_sent().unwrap() {
            Outcome::Undone { step, .. } => assert_eq!(step, "deliver"),
            other => panic!("{other:?}"),
        }
        fake.leave();
        assert_eq!(stage.picture(), before, "{} bytes", wrong.len());
    }

    let mut fake = Fake::execute_ahead(&stage, &plan(&stage, "2.0"), ahead(bytes.len()));
    fake.data(&bytes);
    assert!(matches!(fake.says_without_being_sent(), Ok(Outcome::Done { .. })));
    fake.leave();
    stage.check_well("2.0", "ahead");
}

/// Bytes that nothing can pack.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn what_a_cut_line_left_is_not_sent_again() {
    let stage = stage();
    stage.release_with("4.0", "healthy", |tree| fs::write(tree.join("noise"), noise(3 << 20)).unwrap());
    for whole in [false, true] {
        if whole {
            stage.forget_bases();
        }
        let planned = plan(&stage, "4.0");
        let bytes = match patch_of(&planned) {
            Some(patch) => patch_bytes(&stage, patch),
            None => fs::read(stage.depot().artifact_path(&"hello".parse().unwrap(), &"4.0".parse().unwrap()))
                .unwrap(),
        };
        assert_eq!(patch_of(&planned).is_none(), whole);
        let mut fake = Fake::execute(&stage, &planned);
        assert_eq!(fake.wanted().0, 0);
        fake.data(&bytes[..2_000_000]);
        fake.leave();
        let status = stage.status();
        assert_eq!(status["live"]["version"], "1.0", "{status:#}");
        assert!(status["unfinished"].is_null() && status["running"].is_null(), "{status:#}");
        assert_eq!(stage.names("store").len(), 1, "{:?}", stage.names("store"));

        // The next one goes on behind it, and is cut once more.
        let mut fake = Fake::execute(&stage, &plan(&stage, "4.0"));
        assert_eq!(fake.wanted().0, 2_000_000);
        fake.data(&bytes[2_000_000..2_500_000]);
        fake.leave();
        if !whole {
            // Of another delivery nothing is left over, and this one's is not in its way.
            stage.deploy("2.0").expect(0);
            stage.check_well("2.0", "between");
            stage.run(&["rollback", "local", "--yes"]).expect(0);
        }
    }
    let ran = stage.deploy("4.0");
    ran.expect(0);
    assert!(ran.err.contains("goes on behind 2.5 MB of 3."), "{}", ran.all());
    stage.check_well("4.0", "in three pieces");
}
