//! The proof of an artifact: that its own test passed on it, unpacked in an empty place. Knows its JSON
//! (`docs/formats/artifact.md`); does not know how a test is run. It lies beside the artifact, not in it: the same
//! commit gives the same artifact, and each proving takes place at another time.

use pintail_core::digest::Digest;
use pintail_core::name::AppName;
use pintail_core::version::Version;
use serde::{Deserialize, Serialize};

/// The proof format that this Pintail writes and reads.
pub const PROOF_FORMAT: u32 = 1;

/// Most bytes of a proof, 256 KiB; it has some 500.
pub(crate) const PROOF_BYTES_MAX: u64 = 256 << 10;

/// What was run on an artifact, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// [`PROOF_FORMAT`].
    pub format: u32,
    /// The application.
    pub name: AppName,
    /// The version.
    pub version: Version,
    /// The digest of the manifest: which release was proven.
    pub digest: Digest,
    /// The command, `build.test`.
    pub command: String,
    /// Its exit code: 0, since nothing else is a proof.
    pub exit: i32,
    /// When it began, in milliseconds since 1970 (UTC).
    pub began_ms: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Who had it run: `user@machine`.
    pub by: String,
    /// What of the machine the test could and could not see, a sentence each.
    pub sealed: Vec<String>,
}

impl Proof {
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("strings and numbers always become JSON");
        json.push(b'\n');
        json
    }

    /// Reads a proof of this format; anything else is none.
    pub(crate) fn read(json: &[u8]) -> Option<Proof> {
        serde_json::from_slice(json).ok().filter(|proof: &Proof| proof.format == PROOF_FORMAT)
    }
}
