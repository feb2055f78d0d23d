//! *confirm*: the release serves here, and the operator, who sees all hosts, says whether it stays. Without a word
//! the target's policy decides. It changes nothing, so there is nothing to undo.

use crate::hands::Hands;
use crate::trouble::fail;
use pintail_core::plan::Lost;
use pintail_core::wire::Wait;
use pintail_saga::Failure;
use std::time::Duration;

/// How long one listens before looking whether others wish the operation undone.
const LISTEN: Duration = Duration::from_millis(20);

/// That the operator is gone.
pub(super) struct Parted {
    /// How one knows.
    pub(super) how: String,
    /// It was agreed that this host goes on then.
    pub(super) precommitted: bool,
}

pub(super) fn act(hands: &Hands<'_>, silence_ms: u64) -> Result<(), Failure> {
    match wait(hands, Wait::Confirm, silence_ms)? {
        None => Ok(()),
        Some(parted) if parted.precommitted || hands.plan.lost_operator == Lost::Finish => Ok(()),
        Some(parted) => fail(
            "the operator did not confirm the release",
            format!("{}, and the target's policy is to go back", parted.how),
        ),
    }
}

/// Waits for the operator's word; `Some` when there is no operator any more.
pub(super) fn wait(hands: &Hands<'_>, wait: Wait, silence_ms: u64) -> Result<Option<Parted>, Failure> {
    let mut within = Duration::ZERO;
    loop {
        let word = hands.ear.borrow_mut().word(wait, within);
        within = LISTEN;
        if word.given {
            return Ok(None);
        }
        if let Some(why) = hands.interrupt() {
            return fail("will not go on", why);
        }
        if word.left {
            return Ok(Some(Parted {
                how: "the operator is gone".to_owned(),
                precommitted: word.precommitted,
            }));
        }
        if word.silent_for > Duration::from_millis(silence_ms) {
            let how = format!("the operator was not heard for {} s", word.silent_for.as_secs());
            return Ok(Some(Parted { how, precommitted: word.precommitted }));
        }
    }
}
