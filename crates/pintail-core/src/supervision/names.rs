//! What a root's services and sockets are called where other roots have theirs too.

use std::path::Path;

/// Names with the root in them: two targets on one machine never share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

/// A name of systemd's ends at 255 bytes, and a process's name and a number come behind the root's.
const ROOT_LIMIT: usize = 100;

impl Names {
    /// The names of the root `root`, which is absolute.
    pub fn new(root: &Path) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '.' { c } else { '-' };
        let text = root.to_string_lossy();
        let mut name: String = text.trim_matches('/').chars().map(plain).collect();
        if name.len() > ROOT_LIMIT {
            let digest = crate::digest::Digest::of(text.as_bytes()).short();
            name = format!("{}-{digest}", &name[name.len() - (ROOT_LIMIT - 9)..]);
        }
        Self { prefix: format!("pintail-{name}") }
    }

    /// What all of them begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The unit of a service, of which each instance is one: `pintail-srv-blog-web-12@.service`.
    pub fn service_unit(&self, process: &str, generation: u64) -> String {
        format!("{}-{process}-{generation}@.service", self.prefix)
    }

    /// The unit of its instance `n`.
    pub fn instance_unit(&self, process: &str, generation: u64, n: u32) -> String {
        format!("{}-{process}-{generation}@{n}.service", self.prefix)
    }

    /// The unit that holds the socket `name`: `pintail-srv-blog-web.12.socket`.
    pub fn socket_unit(&self, name: &str) -> String {
        format!("{}-{name}.socket", self.prefix)
    }

    /// The unit that systemd wants beside a socket's.
    pub fn anchor_unit(&self, name: &str) -> String {
        format!("{}-{name}.service", self.prefix)
    }

    /// The link to the folder of instance `n`, where a `runsvdir` or `svscan` looks: `pintail-srv-blog-web-12.1`.
    pub fn scanned(&self, process: &str, generation: u64, n: u32) -> String {
        format!("{}-{process}-{generation}.{n}", self.prefix)
    }

    /// The link to the folder of the holder of the sockets. No process's: those end in a number.
    pub fn scanned_holder(&self) -> String {
        format!("{}-holder", self.prefix)
    }
}
