//! Every place in `pintail.toml` that has keys, and its keys: the table of contents of the format. Knows nothing
//! of what they mean. `docs/formats/pintail-toml.md` is tested against it.

/// A place with keys: a table, or every table of a list.
pub(super) struct Place {
    /// How the reference calls it.
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
}

macro_rules! places {
    ($($constant:ident $name:literal [$($key:literal),* $(,)?];)*) => {
        $(pub(super) const $constant: Place = Place { name: $name, keys: &[$($key),*] };)*
        /// All of them.
        pub(super) const ALL: &[&Place] = &[$(&$constant),*];
    };
}

places! {
    TOP "top" [
        "name", "version", "depot", "build", "release", "targets", "host", "processes", "tasks", "schema", "sites",
    ];
    VERSION "[version]" ["files"];
    VERSION_FILE "version.files" ["path", "pattern"];
    DEPOT "[depot]" ["path", "sign", "keep"];
    BUILD "[build]" ["exclude", "steps", "test", "test_within", "env", "include"];
    INCLUDE "[[build.include]]" ["name", "version", "into"];
    RELEASE "[release]" ["branch", "remote", "stage", "tag"];
    TARGET "[targets.NAME]" [
        "hosts", "requires", "signed_by", "wave", "max_failed", "lost_operator", "root", "confirm_within",
    ];
    HOST "[host]" [
        "root", "shared", "cache", "keep", "prepare", "supervisor", "services", "publish", "env_required",
    ];
    PREPARE "host.prepare" ["run", "within", "once"];
    PUBLISH "host.publish" ["from", "to"];
    PROCESS "[processes.NAME]" [
        "run", "protocol", "listen", "socket", "instances", "change", "health", "settle", "stop_timeout", "drain",
    ];
    HEALTH "processes.NAME.health" ["path", "expect", "within", "host", "version"];
    HEALTH_VERSION "processes.NAME.health.version" ["header", "json", "path"];
    TASK "[tasks.NAME]" ["run", "within"];
    SCHEMA "[schema]" ["engine", "url", "declared", "migrations", "backup"];
    DECLARED "schema.declared" ["command"];
    SITE "[[sites]]" [
        "names", "tls", "redirect", "root", "index", "try", "alias", "errors", "maintenance", "rewrite",
    ];
    TLS "sites.tls" ["certificate", "key"];
    MAINTENANCE "sites.maintenance" ["short", "long"];
    REWRITE "sites.rewrite" ["from", "to"];
}

/// More places than these tell nobody where a key belongs.
const PLACES_TOLD_MAX: usize = 2;

/// The places elsewhere that have this key, if they are few.
pub(super) fn elsewhere(key: &str) -> Vec<&'static Place> {
    let having: Vec<&Place> = ALL.iter().filter(|place| place.keys.contains(&key)).copied().collect();
    if having.len() > PLACES_TOLD_MAX { Vec::new() } else { having }
}
