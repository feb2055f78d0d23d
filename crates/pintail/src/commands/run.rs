//! `run`: a command in the live release, with its environment; its exit code is ours. On several hosts at once, each
//! line says whose it is.

use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use crate::screen;
use pintail_core::wire::{Ask, Trouble};
use pintail_fleet::fleet;
use pintail_fleet::session::{End, Heard};

pub(crate) fn run(place: &Place, args: &args::Run) -> Result<Exit, Failure> {
    let project = place.project()?;
    let operator = project.operator()?;
    let signals = super::watcher::Signals::new()?;
    let mut sessions = operator.connect(project.target(&args.target)?)?;
    let names: Vec<String> = sessions.iter().map(|session| session.host().to_owned()).collect();
    let ask = Ask::Run { argv: args.command.clone() };
    let mut pieces: Vec<[Lines; 2]> = names.iter().map(|_| Default::default()).collect();
    let mut heard = |host: usize, heard| {
        let Heard::Output { error, text, .. } = heard else { return };
        if names.len() == 1 {
            screen::print_raw(&text, error);
        } else {
            pieces[host][usize::from(error)].take(&text, |line| show(&names[host], line, error));
        }
    };
    let ends = fleet::ask_all(&mut sessions, &ask, &operator.by, &mut heard, &mut signals.watching());
    for (name, pieces) in names.iter().zip(&mut pieces) {
        for (error, lines) in [false, true].into_iter().zip(pieces) {
            lines.end(|line| show(name, line, error));
        }
    }
    let mut exit = Exit::Done;
    for end in ends {
        if let End::Exited(code) = end.map_err(Trouble::from)?
            && code != 0
            && exit == Exit::Done
        {
            exit = Exit::Code(u8::try_from(code).unwrap_or(1));
        }
    }
    Ok(exit)
}

fn show(host: &str, line: &str, error: bool) {
    screen::print_raw(&format!("{host} | {line}\n"), error);
}

/// Output comes in pieces; lines of several hosts must not be mixed within a line.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn take(&mut self, text: &str, mut line: impl FnMut(&str)) {
        self.0.push_str(text);
        while let Some(end) = self.0.find('\n') {
            line(&self.0[..end]);
            self.0.drain(..=end);
        }
    }

    fn end(&mut self, line: impl FnOnce(&str)) {
        if !self.0.is_empty() {
            line(&self.0);
        }
    }
}
