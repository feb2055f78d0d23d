//! Which patches the hosts of a target can use: of what they have, told by the depot or, where it lacks that, by a host.
//! Knows no step, no form.

use crate::session::Session;
use pintail_core::digest::Digest;
use pintail_core::name::{AppName, ReleaseName};
use pintail_core::observed::{Base, Observed};
use pintail_core::plan::{Patch, Release, Wish};
use pintail_depot::Depot;
use std::collections::{BTreeMap, HashSet};

/// What makes the wished release of what `hosts` have; made in the depot if it isn't there. One patch serves all
/// hosts that build on the same release: it brings what any of them lacks. A host is asked for nothing but the
/// signature of a release whose artifact the depot lacks, and one host for all that have it. No patch where that can't
/// be made, whatever the reason: then the artifact travels, as the plan says.
pub fn patches<'a>(
    depot: &Depot,
    app: &AppName,
    wish: &Wish,
    hosts: impl Iterator<Item = (&'a Observed, &'a mut Session)>,
) -> Vec<Patch> {
    let Wish::Release(release) = wish else { return Vec::new() };
    let mut grounds: BTreeMap<ReleaseName, Built> = BTreeMap::new();
    for (host, session) in hosts.filter(|(host, _)| host.current.release() != Some(&release.name)) {
        let mut bases = host.bases.iter().filter(|base| base.release != release.name);
        let in_depot = |base: &&Base| depot.artifact_path(app, base.release.version()).exists();
        // A patch made of an artifact is smaller, even of one that is some releases older.
        let Some(base) = bases.clone().find(in_depot).or_else(|| bases.next()) else { continue };
        let built = grounds.entry(base.release.clone()).or_default();
        built.lacking.extend(&base.lacking);
        built.hosts.push(session);
    }
    grounds.into_iter().filter_map(|(base, built)| built.patch(depot, app, release, &base)).collect()
}

/// What is built upon the same release.
#[derive(Default)]
struct Built<'a> {
    lacking: HashSet<Digest>,
    hosts: Vec<&'a mut Session>,
}

impl Built<'_> {
    fn patch(mut self, depot: &Depot, app: &AppName, to: &Release, base: &ReleaseName) -> Option<Patch> {
        if let Ok(Some(patch)) = depot.patch(app, &to.version, base, &self.lacking) {
            return Some(patch);
        }
        let mut sign = |sketch: &[u8]| self.hosts.first_mut()?.sign(base, sketch).ok();
        depot.patch_by_signature(app, &to.version, base, &self.lacking, &mut sign).ok().flatten()
    }
}
