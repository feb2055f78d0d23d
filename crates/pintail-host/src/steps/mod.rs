//! The steps, a file each with what it looks at, does and undoes. Which of them are done, and in which order,
//! is the plan's.

mod await_turn;
mod confirm;
mod deliver;
mod drain;
mod environment;
mod fresh_cache;
mod health;
mod link_shared;
mod maintenance;
mod prepare;
mod prune;
mod publish;
mod record;
mod route;
mod seal;
mod settle;
mod start;
mod stop;
mod switch;
mod task;
mod unpack;

pub(crate) use maintenance::{Flag, read_flag, set_flag};
pub(crate) use prepare::program_environment;

use crate::hands::Hands;
use crate::journal;
use crate::memo::Memo;
use pintail_core::plan::Step;
use pintail_saga::{Actor, Failure};

impl Actor for Hands<'_> {
    type Step = Step;
    type Memo = Memo;

    fn look(&mut self, step: &Step) -> Result<Memo, Failure> {
        match step {
            Step::Deliver { digest, patch, .. } => deliver::look(self, digest, patch.as_ref()),
            Step::Unpack { release, .. } => unpack::look(self, release),
            Step::LinkShared { paths, .. } => link_shared::look(self, paths),
            Step::Publish { release, from, to } => publish::look(self, release, from, to),
            Step::MaintenanceOn | Step::MaintenanceOff => maintenance::look(self),
            Step::Route { service } => route::look(self, service),
            Step::Switch { .. } => switch::look(self),
            Step::Stop { service } => stop::look(self, service),
            Step::FreshCache { .. }
            | Step::Environment { .. }
            | Step::Prepare { .. }
            | Step::Task { .. }
            | Step::Seal { .. }
            | Step::AwaitTurn { .. }
            | Step::Confirm { .. }
            | Step::Start { .. }
            | Step::Health { .. }
            | Step::Settle { .. }
            | Step::Drain { .. }
            | Step::Record { .. }
            | Step::Prune { .. } => Ok(Memo::Nothing),
        }
    }

    fn act(&mut self, step: &Step, memo: &Memo) -> Result<(), Failure> {
        match step {
            Step::Deliver { digest, packed_bytes, patch } => {
                deliver::act(self, digest, *packed_bytes, patch.as_ref())
            }
            Step::Unpack { release, digest, unpacked_bytes } => {
                unpack::act(self, release, digest, *unpacked_bytes)
            }
            Step::LinkShared { release, paths } => link_shared::act(self, release, paths),
            Step::FreshCache { release, paths } => fresh_cache::act(self, release, paths),
            Step::Environment { required } => environment::act(self, required),
            Step::Prepare { release, line, within_ms, .. } => prepare::act(self, release, line, *within_ms),
            Step::Task { release, line, within_ms, .. } => task::act(self, release, line, *within_ms),
            Step::Seal { release } => seal::act(self, release),
            Step::AwaitTurn { silence_ms } => await_turn::act(self, *silence_ms),
            Step::Confirm { silence_ms } => confirm::act(self, *silence_ms),
            Step::Publish { release, from, to } => publish::act(self, release, from, to, memo),
            Step::MaintenanceOn => maintenance::raise(self),
            Step::MaintenanceOff => maintenance::lower(self),
            Step::Start { service } => start::act(self, service),
            Step::Health { service, version } => health::act(self, service, version),
            Step::Route { service } => route::act(self, service),
            Step::Switch { release } => switch::act(self, release),
            Step::Settle { services, for_ms } => settle::act(self, services, *for_ms),
            Step::Drain { service } => drain::act(self, service),
            Step::Stop { service } => stop::act(self, service),
            Step::Record { release, kind } => record::act(self, release, *kind),
            Step::Prune { releases, services } => {
                // There is no way back any more that it could be for.
                journal::give_reserve(&self.layout, self.plan.id);
                prune::act(self, releases, services)
            }
        }
    }

    fn undo(&mut self, step: &Step, memo: &Memo) -> Result<(), Failure> {
        journal::give_reserve(&self.layout, self.plan.id);
        match step {
            Step::Deliver { digest, patch, .. } => deliver::undo(self, digest, patch.as_ref(), memo),
            Step::Unpack { release, .. } => unpack::undo(self, release, memo),
            Step::LinkShared { release, .. } => link_shared::undo(self, release, memo),
            Step::FreshCache { release, .. } => fresh_cache::undo(self, release),
            Step::Environment { .. } => environment::undo(self),
            Step::Publish { release, from, to } => publish::undo(self, release, from, to, memo),
            Step::MaintenanceOn | Step::MaintenanceOff => maintenance::undo(self, memo),
            Step::Start { service } => start::undo(self, service),
            Step::Route { service } => route::undo(self, service, memo),
            Step::Switch { .. } => switch::undo(self, memo),
            Step::Stop { service } => stop::undo(self, service, memo),
            Step::Record { .. } => record::undo(self),
            Step::Seal { release } => seal::undo(self, release),
            // They change nothing that outlives them, or only inside the release that `unpack` takes away;
            // each says so in its first lines. `prune` is never undone: it comes after the pivot.
            Step::Prepare { .. }
            | Step::Task { .. }
            | Step::AwaitTurn { .. }
            | Step::Confirm { .. }
            | Step::Health { .. }
            | Step::Settle { .. }
            | Step::Drain { .. }
            | Step::Prune { .. } => Ok(()),
        }
    }
}
