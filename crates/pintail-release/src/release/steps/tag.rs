//! *tag*: the commit gets an annotated tag with the artifact's digest. Undone, it goes, if it still is that one.

use crate::git::record;
use crate::release::hands::{Hands, TagThere, commit_of};
use crate::release::memo::Memo;
use pintail_saga::Failure;

pub(super) fn look(hands: &Hands<'_>) -> Result<Memo, Failure> {
    let commit = hands.released()?;
    match hands.tag_there(&commit)? {
        TagThere::Nothing => Ok(Memo::Commit { commit }),
        TagThere::Ours(_) | TagThere::Other => {
            Err(Failure::new(what(hands), "somebody has made it meanwhile"))
        }
    }
}

pub(super) fn act(hands: &Hands<'_>, signed: bool, memo: &Memo) -> Result<(), Failure> {
    let commit = commit_of(memo)?;
    match hands.tag_there(commit)? {
        TagThere::Ours(_) => Ok(()),
        TagThere::Other => Err(Failure::new(what(hands), "somebody has made it meanwhile")),
        TagThere::Nothing => {
            record::tag(hands.folder, &hands.plan.tag, commit, &hands.tag_message()?, signed)
                .map_err(|error| Failure::new(what(hands), error.to_string()))
        }
    }
}

pub(super) fn undo(hands: &Hands<'_>, memo: &Memo) -> Result<(), Failure> {
    match hands.tag_there(commit_of(memo)?)? {
        // Another's tag of that name is none of this step.
        TagThere::Nothing | TagThere::Other => Ok(()),
        TagThere::Ours(object) => {
            record::remove_tag(hands.folder, &hands.plan.tag, &object).map_err(|error| {
                Failure::new(format!("cannot remove the tag `{}`", hands.plan.tag), error.to_string())
            })
        }
    }
}

fn what(hands: &Hands<'_>) -> String {
    format!("cannot make the tag `{}`", hands.plan.tag)
}
