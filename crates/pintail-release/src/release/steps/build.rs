//! *build*: the commit becomes an artifact on the bench. Undone, the bench goes.

use crate::build::{Order, make};
use crate::release::hands::{Hands, commit_of, failure};
use crate::release::memo::Memo;
use pintail_os::{clock, files};
use pintail_saga::Failure;

pub(super) fn look(hands: &Hands<'_>) -> Result<Memo, Failure> {
    Ok(Memo::Commit { commit: hands.released()? })
}

pub(super) fn act(hands: &Hands<'_>, memo: &Memo) -> Result<(), Failure> {
    let (commit, plan) = (commit_of(memo)?, &hands.plan);
    // Built a second time it might be another one, and what was staged is what is published.
    let there = hands.bench.verify(&plan.app, &plan.version);
    if there.is_ok_and(|card| card.commit.as_deref() == Some(commit)) {
        return Ok(());
    }
    clear(hands)?;
    hands.cut.point()?;
    let order = Order {
        folder: hands.folder,
        config: hands.config,
        version: &plan.version,
        commit,
        // It is the commit's own: the work tree was clean, and the version alone is bumped.
        config_name: None,
        depot: &hands.depot,
        by: &hands.by,
        now_ms: clock::now_ms(),
    };
    let mut heard = |stream, bytes: &[u8]| hands.ear.borrow_mut().output(stream, bytes);
    make(&order, &hands.bench, &mut heard, &|| hands.is_wanted()).map(drop).map_err(failure)
}

pub(super) fn undo(hands: &Hands<'_>) -> Result<(), Failure> {
    clear(hands)
}

fn clear(hands: &Hands<'_>) -> Result<(), Failure> {
    let bench = hands.bench.folder();
    files::remove_tree(bench)
        .map_err(|error| Failure::new(format!("cannot clear `{}`", bench.display()), error.to_string()))
}
