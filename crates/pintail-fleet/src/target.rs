//! A target's hosts: connected, asked and planned for.

use crate::each::on_all;
use crate::image::Image;
use crate::session::Session;
use crate::transport::{Transport, host_name};
use pintail_core::config::{HostAddress, Target};
use pintail_core::observed::Observed;
use pintail_core::plan::{self, Desired, HostPart, Plan};
use pintail_core::wire::Trouble;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// Where it is.
    pub address: HostAddress,
    /// The conversation.
    pub session: Session,
    /// What it was when asked.
    pub observed: Observed,
}

impl Operator {
    /// Connects to every host of `target` at once, without asking anything yet; in the target's order.
    pub fn connect_each(&self, target: &Target) -> Vec<Result<Session, Trouble>> {
        let image = Arc::new(Image::of(&self.program));
        on_all(&target.hosts, |host| self.connect_to(target, host, &image, false))
    }

    /// Connects to every host of `target`.
    ///
    /// # Errors
    /// What is wrong with every one that can't be reached.
    pub fn connect(&self, target: &Target) -> Result<Vec<Session>, Trouble> {
        all(self.connect_each(target))
    }

    /// Connects anew to one host.
    ///
    /// # Errors
    /// It can't be reached.
    pub fn connect_again(&self, target: &Target, host: &HostAddress) -> Result<Session, Trouble> {
        self.connect_to(target, host, &Arc::new(Image::of(&self.program)), false)
    }

    fn connect_to(
        &self,
        target: &Target,
        host: &HostAddress,
        image: &Arc<Image>,
        observe: bool,
    ) -> Result<Session, Trouble> {
        let root = self.folder.join(&target.root);
        let transport = Transport::to(host, &self.program, image);
        Session::connect(&host_name(host), &transport, &root, &self.version, observe)
    }

    /// Connects to every host of `target` at once and asks what it is: one connection and one question each.
    pub fn observe_each(&self, target: &Target) -> Vec<Result<Host, Trouble>> {
        let image = Arc::new(Image::of(&self.program));
        on_all(&target.hosts, |host| {
            let mut session = self.connect_to(target, host, &image, true)?;
            let observed = session.observe()?;
            Ok(Host { address: host.clone(), session, observed })
        })
    }

    /// As [`Operator::observe_each`], where every host is needed.
    ///
    /// # Errors
    /// What is wrong with every one that can't be reached, or can't tell.
    pub fn observe(&self, target: &Target) -> Result<Vec<Host>, Trouble> {
        all(self.observe_each(target))
    }
}

/// All of them, or all that is wrong: who has to mend three hosts should not need three tries.
fn all<T>(each: Vec<Result<T, Trouble>>) -> Result<Vec<T>, Trouble> {
    let (mut good, mut troubles) = (Vec::new(), Vec::new());
    for one in each {
        match one {
            Ok(one) => good.push(one),
            Err(trouble) => troubles.push(trouble),
        }
    }
    match troubles.len() {
        0 => Ok(good),
        1 => Err(troubles.remove(0)),
        many => Err(several(many, &troubles)),
    }
}

/// Many troubles as one.
pub fn several(of: usize, troubles: &[Trouble]) -> Trouble {
    let lines: Vec<String> = troubles
        .iter()
        .map(|trouble| {
            let hint = trouble.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
            format!("{}: {}{hint}", trouble.what, trouble.why.lines().next().unwrap_or_default())
        })
        .collect();
    Trouble::new(format!("{of} hosts can't be used"), lines.join("\n  "))
}

/// The plan that brings `hosts` to what `desired` says.
///
/// # Errors
/// One of them can't be brought there; nothing was changed anywhere.
pub fn plan(desired: Desired<'_>, hosts: &[Host]) -> Result<Plan, Trouble> {
    let observed: Vec<&Observed> = hosts.iter().map(|host| &host.observed).collect();
    let part = |(host, plan): (&Host, _)| {
        let live = host.observed.current.release().cloned();
        HostPart { host: host.session.host().to_owned(), plan, live }
    };
    let plans = plan::make_all(desired, &observed)?;
    Ok(Plan {
        format: plan::FORMAT,
        app: desired.config.name.clone(),
        target: desired.target.name.clone(),
        signed: None,
        hosts: hosts.iter().zip(plans).map(part).collect(),
    })
}
