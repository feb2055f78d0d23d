//! Which modules a project's sources use, and which of them it declares nowhere. Knows how languages load modules and
//! where projects declare them; does not know what is done about one that is missing.

pub mod alias;
pub mod machine;
pub mod node;
pub mod perl;
pub mod python;
pub mod sources;
pub mod undeclared;

/// The languages whose modules are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// Perl.
    Perl,
    /// Python.
    Python,
    /// JavaScript and TypeScript, as Node runs them.
    Node,
    /// Ruby.
    Ruby,
}

impl Language {
    /// As an operator calls it.
    pub fn name(self) -> &'static str {
        match self {
            Language::Perl => "perl",
            Language::Python => "python",
            Language::Node => "node",
            Language::Ruby => "ruby",
        }
    }
}

/// A module that a text loads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Used {
    /// Its name, as the language has it.
    pub module: String,
    /// In which line, from 1.
    pub line: usize,
    /// Whether the text goes on without it: it stands where failing is caught.
    pub soft: bool,
}

/// What a text was found to load and to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scanned {
    /// The modules that it loads, sorted.
    pub used: Vec<Used>,
    /// Names under which it can itself be loaded.
    pub own: Vec<String>,
}

/// Whether `path` is in a folder of what others wrote: its needs are theirs.
pub fn is_vendored(path: &str) -> bool {
    const OTHERS: [&str; 8] =
        ["node_modules", "vendor", "local", "extlib", "fatlib", "wheelhouse", ".venv", "bower_components"];
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.split('/').any(|folder| OTHERS.contains(&folder))
}
