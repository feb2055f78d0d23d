//! From a commit to an artifact in the depot. Knows git and the project's build commands; no host.

pub mod git;

pub mod installed;

pub mod used;

pub mod sealed;

pub mod prove;

pub mod build;
