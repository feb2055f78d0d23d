//! Python distributions in a depot's folder: published, and their pages made. Knows where everything lies and in which
//! order it is written: the file, its project's page, the page of all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pintail_os::files::let_all_read;
use sha2::{Digest as _, Sha256};

use super::content;
use super::error::PypiError;
use super::name::{FileName, Kind, ProjectName};
use super::page;
use crate::partial::Partial;
use crate::publisher::{Publisher, hex, names};

/// Largest file in bytes, 4 GiB: wheels with whole frameworks in them have some.
const FILE_BYTES_MAX: u64 = 4 << 30;

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
    /// What is wrong with others that are there and doesn't concern it, a sentence each.
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

    /// Whether there are any, or pages of what there was.
    pub fn is_used(&self) -> bool {
        // A link to a disk that isn't mounted is there too.
        [FILES, PAGES].iter().any(|path| self.folder.join(path).symlink_metadata().is_ok())
    }

    /// Publishes the wheel or source distribution `file`. `now_ms` is the present, in milliseconds since 1970.
    pub fn add(&self, file: &Path, now_ms: u64) -> Result<Added, PypiError> {
        let name: FileName =
            file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default().parse()?;
        let publisher = self.begin(now_ms)?;
        let (partial, sha256) = self.copy(file, &publisher)?;
        let unread = |source| PypiError::Read { path: file.to_owned(), source };
        if let Some(why) = content::fault(partial.path(), &name).map_err(unread)? {
            let what = match name.kind() {
                Kind::Wheel => "wheel",
                Kind::Source => "source distribution",
            };
            return Err(PypiError::Content { what, why });
        }
        let (mut projects, faults) = self.projects()?;
        let files = projects.entry(name.project().clone()).or_default();
        let path_of = |name: &FileName| format!("{FILES}/{}/{}", name.project(), name.as_str());
        let path = path_of(&name);
        let is_new = match files.get(name.as_str()) {
            Some((_, there)) if *there == sha256 => false,
            Some(_) => return Err(PypiError::Taken { path }),
            None => true,
        };
        if is_new {
            if let Some((there, _)) = files.values().find(|(there, _)| there.meaning() == name.meaning()) {
                return Err(PypiError::SameVersion { path: path_of(there) });
            }
            if !publisher.publish_new(partial, &path).map_err(|source| self.unwritten(source))? {
                return Err(PypiError::InTheWay { path });
            }
            files.insert(name.as_str().to_owned(), (name.clone(), sha256));
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
            names(&path).map_err(|source| PypiError::Unreadable { path, source })
        };
        for folder in list(FILES)? {
            for file in list(&format!("{FILES}/{folder}"))? {
                let path = format!("{FILES}/{folder}/{file}");
                let Some(name) =
                    file.parse::<FileName>().ok().filter(|name| name.project().as_str() == folder)
                else {
                    faults.push(format!(
                        "`{path}` is on no page: its name is not that of a file of `{folder}`"
                    ));
                    continue;
                };
                let place = self.folder.join(&path);
                let is_file = match std::fs::metadata(&place) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                    about => about
                        .map_err(|source| PypiError::Unreadable { path: place.clone(), source })?
                        .is_file(),
                };
                if !is_file {
                    faults.push(format!("`{path}` is on no page: it is no file"));
                    continue;
                }
                let sha256 =
                    sha256_of(&place).map_err(|source| PypiError::Unreadable { path: place, source })?;
                projects.entry(name.project().clone()).or_default().insert(file, (name, sha256));
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
            let put = publisher.put(&path, page.as_bytes()).map_err(|source| self.unwritten(source))?;
            let opened = let_all_read(&self.folder.join(&path)).map_err(|source| self.unwritten(source))?;
            if put || opened {
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
