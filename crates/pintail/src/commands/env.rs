//! `env`: each host's own settings. Values are never shown.

use super::operation::{as_it_ended, on_each};
use crate::args::Env;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use crate::screen;
use pintail_core::setting;
use pintail_core::wire::{Ask, Trouble};
use serde::Serialize;
use std::io::Read;

/// The format of `env list --json`.
const FORMAT: u32 = 1;
/// Bytes of standard input that are read for a value: more than any may have, so that its size can be told.
const INPUT_MAX: u64 = 16 << 20;

#[derive(Serialize)]
struct Document {
    format: u32,
    target: String,
    hosts: Vec<HostSettings>,
}

#[derive(Serialize)]
struct HostSettings {
    host: String,
    settings: Vec<String>,
}

pub(crate) fn run(place: &Place, env: &Env) -> Result<Exit, Failure> {
    match env {
        Env::List { target, json } => list(place, target, *json),
        Env::Set { target, settings, .. } => {
            if settings.iter().filter(|typed| !typed.contains('=')).count() > 1 {
                let why = "standard input holds one value";
                return Err(Failure::usage(
                    "more than one name has no value",
                    why,
                    "set them one after the other",
                ));
            }
            let changes = settings.iter().map(|typed| setting(typed)).collect::<Result<_, _>>()?;
            change(place, target, changes)
        }
        Env::Unset { target, names, .. } => {
            change(place, target, names.iter().map(|name| (name.clone(), None)).collect())
        }
    }
}

fn list(place: &Place, target: &str, json: bool) -> Result<Exit, Failure> {
    let project = place.project()?;
    let hosts = project.operator()?.observe(project.target(target)?)?;
    for host in &hosts {
        if let Some(fault) = &host.observed.settings_fault {
            let what = format!("{} on `{}`", fault.what, host.session.host());
            let hint = format!("mend that line; `pintail doctor {target}` looks again");
            let trouble = Trouble::new(what, &fault.why);
            return Err(trouble.hint(fault.hint.clone().unwrap_or(hint)).into());
        }
    }
    let hosts: Vec<HostSettings> = hosts
        .into_iter()
        .map(|host| HostSettings { host: host.session.host().to_owned(), settings: host.observed.settings })
        .collect();
    if json {
        screen::print_document(&Document { format: FORMAT, target: target.to_owned(), hosts });
        return Ok(Exit::Done);
    }
    for host in hosts {
        let names = if host.settings.is_empty() { "no settings".to_owned() } else { host.settings.join(" ") };
        screen::print(&format!("{}: {names}", host.host));
    }
    Ok(Exit::Done)
}

fn setting(typed: &str) -> Result<(String, Option<String>), Failure> {
    if let Some((name, value)) = typed.split_once('=') {
        return Ok((name.to_owned(), Some(value.to_owned())));
    }
    let what = || format!("cannot set `{typed}` from standard input");
    let mut value = Vec::new();
    std::io::stdin().take(INPUT_MAX).read_to_end(&mut value).map_err(|error| Trouble::new(what(), error))?;
    let length = value.len() - value.iter().rev().take_while(|byte| **byte == b'\n').count();
    value.truncate(length);
    // Whatever is in it: of a whole file taken for a value, its size says most.
    setting::fits(typed, length).map_err(|why| Trouble::new(what(), why))?;
    let value = String::from_utf8(value).map_err(|_| Trouble::new(what(), "the value is not UTF-8"))?;
    Ok((typed.to_owned(), Some(value)))
}

/// Everything that is wrong with what was typed, before any host is asked.
fn check(target: &str, changes: &[(String, Option<String>)]) -> Result<(), Failure> {
    let mut wrong: Vec<String> =
        changes.iter().filter_map(|(name, value)| setting::check(name, value.as_deref()).err()).collect();
    let twice = setting::twice(changes.iter().map(|(name, _)| name.as_str()));
    wrong.extend(twice.map(|name| format!("`{name}` is named twice")));
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Trouble::new(format!("cannot change the settings of `{target}`"), wrong.join("\n")).into())
}

fn change(place: &Place, target: &str, changes: Vec<(String, Option<String>)>) -> Result<Exit, Failure> {
    check(target, &changes)?;
    let project = place.project()?;
    on_each(
        &project,
        project.target(target)?,
        false,
        false,
        |_| Ask::Settings { changes: changes.clone() },
        as_it_ended,
    )
}
