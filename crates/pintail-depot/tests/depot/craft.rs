//! What the tests are made of: archives written byte by byte, so that they can lie, and trees in folders.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pintail_core::digest::Digest;
use pintail_core::manifest::{Entry, EntryKind, Manifest};

pub(crate) const FILE: u8 = b'0';
pub(crate) const HARD_LINK: u8 = b'1';
pub(crate) const SYMLINK: u8 = b'2';
pub(crate) const DEVICE: u8 = b'3';
pub(crate) const DIRECTORY: u8 = b'5';
pub(crate) const FIFO: u8 = b'6';

/// A tar archive that says whatever it is told to say.
#[derive(Clone, Default)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

impl Tar {
    /// Starts with the manifest, as our own do.
    pub(crate) fn own(manifest: &Manifest) -> Tar {
        Tar::default().file("blog-1/.pintail/manifest.json", &manifest.to_json())
    }

    pub(crate) fn member(self, kind: u8, path: &str, link: &str, size: u64, content: &[u8]) -> Tar {
        self.member_with(0o644, kind, path, link, size, content)
    }

    /// The same, with permission bits.
    pub(crate) fn member_with(
        mut self,
        mode: u32,
        kind: u8,
        path: &str,
        link: &str,
        size: u64,
        content: &[u8],
    ) -> Tar {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn file(self, path: &str, content: &[u8]) -> Tar {
        self.member(FILE, path, "", content.len() as u64, content)
    }

    pub(crate) fn directory(self, path: &str) -> Tar {
        self.member(DIRECTORY, path, "", 0, b"")
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Tar {
        self.member(SYMLINK, path, target, 0, b"")
    }

    pub(crate) fn end(mut self) -> Tar {
        self.0.extend_from_slice(&[0; 1024]);
        self
    }

    pub(crate) fn zstd(&self) -> Vec<u8> {
        zstd::encode_all(self.0.as_slice(), 1).unwrap()
    }

    pub(crate) fn gzip(&self) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&self.0).unwrap();
        encoder.finish().unwrap()
    }
}

pub(crate) fn directory(path: &str) -> Entry {
    Entry { path: path.parse().unwrap(), kind: EntryKind::Directory }
}

pub(crate) fn file(path: &str, content: &[u8]) -> Entry {
    let kind =
        EntryKind::File { executable: false, size_bytes: content.len() as u64, digest: Digest::of(content) };
    Entry { path: path.parse().unwrap(), kind }
}

pub(crate) fn symlink(path: &str, target: &str) -> Entry {
    Entry { path: path.parse().unwrap(), kind: EntryKind::Symlink { target: target.to_owned() } }
}

/// The manifest of `blog` `1`.
pub(crate) fn manifest(entries: Vec<Entry>) -> Manifest {
    Manifest::new("blog".parse().unwrap(), "1".parse().unwrap(), None, entries).unwrap()
}

/// A small tree with one of each: executable, symlinks, empty folder, empty file, odd and long names.
pub(crate) fn sample_tree(at: &Path) {
    let long = "long-".repeat(30);
    for folder in ["bin", "empty", "share/ünïcode ☃", &format!("deep/{long}/{long}")] {
        fs::create_dir_all(at.join(folder)).unwrap();
    }
    fs::write(at.join("bin/run"), "#!/bin/sh\nexec true\n").unwrap();
    fs::set_permissions(at.join("bin/run"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::write(at.join("share/ünïcode ☃/a\nb \"c\" \\d"), "odd").unwrap();
    fs::write(at.join(format!("deep/{long}/{long}/file")), vec![7; 100_000]).unwrap();
    fs::write(at.join("nothing"), "").unwrap();
    fs::set_permissions(at.join("nothing"), fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("../bin/run", at.join("share/run")).unwrap();
    std::os::unix::fs::symlink(format!("deep/{long}/{long}/file"), at.join("to-long")).unwrap();
}

/// Everything below a folder, as sorted lines; to see that nothing else has appeared.
pub(crate) fn everything_in(folder: &Path) -> Vec<String> {
    let mut seen = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for item in fs::read_dir(&at).unwrap() {
            let path = item.unwrap().path();
            if fs::symlink_metadata(&path).unwrap().is_dir() {
                folders.push(path.clone());
            }
            seen.push(path.strip_prefix(folder).unwrap().display().to_string());
        }
    }
    seen.sort();
    seen
}
