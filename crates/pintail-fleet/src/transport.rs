//! How an agent is reached. Over each transport it is the same agent, spoken to over a pipe.

use crate::image::Image;
use crate::ssh;
use pintail_core::config::HostAddress;
use pintail_core::wire::Trouble;
use pintail_os::program::Program;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// How long a login may take: somebody may have to type a passphrase or touch a key.
const LOGIN_WITHIN: Duration = Duration::from_secs(120);
/// How often a host that hung up before the login is tried again: sshd drops some of many who come at once
/// (`MaxStartups`).
const CROWDED_TRIES: u32 = 5;
/// What is waited between two tries, times their number, and half as much again by chance.
const CROWDED_PAUSE: Duration = Duration::from_millis(300);
/// Bytes kept of what the other side says on standard error.
const SAID_MAX: usize = 16 << 10;

/// A way to a host.
#[derive(Debug, Clone)]
pub enum Transport {
    /// This machine: the agent is this very program, started as a child.
    Local {
        /// The program.
        program: PathBuf,
    },
    /// A host by the system's ssh.
    Ssh {
        /// What ssh takes.
        address: String,
        /// This program, for a host that lacks it.
        image: Arc<Image>,
    },
}

/// An agent that is spoken to.
pub struct Pipe {
    /// What it hears.
    pub to: ChildStdin,
    /// What it says.
    pub from: BufReader<ChildStdout>,
    /// The process here.
    pub child: Child,
    /// What it complained of.
    pub said: Said,
}

/// What was said on standard error, its last bytes.
#[derive(Debug, Clone, Default)]
pub struct Said(Arc<(Mutex<Kept>, Condvar)>);

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    /// More may come.
    is_open: bool,
}

impl Said {
    /// As text.
    pub fn text(&self) -> String {
        self.kept().map(|kept| String::from_utf8_lossy(&kept.bytes).into_owned()).unwrap_or_default()
    }

    /// The last line of one that has ended. What it said just before is on its way still: that is waited for, but not for
    /// ever, since what it left behind may hold the pipe.
    pub fn last_words(&self) -> Option<String> {
        let waited = self.0.1.wait_timeout_while(self.kept()?, LAST_WORDS_WITHIN, |kept| kept.is_open);
        let text = String::from_utf8_lossy(&waited.ok()?.0.bytes).into_owned();
        text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
    }

    fn kept(&self) -> Option<MutexGuard<'_, Kept>> {
        self.0.0.lock().ok()
    }

    fn keep(&self, mut errors: ChildStderr) -> std::thread::JoinHandle<()> {
        if let Some(mut kept) = self.kept() {
            kept.is_open = true;
        }
        let said = self.clone();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = errors.read(&mut piece) {
                let Some(mut kept) = said.kept() else { return };
                kept.bytes.extend_from_slice(&piece[..count]);
                let excess = kept.bytes.len().saturating_sub(SAID_MAX);
                kept.bytes.drain(..excess);
            }
            if let Some(mut kept) = said.kept() {
                kept.is_open = false;
            }
            said.0.1.notify_all();
        })
    }
}

impl Transport {
    /// The way to `host`; `program` is this program, `image` its bytes.
    pub fn to(host: &HostAddress, program: &Path, image: &Arc<Image>) -> Self {
        match host {
            HostAddress::Local => Self::Local { program: program.to_path_buf() },
            HostAddress::Ssh(address) => Self::Ssh { address: address.clone(), image: image.clone() },
        }
    }

    /// Starts the agent for `root` there; with `observe`, one that tells unasked what the host is.
    ///
    /// # Errors
    /// The host can't be reached, or the agent can't be started there.
    pub fn open(&self, root: &Path, observe: bool) -> Result<Pipe, Trouble> {
        let mut face = vec!["agent".to_owned(), "--root".to_owned(), root.display().to_string()];
        face.extend(observe.then(|| "--observe".to_owned()));
        self.become_there(&face)
    }

    /// Starts this very program there as `face`: what is typed behind its name.
    ///
    /// # Errors
    /// The host can't be reached, or it can't be started there.
    pub(crate) fn become_there(&self, face: &[String]) -> Result<Pipe, Trouble> {
        match self {
            Self::Local { program } => {
                let agent = Program::new(program).args(face);
                let cannot =
                    |error| Trouble::new(format!("cannot start the agent `{}`", program.display()), error);
                let mut child = agent.talk().map_err(cannot)?;
                let (to, from) = ends(&mut child).map_err(cannot)?;
                Ok(Pipe { to, from, child, said: Said::default() })
            }
            Self::Ssh { address, image } => {
                let client = ssh::client();
                let program = ssh::command(&client, address, image, face)
                    .map_err(|error| Trouble::new(format!("cannot reach `{address}`"), error))?;
                for attempt in 1..CROWDED_TRIES {
                    match enter(&program, address, image) {
                        Err((said, _)) if ssh::is_crowded(&said) => std::thread::sleep(pause(attempt)),
                        other => return other.map_err(|(_, trouble)| trouble),
                    }
                }
                enter(&program, address, image).map_err(|(_, trouble)| trouble)
            }
        }
    }
}

fn ends(child: &mut Child) -> io::Result<(ChildStdin, BufReader<ChildStdout>)> {
    match (child.stdin.take(), child.stdout.take()) {
        (Some(to), Some(from)) => Ok((to, BufReader::new(from))),
        _ => Err(io::Error::other("it has no pipe")),
    }
}

/// By chance, so that those who were dropped together do not come again together.
fn pause(attempt: u32) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let chance = RandomState::new().hash_one(attempt);
    let base = CROWDED_PAUSE * attempt;
    base + Duration::from_micros(chance % (base.as_micros() as u64 / 2).max(1))
}

/// Logs in and waits until the agent is about to speak. What ssh said comes with the trouble.
fn enter(program: &Program, address: &str, image: &Arc<Image>) -> Result<Pipe, (String, Trouble)> {
    let plain = |error: io::Error| (String::new(), Trouble::new(format!("cannot reach `{address}`"), error));
    let mut child = program.talk_and_hear().map_err(plain)?;
    let said = Said::default();
    let listener = child.stderr.take().map(|errors| said.keep(errors));
    let (mut to, mut from) = ends(&mut child).map_err(plain)?;
    let (sender, entered) = sync_channel(1);
    let image = image.clone();
    std::thread::spawn(move || {
        let ended = ssh::log_in(&mut from, &mut to, &image);
        let _ = sender.send((ended, to, from));
    });
    let why = match entered.recv_timeout(LOGIN_WITHIN) {
        Ok((Ok(()), to, from)) => return Ok(Pipe { to, from, child, said }),
        Ok((Err(why), ..)) => why,
        Err(_) => io::Error::new(
            io::ErrorKind::TimedOut,
            format!("its login did not end within {} s", LOGIN_WITHIN.as_secs()),
        ),
    };
    // It has ended by itself, or has nothing more to say to us.
    let code = wait_or_kill(&mut child);
    if let Some(listener) = listener {
        let _ = listener.join();
    }
    let text = said.text();
    let trouble = ssh::trouble(address, &text, code, &why);
    Err((text, trouble))
}

/// How long the last words of one that has ended are waited for.
const LAST_WORDS_WITHIN: Duration = Duration::from_millis(500);

/// How long ssh may take to end once its other side did.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

fn wait_or_kill(child: &mut Child) -> Option<i32> {
    let until = std::time::Instant::now() + ENDS_WITHIN;
    while std::time::Instant::now() < until {
        if let Ok(Some(status)) = child.try_wait() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    child.wait().ok().and_then(|status| status.code())
}

/// What the operator calls a host.
pub fn host_name(host: &HostAddress) -> String {
    match host {
        HostAddress::Local => "local".to_owned(),
        HostAddress::Ssh(address) => address.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_that_come_late_are_heard() {
        let mut child =
            Program::shell("echo early >&2; exec >&-; sleep 0.1; echo late >&2").talk_and_hear().unwrap();
        let said = Said::default();
        let listener = said.keep(child.stderr.take().unwrap());
        // Its output has ended before it says them.
        let mut rest = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
        assert_eq!(said.last_words().as_deref(), Some("late"));
        child.wait().unwrap();
        listener.join().unwrap();
        assert_eq!(Said::default().last_words(), None);
    }
}
