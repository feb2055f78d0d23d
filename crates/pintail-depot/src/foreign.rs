//! A tar archive made by anything, read through: what it contains, and its contents one behind the other. Knows the
//! ways of GNU tar, bsdtar and `git archive`; does not know what the release will be called. No name from the archive
//! is ever used as a path on this machine.

pub(crate) mod spelling;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use pintail_core::manifest::{Entry, EntryKind, HELD_PATH, MANIFEST_PATH, RESERVED_FOLDER, TreePath};

use crate::archive::ArtifactReader;
use crate::limits::Limits;
use crate::shown;
use crate::tarball::{ArchiveError, Kind, Member, Tarball};
use spelling::split;

/// Bytes copied at once.
const COPY_BYTES: usize = 128 << 10;

/// The word for file contents above the limit.
const TREE: &str = "bytes in its files";

/// What a foreign archive contains.
pub(crate) struct Contents {
    /// Sorted by path, with the folders that the archive only implies.
    pub(crate) entries: Vec<Entry>,
    /// Where each file's content starts in the spool, in bytes.
    pub(crate) offsets: BTreeMap<TreePath, u64>,
    /// The commit that `git archive` noted.
    pub(crate) commit: Option<String>,
    /// What can't be in a release, a sentence each.
    pub(crate) faults: Vec<String>,
}

/// Why reading stopped.
pub(crate) enum Stopped {
    Archive(ArchiveError),
    Spool(io::Error),
    /// What is put to it can't be had.
    Addition(io::Error),
}

impl From<ArchiveError> for Stopped {
    fn from(error: ArchiveError) -> Stopped {
        Stopped::Archive(error)
    }
}

/// A file that is put to what an archive brings.
pub(crate) struct Addition {
    pub(crate) path: TreePath,
    pub(crate) content: Vec<u8>,
}

/// Reads the rest of the archive. File contents are appended to `spool`, at most `limits.tree_bytes` of them. What
/// `leaves_out` says yes to, by its path below the top folder, is skipped.
pub(crate) fn read_through(
    reader: ArtifactReader<'_>,
    leaves_out: &dyn Fn(&str) -> bool,
    additions: impl FnOnce() -> io::Result<Vec<Addition>>,
    spool: &mut dyn Write,
) -> Result<Contents, Stopped> {
    let ArtifactReader { mut tarball, mut first, limits, .. } = reader;
    let mut reading = Reading { limits, ..Reading::default() };
    while let Some(member) = first.take().map_or_else(|| tarball.next().transpose(), |first| Some(Ok(first)))
    {
        reading.take(member?, leaves_out, &mut tarball, spool)?;
    }
    for Addition { path, content } in additions().map_err(Stopped::Addition)? {
        let (size_bytes, offset) = (content.len() as u64, reading.spooled_bytes);
        spool.write_all(&content).map_err(Stopped::Spool)?;
        reading.spooled_bytes += size_bytes;
        let kind = EntryKind::File {
            executable: false,
            size_bytes,
            digest: pintail_core::digest::Digest::of(&content),
        };
        reading.keep(path.clone(), Piece { kind, offset }, path.as_str().as_bytes())?;
    }
    reading.finish(tarball.commit().map(str::to_owned))
}

/// A file, link or folder that was read.
#[derive(Clone)]
struct Piece {
    kind: EntryKind,
    offset: u64,
}

#[derive(Default)]
struct Reading {
    limits: Limits,
    /// The one folder that everything lies in.
    top: Option<String>,
    pieces: BTreeMap<TreePath, Piece>,
    members: usize,
    spooled_bytes: u64,
    /// With copies of hard links, which take no room in the spool.
    tree_bytes: u64,
    /// Bytes of paths and link targets: they end up in the manifest, and in memory before that.
    names_bytes: u64,
    faults: Vec<String>,
}

impl Reading {
    fn take(
        &mut self,
        member: Member,
        leaves_out: &dyn Fn(&str) -> bool,
        tarball: &mut Tarball<'_>,
        spool: &mut dyn Write,
    ) -> Result<(), Stopped> {
        self.members += 1;
        at_most("members", self.members as u64, self.limits.entries as u64)?;
        let path = match self.place(&member) {
            Ok(Some(path)) if leaves_out(path.as_str()) => return Ok(()),
            Ok(Some(path)) => path,
            Ok(None) => return Ok(()),
            Err(fault) => {
                self.fault(&member.path, &fault);
                return Ok(());
            }
        };
        let piece = match member.kind {
            Kind::File => Ok(self.file(&member, tarball, spool)?),
            Kind::Directory => Ok(Piece { kind: EntryKind::Directory, offset: 0 }),
            Kind::Symlink => String::from_utf8(member.link)
                .map(|target| Piece { kind: EntryKind::Symlink { target }, offset: 0 })
                .map_err(|_| "leads to a name that is no UTF-8".to_owned()),
            Kind::HardLink => self.hard_link(&member.link),
            Kind::Other(word) => Err(format!("is {word}; a release has files, folders and links only")),
        };
        match piece {
            Ok(piece) => self.keep(path, piece, &member.path)?,
            Err(fault) => self.fault(&member.path, &fault),
        }
        Ok(())
    }

    /// The member's path below the top folder; nothing for the top folder itself, `./`, and the manifest that an
    /// unpacked release brings along.
    fn place(&mut self, member: &Member) -> Result<Option<TreePath>, String> {
        let Some((top, below)) = split(&member.path)? else {
            return Ok(None);
        };
        let is_folder = member.kind == Kind::Directory;
        if below.is_empty() && !is_folder {
            return Err("lies beside the top folder; everything has to lie in one folder".to_owned());
        }
        let first = self.top.get_or_insert_with(|| top.clone());
        if *first != top {
            let first = shown::name(first.as_bytes());
            return Err(format!(
                "lies outside the top folder `{first}`; everything has to lie in one folder"
            ));
        }
        let own = (below == RESERVED_FOLDER && is_folder)
            || (matches!(below.as_str(), MANIFEST_PATH | HELD_PATH) && member.kind == Kind::File);
        if below.is_empty() || own {
            return Ok(None);
        }
        below.parse().map(Some).map_err(|error| format!("can't be in a release: {error}"))
    }

    fn file(
        &mut self,
        member: &Member,
        tarball: &mut Tarball<'_>,
        spool: &mut dyn Write,
    ) -> Result<Piece, Stopped> {
        let (offset, size_bytes) = (self.spooled_bytes, member.size_bytes);
        at_most(TREE, self.tree_bytes.saturating_add(size_bytes), self.limits.tree_bytes)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let count = tarball.read(&mut buffer).map_err(|error| tarball.failed(error))?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            spool.write_all(&buffer[..count]).map_err(Stopped::Spool)?;
        }
        self.spooled_bytes += size_bytes;
        let (executable, digest) = (member.executable, hasher.finalize().into());
        Ok(Piece { kind: EntryKind::File { executable, size_bytes, digest }, offset })
    }

    /// A hard link becomes a copy: a release has no hard links, since writing one file must never change two.
    fn hard_link(&self, target: &[u8]) -> Result<Piece, String> {
        let told = shown::name(target);
        let split = split(target).map_err(|why| format!("is a hard link to `{told}`, which {why}"))?;
        let path = match split {
            Some((top, below)) if Some(&top) == self.top.as_ref() => below.parse::<TreePath>().ok(),
            _ => None,
        };
        match path.and_then(|path| self.pieces.get(&path)) {
            Some(piece) if matches!(piece.kind, EntryKind::File { .. }) => Ok(piece.clone()),
            Some(_) => Err(format!("is a hard link to `{told}`, which is no file")),
            None => Err(format!("is a hard link to `{told}`, which does not come before it in the archive")),
        }
    }

    fn keep(&mut self, path: TreePath, piece: Piece, raw: &[u8]) -> Result<(), Stopped> {
        if let EntryKind::File { size_bytes, .. } = piece.kind {
            self.tree_bytes = self.tree_bytes.saturating_add(size_bytes);
            at_most(TREE, self.tree_bytes, self.limits.tree_bytes)?;
        }
        let target_bytes = if let EntryKind::Symlink { target } = &piece.kind { target.len() } else { 0 };
        self.names_bytes += (path.as_str().len() + target_bytes) as u64;
        at_most("bytes in its names", self.names_bytes, self.limits.manifest_bytes)?;
        match self.pieces.get(&path).map(|there| &there.kind) {
            None => drop(self.pieces.insert(path, piece)),
            // Archives that were appended to list a folder again; that says nothing new.
            Some(EntryKind::Directory) if piece.kind == EntryKind::Directory => {}
            Some(_) => self.fault(raw, "is there twice"),
        }
        Ok(())
    }

    fn fault(&mut self, path: &[u8], fault: &str) {
        // One more than is told, so that the report can say that there are more.
        if self.faults.len() <= shown::FAULTS_TOLD_MAX {
            self.faults.push(format!("`{}` {fault}", shown::name(path)));
        }
    }

    fn finish(mut self, commit: Option<String>) -> Result<Contents, Stopped> {
        if self.top.is_none() && self.faults.is_empty() {
            self.faults.push("it is empty; everything has to lie in one folder".to_owned());
        }
        self.add_implied_folders()?;
        let offsets = self.pieces.iter().map(|(path, piece)| (path.clone(), piece.offset)).collect();
        let entries = self.pieces.into_iter().map(|(path, piece)| Entry { path, kind: piece.kind }).collect();
        Ok(Contents { entries, offsets, commit, faults: self.faults })
    }

    /// Folders that are only part of other members' paths. Few long paths can imply very many, so they are counted
    /// while they are added.
    fn add_implied_folders(&mut self) -> Result<(), Stopped> {
        for path in self.pieces.keys().cloned().collect::<Vec<_>>() {
            let mut above = path.parent();
            while let Some(folder) = above.filter(|folder| !self.pieces.contains_key(folder)) {
                self.names_bytes += folder.as_str().len() as u64;
                at_most("files and folders", self.pieces.len() as u64 + 1, self.limits.entries as u64)?;
                at_most("bytes in its names", self.names_bytes, self.limits.manifest_bytes)?;
                above = folder.parent();
                self.pieces.insert(folder, Piece { kind: EntryKind::Directory, offset: 0 });
            }
        }
        Ok(())
    }
}

fn at_most(what: &'static str, found: u64, most: u64) -> Result<(), ArchiveError> {
    if found > most { Err(ArchiveError::TooMuch { what, most }) } else { Ok(()) }
}
