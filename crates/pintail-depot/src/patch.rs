//! A patch: what makes one release of another, so that only that travels. Knows artifacts, unpacked releases and the
//! form (`docs/formats/artifact.md`); does not know hosts, or who has which release.
//!
//! The operator makes it of two artifacts, the host applies it to a release that it has unpacked. Contents that the
//! base has don't travel; of those that changed only what is new does. An operator without the base's artifact makes it
//! of a *signature* that a host has of the base.

mod number;
mod ops;

mod chunks;

mod error;
mod form;

mod apply;
mod signature;

mod make;

pub use apply::{Ground, apply};
pub use error::PatchError;
pub use make::{make, make_by_signature};
pub(crate) use signature::builds_on;
pub use signature::{SIGNATURE_BYTES_MAX, SKETCH_BYTES_MAX, Signature, sign, sketch};

/// What a patch starts with; the last byte is the format.
const MAGIC: [u8; 8] = *b"PTPATCH\x01";

/// Most bytes of a structure, as it travels and unpacked: a change of some 500,000 entries. It is read into memory.
const STRUCTURE_BYTES_MAX: u64 = 32 << 20;

/// Most bytes of contents in one patch, compressed. It is made in memory; what is larger is not much smaller than
/// the artifact itself.
const CONTENT_BYTES_MAX: usize = 128 << 20;

/// Largest file, in bytes, of which only the changed parts travel: both its contents are held in memory to find them.
const CHANGED_BYTES_MAX: u64 = 128 << 20;
