//! Whether a file is what its name says, from its first byte to its last: read within bounds, nothing unpacked. What is
//! in it beyond that is its installer's to judge.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use rawzip::{CompressionMethod, ErrorKind, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ZipArchive};

use super::name::{FileName, Kind};
use crate::decompress::{self, Opened};
use crate::limits::Limits;
use crate::shown;
use crate::tarball::{ArchiveError, Tarball};

/// Most bytes of a file unpacked, 16 GiB: wheels with whole frameworks in them have some, and are made smaller by
/// half at most.
const UNPACKED_BYTES_MAX: u64 = 16 << 30;

/// Most members: more is made to keep a machine busy.
const MEMBERS_MAX: u64 = 200_000;

/// Why a file can't be taken.
enum Wrong {
    /// It is not what it should be.
    Content(String),
    /// The system can't read it.
    Failed(io::Error),
}

/// What is wrong with the file at `path`, if something is. It is to be what `name` says.
pub(crate) fn fault(path: &Path, name: &FileName) -> io::Result<Option<String>> {
    let checked = match name.kind() {
        Kind::Source => source(path),
        Kind::Wheel => wheel(path, name),
    };
    match checked {
        Ok(()) => Ok(None),
        Err(Wrong::Content(why)) => Ok(Some(why)),
        Err(Wrong::Failed(error)) => Err(error),
    }
}

fn wrong<T>(why: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Content(why.into()))
}

/// What decompressors and readers of archives say has no number of the system.
impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Wrong {
        if error.raw_os_error().is_some() { Wrong::Failed(error) } else { Wrong::Content(error.to_string()) }
    }
}

impl From<ArchiveError> for Wrong {
    fn from(error: ArchiveError) -> Wrong {
        match error {
            ArchiveError::Read(source) if source.raw_os_error().is_some() => Wrong::Failed(source),
            other => Wrong::Content(other.to_string()),
        }
    }
}

impl From<rawzip::Error> for Wrong {
    fn from(error: rawzip::Error) -> Wrong {
        match error.into_kind() {
            ErrorKind::IO(source) => Wrong::from(source),
            ErrorKind::MissingEndOfCentralDirectory | ErrorKind::Eof => {
                Wrong::Content("it was cut off".to_owned())
            }
            other => Wrong::Content(format!("the zip is damaged: {other}")),
        }
    }
}

fn source(path: &Path) -> Result<(), Wrong> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    (&file).take(2).read_to_end(&mut start)?;
    file.rewind()?;
    let Opened::Known(plain) = decompress::open(file, &Limits::default())? else {
        return wrong("it is not gzip");
    };
    if start != [0x1f, 0x8b] {
        return wrong("it is not gzip");
    }
    let mut tarball = Tarball::new(Box::new(Bounded { source: plain, left: UNPACKED_BYTES_MAX }));
    let mut members = 0;
    while tarball.next()?.is_some() {
        members += 1;
        if members > MEMBERS_MAX {
            return wrong(format!("it has more than {MEMBERS_MAX} members, which is not accepted"));
        }
    }
    if members == 0 { wrong("there is nothing in it") } else { Ok(()) }
}

fn wheel(path: &Path, file_name: &FileName) -> Result<(), Wrong> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    (&file).take(4).read_to_end(&mut start)?;
    if start != b"PK\x03\x04" {
        return wrong("it is no zip");
    }
    file.rewind()?;
    let length = file.metadata()?.len();
    let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    let archive = ZipArchive::from_file(file, &mut buffer)?;
    if archive.end_offset() != length {
        return wrong("the zip goes on behind its end");
    }
    let (mut members, mut left, mut has_metadata) = (0, UNPACKED_BYTES_MAX, false);
    let mut dist_info: Option<Vec<u8>> = None;
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries.next_entry()? {
        members += 1;
        let unpacked_bytes = left.checked_sub(entry.uncompressed_size_hint());
        let Some(still_left) = unpacked_bytes.filter(|_| members <= MEMBERS_MAX) else {
            return wrong(format!(
                "it has more than {UNPACKED_BYTES_MAX} bytes unpacked or {MEMBERS_MAX} members, which is not accepted"
            ));
        };
        left = still_left;
        let name = entry.file_path().as_ref().to_vec();
        let shown = shown::name(&name);
        let (top, path) = name.iter().position(|byte| *byte == b'/').map_or((&name[..], &b""[..]), |at| {
            let (top, path) = name.split_at(at);
            (top, &path[1..])
        });
        // `pip` installs nothing where there are two, or one of another project.
        if top.ends_with(b".dist-info") {
            let is_its = std::str::from_utf8(top).is_ok_and(|top| file_name.is_said_in(top));
            let first = dist_info.get_or_insert_with(|| top.to_owned());
            if !is_its || first != top {
                return wrong(format!("`{shown}` in it is of another project, version or spelling"));
            }
            has_metadata |= path == b"METADATA";
        }
        if entry.flags().is_encrypted() {
            return wrong(format!("`{shown}` in it is encrypted"));
        }
        let method = entry.compression_method();
        let member = archive.get_entry(entry.wayfinder())?;
        let plain: Box<dyn Read> = match method {
            CompressionMethod::STORE => Box::new(member.reader()),
            CompressionMethod::DEFLATE => Box::new(flate2::read::DeflateDecoder::new(member.reader())),
            _ => return wrong(format!("`{shown}` in it is compressed in a way that `pip` may not know")),
        };
        let read = io::copy(&mut member.verifying_reader(plain), &mut io::sink());
        match read.map_err(Wrong::from) {
            Err(Wrong::Content(why)) => return wrong(format!("`{shown}` in it is damaged: {why}")),
            Err(failed) => return Err(failed),
            Ok(_) => {}
        }
    }
    if members != archive.entries_hint() {
        return wrong("the zip's directory has another number of members than it says");
    }
    if has_metadata {
        Ok(())
    } else {
        wrong("it has no `NAME-VERSION.dist-info/METADATA` of its own name and version")
    }
}

/// Ends at a bound.
struct Bounded<R> {
    source: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(format!(
                "it is larger than {UNPACKED_BYTES_MAX} bytes unpacked, which is not accepted"
            ))
        })?;
        Ok(count)
    }
}
