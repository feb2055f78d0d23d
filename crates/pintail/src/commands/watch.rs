//! `attach`, `resume`, `abort`: an operation whose operator, or agent, went away.

use super::operation::{as_it_ended, on_each};
use super::watcher::Watcher;
use crate::args::Watch;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use pintail_core::history::{Deployment, Outcome};
use pintail_core::wire::Ask;

pub(crate) fn attach(place: &Place, args: &Watch) -> Result<Exit, Failure> {
    let project = place.project()?;
    on_each(&project, project.target(&args.target)?, args.json, false, |_| Ask::Attach, as_it_ended)
}

pub(crate) fn resume(place: &Place, args: &Watch) -> Result<Exit, Failure> {
    let project = place.project()?;
    let ask =
        |operator: &pintail_fleet::target::Operator| Ask::Resume { undo: false, by: operator.by.clone() };
    on_each(&project, project.target(&args.target)?, args.json, true, ask, as_it_ended)
}

pub(crate) fn abort(place: &Place, args: &Watch) -> Result<Exit, Failure> {
    let project = place.project()?;
    let ask = |operator: &pintail_fleet::target::Operator| Ask::Abort {
        by: operator.by.clone(),
        for_another: false,
    };
    on_each(&project, project.target(&args.target)?, args.json, false, ask, undone)
}

/// That it ends undone is what was asked for, and so no failure; that it ends done is one.
fn undone(watcher: &mut Watcher, deployment: &Deployment, exit: Exit) -> Exit {
    match &deployment.outcome {
        Outcome::Undone { .. } => Exit::Done,
        Outcome::Done { .. } => {
            let id = deployment.id;
            watcher.note(
                "",
                &format!("deployment {id} was past its point of no return; `pintail rollback` goes back"),
            );
            Exit::Refused
        }
        _ => exit,
    }
}
