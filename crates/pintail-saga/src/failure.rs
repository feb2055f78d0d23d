//! A failure as the operator is told of it: what was tried, why it failed, what to do next.
//! It doesn't know where it is shown, so it carries neither `error:` nor colour.

use std::fmt;

/// What was tried, why it failed, and what to do next.
///
/// Shown as the house tells failures, without the leading `error:`, which the binary adds:
///
/// ```
/// # use pintail_saga::Failure;
/// let failure = Failure::new("cannot switch `blog` to `1.4.2`", "permission denied").hint("run `pintail doctor`");
/// assert_eq!(failure.to_string(), "cannot switch `blog` to `1.4.2`\n  permission denied\nhint: run `pintail doctor`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was tried, and on what: "cannot rename `a` to `b`".
    pub what: String,
    /// Why it failed: "permission denied". Several causes are several lines; empty where nothing is known.
    pub why: String,
    /// What the operator can do next.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into(), hint: None }
    }

    /// The same failure, with what to do next.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)?;
        for line in self.why.lines() {
            write!(out, "\n  {line}")?;
        }
        match &self.hint {
            Some(hint) => write!(out, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
