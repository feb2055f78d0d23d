//! What the clients read: `02packages`, `01mailrc`, `03modlist`, `CHECKSUMS`, and the files of `v1.0/`. Knows their
//! forms (`docs/formats/cpan.md`), and that they follow from distributions and authors alone: not from when or in
//! which order something was added.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::{Compression, GzBuilder};

use super::author::{AuthorId, Authors};
use super::distribution::Distribution;
use super::package::PackageName;
use super::perl_version::PerlVersion;

/// Where the index of packages is. It is written last.
pub(crate) const PACKAGES: &str = "modules/02packages.details.txt.gz";

/// The file of sums in an author's folder.
pub(crate) const CHECKSUMS: &str = "CHECKSUMS";

/// The folders of `v1.0`, one file for each package.
pub(crate) const LATEST: &str = "v1.0/package";
pub(crate) const HISTORY: &str = "v1.0/history";

/// How wide PAUSE makes names and versions, at least.
const NAME_WIDTH: usize = 30;
const VERSION_WIDTH: usize = 8;

/// A version of a package, and the distribution that it is in.
#[derive(Debug, Clone)]
pub(crate) struct Release<'a> {
    pub(crate) version: &'a PerlVersion,
    pub(crate) of: &'a Distribution,
}

/// Every package with its releases in the order in which they were published, which is that of the versions: none is
/// published that is lower, and an equal one only with a higher version of the same distribution.
pub(crate) struct Index<'a> {
    pub(crate) packages: BTreeMap<&'a PackageName, Vec<Release<'a>>>,
    distributions: &'a [Distribution],
}

impl<'a> Index<'a> {
    pub(crate) fn of(distributions: &'a [Distribution]) -> Index<'a> {
        let mut packages: BTreeMap<&PackageName, Vec<Release<'_>>> = BTreeMap::new();
        for distribution in distributions {
            for (name, version) in distribution.indexed() {
                packages.entry(name).or_default().push(Release { version, of: distribution });
            }
        }
        for releases in packages.values_mut() {
            releases.sort_by_cached_key(|release| {
                let name = &release.of.name;
                (release.version.clone(), name.version().clone(), name.name().to_owned(), release.of.path())
            });
        }
        Index { packages, distributions }
    }

    /// The release of a package that is installed.
    pub(crate) fn latest(&self, name: &PackageName) -> Option<&Release<'a>> {
        self.packages.get(name).and_then(|releases| releases.last())
    }

    /// Every file by its path in the depot, in the order in which they are written: what `02packages` leads to is
    /// there before it.
    pub(crate) fn files(&self, authors: &Authors) -> Vec<(String, Vec<u8>)> {
        let mut files = self.checksums();
        files.extend(
            self.packages
                .iter()
                .map(|(name, releases)| (format!("{HISTORY}/{name}"), history(name, releases))),
        );
        let latest = self.packages.iter().filter_map(|(name, releases)| Some((name, releases.last()?)));
        files.extend(latest.map(|(name, release)| (format!("{LATEST}/{name}"), latest_of(release))));
        files.push(("modules/03modlist.data.gz".to_owned(), gzip(self.modlist().as_bytes())));
        files.push(("authors/01mailrc.txt.gz".to_owned(), mailrc(authors)));
        files.push((PACKAGES.to_owned(), gzip(self.packages_text().as_bytes())));
        files
    }

    /// One `CHECKSUMS` in every author's folder, of all that lies there.
    fn checksums(&self) -> Vec<(String, Vec<u8>)> {
        let mut by_author: BTreeMap<&AuthorId, Vec<&Distribution>> = BTreeMap::new();
        for distribution in self.distributions {
            by_author.entry(&distribution.author).or_default().push(distribution);
        }
        let mut files = Vec::new();
        for (author, mut distributions) in by_author {
            distributions.sort_by_key(|distribution| distribution.name.file_name());
            let entries: String = distributions.into_iter().map(checksum).collect();
            let text = format!("$cksum = {{\n{entries}}};\n");
            files.push((format!("authors/id/{}/{CHECKSUMS}", author.folder()), text.into_bytes()));
        }
        files
    }

    fn packages_text(&self) -> String {
        let mut rows: Vec<(&PackageName, &Release<'_>)> =
            self.packages.iter().filter_map(|(name, releases)| Some((*name, releases.last()?))).collect();
        rows.sort_by_cached_key(|(name, _)| (name.folded(), name.as_str().to_owned()));
        let mut text = format!(
            "File:         02packages.details.txt\n\
             URL:          file:modules/02packages.details.txt\n\
             Description:  Packages in the distributions below authors/id\n\
             Columns:      package name, version, path\n\
             Intended-For: Automated fetch routines, namespace documentation.\n\
             Written-By:   pintail depot\n\
             Line-Count:   {}\n\
             Last-Updated: {}\n\n",
            rows.len(),
            self.updated()
        );
        text.extend(rows.into_iter().map(|(name, release)| row(name, release)));
        text
    }

    /// CPAN.pm evaluates it, and is content with an empty list.
    fn modlist(&self) -> String {
        format!(
            "File:        03modlist.data\n\
             Description: The list of registered modules, which CPAN.pm asks for; nobody registers modules any more\n\
             Modcount:    0\n\
             Written-By:  pintail depot\n\
             Date:        {}\n\n\
             package CPAN::Modulelist;\n\
             sub data {{\nreturn {{}};\n}}\n1;\n",
            self.updated()
        )
    }

    /// The latest time of a file in any distribution. When something was added stands in none of them, and the
    /// indexes shall be made again from them alone.
    fn updated(&self) -> String {
        let newest = self.distributions.iter().map(|distribution| distribution.newest_s).max();
        time(newest.unwrap_or_default()).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

/// Never shorter than PAUSE makes it; a name or version that is longer pushes the rest to the right.
fn row(name: &PackageName, release: &Release<'_>) -> String {
    let Release { version, of } = release;
    format!("{name:<NAME_WIDTH$} {version:>VERSION_WIDTH$}  {}\n", of.path())
}

fn history(name: &PackageName, releases: &[Release<'_>]) -> Vec<u8> {
    let line = |release: &Release<'_>| row(name, release);
    releases.iter().map(line).collect::<String>().into_bytes()
}

fn latest_of(release: &Release<'_>) -> Vec<u8> {
    format!("---\ndistfile: {}\nversion: {}\n", release.of.path(), release.version).into_bytes()
}

fn mailrc(authors: &Authors) -> Vec<u8> {
    let line = |(id, author): (&AuthorId, &super::author::Author)| {
        format!("alias {id} \"{} <{}>\"\n", author.name, author.email)
    };
    gzip(authors.iter().map(line).collect::<String>().as_bytes())
}

/// File names have letters, digits, `-`, `.` and `_` only, so single quotes hold them.
fn checksum(distribution: &Distribution) -> String {
    let sums = &distribution.sums;
    let day = time(distribution.newest_s).strftime("%Y-%m-%d");
    format!(
        "  '{}' => {{\n    'cpan_path' => '{}',\n    'md5' => '{}',\n    'md5-ungz' => '{}',\n    'mtime' => '{day}',\n    \
         'sha256' => '{}',\n    'sha256-ungz' => '{}',\n    'size' => {}\n  }},\n",
        distribution.name.file_name(),
        distribution.author.folder(),
        sums.md5,
        sums.md5_unpacked,
        sums.sha256,
        sums.sha256_unpacked,
        sums.size_bytes
    )
}

fn time(seconds: u64) -> jiff::Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or_default();
    jiff::Timestamp::from_second(seconds).unwrap_or_default()
}

/// The same bytes every time: no name, no time.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes all bytes")
}
