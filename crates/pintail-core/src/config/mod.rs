//! What `pintail.toml` means: the text in, one [`Config`] with every default applied out, or every problem
//! at once. It knows no file system: whether a named file exists is for others to find out.

mod build;
mod depot;
mod did_you_mean;
mod duration;
mod health;
mod host;
mod path;
mod places;
mod problem;
mod process;
mod range;
mod read;
mod release;
mod run_template;
mod schema;
mod site;
mod source;
mod target;
mod task;
mod version_files;
mod walk;
mod wave;

pub use build::{Build, Include};
pub use depot::{DepotPath, DepotPlace};
pub use health::{ExpectedStatus, Health, VersionProbe};
pub(crate) use host::KEPT as KEPT_NAMES;
pub use host::{HostSettings, PrepareCommand, Publish, Supervisor};
pub use problem::{Problem, render};
pub use process::{Change, Endpoint, Listen, Process, Protocol, SocketHandling};
pub use range::VersionRange;
pub use read::{Config, read, read_bytes};
pub use release::{ReleaseRules, TagTemplate};
pub use run_template::{Placeholder, RunTemplate};
pub use schema::{BackupWhen, DatabaseUrl, DeclaredSchema, Engine, SchemaSettings};
pub use site::{
    Alias, ErrorPage, MaintenancePages, Page, RedirectTo, Rewrite, Serve, Site, SiteAnswer, Tls, Try,
};
pub use target::{HostAddress, LostOperator, SignedBy, Target};
pub use task::Task;
pub use version_files::{VersionFile, VersionPattern};
pub use wave::{Wave, WaveSize};

#[cfg(test)]
mod tests;
