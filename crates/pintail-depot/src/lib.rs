//! Artifacts (releases as bytes) and the folder they are kept in. Knows how a tree becomes an artifact and a tree
//! again, and how artifacts are published whole or not at all; does not know hosts, git or what time it is.
//!
//! The rooms, in the order in which they use each other: bytes in (`limits`, `decompress`, `tarball`), a tree out
//! (`archive`, `held`, `unpack`), one tree of another (`patch`), a tree in (`pack`), both (`import`), and where they are kept
//! (`card`, `proof`, `signing`, `depot`), also on another machine (`remote`, `served`). The format is
//! `docs/formats/artifact.md`. Beside them, what other programs install from: `publisher`, and its faces `cpan` and `pypi`.

mod shown;

pub mod limits;

mod decompress;
mod tarball;

pub mod archive;

mod foreign;

pub mod held;

mod place;

pub mod unpack;

pub mod patch;

mod walk;
mod write;

pub mod pack;

pub mod import;

mod partial;

pub mod card;

pub mod proof;

pub mod signing;

pub mod remote;

pub mod depot;

pub mod served;

mod publisher;

pub mod cpan;

pub mod pypi;

pub use archive::{ArtifactReader, Form};
pub use card::Card;
pub use depot::{Depot, DepotError, Listing, MadeAnew, Published, patch_beside};
pub use held::Held;
pub use import::{ImportError, Naming, Tree, import, name_and_version};
pub use limits::Limits;
pub use pack::{PackError, pack};
pub use patch::PatchError;
pub use proof::Proof;
pub use publisher::is_publishing;
pub use remote::{Remote, Wire};
pub use tarball::ArchiveError;
pub use unpack::{UnpackError, unpack, verify};
