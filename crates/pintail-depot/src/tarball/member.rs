//! One member of a tar archive, its extensions applied. Knows what a header says; does not judge it.

use super::pax::Pax;
use crate::shown;

/// What a member says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    HardLink,
    /// Something that no release contains; the word for it.
    Other(&'static str),
}

/// A member's header.
pub(crate) struct Member {
    /// The path as the archive has it, nothing cleaned.
    pub(crate) path: Vec<u8>,
    /// Where a link leads, as the archive has it.
    pub(crate) link: Vec<u8>,
    pub(crate) kind: Kind,
    /// Bytes of content that follow.
    pub(crate) size_bytes: u64,
    /// Whether the owner may run it.
    pub(crate) executable: bool,
    /// The permission bits.
    pub(crate) mode: u32,
    /// When it was changed, in seconds since 1970, where the header says it in numbers.
    pub(crate) modified_s: Option<u64>,
}

/// What members before this one said about it.
#[derive(Default)]
pub(crate) struct Extensions {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) pax: Pax,
}

impl Extensions {
    pub(crate) fn is_empty(&self) -> bool {
        self.path.is_none() && self.link.is_none() && self.pax.path.is_none() && self.pax.link.is_none()
    }
}

impl Member {
    pub(crate) fn new(header: &tar::Header, extensions: Extensions) -> Result<Member, String> {
        let Extensions { path, link, pax } = extensions;
        let path = pax.path.or(path).unwrap_or_else(|| header.path_bytes().into_owned());
        let header_link = || header.link_name_bytes().map(|link| link.into_owned());
        let link = pax.link.or(link).or_else(header_link).unwrap_or_default();
        let mode = header.mode().map_err(|error| error.to_string())?;
        let size_bytes =
            pax.size_bytes.map_or_else(|| header.entry_size(), Ok).map_err(|error| error.to_string())?;
        let kind = if pax.sparse {
            Kind::Other("a sparse file")
        } else {
            kind(header.entry_type().as_byte(), &path)
        };
        if size_bytes > 0 && matches!(kind, Kind::Directory | Kind::Symlink | Kind::HardLink) {
            return Err(format!("`{}` is no file and yet has content", shown::name(&path)));
        }
        let modified_s = header.mtime().ok();
        Ok(Member { path, link, kind, size_bytes, executable: mode & 0o100 != 0, mode, modified_s })
    }

    /// The path as it may be shown.
    pub(crate) fn shown(&self) -> String {
        shown::name(&self.path)
    }
}

fn kind(flag: u8, path: &[u8]) -> Kind {
    match flag {
        // Before POSIX, a folder was a file with a slash at the end of its name.
        b'0' | 0 if path.ends_with(b"/") => Kind::Directory,
        b'0' | b'7' | 0 => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::Symlink,
        b'3' => Kind::Other("a character device"),
        b'4' => Kind::Other("a block device"),
        b'5' => Kind::Directory,
        b'6' => Kind::Other("a fifo"),
        b'S' => Kind::Other("a sparse file"),
        b'M' => Kind::Other("a part of another volume"),
        b'V' => Kind::Other("a volume label"),
        _ => Kind::Other("of a kind that pintail does not know"),
    }
}
