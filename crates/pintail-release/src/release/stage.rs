//! Where a release lives before it is published, as far as a release needs to know it.

use pintail_core::name::ReleaseName;
use pintail_core::wire::Trouble;
use pintail_depot::{Card, Depot};

/// What a host of the target serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The host.
    pub host: String,
    /// The release that is live there, if any is.
    pub release: Option<ReleaseName>,
    /// By what the deployment that made it live is known.
    pub token: Option<String>,
    /// What was begun there and has not ended, for people: the next deployment undoes it first.
    pub unfinished: Option<String>,
    /// By what that is known.
    pub unfinished_token: Option<String>,
}

/// Brings releases to a target and back.
pub trait Stage {
    /// What is live on every host of `target`, once nothing runs there any more.
    ///
    /// # Errors
    /// One of them can't be reached, or is in no state to be deployed to.
    fn live(&mut self, target: &str) -> Result<Vec<Live>, Trouble>;

    /// Makes that artifact of `bench` live, by deployments that are known by `token`. Where it is live already nothing changes.
    ///
    /// # Errors
    /// It is not live there, or nobody knows.
    fn deploy(&mut self, target: &str, bench: &Depot, card: &Card, token: &str) -> Result<(), Trouble>;

    /// Makes a release live again that was live there before.
    ///
    /// # Errors
    /// As [`Stage::deploy`].
    fn roll_back(&mut self, target: &str, release: &ReleaseName) -> Result<(), Trouble>;
}
