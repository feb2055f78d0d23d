//! The steps that change files pass the saga's trials on a real host's folder: they fail, are repeated and lose
//! power at every event of the journal and between any two changes, and the host is wholly old or wholly new.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test makes its world by hand and tells its counts"
)]

use pintail_core::digest::Digest;
use pintail_core::history::Kind;
use pintail_core::layout::Layout;
use pintail_core::manifest::HELD_PATH;
use pintail_core::name::ReleaseName;
use pintail_core::plan::{Address, FORMAT, HostPlan, Lost, Pass, Patch, Release, Service, Socket, Step};
use pintail_core::wire::{Progress, Wait};
use pintail_depot::patch::make;
use pintail_depot::{Held, Limits, pack, unpack};
use pintail_host::hands::{Ear, Hands, Word};
use pintail_host::memo::Memo;
use pintail_os::program::Stream;
use pintail_saga::trials::{Cut, Stage, try_main};
use pintail_saga::{Actor, Failure};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The folder of one host, and what an operator would bring.
struct Host {
    room: Rc<tempfile::TempDir>,
    kit: Rc<Kit>,
}

/// What an operator has: made once.
struct Kit {
    artifact: Vec<u8>,
    release: Release,
    /// What makes the release of one that the host has: its artifact, and the patch.
    base: Option<(Vec<u8>, Patch)>,
    patch: Vec<u8>,
}

fn release_name(version: &str, digest: &Digest) -> ReleaseName {
    ReleaseName::new(version.parse().unwrap(), digest)
}

fn old() -> ReleaseName {
    release_name("0.9", &Digest::of(b"old"))
}

fn older() -> ReleaseName {
    release_name("0.8", &Digest::of(b"older"))
}

fn write(path: PathBuf, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

impl Kit {
    /// Of release 1.0; with `patched`, the host has 0.95 and the plan builds on it.
    fn new(patched: bool) -> Rc<Kit> {
        let room = tempfile::tempdir().unwrap();
        let pack = |version: &str, files: &[(&str, &str)]| {
            let tree = room.path().join(version);
            for (path, content) in files {
                write(tree.join(path), content);
            }
            let mut bytes = Vec::new();
            let name = "app".parse().unwrap();
            let manifest = pack(&tree, &name, &version.parse().unwrap(), None, &mut bytes).unwrap();
            let file = room.path().join(format!("{version}.tar.zst"));
            fs::write(&file, &bytes).unwrap();
            (bytes, manifest, file)
        };
        let (artifact, manifest, new) = pack(
            "1.0",
            &[
                ("bin/app", "new"),
                ("log/.keep", "first log"),
                ("static/style.css", "new style"),
                ("static/deep/new.css", "brand new"),
                ("static/same.txt", "same"),
            ],
        );
        let (base, old_manifest, old) = pack(
            "0.95",
            &[("bin/app", "almost new"), ("log/.keep", "first log"), ("static/same.txt", "same")],
        );
        let release = Release {
            name: manifest.release_name(),
            version: manifest.version().clone(),
            digest: manifest.digest(),
            commit: None,
            packed_bytes: artifact.len() as u64,
            unpacked_bytes: manifest.tree_bytes(),
            files: manifest.file_count(),
        };
        let mut patch = Vec::new();
        make(&old, &new, &HashSet::new(), &Limits::default(), &mut patch).unwrap();
        let planned = Patch {
            base: old_manifest.release_name(),
            base_digest: old_manifest.digest(),
            digest: Digest::of(&patch),
            bytes: patch.len() as u64,
        };
        Rc::new(Kit { artifact, release, base: patched.then_some((base, planned)), patch })
    }
}

impl Host {
    /// A host where 0.9 is live and 0.8 lies about.
    fn fresh(kit: &Rc<Kit>) -> Self {
        // In memory: the trials make hundreds of worlds, and a sync there costs nothing.
        let room = tempfile::tempdir_in("/dev/shm").unwrap();
        let layout = Layout::new(room.path());
        for release in [old(), older()] {
            write(layout.release(&release).join("bin/app"), "old");
            write(layout.cache(&release).join("cache/page"), "cached");
        }
        write(room.path().join("docroot/style.css"), "old style");
        write(room.path().join("docroot/same.txt"), "same");
        write(layout.shared().join("uploads/a/photo"), "of a cat");
        write(layout.environment(), "SECRET=1\n");
        fs::set_permissions(layout.environment(), fs::Permissions::from_mode(0o600)).unwrap();
        for folder in [layout.run(), layout.store(), layout.operation(7)] {
            fs::create_dir_all(folder).unwrap();
        }
        symlink(Layout::current_target(&old()), layout.current()).unwrap();
        symlink("web.6.sock", layout.public_socket("web")).unwrap();
        if let Some((artifact, patch)) = &kit.base {
            let folder = layout.release(&patch.base);
            let manifest =
                unpack(artifact.as_slice(), &folder, &patch.base_digest, &Limits::default()).unwrap();
            Held::read(&folder).unwrap().sealed(&folder, &manifest).write(&folder).unwrap();
            for file in ["bin/app", "log/.keep", "static/same.txt"] {
                fs::set_permissions(folder.join(file), fs::Permissions::from_mode(0o444)).unwrap();
            }
        }
        Self { room: Rc::new(room), kit: kit.clone() }
    }

    fn layout(&self) -> Layout {
        Layout::new(self.room.path())
    }

    fn plan(&self) -> HostPlan {
        let release = self.kit.release.name.clone();
        let path = |text: &str| text.parse().unwrap();
        let web = Service {
            process: "web".into(),
            generation: 7,
            release: release.clone(),
            supervisor: pintail_core::plan::Supervisor::Embedded,
            typed: String::new(),
            line: String::new(),
            instances: 1,
            socket: Some(Socket {
                name: "web.7".into(),
                address: Address::Unix(self.layout().socket("web.7")),
                pass: Pass::Stdin,
            }),
            health: None,
            settle_ms: 0,
            stop_timeout_ms: 0,
            drain_ms: 0,
        };
        let Release { digest, packed_bytes, unpacked_bytes, .. } = self.kit.release.clone();
        let patch = self.kit.base.as_ref().map(|(_, patch)| patch.clone());
        let steps = vec![
            Step::Deliver { digest, packed_bytes, patch },
            Step::Unpack { release: release.clone(), digest, unpacked_bytes },
            Step::LinkShared {
                release: release.clone(),
                paths: vec![path("log"), path("uploads/a"), path("new/deep")],
            },
            Step::FreshCache { release: release.clone(), paths: vec![path("cache"), path("tmp/cache")] },
            Step::Environment { required: vec!["SECRET".into()] },
            Step::Prepare {
                release: release.clone(),
                line: "echo $SECRET > made".into(),
                within_ms: 10_000,
                once: false,
            },
            Step::Seal { release: release.clone() },
            Step::Publish { release: release.clone(), from: path("static"), to: "docroot".into() },
            Step::MaintenanceOn,
            Step::Route { service: web },
            Step::Switch { release: release.clone() },
            Step::MaintenanceOff,
            Step::Record { release, kind: Kind::Deploy },
            Step::Prune { releases: vec![older()], services: vec![] },
        ];
        let pivot = steps.iter().position(|step| matches!(step, Step::Record { .. })).unwrap();
        HostPlan {
            format: FORMAT,
            app: "app".parse().unwrap(),
            target: "local".into(),
            kind: Kind::Deploy,
            id: 7,
            basis: Digest::of(b""),
            release: self.kit.release.clone(),
            from: Some(old()),
            from_commit: None,
            lost_operator: Lost::Finish,
            token: None,
            acknowledged: None,
            steps,
            pivot,
        }
    }
}

/// An agent as it is newly started. Its trials strike before and after each act and undo, and between any two
/// changes within one.
struct Agent {
    host: Host,
    plan: HostPlan,
    cut: Cut,
}

struct Operator(Rc<Kit>);

impl Ear for Operator {
    fn progress(&mut self, _: Progress) {}
    fn output(&mut self, _: &str, _: Stream, _: &str) {}
    fn fetch(
        &mut self,
        _: &Digest,
        patch: Option<&Digest>,
        from: u64,
        into: &mut dyn io::Write,
    ) -> io::Result<()> {
        let bytes = if patch.is_some() { &self.0.patch } else { &self.0.artifact };
        into.write_all(&bytes[from as usize..])
    }
    fn word(&mut self, _: Wait, _: std::time::Duration) -> Word {
        Word { given: true, left: false, silent_for: std::time::Duration::ZERO, precommitted: true }
    }
    fn interrupt(&mut self) -> Option<String> {
        None
    }
}

impl Agent {
    fn with<T>(&self, work: impl FnOnce(&mut Hands<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let ear = RefCell::new(Operator(self.host.kit.clone()));
        let cut = self.cut.clone();
        let mut hands = Hands {
            layout: self.host.layout(),
            plan: &self.plan,
            by: "tester",
            version: "0",
            ear: &ear,
            cut,
        };
        work(&mut hands)
    }
}

impl Actor for Agent {
    type Step = Step;
    type Memo = Memo;

    fn look(&mut self, step: &Step) -> Result<Memo, Failure> {
        self.cut.point()?;
        self.with(|hands| hands.look(step))
    }

    fn act(&mut self, step: &Step, memo: &Memo) -> Result<(), Failure> {
        self.cut.point()?;
        self.with(|hands| hands.act(step, memo))?;
        self.cut.point()
    }

    fn undo(&mut self, step: &Step, memo: &Memo) -> Result<(), Failure> {
        self.cut.point()?;
        self.with(|hands| hands.undo(step, memo))?;
        self.cut.point()
    }
}

impl Stage for Host {
    type Actor = Agent;
    type World = BTreeMap<String, String>;

    fn steps(&self) -> Vec<Step> {
        self.plan().steps
    }

    fn pivot(&self) -> usize {
        self.plan().pivot
    }

    fn actor(&self, cut: Cut) -> Agent {
        let host = Host { room: self.room.clone(), kit: self.kit.clone() };
        Agent { plan: host.plan(), host, cut }
    }

    /// Files with mode and content, and links. Not seen: the journal, which the trials bring themselves; what is
    /// kept aside for undoing, which the operation clears away; the time in `revisions.log`; folders.
    fn world(&self) -> Self::World {
        let mut world = BTreeMap::new();
        see(self.room.path(), self.room.path(), &mut world);
        world
    }
}

fn see(folder: &Path, base: &Path, world: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(base).unwrap().display().to_string();
        let found = fs::symlink_metadata(&path).unwrap();
        if matches!(&*name, "journal" | "backups") {
            continue;
        }
        if found.is_symlink() {
            world.insert(name, format!("-> {}", fs::read_link(&path).unwrap().display()));
        } else if found.is_dir() {
            see(&path, base, world);
        } else {
            let mut content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            if name.ends_with(HELD_PATH) {
                // Times are what they are.
                content.retain(|c| !c.is_ascii_digit());
            }
            if name == "revisions.log" {
                content = content.split_whitespace().filter(|word| word.parse::<u64>().is_err()).collect();
            }
            world.insert(name, format!("{:o} {content}", found.permissions().mode() & 0o777));
        }
    }
}

fn pass_the_trials(kit: &Rc<Kit>) {
    let stages = Cell::new(0);
    let counts = try_main(|| {
        stages.set(stages.get() + 1);
        Host::fresh(kit)
    });
    let counts = counts.unwrap_or_else(|caught| panic!("{caught}"));
    println!("host steps, {} worlds: {counts}", stages.get());
    assert!(counts.power_cuts > 300 && counts.repeats > 0 && counts.stuck > 0, "{counts}");
}

#[test]
fn steps_that_change_files_pass_the_trials() {
    pass_the_trials(&Kit::new(false));
}

#[test]
fn and_so_they_do_when_a_release_is_made_of_another() {
    pass_the_trials(&Kit::new(true));
}

/// The world of these trials sees what a deployment changes at all.
#[test]
fn the_worlds_differ() {
    let kit = Kit::new(true);
    let host = Host::fresh(&kit);
    let old = host.world();
    let mut agent = host.actor(Cut::default());
    for step in host.steps() {
        let memo = agent.look(&step).unwrap();
        agent.act(&step, &memo).unwrap();
    }
    let new = host.world();
    let different = new.iter().filter(|(name, seen)| old.get(*name) != Some(seen)).count();
    assert!(different > 10, "{different}: {new:#?}");
    assert_eq!(new["current"], format!("-> releases/{}", kit.release.name));
    assert!(new.keys().all(|name| !name.contains("0.8")), "{new:#?}");
}
