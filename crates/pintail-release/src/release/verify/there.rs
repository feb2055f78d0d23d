//! Is the remote where it is believed to be? The branch is one to release from and in step with the remote's, the tag is
//! free, and this commit was not released before. The remote is only asked; nothing is fetched.

use super::Order;
use crate::git::remote::{self, There};
use crate::git::repository::{self, Tagged};
use crate::release::plan::short;
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use std::path::Path;

/// A version that was released, here or there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Released {
    pub(super) version: Version,
    /// Its commit.
    pub(super) commit: String,
}

/// The remote, and what it has.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) name: String,
    /// The branch there.
    pub(super) branch: String,
    /// Every version that has a tag, here or there.
    pub(super) released: Vec<Released>,
    there: There,
}

/// Tells what is wrong; the remote, where it answers.
pub(super) fn check(
    order: &Order<'_>,
    head: &str,
    branch: Option<&str>,
    all: &mut Vec<Trouble>,
) -> Option<Remote> {
    let folder = order.folder;
    let upstream = |what: &str| {
        branch.and_then(|branch| repository::setting(folder, &format!("branch.{branch}.{what}")))
    };
    let said = order.config.release.remote.clone().or_else(|| upstream("remote"));
    let name = said.unwrap_or_else(|| "origin".to_owned());
    let remotes = repository::remotes(folder).unwrap_or_default();
    if !remotes.contains(&name) {
        let why = match &remotes[..] {
            [] => "this repository has no remote".to_owned(),
            some => format!("there is no remote `{name}`; there is `{}`", some.join("`, `")),
        };
        all.push(
            Trouble::new("cannot push a release", why)
                .hint(format!("`git remote add {name} URL`, or name another as `release.remote`")),
        );
        return None;
    }
    let places = remote::pushed_to(folder, &name).unwrap_or_default();
    if places.len() > 1 {
        let why = format!(
            "it is pushed to {} places: `{}`, and no push is to all or none of them",
            places.len(),
            places.join("`, `")
        );
        all.push(
            Trouble::new(format!("cannot push a release to `{name}`"), why)
                .hint("name a remote with one place as `release.remote`"),
        );
    }
    let there = match remote::look(folder, &name) {
        Ok(there) => there,
        Err(error) => {
            all.push(
                Trouble::new(format!("cannot ask the remote `{name}` what it has"), error)
                    .hint(format!("`git ls-remote {name}` must work without a question")),
            );
            return None;
        }
    };
    let merge = upstream("merge").filter(|_| upstream("remote").as_ref() == Some(&name));
    let merge = merge.and_then(|merge| merge.strip_prefix("refs/heads/").map(str::to_owned));
    let remote_branch = merge.or_else(|| branch.map(str::to_owned));
    let released = released(order, &there, all);
    if let (Some(branch), Some(remote_branch)) = (branch, &remote_branch) {
        check_branch(order, (&name, &there), branch, remote_branch, all);
        check_step(folder, (&name, &there), head, remote_branch, all);
    }
    if let Some(same) = released.iter().find(|released| released.commit == head) {
        let why = format!("{} was released as {} already", short(head), same.version);
        all.push(
            Trouble::new(format!("will not release `{}` again", order.config.name), why)
                .hint(format!("`pintail deploy TARGET {}` brings it where it is wanted", same.version)),
        );
    }
    Some(Remote { name, branch: remote_branch?, released, there })
}

fn released(order: &Order<'_>, there: &There, all: &mut Vec<Trouble>) -> Vec<Released> {
    let here = repository::tags(order.folder).unwrap_or_else(|error| {
        all.push(Trouble::new("cannot tell which versions were released", error));
        Vec::new()
    });
    let of = |tagged: &Tagged| {
        let version = order.config.release.tag.version(&tagged.name)?;
        // A tag that is no version, such as `nightly`, where the template is the version alone.
        let version = Some(version)
            .filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))?
            .parse()
            .ok()?;
        Some(Released { version, commit: tagged.commit.clone() })
    };
    let mut released: Vec<Released> = there.tags.iter().chain(&here).filter_map(of).collect();
    released.sort_by(|a, b| a.version.cmp(&b.version));
    released.dedup();
    released
}

/// The branch is the one that releases come from.
fn check_branch(
    order: &Order<'_>,
    (name, there): (&str, &There),
    branch: &str,
    remote_branch: &str,
    all: &mut Vec<Trouble>,
) {
    let what = || format!("will not release from `{branch}`");
    match (&order.config.release.branch, &there.default) {
        (Some(allowed), _) if allowed != branch => {
            let why = format!("`release.branch` says that releases come from `{allowed}`");
            all.push(Trouble::new(what(), why).hint(format!("`git switch {allowed}`")));
        }
        (None, Some(default)) if default != remote_branch => {
            let why =
                format!("the default branch of `{name}` is `{default}`, and `release.branch` says no other");
            all.push(
                Trouble::new(what(), why).hint(format!("`git switch {default}`, or set `release.branch`")),
            );
        }
        (None, None) if !there.branches.is_empty() => {
            let why = format!("`{name}` has no default branch, and `release.branch` says none");
            all.push(Trouble::new(what(), why).hint(format!("set `release.branch = \"{branch}\"`")));
        }
        _ => {}
    }
}

/// All that the remote's branch has is here. What is here and not there is pushed with the release.
fn check_step(
    folder: &Path,
    (name, there): (&str, &There),
    head: &str,
    remote_branch: &str,
    all: &mut Vec<Trouble>,
) {
    let Some(tip) = there.branches.get(remote_branch) else { return };
    let why = match repository::has(folder, tip) {
        true if repository::is_ancestor(folder, tip, head) => return,
        true if repository::is_ancestor(folder, head, tip) => {
            format!("it has commits that are not in {}", short(head))
        }
        true => "it has gone another way: each has commits that the other lacks".to_owned(),
        false => "it has commits that were not fetched yet".to_owned(),
    };
    all.push(
        Trouble::new(format!("not in step with `{remote_branch}` of `{name}`"), why)
            .hint("`git pull --rebase`, look, and release then"),
    );
}

impl Remote {
    /// The tag is free, here and there.
    pub(super) fn check_tag(&self, folder: &Path, tag: &str, all: &mut Vec<Trouble>) {
        let here = repository::reference(folder, &format!("refs/tags/{tag}"));
        let Some(here) = here
            .map_err(|error| all.push(Trouble::new(format!("cannot look for the tag `{tag}`"), error)))
            .ok()
        else {
            return;
        };
        let is_here = here.is_some();
        let place = match (is_here, self.there.tag(tag).is_some()) {
            (false, false) => return,
            (true, false) => "here".to_owned(),
            (false, true) => format!("at `{}`", self.name),
            (true, true) => format!("here and at `{}`", self.name),
        };
        let hint = if is_here && self.there.tag(tag).is_none() {
            format!("if it is a leftover that nobody has: `git tag -d {tag}`")
        } else {
            "release the next version".to_owned()
        };
        all.push(
            Trouble::new(format!("cannot make the tag `{tag}`"), format!("it is there already, {place}"))
                .hint(hint),
        );
    }
}
