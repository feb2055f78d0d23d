//! The seed's pipeline, whole: the Perl application is released over one host of the lab, tagged in a bare remote, and goes
//! to the other host byte for byte; and nothing that fails or is killed on the way leaves anything behind.

use super::common::lab::Lab;
use super::common::{Ran, Stage, ran};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Journal lines that no release has.
const LINES_MAX: u32 = 60;

struct World {
    lab: Lab,
    stage: Stage,
    remote: PathBuf,
}

impl World {
    fn new() -> Self {
        let lab = Lab::alone(&["web1", "web2"]);
        let room = tempfile::Builder::new().prefix("pintail-test-").tempdir().unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/catalyst");
        let text = fs::read_to_string(example.join("pintail.toml")).unwrap();
        let (start, end) = (text.find("[targets.local]").unwrap(), text.find("[host]").unwrap());
        let targets = "[release]\nstage = \"view\"\n\n[targets.view]\nhosts = [\"web1\"]\n\n[targets.prod]\nhosts = \
                       [\"web2\"]\nrequires = \"view\"\n\n";
        let config = format!("{}{targets}{}", &text[..start], &text[end..])
            .replace("root = \"/srv/pond\"", &format!("root = \"{}\"", lab.root()))
            .replace("settle = \"1s\"", "settle = \"100ms\"");
        let remote = room.path().join("remote.git");
        let stage = Stage::in_room(room, Some(PathBuf::from("/nowhere")), |_| config.clone());
        let from = format!("{}/.", example.display());
        let copied = Command::new("cp").arg("-r").arg(from).arg(&stage.project).status().unwrap();
        assert!(copied.success());
        stage.set_config(&config);
        let world = Self { lab, stage, remote };
        world.write(".gitignore", ".pintail/\n");
        world.write("VERSION", "0.1\n");
        world.git(&["init", "--quiet", "--bare", "--initial-branch=main", world.remote.to_str().unwrap()]);
        world.git(&["init", "--quiet", "--initial-branch=main", "."]);
        world.commit("pond: begin");
        world.git(&["remote", "add", "origin", &format!("file://{}", world.remote.display())]);
        world.git(&["push", "--quiet", "--set-upstream", "origin", "main"]);
        world
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.stage.project.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.stage.project).args(arguments).stdin(Stdio::null());
        let ran = ran(self.known(git));
        ran.expect(0).out.trim().to_owned()
    }

    /// The same for git and for who runs it.
    fn known(&self, mut command: Command) -> Command {
        let config = self.stage.room().join("gitconfig");
        fs::write(&config, "[user]\nname = Ada\nemail = ada@example.org\n").unwrap();
        command.env("GIT_CONFIG_GLOBAL", config).env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("PINTAIL_SSH", self.lab.ssh_program());
        command
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.known(self.stage.command(arguments)))
    }

    /// What must be as it was after something that failed: the refs of both repositories, the work tree, what hosts serve.
    fn picture(&self) -> String {
        let status = self.run(&["status", "--json"]).expect(0).json();
        let live = |target: &Value| {
            let host = &target["hosts"][0];
            format!("{}: {} {}", target["target"], host["live"]["release"], host["drift"])
        };
        let live: Vec<String> = status["targets"].as_array().unwrap().iter().map(live).collect();
        let refs = |folder: &Path| {
            let mut git = Command::new("git");
            git.arg("-C").arg(folder).arg("for-each-ref");
            ran(git).out
        };
        let status = self.git(&["status", "--porcelain"]);
        [refs(&self.remote), refs(&self.stage.project), status, live.join("\n")].join("\n--\n")
    }

    #[track_caller]
    fn live(&self, target: &str) -> String {
        let status = self.run(&["status", target, "--json"]).expect(0).json();
        status["targets"][0]["hosts"][0]["live"]["release"].as_str().unwrap_or("nothing").to_owned()
    }

    fn tags(&self) -> String {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.remote).args(["tag", "--list"]);
        ran(git).out.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn the_perl_application_goes_from_a_commit_to_production() {
    let world = World::new();
    world.run(&["release", "1.0.0", "--yes"]).expect(0);
    assert_eq!(world.tags(), "1.0.0");
    world.run(&["deploy", "prod", "--yes"]).expect(0);
    assert_eq!(world.live("view"), world.live("prod"), "the very same bytes");
    let before = world.picture();

    // What the seed's notes complain of, each time with nothing left behind.
    let module = fs::read_to_string(world.stage.project.join("lib/Pond.pm")).unwrap();
    for (what, path, text, why) in [
        ("a broken test", "t/broken.t", "print qq(1..1\\nnot ok 1\\n);\n".to_owned(), "exited with 1"),
        (
            "a missing dependency",
            "lib/Pond.pm",
            module.replacen("\nuse ", "\nuse CPAN::DistnameInfo;\nuse ", 1),
            "`CPAN::DistnameInfo` is declared nowhere",
        ),
    ] {
        world.write(path, &text);
        world.commit(what);
        let committed = world.picture();
        let failed = world.run(&["release", "patch", "--yes"]);
        assert!(failed.expect(3).err.contains(why), "{what}: {}", failed.all());
        assert_eq!(world.picture(), committed, "{what}");
        world.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    }
    assert_eq!(world.picture(), before);

    // A change that asks something.
    world.write("content/message.txt", "Hello, again.\n");
    world.commit("pond: a friendlier word\n\nDeployment:\n- tell the ducks\n");
    let unasked = world.run(&["release", "patch", "--yes"]);
    let said = unasked.expect(1).err.split("--ack ").nth(1).unwrap();
    let digest: String = said.chars().take_while(char::is_ascii_hexdigit).collect();
    world.run(&["release", "patch", "--yes", "--ack", &digest]).expect(0);
    assert_eq!(world.tags(), "1.0.0 1.0.1");
    assert!(world.live("view").starts_with("1.0.1-"), "{}", world.live("view"));
    assert!(world.live("prod").starts_with("1.0.0-"), "{}", world.live("prod"));
    let status = world.run(&["status"]);
    assert!(
        status
            .expect(0)
            .out
            .contains("`prod` (1.0.0) is behind `view` (1.0.1): 2 commits, 1 deployment note"),
        "{}",
        status.all()
    );
    let plan = world.run(&["plan", "prod"]);
    assert!(plan.expect(0).out.contains("known on `view`"), "{}", plan.all());
    world.run(&["deploy", "prod", "--yes", "--ack", &digest]).expect(0);
    assert_eq!(world.live("view"), world.live("prod"));
}

#[test]
fn a_release_of_it_that_is_killed_at_any_line_is_resumed_or_undone() {
    let world = World::new();
    world.run(&["release", "1.0.0", "--yes"]).expect(0);
    let mut tried = 0;
    for line in 1..LINES_MAX {
        world.write("content/message.txt", &format!("{line}\n"));
        world.commit(&format!("pond: {line}"));
        let before = world.picture();
        let killed = world.run(&["release", "patch", "--yes", "--die-at", &line.to_string()]);
        if killed.code == 0 {
            break;
        }
        tried = line;
        // By turns; behind the push there is no way back.
        let back = world.run(&["release", "--abort", "--yes"]);
        if back.err.contains("there is no unfinished release") {
            // Behind its last line there is nothing to go on with.
            assert_ne!(world.picture(), before, "line {line}");
            break;
        }
        if line % 2 == 0 && back.code == 0 {
            assert_eq!(world.picture(), before, "line {line}: {}", back.all());
            world.run(&["release", "patch", "--yes"]).expect(0);
        } else if back.code == 0 {
            // What was undone is released as if nothing had been; the other way is tried at the next line.
            assert_eq!(world.picture(), before, "line {line}: {}", back.all());
            let again = world.run(&["release", "patch", "--yes", "--die-at", &line.to_string()]);
            assert_ne!(again.code, 0, "line {line}: {}", again.all());
            world.run(&["release", "--resume", "--yes"]).expect(0);
        } else {
            world.run(&["release", "--resume", "--yes"]).expect(0);
        }
        let version = fs::read_to_string(world.stage.project.join("VERSION")).unwrap().trim().to_owned();
        assert!(world.tags().split(' ').any(|tag| tag == version), "line {line}: {}", world.tags());
        assert!(
            world.live("view").starts_with(&format!("{version}-")),
            "line {line}: {}",
            world.live("view")
        );
    }
    assert!((10..LINES_MAX - 1).contains(&tried), "{tried} lines");
    println!("a release over the lab: killed at {tried} journal lines");
}
