//! `logs`: what a target's processes wrote.

use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use crate::screen;
use pintail_core::wire::Ask;
use pintail_fleet::session::Heard;

pub(crate) fn run(place: &Place, args: &args::Logs) -> Result<Exit, Failure> {
    let project = place.project()?;
    let operator = project.operator()?;
    let signals = super::operation::Signals::new()?;
    for mut session in operator.connect(project.target(&args.target)?)? {
        let ask = Ask::Logs { processes: args.processes.clone(), lines: args.lines, follow: args.follow };
        let mut heard = |heard| {
            if let Heard::Output { from, text, .. } = heard {
                for line in text.lines() {
                    screen::print(&format!("{from} | {line}"));
                }
            }
        };
        let ended = session.follow(&ask, None, &mut heard, &mut signals.watching(), &operator.by);
        // Leaving is how one ends following.
        if !args.follow {
            ended?;
        }
    }
    Ok(Exit::Done)
}
