//! What can be typed. Texts here are the help; what a command does is in `commands`.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// Takes a web application from a commit to a served release on one's own servers, and back
#[derive(Debug, Parser)]
#[command(name = "pintail", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Typed {
    /// Run as if started in this folder
    #[arg(short = 'C', long = "directory", global = true, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Another pintail.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look at this tree and write a commented pintail.toml
    Init(Init),
    /// Make an artifact of a commit and put it into the depot
    Build(Build),
    /// Verify everything, then bump, commit, build, prove, stage, tag, push and publish
    Release(Release),
    /// Show what `deploy` would do, and do nothing
    Plan(Plan),
    /// Make a version live on a target
    Deploy(Deploy),
    /// Make the last good release live again, or the one named
    Rollback(Rollback),
    /// Show what runs where, since when, by whom
    Status(Status),
    /// Show every deployment with its outcome
    History(History),
    /// Watch the operation that runs on a target
    Attach(Watch),
    /// Finish an operation whose agent died
    Resume(Watch),
    /// Undo the operation that runs on a target, or whose agent died
    Abort(Watch),
    /// Switch a target's maintenance page on or off
    Maintenance(Maintenance),
    /// List, set or remove a host's own settings
    #[command(subcommand)]
    Env(Env),
    /// Look at the artifacts, or add one
    #[command(subcommand)]
    Depot(Depot),
    /// Run a command in the live release, with its environment
    Run(Run),
    /// Show the logs of a target's processes
    Logs(Logs),
    /// Say what stands in the way, here and on a target's hosts
    Doctor(Doctor),
    /// Make a target's hosts ready as far as their users may, and say what root has to do once
    Setup(Setup),
    /// Kill deployments at every step on a target that can bear it, and prove that each is recovered from
    Drill(Drill),
    /// The main job on this machine alone: releases of a sample application under traffic, a failure, a rollback
    Demo(Demo),
    /// Write shell completions to standard output
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Write manual pages into a folder
    Man {
        /// The folder; made when missing
        folder: PathBuf,
    },
    /// Spoken to by an operator's Pintail over standard input and output
    #[command(hide = true)]
    Agent(Agent),
    /// Puts this very program to where agents are looked for, if it arrived whole
    #[command(hide = true)]
    Seat {
        /// The digest it was sent with
        digest: String,
        /// Its place
        place: PathBuf,
    },
    /// The embedded supervisor of one root
    #[command(hide = true)]
    Supervise(AtRoot),
    /// Keeps the listening sockets of one root open
    #[command(hide = true)]
    Hold(AtRoot),
    /// Becomes the program that the supervisor names
    #[command(hide = true)]
    Gate,
    /// Keeps the listening sockets of services that runit or daemontools runs, and finds them again
    #[command(hide = true)]
    Keep(AtRoot),
    /// Becomes an instance of a service that runit, daemontools or systemd starts
    #[command(hide = true)]
    Enter(Enter),
    /// Steady traffic against a socket, counted, as JSON
    #[command(hide = true)]
    Traffic(Traffic),
}

#[derive(Debug, Args)]
pub(crate) struct Enter {
    /// The service's folder
    #[arg(long, value_name = "DIR")]
    pub(crate) service: PathBuf,
    /// Which instance
    #[arg(long, value_name = "N")]
    pub(crate) instance: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Write over a pintail.toml that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The version that the artifact gets
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: String,
    /// The commit to build
    #[arg(long, default_value = "HEAD")]
    pub(crate) commit: String,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    /// `patch`, `minor`, `major`, or the version itself
    #[arg(required_unless_present_any = ["resume", "abort"])]
    pub(crate) version: Option<String>,
    /// Without living on `release.stage` first
    #[arg(long)]
    pub(crate) skip_stage: bool,
    /// Verify everything and show the plan, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on with the release that is unfinished
    #[arg(long, conflicts_with_all = ["version", "skip_stage", "dry_run"])]
    pub(crate) resume: bool,
    /// Undo the release that is unfinished
    #[arg(long, conflicts_with_all = ["version", "skip_stage", "dry_run", "resume"])]
    pub(crate) abort: bool,
    /// Ask nothing
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// For trials: the release kills itself after so many lines of its journal
    #[arg(long, hide = true, value_name = "LINES")]
    pub(crate) die_at: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The target
    pub(crate) target: String,
    /// A version of the depot, or an artifact's file; the latest version when left out
    pub(crate) version: Option<String>,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// The target
    pub(crate) target: String,
    /// A version of the depot, or an artifact's file; the latest version when left out
    pub(crate) version: Option<String>,
    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The target
    pub(crate) target: String,
    /// The version, or the release's whole name; the last good one when left out
    pub(crate) version: Option<String>,
    #[command(flatten)]
    pub(crate) how: How,
}

/// How an operation is done.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Ask nothing
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Events as JSON, one a line, on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Go on without hosts that can't be reached; the next deployment catches them up
    #[arg(long)]
    pub(crate) skip_unreachable: bool,
    /// For trials: the agent stops itself after so many lines of its journal
    #[arg(long, hide = true, value_name = "LINES")]
    pub(crate) pause_at: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The targets; all when left out
    pub(crate) targets: Vec<String>,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// The target
    pub(crate) target: String,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The target
    pub(crate) target: String,
    /// Ask nothing (these commands never ask)
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Events as JSON, one a line, on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    On,
    Off,
}

#[derive(Debug, Args)]
pub(crate) struct Maintenance {
    /// What it shall be
    pub(crate) state: OnOff,
    /// The target
    pub(crate) target: String,
    /// With the page for a long maintenance
    #[arg(long)]
    pub(crate) long: bool,
    /// Ask nothing (this command never asks)
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Env {
    /// Names of the settings; values are not shown
    List {
        /// The target
        target: String,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Set settings, NAME=VALUE each; NAME alone reads the value from standard input, so that it is in no argument
    Set {
        /// The target
        target: String,
        /// NAME=VALUE, or NAME
        #[arg(required = true)]
        settings: Vec<String>,
        /// Ask nothing (this command never asks)
        #[arg(short, long)]
        yes: bool,
    },
    /// Remove settings
    Unset {
        /// The target
        target: String,
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
        /// Ask nothing (this command never asks)
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Depot {
    /// The artifacts
    List {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// One artifact, with its files
    Show {
        /// Its version
        version: String,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Put NAME-VERSION.tar.gz, made by anything, or an artifact of another depot into the depot
    Add {
        /// The file
        file: PathBuf,
        /// Its version, when the file's name does not tell
        #[arg(long)]
        version: Option<String>,
        /// Ask nothing (this command never asks)
        #[arg(short, long)]
        yes: bool,
    },
    /// Read an artifact whole and compare it with what the depot says of it
    Verify {
        /// Its version; all when left out
        version: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The target
    pub(crate) target: String,
    /// The command and its arguments, after `--`
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The target
    pub(crate) target: String,
    /// The processes; all when left out
    pub(crate) processes: Vec<String>,
    /// Go on showing what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many lines of each
    #[arg(short = 'n', long, default_value_t = 50)]
    pub(crate) lines: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The target; all when left out
    pub(crate) target: Option<String>,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The target
    pub(crate) target: String,
    /// Ask nothing (this command never asks)
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Drill {
    /// The target: one for staging
    pub(crate) target: String,
    /// The version to deploy over and over; the latest, or where that is live the last good one
    pub(crate) version: Option<String>,
    /// Ask nothing
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to play it; a new folder below the temporary one when left out
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Leave the application running at the end
    #[arg(long)]
    pub(crate) keep: bool,
    /// Instead of the story: so many handovers and restarts under load, with a tally
    #[arg(long, value_name = "HANDOVERS,RESTARTS")]
    pub(crate) endurance: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Agent {
    #[command(flatten)]
    pub(crate) at: AtRoot,
    /// Tells what the host is before anybody asks
    #[arg(long)]
    pub(crate) observe: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AtRoot {
    /// The application's root
    #[arg(long)]
    pub(crate) root: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Traffic {
    /// `unix:PATH` or `ADDRESS:PORT`
    pub(crate) address: String,
    /// Threads
    #[arg(long, default_value_t = 4)]
    pub(crate) clients: u32,
    /// Every so many-th request is a POST; 0 for none
    #[arg(long, default_value_t = 3)]
    pub(crate) post_every: u32,
    /// Several requests on a connection
    #[arg(long)]
    pub(crate) keep_alive: bool,
    /// Milliseconds between two requests of a thread
    #[arg(long, default_value_t = 2)]
    pub(crate) pause_ms: u64,
    /// For so long; until standard input ends when left out
    #[arg(long)]
    pub(crate) for_ms: Option<u64>,
}
