//! *publish*: the artifact goes from the bench into the depot, byte for byte, with its proof. It comes after the pivot, so
//! it is never undone; it can be said again until it is there.

use crate::release::hands::Hands;
use pintail_os::clock;
use pintail_saga::Failure;

pub(super) fn act(hands: &Hands<'_>) -> Result<(), Failure> {
    let plan = &hands.plan;
    let published = hands.depot.take_over(&hands.bench, &plan.app, &plan.version, clock::now_ms());
    published.map_err(|error| {
        let folder = hands.depot.folder().display();
        Failure::new(
            format!("cannot publish `{}` {} in `{folder}`", plan.app, plan.version),
            error.to_string(),
        )
    })?;
    // Only to spare the first deployment that wait.
    let _ = hands.depot.patch_ahead(&plan.app, &plan.version);
    Ok(())
}
