//! Python distributions in a depot's folder: published, and their pages made. Knows where everything lies and in which
//! order it is written: the file, its project's page, the page of all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::PypiError;
use super::name::{FileName, Kind, ProjectName};
use super::page;
use crate::partial::Partial;
use crate::publisher::{Publisher, hex, names};

/// Largest file in bytes, 4 GiB: wheels with whole frameworks in them have some.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// How far from its end a zip says that it is one: the record and the longest comment.
const ZIP_END_BYTES: u64 = 22 + 65_535;

/// Where the files lie, a folder for each project.
const FILES: &str = "packages";

/// Where the pages lie.
const PAGES: &str = "simple";

/// The Python distributions of a depot. Making the value touches nothing.
#[derive(Debug, Clone)]
pub struct Pypi {
    folder: PathBuf,
}

/// How adding ended.
#[derive(Debug)]
pub struct Added {
    /// What was added.
    pub file: FileName,
    /// Whether it is new; if not, the very same bytes were there.
    pub is_new: bool,
    /// What is wrong with others that are there, a sentence each.
    pub faults: Vec<String>,
}

/// How making the pages ended.
#[derive(Debug, Default)]
pub struct Indexed {
    /// How many files there are.
    pub files: usize,
    /// How many projects.
    pub projects: usize,
    /// Pages that are other than before, by path in the depot.
    pub changed: Vec<String>,
    /// What is wrong with what is there, a sentence each. It is on no page.
    pub faults: Vec<String>,
}

/// Every project with its files and their SHA-256.
type Projects = BTreeMap<ProjectName, BTreeMap<String, (FileName, String)>>;

impl Pypi {
    /// Those of the depot in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Pypi {
        Pypi { folder: folder.into() }
    }

    /// Whether there are any.
    pub fn is_used(&self) -> bool {
        self.folder.join(FILES).exists()
    }

    /// Publishes the wheel or source distribution `file`. `now_ms` is the present, in milliseconds since 1970.
    pub fn add(&self, file: &Path, now_ms: u64) -> Result<Added, PypiError> {
        let name: FileName =
            file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default().parse()?;
        let publisher = self.begin(now_ms)?;
        let (partial, sha256) = self.copy(file, &publisher)?;
        let unread = |source| PypiError::Read { path: file.to_owned(), source };
        check(partial.path(), name.kind()).map_err(unread)?.map_or(Ok(()), Err)?;
        let path = format!("{FILES}/{}/{}", name.project(), name.as_str());
        let is_new = publisher.publish_new(partial, &path).map_err(|source| self.unwritten(source))?;
        let (projects, faults) = self.projects()?;
        let there = projects.get(name.project()).and_then(|files| files.get(name.as_str()));
        if there.is_none_or(|(_, there)| *there != sha256) {
            return Err(PypiError::Taken { path });
        }
        let faults = self.write(&publisher, &projects, faults)?.faults;
        Ok(Added { file: name, is_new, faults })
    }

    /// Makes every page from the files. Pages that are right are not touched. `now_ms` is the present, in milliseconds
    /// since 1970.
    pub fn index(&self, now_ms: u64) -> Result<Indexed, PypiError> {
        let publisher = self.begin(now_ms)?;
        let (projects, faults) = self.projects()?;
        self.write(&publisher, &projects, faults)
    }

    fn begin(&self, now_ms: u64) -> Result<Publisher, PypiError> {
        Publisher::begin(&self.folder, now_ms).map_err(|source| self.unwritten(source))
    }

    fn copy(&self, file: &Path, publisher: &Publisher) -> Result<(Partial, String), PypiError> {
        let unread = |source| PypiError::Read { path: file.to_owned(), source };
        let mut source = File::open(file).map_err(unread)?;
        let mut partial = publisher.partial().map_err(|source| self.unwritten(source))?;
        let (mut sha256, mut size_bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 << 10]);
        loop {
            let count = source.read(&mut buffer).map_err(unread)?;
            if count == 0 {
                return Ok((partial, hex(&sha256.finalize())));
            }
            size_bytes += count as u64;
            if size_bytes > FILE_BYTES_MAX {
                return Err(PypiError::TooLarge { most: FILE_BYTES_MAX });
            }
            sha256.update(&buffer[..count]);
            partial.write_all(&buffer[..count]).map_err(|source| self.unwritten(source))?;
        }
    }

    fn projects(&self) -> Result<(Projects, Vec<String>), PypiError> {
        let (mut projects, mut faults) = (Projects::new(), Vec::new());
        let list = |path: &str| {
            let path = self.folder.join(path);
            names(&path).map_err(|source| PypiError::Read { path, source })
        };
        for folder in list(FILES)? {
            for file in list(&format!("{FILES}/{folder}"))? {
                let path = format!("{FILES}/{folder}/{file}");
                match file.parse::<FileName>().ok().filter(|name| name.project().as_str() == folder) {
                    Some(name) => {
                        let sha256 = sha256_of(&self.folder.join(&path))
                            .map_err(|source| PypiError::Read { path: self.folder.join(&path), source })?;
                        projects.entry(name.project().clone()).or_default().insert(file, (name, sha256));
                    }
                    None => faults.push(format!(
                        "`{path}` is on no page: its name is not that of a file of `{folder}`"
                    )),
                }
            }
        }
        Ok((projects, faults))
    }

    fn write(
        &self,
        publisher: &Publisher,
        projects: &Projects,
        faults: Vec<String>,
    ) -> Result<Indexed, PypiError> {
        let mut indexed = Indexed { projects: projects.len(), faults, ..Indexed::default() };
        let mut pages = Vec::new();
        for (project, files) in projects {
            indexed.files += files.len();
            let page =
                page::of_project(project, files.values().map(|(name, sha256)| (name, sha256.as_str())));
            pages.push((format!("{PAGES}/{project}/index.html"), page));
        }
        pages.push((format!("{PAGES}/index.html"), page::of_all(projects.keys())));
        for (path, page) in pages {
            if publisher.put(&path, page.as_bytes()).map_err(|source| self.unwritten(source))? {
                indexed.changed.push(path);
            }
        }
        let is_there =
            |name: &str| name == "index.html" || projects.keys().any(|project| project.as_str() == name);
        let gone = publisher.retain(PAGES, is_there).map_err(|source| self.unwritten(source))?;
        indexed.changed.extend(gone);
        Ok(indexed)
    }

    fn unwritten(&self, source: io::Error) -> PypiError {
        PypiError::Write { path: self.folder.clone(), source }
    }
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let (mut sha256, mut file, mut buffer) = (Sha256::new(), File::open(path)?, vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&sha256.finalize())),
            count => sha256.update(&buffer[..count]),
        }
    }
}

/// What is wrong with the file's first and last bytes, if something is. What is in between is its installer's to judge.
fn check(path: &Path, kind: Kind) -> io::Result<Option<PypiError>> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    (&file).take(4).read_to_end(&mut start)?;
    let wrong = |what, why| Ok(Some(PypiError::Content { what, why }));
    match kind {
        Kind::Source if !start.starts_with(&[0x1f, 0x8b]) => wrong("source distribution", "it is not gzip"),
        Kind::Source => Ok(None),
        Kind::Wheel if start != b"PK\x03\x04" => wrong("wheel", "it is no zip"),
        Kind::Wheel => {
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(ZIP_END_BYTES)))?;
            let mut end = Vec::new();
            file.take(ZIP_END_BYTES).read_to_end(&mut end)?;
            if end.windows(4).any(|bytes| bytes == b"PK\x05\x06") {
                Ok(None)
            } else {
                wrong("wheel", "it was cut off")
            }
        }
    }
}
