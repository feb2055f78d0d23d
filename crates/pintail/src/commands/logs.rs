//! `logs`: what a target's processes wrote; of several hosts, each line says whose it is.

use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use crate::screen;
use pintail_core::wire::{Ask, Trouble};
use pintail_fleet::fleet;
use pintail_fleet::session::Heard;

pub(crate) fn run(place: &Place, args: &args::Logs) -> Result<Exit, Failure> {
    let project = place.project()?;
    let operator = project.operator()?;
    let signals = super::watcher::Signals::new()?;
    let mut sessions = operator.connect(project.target(&args.target)?)?;
    let names: Vec<String> = sessions.iter().map(|session| session.host().to_owned()).collect();
    let ask = Ask::Logs { processes: args.processes.clone(), lines: args.lines, follow: args.follow };
    let mut heard = |host: usize, heard| {
        let Heard::Output { from, text, .. } = heard else { return };
        for line in text.lines() {
            if names.len() == 1 {
                screen::print(&format!("{from} | {line}"));
            } else {
                screen::print(&format!("{} {from} | {line}", names[host]));
            }
        }
    };
    let ends = fleet::ask_all(&mut sessions, &ask, &operator.by, &mut heard, &mut signals.watching());
    // Leaving is how one ends following.
    if !args.follow {
        for end in ends {
            end.map_err(Trouble::from)?;
        }
    }
    Ok(Exit::Done)
}
