//! `demo`: the main job on this machine alone. It does nothing by hand: it runs this program's own commands, as
//! an operator would, in a folder of its own.

use crate::args;
use crate::exit::{Exit, Failure};
use crate::screen;
use crate::traffic::Tally;
use pintail_core::wire::Trouble;
use pintail_os::files;
use pintail_os::program::Program;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// The sample application, compiled when this program was.
const HELLO: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hello"));
const STYLE: &str = include_str!("../../../../examples/hello/static/hello.css");
const CONFIG: &str = include_str!("demo.toml");
/// How long one command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(60);
/// Client processes that ask all the while; one keeps its connections, the other makes new ones.
const CLIENTS: [bool; 2] = [false, true];

type Told<T> = Result<T, Failure>;

pub(crate) fn run(args: &args::Demo) -> Told<Exit> {
    let stage = Stage::set_up(args.dir.as_deref())?;
    if let Some(counts) = &args.endurance {
        return endure(&stage, counts);
    }
    let began = Instant::now();
    let tally = story(&stage)?;
    if !args.keep {
        stage.close()?;
    }
    farewell(&stage, &tally, began.elapsed(), args.keep);
    Ok(if tally.failed == 0 && tally.requests > 0 { Exit::Done } else { Exit::Refused })
}

fn story(stage: &Stage) -> Told<Seen> {
    screen::print(&format!("This is Pintail on this machine alone, in {}\n", stage.folder.display()));
    stage.make("1.0", "Hello from the first release", "healthy")?;
    stage.make("2.0", "Hello from the second release, which nobody waited for", "healthy")?;
    stage.make("3.0", "Hello from the third release, if only it worked", "unhealthy")?;

    chapter(1, "The first release goes live.", "The plan is shown, then done: this very list is what runs.");
    stage.pintail(&["deploy", "local", "1.0", "--yes"], 0)?;

    chapter(
        2,
        "People begin to use it.",
        "From here on separate client processes ask it all the time, GET and POST, and count.",
    );
    let traffic = stage.traffic()?;
    std::thread::sleep(Duration::from_millis(500));

    chapter(
        3,
        "The second release takes over.",
        "It starts beside the first one, proves its health and version on a socket of its own,\nand only then gets the public name; the first one ends what it was doing.",
    );
    stage.pintail(&["deploy", "local", "2.0", "--yes"], 0)?;
    stage.pintail(&["deploy", "local", "2.0", "--yes"], 0)?;

    chapter(
        4,
        "The third release is broken.",
        "Its health check answers 500. It goes back by itself, and nobody outside noticed. (exit code 3)",
    );
    stage.pintail(&["deploy", "local", "3.0", "--yes"], 3)?;

    chapter(
        5,
        "We want the first release back.",
        "To the last one that was live and healthy; from what the host has, without git, depot or network.",
    );
    stage.pintail(&["rollback", "local", "--yes"], 0)?;
    std::thread::sleep(Duration::from_millis(500));

    chapter(6, "What does the host say?", "");
    stage.pintail(&["status"], 0)?;
    stage.pintail(&["history", "local"], 0)?;
    Ok(seen(&collect(traffic)?))
}

fn chapter(number: u32, title: &str, text: &str) {
    screen::print(&format!("\n== {number}. {title}"));
    for line in text.lines() {
        screen::print(&format!("   {line}"));
    }
}

fn farewell(stage: &Stage, tally: &Seen, took: Duration, kept: bool) {
    let versions: Vec<String> =
        tally.versions.iter().map(|(version, count)| format!("{version}: {count}")).collect();
    screen::print(&format!(
        "\n== {} requests while all this happened, {} failed. Slowest {:.0} ms. Answered by {}.",
        tally.requests,
        tally.failed,
        tally.slowest_ms,
        versions.join(", ")
    ));
    for failure in &tally.failures {
        screen::print(&format!("   {failure}"));
    }
    screen::print(&format!("   It took {:.1} s.\n", took.as_secs_f64()));
    let folder = stage.project.display();
    if kept {
        screen::print(&format!(
            "It still runs: curl --unix-socket {}/root/run/web.sock http://localhost/",
            stage.folder.display()
        ));
    }
    screen::print(&format!(
        "To look further:\n  {0} -C {folder} deploy local 2.0\n  {0} -C {folder} status\n  ls -l {1}/root      current, releases/, run/, journal/ …\n  less {folder}/pintail.toml",
        std::env::current_exe().unwrap_or_else(|_| PathBuf::from("pintail")).display(),
        stage.folder.display()
    ));
    screen::print(&format!(
        "It is all in that folder. When you are done: chmod -R u+w {0} && rm -rf {0}",
        stage.folder.display()
    ));
}

/// A folder with a project and a host's root in it.
struct Stage {
    folder: PathBuf,
    project: PathBuf,
    program: PathBuf,
}

impl Stage {
    fn set_up(folder: Option<&Path>) -> Told<Self> {
        let failed = |error: std::io::Error| Trouble::new("cannot set up the demo", error);
        let program = std::env::current_exe().map_err(failed)?;
        let folder = match folder {
            Some(folder) => std::path::absolute(folder).map_err(failed)?,
            None => tempfile::Builder::new().prefix("pintail-demo-").tempdir().map_err(failed)?.keep(),
        };
        let project = folder.join("hello");
        if project.exists() {
            let trouble = Trouble::new(
                format!("will not play in `{}`", folder.display()),
                "something was played there already",
            );
            return Err(trouble.hint("name another folder, or remove it").into());
        }
        files::make_folder(&project, 0o755).map_err(failed)?;
        let config = CONFIG.replace("ROOT", &folder.join("root").display().to_string());
        files::write_whole(&project.join("pintail.toml"), config.as_bytes(), 0o644).map_err(failed)?;
        Ok(Self { folder, project, program })
    }

    /// Makes an artifact of the sample application, as any build would, and puts it into the depot.
    fn make(&self, version: &str, message: &str, behaviour: &str) -> Told<()> {
        let failed = |error: std::io::Error| {
            Trouble::new(format!("cannot make release {version} of the sample"), error)
        };
        let name = format!("hello-{version}");
        let tree = self.folder.join("build").join(&name);
        for (path, content, mode) in [
            ("bin/hello", HELLO, 0o755),
            ("VERSION", format!("{version}\n").as_bytes(), 0o644),
            ("content/message.txt", format!("{message}\n").as_bytes(), 0o644),
            ("content/behaviour.txt", format!("{behaviour}\n").as_bytes(), 0o644),
            ("static/hello.css", STYLE.as_bytes(), 0o644),
        ] {
            let path = tree.join(path);
            files::make_folder(path.parent().unwrap_or(&tree), 0o755).map_err(failed)?;
            files::write_whole(&path, content, mode).map_err(failed)?;
        }
        let depot = pintail_depot::Depot::new(self.project.join(".pintail/depot"));
        let (app, parsed) = ("hello".parse(), version.parse());
        let (Ok(app), Ok(parsed)) = (app, parsed) else {
            return Err(Trouble::new("cannot name the sample's release", version).into());
        };
        depot
            .publish_tree(&tree, &app, &parsed, None, pintail_os::clock::now_ms())
            .map_err(|error| Trouble::new(format!("cannot make release {version} of the sample"), error))?;
        files::remove_tree(&self.folder.join("build")).map_err(failed)?;
        Ok(())
    }

    /// Runs one command of this program as an operator would, and shows it.
    fn pintail(&self, arguments: &[&str], expected: i32) -> Told<()> {
        screen::print(&format!("\n   $ pintail {}", arguments.join(" ")));
        let ended = self.command(arguments, &mut |text| {
            for line in text.lines() {
                screen::print(&format!("   {line}"));
            }
        })?;
        if ended == expected {
            return Ok(());
        }
        Err(Trouble::new(
            format!("`pintail {}` ended with {ended}", arguments.join(" ")),
            format!("{expected} was expected"),
        )
        .into())
    }

    fn command(&self, arguments: &[&str], heard: &mut dyn FnMut(&str)) -> Told<i32> {
        let program = Program::new(&self.program)
            .args(["-C"])
            .args([&self.project])
            .args(arguments)
            .within(COMMAND_WITHIN);
        let mut partial = String::new();
        let ended = program.run(
            &mut |_, bytes| {
                partial.push_str(&String::from_utf8_lossy(bytes));
                if let Some(end) = partial.rfind('\n') {
                    heard(&partial[..end]);
                    partial.drain(..=end);
                }
            },
            &|| true,
        );
        let ended = ended.map_err(|error| Trouble::new("cannot run this program", error))?;
        match ended {
            pintail_os::program::Ended::Code(code) => Ok(code),
            other => {
                Err(Trouble::new(format!("`pintail {}`", arguments.join(" ")), format!("it {other}")).into())
            }
        }
    }

    /// Client processes that ask until their standard input ends.
    fn traffic(&self) -> Told<Vec<Child>> {
        let address = format!("unix:{}", self.folder.join("root/run/web.sock").display());
        let start = |keep_alive: bool| {
            let program = Program::new(&self.program).args(["traffic", &address, "--pause-ms", "2"]);
            let program = if keep_alive { program.args(["--keep-alive"]) } else { program };
            program.talk().map_err(|error| Trouble::new("cannot start a client", error).into())
        };
        CLIENTS.into_iter().map(start).collect()
    }

    /// Ends what runs for the demo.
    fn close(&self) -> Told<()> {
        let root = self.folder.join("root");
        let stopped = pintail_host::supervise::client::Supervisor::connect(&root)
            .and_then(|supervisor| supervisor.map_or(Ok(()), |supervisor| supervisor.shutdown()));
        Ok(stopped.map_err(|error| Trouble::new("cannot end the demo's processes", error))?)
    }
}

/// Ends the clients and gives what each counted.
fn collect(clients: Vec<Child>) -> Told<Vec<Tally>> {
    let mut tallies = Vec::new();
    for mut client in clients {
        let mut text = String::new();
        drop(client.stdin.take());
        let read = client.stdout.take().map_or(Ok(0), |mut out| out.read_to_string(&mut text));
        let counted =
            read.and_then(|_| client.wait()).and_then(|_| Ok(serde_json::from_str::<Tally>(&text)?));
        tallies
            .push(counted.map_err(|error| Trouble::new("a client told nothing that can be counted", error))?);
    }
    Ok(tallies)
}

/// What all clients together saw.
#[derive(serde::Serialize)]
struct Seen {
    requests: u64,
    failed: u64,
    failures: Vec<String>,
    slowest_ms: f64,
    versions: BTreeMap<String, u64>,
}

fn seen(tallies: &[Tally]) -> Seen {
    let mut versions = BTreeMap::new();
    for (version, count) in tallies.iter().flat_map(|tally| &tally.versions) {
        *versions.entry(version.clone()).or_default() += count;
    }
    Seen {
        requests: tallies.iter().map(|tally| tally.requests).sum(),
        failed: tallies.iter().map(|tally| tally.failed).sum(),
        failures: tallies.iter().flat_map(|tally| tally.failures.clone()).collect(),
        slowest_ms: tallies.iter().map(|tally| tally.slowest_ms).fold(0.0, f64::max),
        versions,
    }
}

/// So many handovers, then so many restarts, under load; what they cost is printed as one JSON document.
fn endure(stage: &Stage, counts: &str) -> Told<Exit> {
    let parsed =
        counts.split_once(',').and_then(|(a, b)| Some((a.parse::<u32>().ok()?, b.parse::<u32>().ok()?)));
    let Some((handovers, restarts)) = parsed else {
        return Err(Failure::usage(
            format!("`{counts}` says no counts"),
            "two numbers are needed",
            "such as `--endurance 100,20`",
        ));
    };
    stage.make("1.0", "one", "healthy")?;
    stage.make("2.0", "two", "healthy")?;
    let mut silent = |_: &str| {};
    stage.command(&["deploy", "local", "1.0", "--yes"], &mut silent)?;
    let mut failed = 0;
    for (change, count) in [("handover", handovers), ("restart", restarts)] {
        let config = stage.project.join("pintail.toml");
        let text = std::fs::read_to_string(&config)
            .map_err(|error| Trouble::new("cannot read the demo's configuration", error))?;
        let text = text.replace("change = \"handover\"", &format!("change = \"{change}\""));
        files::write_whole(&config, text.as_bytes(), 0o644)
            .map_err(|error| Trouble::new("cannot write it", error))?;
        let clients = stage.traffic()?;
        let began = Instant::now();
        for round in 0..count {
            let version = if round % 2 == 0 { "2.0" } else { "1.0" };
            let mut said = String::new();
            let code =
                stage.command(&["deploy", "local", version, "--yes"], &mut |text| said.push_str(text))?;
            if code != 0 {
                return Err(Trouble::new(format!("{change} {round} ended with {code}"), said).into());
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        let all = seen(&collect(clients)?);
        failed += all.failed;
        screen::print_event(&Endured { change, count, seconds, all });
    }
    stage.close()?;
    files::remove_tree(&stage.folder)
        .map_err(|error| Trouble::new("cannot remove the demo's folder", error))?;
    Ok(if failed == 0 { Exit::Done } else { Exit::Refused })
}

#[derive(serde::Serialize)]
struct Endured<'a> {
    change: &'a str,
    count: u32,
    seconds: f64,
    #[serde(flatten)]
    all: Seen,
}
