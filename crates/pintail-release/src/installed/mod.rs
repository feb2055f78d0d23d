//! What is installed on this machine, and which package or distribution it belongs to. Knows Debian's package database
//! and Perl's `.packlist`; does not know what is declared.

pub mod debian;
pub mod perl;
