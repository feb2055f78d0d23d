//! The steps before the push pass the saga's trials on real repositories: they fail, are repeated and lose power at every
//! event of the journal and between any two changes, and everything is as before or all there. The push can't be tried so,
//! since nobody takes it back: it has tests of its own, with a remote.

use super::hands::{Ear, Hands, Progress};
use super::plan::{FORMAT, Plan, Step};
use super::stage::{Live, Stage};
use crate::edit::{Change, Edit};
use crate::git;
use pintail_core::config::{Config, read};
use pintail_core::name::ReleaseName;
use pintail_core::wire::Trouble;
use pintail_depot::{Card, Depot};
use pintail_os::files;
use pintail_os::lock::Lock;
use pintail_os::program::{Program, Stream};
use pintail_saga::trials::{self, Cut, try_main};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

const CONFIG: &str = "name = \"app\"\n[build]\nsteps = [\"cp VERSION made\"]\ntest = \"test -s made\"\n[release]\nstage = \"view\"\n[targets.view]\nhosts = [\"local\"]\n[host]\nroot = \"/nowhere\"\n";

fn run(folder: &Path, line: &str) -> String {
    let said = Program::shell(line).in_folder(folder).output(1 << 20).unwrap();
    String::from_utf8(said).unwrap()
}

/// A repository to be copied, and what is released from it: made once.
struct Kit {
    room: tempfile::TempDir,
    plan: Plan,
    config: &'static Config,
}

impl Kit {
    /// With those of all steps that `takes` takes.
    fn new(takes: impl Fn(&Step) -> bool) -> Rc<Kit> {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("repository");
        files::make_folder(&folder, 0o755).unwrap();
        let (version, log) = ("0.1\n", "# Changelog\n");
        for (name, content) in [("pintail.toml", CONFIG), ("VERSION", version), ("CHANGELOG.md", log)] {
            files::write_whole(&folder.join(name), content.as_bytes(), 0o644).unwrap();
        }
        run(
            &folder,
            "git init -q -b main . && git config user.name Ada && git config user.email ada@example.org \
             && git config commit.gpgSign false && git config core.hooksPath /nowhere \
             && git add . && git commit -q -m begun",
        );
        let edit = |path: &str, content: &str, at, old: &str, new: &str| {
            let change = Change { at, old: old.into(), new: new.into() };
            Edit::new(path, content.as_bytes(), vec![change]).unwrap()
        };
        let mut plan = Plan {
            format: FORMAT,
            app: "app".parse().unwrap(),
            version: "0.2".parse().unwrap(),
            latest: None,
            head: git::commit(&folder, "HEAD").unwrap(),
            branch: "main".into(),
            remote: "origin".into(),
            remote_branch: "main".into(),
            tag: "0.2".into(),
            commits: Vec::new(),
            notes: Vec::new(),
            steps: vec![
                // Two files, so that power may go between them.
                Step::Bump {
                    edits: vec![
                        edit("VERSION", version, 0, "0.1", "0.2"),
                        edit("CHANGELOG.md", log, log.len(), "", "\n## 0.2\n"),
                    ],
                },
                Step::Commit {
                    files: vec!["CHANGELOG.md".into(), "VERSION".into()],
                    message: "release 0.2".into(),
                },
                Step::Build { steps: Vec::new() },
                Step::Prove { command: "test -s made".into() },
                Step::Stage { target: "view".into() },
                Step::Tag { name: "0.2".into(), signed: false },
            ],
            // Past them all: the push is not among them.
            pivot: usize::MAX,
        };
        plan.steps.retain(takes);
        let config = Box::leak(Box::new(read(CONFIG, "pintail.toml").unwrap()));
        Rc::new(Kit { room, plan, config })
    }
}

/// One repository, and the target that it is staged on.
struct World {
    room: Rc<tempfile::TempDir>,
    kit: Rc<Kit>,
    live: Rc<RefCell<ReleaseName>>,
}

impl World {
    fn fresh(kit: &Rc<Kit>) -> World {
        // In memory: the trials make hundreds of worlds, and a sync there costs nothing.
        let room = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let from = kit.room.path().join("repository");
        Program::new("cp").args(["-a"]).args([from, room.path().join("repository")]).output(0).unwrap();
        let live = "0.1-00000000".parse::<ReleaseName>().unwrap();
        World { room: Rc::new(room), kit: kit.clone(), live: Rc::new(RefCell::new(live)) }
    }

    fn folder(&self) -> PathBuf {
        self.room.path().join("repository")
    }
}

impl trials::Stage for World {
    type Actor = Hands<'static>;
    type World = String;

    fn steps(&self) -> Vec<Step> {
        self.kit.plan.steps.clone()
    }

    fn pivot(&self) -> usize {
        self.kit.plan.pivot
    }

    fn actor(&self, cut: Cut) -> Hands<'static> {
        // The saga's trials know no lifetimes; what is forgotten here is some bytes each time.
        let folder: &'static Path = Box::leak(self.folder().into_boxed_path());
        Hands {
            folder,
            config: self.kit.config,
            plan: self.kit.plan.clone(),
            by: "ada@desk".into(),
            bench: Depot::new(folder.join(".git/bench")),
            depot: Depot::new(folder.join(".git/depot")),
            stage: Box::leak(Box::new(Target(self.live.clone()))),
            ear: Box::leak(Box::new(RefCell::new(Deaf))),
            knows: Rc::new(Cell::new(true)),
            may_have_pushed: Cell::new(false),
            work: Lock::try_take(&self.folder().join(".git/work")).unwrap().unwrap().shared(),
            token: TOKEN.to_owned(),
            left: RefCell::default(),
            made: RefCell::default(),
            cut,
        }
    }

    /// Without hashes of commits: they tell the time.
    fn world(&self) -> String {
        let folder = self.folder();
        let said = run(
            &folder,
            "git log --all --format=%s; git status --porcelain; git for-each-ref --format='%(refname) %(objecttype) %(subject)'; \
             git symbolic-ref HEAD; cat VERSION CHANGELOG.md; ls .git/bench/artifacts 2>/dev/null | sort",
        );
        format!("{said}live {}\n", self.live.borrow().version())
    }
}

/// All deployments there are this release's.
const TOKEN: &str = "0123456789abcdef";

struct Target(Rc<RefCell<ReleaseName>>);

impl Stage for Target {
    fn live(&mut self, _: &str) -> Result<Vec<Live>, Trouble> {
        let release = Some(self.0.borrow().clone());
        Ok(vec![Live {
            host: "local".into(),
            release,
            token: Some(TOKEN.to_owned()),
            unfinished: None,
            unfinished_token: None,
        }])
    }

    fn deploy(&mut self, _: &str, bench: &Depot, card: &Card, _: &str) -> Result<(), Trouble> {
        assert!(bench.verify(&card.name, &card.version).is_ok(), "what is staged is whole");
        *self.0.borrow_mut() = ReleaseName::new(card.version.clone(), &card.digest);
        Ok(())
    }

    fn roll_back(&mut self, _: &str, release: &ReleaseName) -> Result<(), Trouble> {
        *self.0.borrow_mut() = release.clone();
        Ok(())
    }
}

struct Deaf;

impl Ear for Deaf {
    fn progress(&mut self, _: Progress) {}

    fn output(&mut self, _: Stream, _: &[u8]) {}

    fn interrupt(&mut self) -> Option<String> {
        None
    }
}

fn try_those(takes: impl Fn(&Step) -> bool) {
    let kit = Kit::new(takes);
    let counts = try_main(|| World::fresh(&kit)).unwrap_or_else(|caught| panic!("{caught}"));
    assert!(counts.power_cuts > 10 && counts.failures > 10 && counts.repeats > 10, "{counts}");
    #[allow(clippy::print_stdout, reason = "it tells how much was tried")]
    {
        println!("{counts}");
    }
}

#[test]
fn files_commit_and_artifact_pass_the_trials() {
    try_those(|step| matches!(step, Step::Bump { .. } | Step::Commit { .. } | Step::Build { .. }));
}

#[test]
fn artifact_staging_and_tag_pass_the_trials() {
    try_those(|step| matches!(step, Step::Build { .. } | Step::Stage { .. } | Step::Tag { .. }));
}
