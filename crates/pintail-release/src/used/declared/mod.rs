//! What the files say in which projects declare what they need: a function for each format, text in, names out. Knows no
//! file system; a file that can't be read as its format declares what could be read of it.

pub mod node;
pub mod perl;
pub mod python;
pub mod ruby;

/// When something that is declared is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Where the application runs.
    Run,
    /// For its tests.
    Test,
    /// To build or develop it: neither tests nor a host have it for sure.
    Make,
}

/// One thing that is declared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// A module or distribution, as the format names it.
    pub name: String,
    /// When.
    pub phase: Phase,
}

/// How a format is read.
pub type Reading = fn(&str) -> Vec<Need>;

impl Need {
    fn new(name: impl Into<String>, phase: Phase) -> Need {
        Need { name: name.into(), phase }
    }
}
