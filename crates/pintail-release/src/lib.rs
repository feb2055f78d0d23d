//! From a commit to an artifact in the depot, and to a release. Knows git and the project's build commands; no host.

pub mod git;

pub mod log;

pub mod lock;

pub mod perl;

pub mod declared;

pub mod about;

pub mod versions;

pub mod exclude;

pub mod checkout;

pub mod include;

pub mod steps;

pub mod installed;

pub mod used;

pub mod sealed;

pub mod prove;

pub mod build;

pub mod next;

pub mod edit;

pub mod bump;

pub mod changelog;

pub mod release;
