//! *tag*: the commit gets an annotated tag with the artifact's digest. Undone, it goes, if it still is that one.

use crate::git::record;
use crate::release::hands::{Hands, TagThere, silent};
use crate::release::memo::Memo;
use pintail_saga::Failure;

pub(super) fn look(hands: &Hands<'_>) -> Result<Memo, Failure> {
    let (commit, digest) = (hands.released()?, hands.card()?.digest);
    match hands.tag_there(&commit, &digest)? {
        TagThere::Nothing => Ok(Memo::Tag { commit, digest }),
        TagThere::Ours(_) | TagThere::Other => Err(meanwhile(hands)),
    }
}

pub(super) fn act(hands: &Hands<'_>, signed: bool, memo: &Memo) -> Result<(), Failure> {
    let Memo::Tag { commit, digest } = memo else { return Err(silent()) };
    match hands.tag_there(commit, digest)? {
        TagThere::Ours(_) => hands.card_of(digest).map(drop),
        TagThere::Other => Err(meanwhile(hands)),
        TagThere::Nothing => {
            hands.card_of(digest)?;
            record::tag(hands.folder, &hands.plan.tag, commit, &hands.tag_message(digest), signed)
                .map_err(|error| Failure::new(what(hands), error.to_string()))
        }
    }
}

pub(super) fn undo(hands: &Hands<'_>, memo: &Memo) -> Result<(), Failure> {
    let Memo::Tag { commit, digest } = memo else { return Err(silent()) };
    match hands.tag_there(commit, digest)? {
        // Another's tag of that name is none of this step.
        TagThere::Nothing | TagThere::Other => Ok(()),
        TagThere::Ours(object) => {
            record::remove_tag(hands.folder, &hands.plan.tag, &object).map_err(|error| {
                Failure::new(format!("cannot remove the tag `{}`", hands.plan.tag), error.to_string())
            })
        }
    }
}

fn meanwhile(hands: &Hands<'_>) -> Failure {
    Failure::new(what(hands), "somebody has made it meanwhile")
}

fn what(hands: &Hands<'_>) -> String {
    format!("cannot make the tag `{}`", hands.plan.tag)
}
