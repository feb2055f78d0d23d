//! What of a distribution is indexed, by PAUSE's rules: what the author lists, else what is found in the modules; and
//! what keeps it out of the index altogether. Knows one distribution, not what else is there.

use std::collections::BTreeMap;
use std::fmt;

use super::author::AuthorId;
use super::content::{Content, PACKAGES_MAX, Sums};
use super::dist::DistName;
use super::literal::Assigned;
use super::meta::Meta;
use super::package::PackageName;
use super::perl_version::PerlVersion;
use super::scan::Scanned;
use crate::shown;

/// Why a distribution is kept and can be installed by its path, but is not in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unindexed {
    /// Its file name says that it is for developers: `1.02_03`, `-TRIAL`.
    Developers,
    /// Its META says that it is not stable.
    Status(String),
    /// Its META says that it is a script.
    Script,
    /// It is Perl.
    Perl,
    /// No package was found that may be indexed.
    NoPackage,
}

impl fmt::Display for Unindexed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unindexed::Developers => write!(f, "its file name says that it is for developers"),
            Unindexed::Status(status) => {
                write!(f, "its META says that it is `{}`", shown::name(status.as_bytes()))
            }
            Unindexed::Script => write!(f, "its META says that it is a script"),
            Unindexed::Perl => write!(f, "it is Perl itself"),
            Unindexed::NoPackage => write!(f, "there is no package in it that may be indexed"),
        }
    }
}

/// A distribution and what is indexed of it.
#[derive(Debug, Clone)]
pub struct Distribution {
    pub(crate) author: AuthorId,
    pub(crate) name: DistName,
    pub(crate) sums: Sums,
    pub(crate) newest_s: u64,
    pub(crate) packages: BTreeMap<PackageName, PerlVersion>,
    pub(crate) unindexed: Option<Unindexed>,
    pub(crate) warnings: Vec<String>,
    pub(crate) faults: Vec<String>,
}

impl Distribution {
    pub(crate) fn new(author: AuthorId, name: DistName, content: Content) -> Distribution {
        let Content { sums, newest_s, meta, modules, mut warnings, mut faults } = content;
        let mut found = Found { packages: BTreeMap::new(), warnings: &mut warnings, faults: &mut faults };
        match &meta {
            Some(meta) if !meta.provides.is_empty() => found.provided(meta),
            meta => found.scanned(meta.as_ref(), &modules),
        }
        let packages = found.packages;
        if packages.len() > PACKAGES_MAX {
            faults.push(format!("it has {} packages, at most {PACKAGES_MAX} are accepted", packages.len()));
        }
        let unindexed = unindexed(&name, meta.as_ref(), packages.is_empty());
        Distribution { author, name, sums, newest_s, packages, unindexed, warnings, faults }
    }

    /// Its author.
    pub fn author(&self) -> &AuthorId {
        &self.author
    }

    /// Name and version by its file name.
    pub fn name(&self) -> &DistName {
        &self.name
    }

    /// Its packages with their versions, whether it is indexed or not.
    pub fn packages(&self) -> impl Iterator<Item = (&PackageName, &PerlVersion)> {
        self.packages.iter()
    }

    /// Why it is not in the index, if it is not.
    pub fn unindexed(&self) -> Option<&Unindexed> {
        self.unindexed.as_ref()
    }

    /// What is odd about it and stands in nobody's way.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Where it lies, below `authors/id`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.author.folder(), self.name.file_name())
    }

    /// Whether its packages stand in the index.
    pub(crate) fn is_indexed(&self) -> bool {
        self.unindexed.is_none() && self.faults.is_empty()
    }

    /// The packages that stand in the index.
    pub(crate) fn indexed(&self) -> impl Iterator<Item = (&PackageName, &PerlVersion)> {
        self.packages.iter().filter(|_| self.is_indexed())
    }
}

fn unindexed(name: &DistName, meta: Option<&Meta>, is_empty: bool) -> Option<Unindexed> {
    let status = meta.and_then(|meta| meta.release_status.as_deref()).filter(|status| *status != "stable");
    let is_script = meta.is_some_and(|meta| meta.distribution_type.as_deref() == Some("script"));
    if name.is_developers() {
        Some(Unindexed::Developers)
    } else if name.name() == "perl" {
        Some(Unindexed::Perl)
    } else if let Some(status) = status {
        Some(Unindexed::Status(status.to_owned()))
    } else if is_script {
        Some(Unindexed::Script)
    } else {
        is_empty.then_some(Unindexed::NoPackage)
    }
}

struct Found<'a> {
    packages: BTreeMap<PackageName, PerlVersion>,
    warnings: &'a mut Vec<String>,
    faults: &'a mut Vec<String>,
}

impl Found<'_> {
    /// The author's own list, alone.
    fn provided(&mut self, meta: &Meta) {
        for (name, about) in &meta.provides {
            let shown = shown::name(name.as_bytes());
            if about.file.is_none() {
                self.warn(format!("META lists `{shown}` without a file; it is not indexed"));
                continue;
            }
            let version = about.version.as_deref().unwrap_or("undef");
            if version.contains(['_', ' ']) {
                let version = shown::name(version.as_bytes());
                self.warn(format!("META lists `{shown}` with version `{version}`, which is for developers; it is not indexed"));
                continue;
            }
            match name.parse::<PackageName>() {
                Ok(name) => self.add(name, version, "META"),
                Err(error) => self.fault(format!("META: {error}")),
            }
        }
    }

    /// What is in the modules that are installed and that META doesn't take out.
    fn scanned(&mut self, meta: Option<&Meta>, modules: &BTreeMap<String, Scanned>) {
        for (path, scanned) in modules {
            if meta.is_some_and(|meta| meta.no_index.has_path(path)) {
                continue;
            }
            let shown = shown::name(path.as_bytes());
            if let Some((line, Assigned::Literal(version))) = &scanned.version
                && version.contains('_')
            {
                let version = shown::name(version.as_bytes());
                self.warn(format!(
                    "`{shown}` line {line}: version `{version}` is for developers; nothing in the file is indexed"
                ));
                continue;
            }
            let is_free =
                |name: &PackageName| meta.is_none_or(|meta| !meta.no_index.has_package(name.as_str()));
            let packages: Vec<_> = scanned.packages.iter().filter(|(name, _)| is_free(name)).collect();
            let of_file = match &scanned.version {
                Some((_, Assigned::Literal(version))) => Some(version.as_str()),
                Some((line, Assigned::Code)) if packages.iter().any(|(_, own)| own.is_none()) => {
                    self.warn(format!(
                        "`{shown}` line {line}: the version is made by code, which is not run; it is indexed as `undef`"
                    ));
                    None
                }
                _ => None,
            };
            for (name, own) in packages {
                let version = own.as_deref().or(of_file).filter(|version| !version.is_empty());
                self.add(name.clone(), version.unwrap_or("undef"), &format!("`{shown}`"));
            }
        }
    }

    /// A package in two places has the higher of its versions.
    fn add(&mut self, name: PackageName, version: &str, place: &str) {
        match version.parse::<PerlVersion>() {
            Ok(version) => {
                let there = self.packages.entry(name).or_insert_with(PerlVersion::undef);
                if version > *there || there.as_str() == "undef" {
                    *there = version;
                }
            }
            Err(error) => self.fault(format!("{place}: package `{name}`: {error}")),
        }
    }

    fn warn(&mut self, what: String) {
        if self.warnings.len() <= shown::FAULTS_TOLD_MAX {
            self.warnings.push(what);
        }
    }

    fn fault(&mut self, what: String) {
        if self.faults.len() <= shown::FAULTS_TOLD_MAX {
            self.faults.push(what);
        }
    }
}
