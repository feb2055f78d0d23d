//! Takes a web application from a commit to a served release on one's own servers, and back.

mod args;

mod exit;
mod screen;
mod traffic;

mod project;

mod commands;

use args::{Command, Typed};
use clap::Parser;
use exit::{Exit, Failure};
use std::process::ExitCode;

/// The version that operators, agents and supervisors tell each other.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    let typed = Typed::parse();
    pintail_os::reap::is_here();
    match run(typed).and_then(told) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            screen::narrate(&failure.told());
            failure.exit().into()
        }
    }
}

/// A command that was to show something and could not has failed; how an operation ended says more than that.
fn told(exit: Exit) -> Result<Exit, Failure> {
    match (screen::close(), exit) {
        (Err(trouble), Exit::Done | Exit::Code(0)) => Err(trouble.into()),
        (Err(trouble), worse) => {
            screen::narrate(&exit::told(&trouble));
            Ok(worse)
        }
        (Ok(()), exit) => Ok(exit),
    }
}

fn run(typed: Typed) -> Result<Exit, Failure> {
    let place = project::Place::of(typed.folder, typed.config);
    match typed.command {
        Command::Init(args) => commands::init::run(&place, &args),
        Command::Build(args) => commands::build::run(&place, &args),
        Command::Notes(args) => commands::notes::run(&place, &args),
        Command::Release(args) => commands::release::run(&place, &args),
        Command::Plan(args) => commands::plan::run(&place, &args),
        Command::Deploy(args) => commands::deploy::run(&place, &args),
        Command::Rollback(args) => commands::rollback::run(&place, &args),
        Command::Status(args) => commands::status::run(&place, &args),
        Command::History(args) => commands::history::run(&place, &args),
        Command::Attach(args) => commands::watch::attach(&place, &args),
        Command::Resume(args) => commands::watch::resume(&place, &args),
        Command::Abort(args) => commands::watch::abort(&place, &args),
        Command::Maintenance(args) => commands::maintenance::run(&place, &args),
        Command::Env(args) => commands::env::run(&place, &args),
        Command::Depot(args) => commands::depot::run(&place, &args),
        Command::Run(args) => commands::run::run(&place, &args),
        Command::Logs(args) => commands::logs::run(&place, &args),
        Command::Doctor(args) => commands::doctor::run(&place, &args),
        Command::Setup(args) => commands::doctor::set_up(&place, &args),
        Command::Drill(args) => commands::drill::run(&place, &args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Completions { shell } => commands::generate::completions(shell),
        Command::Man { folder } => commands::generate::man(&folder),
        Command::Agent(args) => commands::faces::agent(&args),
        Command::DepotServe { folder } => commands::faces::serve_depot(&folder),
        Command::Seat { digest, place } => commands::faces::seat(&digest, &place),
        Command::Supervise(args) => commands::faces::supervise(&args),
        Command::Hold(args) => commands::faces::hold(&args),
        Command::Gate => commands::faces::gate(),
        Command::Keep(args) => commands::faces::keep(&args),
        Command::Enter(args) => commands::faces::enter(&args),
        Command::Reap { argv } => commands::faces::reap(&argv),
        Command::Traffic(args) => commands::faces::traffic(&args),
    }
}
