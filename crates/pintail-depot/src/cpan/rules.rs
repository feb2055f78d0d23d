//! What may be published beside what is there: no version twice, none lower, no package of somebody else, none that
//! differs from another in case only. Knows values; does not know where they lie.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::author::Authors;
use super::distribution::Distribution;
use super::index::{Index, Release};
use super::package::PackageName;
use super::perl_version::PerlVersion;

/// Everything that speaks against publishing `new` beside `there`. What isn't indexed takes nobody's name.
pub(crate) fn against(new: &Distribution, there: &[Distribution], authors: &Authors) -> Vec<String> {
    let mut faults = Vec::new();
    if new.unindexed.is_some() {
        return faults;
    }
    faults.extend(version_taken(new, there));
    let index = Index::of(there);
    let folded: BTreeMap<String, &PackageName> =
        index.packages.keys().map(|name| (name.folded(), *name)).collect();
    for (name, version) in new.packages() {
        if let Some(other) = folded.get(&name.folded()).filter(|other| **other != name) {
            faults.push(format!(
                "package `{name}` differs from `{other}`, which is there, in upper and lower case only"
            ));
        }
        faults.extend(not_theirs(new, name, &index, authors));
        faults.extend(index.latest(name).and_then(|latest| not_higher(new, name, version, latest)));
    }
    faults
}

fn version_taken(new: &Distribution, there: &[Distribution]) -> Option<String> {
    let others = there.iter().filter(|other| other.is_indexed() && other.name.name() == new.name.name());
    let latest = others.max_by(|a, b| a.name.version().cmp(b.name.version()))?;
    let (version, path) = (new.name.version(), latest.path());
    match version.cmp(latest.name.version()) {
        Ordering::Greater => None,
        Ordering::Equal => {
            Some(format!("version {version} is there already, as `{path}`; choose a higher one"))
        }
        Ordering::Less => {
            Some(format!("version {version} is lower than that of `{path}`; choose a higher one"))
        }
    }
}

/// An equal version is fine in the next version of the same distribution. In another distribution it is refused:
/// which of the two is installed would hang on which came first, and that stands in neither of them.
fn not_higher(
    new: &Distribution,
    name: &PackageName,
    version: &PerlVersion,
    latest: &Release<'_>,
) -> Option<String> {
    let (there, path) = (latest.version, latest.of.path());
    match version.cmp(there) {
        Ordering::Less => {
            Some(format!("package `{name}` has version {version}, lower than {there} in `{path}`; raise it"))
        }
        Ordering::Equal if latest.of.name.name() != new.name.name() => {
            Some(format!("package `{name}` has version {version}, which is that of `{path}`; raise it"))
        }
        _ => None,
    }
}

/// Who comes first has a package; another needs to be told in `authors.toml`.
fn not_theirs(
    new: &Distribution,
    name: &PackageName,
    index: &Index<'_>,
    authors: &Authors,
) -> Option<String> {
    let author = new.author();
    let owner = index.owner(name).filter(|owner| *owner != author)?;
    let is_granted =
        authors.find(author).is_some_and(|about| about.may.iter().any(|grant| grant.covers(name)));
    (!is_granted).then(|| {
        format!("package `{name}` is `{owner}`'s; `{author}` may add to it when `authors.toml` says so: `may = [\"{name}\"]`")
    })
}
