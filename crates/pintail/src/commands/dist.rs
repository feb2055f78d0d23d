//! `depot add --author`, `--python`, `depot author`, `depot index`: what `cpanm` and `pip` install from the depot. Knows
//! how it is told; what may be published is the depot's.

use crate::exit::{Exit, Failure};
use crate::project::{Project, typed};
use crate::screen;
use pintail_core::name::AppName;
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use pintail_depot::cpan::{self, Author, AuthorId, Cpan, CpanError, Distribution};
use pintail_depot::pypi::{Pypi, PypiError};
use pintail_depot::{DepotError, Naming, Published, is_publishing};
use pintail_os::clock;
use std::path::Path;

/// What to do when the disk didn't take it: no index names what isn't there, but not all need be made.
const UNFINISHED: &str = "what was begun, `pintail depot index` finishes";

/// What to do when the depot can't be read: what is left out of an index is gone for who installs.
const UNTOUCHED: &str =
    "no index was touched; make it readable for you, or take it out of the depot, then once more";

/// Publishes the Perl distribution `file` as `author`'s. Where its name and version are those of a release too, it also
/// becomes an artifact.
pub(crate) fn add_perl(project: &Project, file: &Path, author: &str) -> Result<Exit, Failure> {
    let author: AuthorId = typed("author's id", author)?;
    refuse_away(project)?;
    let source = project.file(file);
    tell_wait(project);
    let added = cpan(project).add(&source, &author, clock::now_ms());
    let added = added.map_err(|error| refused(&format!("cannot publish `{}`", file.display()), error))?;
    let distribution = &added.distribution;
    let there = if added.is_new { "is in the depot" } else { "was in the depot already, the same bytes" };
    screen::print(&format!("{} {there}: authors/id/{}", distribution.name(), distribution.path()));
    tell_packages(distribution);
    for warning in distribution.warnings() {
        screen::narrate(&format!("warning: {warning}"));
    }
    add_artifact(project, &source, distribution);
    tell_others(&added.faults);
    Ok(Exit::Done)
}

fn tell_packages(distribution: &Distribution) {
    if let Some(why) = distribution.unindexed() {
        let path = distribution.path();
        screen::narrate(&format!("not in the index: {why}; `cpanm {path}` installs it"));
        return;
    }
    for (package, version) in distribution.packages() {
        screen::print(&format!("  {package} {version}"));
    }
}

/// A distribution that can't be a release is one all the same.
fn add_artifact(project: &Project, file: &Path, distribution: &Distribution) {
    let told = |why: String| screen::narrate(&format!("not an artifact: {why}"));
    let name: Result<AppName, _> = distribution.name().name().parse();
    let version: Result<Version, _> = distribution.name().version_text().parse();
    let (name, version) = match (name, version) {
        (Ok(name), Ok(version)) => (name, version),
        (Err(error), _) => return told(error.to_string()),
        (_, Err(error)) => return told(error.to_string()),
    };
    let naming = Naming { name: Some(name), version: Some(version), commit: None };
    let published: Result<Published, DepotError> =
        project.depot().publish_file(file, &naming, clock::now_ms());
    if let Err(error) = published {
        told(error.to_string());
    }
}

/// Whether `pip` calls such a file a wheel.
pub(crate) fn is_wheel(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "whl")
}

/// Publishes the wheel or Python source distribution `file`.
pub(crate) fn add_python(project: &Project, file: &Path) -> Result<Exit, Failure> {
    refuse_away(project)?;
    tell_wait(project);
    let added = pypi(project).add(&project.file(file), clock::now_ms());
    let added =
        added.map_err(|error| python_refused(&format!("cannot publish `{}`", file.display()), error))?;
    let (name, there) = (
        &added.file,
        if added.is_new { "is in the depot" } else { "was in the depot already, the same bytes" },
    );
    screen::print(&format!(
        "{} {} {there}: packages/{}/{}",
        name.project(),
        name.version(),
        name.project(),
        name.as_str()
    ));
    tell_others(&added.faults);
    Ok(Exit::Done)
}

/// Declares an author, or lists them.
pub(crate) fn author(project: &Project, declared: Option<(&str, &str)>) -> Result<Exit, Failure> {
    refuse_away(project)?;
    let cpan = cpan(project);
    let Some((id, told)) = declared else {
        return list_authors(project, &cpan);
    };
    let id: AuthorId = typed("author's id", id)?;
    let author = Author::parse(told).map_err(|why| {
        Failure::usage(format!("cannot declare `{id}`"), why, "quote it: \"Jo Doe <jo@example.com>\"")
    })?;
    tell_wait(project);
    let set = cpan.set_author(&id, &author, clock::now_ms());
    let made = set.map_err(|error| refused(&format!("cannot declare `{id}`"), error))?;
    screen::print(&format!("{id} is {} <{}>", author.name, author.email));
    tell_others(&made.faults);
    Ok(Exit::Done)
}

fn list_authors(project: &Project, cpan: &Cpan) -> Result<Exit, Failure> {
    let authors = cpan.authors().map_err(|error| refused("cannot list the authors", error))?;
    if authors.is_empty() {
        let depot = project.depot();
        screen::narrate(&format!("the depot `{}` has no authors", depot.folder().display()));
        screen::narrate("hint: `pintail depot author ID \"NAME <ADDRESS>\"` declares one");
    }
    for (id, author) in authors.iter() {
        let may: Vec<String> = author.may.iter().map(|grant| format!("  may {grant}")).collect();
        screen::print(&format!("{:<9} {} <{}>{}", id.as_str(), author.name, author.email, may.concat()));
    }
    Ok(Exit::Done)
}

/// Makes all indexes and cards again.
pub(crate) fn index(project: &Project) -> Result<Exit, Failure> {
    refuse_away(project)?;
    tell_wait(project);
    let listing = project.depot().list();
    let listing = listing.map_err(|error| Trouble::new("cannot look into the depot", error))?;
    screen::print(&count(listing.cards.len(), "artifact"));
    let mut faults: Vec<String> = listing.faults.iter().map(ToString::to_string).collect();
    let cpan = cpan(project);
    if cpan.is_used() {
        let made = cpan.index(clock::now_ms());
        let made = made.map_err(|error| refused("cannot index the Perl distributions", error))?;
        let (archives, packages) =
            (count(made.archives, "Perl distribution"), count(made.packages, "package"));
        screen::print(&format!("{archives}, {packages}; {}", changes(&made.changed)));
        faults.extend(made.faults);
    }
    let pypi = pypi(project);
    if pypi.is_used() {
        let made = pypi.index(clock::now_ms());
        let made = made.map_err(|error| python_refused("cannot index the Python distributions", error))?;
        let (files, projects) = (count(made.files, "Python distribution"), count(made.projects, "project"));
        screen::print(&format!("{files} of {projects}; {}", changes(&made.changed)));
        faults.extend(made.faults);
    }
    Ok(tell_faults(&faults))
}

fn changes(changed: &[String]) -> String {
    if changed.is_empty() {
        "nothing changed".to_owned()
    } else {
        format!("{} made anew", count(changed.len(), "file"))
    }
}

fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What is wrong with others in the depot and has not kept anybody from what was asked.
fn tell_others(faults: &[String]) {
    for fault in faults {
        screen::narrate(&format!("warning: {fault}"));
    }
}

/// What is wrong with what is in the depot; it is for somebody to look at.
fn tell_faults(faults: &[String]) -> Exit {
    for fault in faults {
        screen::narrate(&format!("error: {fault}"));
    }
    if faults.is_empty() { Exit::Done } else { Exit::Refused }
}

fn refused(what: &str, error: CpanError) -> Failure {
    let trouble = Trouble::new(what, &error);
    let edit = || format!("edit `{}` in the depot's folder, then `pintail depot index`", cpan::AUTHORS);
    match &error {
        CpanError::Authors { .. } => trouble.hint(edit()).into(),
        CpanError::Write { .. } => trouble.hint(UNFINISHED).into(),
        CpanError::Unreadable { .. } => trouble.hint(UNTOUCHED).into(),
        _ => trouble.into(),
    }
}

fn python_refused(what: &str, error: PypiError) -> Failure {
    let trouble = Trouble::new(what, &error);
    match &error {
        PypiError::Write { .. } => trouble.hint(UNFINISHED).into(),
        PypiError::Unreadable { .. } => trouble.hint(UNTOUCHED).into(),
        _ => trouble.into(),
    }
}

/// The faces for `cpanm` and `pip` are made where their web server is: what is here of a depot elsewhere is a cache.
fn refuse_away(project: &Project) -> Result<(), Failure> {
    let depot = project.depot();
    if !depot.is_away() {
        return Ok(());
    }
    let why = "it is on another machine, and what `cpanm` and `pip` install from is made there";
    Err(Trouble::new(format!("cannot do this to the depot `{}` from here", depot.place()), why)
        .hint("run it there, in a folder with a `pintail.toml` whose `depot.path` is that folder")
        .into())
}

fn cpan(project: &Project) -> Cpan {
    Cpan::new(project.depot().folder())
}

fn pypi(project: &Project) -> Pypi {
    Pypi::new(project.depot().folder())
}

/// Says why nothing seems to happen.
fn tell_wait(project: &Project) {
    if is_publishing(project.depot().folder()) {
        screen::narrate("somebody else publishes in the depot; waiting for them");
    }
}
