//! Where things stand under an application's root on a host. Names only: nothing here looks at a disk.

use crate::name::ReleaseName;
use std::path::{Path, PathBuf};

/// The folders and files under one application's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout under `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The root itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All releases.
    pub fn releases(&self) -> PathBuf {
        self.root.join("releases")
    }

    /// One release; read-only once complete.
    pub fn release(&self, release: &ReleaseName) -> PathBuf {
        self.releases().join(release.to_string())
    }

    /// The link to the live release, swapped by rename.
    pub fn current(&self) -> PathBuf {
        self.root.join("current")
    }

    /// What `current` says when `release` is live: relative, so that the root may be moved.
    pub fn current_target(release: &ReleaseName) -> PathBuf {
        Path::new("releases").join(release.to_string())
    }

    /// What survives releases.
    pub fn shared(&self) -> PathBuf {
        self.root.join("shared")
    }

    /// A release's own fresh cache.
    pub fn cache(&self, release: &ReleaseName) -> PathBuf {
        self.root.join("cache").join(release.to_string())
    }

    /// Sockets, pid files, maintenance flags: what means nothing after a reboot.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// The public name of a process's socket: a link to the socket of the generation that serves.
    pub fn public_socket(&self, process: &str) -> PathBuf {
        self.run().join(format!("{process}.sock"))
    }

    /// The socket called `name` (such as `web.12`) itself.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.run().join(format!("{name}.sock"))
    }

    /// Where the processes of `generation` may write a pid file.
    pub fn pid_file(&self, process: &str, generation: u64) -> PathBuf {
        self.run().join(format!("{process}.{generation}.pid"))
    }

    /// The flag that a front looks at: the short maintenance page.
    pub fn maintenance(&self) -> PathBuf {
        self.run().join("maintenance")
    }

    /// The flag for the long maintenance page.
    pub fn maintenance_long(&self) -> PathBuf {
        self.run().join("maintenance_long")
    }

    /// This host's own settings and secrets, 0600.
    pub fn environment(&self) -> PathBuf {
        self.root.join("env")
    }

    /// The settings as `generation`'s processes were given them, 0600.
    pub fn frozen_environment(&self, generation: u64) -> PathBuf {
        self.run().join(format!("env.{generation}"))
    }

    /// What a step replaced and its undo puts back.
    pub fn kept_aside(&self, generation: u64) -> PathBuf {
        self.root.join("backups").join(format!("replaced-{generation:06}"))
    }

    /// Artifacts on their way in, by digest.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// What was begun, done, undone.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// One operation's part of the journal.
    pub fn operation(&self, id: u64) -> PathBuf {
        self.journal().join(format!("{id:06}"))
    }

    /// What a release was when it was sealed.
    pub fn seal(&self, release: &ReleaseName) -> PathBuf {
        self.journal().join("seals").join(format!("{release}.json"))
    }

    /// The file whose lock an operation holds.
    pub fn lock(&self) -> PathBuf {
        self.journal().join("lock")
    }

    /// Logs of the processes and of the supervisor.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// What a supervisor that is not ours runs, a folder for each service.
    pub fn services(&self) -> PathBuf {
        self.root.join("services")
    }

    /// One service's folder: `services/web-12`.
    pub fn service(&self, process: &str, generation: u64) -> PathBuf {
        self.services().join(format!("{process}-{generation}"))
    }

    /// Unit files for systemd.
    pub fn units(&self) -> PathBuf {
        self.root.join("units")
    }

    /// A line for each release that went live, for people; Pintail never reads it.
    pub fn revisions(&self) -> PathBuf {
        self.root.join("revisions.log")
    }
}
