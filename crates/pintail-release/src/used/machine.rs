//! What the interpreters of this machine say of modules: which are their own, and which distribution brings the others.
//! Knows how they are asked; does not know what is used.

use crate::declared::python::normal;
use crate::installed::{debian, perl};
use pintail_os::program::Program;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Bytes of one.
const ANSWER_MAX: usize = 16 << 20;

/// Perl's own modules, and the folders it looks in.
const ASK_PERL: &str = r#"print "own\t$_\n" for keys %{ $Module::CoreList::version{$]} };
    print "folder\t$_\n" for grep { !ref && m{^/} } @INC;"#;
/// Python's own modules, and which distributions bring which others.
const ASK_PYTHON: &str = r#"
import sys
for name in sys.stdlib_module_names: print("own", name, sep="\t")
from importlib import metadata
for name, brings in metadata.packages_distributions().items(): print("by", name, *brings, sep="\t")
"#;

/// What one interpreter says.
#[derive(Debug, Default)]
pub struct Machine {
    /// Modules that are part of it.
    pub own: BTreeSet<String>,
    /// Where Perl looks.
    folders: Vec<PathBuf>,
    /// By what Python's modules are brought.
    brought: BTreeMap<String, BTreeSet<String>>,
}

/// What the Perl of this machine says; `None` without one, or without its own list of what belongs to it.
pub fn perl_here() -> Option<Machine> {
    Some(read(&ask(Program::new("perl").args(["-MModule::CoreList", "-e", ASK_PERL]))?))
}

/// What the Python of this machine says; `None` without one, or with one older than 3.10.
pub fn python_here() -> Option<Machine> {
    Some(read(&ask(Program::new("python3").args(["-c", ASK_PYTHON]))?))
}

fn ask(program: Program) -> Option<String> {
    let answer = program.within(ANSWER_WITHIN).output(ANSWER_MAX).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

fn read(answer: &str) -> Machine {
    let mut machine = Machine::default();
    for line in answer.lines() {
        let mut fields = line.split('\t');
        match (fields.next(), fields.next()) {
            (Some("own"), Some(name)) => drop(machine.own.insert(name.to_owned())),
            (Some("folder"), Some(folder)) => machine.folders.push(PathBuf::from(folder)),
            (Some("by"), Some(name)) => {
                machine.brought.entry(name.to_owned()).or_default().extend(fields.map(normal));
            }
            _ => {}
        }
    }
    machine
}

/// How a module that is declared nowhere by its name comes here all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comes {
    /// It is part of something that is declared.
    Declared,
    /// It comes with this, which something that is declared depends on.
    Through(String),
    /// Something else brought it.
    Otherwise,
    /// It isn't here.
    NotHere,
}

impl Machine {
    /// The distributions that bring Python's module `name`.
    pub fn python_brings(&self, name: &str) -> BTreeSet<String> {
        self.brought.get(name).cloned().unwrap_or_default()
    }

    /// Whether Python's distribution `name`, as it is compared, is here with modules.
    pub fn has_of_python(&self, name: &str) -> bool {
        self.brought.values().any(|names| names.contains(name))
    }

    /// How each of Perl's `modules` comes here, where `declared` are.
    pub fn perl_comes(
        &self,
        modules: &BTreeSet<String>,
        declared: &BTreeSet<String>,
    ) -> BTreeMap<String, Comes> {
        let found = |names: &BTreeSet<String>| -> BTreeMap<String, PathBuf> {
            let file = |name: &String| Some((name.clone(), perl::find(&self.folders, name)?));
            names.iter().filter_map(file).collect()
        };
        let (used, declared) = (found(modules), found(declared));
        let all: Vec<PathBuf> = used.values().chain(declared.values()).cloned().collect();
        let owners = if all.is_empty() { BTreeMap::new() } else { debian::owners(&all) };
        let packages: BTreeSet<String> =
            declared.values().filter_map(|file| owners.get(file)).cloned().collect();
        let with_dependencies = debian::with_dependencies(&packages);
        let packlists = perl::packlists(&self.folders);
        let same_list = |file: &PathBuf| {
            packlists
                .iter()
                .any(|list| list.contains(file) && declared.values().any(|one| list.contains(one)))
        };
        let comes = |module: &String| match used.get(module) {
            None => Comes::NotHere,
            Some(file) => match owners.get(file) {
                Some(package) if packages.contains(package) => Comes::Declared,
                Some(package) if with_dependencies.contains(package) => Comes::Through(package.clone()),
                _ if same_list(file) => Comes::Declared,
                _ => Comes::Otherwise,
            },
        };
        modules.iter().map(|module| (module.clone(), comes(module))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let machine = read("own\tstrict\nfolder\t/usr/share/perl5\nby\tyaml\tPyYAML\tOther_One\nnonsense\n");
        assert_eq!(machine.own, BTreeSet::from(["strict".to_owned()]));
        assert_eq!(machine.folders, [PathBuf::from("/usr/share/perl5")]);
        assert_eq!(machine.python_brings("yaml").into_iter().collect::<Vec<_>>(), ["other-one", "pyyaml"]);
    }
}
