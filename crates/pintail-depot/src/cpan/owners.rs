//! Whose a name is: that of a package, and that of a distribution, which is its main package's with `-` for `::`.
//! Knows what is there; does not judge what is new.

use std::collections::BTreeMap;

use super::author::AuthorId;
use super::distribution::Distribution;
use super::package::PackageName;
use super::perl_version::PerlVersion;

/// Who came first to every name, which is who has the lowest version: nothing lower is taken later. Upper and lower
/// case are the same.
pub(crate) struct Owners<'a> {
    packages: BTreeMap<String, First<'a>>,
    distributions: BTreeMap<String, First<'a>>,
}

/// The lowest version of a name.
#[derive(Clone, Copy)]
pub(crate) struct First<'a> {
    pub(crate) version: &'a PerlVersion,
    pub(crate) of: &'a Distribution,
}

impl<'a> Owners<'a> {
    /// What is there by mistake and not indexed has its names all the same: they are not free for others until it is
    /// taken away.
    pub(crate) fn of(there: &'a [Distribution]) -> Owners<'a> {
        let mut owners = Owners { packages: BTreeMap::new(), distributions: BTreeMap::new() };
        for of in there {
            claim(&mut owners.distributions, folded(of), First { version: of.name.version(), of });
            for (name, version) in of.packages().filter(|_| of.unindexed.is_none()) {
                claim(&mut owners.packages, name.folded(), First { version, of });
            }
        }
        owners
    }

    /// Who came first to a package.
    pub(crate) fn of_package(&self, name: &PackageName) -> Option<&'a AuthorId> {
        self.packages.get(&name.folded()).map(|first| &first.of.author)
    }

    /// Whether a package is `author`'s: who came first to it, or whose the name of the distribution is in which somebody
    /// else did. Else neither of the two could publish that distribution's next version.
    pub(crate) fn has_package(&self, author: &AuthorId, name: &PackageName) -> bool {
        let first = self.packages.get(&name.folded());
        first.is_some_and(|first| first.of.author == *author || self.has_name(author, first.of))
    }

    /// Whether the name of `distribution` is `author`'s by the first of that name. Who was let into somebody's package
    /// with the first has the name as long as the grant is there.
    pub(crate) fn has_name(&self, author: &AuthorId, distribution: &Distribution) -> bool {
        let name = folded(distribution);
        let Some(first) = self.distributions.get(&name) else { return false };
        let has_main =
            first.of.unindexed.is_none() && first.of.packages().any(|(package, _)| package.folded() == name);
        let main = self.packages.get(&name).filter(|_| has_main);
        main.unwrap_or(first).of.author == *author
    }

    /// The first distribution that is named after a package, with the package in it or without.
    pub(crate) fn named_after(&self, name: &PackageName) -> Option<First<'a>> {
        self.distributions.get(&name.folded()).copied()
    }

    /// The first distribution of the name that `distribution` has.
    pub(crate) fn of_name(&self, distribution: &Distribution) -> Option<First<'a>> {
        self.distributions.get(&folded(distribution)).copied()
    }
}

fn folded(distribution: &Distribution) -> String {
    distribution.name.main_package_text().to_ascii_lowercase()
}

/// Equal versions of a package are in versions of one distribution, of which the lower was first.
fn claim<'a>(names: &mut BTreeMap<String, First<'a>>, name: String, new: First<'a>) {
    let order = |first: &First<'a>| {
        let name = &first.of.name;
        (first.version.clone(), name.version().clone(), name.name().to_owned(), first.of.path())
    };
    let there = names.entry(name).or_insert(new);
    if order(&new) < order(there) {
        *there = new;
    }
}
