//! `health` of a process: how it is asked whether it is well. Knows nothing of how the asking is done.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    duration, path, places,
    problem::Complaint,
    walk::{Node, Walk},
};

/// How a process is asked whether it is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The path that is asked for; begins with `/`; default `/`.
    pub path: String,
    /// The status that is expected: with a `health` table what `expect` says (default 200), without one 200..=399.
    pub expect: ExpectedStatus,
    /// How long it may take from its start until it is well; default 30 s.
    pub within: Duration,
    /// The `Host` that is asked for; default `localhost`.
    pub host: String,
    /// Where the app tells its version, which is then compared with the release's.
    pub version: Option<VersionProbe>,
}

/// The HTTP statuses that count as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedStatus(pub RangeInclusive<u16>);

/// Where an app tells its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionProbe {
    /// `{ header = "x-version" }`: in this header of the health answer (lower case).
    Header(String),
    /// `{ json = "app.version" }`: in the health answer's JSON, by these field names from the outside in.
    Json(Vec<String>),
    /// `{ path = "/version" }`: the whole body of the answer to this path.
    Path(String),
}

impl ExpectedStatus {
    /// Whether this status counts as well.
    pub fn accepts(&self, status: u16) -> bool {
        self.0.contains(&status)
    }
}

const PATH: &str = "/";
const HOST: &str = "localhost";
const WITHIN: Duration = Duration::from_secs(30);
/// What a `health` table expects that doesn't say.
const EXPECT: u16 = 200;
/// Without a `health` table nothing is known of the app: any answer that isn't an error will do.
const EXPECT_UNTOLD: RangeInclusive<u16> = 200..=399;
const STATUSES: RangeInclusive<i64> = 100..=599;

impl Default for Health {
    fn default() -> Health {
        Health {
            path: PATH.to_owned(),
            expect: ExpectedStatus(EXPECT_UNTOLD),
            within: WITHIN,
            host: HOST.to_owned(),
            version: None,
        }
    }
}

pub(super) fn read(node: Option<Node<'_>>) -> Option<Health> {
    let Some(node) = node else {
        return Some(Health::default());
    };
    let walk = node.table(&places::HEALTH)?;
    let expect = walk.or("expect", EXPECT, |node| node.integer(STATUSES));
    Some(Health {
        path: walk.or("path", PATH.to_owned(), |node| node.parse(path::url)),
        expect: ExpectedStatus(expect..=expect),
        within: walk.or("within", WITHIN, |node| node.duration(duration::SOME)),
        host: walk.or("host", HOST.to_owned(), |node| node.parse(host)),
        version: walk.or("version", None, |node| version(node).map(Some)),
    })
}

fn host(text: &str) -> Result<String, Complaint> {
    match text.contains(|c: char| c.is_whitespace() || c == '/') {
        true => {
            Err(Complaint::new(format!("is `{text}`, which is no name of a host"))
                .hint("such as `localhost`"))
        }
        false => Ok(text.to_owned()),
    }
}

fn version(node: Node<'_>) -> Option<VersionProbe> {
    if node.is_string() {
        node.wrong(Complaint::new("must be a table, not a string").hint(ONE_PROBE));
        return None;
    }
    let walk: Walk<'_> = node.table(&places::HEALTH_VERSION)?;
    let header = walk.optional("header").map(|node| node.parse(header).map(VersionProbe::Header));
    let json = walk.optional("json").map(|node| node.parse(json).map(VersionProbe::Json));
    let path = walk.optional("path").map(|node| node.parse(path::url).map(VersionProbe::Path));
    let mut probes: Vec<_> = [header, json, path].into_iter().flatten().collect();
    match (probes.pop(), probes.len()) {
        (Some(probe), 0) => probe,
        (None, _) => {
            walk.wrong(Complaint::new("says nothing").hint(ONE_PROBE));
            None
        }
        (Some(_), others) => {
            walk.wrong(
                Complaint::new(format!("says {} places; the version is in one", others + 1)).hint(ONE_PROBE),
            );
            None
        }
    }
}

const ONE_PROBE: &str =
    "one of `{ header = \"x-version\" }`, `{ json = \"version\" }`, `{ path = \"/version\" }`";

fn header(text: &str) -> Result<String, Complaint> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    match text.chars().all(inside) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(Complaint::new(format!("is `{text}`, which is no name of a header"))),
    }
}

fn json(text: &str) -> Result<Vec<String>, Complaint> {
    let fields: Vec<_> = text.split('.').map(str::to_owned).collect();
    match fields.iter().any(String::is_empty) {
        true => {
            Err(Complaint::new(format!("is `{text}`, with an empty field name"))
                .hint("such as `app.version`"))
        }
        false => Ok(fields),
    }
}
