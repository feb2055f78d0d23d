//! How the program ends: the exit codes, and how a failure is told.

use pintail_core::wire::Trouble;
use std::process::ExitCode;

/// How a command ended. The codes are a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Done,
    /// Refused or failed; nothing changed.
    Refused,
    /// Used wrongly.
    Usage,
    /// Failed and undone.
    Undone,
    /// Stuck or cut off: neither done nor undone, or not known.
    Stuck,
    /// The exit code of a command that was run for the operator.
    Code(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Undone => 3,
            Exit::Stuck => 4,
            Exit::Code(code) => code,
        })
    }
}

/// Why a command did not do what was asked, mostly before anything changed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// One thing.
    Trouble(Trouble, Exit),
    /// Everything that is wrong with the configuration, rendered.
    Config(String),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Failure::Trouble(trouble, Exit::Refused)
    }
}

impl Failure {
    /// Used wrongly.
    pub(crate) fn usage(
        what: impl Into<String>,
        why: impl std::fmt::Display,
        hint: impl Into<String>,
    ) -> Self {
        Failure::Trouble(Trouble::new(what, why).hint(hint), Exit::Usage)
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Trouble(_, exit) => *exit,
            Failure::Config(_) => Exit::Usage,
        }
    }

    /// As it is told on standard error.
    pub(crate) fn told(&self) -> String {
        match self {
            Failure::Trouble(trouble, _) => told(trouble),
            Failure::Config(problems) => problems.trim_end().to_owned(),
        }
    }
}

/// A trouble in the house form.
pub(crate) fn told(trouble: &Trouble) -> String {
    let mut text = format!("error: {}", trouble.what);
    for line in trouble.why.lines() {
        text.push_str(&format!("\n  {}", line.trim_start()));
    }
    if let Some(hint) = &trouble.hint {
        text.push_str(&format!("\nhint: {hint}"));
    }
    text
}
