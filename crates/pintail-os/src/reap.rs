//! Runs a program in this process and ends all that it leaves running, also what has left its group and its session. Knows
//! no program.
//!
//! It is a process of its own because the kernel gives orphans to a process, not to who started them: were Pintail itself
//! their reaper, those of a `git` or an `ssh` that it runs beside the test (which leave processes on purpose) would come to
//! it too, and nothing would tell them apart. Here all children are of the one program, so all of them may be ended.

use crate::process::{self, Signal};
use crate::signals::{self, Flag};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The word behind which a binary that says [`is_here`] gets the program and its arguments.
pub const FACE: &str = "reap";

/// How often the program, and a wish to end it, are looked at; at first much sooner.
const GLANCE: Duration = Duration::from_millis(20);
/// See [`GLANCE`].
const FIRST_GLANCE: Duration = Duration::from_millis(1);
/// What the program gets between TERM and KILL.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long what was killed is waited for: one that waits for a broken disk never ends.
const GONE_WITHIN: Duration = Duration::from_secs(2);
/// How long after TERM [`run`] has ended for sure, on a machine that has much else to do.
pub(crate) const ENDED_WITHIN: Duration = Duration::from_secs(10);

/// The exit code of what could not be started, as shells have it.
const NOT_STARTED: i32 = 127;

static HERE: AtomicBool = AtomicBool::new(false);

/// Says that this process's binary calls [`run`] when it is started with [`FACE`] first.
pub fn is_here() {
    HERE.store(true, Ordering::SeqCst);
}

/// This binary, also after its file was replaced; `None` where it has no such face.
pub(crate) fn program() -> Option<&'static str> {
    HERE.load(Ordering::SeqCst).then_some("/proc/self/exe")
}

/// Runs the program and ends what it leaves. Its exit code; where a signal ended it, that ends this process too. TERM to
/// this process ends both, and so does the end of who started it.
///
/// # Errors
/// It could not be watched. What can't be started is told by the exit code 127 and on standard error, as by a shell.
pub fn run(argv: &[OsString], told: &dyn Fn(&str)) -> io::Result<i32> {
    let ending = signals::on_ending()?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let Some((name, arguments)) = argv.split_first() else { return Ok(NOT_STARTED) };
    #[allow(
        clippy::disallowed_methods,
        reason = "its bound and its pipes are those of who started this process"
    )]
    let started = Command::new(name).args(arguments).process_group(0).spawn();
    let child = match started {
        Ok(child) => child,
        Err(error) => {
            told(&format!("cannot start `{}`: {error}", name.to_string_lossy()));
            return Ok(NOT_STARTED);
        }
    };
    let status = watch(Pid::from_child(&child), &ending)?;
    end_all()?;
    Ok(match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            // It fails only for a signal that ends nobody by default.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            128 + signal
        }
    })
}

/// How the program ended; on the way whatever else comes to us is waited for.
fn watch(program: Pid, ending: &Flag) -> io::Result<WaitStatus> {
    let mut pause = FIRST_GLANCE;
    let mut killed_at = None;
    // Who started us and was killed keeps no bound any more.
    let starter = rustix::process::getppid();
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == program => return Ok(status),
            Ok(Some(_)) | Err(Errno::INTR) => continue,
            Ok(None) => {}
            Err(error) => return Err(error.into()),
        }
        // It is not waited for yet, so its number, and so its group's, is its own.
        match killed_at {
            None if ending.is_set() || rustix::process::getppid() != starter => {
                process::signal_group(program.as_raw_pid().unsigned_abs(), Signal::TERM)?;
                killed_at = Some(Instant::now() + LAST_WORDS);
            }
            Some(at) if Instant::now() >= at => {
                process::signal_group(program.as_raw_pid().unsigned_abs(), Signal::KILL)?;
            }
            _ => {}
        }
        thread::sleep(pause);
        pause = GLANCE.min(pause * 2);
    }
}

/// Kills our children, and those that come to us when theirs are killed, until there are none.
fn end_all() -> io::Result<()> {
    let until = Instant::now() + GONE_WITHIN;
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => continue,
            Err(Errno::CHILD) => return Ok(()),
            Ok(None) => {}
            Err(error) => return Err(error.into()),
        }
        if Instant::now() >= until {
            return Ok(());
        }
        for child in process::children(std::process::id())? {
            // One of another user can't be ended; the others are.
            let _ = process::signal(child, Signal::KILL);
        }
        thread::sleep(FIRST_GLANCE);
    }
}
