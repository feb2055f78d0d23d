//! *push*: branch and tag go to the remote, both or neither. It is the pivot. Whether it happened is the remote's to say:
//! where a link was lost, it is asked; where it can't be, nothing is done in either direction until it can.

use crate::git::{remote, repository};
use crate::release::hands::{Hands, commit_of};
use crate::release::memo::Memo;
use crate::release::plan::Plan;
use pintail_saga::Failure;
use std::cell::Cell;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// How often the remote is asked whether a push has arrived, and how long between: a server that was restarted is back.
const ASKED: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(1);

/// Whether the tag is at the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::release) enum Arrived {
    /// It is, the very one.
    Yes,
    /// It is not.
    No,
    /// Another of that name is.
    Other,
    /// The remote does not say.
    Unknown(String),
}

/// Asks the remote for the tag. Where there is none here, nothing of ours can have gone there.
pub(in crate::release) fn arrived(folder: &Path, plan: &Plan) -> Arrived {
    let (remote, tag) = (&plan.remote, &plan.tag);
    let object = match repository::reference(folder, &format!("refs/tags/{tag}")) {
        Ok(object) => object,
        Err(error) => return Arrived::Unknown(error.to_string()),
    };
    let mut why = String::new();
    for attempt in 0..ASKED {
        if attempt > 0 {
            sleep(BETWEEN);
        }
        match remote::look(folder, remote) {
            Ok(there) => {
                return match there.tag(tag) {
                    Some(tagged) if Some(&tagged.object) == object.as_ref() => Arrived::Yes,
                    Some(_) => Arrived::Other,
                    None => Arrived::No,
                };
            }
            Err(error) => why = error.to_string(),
        }
    }
    Arrived::Unknown(why)
}

pub(super) fn look(hands: &Hands<'_>) -> Result<Memo, Failure> {
    Ok(Memo::Commit { commit: hands.released()? })
}

pub(super) fn act(hands: &Hands<'_>, memo: &Memo) -> Result<(), Failure> {
    let (commit, plan) = (commit_of(memo)?, &hands.plan);
    match ask(hands) {
        Arrived::Yes => return Ok(()),
        Arrived::Other => return Err(Failure::new(what(hands), "the tag is there already, and another")),
        Arrived::Unknown(why) => return Err(Failure::new(what(hands), why)),
        Arrived::No => {}
    }
    hands.may_have_pushed.set(true);
    let mut heard = |stream, bytes: &[u8]| hands.ear.borrow_mut().output(stream, bytes);
    let branch = (commit, &*plan.remote_branch);
    let told = Cell::new(false);
    let asked_to_end = || {
        if !hands.is_wanted() && !told.replace(true) {
            hands.remark(format!(
                "it is being pushed: whether it was is for `{}` to say, so its end is waited for",
                plan.remote
            ));
        }
    };
    let Err(error) =
        remote::push(hands.folder, &plan.remote, branch, &plan.tag, &hands.work, &mut heard, &asked_to_end)
    else {
        return Ok(());
    };
    match ask(hands) {
        Arrived::Yes => Ok(()),
        Arrived::No | Arrived::Other => {
            hands.may_have_pushed.set(false);
            let failure = Failure::new(what(hands), error.to_string());
            Err(match has_moved(hands, commit) {
                true => failure.hint("if others have pushed meanwhile: `git pull`, look, and release again"),
                // A hook or the server's policy said no, in its own words.
                false => failure,
            })
        }
        Arrived::Unknown(why) => {
            hands.knows.set(false);
            Err(Failure::new(what(hands), format!("{error}\nand whether it arrived can't be asked: {why}")))
        }
    }
}

pub(super) fn undo(hands: &Hands<'_>) -> Result<(), Failure> {
    if !hands.may_have_pushed.get() {
        return Ok(());
    }
    match ask(hands) {
        Arrived::No | Arrived::Other => Ok(()),
        Arrived::Yes => {
            hands.knows.set(false);
            Err(Failure::new("cannot take back the push", "others may have it already"))
        }
        Arrived::Unknown(why) => {
            hands.knows.set(false);
            Err(Failure::new("cannot tell whether the push has arrived", why))
        }
    }
}

/// Whether the branch there has what `commit` doesn't come after. git tells it in the operator's language, so it is asked.
fn has_moved(hands: &Hands<'_>, commit: &str) -> bool {
    let (folder, plan) = (hands.folder, &hands.plan);
    let Ok(there) = remote::look(folder, &plan.remote) else { return false };
    let is_known =
        |tip: &String| repository::has(folder, tip) && repository::is_ancestor(folder, tip, commit);
    there.tag(&plan.tag).is_some()
        || there.branches.get(&plan.remote_branch).is_some_and(|tip| !is_known(tip))
}

fn ask(hands: &Hands<'_>) -> Arrived {
    arrived(hands.folder, &hands.plan)
}

fn what(hands: &Hands<'_>) -> String {
    format!("cannot push `{}` to `{}`", hands.plan.tag, hands.plan.remote)
}
