//! Perl distributions in a depot's folder: published, and their indexes made. Knows where everything lies and in which
//! order it is written; the rules are its neighbours'.
//!
//! What counts are the archives and `authors.toml`. Every index is made from them, and is the last to appear: a
//! publisher that is killed leaves an archive that no index names yet, and the next one mends that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::author::{AUTHORS_BYTES_MAX, Author, AuthorId, Authors, with_author};
use super::content::{self, ContentError, TARBALL_BYTES_MAX};
use super::dist::DistName;
use super::distribution::Distribution;
use super::error::CpanError;
use super::index::{CHECKSUMS, HISTORY, Index, LATEST};
use super::rules::against;
use crate::partial::Partial;
use crate::publisher::{Publisher, names};

/// The file in the depot's folder that says who may publish.
pub const AUTHORS: &str = "authors.toml";

/// Where the archives lie.
const ARCHIVES: &str = "authors/id";

/// The Perl distributions of a depot. Making the value touches nothing.
#[derive(Debug, Clone)]
pub struct Cpan {
    folder: PathBuf,
}

/// How adding ended.
#[derive(Debug)]
pub struct Added {
    /// What was added.
    pub distribution: Distribution,
    /// Whether it is new; if not, the very same bytes were there.
    pub is_new: bool,
    /// What is wrong with others that are there, a sentence each.
    pub faults: Vec<String>,
}

/// How making the indexes ended.
#[derive(Debug, Default)]
pub struct Indexed {
    /// How many archives there are.
    pub archives: usize,
    /// How many packages are in the index.
    pub packages: usize,
    /// Files that are other than before, by path in the depot.
    pub changed: Vec<String>,
    /// What is wrong with what is there, a sentence each. It is left out of the index, and doesn't hide the rest.
    pub faults: Vec<String>,
}

impl Cpan {
    /// Those of the depot in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Cpan {
        Cpan { folder: folder.into() }
    }

    /// Whether there are any, or somebody who may publish some.
    pub fn is_used(&self) -> bool {
        self.folder.join(AUTHORS).exists() || self.folder.join(ARCHIVES).exists()
    }

    /// The authors.
    pub fn authors(&self) -> Result<Authors, CpanError> {
        let text = self.authors_text()?;
        Authors::read(&text).map_err(|wrong| self.wrong_authors(wrong))
    }

    /// Declares an author, or calls one otherwise. `now_ms` is the present, in milliseconds since 1970.
    pub fn set_author(&self, id: &AuthorId, author: &Author, now_ms: u64) -> Result<(), CpanError> {
        let publisher = self.begin(now_ms)?;
        let text = self.authors_text()?;
        let text = with_author(&text, id, author).map_err(|wrong| self.wrong_authors(wrong))?;
        publisher.put(AUTHORS, text.as_bytes()).map_err(|source| self.unwritten(source))?;
        let (there, faults) = self.distributions()?;
        self.write(&publisher, &there, faults).map(drop)
    }

    /// Publishes the archive `file` as `author`'s. `now_ms` is the present, in milliseconds since 1970.
    ///
    /// # Errors
    /// Everything that speaks against it, and then nothing has changed. Or an index can't be written: then the archive
    /// may be there, and the next adding or [`Cpan::index`] puts it in.
    pub fn add(&self, file: &Path, author: &AuthorId, now_ms: u64) -> Result<Added, CpanError> {
        let publisher = self.begin(now_ms)?;
        let authors = self.authors()?;
        let mut reasons: Vec<String> = unknown(author, &authors).into_iter().collect();
        let partial = self.copy(file, &publisher)?;
        let Some(new) = read_new(file, partial.path(), author, &mut reasons) else {
            return Err(CpanError::Refused { faults: reasons });
        };
        let (mut there, faults) = self.distributions()?;
        let same = there.iter().find(|other| other.path() == new.path());
        let is_new = same.is_none();
        match same {
            Some(same) if same.sums == new.sums => {}
            Some(_) => {
                let path = new.path();
                reasons.push(format!("`{path}` is there with other contents; choose a higher version"));
            }
            None => {
                reasons.extend(new.faults.iter().cloned());
                reasons.extend(against(&new, &there, &authors));
            }
        }
        if !reasons.is_empty() {
            return Err(CpanError::Refused { faults: reasons });
        }
        if is_new {
            self.publish(&publisher, partial, &new)?;
            there.push(new.clone());
        }
        let faults = self.write(&publisher, &there, faults)?.faults;
        Ok(Added { distribution: new, is_new, faults })
    }

    fn publish(&self, publisher: &Publisher, partial: Partial, new: &Distribution) -> Result<(), CpanError> {
        let path = format!("{ARCHIVES}/{}", new.path());
        if publisher.publish_new(partial, &path).map_err(|source| self.unwritten(source))? {
            return Ok(());
        }
        // It is not among those that can be read, or it would have been found.
        Err(CpanError::Refused {
            faults: vec![format!("`{path}` is there and is no distribution; remove it")],
        })
    }

    /// Makes every index from the archives and authors. Files that are right are not touched. `now_ms` is the present,
    /// in milliseconds since 1970.
    pub fn index(&self, now_ms: u64) -> Result<Indexed, CpanError> {
        let publisher = self.begin(now_ms)?;
        let (there, faults) = self.distributions()?;
        self.write(&publisher, &there, faults)
    }

    fn begin(&self, now_ms: u64) -> Result<Publisher, CpanError> {
        Publisher::begin(&self.folder, now_ms).map_err(|source| self.unwritten(source))
    }

    /// The bytes of `file`, in the depot and yet invisible: what is judged is then what is published, whoever writes
    /// to the file meanwhile.
    fn copy(&self, file: &Path, publisher: &Publisher) -> Result<Partial, CpanError> {
        let unread = |source| CpanError::Read { path: file.to_owned(), source };
        let mut source = File::open(file).map_err(unread)?.take(TARBALL_BYTES_MAX + 1);
        let mut partial = publisher.partial().map_err(|source| self.unwritten(source))?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            match source.read(&mut buffer).map_err(unread)? {
                0 => return Ok(partial),
                count => partial.write_all(&buffer[..count]).map_err(|source| self.unwritten(source))?,
            }
        }
    }

    /// Everything below `authors/id` that can be read, by path, and what is wrong with the rest. Archives are read at
    /// the same time, as many as there are processors: nearly all of it is decompressing and hashing.
    fn distributions(&self) -> Result<(Vec<Distribution>, Vec<String>), CpanError> {
        let archives = self.archives()?;
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (next, read) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        std::thread::scope(|scope| {
            for _ in 0..processors.min(archives.len()) {
                scope.spawn(|| {
                    while let Some((author, file_name)) = archives.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let path = format!("{ARCHIVES}/{}/{file_name}", author.folder());
                        let one = self.distribution(author, file_name, &path);
                        read.lock().unwrap_or_else(PoisonError::into_inner).insert(path, one);
                    }
                });
            }
        });
        let (mut distributions, mut faults) = (Vec::new(), Vec::new());
        for (path, read) in read.into_inner().unwrap_or_else(PoisonError::into_inner) {
            match read {
                Ok(distribution) => {
                    let wrong = distribution.faults.iter();
                    faults.extend(wrong.map(|fault| format!("`{path}` is not indexed: {fault}")));
                    distributions.push(distribution);
                }
                Err(why) => faults.push(format!("`{path}` is not indexed: {why}")),
            }
        }
        Ok((distributions, faults))
    }

    fn distribution(&self, author: &AuthorId, file_name: &str, path: &str) -> Result<Distribution, String> {
        let name: DistName =
            file_name.parse().map_err(|error: super::dist::DistNameError| error.to_string())?;
        let content =
            content::read(&self.folder.join(path)).map_err(|error: ContentError| error.to_string())?;
        Ok(Distribution::new(author.clone(), name, content))
    }

    /// Author and file name of every archive, in the order of paths.
    fn archives(&self) -> Result<Vec<(AuthorId, String)>, CpanError> {
        let mut archives = Vec::new();
        for id in self.authors_there()? {
            let files = self.list(&format!("{ARCHIVES}/{}", id.folder()))?;
            let files = files.into_iter().filter(|name| name != CHECKSUMS);
            archives.extend(files.map(|name| (id.clone(), name)));
        }
        Ok(archives)
    }

    /// Every author with a folder.
    fn authors_there(&self) -> Result<Vec<AuthorId>, CpanError> {
        let mut authors = Vec::new();
        for one in self.list(ARCHIVES)? {
            for two in self.list(&format!("{ARCHIVES}/{one}"))? {
                let ids = self.list(&format!("{ARCHIVES}/{one}/{two}"))?;
                let ids = ids.into_iter().filter_map(|id| id.parse::<AuthorId>().ok());
                authors.extend(ids.filter(|id| id.folder() == format!("{one}/{two}/{id}")));
            }
        }
        Ok(authors)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, CpanError> {
        let path = self.folder.join(folder);
        names(&path).map_err(|source| CpanError::Read { path, source })
    }

    /// Writes what the clients read, the index of packages last, and then takes away what belongs to packages that are
    /// gone.
    fn write(
        &self,
        publisher: &Publisher,
        there: &[Distribution],
        mut faults: Vec<String>,
    ) -> Result<Indexed, CpanError> {
        let authors = self.authors()?;
        let index = Index::of(there);
        let mut changed = Vec::new();
        for (path, bytes) in index.files(&authors) {
            if publisher.put(&path, &bytes).map_err(|source| self.unwritten(source))? {
                changed.push(path);
            }
        }
        let packages: BTreeSet<&str> = index.packages.keys().map(|package| package.as_str()).collect();
        for folder in [LATEST, HISTORY] {
            let is_there = |name: &str| packages.contains(name);
            changed.extend(publisher.retain(folder, is_there).map_err(|source| self.unwritten(source))?);
        }
        let publishing: BTreeSet<&AuthorId> = there.iter().map(Distribution::author).collect();
        for id in self.authors_there()?.iter().filter(|id| !publishing.contains(id)) {
            let folder = format!("{ARCHIVES}/{}", id.folder());
            let is_kept = |name: &str| name != CHECKSUMS;
            changed.extend(publisher.retain(&folder, is_kept).map_err(|source| self.unwritten(source))?);
        }
        let strangers = publishing.into_iter().filter(|id| authors.find(id).is_none());
        faults.extend(strangers.map(|id| {
            format!("`{AUTHORS}` does not name `{id}`, who has distributions here; they stay in the index")
        }));
        Ok(Indexed { archives: there.len(), packages: index.packages.len(), changed, faults })
    }

    fn authors_text(&self) -> Result<String, CpanError> {
        let path = self.folder.join(AUTHORS);
        match pintail_os::files::read_bounded(&path, AUTHORS_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(source) => Err(CpanError::Read { path, source }),
            Ok(bytes) => {
                String::from_utf8(bytes).map_err(|_| self.wrong_authors(vec!["it is no UTF-8".to_owned()]))
            }
        }
    }

    fn wrong_authors(&self, wrong: Vec<String>) -> CpanError {
        CpanError::Authors { path: self.folder.join(AUTHORS), wrong }
    }

    fn unwritten(&self, source: io::Error) -> CpanError {
        CpanError::Write { path: self.folder.clone(), source }
    }
}

/// The distribution `file`, its bytes copied to `copy`; or nothing, and why.
fn read_new(file: &Path, copy: &Path, author: &AuthorId, reasons: &mut Vec<String>) -> Option<Distribution> {
    let file_name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let name = file_name.parse::<DistName>().map_err(|error| reasons.push(error.to_string()));
    let content = content::read(copy).map_err(|error| reasons.push(error.to_string()));
    Some(Distribution::new(author.clone(), name.ok()?, content.ok()?))
}

/// Told with those there are: a slip is the likely reason.
fn unknown(id: &AuthorId, authors: &Authors) -> Option<String> {
    if authors.find(id).is_some() {
        return None;
    }
    let known: Vec<String> = authors.iter().take(10).map(|(id, _)| format!("`{id}`")).collect();
    let known = if known.is_empty() { String::new() } else { format!(" (there are: {})", known.join(", ")) };
    Some(format!(
        "there is no author `{id}`{known}; `pintail depot author {id} \"NAME <ADDRESS>\"` declares one"
    ))
}
