//! What a deployment asks of whoever runs it: what the releases say of themselves, from wherever it can be had; what hosts
//! must have; and that the operator knows of it.

use crate::exit::Failure;
use crate::project::Project;
use crate::screen;
use pintail_core::config::Target;
use pintail_core::history::Acknowledged;
use pintail_core::name::ReleaseName;
use pintail_core::notes::{About, Requirement};
use pintail_core::plan::{Asks, Plan, Said, Wish, acknowledgement, between, going_back, key, requirements};
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use pintail_depot::Depot;
use pintail_fleet::target::Host;
use pintail_os::clock;
use pintail_release::about::about;

/// What the coming release and those that are live on `hosts` say: from the depot, else from a host that has it, else from
/// this checkout's history.
///
/// # Errors
/// The depot can't be read, or a host is gone.
pub(crate) fn said(
    project: &Project,
    depot: &Depot,
    target: &Target,
    wish: &Wish,
    hosts: &mut [Host],
) -> Result<Said, Trouble> {
    let live: Vec<Option<ReleaseName>> =
        hosts.iter().map(|host| host.observed.current.release().cloned()).collect();
    let coming = match wish {
        Wish::Release(release) => {
            let name = &project.config.name;
            let own = depot.about(name, &release.version, &release.digest);
            let own = own.map_err(|error| {
                Trouble::new(format!("cannot read what `{name}` {} asks", release.version), error)
            })?;
            own.or_else(|| from_history(project, release.commit.as_deref(), &release.version))
        }
        Wish::Back(_) => {
            let Some(host) = hosts.first_mut() else { return Ok(Said::default()) };
            match going_back(wish, &target.name, &host.observed) {
                Some(release) => host.session.about(&release)?,
                None => None,
            }
        }
    };
    let mut said = Said { coming, live: Vec::new() };
    if said.coming.is_none() {
        return Ok(said);
    }
    for (host, live) in hosts.iter_mut().zip(live) {
        let Some(live) = live.filter(|live| said.of(live).is_none()) else { continue };
        if let Some(about) = about_live(project, host, &live)? {
            said.live.push((live, about));
        }
    }
    Ok(said)
}

/// What the release `live`, which is live on `host`, says of itself.
pub(crate) fn about_live(
    project: &Project,
    host: &mut Host,
    live: &ReleaseName,
) -> Result<Option<About>, Trouble> {
    let (depot, name) = (project.depot(), &project.config.name);
    let there = depot.find(name, live.version()).ok().filter(|card| live.fits(&card.digest));
    if let Some(card) = there
        && let Ok(Some(about)) = depot.about(name, live.version(), &card.digest)
    {
        return Ok(Some(about));
    }
    if let Some(about) = host.session.about(live)? {
        return Ok(Some(about));
    }
    let made = host.observed.deployments.iter().rev().find(|deployment| deployment.release == *live);
    Ok(from_history(project, made.and_then(|made| made.commit.as_deref()), live.version()))
}

/// What a release of the commit that is now will ask where `target` is, by what is live there; and what its hosts lack of
/// what commits require, as a refusal.
///
/// # Errors
/// A host can't be asked, or this history can't be read.
pub(crate) fn before_release(
    project: &Project,
    target: &Target,
    version: &Version,
) -> Result<(Vec<Asks>, Option<Trouble>), Failure> {
    let mut hosts = project.operator()?.observe(target)?;
    let coming = about(&project.folder, "HEAD", version, &project.config)?;
    let mut said = Said { coming: Some(coming), live: Vec::new() };
    let (mut all, mut lacking) = (Vec::new(), Vec::new());
    for host in &mut hosts {
        let live = host.observed.current.release().cloned();
        if let Some(live) = live.clone().filter(|live| said.of(live).is_none())
            && let Some(about) = about_live(project, host, &live)?
        {
            said.live.push((live, about));
        }
        let asks = between(&said, live.as_ref(), &target.name);
        lacking.extend(lacks(host, &requirements(std::slice::from_ref(&asks)))?);
        if !all.contains(&asks) && !asks.is_nothing() {
            all.push(asks);
        }
    }
    let lacking = (!lacking.is_empty()).then(|| {
        refusal(&format!("cannot stage on `{}`", target.name), &lacking)
            .hint("bring it there, and release again; nothing was changed")
    });
    Ok((all, lacking))
}

/// Refuses where `given` does not acknowledge what `wanted` would, and nobody can be asked.
///
/// # Errors
/// That it doesn't.
pub(crate) fn refuse_unacknowledged(
    target: &str,
    wanted: Option<&str>,
    given: Option<&str>,
) -> Result<(), Trouble> {
    let cannot = || format!("will not change `{target}` before its notes are acknowledged");
    let say = |digest: &str| format!("`--ack {digest}` says that you know of all of them; `--yes` does not");
    match (wanted, given) {
        (None, _) => Ok(()),
        (Some(wanted), Some(given)) if wanted == given => Ok(()),
        (Some(wanted), Some(given)) => {
            let why = format!(
                "`{given}` is not the digest of this list, which has changed since or is another one's"
            );
            Err(Trouble::new(cannot(), why).hint(format!("read it anew: {}", say(wanted))))
        }
        (Some(wanted), None) => {
            let why = "standard input is no terminal, so nobody can acknowledge them";
            Err(Trouble::new(cannot(), why).hint(say(wanted)))
        }
    }
}

/// What the history of this checkout says, where it has the commit: releases that came without words of their own.
fn from_history(project: &Project, commit: Option<&str>, version: &Version) -> Option<About> {
    about(&project.folder, commit?, version, &project.config).ok()
}

/// Refuses where a host lacks what commits want it to have; nothing has changed then.
///
/// # Errors
/// What every host lacks.
pub(crate) fn check(plan: &Plan, hosts: &mut [Host]) -> Result<(), Trouble> {
    let requires = requirements(&plan.asks);
    if requires.is_empty() {
        return Ok(());
    }
    let mut lacking = Vec::new();
    for host in hosts {
        let is_asked = plan.asks.iter().any(|asks| asks.hosts.iter().any(|name| name == host.session.host()));
        if is_asked {
            lacking.extend(lacks(host, &requires)?);
        }
    }
    match lacking.is_empty() {
        true => Ok(()),
        false => Err(refusal(&format!("cannot deploy to `{}`", plan.target), &lacking)
            .hint("bring it there, and deploy again; nothing was changed")),
    }
}

/// What `host` lacks of what is required, a line each.
fn lacks(host: &mut Host, requires: &[Requirement]) -> Result<Vec<String>, Trouble> {
    if requires.is_empty() {
        return Ok(Vec::new());
    }
    let found = host.session.check(requires)?;
    Ok(found.into_iter().map(|what| format!("{}: {what}", host.session.host())).collect())
}

fn refusal(what: &str, lacking: &[String]) -> Trouble {
    Trouble::new(
        format!("{what}: its hosts lack what commits require (`Deploy-Requires`)"),
        lacking.join("\n"),
    )
}

/// Has the operator acknowledge what the plan asks, and writes it into the plan. `given` is what was typed. Whether it may
/// go on.
///
/// # Errors
/// It was not acknowledged, and nobody can be asked; or another list was.
pub(crate) fn acknowledge(plan: &mut Plan, given: Option<&str>, by: &str) -> Result<bool, Trouble> {
    let wanted = acknowledgement(&plan.asks);
    if wanted.is_none() {
        return Ok(true);
    }
    match given {
        None if screen::can_ask() => {
            if screen::ask("do you know of all of these, and see to them?") != Some(true) {
                return Ok(false);
            }
        }
        given => refuse_unacknowledged(&plan.target, wanted.as_deref(), given)?,
    }
    let items = plan.asks.iter().flat_map(|asks| asks.notes.asks.iter().chain(&asks.notes.taken_back));
    let mut of: Vec<String> =
        items.filter(|item| item.acknowledge).flat_map(|item| item.from.iter().map(key)).collect();
    of.sort();
    of.dedup();
    let digest = wanted.unwrap_or_default();
    let acknowledged = Acknowledged { digest, by: by.to_owned(), at_ms: clock::now_ms(), of };
    for host in &mut plan.hosts {
        if let Some(plan) = &mut host.plan {
            plan.acknowledged = Some(acknowledged.clone());
        }
    }
    Ok(true)
}
