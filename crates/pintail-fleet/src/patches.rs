//! Which patches the hosts of a target can use: of what they have and the depot has too. Knows no step, no form.

use pintail_core::digest::Digest;
use pintail_core::name::AppName;
use pintail_core::observed::{Base, Observed};
use pintail_core::plan::{Patch, Wish};
use pintail_depot::Depot;
use std::collections::{BTreeMap, HashSet};

/// What makes the wished release of what `hosts` have; made in the depot if it isn't there. One patch serves all
/// hosts that build on the same release: it brings what any of them lacks. None where that can't be made, whatever
/// the reason: then the artifact travels, as the plan says.
pub fn patches<'a>(
    depot: &Depot,
    app: &AppName,
    wish: &Wish,
    hosts: impl Iterator<Item = &'a Observed>,
) -> Vec<Patch> {
    let Wish::Release(release) = wish else { return Vec::new() };
    let mut lacking: BTreeMap<_, HashSet<Digest>> = BTreeMap::new();
    for host in hosts.filter(|host| host.current.release() != Some(&release.name)) {
        let usable = |base: &&Base| {
            base.release != release.name && depot.artifact_path(app, base.release.version()).exists()
        };
        if let Some(base) = host.bases.iter().find(usable) {
            lacking.entry(&base.release).or_default().extend(&base.lacking);
        }
    }
    let make = |(base, lacking)| depot.patch(app, &release.version, base, &lacking).ok().flatten();
    lacking.into_iter().filter_map(make).collect()
}
