//! What a project declares that it needs, read from the files in which each language's tools have it: a function for each
//! format, text in, needs out. Knows the files' form; does not know where they come from, nor whether what they say is true.

pub mod node;
pub mod perl;
pub mod python;
pub mod ruby;

mod rust;

use crate::lock::{self, LOCK_NAME};
use pintail_core::notes::Declared;

/// Dependencies of one file: no project has more by hand, and what a machine wrote need not be told in full.
const DEPENDENCIES_MAX: usize = 5000;

/// When something that is declared is needed: each is also there where a later one is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Where the application runs.
    Run,
    /// There too, where it can be had or is chosen.
    Wish,
    /// For its tests.
    Test,
    /// To build or develop it: neither tests nor a host have it for sure.
    Make,
}

/// One thing that is declared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// A module or distribution, as it is written.
    pub name: String,
    /// Which versions will do, as it is written; empty for any.
    pub range: String,
    /// When.
    pub phase: Phase,
}

/// How a format is read. A text that can't be read as its format declares what could be read of it: the language's own tool
/// says why.
pub type Reading = fn(&str) -> Vec<Need>;

/// How the file called `name` at a project's top is read; `None` if it is none that declares.
pub fn reading(name: &str) -> Option<Reading> {
    let others: [(&str, Reading); 2] = [("Cargo.toml", rust::manifest), (LOCK_NAME, included)];
    let languages = [perl::reading, python::reading, node::reading, ruby::reading];
    languages.into_iter().find_map(|reading| reading(name)).or_else(|| among(&others, name))
}

/// What the file called `name` declares for the running application, sorted.
pub fn for_running(name: &str, text: &str) -> Vec<Declared> {
    let mut needs = reading(name).map(|read| read(text)).unwrap_or_default();
    needs.retain(|need| need.phase == Phase::Run);
    needs.truncate(DEPENDENCIES_MAX);
    let declared = |need: Need| Declared {
        file: name.to_owned(),
        name: need.name,
        range: need.range.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let mut declared: Vec<Declared> = needs.into_iter().map(declared).collect();
    declared.sort();
    declared.dedup();
    declared
}

impl Need {
    fn new(name: impl Into<String>, range: impl Into<String>, phase: Phase) -> Need {
        Need { name: name.into(), range: range.into(), phase }
    }
}

fn among(files: &[(&str, Reading)], name: &str) -> Option<Reading> {
    files.iter().find(|(file, _)| *file == name).map(|(_, reading)| *reading)
}

/// What `pintail.lock` includes.
fn included(text: &str) -> Vec<Need> {
    let locked = lock::read(text).unwrap_or_default().into_iter();
    locked.map(|one| Need::new(one.name.to_string(), one.version.to_string(), Phase::Run)).collect()
}

#[cfg(test)]
mod tests;
