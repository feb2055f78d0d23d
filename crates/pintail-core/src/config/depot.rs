//! `[depot]`: where the artifacts of this project are kept, how many, and who signs them. Knows nothing of what is in
//! there.

use std::fmt;
use std::path::PathBuf;

use super::{places, problem::Complaint, walk::Node};

/// Where the depot is, and how it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepotPlace {
    /// Where artifacts are kept. Default `.pintail/depot`.
    pub path: DepotPath,
    /// The file of the secret key that signs what is built; relative to the folder of `pintail.toml` unless absolute or
    /// below `~/`. `None`: nothing is signed.
    pub sign: Option<PathBuf>,
    /// How many of the newest versions pruning leaves. `None`: nothing is pruned unless a number is said.
    pub keep: Option<u32>,
}

/// Where a depot's folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DepotPath {
    /// A folder of this machine; relative to the folder of `pintail.toml` unless absolute.
    Folder(PathBuf),
    /// A folder of another machine.
    Ssh {
        /// What ssh takes: not empty, no leading `-`, no whitespace.
        address: String,
        /// The folder there, absolute or relative to the home of the user that ssh logs in as.
        folder: PathBuf,
    },
}

impl fmt::Display for DepotPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DepotPath::Folder(folder) => folder.display().fmt(out),
            DepotPath::Ssh { address, folder } if address.starts_with(SSH) => {
                write!(out, "{address}/{}", folder.display().to_string().trim_start_matches('/'))
            }
            DepotPath::Ssh { address, folder } => write!(out, "{address}:{}", folder.display()),
        }
    }
}

const PATH_DEFAULT: &str = ".pintail/depot";

/// How the long form of a depot on another machine begins.
const SSH: &str = "ssh://";

/// Most versions that can be said to be kept: more than anybody releases.
const KEEP_MAX: i64 = 100_000;

pub(super) fn read(node: Option<Node<'_>>) -> Option<DepotPlace> {
    let default = DepotPath::Folder(PathBuf::from(PATH_DEFAULT));
    let Some(node) = node else {
        return Some(DepotPlace { path: default, sign: None, keep: None });
    };
    let walk = node.table(&places::DEPOT)?;
    Some(DepotPlace {
        path: walk.or("path", default, |node| node.parse(path)),
        sign: walk.or("sign", None, |node| node.line().map(PathBuf::from).map(Some)),
        keep: walk.or("keep", None, |node| node.integer(1..=KEEP_MAX).map(Some)),
    })
}

/// A folder, `ssh://USER@HOST:PORT/FOLDER`, or as scp takes it, `USER@HOST:FOLDER`: a `:` before any `/`. In a folder of
/// this machine `..` is welcome: a depot beside the project, for several projects, is a good place.
fn path(text: &str) -> Result<DepotPath, Complaint> {
    if let Some(rest) = text.strip_prefix(SSH) {
        let (host, folder) = rest.split_once('/').unwrap_or((rest, ""));
        // Only ssh's own long form has a place for a port.
        let address = if host.contains(':') { format!("{SSH}{host}") } else { host.to_owned() };
        let folder = if folder.starts_with("~/") { folder.to_owned() } else { format!("/{folder}") };
        return there(text, host, address, &folder);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        let complaint = Complaint::new(format!("is `{text}`, and `{scheme}` is no way to a depot"));
        return Err(complaint.hint("a folder, or one of another machine: `ssh://user@host/srv/depot`"));
    }
    match text.split_once(':') {
        Some((host, folder)) if !host.contains('/') => there(text, host, host.to_owned(), folder),
        _ => Ok(DepotPath::Folder(PathBuf::from(text))),
    }
}

fn there(text: &str, host: &str, address: String, folder: &str) -> Result<DepotPath, Complaint> {
    let folder = folder.strip_prefix("~/").unwrap_or(folder);
    // As `user:password@host` in both forms: in the short one what follows the first `:` would be a folder.
    let in_long = host.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    let in_short = folder.split('/').next().is_some_and(|first| first.contains('@') && first.contains(':'));
    if in_long || in_short {
        let complaint = Complaint::new("has a password in it, which ssh doesn't take");
        return Err(complaint.hint("keys are ssh's own business: `IdentityFile` in ~/.ssh/config"));
    }
    let wrong = |what: &str| Complaint::new(format!("is `{text}`, {what}"));
    if host.is_empty() {
        return Err(wrong("which names no host").hint("a folder with a `:` in its name is written `./a:b`"));
    }
    if host.starts_with('-') {
        return Err(wrong("whose host ssh would take for an option"));
    }
    if host.contains(char::is_whitespace) {
        return Err(wrong("with a blank in the host's name"));
    }
    if folder.trim_matches('/').is_empty() {
        return Err(wrong("which names no folder there").hint(format!("such as `{host}:/srv/depot`")));
    }
    Ok(DepotPath::Ssh { address, folder: PathBuf::from(folder) })
}
