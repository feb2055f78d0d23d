//! `requires`: what goes to a target was live and well on another one before, byte for byte.

use crate::exit::Failure;
use crate::project::Project;
use pintail_core::config::Target;
use pintail_core::history::{Deployment, Outcome, Standing, standing};
use pintail_core::notes::Origin;
use pintail_core::observed::Observed;
use pintail_core::plan::{Release, Wish, key};
use pintail_core::wire::Trouble;
use pintail_fleet::target::Operator;

/// The target that a release came through.
#[derive(Debug)]
pub(crate) struct Before {
    target: String,
    hosts: Vec<(String, Observed)>,
}

impl Before {
    /// What `target` requires, if it does and `wish` is subject to it: what a host has, it had by the same rule.
    ///
    /// # Errors
    /// The required target can't be asked, or the release was not live and well on each of its hosts.
    pub(crate) fn of(
        project: &Project,
        operator: &Operator,
        target: &Target,
        wish: &Wish,
    ) -> Result<Option<Before>, Failure> {
        let (Some(required), Wish::Release(release)) = (&target.requires, wish) else { return Ok(None) };
        let hosts = operator.observe(project.target(required)?)?;
        let hosts = hosts.into_iter().map(|host| (host.session.host().to_owned(), host.observed)).collect();
        let before = Before { target: required.clone(), hosts };
        before.refuse(target, release)?;
        Ok(Some(before))
    }

    fn refuse(&self, target: &Target, release: &Release) -> Result<(), Trouble> {
        let fault = |(host, observed): &(String, Observed)| {
            let why = lacks(observed, release)?;
            Some(if self.hosts.len() == 1 { why } else { format!("{host}: {why}") })
        };
        let faults: Vec<String> = self.hosts.iter().filter_map(fault).collect();
        if faults.is_empty() {
            return Ok(());
        }
        let version = &release.version;
        let what =
            format!("will not deploy `{version}` to `{}`, which requires `{}`", target.name, self.target);
        Err(Trouble::new(what, faults.join("\n"))
            .hint(format!("`pintail deploy {} {version}` comes first", self.target)))
    }

    /// Who acknowledged there what `origin` asks, and when.
    pub(crate) fn acknowledged(&self, origin: &Origin) -> Option<String> {
        let key = key(origin);
        let deployments = self.hosts.iter().flat_map(|(_, host)| &host.deployments);
        let there = deployments.filter_map(|deployment| deployment.acknowledged.as_ref());
        let last = there.filter(|known| known.of.contains(&key)).max_by_key(|known| known.at_ms)?;
        Some(format!("known on `{}`: {}, {}", self.target, last.by, crate::screen::moment(last.at_ms)))
    }
}

/// Why `release` is not proven on this host; `None` if it is.
fn lacks(observed: &Observed, release: &Release) -> Option<String> {
    let same = |deployment: &&Deployment| {
        deployment.release == release.name && deployment.digest.is_none_or(|digest| digest == release.digest)
    };
    let was_good = observed
        .deployments
        .iter()
        .filter(same)
        .any(|deployment| matches!(deployment.outcome, Outcome::Done { .. }));
    let live = observed.current.release();
    let now = standing(&release.name, live, &observed.deployments);
    let serves = live.map_or("nothing".to_owned(), |live| format!("`{}`", live.version()));
    let other = observed.deployments.iter().rev().find(|deployment| {
        deployment.release.version() == &release.version && deployment.release != release.name
    });
    match (was_good, now, other) {
        (true, Standing::Bad, _) => {
            Some(format!("it failed there when it was last to go live; {serves} is live"))
        }
        (true, ..) => None,
        (false, _, Some(other)) => Some(format!(
            "it has another build of it ({}, not {}); {serves} is live",
            other.release.digest8(),
            release.name.digest8()
        )),
        (false, Standing::Bad, None) => {
            Some(format!("it failed there, and was never live; {serves} is live"))
        }
        (false, _, None) => Some(format!("it was never live there; {serves} is live")),
    }
}
