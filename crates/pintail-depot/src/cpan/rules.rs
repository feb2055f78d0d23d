//! What may be published beside what is there: no version twice, none lower, no name of somebody else, none that
//! differs from another in case only. Knows values; does not know where they lie.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::author::{AuthorId, Authors};
use super::distribution::Distribution;
use super::index::{Index, Release};
use super::owners::Owners;
use super::package::PackageName;
use super::perl_version::PerlVersion;

/// Everything that speaks against publishing `new` beside `there`. What isn't indexed takes no package's name, but that
/// of its distribution, and of an artifact.
pub(crate) fn against(new: &Distribution, there: &[Distribution], authors: &Authors) -> Vec<String> {
    let names = Names { owners: Owners::of(there), authors, author: new.author() };
    let mut faults: Vec<String> = names.against_name(new).into_iter().collect();
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
        faults.extend(names.against_package(name));
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

/// Whose names are, for one author. Who comes first has a name; another needs to be told in `authors.toml`.
struct Names<'a> {
    owners: Owners<'a>,
    authors: &'a Authors,
    author: &'a AuthorId,
}

impl Names<'_> {
    /// A distribution's name is that of its main package, and of who released under it first. Where those are two,
    /// both may.
    fn against_name(&self, new: &Distribution) -> Option<String> {
        let (name, author) = (new.name.name(), self.author);
        let package: Option<PackageName> = new.name.main_package_text().parse().ok();
        if self.owners.has_name(author, new) {
            return None;
        }
        let first = self.owners.of_name(new).filter(|first| first.of.author != *author);
        let may = |package| self.may(package) || self.owners.has_package(author, package);
        if package.as_ref().is_some_and(may) {
            // Nothing lower than the first, or the name would be the other's from then on.
            let first = first.filter(|first| new.name.version() <= first.version)?;
            let (version, path) = (new.name.version(), first.of.path());
            return Some(format!(
                "version {version} is not higher than that of `{path}`, which was first; choose a higher one"
            ));
        }
        let grant = match &package {
            Some(package) => format!("; {}", self.grant(package)),
            None => String::new(),
        };
        let owner = package.as_ref().and_then(|package| self.owners.of_package(package));
        if let (Some(owner), Some(package)) = (owner, &package) {
            let is_in_it = new.unindexed.is_none() && new.packages.contains_key(package);
            return (!is_in_it).then(|| {
                format!(
                    "distribution `{name}` is named after package `{package}`, which is `{owner}`'s{grant}"
                )
            });
        }
        first.map(|first| {
            format!("distribution `{name}` is `{}`'s, as `{}` says{grant}", first.of.author, first.of.path())
        })
    }

    fn against_package(&self, name: &PackageName) -> Option<String> {
        if self.may(name) || self.owners.has_package(self.author, name) {
            return None;
        }
        if let Some(owner) = self.owners.of_package(name) {
            return Some(format!("package `{name}` is `{owner}`'s; {}", self.grant(name)));
        }
        let named = self.owners.named_after(name).filter(|first| first.of.author != *self.author)?;
        Some(format!(
            "package `{name}` has the name of `{}`, which is `{}`'s; {}",
            named.of.path(),
            named.of.author,
            self.grant(name)
        ))
    }

    fn may(&self, name: &PackageName) -> bool {
        let about = self.authors.find(self.author);
        about.is_some_and(|about| about.may.iter().any(|grant| grant.covers(name)))
    }

    fn grant(&self, name: &PackageName) -> String {
        format!("`{}` may add to it when `authors.toml` says so: `may = [\"{name}\"]`", self.author)
    }
}
