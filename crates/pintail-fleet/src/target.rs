//! A target's hosts: asked, planned for, and led through their plans.

use crate::session::{End, Heard, Session, Wish};
use crate::transport::{Transport, host_name};
use pintail_core::config::Target;
use pintail_core::history::Deployment;
use pintail_core::observed::Observed;
use pintail_core::plan::{self, Desired, HostPart, HostPlan, Plan};
use pintail_core::wire::{Ask, Trouble};
use std::path::{Path, PathBuf};

/// Who operates, with what.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Told to hosts and kept in their journals: `user@machine`.
    pub by: String,
    /// This program, which is the agent too.
    pub program: PathBuf,
    /// Its version.
    pub version: String,
    /// The folder that relative roots of local hosts are below: the project's.
    pub folder: PathBuf,
}

/// One host of a target, connected.
pub struct Host {
    /// The conversation.
    pub session: Session,
    /// What it was when asked.
    pub observed: Observed,
}

impl Operator {
    /// Connects to every host of `target`, without asking anything yet.
    ///
    /// # Errors
    /// One can't be reached.
    pub fn connect(&self, target: &Target) -> Result<Vec<Session>, Trouble> {
        let root = self.folder.join(&target.root);
        let connect = |host| {
            let transport = Transport::to(host, &self.program)?;
            Session::connect(&host_name(host), &transport, &root, &self.version)
        };
        target.hosts.iter().map(connect).collect()
    }

    /// Connects to every host of `target` and asks what it is: one connection and one question each.
    ///
    /// # Errors
    /// One can't be reached, or can't tell.
    pub fn observe(&self, target: &Target) -> Result<Vec<Host>, Trouble> {
        let ask = |mut session: Session| {
            let observed = session.observe()?;
            Ok(Host { session, observed })
        };
        self.connect(target)?.into_iter().map(ask).collect()
    }
}

/// The plan that brings `hosts` to what `desired` says.
///
/// # Errors
/// One of them can't be brought there; nothing was changed anywhere.
pub fn plan(desired: Desired<'_>, hosts: &[Host]) -> Result<Plan, Trouble> {
    let part = |host: &Host| {
        let plan = plan::make(desired, &host.observed)?;
        let live = host.observed.current.release().cloned();
        Ok(HostPart { host: host.session.host().to_owned(), plan, live })
    };
    Ok(Plan {
        format: plan::FORMAT,
        app: desired.config.name.clone(),
        target: desired.target.name.clone(),
        hosts: hosts.iter().map(part).collect::<Result<_, Trouble>>()?,
    })
}

/// What an operation on one host needs beside its plan.
pub struct Errand<'a> {
    /// Who asks.
    pub by: &'a str,
    /// Where the artifact's bytes are.
    pub artifact: Option<&'a Path>,
    /// For trials: see [`Ask::Execute`].
    pub pause_at: Option<u64>,
}

/// Runs `plan` on the host of `session`.
///
/// # Errors
/// It was refused and nothing was changed, or the connection was lost.
pub fn run(
    session: &mut Session,
    plan: &HostPlan,
    errand: &Errand<'_>,
    heard: &mut dyn FnMut(Heard),
    wish: &mut dyn FnMut() -> Wish,
) -> Result<Deployment, Trouble> {
    let ask =
        Ask::Execute { plan: Box::new(plan.clone()), by: errand.by.to_owned(), pause_at: errand.pause_at };
    match session.follow(&ask, errand.artifact, heard, wish, errand.by)? {
        End::Deployment(deployment) => Ok(*deployment),
        other => Err(Trouble::new("cannot understand the agent", format!("{other:?}"))),
    }
}
