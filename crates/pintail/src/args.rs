//! What can be typed. Texts here are the help; what a command does is in `commands`.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::ffi::OsString;
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
    /// Show what the commits between two versions ask of whoever deploys them
    Notes(Notes),
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
    /// Spoken to by an operator's Pintail whose depot is in a folder of this machine
    #[command(hide = true)]
    DepotServe {
        /// The folder
        #[arg(long, value_name = "DIR")]
        folder: PathBuf,
    },
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
    /// Runs a program and ends what it leaves running
    #[command(hide = true)]
    Reap {
        /// The program and its arguments
        #[arg(last = true, required = true)]
        argv: Vec<OsString>,
    },
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
    /// The version that the artifact gets; by the commit's tag when left out, or the tag before it and how far it is
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// The commit to build
    #[arg(long, default_value = "HEAD")]
    pub(crate) commit: String,
    /// Build nothing: choose the latest artifacts that `build.include` takes, and write pintail.lock
    #[arg(long, conflicts_with_all = ["version", "commit"])]
    pub(crate) lock: bool,
    /// One JSON document on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Notes {
    /// FROM..TO, versions or commits: FROM.. is up to HEAD, ..TO and TO alone are the whole history up to it
    pub(crate) range: String,
    /// Only what is for this target
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Option<String>,
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
    /// Says that you know of the deployment notes for `release.stage` which have this digest; `--yes` does not
    #[arg(long, value_name = "DIGEST")]
    pub(crate) ack: Option<String>,
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
    /// Says that you know of the deployment notes which have this digest; `--yes` does not
    #[arg(long, value_name = "DIGEST")]
    pub(crate) ack: Option<String>,
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
        #[arg(long, conflicts_with_all = ["author", "python"])]
        version: Option<String>,
        /// The application that it is of, when that is another than this project
        #[arg(long, value_name = "NAME", conflicts_with_all = ["author", "python"])]
        name: Option<String>,
        /// It is a Perl distribution of this author: `cpanm` can install it from the depot then. The artifact that is
        /// made of it is not signed; `pintail depot sign` does that
        #[arg(long, value_name = "ID")]
        author: Option<String>,
        /// It is a Python source distribution: `pip` can install it from the depot then. A wheel (.whl) always is
        #[arg(long, conflicts_with = "author")]
        python: bool,
        /// Ask nothing (this command never asks)
        #[arg(short, long)]
        yes: bool,
    },
    /// Declare who may publish Perl distributions, or list those who may
    Author {
        /// The author's id, in capital letters; all authors are listed when left out
        #[arg(requires = "told")]
        id: Option<String>,
        /// Name and address, like "Jo Doe <jo@example.com>"
        #[arg(id = "told", value_name = "NAME <ADDRESS>")]
        told: Option<String>,
    },
    /// Make every index and card of the depot again from what lies in it; what is right is not touched
    Index,
    /// Read an artifact whole and compare it with what the depot says of it, and check its signature
    Verify {
        /// Its version; all when left out
        version: Option<String>,
    },
    /// Sign an artifact that is in the depot
    Sign {
        /// Its version
        version: String,
        /// Ask nothing but the key's password
        #[arg(short, long)]
        yes: bool,
    },
    /// Take old artifacts away, but none that a host of this project's targets has or could roll back to
    ///
    /// Asked are the hosts of the targets of this pintail.toml, before the question and again after it: what one has got
    /// meanwhile stays. Where another project deploys the same application from the same depot to other targets, nobody
    /// here knows of its hosts: put those targets into this pintail.toml before pruning.
    Prune {
        /// How many of the newest versions stay; `depot.keep` when left out
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        keep: Option<u32>,
        /// A host that has no release because none was deployed to it yet; may be said again
        #[arg(long, value_name = "TARGET/HOST")]
        empty: Vec<String>,
        /// Ask nothing
        #[arg(short, long)]
        yes: bool,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
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
