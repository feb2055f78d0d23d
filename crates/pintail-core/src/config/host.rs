//! `[host]`: how a release lies on every host. Knows nothing of which hosts there are (see `target.rs`).

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use super::{
    duration, path, places,
    problem::Complaint,
    walk::{Choice, Node, Walk},
};
use crate::manifest::TreePath;

/// How a release lies on a host, the same for every host of every target. (`host.root` itself is in each
/// [`super::Target::root`], where a target may overrule it.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSettings {
    /// Paths in the release that lead into `shared/` and so survive releases.
    pub shared: Vec<TreePath>,
    /// Paths in the release that lead into a cache made fresh for each release.
    pub cache: Vec<TreePath>,
    /// How many releases stay on the host; 2..=1000, default 5.
    pub keep: u32,
    /// Commands run on the host in the new release, in order, before anything is switched.
    pub prepare: Vec<PrepareCommand>,
    /// Who keeps the processes running; default [`Supervisor::Embedded`].
    pub supervisor: Supervisor,
    /// Folders and files of the release that are copied to where the front serves them.
    pub publish: Vec<Publish>,
    /// Names of settings without which the host's `env` file is not complete.
    pub env_required: Vec<String>,
}

/// One command of `host.prepare`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrepareCommand {
    /// The command, as typed.
    pub run: String,
    /// How long it may take; default 15 minutes.
    pub within: Duration,
    /// Run on one host of a target only, the first that is deployed to; default on each.
    pub once: bool,
}

/// One entry of `host.publish`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// What is published: a path in the release.
    pub from: TreePath,
    /// Where to; relative to the application's root on the host unless absolute; never with `..`, and never
    /// into a folder that Pintail keeps there for itself.
    pub to: PathBuf,
}

/// Who keeps processes running on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supervisor {
    /// `systemd`: units of the system's own systemd.
    Systemd,
    /// `systemd-user`: units of the deploying user's systemd.
    SystemdUser,
    /// `runit`
    Runit {
        /// The folder that its `runsvdir` reads; below the application's root unless absolute; default
        /// `/etc/service`.
        services: PathBuf,
    },
    /// `daemontools`
    Daemontools {
        /// The folder that its `svscan` reads; below the application's root unless absolute; default `/service`.
        services: PathBuf,
    },
    /// `embedded`: `pintail supervise`.
    Embedded,
}

/// What can be typed for `supervisor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SupervisorWord {
    Systemd,
    SystemdUser,
    Runit,
    Daemontools,
    Embedded,
}

impl Default for HostSettings {
    fn default() -> HostSettings {
        HostSettings {
            shared: Vec::new(),
            cache: Vec::new(),
            keep: KEEP_DEFAULT,
            prepare: Vec::new(),
            supervisor: Supervisor::Embedded,
            publish: Vec::new(),
            env_required: Vec::new(),
        }
    }
}

impl Choice for SupervisorWord {
    const WORDS: &'static [(&'static str, SupervisorWord)] = &[
        ("systemd", SupervisorWord::Systemd),
        ("systemd-user", SupervisorWord::SystemdUser),
        ("runit", SupervisorWord::Runit),
        ("daemontools", SupervisorWord::Daemontools),
        ("embedded", SupervisorWord::Embedded),
    ];
}

/// Where Debian's runit looks for services.
const RUNIT_SERVICES: &str = "/etc/service";
/// Where daemontools' own installation has them.
const DAEMONTOOLS_SERVICES: &str = "/service";

const KEEP_DEFAULT: u32 = 5;
/// With fewer than two there would be nothing to roll back to.
const KEEP: RangeInclusive<i64> = 2..=1000;
/// Long enough for a `cpanm --installdeps` that compiles.
const PREPARE_WITHIN: Duration = Duration::from_secs(15 * 60);
/// What Pintail keeps in the application's root for itself: publishing into it would destroy it.
pub(crate) const KEPT: &[&str] = &[
    "releases",
    "current",
    "shared",
    "cache",
    "run",
    "env",
    "backups",
    "store",
    "journal",
    "log",
    "services",
    "units",
    "revisions.log",
];

/// The settings, and where the application's root is said.
pub(super) struct HostSection<'a> {
    pub(super) settings: HostSettings,
    pub(super) root: Option<Node<'a>>,
    /// Whether there is such a section; a lacking root is then told here.
    pub(super) walk: Option<Walk<'a>>,
}

pub(super) fn read(node: Option<Node<'_>>) -> HostSection<'_> {
    let Some(walk) = node.and_then(|node| node.table(&places::HOST)) else {
        return HostSection { settings: HostSettings::default(), root: None, walk: None };
    };
    let mut linked = Vec::new();
    let mut published = Vec::new();
    let settings = HostSettings {
        shared: walk.each("shared", |node| link(node, &mut linked)),
        cache: walk.each("cache", |node| link(node, &mut linked)),
        keep: walk.or("keep", KEEP_DEFAULT, |node| node.integer(KEEP)),
        prepare: walk.each("prepare", prepare),
        supervisor: supervisor(&walk),
        publish: walk.each("publish", |node| publish(node, &mut published)),
        env_required: walk.each("env_required", |node| node.parse(setting_name)),
    };
    HostSection { settings, root: walk.optional("root"), walk: Some(walk) }
}

fn supervisor(walk: &Walk<'_>) -> Supervisor {
    let word = walk.or("supervisor", SupervisorWord::Embedded, |node| node.choice());
    let services = walk.optional("services");
    let folder = |default: &str| {
        let typed = services.as_ref().and_then(|node| node.parse(services_folder));
        typed.unwrap_or_else(|| PathBuf::from(default))
    };
    match word {
        SupervisorWord::Runit => return Supervisor::Runit { services: folder(RUNIT_SERVICES) },
        SupervisorWord::Daemontools => {
            return Supervisor::Daemontools { services: folder(DAEMONTOOLS_SERVICES) };
        }
        SupervisorWord::Systemd | SupervisorWord::SystemdUser | SupervisorWord::Embedded => {}
    }
    if let Some(node) = services {
        node.wrong(Complaint::new("is for `supervisor = \"runit\"` and `\"daemontools\"` only"));
    }
    match word {
        SupervisorWord::Systemd => Supervisor::Systemd,
        SupervisorWord::SystemdUser => Supervisor::SystemdUser,
        _ => Supervisor::Embedded,
    }
}

fn services_folder(text: &str) -> Result<PathBuf, Complaint> {
    match path::placed(text)? {
        path if path.as_os_str().is_empty() => Err(Complaint::new("is empty")),
        // The services themselves lie there.
        path if path.starts_with("services") => Err(Complaint::new(format!(
            "is `{text}`, but Pintail keeps the services themselves there; it wants a folder of links beside it"
        ))),
        path => Ok(path),
    }
}

/// The name of a setting in an `env` file.
pub(super) fn setting_name(text: &str) -> Result<String, Complaint> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text.chars().all(inside) && !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty() {
        true => Ok(text.to_owned()),
        false => Err(Complaint::new(format!("is `{text}`, which can't be the name of a setting"))
            .hint("letters, digits and `_`, such as `DB_URL`")),
    }
}

/// A path that becomes a link. Two links can't be in each other.
fn link(node: Node<'_>, linked: &mut Vec<TreePath>) -> Option<TreePath> {
    let path = node.parse(path::inner)?;
    if let Some(other) = linked.iter().find(|other| path::overlap(&path, other)) {
        node.wrong(Complaint::new(match *other == path {
            true => format!("has `{path}` a second time; `shared` and `cache` name a path once"),
            false => format!("has `{path}` beside `{other}`; neither can be in the other"),
        }));
    }
    linked.push(path.clone());
    Some(path)
}

fn prepare(node: Node<'_>) -> Option<PrepareCommand> {
    if node.is_string() {
        return Some(PrepareCommand { run: node.text()?.to_owned(), within: PREPARE_WITHIN, once: false });
    }
    let walk = node.table(&places::PREPARE)?;
    let run = walk.required("run", "\"npm ci\"").and_then(|node| node.text().map(str::to_owned));
    let within = walk.or("within", PREPARE_WITHIN, |node| node.duration(duration::SOME));
    let once = walk.or("once", false, |node| node.flag());
    Some(PrepareCommand { run: run?, within, once })
}

fn publish(node: Node<'_>, published: &mut Vec<PathBuf>) -> Option<Publish> {
    let walk = node.table(&places::PUBLISH)?;
    let from = walk.required("from", "\"public\"").and_then(|node| node.parse(path::inner));
    let to =
        walk.required("to", "\"docroot\"").and_then(|node| node.parse(|text| publish_to(text, published)));
    published.extend(to.clone());
    Some(Publish { from: from?, to: to? })
}

fn publish_to(text: &str, published: &[PathBuf]) -> Result<PathBuf, Complaint> {
    let path = match text.starts_with('/') {
        true => path::absolute(text)?,
        false => PathBuf::from(path::inner(text)?.as_str()),
    };
    if let Some(kept) = KEPT.iter().find(|kept| path.starts_with(kept)) {
        return Err(Complaint::new(format!("is `{text}`, but Pintail keeps `{kept}` there for itself")));
    }
    match published.contains(&path) {
        true => Err(Complaint::new(format!("is `{text}` a second time"))),
        false => Ok(path),
    }
}
