//! One thing that is wrong in `pintail.toml`, and how it is told. Knows nothing of what can be wrong.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The dotted key that it is about, such as `processes.web.health.within`; empty for a syntax error.
    pub key: String,
    /// What is wrong, in lower case, one line.
    pub message: String,
    /// What was meant, or what to do; one line.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

/// All problems as an operator reads them, each in its own lines, with a newline at the end.
pub fn render(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// What is wrong with a value, said by what parses it, which doesn't know where it stands. `what` goes on from
/// the key: "`host.keep` *is 1; …*".
#[derive(Debug, Clone)]
pub(super) struct Complaint {
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl Complaint {
    pub(super) fn new(what: impl Into<String>) -> Complaint {
        Complaint { what: what.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Complaint {
        Complaint { hint: Some(hint.into()), ..self }
    }

    pub(super) fn meant(self, meant: impl fmt::Display) -> Complaint {
        self.hint(format!("did you mean `{meant}`?"))
    }
}
