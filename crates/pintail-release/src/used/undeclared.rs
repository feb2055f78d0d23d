//! What a project's sources use and its files do not declare. Knows all the languages; does not know how it is told.

use super::alias::{Aliases, is_alias_file};
use super::machine::{self, Comes};
use super::sources::{is_for_browsers, is_test, is_told_by_first_line, language, own_names};
use super::{Language, Scanned, is_vendored};
use crate::declared::{Need, Phase, node, perl, python};
use pintail_os::files;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Bytes of a source that are read: what is longer was written by a program.
const SOURCE_MAX: u64 = 2 << 20;
/// Python's distributions whose module has another name, as far as many use them: only for where they are not installed.
const OTHERWISE_NAMED: [(&str, &str); 14] = [
    ("yaml", "pyyaml"),
    ("PIL", "pillow"),
    ("bs4", "beautifulsoup4"),
    ("cv2", "opencv-python"),
    ("dateutil", "python-dateutil"),
    ("dotenv", "python-dotenv"),
    ("jwt", "pyjwt"),
    ("sklearn", "scikit-learn"),
    ("psycopg2", "psycopg2-binary"),
    ("MySQLdb", "mysqlclient"),
    ("OpenSSL", "pyopenssl"),
    ("rest_framework", "djangorestframework"),
    ("attr", "attrs"),
    ("git", "gitpython"),
];

/// The same for Perl: a module, and one that its distribution is declared by.
const BROUGHT_WITH: [(&str, &str); 6] = [
    ("Class::MOP", "Moose"),
    ("DDP", "Data::Printer"),
    ("HTTP::Headers", "HTTP::Message"),
    ("HTTP::Request", "HTTP::Message"),
    ("HTTP::Response", "HTTP::Message"),
    ("LWP::UserAgent", "LWP"),
];

/// Why a module that is used is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Nothing declares it.
    Nowhere,
    /// Only tests or developers are said to need it, and others use it.
    ForTestsOnly,
    /// Nothing declares it, but it comes with this, which something declared depends on.
    Through(String),
    /// It isn't here, and by its name could be part of this, which is declared.
    PerhapsOf(String),
    /// Nothing declares it, and every place that uses it goes on without.
    Optional,
}

/// A module that is used and not declared as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undeclared {
    /// Its language.
    pub language: Language,
    /// Its name.
    pub module: String,
    /// Why it is told.
    pub why: Why,
    /// Every file that uses it, with its first line that does.
    pub places: Vec<(String, usize)>,
}

/// What was found in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub language: Language,
    /// How many modules its sources use that are neither the language's own nor the project's.
    pub used: usize,
    /// Those that are not declared as they should be.
    pub undeclared: Vec<Undeclared>,
    /// Why nothing can be told, if so.
    pub untold: Option<String>,
}

/// Reads the sources among `paths`, files below `folder`; a report for each language that has some.
pub fn undeclared(folder: &Path, paths: &[String]) -> Vec<Report> {
    let read = |path: &str| {
        let bytes = files::read_bounded(&folder.join(path), SOURCE_MAX).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut uses: BTreeMap<Language, Uses> = BTreeMap::new();
    for path in paths.iter().filter(|path| !is_vendored(path)) {
        let name = path.rsplit('/').next().unwrap_or(path);
        // What has an extension that no source has isn't read; installers have needs of their own.
        if matches!(name, "Makefile.PL" | "Build.PL")
            || (language(path, "").is_none() && !is_told_by_first_line(path))
        {
            continue;
        }
        let Some(text) = read(path) else { continue };
        if language(path, &text) == Some(Language::Node) && is_for_browsers(path) {
            continue;
        }
        if let Some(language) = language(path, &text) {
            uses.entry(language).or_default().add(language, path, &text);
        }
    }
    let declared = |language| declared(language, paths, &read);
    let reports = uses.into_iter().filter_map(|(language, uses)| match language {
        Language::Perl => Some(perl_report(uses, &declared(language))),
        Language::Python => Some(python_report(uses, &declared(language))),
        // Without a package it is for browsers.
        Language::Node => {
            let is_package = |path: &String| path == "package.json" || path.ends_with("/package.json");
            let files = paths.iter().filter(|path| is_alias_file(path) && !is_vendored(path));
            let aliases: Vec<Aliases> =
                files.filter_map(|path| Some(Aliases::read(path, &read(path)?))).collect();
            let report = || node_report(uses, &declared(language), &aliases, paths);
            paths.iter().any(is_package).then(report)
        }
        Language::Ruby => Some(untold(
            language,
            "its sources are not looked through; what they load and `Gemfile` lacks shows where `build.test` runs",
        )),
    });
    reports.collect()
}

/// The needs of every file that declares for `language`: at the top; for Node also below it.
fn declared(language: Language, paths: &[String], read: &dyn Fn(&str) -> Option<String>) -> Needs {
    let mut needs = Vec::new();
    for path in paths.iter().filter(|path| !is_vendored(path)) {
        let reading = match language {
            Language::Perl => perl::reading(path),
            Language::Python => python::reading(path),
            Language::Node => node::reading(path.rsplit('/').next().unwrap_or(path)),
            Language::Ruby => None,
        };
        let found = reading.and_then(|reading| Some(reading(&read(path)?)));
        needs.extend(found.unwrap_or_default());
    }
    if language == Language::Python {
        needs.iter_mut().for_each(|need| need.name = python::normal(&need.name));
    }
    Needs::of(needs)
}

/// What is declared, by name, with the first phase that it is needed in.
#[derive(Debug, Default)]
struct Needs(BTreeMap<String, Phase>);

impl Needs {
    fn of(needs: Vec<Need>) -> Needs {
        let mut by_name: BTreeMap<String, Phase> = BTreeMap::new();
        for need in needs {
            let phase = by_name.entry(need.name).or_insert(need.phase);
            *phase = need.phase.min(*phase);
        }
        Needs(by_name)
    }

    /// Why `one` is told when it is declared under one of `names`; `None`: it is not declared under any.
    fn judge<'a>(&self, one: &One, names: impl IntoIterator<Item = &'a str>) -> Option<Option<Why>> {
        let phase = names.into_iter().filter_map(|name| self.0.get(name)).min()?;
        Some((*phase > Phase::Wish && one.runs).then_some(Why::ForTestsOnly))
    }
}

/// Every module that sources of one language use.
#[derive(Debug, Default)]
struct Uses {
    modules: BTreeMap<String, One>,
    own: BTreeSet<String>,
}

/// One module, as it is used.
#[derive(Debug, Default)]
struct One {
    places: Vec<(String, usize)>,
    /// Whether one of the places is no test.
    runs: bool,
    /// Whether one of the places can't do without.
    hard: bool,
}

impl Uses {
    fn add(&mut self, language: Language, path: &str, text: &str) {
        let Scanned { used, own } = match language {
            Language::Perl => super::perl::scan(text),
            Language::Python => super::python::scan(text),
            Language::Node => super::node::scan(text),
            Language::Ruby => Scanned::default(),
        };
        self.own.extend(own);
        self.own.extend(own_names(language, path));
        for used in used {
            let one = self.modules.entry(used.module).or_default();
            // Sorted by lines: the first stands for the file.
            if one.places.last().is_none_or(|(last, _)| last != path) {
                one.places.push((path.to_owned(), used.line));
            }
            one.runs |= !is_test(path);
            one.hard |= !used.soft;
        }
    }

    /// Leaves only what comes from elsewhere.
    fn not_own(mut self, own: &BTreeSet<String>) -> BTreeMap<String, One> {
        self.modules.retain(|module, _| !own.contains(module) && !self.own.contains(module));
        self.modules
    }
}

fn untold(language: Language, why: &str) -> Report {
    Report { language, used: 0, undeclared: Vec::new(), untold: Some(why.to_owned()) }
}

fn report(
    language: Language,
    modules: BTreeMap<String, One>,
    why: impl Fn(&str, &One) -> Option<Why>,
) -> Report {
    let used = modules.len();
    let told = |(module, one): (String, One)| {
        let why = match why(&module, &one)? {
            Why::Nowhere if !one.hard => Why::Optional,
            why => why,
        };
        Some(Undeclared { language, module, why, places: one.places })
    };
    let mut undeclared: Vec<Undeclared> = modules.into_iter().filter_map(told).collect();
    undeclared.sort_by(|a, b| (&a.why, &a.module).cmp(&(&b.why, &b.module)));
    Report { language, used, undeclared, untold: None }
}

fn perl_report(uses: Uses, needs: &Needs) -> Report {
    let Some(machine) = machine::perl_here() else {
        return untold(
            Language::Perl,
            "`perl` with Module::CoreList is not here: which modules are its own can't be told",
        );
    };
    let modules = uses.not_own(&machine.own);
    let by_name = |module: &str| needs.0.contains_key(module);
    let unknown: BTreeSet<String> = modules.keys().filter(|module| !by_name(module)).cloned().collect();
    let comes = machine.perl_comes(&unknown, &needs.0.keys().cloned().collect());
    report(Language::Perl, modules, |module, one| {
        if let Some(why) = needs.judge(one, [module]) {
            return why;
        }
        match &comes[module] {
            Comes::Declared => None,
            Comes::Through(package) => Some(Why::Through(package.clone())),
            Comes::Otherwise => Some(Why::Nowhere),
            Comes::NotHere => Some(match perhaps_of(module, needs) {
                Some(declared) => Why::PerhapsOf(declared.to_owned()),
                None => Why::Nowhere,
            }),
        }
    })
}

/// The declared module whose distribution `module` could be in, by its name alone.
fn perhaps_of<'a>(module: &str, needs: &'a Needs) -> Option<&'a str> {
    let brought = BROUGHT_WITH.iter().find(|(brought, _)| *brought == module);
    if let Some((_, with)) = brought.filter(|(_, with)| needs.0.contains_key(*with)) {
        return Some(with);
    }
    needs.0.keys().map(String::as_str).find(|declared| {
        let stem = declared.strip_suffix("::Runtime").unwrap_or(declared);
        module == stem || module.strip_prefix(stem).is_some_and(|rest| rest.starts_with("::"))
    })
}

fn python_report(uses: Uses, needs: &Needs) -> Report {
    let Some(machine) = machine::python_here() else {
        return untold(
            Language::Python,
            "`python3`, 3.10 or newer, is not here: which modules are its own can't be told",
        );
    };
    report(Language::Python, uses.not_own(&machine.own), |module, one| {
        let mut names = machine.python_brings(module);
        names.insert(python::normal(module));
        names.extend(
            OTHERWISE_NAMED.iter().filter(|(name, _)| *name == module).map(|(_, name)| (*name).to_owned()),
        );
        needs.judge(one, names.iter().map(String::as_str)).unwrap_or_else(|| {
            Some(match shares_folder(module, needs, &machine) {
                Some(declared) => Why::PerhapsOf(declared.to_owned()),
                None => Why::Nowhere,
            })
        })
    })
}

/// The declared distribution that could bring a part of the folder `module`, by its name alone: `google-cloud-storage` of
/// `google`. One that is here has been asked.
fn shares_folder<'a>(module: &str, needs: &'a Needs, machine: &machine::Machine) -> Option<&'a str> {
    let begin = format!("{}-", python::normal(module));
    let mut declared = needs.0.keys().map(String::as_str);
    declared.find(|declared| declared.starts_with(&begin) && !machine.has_of_python(declared))
}

fn node_report(mut uses: Uses, needs: &Needs, aliases: &[Aliases], paths: &[String]) -> Report {
    uses.modules.retain(|module, _| !aliases.iter().any(|aliases| aliases.name(module, paths)));
    report(Language::Node, uses.not_own(&BTreeSet::new()), |module, one| {
        needs.judge(one, [module]).unwrap_or(Some(Why::Nowhere))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of a project of these files, without its hints; `untold` for a language of which nothing is.
    fn told(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            files::make_folder(path.parent().unwrap(), 0o755).unwrap();
            files::write_whole(&path, text.as_bytes(), 0o644).unwrap();
        }
        let paths: Vec<String> = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        let line = |report: Report| match report.untold {
            Some(_) => vec![format!("{} untold", report.language.name())],
            None => report.undeclared.iter().map(|one| format!("{} {:?}", one.module, one.why)).collect(),
        };
        undeclared(folder.path(), &paths).into_iter().flat_map(line).collect()
    }

    #[test]
    fn a_folder_that_distributions_share_may_be_of_one_that_is_declared() {
        if machine::python_here().is_none() {
            return;
        }
        let app = ("app.py", "from no_such_google.cloud import storage\nimport no_such\n");
        let told = told(&[app, ("requirements.txt", "no-such-google-cloud-storage\n")]);
        let guess = "PerhapsOf(\"no-such-google-cloud-storage\")";
        assert_eq!(told, [format!("no_such {guess}"), format!("no_such_google {guess}")]);
    }

    #[test]
    fn what_a_project_calls_its_own_files_is_no_package() {
        let app = "import a from 'alias-mod'; import b from '@app/b'; import '#own'; import 'models/user'; import 'gone';\n";
        let config = "{ // own\n\"compilerOptions\": { \"baseUrl\": \"src\", \"paths\": { \"alias-mod\": [\"mod\"], \"@app/*\": [\"*\"] } } }";
        let files = [
            ("package.json", "{\"imports\":{\"#own\":\"./own.js\"}}"),
            ("src/app.ts", app),
            ("src/models/user.ts", ""),
            ("tsconfig.json", config),
        ];
        assert_eq!(told(&files), ["gone Nowhere"]);
    }

    #[test]
    fn rubys_sources_are_said_not_to_be_looked_through() {
        assert_eq!(told(&[("app.rb", "require 'sinatra'\n")]), ["ruby untold"]);
        assert_eq!(told(&[("bin/app", "#!/usr/bin/env ruby\n")]), ["ruby untold"]);
    }
}
