//! The faces of this binary that no person types: agent, supervisor, holder, gate, what other supervisors run, traffic.

use crate::VERSION;
use crate::args::{Agent, AtRoot, Enter, Traffic};
use crate::exit::{Exit, Failure};
use crate::screen;
use crate::traffic;
use pintail_core::wire::Trouble;
use pintail_host::supervise::protocol::Refusal;
use pintail_host::supervise::{enter as enter_face, gate as gate_face, held, holder, server};
use std::ffi::OsString;
use std::time::Duration;

pub(crate) fn agent(args: &Agent) -> Result<Exit, Failure> {
    let root = &args.at.root;
    let served = pintail_host::agent::run(root, VERSION, args.observe, std::io::stdin(), std::io::stdout());
    served
        .map_err(|error| Trouble::new(format!("the agent for `{}` cannot go on", root.display()), error))?;
    Ok(Exit::Done)
}

pub(crate) fn serve_depot(folder: &std::path::Path) -> Result<Exit, Failure> {
    let depot = pintail_depot::Depot::new(folder);
    let served = pintail_depot::served::serve(&depot, VERSION, std::io::stdin().lock(), std::io::stdout());
    served.map_err(|error| Trouble::new(format!("cannot serve the depot `{}`", folder.display()), error))?;
    Ok(Exit::Done)
}

pub(crate) fn seat(digest: &str, place: &std::path::Path) -> Result<Exit, Failure> {
    pintail_host::seat::take(&crate::project::typed("digest", digest)?, place)?;
    Ok(Exit::Done)
}

pub(crate) fn supervise(args: &AtRoot) -> Result<Exit, Failure> {
    ended(server::run(&args.root, VERSION))
}

pub(crate) fn hold(args: &AtRoot) -> Result<Exit, Failure> {
    ended(holder::run(&args.root))
}

fn ended(result: Result<(), Refusal>) -> Result<Exit, Failure> {
    let trouble = |refusal: Refusal| Trouble { what: refusal.what, why: String::new(), hint: refusal.hint };
    result.map_err(trouble)?;
    Ok(Exit::Done)
}

pub(crate) fn gate() -> Result<Exit, Failure> {
    Ok(Exit::Code(gate_face::run()))
}

pub(crate) fn keep(args: &AtRoot) -> Result<Exit, Failure> {
    ended(held::keep(&args.root))
}

pub(crate) fn enter(args: &Enter) -> Result<Exit, Failure> {
    Ok(Exit::Code(enter_face::run(&args.service, args.instance)))
}

pub(crate) fn reap(argv: &[OsString]) -> Result<Exit, Failure> {
    let code = pintail_os::reap::run(argv, &|why| screen::narrate(&format!("error: {why}")))
        .map_err(|error| Trouble::new("cannot watch what it runs", error))?;
    Ok(Exit::Code(u8::try_from(code).unwrap_or(u8::MAX)))
}

pub(crate) fn traffic(args: &Traffic) -> Result<Exit, Failure> {
    let tally = traffic::run(&traffic::Traffic {
        address: crate::project::typed("address", &args.address)?,
        clients: args.clients,
        post_every: args.post_every,
        keep_alive: args.keep_alive,
        pause: Duration::from_millis(args.pause_ms),
        until: args
            .for_ms
            .map_or(traffic::Until::StdinEnds, |ms| traffic::Until::Elapsed(Duration::from_millis(ms))),
    });
    let tally = tally.map_err(|error| Trouble::new("cannot make traffic", error))?;
    screen::print_document(&tally);
    Ok(if tally.failed == 0 { Exit::Done } else { Exit::Refused })
}
