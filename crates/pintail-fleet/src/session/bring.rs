//! What the operator brings when a host wants it: bytes of the depot, in data frames. Knows no step.

use super::{Came, Session, Wish};
use pintail_core::digest::Digest;
use pintail_core::plan::Step;
use pintail_core::wire::frame;
use pintail_core::wire::{AHEAD_MAX, Ahead, Ask, DATA_PIECE, Trouble};
use pintail_os::files;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// `ask` with the patch of its plan behind it, where that is so small that waiting until it is wanted costs more.
pub(super) fn ahead(ask: &Ask, artifact: Option<&Path>) -> Option<(Ask, Vec<u8>)> {
    let Ask::Execute { plan, by, trial, .. } = ask else { return None };
    let patch = plan.steps.iter().find_map(|step| match step {
        Step::Deliver { patch: Some(patch), .. } if patch.bytes <= AHEAD_MAX => Some(patch),
        _ => None,
    })?;
    let bytes =
        files::read_regular(&pintail_depot::patch_beside(artifact?, &patch.digest)?, AHEAD_MAX).ok()?;
    // Another file than the plan was made with: it is told when it is wanted.
    if bytes.len() as u64 != patch.bytes {
        return None;
    }
    let ahead = Some(Ahead { digest: patch.digest, bytes: patch.bytes });
    Some((Ask::Execute { plan: plan.clone(), by: by.clone(), trial: *trial, ahead }, bytes))
}

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
    ) -> Result<Option<io::Result<Came>>, Trouble> {
        let cannot = |error: &dyn std::fmt::Display| {
            Trouble::new(format!("cannot bring artifact `{}`", digest.short()), error)
        };
        let missing = || io::Error::other("this operator does not have it");
        let opened = match (artifact, patch) {
            (Some(artifact), Some(patch)) => pintail_depot::patch_beside(artifact, patch)
                .ok_or_else(missing)
                .and_then(|patch| files::open_regular(&patch)),
            (Some(artifact), None) => files::open_regular(artifact),
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
