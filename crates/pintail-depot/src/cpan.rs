//! The Perl distributions of a depot, laid out and indexed as CPAN is, so that `cpanm --mirror URL --mirror-only NAME`
//! installs from it. Knows PAUSE's rules and the clients' formats (`docs/formats/cpan.md`); does not know artifacts.
//!
//! The rooms: words (`perl_version`, `package`, `author`, `dist`), a module's text (`literal`, `scan`), what a
//! distribution says of itself (`yaml`, `meta`), what is in it (`links`, `content`), what of it is indexed (`distribution`), the
//! indexes (`index`), whose a name is (`owners`), what may be published (`rules`), and where all lies (`store`).

mod perl_version;

mod package;

mod author;

mod dist;

mod literal;

mod scan;

mod yaml;

mod meta;

mod links;

mod content;

mod distribution;

mod index;

mod owners;

mod rules;

mod error;

mod store;

pub use author::{AUTHORS_BYTES_MAX, Author, AuthorId, AuthorIdError, Authors, Grant};
pub use dist::{DistName, DistNameError};
pub use distribution::{Distribution, Unindexed};
pub use error::CpanError;
pub use package::{PACKAGE_NAME_BYTES_MAX, PackageName, PackageNameError};
pub use perl_version::{PERL_VERSION_BYTES_MAX, PerlVersion, PerlVersionError};
pub use store::{AUTHORS, Added, Cpan, Indexed};
