//! *stage*: the artifact goes live on the target. Undone, what was live before is live again; where nothing was, the new
//! one is left, since there is no release to go back to.

use crate::release::hands::{Hands, failure, silent};
use crate::release::memo::Memo;
use crate::release::stage::Live;
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
    hands.stage.deploy(target, &hands.bench, &card, &hands.token).map_err(failure)
}

pub(super) fn undo(hands: &mut Hands<'_>, target: &str, memo: &Memo) -> Result<(), Failure> {
    let Memo::Live { release: before, new } = memo else { return Err(silent()) };
    let hosts = hands.stage.live(target).map_err(failure)?;
    let is_ours = |token: &Option<String>| token.as_ref() == Some(&hands.token);
    let serves = |host: &&Live| host.release.as_ref() == Some(new);
    let live_by_us = hosts.iter().filter(serves).any(|host| is_ours(&host.token));
    let begun_by_us = hosts.iter().any(|host| is_ours(&host.unfinished_token));
    if before.as_ref() == Some(new) || !live_by_us && !begun_by_us {
        // Who made the very same release may have staged it; that is not ours to take back.
        if before.as_ref() != Some(new) && hosts.iter().any(|host| serves(&host)) {
            hands.leave(format!(
                "`{target}` serves {new}, which another deployment than this release's brought there"
            ));
        }
        return Ok(());
    }
    match before {
        Some(before) => hands.stage.roll_back(target, before).map_err(failure),
        None if !live_by_us => Ok(()),
        None => {
            hands.leave(format!("`{target}` serves {new} still: nothing was live there before, so there is nothing to go back to"));
            Ok(())
        }
    }
}

/// The one release that is live on all hosts of the target.
fn live(hands: &mut Hands<'_>, target: &str) -> Result<Option<ReleaseName>, Failure> {
    let hosts = hands.stage.live(target).map_err(failure)?;
    super::super::verify::one_release(target, &hosts).map_err(failure)
}
