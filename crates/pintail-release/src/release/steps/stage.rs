//! *stage*: the artifact goes live on the target. Undone, what was live before is live again; where nothing was, the new
//! one is left, since there is no release to go back to.

use crate::release::hands::{Hands, failure};
use crate::release::memo::Memo;
use pintail_core::name::ReleaseName;
use pintail_saga::Failure;

pub(super) fn look(hands: &mut Hands<'_>, target: &str) -> Result<Memo, Failure> {
    Ok(Memo::Live { release: live(hands, target)? })
}

pub(super) fn act(hands: &mut Hands<'_>, target: &str) -> Result<(), Failure> {
    let card = hands.card()?;
    hands.stage.deploy(target, &hands.bench, &card).map_err(failure)
}

pub(super) fn undo(hands: &mut Hands<'_>, target: &str, memo: &Memo) -> Result<(), Failure> {
    let Memo::Live { release: before } = memo else { return Ok(()) };
    let hosts = hands.stage.live(target).map_err(failure)?;
    let card = hands.card()?;
    let ours = ReleaseName::new(card.version.clone(), &card.digest);
    let have_ours = hosts.iter().filter(|host| host.release.as_ref() == Some(&ours)).count();
    let is_clear = hosts.iter().all(|host| host.unfinished.is_none());
    match before {
        _ if have_ours == 0 && is_clear || before.as_ref() == Some(&ours) => Ok(()),
        None if have_ours == 0 => Ok(()),
        Some(before) => hands.stage.roll_back(target, before).map_err(failure),
        None => {
            hands.remark(format!("`{target}` serves {ours} still: nothing was live there before, so there is nothing to go back to"));
            Ok(())
        }
    }
}

/// The one release that is live on all hosts of the target.
fn live(hands: &mut Hands<'_>, target: &str) -> Result<Option<ReleaseName>, Failure> {
    let hosts = hands.stage.live(target).map_err(failure)?;
    super::super::verify::one_release(target, &hosts).map_err(failure)
}
