//! `run`: a command in the live release, with its environment; its exit code is ours.

use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use crate::screen;
use pintail_core::wire::Ask;
use pintail_fleet::session::{End, Heard};

pub(crate) fn run(place: &Place, args: &args::Run) -> Result<Exit, Failure> {
    let project = place.project()?;
    let operator = project.operator()?;
    let signals = super::operation::Signals::new()?;
    let mut exit = Exit::Done;
    for mut session in operator.connect(project.target(&args.target)?)? {
        let ask = Ask::Run { argv: args.command.clone() };
        let mut heard = |heard| {
            if let Heard::Output { error, text, .. } = heard {
                screen::print_raw(&text, error);
            }
        };
        if let End::Exited(code) =
            session.follow(&ask, None, &mut heard, &mut signals.watching(), &operator.by)?
            && code != 0
        {
            exit = Exit::Code(u8::try_from(code).unwrap_or(1));
        }
    }
    Ok(exit)
}
