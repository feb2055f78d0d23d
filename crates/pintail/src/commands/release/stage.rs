//! Where a release is staged: a target, deployed to as `deploy` and `rollback` do.

use super::super::operation::{self, Order};
use super::super::signed;
use crate::args::How;
use crate::exit::{Exit, Failure};
use crate::project::Project;
use pintail_core::history::{Deployment, made_live};
use pintail_core::name::ReleaseName;
use pintail_core::plan::Wish;
use pintail_core::wire::Trouble;
use pintail_depot::signing::SecretKey;
use pintail_depot::{Card, Depot};
use pintail_fleet::target::Host;
use pintail_release::release::{Live, Stage};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// How long an operation that is under way there is waited for: that of a release which was killed goes on by itself.
const WAITED: Duration = Duration::from_secs(5 * 60);
const GLANCE: Duration = Duration::from_millis(500);

/// The targets of a project.
pub(super) struct Target<'a> {
    project: &'a Project,
    /// What signs what is staged, as it signs what is published.
    key: Option<&'a SecretKey>,
    /// What acknowledges the notes of what is staged.
    ack: Option<String>,
}

impl<'a> Target<'a> {
    pub(super) fn new(project: &'a Project, key: Option<&'a SecretKey>, ack: Option<String>) -> Self {
        Self { project, key, ack }
    }

    /// The hosts, once nothing runs on them.
    fn hosts(&self, name: &str) -> Result<Vec<Host>, Trouble> {
        let target = self.project.target(name).map_err(trouble)?;
        let operator = self.project.operator().map_err(trouble)?;
        let until = Instant::now() + WAITED;
        loop {
            let hosts = operator.observe(target)?;
            let Some(busy) = hosts.iter().find(|host| host.observed.running.is_some()) else {
                return Ok(hosts);
            };
            if Instant::now() > until {
                let why = format!("an operation is running on `{}` and does not end", busy.session.host());
                return Err(Trouble::new(format!("cannot stage on `{name}`"), why)
                    .hint(format!("`pintail attach {name}` watches it, `pintail abort {name}` undoes it")));
            }
            drop(hosts);
            thread::sleep(GLANCE);
        }
    }

    fn operate(
        &self,
        name: &str,
        wish: Wish,
        depot: &Depot,
        artifact: Option<PathBuf>,
        (what, token): (&str, Option<&str>),
    ) -> Result<(), Trouble> {
        // What runs there is of this release, or it would have been refused before.
        drop(self.hosts(name)?);
        let target = self.project.target(name).map_err(trouble)?;
        let ack = self.ack.clone();
        let how = How { yes: true, ack, json: false, skip_unreachable: false, pause_at: None };
        let exit =
            operation::run(&Order { project: self.project, target, wish, depot, artifact, token, how: &how });
        match exit.map_err(trouble)? {
            Exit::Done | Exit::Code(0) => Ok(()),
            Exit::Undone => Err(Trouble::new(what, "it failed there and was undone there, as told above")
                .hint(format!("`pintail history {name}` and `pintail logs {name}` say more"))),
            Exit::Stuck => Err(Trouble::new(what, "it neither went on nor back there, as told above")
                .hint(format!("mend that and `pintail abort {name}`"))),
            Exit::Refused | Exit::Usage | Exit::Code(_) => {
                Err(Trouble::new(what, "it was refused, as told above"))
            }
        }
    }
}

impl Stage for Target<'_> {
    fn live(&mut self, target: &str) -> Result<Vec<Live>, Trouble> {
        let live = |host: &Host| Live {
            host: host.session.host().to_owned(),
            release: host.observed.current.release().cloned(),
            token: made(host).and_then(|made| made.token.clone()),
            unfinished_token: host.observed.unfinished.as_ref().and_then(|there| {
                let begun = host.observed.deployments.iter().find(|deployment| deployment.id == there.id);
                begun.and_then(|begun| begun.token.clone())
            }),
            unfinished: host.observed.unfinished.as_ref().map(|there| {
                format!("deployment {} of {} has not ended, at step `{}`", there.id, there.by, there.step)
            }),
        };
        Ok(self.hosts(target)?.iter().map(live).collect())
    }

    fn deploy(&mut self, target: &str, bench: &Depot, card: &Card, token: &str) -> Result<(), Trouble> {
        let release = signed::release_of(card);
        let what = format!("cannot stage {} on `{target}`", card.version);
        let artifact = bench.artifact_path(&card.name, &card.version);
        if let Some(key) = self.key {
            signed::sign(bench, card, key)?;
        }
        self.operate(target, Wish::Release(release), bench, Some(artifact), (&what, Some(token)))
    }

    fn roll_back(&mut self, target: &str, release: &ReleaseName) -> Result<(), Trouble> {
        let what = format!("cannot bring `{target}` back to {release}");
        self.operate(
            target,
            Wish::Back(Some(release.to_string())),
            &self.project.depot(),
            None,
            (&what, None),
        )
    }
}

/// The deployment that made live what is.
fn made(host: &Host) -> Option<&Deployment> {
    made_live(host.observed.current.release()?, &host.observed.deployments)
}

/// A failure as the release tells it.
fn trouble(failure: Failure) -> Trouble {
    match failure {
        Failure::Trouble(trouble, _) => trouble,
        Failure::Config(problems) => Trouble::new("cannot read the configuration", problems),
    }
}
