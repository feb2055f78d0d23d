//! What the operator brings when a host wants it: bytes of the depot, in data frames. Knows no step.

use super::{Session, Wish};
use pintail_core::digest::Digest;
use pintail_core::wire::frame;
use pintail_core::wire::{Ask, DATA_PIECE, Say, Trouble};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

impl Session {
    /// Brings the artifact's bytes, or those of a patch that lies beside it, from `from` on, until they are all there, the operator wants no more, or the
    /// agent says something: then it wants no more, and that is returned. An artifact that can't be read ends
    /// there; the host undoes.
    pub(super) fn bring(
        &mut self,
        digest: &Digest,
        from: u64,
        patch: Option<&Digest>,
        artifact: Option<&Path>,
        wish: &mut dyn FnMut() -> Wish,
    ) -> Result<Option<io::Result<Say>>, Trouble> {
        let cannot = |error: &dyn std::fmt::Display| {
            Trouble::new(format!("cannot bring artifact `{}`", digest.short()), error)
        };
        let missing = || io::Error::other("this operator does not have it");
        let opened = match (artifact, patch) {
            (Some(artifact), Some(patch)) => {
                pintail_depot::patch_beside(artifact, patch).ok_or_else(missing).and_then(File::open)
            }
            (Some(artifact), None) => File::open(artifact),
            (None, _) => Err(missing()),
        };
        let read = opened.and_then(|mut file| {
            file.seek(SeekFrom::Start(from))?;
            Ok(file)
        });
        let mut file = match read {
            Ok(file) => file,
            Err(error) => {
                self.ask(&Ask::DataEnd)?;
                return Err(cannot(&error));
            }
        };
        let mut piece = vec![0; DATA_PIECE];
        loop {
            if let Ok(said) = self.said.try_recv() {
                return Ok(Some(said));
            }
            if wish() != Wish::GoOn {
                return Ok(None);
            }
            match file.read(&mut piece).map_err(|error| cannot(&error))? {
                0 => return self.ask(&Ask::DataEnd).map(|()| None),
                count => self.send(|out| frame::send_data(out, &piece[..count]))?,
            }
        }
    }
}
