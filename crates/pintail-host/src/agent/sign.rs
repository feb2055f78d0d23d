//! Tells an operator who has not a release's artifact what that release has. Changes nothing and takes no lock: should the
//! release be pruned meanwhile, nothing is told of it.

use super::{Agent, DATA_WITHIN};
use pintail_core::name::ReleaseName;
use pintail_core::wire::frame::Frame;
use pintail_core::wire::{Ask, DATA_PIECE, Say, Trouble};
use pintail_depot::Limits;
use pintail_depot::patch::{Ground, SKETCH_BYTES_MAX, sign as sign_ground};
use std::sync::mpsc::RecvTimeoutError;

pub(super) fn sign(agent: &Agent<'_>, release: &ReleaseName) -> Result<(), Trouble> {
    let what = || format!("cannot tell what release `{release}` has");
    let Some(sketch) = heard(agent) else { return Ok(()) };
    if sketch.len() as u64 > SKETCH_BYTES_MAX {
        return Err(Trouble::new(
            what(),
            "what it shall be compared with is longer than that of any release",
        ));
    }
    let folder = agent.layout.release(release);
    let signature = Ground::named(&folder, release, &Limits::default())
        .and_then(|ground| sign_ground(&ground, &sketch))
        .map_err(|error| Trouble::new(what(), error))?;
    agent.say(&Say::Signed { bytes: signature.len() as u64 });
    for piece in signature.chunks(DATA_PIECE) {
        let mut link = agent.link.borrow_mut();
        if !link.lost && link.mouth.send_data(piece).is_err() {
            link.lost = true;
        }
    }
    Ok(())
}

/// The sketch, and no more of it than tells that it is too long; nothing when the operator is gone.
fn heard(agent: &Agent<'_>) -> Option<Vec<u8>> {
    let mut sketch = Vec::new();
    loop {
        let next = agent.link.borrow().asked.recv_timeout(DATA_WITHIN);
        match next {
            Ok(Ok(Frame::Data(bytes))) if sketch.len() as u64 <= SKETCH_BYTES_MAX => sketch.extend(bytes),
            Ok(Ok(Frame::Data(_))) => {}
            Ok(Ok(frame)) if matches!(frame.value(), Ok(Ask::Here)) => {}
            // What is no end ends it too: then it tells of another release, and is of no use to anybody.
            Ok(Ok(_)) => return Some(sketch),
            Err(RecvTimeoutError::Timeout) | Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                agent.link.borrow_mut().lost = true;
                return None;
            }
        }
    }
}
