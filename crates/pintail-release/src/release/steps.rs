//! The steps, a file each with what it looks at, does and undoes. Which of them are done, and in which order, is the
//! plan's.

mod build;
mod commit;
mod edits;
mod prove;
mod publish;
mod push;
mod stage;
mod tag;

pub(super) use push::{Arrived, arrived};

use super::hands::Hands;
use super::memo::Memo;
use super::plan::Step;
use pintail_saga::{Actor, Failure};
use std::slice;

impl Actor for Hands<'_> {
    type Step = Step;
    type Memo = Memo;

    fn look(&mut self, step: &Step) -> Result<Memo, Failure> {
        match step {
            Step::Bump { edits } => edits::look(self, edits),
            Step::Changelog { edit } => edits::look(self, slice::from_ref(edit)),
            Step::Commit { .. } => commit::look(self),
            Step::Build { .. } => build::look(self),
            Step::Stage { target } => stage::look(self, target),
            Step::Tag { .. } => tag::look(self),
            Step::Push => push::look(self),
            Step::Prove { .. } | Step::Publish => Ok(Memo::Nothing),
        }
    }

    fn act(&mut self, step: &Step, memo: &Memo) -> Result<(), Failure> {
        match step {
            Step::Bump { edits } => edits::act(self, edits),
            Step::Changelog { edit } => edits::act(self, slice::from_ref(edit)),
            Step::Commit { files, message } => commit::act(self, files, message),
            Step::Build { .. } => build::act(self, memo),
            Step::Prove { .. } => prove::act(self),
            Step::Stage { target } => stage::act(self, target, memo),
            Step::Tag { signed, .. } => tag::act(self, *signed, memo),
            Step::Push => push::act(self, memo),
            Step::Publish => publish::act(self),
        }
    }

    fn undo(&mut self, step: &Step, memo: &Memo) -> Result<(), Failure> {
        match step {
            Step::Bump { edits } => edits::undo(self, edits),
            Step::Changelog { edit } => edits::undo(self, slice::from_ref(edit)),
            Step::Commit { .. } => commit::undo(self),
            Step::Build { .. } => build::undo(self),
            Step::Stage { target } => stage::undo(self, target, memo),
            Step::Tag { .. } => tag::undo(self, memo),
            Step::Push => push::undo(self),
            // The proof lies on the bench, which `build` takes away; `publish` comes after the pivot.
            Step::Prove { .. } | Step::Publish => Ok(()),
        }
    }
}
