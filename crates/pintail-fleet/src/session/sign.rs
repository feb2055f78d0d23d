//! What a host has of a release whose artifact this operator has not: one question, one answer. Knows neither what is in
//! them.

use super::{Came, Session};
use pintail_core::name::ReleaseName;
use pintail_core::wire::frame;
use pintail_core::wire::{Ask, DATA_PIECE, Say, Trouble};
use pintail_depot::patch::SIGNATURE_BYTES_MAX;
use std::time::Duration;

/// How long a host may take to read what changed: at most 512 MiB, of a slow disk.
const SIGNED_WITHIN: Duration = Duration::from_secs(60);

impl Session {
    /// The signature of `release` there, for one who has what `sketch` says.
    ///
    /// # Errors
    /// The host can't tell, or is gone.
    pub fn sign(&mut self, release: &ReleaseName, sketch: &[u8]) -> Result<Vec<u8>, Trouble> {
        self.ask(&Ask::Sign { release: release.clone() })?;
        for piece in sketch.chunks(DATA_PIECE) {
            self.send(|out| frame::send_data(out, piece))?;
        }
        self.ask(&Ask::DataEnd)?;
        let none = || self.lost(&"it answered with no signature");
        let Came::Said(said) = self.next(SIGNED_WITHIN)? else { return Err(none()) };
        let bytes = match *said {
            Say::Signed { bytes } if bytes <= SIGNATURE_BYTES_MAX => bytes,
            Say::Refused { trouble } => return Err(trouble),
            _ => return Err(none()),
        };
        let mut signature = Vec::new();
        while (signature.len() as u64) < bytes {
            match self.next(SIGNED_WITHIN)? {
                Came::Data(piece) if (signature.len() + piece.len()) as u64 <= bytes => {
                    signature.extend(piece);
                }
                _ => return Err(self.lost(&"its signature is not as long as it said")),
            }
        }
        Ok(signature)
    }
}
