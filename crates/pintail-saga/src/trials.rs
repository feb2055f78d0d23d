//! The three trials that every saga passes: *fails there*, *repeats there*, *loses power there*, at every step
//! and every event of its journal. They know no saga in particular: a [`Stage`] brings world, actor and steps.
//!
//! Each trial compares the whole journal with a script worked out apart from the engine, and the world with
//! the old and the new one. (Comparing the last state alone let 3 of 4 planted faults pass.)
//!
//! ```no_run
//! # use pintail_saga::trials::{Stage, Counts, Caught, try_all};
//! # fn check<S: Stage>(fresh: impl FnMut() -> S) -> Result<(), Caught>
//! # where <S::Actor as pintail_saga::Actor>::Memo: PartialEq + std::fmt::Debug {
//! let counts = try_all(fresh)?;
//! assert!(counts.power_cuts > 0, "{counts}");
//! # Ok(()) }
//! ```

mod cut;

mod course;

mod weather;

mod script;

mod bout;

mod case;

mod plan;

mod verdict;

mod full;

use std::fmt;

use crate::Actor;

pub use course::{Course, Engine, Pintail};
pub use cut::Cut;

/// A small world with a saga to be tried in it.
pub trait Stage {
    /// Who does the steps.
    type Actor: Actor;
    /// What can be seen of the world: all that the saga may change, and nothing that differs between two fresh
    /// stages (no absolute temporary paths, no times).
    type World: PartialEq + fmt::Debug;

    /// The saga's steps. Asked once for each fresh stage.
    fn steps(&self) -> Vec<<Self::Actor as Actor>::Step>;

    /// The step whose recorded `Acted` is the point of no return.
    fn pivot(&self) -> usize;

    /// A new actor in this world, as a newly started process makes it: it remembers nothing.
    ///
    /// The actor asks `cut` between the parts of an act or an undo, so that the trials can stop it there.
    fn actor(&self, cut: Cut) -> Self::Actor;

    /// The world as it is now.
    fn world(&self) -> Self::World;
}

/// How many trials a saga has passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many steps the saga has.
    pub steps: usize,
    /// Looks, acts and undoes that failed (before, midway, after), and interrupts.
    pub failures: usize,
    /// Acts and undoes that were done twice.
    pub repeats: usize,
    /// Power cuts, each resumed in both directions.
    pub power_cuts: usize,
    /// Events that the journal couldn't take, once or from there on.
    pub full_journals: usize,
    /// Sagas that got stuck and then came loose.
    pub stuck: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, failures, repeats, power_cuts, full_journals, stuck } = self;
        write!(
            out,
            "{steps} steps: {failures} failures, {repeats} repeats, {power_cuts} power cuts, \
             {full_journals} full journals, {stuck} times stuck"
        )
    }
}

/// What a trial found wrong with a saga.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{trial}\n  {found}")]
pub struct Caught {
    /// Which trial: what failed or was cut, and where.
    pub trial: String,
    /// What was expected, and what was there instead.
    pub found: String,
}

/// Puts a saga through all trials; each begins on a fresh stage.
///
/// Every failure is combined with every power cut, repeat and full journal: thousands of stages for five steps,
/// which is for worlds in memory. For worlds on disk there is [`try_main`].
///
/// # Errors
/// The first fault found.
pub fn try_all<S>(fresh: impl FnMut() -> S) -> Result<Counts, Caught>
where
    S: Stage,
    <S::Actor as Actor>::Memo: PartialEq + fmt::Debug,
{
    try_engine(Pintail, fresh)
}

/// Puts a saga through the trials; power cuts, repeats and full journals only come on the way forward and on the
/// way back after each step's act.
///
/// # Errors
/// The first fault found.
pub fn try_main<S>(fresh: impl FnMut() -> S) -> Result<Counts, Caught>
where
    S: Stage,
    <S::Actor as Actor>::Memo: PartialEq + fmt::Debug,
{
    plan::Trials::new(Pintail, fresh)?.all(plan::Ways::Main)
}

/// Puts a saga through all trials with another engine: to prove that the trials catch a bad one.
///
/// # Errors
/// The first fault found.
pub fn try_engine<E, S>(engine: E, fresh: impl FnMut() -> S) -> Result<Counts, Caught>
where
    E: Engine,
    S: Stage,
    <S::Actor as Actor>::Memo: PartialEq + fmt::Debug,
{
    plan::Trials::new(engine, fresh)?.all(plan::Ways::Every)
}
