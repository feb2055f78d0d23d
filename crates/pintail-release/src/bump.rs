//! Where a project says its version, and what changes there for the next one. Only the version's own letters change: the
//! form of the files is their owner's. Knows patterns and the usual places; does not know which version comes next.

mod json;

mod toml;

mod pattern;

mod perl;

mod cargo;

mod python;

mod ruby;

mod usual;

use crate::edit::{Change, Edit};
use crate::next::Custom;
use pintail_core::config::VersionFile;
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use pintail_os::files;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::Path;

/// Folders whose files are somebody else's, or say a version only to show one.
const ASIDE: [&str; 9] =
    ["t", "test", "tests", "fixtures", "examples", "docs", "vendor", "local", "node_modules"];
/// Files that are looked into for a version that would stay behind.
const LOOKED_INTO_MAX: usize = 2000;
/// Of those that are, so many are told.
const TOLD_MAX: usize = 3;
/// A file longer than this has no version in it: 16 MiB, which the largest lock files are below.
const FILE_MAX: u64 = 16 << 20;

/// The project's files: those that git knows.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    /// The project's folder.
    pub folder: &'a Path,
    /// Paths relative to it.
    pub tracked: &'a [String],
}

/// One place where the version is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The file, relative to the project's folder.
    pub path: String,
    /// Its bytes that are the version.
    pub range: Range<usize>,
    /// How many of the version's numbers stand there, where it may be fewer than all: `0.1` for 0.1.0.
    pub parts: Option<usize>,
}

/// Every place where the version is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// What says the version, for people: `Cargo.toml`, `version.files`; `None` where the tag alone does.
    pub by: Option<&'static str>,
    /// The places.
    pub spots: Vec<Spot>,
    /// The version that the first place has.
    pub version: Option<Version>,
    /// How its versions are read elsewhere.
    pub custom: Custom,
    /// Files that ask for the version in a way that can't be changed.
    unread: BTreeSet<String>,
    /// The files' contents.
    contents: BTreeMap<String, Vec<u8>>,
}

impl Tree<'_> {
    /// Whether git knows this file.
    pub fn has(&self, path: &str) -> bool {
        self.tracked.iter().any(|tracked| tracked == path)
    }

    /// The file's content in the work tree. A link is none: what it leads to may be anywhere.
    ///
    /// # Errors
    /// It can't be read.
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let file = self.folder.join(path);
        if file.symlink_metadata()?.is_symlink() {
            return Err(io::Error::other("it is a symbolic link"));
        }
        files::read_bounded(&file, FILE_MAX)
    }

    /// The text of a file that git knows; `None` where it doesn't.
    fn known(&self, path: &str) -> Result<Option<String>, Trouble> {
        if !self.has(path) {
            return Ok(None);
        }
        let text = self
            .read(path)
            .and_then(|content| String::from_utf8(content).map_err(|_| io::Error::other("it is not UTF-8")));
        text.map(Some).map_err(|error| Trouble::new(format!("cannot find the version in `{path}`"), error))
    }
}

impl Spot {
    /// What stands there of `next`. With anything but numbers it is all of it: `0.2` asks for no `0.2.0-rc.1`.
    fn written(&self, next: &Version) -> String {
        let is_plain = next.as_str().bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match self.parts.filter(|_| is_plain) {
            Some(parts) => next.as_str().split('.').take(parts).collect::<Vec<_>>().join("."),
            None => next.to_string(),
        }
    }
}

impl Places {
    /// Adds places of one file.
    fn add(&mut self, path: &str, content: &[u8], ranges: impl IntoIterator<Item = Range<usize>>) {
        for range in ranges {
            self.spots.push(Spot { path: path.to_owned(), range, parts: None });
        }
        self.contents.insert(path.to_owned(), content.to_owned());
    }

    /// Adds a place that has the version's first `parts` numbers.
    fn add_short(&mut self, path: &str, content: &[u8], range: Range<usize>, parts: usize) {
        self.spots.push(Spot { path: path.to_owned(), range, parts: Some(parts) });
        self.contents.insert(path.to_owned(), content.to_owned());
    }

    /// What stands at a place.
    fn found(&self, spot: &Spot) -> String {
        let bytes = self.contents.get(&spot.path).and_then(|content| content.get(spot.range.clone()));
        String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
    }

    /// What changes for `next`.
    pub fn edits(&self, next: &Version) -> Vec<Edit> {
        let change =
            |spot: &Spot| Change { at: spot.range.start, old: self.found(spot), new: spot.written(next) };
        let edit = |(path, content): (&String, &Vec<u8>)| {
            let changes = self.spots.iter().filter(|spot| spot.path == *path).map(change).collect();
            Edit::new(path, content, changes)
        };
        self.contents.iter().filter_map(edit).collect()
    }
}

/// Finds the places: those that `files` names, or where nothing is said the usual ones.
///
/// # Errors
/// All that is wrong with them.
pub fn find(tree: Tree<'_>, files: Option<&[VersionFile]>) -> Result<Places, Vec<Trouble>> {
    let mut places = match files {
        Some([]) => Places::default(),
        Some(files) => said(tree, files)?,
        None => usual::find(tree)?,
    };
    if places.custom == Custom::Unknown && perl::is_distribution(tree) {
        places.custom = Custom::Perl;
    }
    let first = places.spots.first().map(|spot| places.found(spot));
    places.version = first.and_then(|text| text.parse().ok());
    Ok(places)
}

/// Files that say a version which no release changes, told so that none stays behind unseen. Where some other file says which
/// is next, only those that say the same one as that now: a module may have its own.
pub fn left_behind(tree: Tree<'_>, places: &Places) -> Vec<String> {
    let is_python = ["pyproject.toml", "setup.py", "setup.cfg"].iter().any(|name| tree.has(name));
    let is_module = |path: &str| path.ends_with(".pm") && (path.starts_with("lib/") || !path.contains('/'));
    let content = |path: &str| tree.read(path).unwrap_or_default();
    let said = |path: &str| match path {
        "Makefile.PL" | "Build.PL" => perl::said(path, &content(path)),
        _ if is_module(path) => perl::said(path, &content(path)),
        _ if path.ends_with("/Cargo.toml") => cargo::said(path, &content(path)).into_iter().collect(),
        _ if path.ends_with("/package.json") => json::said(&content(path)).into_iter().collect(),
        _ if ruby::may_say(path) => ruby::said(&content(path)),
        _ if is_python && python::may_say(path) => python::said(path, &content(path)),
        _ => Vec::new(),
    };
    let old = places.version.as_ref().filter(|_| places.by.is_some());
    let is_old = |line: &String| {
        let mut words = line.split(|c: char| !c.is_ascii() || !pattern::is_version(c as u8));
        old.is_none_or(|old| words.any(|word| word.trim_start_matches('v') == old.as_str()))
    };
    let is_ours = |path: &&String| {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let ends = [".pm", ".py", ".PL", "setup.cfg", "Cargo.toml", "package.json", "version.rb", ".gemspec"];
        let may_say = ends.iter().any(|end| name.ends_with(end));
        may_say
            && !folders.split('/').any(|folder| ASIDE.contains(&folder))
            && !places.unread.contains(*path)
            && !places.spots.iter().any(|spot| spot.path == **path)
    };
    let files = tree.tracked.iter().filter(is_ours).take(LOOKED_INTO_MAX);
    let files = files.filter(|path| said(path).iter().any(is_old));
    places.unread.iter().chain(files).take(TOLD_MAX).cloned().collect()
}

/// Those that the configuration names: each pattern is there once.
fn said(tree: Tree<'_>, files: &[VersionFile]) -> Result<Places, Vec<Trouble>> {
    let mut places = Places { by: Some("version.files"), ..Places::default() };
    let mut troubles = Vec::new();
    for VersionFile { path, pattern } in files {
        let path = path.as_str();
        let what = || format!("cannot find the version in `{path}`");
        let content = match tree.read(path) {
            Ok(content) if tree.has(path) => content,
            Ok(_) => {
                troubles.push(Trouble::new(what(), "git does not know that file").hint("commit it"));
                continue;
            }
            Err(error) => {
                troubles.push(Trouble::new(what(), error).hint("`version.files` names it"));
                continue;
            }
        };
        let shown = format!("{}{{version}}{}", pattern.before, pattern.after);
        match &pattern::find(&content, pattern)[..] {
            [range] => places.add(path, &content, [range.clone()]),
            [] if pattern.before.is_empty() && pattern.after.is_empty() => troubles.push(
                Trouble::new(what(), format!("`{shown}` alone means the whole file, which is no version"))
                    .hint("say what stands around it"),
            ),
            [] => troubles.push(
                Trouble::new(what(), format!("`{shown}` is not in it"))
                    .hint("the pattern in `version.files` is meant letter by letter"),
            ),
            many => {
                let lines: Vec<String> =
                    many.iter().map(|range| line_of(&content, range.start).to_string()).collect();
                let why = format!("`{shown}` is in it {} times, in lines {}", many.len(), lines.join(", "));
                troubles.push(Trouble::new(what(), why).hint("a longer pattern tells them apart"));
            }
        }
    }
    if troubles.is_empty() { Ok(places) } else { Err(troubles) }
}

fn line_of(content: &[u8], at: usize) -> usize {
    content[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests;
