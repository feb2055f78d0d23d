//! `release`: from what is committed to a tag that others have and an artifact in the depot, as a saga that can be gone
//! on with after a kill, and that is taken back whole until the push. Knows git and the project; of the place where a
//! release is staged it knows only what [`Stage`] says.
//!
//! [`verify`](verify::verify) looks at everything and makes a [`Plan`], or tells all that is in the way;
//! [`operation`] runs one, with the journal `docs/formats/release-journal.md`.

mod stage;

mod plan;

mod memo;

mod journal;

pub mod verify;

mod hands;

mod steps;

pub mod operation;

pub use hands::{Ear, Progress};
pub use journal::{Record, State};
pub use plan::{FORMAT, Plan, Step};
pub use stage::{Live, Stage};

#[cfg(test)]
mod trials;
