//! What a project declares that it depends on, read from the files in which each language's tools have it. Only what the
//! running application needs: what is for tests and development is left out. Knows the files' form; does not know where
//! they come from, nor whether what they say is true.

mod node;
mod perl;
mod python;
mod ruby;
mod rust;

use crate::lock::{self, LOCK_NAME};
use pintail_core::notes::Declared;

/// Dependencies of one file: no project has more by hand, and what a machine wrote need not be told in full.
const DEPENDENCIES_MAX: usize = 5000;

/// A dependency's name, and which versions will do.
type Dependency = (String, String);

/// Whether a file at the project's top is one that declares.
pub fn is_declaring(name: &str) -> bool {
    reader(name).is_some()
}

/// What the file called `name` declares, sorted. One that can't be read declares nothing: the language's own tool says
/// why.
pub fn declared(name: &str, content: &str) -> Vec<Declared> {
    let mut found = reader(name).map(|read| read(content)).unwrap_or_default();
    found.truncate(DEPENDENCIES_MAX);
    let declared = |(dependency, range): Dependency| Declared {
        file: name.to_owned(),
        name: dependency,
        range: range.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let mut declared: Vec<Declared> = found.into_iter().map(declared).collect();
    declared.sort();
    declared.dedup();
    declared
}

fn reader(name: &str) -> Option<fn(&str) -> Vec<Dependency>> {
    Some(match name {
        "cpanfile" => perl::cpanfile,
        "META.json" => perl::meta,
        "pyproject.toml" => python::pyproject,
        "package.json" => node::package,
        "Gemfile" => ruby::gemfile,
        "Cargo.toml" => rust::manifest,
        LOCK_NAME => included,
        name if name.starts_with("requirements") && name.ends_with(".txt") => python::requirements,
        _ => return None,
    })
}

/// What `pintail.lock` includes.
fn included(text: &str) -> Vec<Dependency> {
    let locked = lock::read(text).unwrap_or_default();
    locked.into_iter().map(|locked| (locked.name.to_string(), locked.version.to_string())).collect()
}

/// The texts in quotes of either kind, in their order; a `#` outside of them begins a comment.
fn quoted(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['\'', '"', '#']) {
        let quote = rest[at..].chars().next().filter(|c| *c != '#');
        let Some((quote, inner)) = quote.map(|quote| (quote, &rest[at + 1..])) else { break };
        let Some(end) = inner.find(quote) else { break };
        found.push(&inner[..end]);
        rest = &inner[end + 1..];
    }
    found
}

#[cfg(test)]
mod tests;
