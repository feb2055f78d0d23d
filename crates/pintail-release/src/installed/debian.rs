//! What Debian's package database says: which package a file belongs to, what a package depends on, which files it has.
//! Where there is none, nothing is known. Knows nothing of languages.

use pintail_os::program::{Program, Stream};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes of answers that are read: the files of a thousand packages are some ten million.
const ANSWER_MAX: usize = 64 << 20;
/// How long an answer may take; it takes some tenths of a second.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Files asked for at once: a command line has an end.
const AT_ONCE: usize = 500;

/// The package that each of `files` belongs to; those of none are left out.
pub fn owners(files: &[PathBuf]) -> BTreeMap<PathBuf, String> {
    files
        .chunks(AT_ONCE)
        .flat_map(|files| read_owners(&ask(&["-S", "--"], files.iter().map(PathBuf::as_path))))
        .collect()
}

/// `packages` and all that they depend on, as far as it is installed.
pub fn with_dependencies(packages: &BTreeSet<String>) -> BTreeSet<String> {
    let format = "--showformat=${Package}\\t${Provides}\\t${Pre-Depends}, ${Depends}\\n";
    let answer = ask(&["-W", format], []);
    reached(packages, &read_dependencies(&answer))
}

/// All files of `packages`.
pub fn files(packages: &BTreeSet<String>) -> Vec<PathBuf> {
    let packages: Vec<&Path> = packages.iter().map(Path::new).collect();
    let answers = packages.chunks(AT_ONCE).map(|packages| ask(&["-L", "--"], packages.iter().copied()));
    answers.flat_map(|answer| answer.lines().map(PathBuf::from).collect::<Vec<_>>()).collect()
}

/// What is found is told even where something isn't, so the exit code says nothing.
fn ask<'a>(options: &[&str], about: impl IntoIterator<Item = &'a Path>) -> String {
    let program = Program::new("dpkg-query").args(options).args(about).within(ANSWER_WITHIN);
    let mut out = Vec::new();
    let mut heard = |stream, bytes: &[u8]| {
        if stream == Stream::Out && out.len() < ANSWER_MAX {
            out.extend_from_slice(bytes);
        }
    };
    let _ = program.run(&mut heard, &|| true);
    String::from_utf8_lossy(&out).into_owned()
}

/// `libfoo-perl:amd64, other: /usr/share/perl5/Foo.pm`: of several owners the first is as good as any.
fn read_owners(answer: &str) -> Vec<(PathBuf, String)> {
    let line = |line: &str| {
        let (packages, file) = line.split_once(": ")?;
        let name = packages.split([',', ':']).next()?.trim();
        (!name.starts_with("diversion")).then(|| (PathBuf::from(file), name.to_owned()))
    };
    answer.lines().filter_map(line).collect()
}

/// Of each package, or what some provide, the names of all that it may need.
fn read_dependencies(answer: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in answer.lines() {
        let mut fields = line.split('\t');
        let (Some(package), Some(provides), Some(depends)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        needs.entry(package.to_owned()).or_default().extend(names(depends));
        // What is provided leads to who provides it.
        for provided in names(provides) {
            needs.entry(provided).or_default().insert(package.to_owned());
        }
    }
    needs
}

/// `perl (>= 5.1) | perl5:any, libfoo-perl`: every name; of alternatives each that is installed will do.
fn names(list: &str) -> Vec<String> {
    let name = |part: &str| {
        let end = part.find([' ', '(', ':', '[']).unwrap_or(part.len());
        part[..end].to_owned()
    };
    list.split([',', '|']).map(|part| name(part.trim())).filter(|name| !name.is_empty()).collect()
}

fn reached(from: &BTreeSet<String>, needs: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&String> = from.iter().collect();
    while let Some(package) = open.pop() {
        if let Some(more) = needs.get(package).filter(|_| reached.insert(package.clone())) {
            open.extend(more);
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_read() {
        let answer = "libmoose-perl:amd64: /usr/lib/Moose.pm\ndiversion by x from: /a\nperl, perl-base: /usr/bin/perl\n";
        let owners: Vec<_> = read_owners(answer).into_iter().map(|(_, name)| name).collect();
        assert_eq!(owners, ["libmoose-perl", "perl"]);
        let answer = "a\t\tb (>= 1) | gone, virtual\nb\t\t, perl:any\nc\tvirtual (= 2)\t\nperl\t\t\nd\t\ta\n";
        let reached = reached(&BTreeSet::from(["a".to_owned()]), &read_dependencies(answer));
        assert_eq!(reached.into_iter().collect::<Vec<_>>(), ["a", "b", "c", "perl", "virtual"]);
    }
}
