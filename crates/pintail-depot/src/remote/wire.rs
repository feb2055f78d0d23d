//! What is said between an operator and the Pintail beside a depot on another machine (`docs/formats/depot-wire.md`).
//! Knows no pipe and no folder.

use pintail_core::digest::Digest;
use pintail_core::name::AppName;
use pintail_core::version::Version;
use serde::{Deserialize, Serialize};

use crate::card::Card;

/// The format of all below. Who speaks another one is refused.
pub const FORMAT: u32 = 1;

/// How many cards are said at once: with some 500 bytes each far from the longest frame.
pub(crate) const CARDS_AT_ONCE: usize = 1000;

/// What an operator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Ask {
    /// The first word; the first question may follow at once.
    Hello {
        /// [`FORMAT`].
        format: u32,
        /// The operator's version.
        pintail: String,
    },
    /// What is there.
    List,
    /// An artifact's bytes.
    Get {
        /// The application.
        name: AppName,
        /// The version.
        version: Version,
        /// The digest of the file, as its card has it.
        packed_digest: Digest,
        /// How many bytes are here already.
        from: u64,
    },
    /// Publish the artifact that this is the card of. Its bytes follow when they are wanted, then `end`.
    Put {
        /// The card.
        card: Card,
    },
    /// Those were all its bytes.
    End,
    /// What lies beside an artifact.
    Beside {
        /// The application.
        name: AppName,
        /// The version.
        version: Version,
        /// What of it.
        what: Beside,
    },
    /// Put something beside an artifact, in place of what is there.
    PutBeside {
        /// The application.
        name: AppName,
        /// The version.
        version: Version,
        /// The release that the artifact must have.
        digest: Digest,
        /// What it is.
        what: Beside,
        /// It.
        text: String,
    },
    /// Read an artifact whole, there.
    Verify {
        /// The application.
        name: AppName,
        /// The version.
        version: Version,
    },
    /// Take an artifact away, with all that lies beside it.
    Remove {
        /// The application.
        name: AppName,
        /// The version.
        version: Version,
        /// The release that it must have.
        digest: Digest,
    },
}

/// What lies beside an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beside {
    /// The proof that its test passed.
    Proof,
    /// The signature of its file.
    Signature,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum Say {
    /// To `hello`.
    Hello {
        /// [`FORMAT`].
        format: u32,
        /// The version there.
        pintail: String,
    },
    /// To `list`: in pieces, as many as it takes.
    Listing {
        /// Cards, by name and version.
        cards: Vec<Card>,
        /// What could not be listed, with reasons.
        faults: Vec<String>,
        /// Whether more follow.
        more: bool,
    },
    /// To `get`: so many bytes follow.
    Bytes {
        /// How many.
        bytes: u64,
    },
    /// To `put`: the bytes are wanted.
    From {
        /// From this one on; those before are there.
        from: u64,
    },
    /// To `put`, at once or after `end`: it is there.
    Published {
        /// Whether it is new.
        added: bool,
        /// The card of what is there.
        card: Card,
    },
    /// To `beside`.
    Beside {
        /// It, if there is one.
        text: Option<String>,
    },
    /// To `verify`: it is whole.
    Verified {
        /// Its card.
        card: Card,
    },
    /// To `put-beside` and `remove`.
    Done,
    /// To anything: it was not done.
    Refused {
        /// Why.
        why: Refusal,
    },
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Refusal {
    /// That version is published, and is another release.
    Taken {
        /// The release that is there.
        there: Digest,
    },
    /// Another application's artifact has the file name that this one would get.
    SameFileName {
        /// The application that is there.
        other: AppName,
        /// Its version.
        other_version: Version,
    },
    /// Anything else, told by its machine.
    Other {
        /// In words.
        told: String,
    },
}
