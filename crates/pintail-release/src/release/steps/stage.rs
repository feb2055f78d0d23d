//! *stage*: the artifact goes live on the target. Undone, what was live before is live again; where nothing was, the new
//! one is left, since there is no release to go back to.

use crate::release::hands::{Hands, failure, silent};
use crate::release::memo::Memo;
use pintail_core::name::ReleaseName;
use pintail_saga::Failure;

pub(super) fn look(hands: &mut Hands<'_>, target: &str) -> Result<Memo, Failure> {
    let card = hands.card()?;
    let new = ReleaseName::new(card.version.clone(), &card.digest);
    Ok(Memo::Live { release: live(hands, target)?, new })
}

pub(super) fn act(hands: &mut Hands<'_>, target: &str, memo: &Memo) -> Result<(), Failure> {
    let Memo::Live { new, .. } = memo else { return Err(silent()) };
    let card = hands.card()?;
    // What was built again may be another, which nobody could take back by this memo.
    if ReleaseName::new(card.version.clone(), &card.digest) != *new {
        let why = format!("it had to be built again, and came out as another: {}", card.digest.short());
        return Err(Failure::new(format!("cannot stage {new}"), why));
    }
    hands.stage.deploy(target, &hands.bench, &card).map_err(failure)
}

pub(super) fn undo(hands: &mut Hands<'_>, target: &str, memo: &Memo) -> Result<(), Failure> {
    let Memo::Live { release: before, new } = memo else { return Err(silent()) };
    let hosts = hands.stage.live(target).map_err(failure)?;
    let have_ours = hosts.iter().filter(|host| host.release.as_ref() == Some(new)).count();
    let is_clear = hosts.iter().all(|host| host.unfinished.is_none());
    match before {
        _ if have_ours == 0 && is_clear || before.as_ref() == Some(new) => Ok(()),
        None if have_ours == 0 => Ok(()),
        Some(before) => hands.stage.roll_back(target, before).map_err(failure),
        None => {
            hands.remark(format!("`{target}` serves {new} still: nothing was live there before, so there is nothing to go back to"));
            Ok(())
        }
    }
}

/// The one release that is live on all hosts of the target.
fn live(hands: &mut Hands<'_>, target: &str) -> Result<Option<ReleaseName>, Failure> {
    let hosts = hands.stage.live(target).map_err(failure)?;
    super::super::verify::one_release(target, &hosts).map_err(failure)
}
