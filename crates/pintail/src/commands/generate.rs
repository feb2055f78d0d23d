//! Shell completions and manual pages, made from what can be typed.

use crate::args::Typed;
use crate::exit::{Exit, Failure};
use crate::screen;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use pintail_core::wire::Trouble;
use pintail_os::files;
use std::path::Path;

pub(crate) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(&Typed::command()), "pintail", &mut script);
    // It has its own line ends.
    screen::print_raw(&String::from_utf8_lossy(&script), false);
    Ok(Exit::Done)
}

/// `command` without what is hidden: completions would offer what no operator types.
fn visible(command: &Command) -> Command {
    let mut shown = Command::new(command.get_name().to_owned()).version(crate::VERSION);
    if let Some(about) = command.get_about() {
        shown = shown.about(about.clone());
    }
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        shown = shown.arg(arg.clone());
    }
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        shown = shown.subcommand(visible(inner).disable_version_flag(true));
    }
    shown
}

pub(crate) fn man(folder: &Path) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| {
        Trouble::new(format!("cannot write manual pages into `{}`", folder.display()), error)
    };
    files::make_folder(folder, 0o755).map_err(failed)?;
    clap_mangen::generate_to(Typed::command(), folder).map_err(failed)?;
    Ok(Exit::Done)
}
