//! The Python distributions of a depot, listed as PEP 503 wants it, so that `pip install --index-url URL/simple/ NAME`
//! installs from it. Knows file names and the pages' form (`docs/formats/pypi.md`); does not know what is in a file,
//! beyond its being a whole one.

mod name;

mod page;

mod content;

mod error;

mod store;

pub use error::PypiError;
pub use name::{FileName, FileNameError, ProjectName};
pub use store::{Added, Indexed, Pypi};
