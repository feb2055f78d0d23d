//! The depot from outside: trees, archives and folders as they come, and as an attacker would make them.
#![allow(clippy::disallowed_methods, missing_docs)]

mod cpan;
mod cpan_owners;
mod craft;
mod evil;
mod foreign;
mod full_disk;
mod fuzz;
mod golden;
mod patch;
mod publish;
mod pypi;
mod remote;
mod round_trip;
mod signing;
