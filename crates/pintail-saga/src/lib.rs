//! The undoable operation: look, record, act. It ends *done*, *undone* or *stuck*, never half-way.
//! It doesn't know what a step is about, and touches nothing but its actor and its journal.
//!
//! For each step the saga lets the [`Actor`] *look* (what will undoing need?), writes that down in the
//! [`Journal`] and only then lets it *act*. Up to the *pivot*, a step that fails, or an interrupt, turns the
//! saga round: every step that was looked at is undone, last to first. Once the pivot's `Acted` is in the
//! journal nothing is undone any more; a later step that fails is left, with a remark.
//!
//! Where a saga stands is computed from its journal ([`position`]) and stored nowhere else. After a crash,
//! [`resume`] goes on from the journal as it is, in the direction that is asked for, where there is a choice.

mod failure;

mod journal;

mod ending;

mod position;

mod broken;

mod actor;

mod engine;

pub mod trials;

pub use actor::Actor;
pub use broken::Broken;
pub use ending::{Ending, Left};
pub use engine::{Direction, UNDO_ATTEMPTS, resume, run};
pub use failure::Failure;
pub use journal::{Event, Journal};
pub use position::{Nonsense, Position, position};
