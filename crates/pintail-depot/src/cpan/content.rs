//! What is in a distribution's archive: read once, within bounds, nothing unpacked. Knows what must not be in one; does
//! not know what is indexed of the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::links::{FOLDERS_MAX, Links, PATH_BYTES_MAX, Role};
use super::meta::Meta;
use super::scan::{Scanned, scan};
use crate::decompress::{self, Opened};
use crate::foreign::spelling::split;
use crate::limits::Limits;
use crate::publisher::hex;
use crate::shown;
use crate::tarball::{ArchiveError, Kind, Member, Tarball};

/// Largest archive in bytes, 512 MiB: the largest on CPAN has some 100.
pub(crate) const TARBALL_BYTES_MAX: u64 = 512 << 20;

/// Most bytes of an archive unpacked, 4 GiB, and most members: more is made to keep a machine busy.
const UNPACKED_BYTES_MAX: u64 = 4 << 30;
const MEMBERS_MAX: usize = 200_000;

/// Most modules that are looked into, and most packages in them. The largest distributions on CPAN have some 5,000.
const MODULES_MAX: usize = 20_000;
pub(crate) const PACKAGES_MAX: usize = 20_000;

/// Largest module that is looked into, 8 MiB, and largest META file, 4 MiB. They are read into memory.
const MODULE_BYTES_MAX: u64 = 8 << 20;
const META_BYTES_MAX: u64 = 4 << 20;

/// Latest time of a file that is believed, the beginning of the year 9999: HTTP dates have four digits for it.
const TIME_MAX: u64 = 253_370_764_800;

/// Top folders named where there are several.
const TOPS_TOLD_MAX: usize = 3;

/// Top folders in which there are modules that nobody installs.
const NOT_INSTALLED: [&str; 11] =
    ["t", "xt", "inc", "local", "perl5", "fatlib", "example", "examples", "ex", "eg", "demo"];

/// Sums of a file and of what is compressed in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) size_bytes: u64,
    pub(crate) md5: String,
    pub(crate) sha256: String,
    pub(crate) md5_unpacked: String,
    pub(crate) sha256_unpacked: String,
}

/// What is in an archive.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) sums: Sums,
    /// The latest time of a member, in seconds since 1970.
    pub(crate) newest_s: u64,
    /// What it says of itself; nothing if it says nothing that can be read.
    pub(crate) meta: Option<Meta>,
    /// Files that may have packages to index, by path below the top folder.
    pub(crate) modules: BTreeMap<String, Scanned>,
    /// What is odd and stands in nobody's way.
    pub(crate) warnings: Vec<String>,
    /// All that must not be.
    pub(crate) faults: Vec<String>,
}

/// Why an archive can't be read at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("can't read it: {0}")]
    File(#[from] io::Error),
    #[error("it is larger than {TARBALL_BYTES_MAX} bytes, which is not accepted")]
    TooLarge,
    #[error("it is not gzip, it starts with the bytes {0}; pack it as .tar.gz")]
    NotGzip(String),
}

/// Reads the archive at `path`.
pub(crate) fn read(path: &Path) -> Result<Content, ContentError> {
    let (size_bytes, md5, sha256) = sums_of(path)?;
    let mut hashed = Hashed {
        source: plain(File::open(path)?)?,
        md5: Md5::new(),
        sha256: Sha256::new(),
        left: UNPACKED_BYTES_MAX,
    };
    let mut reader = Reader::default();
    let mut tarball = Tarball::new(Box::new(&mut hashed));
    while let Some(member) = tarball.next()? {
        reader.member(&member, &mut tarball)?;
    }
    drop(tarball);
    let (md5_unpacked, sha256_unpacked) = (hex(&hashed.md5.finalize()), hex(&hashed.sha256.finalize()));
    Ok(reader.content(Sums { size_bytes, md5, sha256, md5_unpacked, sha256_unpacked }))
}

/// Size, MD5 and SHA-256 of a file.
pub(crate) fn sums_of(path: &Path) -> Result<(u64, String, String), ContentError> {
    let (mut md5, mut sha256, mut size_bytes) = (Md5::new(), Sha256::new(), 0);
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((size_bytes, hex(&md5.finalize()), hex(&sha256.finalize()))),
            count => {
                md5.update(&buffer[..count]);
                sha256.update(&buffer[..count]);
                size_bytes += count as u64;
            }
        }
        if size_bytes > TARBALL_BYTES_MAX {
            return Err(ContentError::TooLarge);
        }
    }
}

/// Only gzip: what else the depot can read, the clients can't.
fn plain(mut file: File) -> Result<Box<dyn Read>, ContentError> {
    let mut start = [0; 2];
    let count = file.read(&mut start)?;
    let start = start[..count].to_vec();
    let is_gzip = start == [0x1f, 0x8b];
    match decompress::open(io::Cursor::new(start.clone()).chain(file), &Limits::default())? {
        Opened::Known(source) if is_gzip => Ok(source),
        Opened::Empty => Err(ArchiveError::Empty.into()),
        Opened::Known(_) | Opened::Unknown(_) => Err(ContentError::NotGzip(hex(&start))),
    }
}

/// Hashes what is read through it, and ends at a bound.
struct Hashed {
    source: Box<dyn Read>,
    md5: Md5,
    sha256: Sha256,
    left: u64,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.md5.update(&buffer[..count]);
        self.sha256.update(&buffer[..count]);
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(format!(
                "it is larger than {UNPACKED_BYTES_MAX} bytes unpacked, which is not accepted"
            ))
        })?;
        Ok(count)
    }
}

#[derive(Default)]
struct Reader {
    members: usize,
    tops: BTreeSet<String>,
    links: Links,
    newest_s: u64,
    json: Option<Vec<u8>>,
    yaml: Option<Vec<u8>>,
    modules: BTreeMap<String, Scanned>,
    packages: usize,
    warnings: Vec<String>,
    faults: Vec<String>,
}

impl Reader {
    fn member(&mut self, member: &Member, content: &mut Tarball<'_>) -> Result<(), ContentError> {
        self.members += 1;
        if self.members > MEMBERS_MAX {
            return Err(ArchiveError::TooMuch { what: "members", most: MEMBERS_MAX as u64 }.into());
        }
        if member.path.len() > PATH_BYTES_MAX {
            self.fault(format!("a path has more than {PATH_BYTES_MAX} bytes: `{}`", member.shown()));
            return Ok(());
        }
        let shown = member.shown();
        let (top, path) = match split(&member.path) {
            Ok(Some(split)) => split,
            Ok(None) => return Ok(()),
            Err(why) => {
                self.fault(format!("`{shown}` {why}"));
                return Ok(());
            }
        };
        self.judge(member, &top, &path, &shown);
        self.newest_s = self.newest_s.max(member.modified_s.unwrap_or_default().min(TIME_MAX));
        if member.kind == Kind::File {
            self.file(path, member.size_bytes, content)?;
        }
        Ok(())
    }

    fn judge(&mut self, member: &Member, top: &str, path: &str, shown: &str) {
        if path.split('/').count() > FOLDERS_MAX {
            self.fault(format!("`{shown}` lies below more than {FOLDERS_MAX} folders"));
            return;
        }
        // Some unpackers would write where the link leads.
        if let Some(link) = self.links.at_or_above(path) {
            let what = format!("`{shown}` lies where the link `{link}` is, or below it");
            self.fault(what);
            return;
        }
        self.keep(path, if member.kind == Kind::Symlink { Role::Link } else { Role::Member });
        match &member.kind {
            Kind::File if path.is_empty() => {
                self.fault(format!("`{shown}` stands beside the top folder, not in it"))
            }
            Kind::File | Kind::Directory if member.mode & 0o002 != 0 => {
                self.fault(format!("`{shown}` is writable by everybody; pack it with other permissions"));
            }
            Kind::Symlink => {
                if let Err(why) = self.links.add(path, &member.link, shown) {
                    self.fault_once(why);
                }
            }
            // The target of a hard link is a path of the archive.
            Kind::HardLink => match split(&member.link) {
                Ok(Some((to, path))) if to == top => {
                    if let Some(link) = self.links.at_or_above(&path) {
                        let what =
                            format!("link `{shown}` is one to the link `{link}`, or to what is below it");
                        self.fault(what);
                    } else {
                        self.keep(&path, Role::HardLinked);
                    }
                }
                _ => self.fault(format!("link `{shown}` leads out of the top folder")),
            },
            Kind::Other(what) => self.fault(format!("`{shown}` is {what}")),
            _ => {}
        }
        if path == "blib" || path.starts_with("blib/") {
            self.fault_once("it contains `blib/`, which is what building leaves; pack it without".to_owned());
        }
        // More than are told need not be kept.
        if self.tops.len() <= TOPS_TOLD_MAX {
            self.tops.insert(top.to_owned());
        }
    }

    /// The links that come later are not known yet.
    fn keep(&mut self, path: &str, role: Role) {
        if let Err(why) = self.links.keep(path, role) {
            self.fault_once(why);
        }
    }

    fn file(&mut self, path: String, size_bytes: u64, content: &mut Tarball<'_>) -> Result<(), ContentError> {
        let is_meta = path == "META.json" || path == "META.yml";
        if !is_meta && !may_have_packages(&path) {
            return Ok(());
        }
        let most = if is_meta { META_BYTES_MAX } else { MODULE_BYTES_MAX };
        if size_bytes > most {
            let shown = shown::name(path.as_bytes());
            self.warn(format!("`{shown}` is larger than {most} bytes and was not looked into"));
            return Ok(());
        }
        if !is_meta && (self.modules.len() >= MODULES_MAX || self.packages > PACKAGES_MAX) {
            self.fault_once(format!("it has more than {MODULES_MAX} modules or {PACKAGES_MAX} packages"));
            return Ok(());
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(|error| content.failed(error))?;
        match path.as_str() {
            "META.json" => self.json = Some(bytes),
            "META.yml" => self.yaml = Some(bytes),
            _ => {
                let scanned = scan(&bytes, path.ends_with(".PL"));
                self.packages += scanned.packages.len();
                self.modules.insert(path, scanned);
            }
        }
        Ok(())
    }

    /// A hostile archive has a fault a member: what is more than is told anyway is not kept.
    fn fault(&mut self, what: String) {
        if self.faults.len() <= shown::FAULTS_TOLD_MAX {
            self.faults.push(what);
        }
    }

    fn warn(&mut self, what: String) {
        if self.warnings.len() <= shown::FAULTS_TOLD_MAX {
            self.warnings.push(what);
        }
    }

    fn fault_once(&mut self, what: String) {
        if !self.faults.contains(&what) {
            self.fault(what);
        }
    }

    fn content(mut self, sums: Sums) -> Content {
        let links = std::mem::take(&mut self.links);
        let top = self.tops.first().cloned().unwrap_or_default();
        for (path, role, link) in links.on_the_way() {
            let shown = shown::name(format!("{top}/{path}").as_bytes());
            self.fault(match role {
                Role::HardLinked => {
                    format!("`{shown}`, to which a hard link is, is the link `{link}` or below it")
                }
                Role::Member | Role::Link => {
                    format!("`{shown}` lies where the link `{link}` is, or below it")
                }
            });
        }
        for link in links.leading_out() {
            self.fault(format!("link `{link}` leads out of the top folder"));
        }
        if self.tops.len() > 1 {
            let told =
                self.tops.iter().take(TOPS_TOLD_MAX).map(|top| format!("`{}`", shown::name(top.as_bytes())));
            let told = told.collect::<Vec<_>>().join(", ");
            self.fault(format!("it has several top folders, {told}; it has to have one"));
        }
        if self.tops.is_empty() {
            self.fault("there is nothing in it".to_owned());
        }
        let meta = self.meta();
        let Reader { newest_s, modules, warnings, faults, .. } = self;
        Content { sums, newest_s, meta, modules, warnings, faults }
    }

    /// The first of the two that can be read. `cpanm` installs a distribution whose META is broken, so it can be
    /// published too, and the modules tell what is in it.
    fn meta(&mut self) -> Option<Meta> {
        let json = self.json.take().map(|bytes| ("META.json", Meta::from_json(&bytes)));
        let yaml = self.yaml.take().map(|bytes| ("META.yml", Meta::from_yaml(&bytes)));
        for (name, read) in [json, yaml].into_iter().flatten() {
            match read {
                Ok(meta) => return Some(meta),
                Err(why) => {
                    self.warnings.push(format!("`{name}` can't be read: {}", shown::name(why.as_bytes())))
                }
            }
        }
        None
    }
}

/// Modules, and what makes modules, but not those that are only for tests or bundled.
fn may_have_packages(path: &str) -> bool {
    let is_module = path.ends_with(".pm") || path.ends_with(".pm.PL");
    let top = path.split('/').next().unwrap_or_default();
    is_module && (top == path || !NOT_INSTALLED.contains(&top))
}
