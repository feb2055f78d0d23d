//! A service's folder, `ROOT/services/web-12`: what a supervisor that is not ours runs there, and what became of
//! it. Described in `docs/formats/services.md`. Knows the files; not who reads them.
//!
//! ```text
//! web-12/
//!   service.json    the card: what is run, and under whom
//!   pintail         this very program, so that no upgrade takes it away
//!   ended           the script that keeps how an instance ended
//!   1/              the instance: life.json; how it ended, in `ended`; runit's and daemontools' own files
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pintail_core::plan::Supervisor;
use pintail_os::files;
use pintail_os::process::Identity;
use serde::{Deserialize, Serialize};

use super::protocol::{ServiceSpec, Wanted};
use super::record::ProcessRecord;

/// The forms' version.
const VERSION: u32 = 1;

/// The longest card, in bytes: a specification, see [`super::protocol::REQUEST_LIMIT_BYTES`].
const CARD_LIMIT_BYTES: u64 = 2 << 20;

/// The longest word about an instance's life, in bytes: a reason has some lines of a log.
const LIFE_LIMIT_BYTES: u64 = 64 << 10;

/// What is run, and under whom. It holds no secrets: those are in the specification's `env_file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Card {
    v: u32,
    /// The application's root.
    pub(crate) root: PathBuf,
    /// Under whom.
    pub(crate) supervisor: Supervisor,
    /// Whether it shall run.
    pub(crate) wanted: Wanted,
    /// What is run.
    pub(crate) spec: ServiceSpec,
    /// What the instances have of the environment before all else.
    pub(crate) inherited: BTreeMap<String, String>,
}

impl Card {
    pub(crate) fn new(
        root: &Path,
        supervisor: &Supervisor,
        spec: &ServiceSpec,
        inherited: BTreeMap<String, String>,
    ) -> Self {
        Self {
            v: VERSION,
            root: root.to_path_buf(),
            supervisor: supervisor.clone(),
            wanted: Wanted::Up,
            spec: spec.clone(),
            inherited,
        }
    }

    /// The card in `folder`; `None` where none is.
    ///
    /// # Errors
    /// It can't be read, or is of a later version.
    pub(crate) fn load(folder: &Path) -> Result<Option<Self>, String> {
        let path = folder.join("service.json");
        let Some(card) = load::<Self>(&path, CARD_LIMIT_BYTES)? else { return Ok(None) };
        if card.v > VERSION {
            return Err(format!("`{}` is of form {}, this Pintail knows {VERSION}", path.display(), card.v));
        }
        Ok(Some(card))
    }

    /// Puts it into `folder`, whole.
    pub(crate) fn save(&self, folder: &Path) -> io::Result<()> {
        save(&folder.join("service.json"), self)
    }

    /// Every card of a root, by folder; what can't be read is told.
    pub(crate) fn all(services: &Path) -> (Vec<(PathBuf, Self)>, Vec<String>) {
        let (mut cards, mut wrong) = (Vec::new(), Vec::new());
        let mut folders: Vec<PathBuf> =
            fs::read_dir(services).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        folders.sort();
        for folder in folders {
            // One in removal has another name.
            let hidden = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            match Card::load(&folder) {
                _ if hidden => {}
                Ok(card) => cards.extend(card.map(|card| (folder, card))),
                Err(why) => wrong.push(why),
            }
        }
        (cards, wrong)
    }
}

/// The folder of instance `n` of the service in `folder`.
pub(crate) fn instance(folder: &Path, n: u32) -> PathBuf {
    folder.join(n.to_string())
}

/// What became of an instance since its service was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Life {
    /// The boot and the process namespace in which the numbers below mean something.
    pub(crate) boot: String,
    /// Its process, from before it became the program.
    pub(crate) process: ProcessRecord,
    /// Since when it runs or waits, in milliseconds since 1970.
    pub(crate) since_ms: u64,
    /// How often it was started again.
    pub(crate) restarts: u32,
    /// How many of its lives in a row were short.
    pub(crate) quick_deaths: u32,
    /// Until when it waits before it runs.
    pub(crate) waits_until_ms: Option<u64>,
    /// Why it isn't started any more.
    pub(crate) gave_up: Option<String>,
}

impl Life {
    /// The life of the instance in `folder`; one that can't be read counts as none, for it only counts deaths.
    pub(crate) fn load(folder: &Path) -> Option<Self> {
        load(&folder.join("life.json"), LIFE_LIMIT_BYTES).ok()?
    }

    pub(crate) fn save(&self, folder: &Path) -> io::Result<()> {
        save(&folder.join("life.json"), self)
    }

    /// Forgets it: what is started next begins anew.
    pub(crate) fn forget(folder: &Path) -> io::Result<()> {
        files::remove_file(&folder.join("life.json"))?;
        files::remove_file(&folder.join("ended"))
    }

    /// The process, where it is alive and still that one.
    pub(crate) fn process(&self) -> Option<Identity> {
        let recorded: Identity = self.process.into();
        (super::record::boot().ok()? == self.boot).then_some(recorded)
    }
}

/// How the instance in `folder` ended last, as far as its supervisor told.
pub(crate) fn last_exit(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("ended")).ok()?;
    told(&text)
}

/// systemd: `exited 3`, `killed SEGV`, `dumped ABRT`. runit: `3 0`, `-1 11`.
fn told(text: &str) -> Option<String> {
    let (how, number) = text.trim().split_once(' ')?;
    Some(match (how, number.parse::<i32>()) {
        ("exited", _) => format!("exit status {number}"),
        ("killed" | "dumped", _) => format!("killed by SIG{number}"),
        ("-1", Ok(number)) => match signal_hook::low_level::signal_name(number & 0x7f) {
            Some(name) => format!("killed by {name}"),
            None => format!("killed by signal {}", number & 0x7f),
        },
        (code, _) => format!("exit status {code}"),
    })
}

fn load<T: for<'a> Deserialize<'a>>(path: &Path, limit: u64) -> Result<Option<T>, String> {
    match files::read_bounded(path, limit) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(format!("cannot read `{}`: {error}", path.display())),
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| format!("`{}` is damaged: {error}", path.display())),
    }
}

fn save<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    files::write_whole(path, &bytes, 0o644)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::protocol::{HeldSocket, Pass};

    fn card() -> Card {
        let spec = ServiceSpec {
            process: "web".into(),
            generation: 12,
            release: "1.4.2-0a1b2c3d".into(),
            argv: vec!["/bin/sh".into(), "-c".into(), "exec bin/hello --workers 4".into()],
            cwd: "/srv/blog/releases/1.4.2-0a1b2c3d".into(),
            env_file: Some("/srv/blog/run/env.12".into()),
            env: [("PINTAIL_PROCESS".to_owned(), "web".to_owned())].into(),
            socket: Some(HeldSocket { held: "web.12".into(), pass: Pass::ListenFds }),
            instances: 1,
            stop_timeout_ms: 30_000,
            log: "/srv/blog/log/web.log".into(),
        };
        let runit = Supervisor::Runit { services: "/etc/service".into() };
        Card::new(Path::new("/srv/blog"), &runit, &spec, [("PATH".to_owned(), "/usr/bin".to_owned())].into())
    }

    fn life() -> Life {
        Life {
            boot: "0f1e2d3c-0000-4000-8000-000000000000 pid:[4026531836]".into(),
            process: ProcessRecord { pid: 4711, started: 123_456 },
            since_ms: 1_764_000_000_000,
            restarts: 2,
            quick_deaths: 1,
            waits_until_ms: Some(1_764_000_000_200),
            gave_up: None,
        }
    }

    #[test]
    fn the_forms_on_disk() {
        let text = |value: &str| value.to_owned();
        insta::assert_snapshot!(text(&serde_json::to_string_pretty(&card()).unwrap()));
        insta::assert_snapshot!(text(&serde_json::to_string_pretty(&life()).unwrap()));
    }

    #[test]
    fn they_come_back_as_they_were_and_a_later_one_is_refused() {
        let room = tempfile::tempdir().unwrap();
        assert_eq!(Card::load(room.path()), Ok(None));
        card().save(room.path()).unwrap();
        assert_eq!(Card::load(room.path()), Ok(Some(card())));
        Card { v: 2, ..card() }.save(room.path()).unwrap();
        assert!(Card::load(room.path()).unwrap_err().contains("is of form 2, this Pintail knows 1"));
        life().save(room.path()).unwrap();
        assert_eq!(Life::load(room.path()), Some(life()));
        Life::forget(room.path()).unwrap();
        assert_eq!(Life::load(room.path()), None);
    }

    #[test]
    fn ends_in_words() {
        for (text, words) in [
            ("exited 3\n", "exit status 3"),
            ("killed SEGV\n", "killed by SIGSEGV"),
            ("dumped ABRT\n", "killed by SIGABRT"),
            ("0 0\n", "exit status 0"),
            ("-1 9\n", "killed by SIGKILL"),
            ("-1 139\n", "killed by SIGSEGV"),
        ] {
            assert_eq!(told(text).as_deref(), Some(words));
        }
        assert_eq!(told("torn"), None);
    }
}
