//! A tar stream, member by member: ustar, GNU and pax. Knows headers, long names and padding; does not know which
//! members may be there.
//!
//! The `tar` crate parses the header fields. Its own reader is not used: it reads long names into memory whatever
//! size they announce, takes an archive that just stops for a finished one, and doesn't say what follows the end.

mod member;
mod pax;

use std::io::{self, Read};

pub(crate) use member::{Kind, Member};

use crate::limits::{EXTENSION_BYTES_MAX, OVERHEAD_BYTES_MAX, PADDING_BYTES_MAX};
use pax::Pax;

/// Tar's unit in bytes: headers have this size, contents are filled up to it.
const BLOCK_BYTES: usize = 512;

/// Why a stream of bytes is no archive that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Reading failed, in the source or in decompressing.
    #[error("the archive can't be read: {0}; it is damaged, or its source failed: fetch it again")]
    Read(#[source] io::Error),
    /// It ends too early.
    #[error("the archive ends {place}; it was cut off: fetch it again")]
    Truncated {
        /// Where it ends.
        place: String,
    },
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Neither gzip nor zstd.
    #[error(
        "the file is neither gzip nor zstd, it starts with the bytes {start}; pack it as .tar.gz or .tar.zst"
    )]
    Compression {
        /// Its first bytes in hex.
        start: String,
    },
    /// A header that makes no sense.
    #[error("the archive is damaged behind `{behind}`: {reason}")]
    Damaged {
        /// The last member that made sense.
        behind: String,
        /// What is wrong.
        reason: String,
    },
    /// More of something than is allowed.
    #[error("the archive has more than {most} {what}, which is not accepted")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        most: u64,
    },
    /// Something stands behind its end.
    #[error("the archive goes on behind its end; it was appended to, or is two archives in one file")]
    Trailing,
}

/// Reads a tar stream. As a [`Read`] it gives the content of the current member.
pub(crate) struct Tarball<'a> {
    source: Box<dyn Read + 'a>,
    /// Content of the current member that hasn't been read.
    left: u64,
    /// Zero bytes behind that content.
    padding: u64,
    /// Bytes that were no content, against [`OVERHEAD_BYTES_MAX`].
    overhead: u64,
    /// Name of the current member as shown, for errors.
    current: String,
    commit: Option<String>,
    /// The end was reached.
    ended: bool,
}

impl<'a> Tarball<'a> {
    pub(crate) fn new(source: Box<dyn Read + 'a>) -> Tarball<'a> {
        let current = "its start".to_owned();
        Tarball { source, left: 0, padding: 0, overhead: 0, current, commit: None, ended: false }
    }

    /// The commit that `git archive` noted, once its header was read.
    pub(crate) fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }

    /// The next member, or nothing at the archive's end; what follows that end has then been looked at too.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, ArchiveError> {
        let mut extensions = member::Extensions::default();
        while !self.ended {
            self.skip_rest()?;
            let Some(header) = self.header()? else {
                self.ended = true;
                self.expect_zeros_only()?;
                return if extensions.is_empty() {
                    Ok(None)
                } else {
                    Err(self.damaged("a long name names nothing"))
                };
            };
            self.left = header.entry_size().map_err(|error| self.damaged(error))?;
            match header.entry_type().as_byte() {
                b'L' => extensions.path = Some(self.long_name()?),
                b'K' => extensions.link = Some(self.long_name()?),
                b'x' | b'X' => extensions.pax = self.pax()?,
                b'g' => self.commit = self.pax()?.commit.or(self.commit.take()),
                _ => return self.begin(Member::new(&header, extensions)).map(Some),
            }
        }
        Ok(None)
    }

    fn begin(&mut self, member: Result<Member, String>) -> Result<Member, ArchiveError> {
        let member = member.map_err(|reason| self.damaged(reason))?;
        self.left = member.size_bytes;
        self.padding = padding_of(self.left);
        self.current = member.shown();
        Ok(member)
    }

    /// Reads past what is left of the current member.
    fn skip_rest(&mut self) -> Result<(), ArchiveError> {
        io::copy(self, &mut io::sink()).map_err(|error| self.failed(error))?;
        let mut padding = [0; BLOCK_BYTES];
        let length = std::mem::take(&mut self.padding) as usize;
        self.fill(&mut padding[..length])
    }

    /// The next header whose checksum is right; nothing if a block of zeros ends the archive.
    fn header(&mut self) -> Result<Option<tar::Header>, ArchiveError> {
        let mut header = tar::Header::new_old();
        let mut block = [0; BLOCK_BYTES];
        self.fill(&mut block)?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        header.as_mut_bytes().copy_from_slice(&block);
        let said = header.cksum().map_err(|error| self.damaged(error))?;
        if said != checksum(&block) {
            return Err(self.damaged("the checksum of the next header doesn't match"));
        }
        Ok(Some(header))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        self.overhead += buffer.len() as u64;
        if self.overhead > OVERHEAD_BYTES_MAX {
            return Err(ArchiveError::TooMuch {
                what: "bytes of headers and padding",
                most: OVERHEAD_BYTES_MAX,
            });
        }
        self.source.read_exact(buffer).map_err(|error| self.failed(error))
    }

    /// The content of an extension member.
    fn extension(&mut self) -> Result<Vec<u8>, ArchiveError> {
        if self.left > EXTENSION_BYTES_MAX {
            return Err(ArchiveError::TooMuch {
                what: "bytes in one long name or attribute",
                most: EXTENSION_BYTES_MAX,
            });
        }
        let mut content = vec![0; self.left as usize];
        self.padding = padding_of(self.left);
        self.left = 0;
        self.fill(&mut content)?;
        Ok(content)
    }

    fn long_name(&mut self) -> Result<Vec<u8>, ArchiveError> {
        let mut name = self.extension()?;
        if name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    fn pax(&mut self) -> Result<Pax, ArchiveError> {
        let records = self.extension()?;
        Pax::parse(&records).ok_or_else(|| self.damaged("its pax records make no sense"))
    }

    fn expect_zeros_only(&mut self) -> Result<(), ArchiveError> {
        let mut buffer = [0; 8 * BLOCK_BYTES];
        let mut seen = 0;
        loop {
            let count = match self.source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(error)),
            };
            seen += count as u64;
            if seen > PADDING_BYTES_MAX || buffer[..count].iter().any(|byte| *byte != 0) {
                return Err(ArchiveError::Trailing);
            }
        }
    }

    /// What a failed read means here.
    pub(crate) fn failed(&self, error: io::Error) -> ArchiveError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                ArchiveError::Truncated { place: format!("at or behind `{}`", self.current) }
            }
            _ => ArchiveError::Read(error),
        }
    }

    fn damaged(&self, reason: impl ToString) -> ArchiveError {
        ArchiveError::Damaged {
            behind: self.current.clone(),
            reason: crate::shown::name(reason.to_string().as_bytes()),
        }
    }
}

impl Read for Tarball<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let count = loop {
            match self.source.read(&mut buffer[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => break read?,
            }
        };
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

fn padding_of(size_bytes: u64) -> u64 {
    size_bytes.wrapping_neg() % BLOCK_BYTES as u64
}

/// The sum of all bytes of a header, those of the checksum itself taken as spaces.
fn checksum(block: &[u8; BLOCK_BYTES]) -> u32 {
    let field = 148..156;
    let byte = |(at, byte): (usize, &u8)| {
        if field.contains(&at) { u32::from(b' ') } else { u32::from(*byte) }
    };
    block.iter().enumerate().map(byte).sum()
}
