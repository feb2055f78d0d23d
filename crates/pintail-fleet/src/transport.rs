//! How an agent is reached. Over each transport it is the same agent, spoken to over a pipe.

use pintail_core::config::HostAddress;
use pintail_core::wire::Trouble;
use pintail_os::program::Program;
use std::path::{Path, PathBuf};
use std::process::Child;

/// A way to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// This machine: the agent is this very program, started as a child.
    Local {
        /// The program.
        program: PathBuf,
    },
}

impl Transport {
    /// The way to `host`; `program` is this program.
    ///
    /// # Errors
    /// The host can't be reached by this Pintail.
    pub fn to(host: &HostAddress, program: &Path) -> Result<Self, Trouble> {
        match host {
            HostAddress::Local => Ok(Self::Local { program: program.to_path_buf() }),
            HostAddress::Ssh(address) => Err(Trouble::new(
                format!("cannot reach `{address}`"),
                "this Pintail deploys to this machine only",
            )
            .hint("name the host `local`, and run Pintail there")),
        }
    }

    /// Starts the agent for `root` there.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(&self, root: &Path) -> Result<Child, Trouble> {
        match self {
            Self::Local { program } => {
                Program::new(program).args(["agent", "--root"]).args([root]).talk().map_err(|error| {
                    Trouble::new(format!("cannot start the agent `{}`", program.display()), error)
                })
            }
        }
    }
}

/// What the operator calls a host.
pub fn host_name(host: &HostAddress) -> String {
    match host {
        HostAddress::Local => "local".to_owned(),
        HostAddress::Ssh(address) => address.clone(),
    }
}
