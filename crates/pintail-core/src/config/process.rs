//! `[processes.NAME]`: what runs of a release, where it answers, and how it is changed for the next release.
//! Knows nothing of supervisors.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use super::{
    duration,
    health::{self, Health},
    places,
    problem::Complaint,
    run_template::{self, Placeholder, RunTemplate},
    target::section_name,
    walk::{Choice, Node, Walk},
};

/// A named kind of worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The name in `[processes.NAME]`.
    pub name: String,
    /// The command that starts one instance.
    pub run: RunTemplate,
    /// What it answers on; `None` for `protocol = "none"`.
    pub endpoint: Option<Endpoint>,
    /// How many of it run beside each other; 1..=64, default 1.
    pub instances: u16,
    /// How the old release's process gives way to the new one's; default [`Change::Handover`], for
    /// `protocol = "none"` [`Change::Restart`].
    pub change: Change,
    /// A process that ends within this time after it was found healthy (or, without endpoint, after its start)
    /// fails the deployment; default 2 s.
    pub settle: Duration,
    /// How long it may take to end after SIGTERM, before SIGKILL; default 30 s.
    pub stop_timeout: Duration,
    /// How long at most the old one goes on accepting after the name has moved; default 5 s.
    pub drain: Duration,
}

/// Where and in which protocol a process answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// What it speaks; default [`Protocol::Http`].
    pub protocol: Protocol,
    /// Where it listens; default [`Listen::Unix`]. No two processes have the same address.
    pub listen: Listen,
    /// How it comes to its listening socket; default by protocol: fastcgi [`SocketHandling::Stdin`], http
    /// [`SocketHandling::ListenFds`].
    pub socket: SocketHandling,
    /// How it is asked whether it is well.
    pub health: Health,
}

/// What a process speaks on its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `fastcgi`
    Fastcgi,
    /// `http`
    Http,
}

/// Where a process listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// `unix`: a unix socket in `run/`, whose name Pintail chooses.
    Unix,
    /// A fixed TCP address, never port 0.
    Tcp(SocketAddr),
}

/// How a process comes to its listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketHandling {
    /// `stdin`: it is given as file descriptor 0.
    Stdin,
    /// `listen-fds`: it is given as file descriptor 3, told by `LISTEN_FDS`, as systemd does it.
    ListenFds,
    /// `bind`: the app makes it, at what `{listen}` says.
    Bind,
}

/// How a process gives way to the next release's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// `handover`: the new beside the old, then the old is drained.
    Handover,
    /// `restart`: the old is stopped, under maintenance, before the new is started.
    Restart,
}

impl Listen {
    /// Whether nobody could listen on both at once.
    fn clashes(self, other: Listen) -> bool {
        let (Listen::Tcp(one), Listen::Tcp(other)) = (self, other) else {
            return false;
        };
        let same_family = one.is_ipv4() == other.is_ipv4();
        let everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
        one.port() == other.port() && (one.ip() == other.ip() || same_family && everywhere)
    }
}

/// `protocol`, before it decides whether there is an endpoint.
#[derive(Clone, Copy, PartialEq)]
enum Spoken {
    Something(Protocol),
    Nothing,
}

impl Choice for Spoken {
    const WORDS: &'static [(&'static str, Spoken)] = &[
        ("fastcgi", Spoken::Something(Protocol::Fastcgi)),
        ("http", Spoken::Something(Protocol::Http)),
        ("none", Spoken::Nothing),
    ];
}

impl Choice for SocketHandling {
    const WORDS: &'static [(&'static str, SocketHandling)] = &[
        ("stdin", SocketHandling::Stdin),
        ("listen-fds", SocketHandling::ListenFds),
        ("bind", SocketHandling::Bind),
    ];
}

impl Choice for Change {
    const WORDS: &'static [(&'static str, Change)] =
        &[("handover", Change::Handover), ("restart", Change::Restart)];
}

const SETTLE: Duration = Duration::from_secs(2);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const DRAIN: Duration = Duration::from_secs(5);
const INSTANCES: RangeInclusive<i64> = 1..=64;

/// All processes, and the names of those that can be asked something (for `@NAME` in `[[sites]]`).
pub(super) fn read<'a>(node: Option<Node<'a>>) -> (Vec<Process>, Vec<Declared<'a>>) {
    let mut processes = Vec::new();
    let mut declared = Vec::new();
    let mut taken = Vec::new();
    for (name, typed, node) in node.and_then(|node| node.entries()).unwrap_or_default() {
        let process = process(&name, node, &mut taken);
        // One that can't be read counts as answering, so that no site is blamed for it.
        let answers = process.as_ref().is_none_or(|process| process.endpoint.is_some());
        declared.push(Declared { name: typed, answers });
        processes.extend(process);
    }
    (processes, declared)
}

/// A process that is declared, readable or not.
pub(super) struct Declared<'a> {
    pub(super) name: &'a str,
    pub(super) answers: bool,
}

/// Every key is read before any is missed, and what doesn't fit together is told of those that can be read.
fn process(name: &Node<'_>, node: Node<'_>, taken: &mut Vec<(String, Listen)>) -> Option<Process> {
    let named = name.parse(section_name);
    let walk = node.table(&places::PROCESS)?;
    let run = walk.required("run", "\"node server.js\"").and_then(|node| node.parse(run_template::parse));
    let spoken = walk.or("protocol", Spoken::Something(Protocol::Http), |node| node.choice());
    let (answers, change_default) = match spoken {
        Spoken::Something(protocol) => (Some(answers(&walk, protocol)), Change::Handover),
        Spoken::Nothing => {
            refuse_endpoint(&walk);
            (None, Change::Restart)
        }
    };
    let instances = readable(&walk, "instances", 1, |node| node.integer(INSTANCES));
    let change = readable(&walk, "change", change_default, |node| node.choice());
    let settle = walk.or("settle", SETTLE, |node| node.duration(duration::ANY));
    let stop_timeout = walk.or("stop_timeout", STOP_TIMEOUT, |node| node.duration(duration::SOME));
    let drain = walk.or("drain", DRAIN, |node| node.duration(duration::ANY));
    if let Some(listen) = answers.as_ref().and_then(|answers| answers.listen) {
        refuse_taken(named.as_deref(), listen, &walk, taken);
    }
    let shape = Shape { run: run.as_ref(), answers: answers.as_ref(), instances, change };
    if let Some((key, complaint)) = shape.impossible() {
        match walk.optional(key) {
            Some(node) => node.wrong(complaint),
            None => walk.wrong(complaint),
        }
    }
    let endpoint = match answers {
        Some(Answers { protocol, listen, socket, health }) => {
            Some(Endpoint { protocol, listen: listen?, socket: socket?, health: health? })
        }
        None => None,
    };
    Some(Process {
        name: named?,
        run: run?,
        endpoint,
        instances: instances?,
        change: change?,
        settle,
        stop_timeout,
        drain,
    })
}

/// What `read` makes of the key's value, `default` if it isn't there; `None` if it can't be read, so that nothing is
/// said against a value that nobody wrote.
fn readable<'a, T>(
    walk: &Walk<'a>,
    key: &str,
    default: T,
    read: impl FnOnce(Node<'a>) -> Option<T>,
) -> Option<T> {
    walk.optional(key).map_or(Some(default), read)
}

/// An [`Endpoint`], as far as it can be read.
struct Answers {
    protocol: Protocol,
    listen: Option<Listen>,
    socket: Option<SocketHandling>,
    health: Option<Health>,
}

fn answers(walk: &Walk<'_>, protocol: Protocol) -> Answers {
    let socket_default = match protocol {
        Protocol::Fastcgi => SocketHandling::Stdin,
        Protocol::Http => SocketHandling::ListenFds,
    };
    Answers {
        protocol,
        listen: readable(walk, "listen", Listen::Unix, |node| node.parse(listen)),
        socket: readable(walk, "socket", socket_default, |node| node.choice()),
        health: health::read(walk.optional("health")),
    }
}

fn refuse_endpoint(walk: &Walk<'_>) {
    for key in ["listen", "socket", "health"] {
        if let Some(node) = walk.optional(key) {
            node.wrong(Complaint::new("has no meaning beside `protocol = \"none\"`, which answers nothing"));
        }
    }
}

fn listen(text: &str) -> Result<Listen, Complaint> {
    if text == "unix" {
        return Ok(Listen::Unix);
    }
    let complaint = Complaint::new(format!("is `{text}`, which is neither `unix` nor `IP:PORT`"));
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => {
            Err(Complaint::new(format!("is `{text}`; port 0 is none")).hint("a port from 1 to 65535"))
        }
        Ok(address) => Ok(Listen::Tcp(address)),
        Err(_) => Err(match meant_address(text) {
            Some(meant) => complaint.meant(meant),
            None => complaint.hint("such as `unix` or `127.0.0.1:8989`"),
        }),
    }
}

/// For `8080`, `:8080` and `localhost:8080`, and for a path.
fn meant_address(text: &str) -> Option<String> {
    let port = text.strip_prefix("localhost:").or(text.strip_prefix(':')).unwrap_or(text);
    match port.parse::<u16>() {
        Ok(port) if port > 0 => Some(format!("127.0.0.1:{port}")),
        _ if text.contains('/') || text.eq_ignore_ascii_case("unix") => Some("unix".to_owned()),
        _ => None,
    }
}

fn refuse_taken(name: Option<&str>, listen: Listen, walk: &Walk<'_>, taken: &mut Vec<(String, Listen)>) {
    let Some(node) = walk.optional("listen") else { return };
    if let Some((other, _)) = taken.iter().find(|(_, other)| listen.clashes(*other)) {
        node.wrong(Complaint::new(format!("is an address that `processes.{other}` already has")));
    }
    // One without a readable name is told of already, and can't be named here.
    taken.extend(name.map(|name| (name.to_owned(), listen)));
}

/// What each key allows, but all together don't: of a process as far as it can be read.
struct Shape<'a> {
    run: Option<&'a RunTemplate>,
    answers: Option<&'a Answers>,
    instances: Option<u16>,
    change: Option<Change>,
}

impl Shape<'_> {
    fn impossible(&self) -> Option<(&'static str, Complaint)> {
        match self.answers {
            Some(answers) => self.impossible_endpoint(answers.listen?, answers.socket?),
            None => self.impossible_without_endpoint(),
        }
    }

    fn impossible_without_endpoint(&self) -> Option<(&'static str, Complaint)> {
        let run = self.run?;
        let named = run.mentions(Placeholder::Listen) || run.mentions(Placeholder::Port);
        named.then(|| ("run", Complaint::new("names an address, but `protocol = \"none\"` has none")))
    }

    fn impossible_endpoint(
        &self,
        listen: Listen,
        socket: SocketHandling,
    ) -> Option<(&'static str, Complaint)> {
        let mentions = |placeholder| self.run.map(|run| run.mentions(placeholder));
        let told_where = || Some(mentions(Placeholder::Listen)? || mentions(Placeholder::Port)?);
        match (listen, socket) {
            (Listen::Unix, _) if mentions(Placeholder::Port) == Some(true) => {
                let complaint = Complaint::new("has `{port}`, but `listen = \"unix\"` has no port");
                Some(("run", complaint.meant("{listen}")))
            }
            (Listen::Unix, SocketHandling::Bind) if told_where() == Some(false) => {
                let complaint = Complaint::new("has no `{listen}`, so the app can't know what to bind");
                Some(("run", complaint.hint("`{listen}` stands for the path of the unix socket")))
            }
            (Listen::Tcp(address), SocketHandling::Bind) if self.change == Some(Change::Handover) => {
                let what = format!("is `bind`, but old and new can't both bind `{address}` in a handover");
                Some(("socket", Complaint::new(what).hint(BIND_WAYS_OUT)))
            }
            (Listen::Tcp(address), SocketHandling::Bind) if self.instances > Some(1) => {
                let what =
                    format!("is {}, but only one can bind `{address}`", self.instances.unwrap_or_default());
                Some((
                    "instances",
                    Complaint::new(what).hint("with `socket = \"stdin\"` or `\"listen-fds\"` all share it"),
                ))
            }
            _ => None,
        }
    }
}

const BIND_WAYS_OUT: &str = "`change = \"restart\"`, or `listen = \"unix\"`, or a socket that is given to the app: \
                             `socket = \"stdin\"` or `\"listen-fds\"`";
