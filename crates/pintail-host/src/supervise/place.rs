//! Where a root keeps what belongs to its supervisor. Knows names only; makes nothing but the folders.

use std::io;
use std::path::{Path, PathBuf};

use pintail_os::files;

/// One root's files for its supervisor.
#[derive(Debug, Clone)]
pub(super) struct Place {
    root: PathBuf,
    /// Where its holder is found.
    holder: PathBuf,
}

impl Place {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), holder: root.join("run") }
    }

    /// The same where another supervisor keeps the holder running. It has a place of its own: while one supervisor
    /// takes over from another, both hold.
    pub(super) fn of_services(root: &Path) -> Self {
        Self { root: root.to_path_buf(), holder: root.join("services").join("holder") }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn run(&self, name: &str) -> PathBuf {
        self.root.join("run").join(name)
    }

    /// Makes `run/` and `log/` where they are missing.
    pub(super) fn make_folders(&self) -> io::Result<()> {
        files::make_folder(&self.root.join("run"), 0o755)?;
        files::make_folder(&self.holder, 0o755)?;
        files::make_folder(&self.root.join("log"), 0o755)
    }

    pub(super) fn control_socket(&self) -> PathBuf {
        self.run("supervisor.sock")
    }

    pub(super) fn supervisor_lock(&self) -> PathBuf {
        self.run("supervisor.lock")
    }

    pub(super) fn record(&self) -> PathBuf {
        self.run("supervisor.json")
    }

    pub(super) fn holder_socket(&self) -> PathBuf {
        self.holder.join("holder.sock")
    }

    pub(super) fn holder_lock(&self) -> PathBuf {
        self.holder.join("holder.lock")
    }

    /// Which sockets a holder that another supervisor keeps running has, so that it finds them again.
    pub(super) fn held_record(&self) -> PathBuf {
        self.holder.join("sockets.json")
    }

    /// Who changes that record.
    pub(super) fn held_lock(&self) -> PathBuf {
        self.holder.join("sockets.lock")
    }

    /// What supervisor and holder say about themselves.
    pub(super) fn own_log(&self) -> PathBuf {
        self.root.join("log").join("supervisor.log")
    }
}
