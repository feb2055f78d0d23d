//! `notes`: what the commits between two versions ask of whoever deploys them.

use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::{CONFIG_NAME, Place, Project};
use crate::screen;
use pintail_core::config::{Config, read_bytes, render};
use pintail_core::notes::{About, Gathered, Note, Says, computed, gather, gather_for_all};
use pintail_core::version::Version;
use pintail_release::about::about;
use pintail_release::git;
use serde::Serialize;

use super::notes_screen::{self, End};

/// The format of `notes --json`.
const FORMAT: u32 = 1;
/// What stands between the ends of a range.
const BETWEEN: &str = "..";

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    app: &'a str,
    from: Option<&'a End>,
    to: &'a End,
    target: Option<&'a str>,
    /// Acknowledges the list.
    digest: Option<String>,
    #[serde(flatten)]
    gathered: &'a Gathered,
    computed: &'a [Note],
    left_out: u32,
}

pub(crate) fn run(place: &Place, args: &args::Notes) -> Result<Exit, Failure> {
    let project = place.project()?;
    if let Some(target) = &args.target {
        project.target(target)?;
    }
    let (from, to) = ends(&project, &args.range)?;
    let coming = about_end(&project, &to)?;
    let live = match &from {
        Some(from) => about_end(&project, from)?,
        // Nothing is before the first commit: all is asked.
        None => About { notes: Vec::new(), left_out: 0, ..coming.clone() },
    };
    let gathered = match &args.target {
        Some(target) => gather(Some(&live), &coming, target),
        None => gather_for_all(&live, &coming),
    };
    let computed = computed(&live, &coming);
    if args.json {
        screen::print_document(&Document {
            format: FORMAT,
            app: project.config.name.as_str(),
            from: from.as_ref(),
            to: &to,
            target: args.target.as_deref(),
            digest: gathered.digest(),
            gathered: &gathered,
            computed: &computed,
            left_out: coming.left_out,
        });
    } else {
        screen::print(&notes_screen::shown(from.as_ref(), &to, &gathered, &computed));
    }
    if coming.left_out > 0 {
        screen::narrate(&format!("note: the {} oldest commits with notes are left out", coming.left_out));
    }
    let is_unread = gathered.asks.iter().any(|item| item.acknowledge && matches!(item.says, Says::Fault(_)));
    Ok(if is_unread { Exit::Refused } else { Exit::Done })
}

/// The ends of a range; the whole history has no first.
fn ends(project: &Project, range: &str) -> Result<(Option<End>, End), Failure> {
    let (from, to) = match range.split_once(BETWEEN) {
        Some((_, to)) if to.starts_with('.') => {
            let hint = "two dots: `pintail notes FROM..TO`";
            return Err(Failure::usage(format!("`{range}` is no range"), "it has three dots", hint));
        }
        Some((from, to)) => (Some(from).filter(|from| !from.is_empty()), to),
        None => (None, range),
    };
    let from = from.map(|name| end(project, name)).transpose()?;
    Ok((from, end(project, if to.is_empty() { "HEAD" } else { to })?))
}

/// What a version or a commit's name names: a version first, by its tag.
fn end(project: &Project, name: &str) -> Result<End, Failure> {
    let tag = project.config.release.tag.tag(name);
    let found = git::commit(&project.folder, &format!("refs/tags/{tag}"));
    let commit = found.or_else(|_| git::commit(&project.folder, name)).map_err(|_| {
        let why = format!(
            "there is neither a tag `{tag}` nor a commit of that name in `{}`",
            project.folder.display()
        );
        Failure::usage(
            format!("`{name}` names no version and no commit"),
            why,
            "`git fetch --tags` brings what others tagged",
        )
    })?;
    Ok(End { name: name.to_owned(), commit })
}

fn about_end(project: &Project, end: &End) -> Result<About, Failure> {
    // What is shown doesn't have the version, and a commit has none.
    let version: Version = end.name.parse().unwrap_or_else(|_| "0".parse().expect("a number is a version"));
    Ok(about(&project.folder, &end.commit, &version, &config_at(project, end))?)
}

/// The configuration of that commit, or the one of now.
fn config_at(project: &Project, end: &End) -> Config {
    let name = format!("{}:{CONFIG_NAME}", end.name);
    let listed = git::listed(&project.folder, &end.commit, &[CONFIG_NAME]).unwrap_or_default();
    let read = match listed.first().map(|file| git::content(&project.folder, file)) {
        Some(Ok(bytes)) => read_bytes(&bytes, &name).map_err(|problems| render(&problems)),
        Some(Err(error)) => Err(error.to_string()),
        None => Err(format!("`{}` has no `{CONFIG_NAME}`\n", end.name)),
    };
    read.unwrap_or_else(|why| {
        screen::narrate(&format!("note: tasks, targets and settings are those of now\n  {}", why.trim_end()));
        project.config.clone()
    })
}
