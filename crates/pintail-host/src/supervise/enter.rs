//! `pintail enter`: what runit, daemontools and systemd start. It waits where the instance died too soon, gives
//! it up where it always does, and else becomes the program, with its listener and exactly its environment: the
//! same as under the embedded supervisor.
//!
//! Knows one instance; not what its supervisor does about its end.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pintail_core::plan::Supervisor;
use pintail_core::supervision::GAVE_UP;
use pintail_os::process::{Identity, Signal};
use pintail_os::{clock, process};
use signal_hook::consts::SIGTERM;
use signal_hook::flag;

use super::folder::{self, Card, Life};
use super::gate::{self, Order};
use super::held::Held;
use super::instance;
use super::launch;
use super::logs;
use super::patience::Patience;
use super::record::boot;
use super::scanned::{self, Word};

/// The exit status when the program could not be run, as a shell has it.
const CANNOT_RUN: u8 = 127;

/// How long a socket is waited for: its holder may be coming up beside us.
const HOLDER_TIMEOUT: Duration = Duration::from_secs(10);
const HOLDER_GLANCE: Duration = Duration::from_millis(50);

/// How soon the end of one that outlived its watcher is seen: the next one serves in its place only then.
const OUTLIVED_GLANCE: Duration = Duration::from_millis(20);

/// How long the TERM of a supervisor that was told may take.
const TERM_TIMEOUT: Duration = Duration::from_secs(10);

/// Becomes instance `n` of the service in `folder`; does not return where the program runs. Returns the exit
/// status to end with: [`GAVE_UP`], or 127 when it can't be run; why is on stderr (the application's log).
pub fn run(folder: &Path, n: u32) -> u8 {
    let why = match prepare(folder, n) {
        Ok(Next::Become(order, listener)) => gate::become_program(&order, listener),
        Ok(Next::GaveUp) => return GAVE_UP,
        Ok(Next::End) => return 0,
        Err(why) => why,
    };
    let _ = io::stderr().write_all(format!("pintail: {why}\n").as_bytes());
    CANNOT_RUN
}

/// What an instance does once it is time.
enum Next {
    Become(Order, Option<OwnedFd>),
    GaveUp,
    /// It was told to, before it was anything.
    End,
}

fn prepare(folder: &Path, n: u32) -> Result<Next, String> {
    let card = Card::load(folder)?.ok_or_else(|| format!("no service is in `{}`", folder.display()))?;
    let place = folder::instance(folder, n);
    if !matches!(card.supervisor, Supervisor::Systemd | Supervisor::SystemdUser) && outlived(&place)? {
        return Ok(Next::End);
    }
    let mut life = next_life(&place, &card, &Patience::default())?;
    let saved = |life: &Life| {
        life.save(&place).map_err(|error| format!("cannot write to `{}`: {error}", place.display()))
    };
    saved(&life)?;
    if let Some(reason) = &life.gave_up {
        let _ = io::stderr().write_all(format!("pintail: not started again: {reason}\n").as_bytes());
        leave_down(&card, &place)?;
        return Ok(Next::GaveUp);
    }
    if let Some(until_ms) = life.waits_until_ms.take() {
        std::thread::sleep(Duration::from_millis(until_ms.saturating_sub(clock::now_ms())));
        life.since_ms = clock::now_ms();
        saved(&life)?;
    }
    // Nobody else rotates it.
    let _ = logs::rotate(&card.spec.log);
    let listener = listener(&card)?;
    let order = launch::order(&card.spec, n, card.inherited)?;
    Ok(Next::Become(order, listener))
}

/// Waits for the end of a process that outlived its `runsv` or `supervise`: it serves, and a second one beside it would
/// be in no record. It is told what we are told; returns whether we were. (systemd keeps its processes in a cgroup, and
/// loses none.)
fn outlived(place: &Path) -> Result<bool, String> {
    let there = |leader: &Identity| process::identity(leader.pid) == Some(*leader);
    let own = std::process::id();
    let before = Life::load(place).and_then(|life| life.process());
    let Some(leader) = before.filter(|leader| leader.pid != own && there(leader)) else { return Ok(false) };
    let (told, alone) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    // Once it has ended, TERM is our own end again.
    let heard = flag::register_conditional_default(SIGTERM, Arc::clone(&alone))
        .and_then(|_| flag::register(SIGTERM, Arc::clone(&told)));
    heard.map_err(|error| format!("cannot hear signals: {error}"))?;
    while there(&leader) {
        if told.load(Ordering::Relaxed) {
            let _ = process::signal(leader.pid, Signal::TERM);
        }
        std::thread::sleep(OUTLIVED_GLANCE);
    }
    alone.store(true, Ordering::Relaxed);
    Ok(told.load(Ordering::Relaxed))
}

/// Lets the supervisor start it no more. systemd knows that from the exit status. The others are told, and answer
/// with TERM: one that ended before would be started once more, for they look who has ended before they hear.
fn leave_down(card: &Card, place: &Path) -> Result<(), String> {
    if matches!(card.supervisor, Supervisor::Systemd | Supervisor::SystemdUser) {
        return Ok(());
    }
    match scanned::tell(place, Word::Down) {
        Ok(()) => std::thread::sleep(TERM_TIMEOUT),
        // It is root's, and we are not. So nothing is started by staying here.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => loop {
            std::thread::park();
        },
        Err(error) => return Err(format!("cannot tell the supervisor to leave it: {error}")),
    }
    Ok(())
}

/// The life that begins now, after the one that ended.
fn next_life(place: &Path, card: &Card, patience: &Patience) -> Result<Life, String> {
    let boot = boot().map_err(|error| format!("no boot id: {error}"))?;
    let own = process::identity(std::process::id()).ok_or("this process has no number")?;
    let now = clock::now_ms();
    let fresh = Life {
        boot: boot.clone(),
        process: own.into(),
        since_ms: now,
        restarts: 0,
        quick_deaths: 0,
        waits_until_ms: None,
        gave_up: None,
    };
    let before = Life::load(place).filter(|life| life.boot == boot && life.gave_up.is_none());
    let Some(before) = before else {
        // How it ended before that is no news any more.
        Life::forget(place).map_err(|error| format!("cannot write to `{}`: {error}", place.display()))?;
        return Ok(fresh);
    };
    let lived = Duration::from_millis(now.saturating_sub(before.since_ms));
    let quick_deaths = patience.count(before.quick_deaths, lived);
    let life = Life { restarts: before.restarts + 1, quick_deaths, ..fresh };
    let Some(wait) = patience.wait(quick_deaths) else {
        let how = folder::last_exit(place).unwrap_or_else(|| "how it ended is not known".into());
        let reason = instance::reason(&how, quick_deaths, &card.spec.log);
        return Ok(Life { restarts: before.restarts, gave_up: Some(reason), ..life });
    };
    // The supervisor has waited already.
    let wait = wait.saturating_sub(own_pause(&card.supervisor));
    let waits_until_ms = (!wait.is_zero()).then(|| now.saturating_add(wait.as_millis() as u64));
    Ok(Life { waits_until_ms, ..life })
}

/// How long a supervisor lets pass by itself before it starts again what ended at once.
fn own_pause(supervisor: &Supervisor) -> Duration {
    match supervisor {
        Supervisor::Embedded => Duration::ZERO,
        // `RestartSec`, in the unit.
        Supervisor::Systemd | Supervisor::SystemdUser => Duration::from_millis(100),
        Supervisor::Runit { .. } | Supervisor::Daemontools { .. } => Duration::from_secs(1),
    }
}

/// The listener: from systemd as descriptor 0 (`StandardInput=socket`), else from the holder.
fn listener(card: &Card) -> Result<Option<OwnedFd>, String> {
    let Some(socket) = &card.spec.socket else { return Ok(None) };
    let wrong = |error: io::Error| format!("cannot have the socket `{}`: {error}", socket.held);
    match card.supervisor {
        Supervisor::Systemd | Supervisor::SystemdUser => {
            io::stdin().as_fd().try_clone_to_owned().map(Some).map_err(wrong)
        }
        _ => from_holder(&Held::new(&card.root), &socket.held).map(Some),
    }
}

fn from_holder(held: &Held, name: &str) -> Result<OwnedFd, String> {
    let until = Instant::now() + HOLDER_TIMEOUT;
    loop {
        let why = match held.take(name) {
            Ok(Some(listener)) => return Ok(listener),
            Ok(None) => format!("no socket `{name}` is held"),
            Err(refusal) => refusal.what,
        };
        if Instant::now() > until {
            return Err(why);
        }
        std::thread::sleep(HOLDER_GLANCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::protocol::ServiceSpec;

    fn card(log: &Path, supervisor: Supervisor) -> Card {
        let spec = ServiceSpec {
            process: "web".into(),
            generation: 1,
            release: "1.0-0a1b2c3d".into(),
            argv: vec!["true".into()],
            cwd: "/".into(),
            env_file: None,
            env: Default::default(),
            socket: None,
            instances: 1,
            stop_timeout_ms: 1000,
            log: log.into(),
        };
        Card::new(Path::new("/"), &supervisor, &spec, Default::default())
    }

    #[test]
    fn quick_deaths_are_waited_for_and_given_up_and_a_fresh_start_forgets() {
        let room = tempfile::tempdir().unwrap();
        let card = card(&room.path().join("log"), Supervisor::Systemd);
        let patience = Patience { gives_up_after: 3, ..Patience::default() };
        let next = || {
            let life = next_life(room.path(), &card, &patience).unwrap();
            life.save(room.path()).unwrap();
            (life.restarts, life.quick_deaths, life.waits_until_ms.is_some(), life.gave_up)
        };
        assert_eq!(next(), (0, 0, false, None));
        assert_eq!(next(), (1, 1, false, None));
        assert_eq!(next(), (2, 2, true, None));
        pintail_os::files::write_whole(&room.path().join("ended"), b"exited 7\n", 0o644).unwrap();
        let (restarts, _, _, gave_up) = next();
        assert_eq!(restarts, 2);
        assert_eq!(
            gave_up.as_deref(),
            Some("exit status 7; it ended 3 times in a row too soon; its log is empty")
        );
        // Whoever starts it by hand then means it.
        assert_eq!(next(), (0, 0, false, None));
        let mut old = Life::load(room.path()).unwrap();
        old.since_ms -= 60_000;
        old.save(room.path()).unwrap();
        assert_eq!(next(), (1, 1, false, None));
        let mut other_boot = Life::load(room.path()).unwrap();
        other_boot.boot = "before".into();
        other_boot.save(room.path()).unwrap();
        assert_eq!(next(), (0, 0, false, None));
    }
}
