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
use super::dist::{DistName, DistNameError};
use super::distribution::Distribution;
use super::error::CpanError;
use super::index::{CHECKSUMS, HISTORY, Index, LATEST, PACKAGES};
use super::rules::against;
use crate::partial::Partial;
use crate::publisher::{Publisher, names};
use crate::tarball::ArchiveError;
use pintail_os::files::let_all_read;

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
    /// What is wrong with others that are there and doesn't concern it, a sentence each.
    pub faults: Vec<String>,
}

/// What lies there.
struct There {
    distributions: Vec<Distribution>,
    /// What is not indexed and why, a sentence each.
    faults: Vec<String>,
    /// Those of them that are somebody's distributions by their names and can't be read: what they have nobody knows.
    damaged: Vec<String>,
}

/// Why a file is no distribution.
enum NoDistribution {
    /// It never was one.
    Stray(String),
    /// It was one.
    Damaged(String),
    /// It can't be told: the system fails.
    Failed(io::Error),
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

    /// Whether there are any, or somebody who may publish some, or indexes of what there was.
    pub fn is_used(&self) -> bool {
        [AUTHORS, ARCHIVES, PACKAGES, LATEST, HISTORY].iter().any(|path| self.folder.join(path).exists())
    }

    /// The authors.
    pub fn authors(&self) -> Result<Authors, CpanError> {
        let text = self.authors_text()?;
        Authors::read(&text).map_err(|wrong| self.wrong_authors(wrong))
    }

    /// Declares an author, or calls one otherwise, and makes the indexes. `now_ms` is the present, in milliseconds since
    /// 1970.
    pub fn set_author(&self, id: &AuthorId, author: &Author, now_ms: u64) -> Result<Indexed, CpanError> {
        let publisher = self.begin(now_ms)?;
        let text = self.authors_text()?;
        let text = with_author(&text, id, author).map_err(|wrong| self.wrong_authors(wrong))?;
        let there = self.there()?;
        publisher.put(AUTHORS, text.as_bytes()).map_err(|source| self.unwritten(source))?;
        self.write(&publisher, &there.distributions, there.faults)
    }

    /// Publishes the archive `file` as `author`'s. `now_ms` is the present, in milliseconds since 1970.
    ///
    /// # Errors
    /// Everything that speaks against it, and then nothing has changed; that another archive can't be read is among it,
    /// for nobody knows whose names are in there. Or an index can't be written: then the archive may be there, and the
    /// next adding or [`Cpan::index`] puts it in.
    pub fn add(&self, file: &Path, author: &AuthorId, now_ms: u64) -> Result<Added, CpanError> {
        let publisher = self.begin(now_ms)?;
        let authors = self.authors()?;
        let mut reasons: Vec<String> = unknown(author, &authors).into_iter().collect();
        let partial = self.copy(file, &publisher)?;
        let Some(new) = read_new(file, partial.path(), author, &mut reasons) else {
            return Err(CpanError::Refused { faults: reasons });
        };
        let There { distributions: mut there, faults, damaged } = self.there()?;
        reasons.extend(damaged);
        let same = there.iter().find(|other| other.path() == new.path());
        let is_new = same.is_none();
        match same {
            // Put there by hand it may be one that is not accepted.
            Some(same) if same.sums == new.sums => reasons.extend(same.faults.iter().cloned()),
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
    ///
    /// # Errors
    /// Something can't be read though it may be whole, for want of permission or a disk that fails: then nothing has
    /// changed. What is damaged is no error; it is told and left out.
    pub fn index(&self, now_ms: u64) -> Result<Indexed, CpanError> {
        let publisher = self.begin(now_ms)?;
        let there = self.there()?;
        self.write(&publisher, &there.distributions, there.faults)
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

    /// Everything below `authors/id`, by path, and what is wrong with what is no distribution. Archives are read at
    /// the same time, as many as there are processors: nearly all of it is decompressing and hashing.
    fn there(&self) -> Result<There, CpanError> {
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
        let mut there = There { distributions: Vec::new(), faults: Vec::new(), damaged: Vec::new() };
        for (path, read) in read.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let unindexed = |why: &str| format!("`{path}` is not indexed: {why}");
            match read {
                Ok(distribution) => {
                    there.faults.extend(distribution.faults.iter().map(|fault| unindexed(fault)));
                    there.distributions.push(distribution);
                }
                Err(NoDistribution::Stray(why)) => there.faults.push(unindexed(&why)),
                Err(NoDistribution::Damaged(why)) => {
                    there.faults.push(unindexed(&why));
                    there.damaged.push(format!(
                        "`{path}` can't be read, and nobody knows whose the names in it are ({why}); put a whole copy in \
                         its place, or take it out of the depot"
                    ));
                }
                Err(NoDistribution::Failed(source)) => {
                    return Err(CpanError::Unreadable { path: self.folder.join(path), source });
                }
            }
        }
        Ok(there)
    }

    fn distribution(
        &self,
        author: &AuthorId,
        file_name: &str,
        path: &str,
    ) -> Result<Distribution, NoDistribution> {
        let name: DistName =
            file_name.parse().map_err(|error: DistNameError| NoDistribution::Stray(error.to_string()))?;
        let place = self.folder.join(path);
        // Opening a pipe would wait for ever.
        let damaged = |why: &str| Err(NoDistribution::Damaged(why.to_owned()));
        match std::fs::metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return damaged("it is a link to nothing");
            }
            Err(error) => return Err(NoDistribution::Failed(error)),
            Ok(about) if !about.is_file() => return damaged("it is no file"),
            Ok(_) => {}
        }
        let content = content::read(&place).map_err(|error| match error {
            ContentError::File(source) => NoDistribution::Failed(source),
            // What the decompressor says has no number of the system.
            ContentError::Archive(ArchiveError::Read(source)) if source.raw_os_error().is_some() => {
                NoDistribution::Failed(source)
            }
            other => NoDistribution::Damaged(other.to_string()),
        })?;
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
        names(&path).map_err(|source| CpanError::Unreadable { path, source })
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
            let put = publisher.put(&path, &bytes).map_err(|source| self.unwritten(source))?;
            let opened = let_all_read(&self.folder.join(&path)).map_err(|source| self.unwritten(source))?;
            if put || opened {
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
