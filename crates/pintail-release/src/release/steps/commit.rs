//! *commit*: what changed is committed, with the operator's hooks. Undone, the branch is back where it was, but never at
//! the price of somebody's work: where there are commits on top, or changes in those files, it says so and stays.

use crate::git::{record, repository};
use crate::release::hands::Hands;
use crate::release::memo::Memo;
use crate::release::plan::short;
use pintail_saga::Failure;

pub(super) fn look(hands: &Hands<'_>) -> Result<Memo, Failure> {
    let (head, branch) = (&hands.plan.head, &hands.plan.branch);
    let what = || format!("cannot commit to `{branch}`");
    if repository::branch(hands.folder).ok().flatten().as_ref() != Some(branch) {
        return Err(Failure::new(what(), "it is no longer the branch that is checked out"));
    }
    match hands.tip()? {
        tip if tip == *head => Ok(Memo::Commit { commit: tip }),
        _ => Err(Failure::new(what(), format!("it is no longer at {}", short(head))).hint("say it again")),
    }
}

pub(super) fn act(hands: &Hands<'_>, files: &[String], message: &str) -> Result<(), Failure> {
    let what = || format!("cannot commit `{message}`");
    let fail = |error: &dyn std::fmt::Display| Failure::new(what(), error.to_string());
    let prefix = repository::prefix(hands.folder).map_err(|error| fail(&error))?;
    let files: Vec<String> = files.iter().map(|file| format!("{prefix}{file}")).collect();
    let more = |there: &[String]| {
        let more = there.iter().filter(|file| !files.contains(file)).map(|file| format!("`{file}`"));
        more.collect::<Vec<_>>().join(", ")
    };
    if hands.tip()? == hands.plan.head {
        record::add(hands.folder, &files).map_err(|error| fail(&error))?;
        let foreign = more(&repository::added(hands.folder).map_err(|error| fail(&error))?);
        if !foreign.is_empty() {
            return Err(fail(&format!("more was added to be committed meanwhile: {foreign}")));
        }
        hands.cut.point()?;
        let mut heard = |stream, bytes: &[u8]| hands.ear.borrow_mut().output(stream, bytes);
        let wanted = || hands.is_wanted();
        record::commit(hands.folder, message, &hands.work, &mut heard, &wanted)
            .map_err(|error| fail(&error))?;
        let made = hands.tip()?;
        let message = repository::message(hands.folder, &made).map_err(|error| fail(&error))?;
        hands.made.replace(Some(made));
        // By that it is known after a kill.
        if !hands.says_so(&message) {
            let line = message.lines().next().unwrap_or_default().escape_debug().to_string();
            return Err(fail(&format!("a hook made its message into `{line}`"))
                .hint("have the hooks `prepare-commit-msg` and `commit-msg` add to that line, and leave what is there"));
        }
    }
    let commit = hands.released()?;
    let in_it = repository::changed_by(hands.folder, &commit).map_err(|error| fail(&error))?;
    let foreign = more(&in_it);
    if !foreign.is_empty() {
        return Err(fail(&format!("a hook put more into it: {foreign}"))
            .hint("have the hook leave such commits alone, or commit what it makes first"));
    }
    Ok(())
}

pub(super) fn undo(hands: &Hands<'_>) -> Result<(), Failure> {
    let (head, branch) = (&hands.plan.head, &hands.plan.branch);
    let what = || format!("cannot take back the commit on `{branch}`");
    let tip = hands.tip()?;
    if tip != *head && !hands.is_ours(&tip)? {
        let why = format!("it is at {}: somebody committed on top of it", short(&tip));
        let hint = format!(
            "keep those commits elsewhere (`git branch keep`), `git reset --keep {}`; then `pintail release --abort` goes on",
            short(head)
        );
        return Err(Failure::new(what(), why).hint(hint));
    }
    if repository::branch(hands.folder).ok().flatten().as_ref() != Some(branch) {
        if tip == *head {
            return Ok(());
        }
        return Err(Failure::new(what(), "another branch is checked out")
            .hint(format!("`git switch {branch}`; then `pintail release --abort` goes on")));
    }
    // Where a hook refused the commit, this takes back what was added for it.
    hands.go_back()
}
