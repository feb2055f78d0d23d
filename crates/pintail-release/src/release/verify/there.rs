//! Is the remote where it is believed to be? The branch is one to release from and in step with the remote's, the tag is
//! free, and this commit was not released before. The remote is only asked; nothing is fetched.

use super::Order;
use crate::git::remote::{self, There};
use crate::git::repository::{self, Tagged};
use crate::release::plan::short;
use pintail_core::config::ReleaseRules;
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use std::path::Path;

/// A version that was released, here or there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Released {
    pub(super) version: Version,
    /// The tag that says so.
    pub(super) tag: String,
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
        // git's own word for "this very repository", to which nothing can be pushed, and which no remote can be called.
        let is_here = name == ".";
        let why = match &remotes[..] {
            _ if is_here => "the branch goes with one of this repository itself".to_owned(),
            [] => "this repository has no remote".to_owned(),
            some => format!("there is no remote `{name}`; there is `{}`", some.join("`, `")),
        };
        let hint = match &remotes[..] {
            [_, ..] if is_here => format!("name `{}` as `release.remote`", remotes.join("` or `")),
            _ if is_here => "`git remote add origin URL`, and name it as `release.remote`".to_owned(),
            _ => format!("`git remote add {name} URL`, or name another as `release.remote`"),
        };
        all.push(Trouble::new("cannot push a release", why).hint(hint));
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
    let tags = || there.tags.iter().chain(&here);
    let template = &order.config.release.tag;
    let mut released: Vec<Released> =
        tags().filter_map(|tagged| version_in(tagged, template.version(&tagged.name))).collect();
    if released.is_empty() && *template == ReleaseRules::default().tag {
        // Where nobody said what tags look like and none looks as they do then, they may look as most people's do. A
        // release would start anew beside them. What else is in the way is told by these.
        released = tags().filter_map(|tagged| version_in(tagged, tagged.name.strip_prefix('v'))).collect();
        all.extend(
            released.iter().max_by_key(|released| &released.version).map(|latest| other_form(order, latest)),
        );
    }
    released.sort_by(|a, b| a.version.cmp(&b.version));
    released.dedup();
    released
}

/// What a tag says that has this `version` in it. One that is no version, such as `nightly`, is another kind of tag.
fn version_in(tagged: &Tagged, version: Option<&str>) -> Option<Released> {
    let version =
        version.filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))?.parse().ok()?;
    Some(Released { version, tag: tagged.name.clone(), commit: tagged.commit.clone() })
}

fn other_form(order: &Order<'_>, latest: &Released) -> Trouble {
    let Released { version, tag, .. } = latest;
    let why = format!("no tag is a version alone, and `{tag}` is there, which `release.tag` says nothing of");
    Trouble::new(format!("cannot tell which versions of `{}` were released", order.config.name), why).hint(
        format!("set `release.tag = \"v{{version}}\"`; to go on without the `v`: `git tag {version} {tag}`"),
    )
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
        all.extend(self.beside(folder, tag));
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
    /// git keeps tags as files in folders, so there is no `rel/1` beside a `rel`.
    fn beside(&self, folder: &Path, tag: &str) -> Option<Trouble> {
        let is_within =
            |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        let here = repository::tags(folder).unwrap_or_default();
        let in_the_way = |tagged: &&Tagged| is_within(&tagged.name, tag) || is_within(tag, &tagged.name);
        let here = here.iter().find(in_the_way).map(|tagged| (&tagged.name, "here".to_owned()));
        let there = || self.there.tags.iter().find(in_the_way);
        let (other, place) =
            here.or_else(|| there().map(|tagged| (&tagged.name, format!("at `{}`", self.name))))?;
        let why =
            format!("there is a tag `{other}` {place}, and git has no tag beside another that is its folder");
        Some(
            Trouble::new(format!("cannot make the tag `{tag}`"), why)
                .hint("set another form as `release.tag`, or give that tag another name"),
        )
    }
}
