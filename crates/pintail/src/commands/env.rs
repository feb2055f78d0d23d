//! `env`: each host's own settings. Values are never shown.

use super::operation::{as_it_ended, on_each};
use crate::args::Env;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use crate::screen;
use pintail_core::wire::{Ask, Trouble};
use serde::Serialize;
use std::io::Read;

/// The format of `env list --json`.
const FORMAT: u32 = 1;
/// A longer value is no setting.
const VALUE_MAX: u64 = 128 << 10;

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
    let mut value = String::new();
    std::io::stdin().take(VALUE_MAX).read_to_string(&mut value).map_err(|error| {
        Trouble::new(format!("cannot read the value of `{typed}` from standard input"), error)
    })?;
    Ok((typed.to_owned(), Some(value.trim_end_matches('\n').to_owned())))
}

fn change(place: &Place, target: &str, changes: Vec<(String, Option<String>)>) -> Result<Exit, Failure> {
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
