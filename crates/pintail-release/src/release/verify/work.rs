//! Is the work tree fit to be released from? A branch, nothing half done, nothing that is not committed, and git can sign
//! with a name.

use super::Order;
use crate::git::{record, repository};
use pintail_core::config::DepotPath;
use pintail_core::wire::Trouble;
use std::path::{Component, Path};

/// Changed files that are told by name.
const TOLD: usize = 10;

/// Tells what is wrong; the branch, where there is one.
pub(super) fn check(order: &Order<'_>, head: &str, all: &mut Vec<Trouble>) -> Option<String> {
    let folder = order.folder;
    let branch = settle(repository::branch(folder), "cannot tell the branch", all).flatten();
    if branch.is_none() {
        all.push(
            Trouble::new("will not release from here", "no branch is checked out (a detached HEAD)")
                .hint("`git switch BRANCH`"),
        );
    }
    if settle(repository::is_shallow(folder), "cannot tell how deep this clone is", all) == Some(true) {
        all.push(
            Trouble::new(
                "will not release from here",
                "its history is cut off (a shallow clone), so what is new can't be told",
            )
            .hint("`git fetch --unshallow --tags`"),
        );
    }
    if let Some(Some(what)) = settle(repository::under_way(folder), "cannot tell what is under way", all) {
        all.push(
            Trouble::new("will not release from here", format!("{what} is under way"))
                .hint("finish it, or give it up"),
        );
    }
    check_clean(order, all);
    if let Err(error) = repository::identity(folder) {
        all.push(
            Trouble::new("cannot commit and tag", error)
                .hint("`git config user.name NAME` and `git config user.email ADDRESS`"),
        );
        // Whether a signature could be made can't be tried without a name either.
        return branch;
    }
    let signs = signs(folder) || repository::is_set(folder, "commit.gpgSign") == Some(true);
    if let Some(Err(error)) = signs.then(|| record::try_signing(folder, head)) {
        all.push(
            Trouble::new("cannot sign", error)
                .hint("git is set up to sign: `git config user.signingKey`, `gpg.format`; `tag.gpgSign = false` does without"),
        );
    }
    branch
}

/// Whether git is set up to sign tags: it says so, or it has a key and does not say no.
pub(super) fn signs(folder: &Path) -> bool {
    repository::is_set(folder, "tag.gpgSign")
        .unwrap_or_else(|| repository::setting(folder, "user.signingKey").is_some())
}

fn check_clean(order: &Order<'_>, all: &mut Vec<Trouble>) {
    // What is in the depot is nobody's work, and the release itself adds to it.
    let DepotPath::Folder(depot) = &order.config.depot.path else {
        return told_changes(repository::changes(order.folder, None), all);
    };
    let is_inside = depot.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let tracked = repository::tracked(order.folder).unwrap_or_default();
    if is_inside && tracked.iter().any(|file| Path::new(file).starts_with(depot)) {
        let what = format!("the depot `{}` is committed", depot.display());
        let hint = format!("`git rm -r --cached {}`, and name it in `.gitignore`", depot.display());
        all.push(Trouble::new(what, "each release would contain those before it").hint(hint));
    }
    told_changes(repository::changes(order.folder, Some(&**depot).filter(|_| is_inside)), all);
}

fn told_changes(changes: std::io::Result<Vec<String>>, all: &mut Vec<Trouble>) {
    let Some(changes) =
        settle(changes, "cannot tell what is changed", all).filter(|changes| !changes.is_empty())
    else {
        return;
    };
    let mut why: Vec<String> = changes.iter().take(TOLD).cloned().collect();
    if changes.len() > TOLD {
        why.push(format!("and {} more", changes.len() - TOLD));
    }
    let (some, hint) = if changes.iter().all(|change| change.starts_with("??")) {
        ("files are there that git does not know", "commit them, remove them, or name them in `.gitignore`")
    } else {
        (
            "files are changed and not committed",
            "commit them or put them away: `git stash --include-untracked`",
        )
    };
    all.push(Trouble::new(format!("will not release from here: {some}"), why.join("\n")).hint(hint));
}

/// What git says, or a trouble.
fn settle<T>(said: std::io::Result<T>, what: &str, all: &mut Vec<Trouble>) -> Option<T> {
    said.map_err(|error| all.push(Trouble::new(what, error))).ok()
}
