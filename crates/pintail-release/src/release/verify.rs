//! Is everything fit to be released? Looks at all of it, changes nothing, and makes the plan, or tells everything that is
//! in the way at once.

mod work;

mod there;

mod number;

mod written;

mod generated;

use super::plan::{FORMAT, Plan, Step};
use super::stage::{Live, Stage};
use crate::bump::Places;
use crate::git;
use crate::git::repository;
use crate::next::Wanted;
use pintail_core::config::Config;
use pintail_core::name::ReleaseName;
use pintail_core::wire::Trouble;
use pintail_depot::{Depot, DepotError};
use pintail_os::files;
use pintail_os::program::Stream;
use std::path::Path;

/// Commits that are told.
const COMMITS_MAX: usize = 1000;

/// What is to be released.
#[derive(Debug)]
pub struct Order<'a> {
    /// The project's folder: where its `pintail.toml` is.
    pub folder: &'a Path,
    /// Its configuration.
    pub config: &'a Config,
    /// Its depot.
    pub depot: &'a Depot,
    /// Which version.
    pub wanted: &'a Wanted,
    /// Whether it goes to no target first.
    pub skip_stage: bool,
    /// Today, `2026-11-25`.
    pub day: &'a str,
}

/// Verifies everything. `heard` gets what the build steps say; they stop once `wanted` says no.
///
/// # Errors
/// All that is in the way.
pub fn verify(
    order: &Order<'_>,
    stage: &mut dyn Stage,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> Result<Plan, Vec<Trouble>> {
    let Order { folder, config, .. } = order;
    let what = || format!("cannot release `{}`", config.name);
    // Without these two there is nothing to look at.
    repository::own_path(folder, "pintail").map_err(|error| {
        vec![
            Trouble::new(what(), error)
                .hint("a release is made from a git repository: `git init`, and commit"),
        ]
    })?;
    let head = git::commit(folder, "HEAD")
        .map_err(|_| vec![Trouble::new(what(), "nothing was committed yet").hint("commit your work")])?;

    let mut all = Vec::new();
    let branch = work::check(order, &head, &mut all);
    let remote = there::check(order, &head, branch.as_deref(), &mut all);
    let released = remote.as_ref().map(|remote| &remote.released[..]).unwrap_or_default();
    let places = written::places(order, &mut all);
    // Where no file can say it, the tags can.
    let number = number::check(order, places.as_ref().unwrap_or(&Places::default()), released, &mut all);
    let commits = number.as_ref().map(|number| number.commits(folder, &head)).unwrap_or_default();
    let edits = match (&places, &number) {
        (Some(places), Some(number)) => written::edits(order, places, number, &commits, &mut all),
        _ => written::Edits::default(),
    };
    if let (Some(remote), Some(number)) = (&remote, &number) {
        remote.check_tag(folder, &config.release.tag.tag(number.version.as_str()), &mut all);
    }
    if let Some(number) = &number {
        check_depot(order, number, &mut all);
    }
    check_stage(order, stage, &mut all);
    generated::check(order, &head, heard, wanted, &mut all);

    let (true, Some(branch), Some(remote), Some(number)) = (all.is_empty(), branch, remote, number) else {
        return Err(all);
    };
    let mut notes = notes(order, &number.notes(folder, &head));
    notes.extend(written::left_behind(order, places.as_ref()));
    notes.extend_from_slice(&edits.notes);
    let steps = steps(order, &number, edits);
    let pivot = steps.iter().position(|step| *step == Step::Push).unwrap_or(steps.len());
    Ok(Plan {
        format: FORMAT,
        app: config.name.clone(),
        tag: config.release.tag.tag(number.version.as_str()),
        version: number.version,
        latest: number.latest.map(|latest| latest.version),
        head,
        branch,
        remote: remote.name,
        remote_branch: remote.branch,
        commits,
        notes,
        steps,
        pivot,
    })
}

fn steps(order: &Order<'_>, number: &number::Number, edits: written::Edits) -> Vec<Step> {
    let Order { folder, config, .. } = order;
    let mut steps = Vec::new();
    let mut changed: Vec<String> = edits.bump.iter().map(|edit| edit.path.clone()).collect();
    if !edits.bump.is_empty() {
        steps.push(Step::Bump { edits: edits.bump });
    }
    if let Some(edit) = edits.changelog {
        changed.push(edit.path.clone());
        steps.push(Step::Changelog { edit });
    }
    changed.sort();
    changed.dedup();
    if !changed.is_empty() {
        steps.push(Step::Commit { files: changed, message: format!("release {}", number.version) });
    }
    steps.push(Step::Build { steps: config.build.steps.clone() });
    if let Some(command) = &config.build.test {
        steps.push(Step::Prove { command: command.clone() });
    }
    if let Some(target) = target(order) {
        steps.push(Step::Stage { target: target.to_owned() });
    }
    let name = config.release.tag.tag(number.version.as_str());
    steps.extend([Step::Tag { name, signed: work::signs(folder) }, Step::Push, Step::Publish]);
    steps
}

fn target<'a>(order: &Order<'a>) -> Option<&'a str> {
    order.config.release.stage.as_deref().filter(|_| !order.skip_stage)
}

fn notes(order: &Order<'_>, more: &[String]) -> Vec<String> {
    let mut notes = more.to_vec();
    if order.config.build.test.is_none() {
        notes.push("there is no `build.test`, so nothing proves the artifact".to_owned());
    }
    if order.config.release.stage.is_none() {
        notes.push("there is no `release.stage`, so it lives nowhere before it is pushed".to_owned());
    } else if order.skip_stage {
        notes.push("it lives nowhere before it is pushed, since `--skip-stage` says so".to_owned());
    }
    notes
}

/// The depot can take it, and has no such version.
fn check_depot(order: &Order<'_>, number: &number::Number, all: &mut Vec<Trouble>) {
    let (name, version, depot) = (&order.config.name, &number.version, order.depot);
    let what = || format!("cannot publish `{name}` {version} in `{}`", depot.folder().display());
    match depot.find(name, version) {
        Err(DepotError::NotFound { .. }) => {}
        Err(error) => all.push(Trouble::new(what(), error)),
        Ok(card) => all.push(
            Trouble::new(
                what(),
                format!("the depot has that version already, digest {}", card.digest.short()),
            )
            .hint("a published version never changes: release the next one"),
        ),
    }
    let there = depot.folder().ancestors().find(|folder| folder.exists());
    if !there.is_some_and(files::is_writable) {
        all.push(Trouble::new(what(), "that folder can't be written to"));
    }
}

/// The target can be reached, and the way back is clear.
fn check_stage(order: &Order<'_>, stage: &mut dyn Stage, all: &mut Vec<Trouble>) {
    let Some(target) = target(order) else { return };
    let requires = order.config.target(target).and_then(|target| target.requires.as_ref());
    if let Some(requires) = requires {
        let why =
            format!("`{target}` takes only what was live on `{requires}`, where a new release never was");
        all.push(
            Trouble::new(format!("cannot stage on `{target}`"), why)
                .hint("let `release.stage` be a target without `requires`"),
        );
    }
    match stage.live(target) {
        Ok(hosts) => {
            let unfinished = |host: &Live| {
                let what = host.unfinished.as_ref()?;
                let hint =
                    format!("`pintail resume {target}` finishes it, `pintail abort {target}` undoes it");
                Some(
                    Trouble::new(format!("cannot stage on `{target}`"), format!("`{}`: {what}", host.host))
                        .hint(hint),
                )
            };
            all.extend(hosts.iter().filter_map(unfinished));
            all.extend(one_release(target, &hosts).err());
        }
        Err(trouble) => all.push(trouble),
    }
}

/// The release that is live on every host of the target: the one that undoing goes back to.
pub(super) fn one_release(target: &str, hosts: &[Live]) -> Result<Option<ReleaseName>, Trouble> {
    let first = hosts.first().and_then(|host| host.release.clone());
    if hosts.iter().all(|host| host.release == first) {
        return Ok(first);
    }
    let told = |host: &Live| {
        let release = host.release.as_ref().map_or("nothing".to_owned(), ToString::to_string);
        format!("`{}` serves {release}", host.host)
    };
    let why = hosts.iter().map(told).collect::<Vec<_>>().join(", ");
    Err(Trouble::new(format!("cannot stage on `{target}`"), format!("its hosts are not alike: {why}")).hint(
        format!("`pintail deploy {target} VERSION` makes them so; then there is one release to go back to"),
    ))
}
