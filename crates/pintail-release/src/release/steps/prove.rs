//! *prove*: the artifact passes its own test. The proof lies on the bench beside it, and goes with that.

use crate::prove::{Proving, prove};
use crate::release::hands::{Hands, failure};
use pintail_saga::Failure;

pub(super) fn act(hands: &Hands<'_>) -> Result<(), Failure> {
    let card = hands.card()?;
    if hands.bench.proof(&card).ok().flatten().is_some() {
        return Ok(());
    }
    let proving = Proving {
        depot: &hands.bench,
        folder: hands.folder,
        card: &card,
        config: hands.config,
        by: &hands.by,
    };
    let mut heard = |stream, bytes: &[u8]| hands.ear.borrow_mut().output(stream, bytes);
    prove(&proving, &mut heard, &|| hands.is_wanted()).map(drop).map_err(failure)
}
