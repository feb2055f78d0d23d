//! Shell completions and manual pages, made from what can be typed.

use crate::args::Typed;
use crate::exit::{Exit, Failure};
use crate::screen;
use clap::CommandFactory;
use clap_complete::Shell;
use pintail_core::wire::Trouble;
use pintail_os::files;
use std::path::Path;

pub(crate) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Typed::command(), "pintail", &mut script);
    // It has its own line ends.
    screen::print_raw(&String::from_utf8_lossy(&script), false);
    Ok(Exit::Done)
}

pub(crate) fn man(folder: &Path) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| {
        Trouble::new(format!("cannot write manual pages into `{}`", folder.display()), error)
    };
    files::make_folder(folder, 0o755).map_err(failed)?;
    clap_mangen::generate_to(Typed::command(), folder).map_err(failed)?;
    Ok(Exit::Done)
}
