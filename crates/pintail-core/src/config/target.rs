//! `[targets.NAME]`: named sets of hosts, and how a deployment goes through them. Knows nothing of ssh.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use super::{
    build::app_name,
    duration,
    host::HostSection,
    path, places,
    problem::Complaint,
    release::declared_target,
    walk::{Choice, Node, Walk},
    wave::{self, Wave},
};

/// A named set of hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name in `[targets.NAME]`.
    pub name: String,
    /// The hosts, at least one, none twice, in the order in which waves take them.
    pub hosts: Vec<HostAddress>,
    /// The application's root on each of these hosts: this target's own `root`, else `host.root`.
    /// Absolute, unless all hosts are local; then perhaps relative to the folder of `pintail.toml`.
    pub root: PathBuf,
    /// The target where the same digest must have gone live first. Declared, and never in a circle.
    pub requires: Option<String>,
    /// Who may have signed what goes there; empty: it needs no signature.
    pub signed_by: Vec<SignedBy>,
    /// How many hosts are switched at a time; default all.
    pub wave: Wave,
    /// With more hosts failing than this, every host that was switched goes back; default 0.
    pub max_failed: u32,
    /// What a host does by itself when its operator is gone; default [`LostOperator::Finish`].
    pub lost_operator: LostOperator,
    /// How long a switched host waits for the operator's confirmation before it goes back by itself;
    /// default 60 s.
    pub confirm_within: Duration,
}

/// Whose signature a target takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// A public key as minisign shows it: `RW` and 54 letters of base64.
    Key(String),
    /// The `.pub` file of one; relative to the folder of `pintail.toml` unless absolute or below `~/`.
    File(PathBuf),
}

/// Where a host is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostAddress {
    /// `local`: this machine, without ssh.
    Local,
    /// What ssh takes (`user@host`, an alias of `~/.ssh/config`, `ssh://user@host:port`): not empty, no leading
    /// `-`, no whitespace.
    Ssh(String),
}

/// What a host does by itself when its operator is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostOperator {
    /// `finish`: goes on to the end.
    Finish,
    /// `revert`: undoes what was done.
    Revert,
}

impl Choice for LostOperator {
    const WORDS: &'static [(&'static str, LostOperator)] =
        &[("finish", LostOperator::Finish), ("revert", LostOperator::Revert)];
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostAddress::Local => f.write_str("local"),
            HostAddress::Ssh(address) => f.write_str(address),
        }
    }
}

const CONFIRM_WITHIN: Duration = Duration::from_secs(60);

/// A target whose own keys are read, but whose `requires` is not yet followed.
struct Candidate<'a> {
    target: Target,
    requires: Option<Node<'a>>,
}

/// All targets, and the names of all that are declared, readable or not; `host` says the root where they don't.
pub(super) fn read<'a>(node: Option<Node<'a>>, host: &HostSection<'_>) -> (Vec<Target>, Vec<&'a str>) {
    let entries = node.and_then(|node| node.entries()).unwrap_or_default();
    let names: Vec<&str> = entries.iter().map(|(_, name, _)| *name).collect();
    // Also where every target has a root of its own, or none is declared yet.
    host.root.iter().for_each(|node| drop(node.parse(|text| parse_root(text, &[]))));
    let mut root_told = false;
    let candidates: Vec<_> = entries
        .into_iter()
        .filter_map(|(name, _, node)| target(&name, node, &names, host, &mut root_told))
        .collect();
    refuse_circles(&candidates);
    (candidates.into_iter().map(|candidate| candidate.target).collect(), names)
}

fn target<'a>(
    name: &Node<'a>,
    node: Node<'a>,
    names: &[&str],
    host: &HostSection<'_>,
    root_told: &mut bool,
) -> Option<Candidate<'a>> {
    let named = name.parse(section_name);
    let walk = node.table(&places::TARGET)?;
    let hosts = walk.required("hosts", "[\"deploy@web1.example.org\"]").and_then(|node| hosts(&node));
    let root = root(&walk, hosts.as_deref().unwrap_or_default(), host, root_told);
    let requires = walk.optional("requires");
    let required = requires.as_ref().and_then(|node| node.parse(|text| declared_target(text, names)));
    let signed_by = walk.or("signed_by", Vec::new(), |node| signers(&node));
    let wave = walk.or("wave", Wave::all(), |node| node.parse(wave::parse));
    let max_failed = walk.or("max_failed", 0, |node| node.integer(0..=i64::from(u32::MAX)));
    let lost_operator = walk.or("lost_operator", LostOperator::Finish, |node| node.choice());
    let confirm_within = walk.or("confirm_within", CONFIRM_WITHIN, |node| node.duration(duration::SOME));
    let target = Target {
        name: named?,
        hosts: hosts?,
        root: root?,
        requires: required,
        signed_by,
        wave,
        max_failed,
        lost_operator,
        confirm_within,
    };
    Some(Candidate { target, requires })
}

/// A name that becomes part of unit, socket and folder names, as an application's does.
pub(super) fn section_name(text: &str) -> Result<String, Complaint> {
    app_name(text).map(|name| name.as_str().to_owned())
}

fn hosts(node: &Node<'_>) -> Option<Vec<HostAddress>> {
    let elements = node.list()?;
    let mut hosts: Vec<HostAddress> = Vec::new();
    for element in &elements {
        let Some(host) = element.parse(host_address) else {
            continue;
        };
        if hosts.contains(&host) {
            element.wrong(Complaint::new(format!("has `{host}` a second time")));
        }
        hosts.push(host);
    }
    if elements.is_empty() {
        node.wrong(Complaint::new("has none").hint("at least one host, such as `local`"));
    }
    Some(hosts)
}

fn signers(node: &Node<'_>) -> Option<Vec<SignedBy>> {
    let elements = node.list()?;
    if elements.is_empty() {
        let complaint = Complaint::new("has none, so nothing could ever be deployed");
        node.wrong(complaint.hint("leave it out where no signature is wanted"));
    }
    Some(elements.iter().filter_map(|element| element.parse(signer)).collect())
}

/// Characters of a public key: 42 bytes in base64.
const KEY_CHARS: usize = 56;

/// A key's line has a form that no file's name has by chance.
fn signer(text: &str) -> Result<SignedBy, Complaint> {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let looks_like_a_key = text.starts_with("RW") && text.chars().all(is_base64) && !text.contains("./");
    match (looks_like_a_key, text.len()) {
        (true, KEY_CHARS) => Ok(SignedBy::Key(text.to_owned())),
        (true, length) if length > KEY_CHARS / 2 => Err(Complaint::new(format!(
            "has `{text}`, which is no public key: {length} letters, not {KEY_CHARS}"
        ))),
        _ if text.contains("secret key") || text.starts_with("untrusted") => {
            Err(Complaint::new("has a line of a key's file that is not the key")
                .hint("name the file, or its second line"))
        }
        _ => Ok(SignedBy::File(PathBuf::from(text))),
    }
}

fn host_address(text: &str) -> Result<HostAddress, Complaint> {
    match text {
        "local" => Ok(HostAddress::Local),
        option if option.starts_with('-') => {
            Err(Complaint::new(format!("has `{text}`, which ssh would take for an option")))
        }
        spaced if spaced.contains(char::is_whitespace) => {
            Err(Complaint::new(format!("has `{text}`, with a blank in it")).hint("one host an element"))
        }
        slip if slip.eq_ignore_ascii_case("local") => {
            Err(Complaint::new(format!("has `{text}`, which would be a host for ssh")).meant("local"))
        }
        address => Ok(HostAddress::Ssh(address.to_owned())),
    }
}

/// The target's own root, else the host section's. If there's neither, that is told once.
fn root(
    walk: &Walk<'_>,
    hosts: &[HostAddress],
    host: &HostSection<'_>,
    root_told: &mut bool,
) -> Option<PathBuf> {
    if let Some(node) = walk.optional("root").as_ref().or(host.root.as_ref()) {
        return node.parse(|text| parse_root(text, hosts));
    }
    if !std::mem::replace(root_told, true) {
        match &host.walk {
            Some(walk) => walk.missing("root", ROOT_EXAMPLE),
            None => walk.wrong(
                Complaint::new("has no `root`, and there is no `[host]` with one")
                    .hint(format!("such as `root = {ROOT_EXAMPLE}` in `[host]`")),
            ),
        }
    }
    None
}

const ROOT_EXAMPLE: &str = "\"/srv/blog\"";

fn parse_root(text: &str, hosts: &[HostAddress]) -> Result<PathBuf, Complaint> {
    let root = path::placed(text)?;
    if root.parent().is_none() {
        return Err(Complaint::new(format!("is `{text}`; an application needs a folder of its own")));
    }
    let far = hosts.iter().find(|host| **host != HostAddress::Local);
    match far {
        Some(far) if !root.is_absolute() => {
            Err(Complaint::new(format!("is `{text}`; it must be absolute on `{far}`"))
                .hint("such as `/srv/blog`"))
        }
        _ => Ok(root),
    }
}

fn refuse_circles(candidates: &[Candidate<'_>]) {
    let required = |c: &'_ Candidate<'_>| Some((c.target.name.clone(), c.target.requires.clone()?));
    let next: BTreeMap<String, String> = candidates.iter().filter_map(required).collect();
    for candidate in candidates {
        let name = &candidate.target.name;
        let circle = circle(name, &next);
        // The same circle is met from each of its targets; the first in the alphabet tells it.
        if let Some(node) = candidate.requires.as_ref().filter(|_| circle.iter().min() == Some(&name)) {
            let way: Vec<_> = circle.iter().skip(1).chain([&name]).map(|name| format!("`{name}`")).collect();
            let way = way.join(", which requires ");
            node.wrong(Complaint::new(format!("goes in a circle: `{name}` requires {way}")));
        }
    }
}

/// The targets on the way from `name` back to itself; none if there's no such way.
fn circle<'n>(name: &'n String, next: &'n BTreeMap<String, String>) -> Vec<&'n String> {
    let chain: Vec<_> =
        std::iter::successors(Some(name), |name| next.get(*name)).take(next.len() + 1).collect();
    match chain.iter().skip(1).position(|other| *other == name) {
        Some(length) => chain[..=length].to_vec(),
        None => Vec::new(),
    }
}
