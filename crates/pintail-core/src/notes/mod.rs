//! Deployment notes: what a release asks of whoever deploys it, read from the messages of its commits and from fragment
//! files, and what is asked between two releases. Knows the grammar (`docs/formats/notes.md`) and git's rule for
//! trailers; runs no git, and nothing that is written in a note.

mod bounds;
mod requirement;

mod note;

mod trailers;

mod grammar;

mod squashed;

mod read;

mod fragment;

mod noted;

mod collect;

mod about;

mod gather;

mod computed;

pub use about::{ABOUT_BYTES_MAX, ABOUT_FORMAT, ABOUT_NAME, About, AboutError, Declared, Task};
pub use bounds::{MESSAGE_BYTES_MAX, NOTE_BYTES_MAX, NOTES_MAX};
pub use collect::{Candidate, Reverted, collect, reverted, subject};
pub use computed::computed;
pub use fragment::{FRAGMENTS_FOLDER, Fragment};
pub use gather::{ACK_DIGITS, Gathered, Item, Run, Says, gather, gather_for_all};
pub use note::{Acknowledgement, Asked, Fault, Kind, Note, TaskCall};
pub use noted::{Amendment, Noted, Origin};
pub use read::{read, read_body};
pub use requirement::Requirement;
pub use trailers::{Trailer, trailers};

#[cfg(test)]
mod tests;

#[cfg(test)]
mod gather_tests;
