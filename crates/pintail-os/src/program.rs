//! Programs: started with a list of arguments, in a process group of their own, bounded in time, their
//! output handed on as it comes. Knows nothing of what they do.

use crate::lock::Shared;
use crate::process;
use crate::reap;
use command_fds::{CommandFdExt, FdMapping};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often a running program's bound and the caller's wish to stop are looked at.
const GLANCE: Duration = Duration::from_millis(20);
/// How soon a program that has closed its outputs is first looked at again: most end at once then, and who runs forty
/// short ones should not wait forty glances.
const FIRST_GLANCE: Duration = Duration::from_millis(1);
/// What a program gets between TERM and KILL when it is stopped for its bound or by the caller.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long output is still read after the program itself ended: a grandchild may hold the pipe for ever.
const AFTER_END: Duration = Duration::from_millis(500);
/// Pieces of output that wait to be handed on: a program that says more than is heard waits.
const PIECES_AHEAD: usize = 16;
/// Bytes of output taken at once.
const PIECE: usize = 64 * 1024;

/// The descriptor by which a program holds a lock: far from those that scripts use.
const HELD_AS: i32 = 198;

/// Which of its two outputs a program wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit code.
    Code(i32),
    /// By a signal that somebody sent; its number.
    Signal(i32),
    /// Stopped by us: it ran longer than its bound.
    TooLong(Duration),
    /// Stopped by us: the caller wanted so.
    Stopped,
}

impl Ended {
    /// Whether it ended by itself with code 0. Killed by a signal is a failure.
    pub fn is_success(&self) -> bool {
        *self == Ended::Code(0)
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Code(code) => write!(f, "exited with {code}"),
            Ended::Signal(9) => write!(f, "was killed by signal 9 (KILL; out of memory?)"),
            Ended::Signal(number) => write!(f, "was killed by signal {number}"),
            Ended::TooLong(bound) => write!(f, "ran longer than {} s and was stopped", bound.as_secs_f64()),
            Ended::Stopped => write!(f, "was stopped"),
        }
    }
}

/// A program to run.
#[derive(Debug, Clone)]
pub struct Program {
    argv: Vec<OsString>,
    folder: Option<PathBuf>,
    environment: Option<BTreeMap<String, String>>,
    withheld: Vec<String>,
    set: Vec<(OsString, OsString)>,
    held: Option<Shared>,
    bound: Option<Duration>,
    ours: bool,
    leaves_nothing: bool,
}

impl Program {
    /// The program `name` (looked up in `PATH` when it has no slash), without arguments yet.
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        Self {
            argv: vec![name.as_ref().to_owned()],
            folder: None,
            environment: None,
            withheld: Vec::new(),
            set: Vec::new(),
            held: None,
            bound: None,
            ours: false,
            leaves_nothing: false,
        }
    }

    /// `line` as the shell reads it: only for text that the operator wrote, as in a crontab.
    pub fn shell(line: &str) -> Self {
        Self::new("/bin/sh").args(["-c", line])
    }

    /// With these arguments behind those it has.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.argv.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// In this folder.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_path_buf());
        self
    }

    /// With exactly this environment, nothing inherited.
    pub fn with_environment(mut self, environment: BTreeMap<String, String>) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Without this variable of ours.
    pub fn without(mut self, variable: &str) -> Self {
        self.withheld.push(variable.to_owned());
        self
    }

    /// Holding this lock, it and all that it starts, until the last of them ends: whoever comes when its starter was killed
    /// waits for them.
    pub fn holding(mut self, lock: &Shared) -> Self {
        self.held = Some(lock.clone());
        self
    }

    /// With `name` set to `value` in its environment, whatever that is otherwise.
    pub fn set(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.set.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Stopped when it runs longer than `bound`.
    pub fn within(mut self, bound: Duration) -> Self {
        self.bound = Some(bound);
        self
    }

    /// With all that it leaves running killed when it ends, what has left its group and session too: only for
    /// [`Program::run`] and what uses it. In a binary that has no [`reap`] face, what has left its group stays.
    pub fn leaving_nothing(mut self) -> Self {
        self.leaves_nothing = true;
        self
    }

    /// In this process's own group, so that it may ask at the terminal.
    pub fn in_our_group(mut self) -> Self {
        self.ours = true;
        self
    }

    /// Name and arguments, for messages.
    pub fn told(&self) -> String {
        self.argv.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    /// By what it is run that ends what it leaves.
    fn reaper(&self) -> Option<&'static str> {
        reap::program().filter(|_| self.leaves_nothing)
    }

    fn command(&self) -> Command {
        let mut command = match self.reaper() {
            Some(reaper) => {
                let mut command = Command::new(reaper);
                command.arg0("pintail").args([reap::FACE, "--"]).args(&self.argv);
                command
            }
            None => {
                let mut command = Command::new(&self.argv[0]);
                command.args(&self.argv[1..]);
                command
            }
        };
        if !self.ours {
            command.process_group(0);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        if let Some(environment) = &self.environment {
            command.env_clear().envs(environment);
        }
        for variable in &self.withheld {
            command.env_remove(variable);
        }
        if let Some(descriptor) = self.held.as_ref().and_then(|held| held.descriptor().ok()) {
            // The numbers are all different and none is in use: it can't fail.
            let _ = command.fd_mappings(vec![FdMapping { parent_fd: descriptor, child_fd: HELD_AS }]);
        }
        command.envs(self.set.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it without input; `heard` gets its output piece by piece; it is stopped (its whole group: TERM,
    /// then KILL) at its bound or once `wanted` says no. An error means it could not be started.
    pub fn run(&self, heard: &mut dyn FnMut(Stream, &[u8]), wanted: &dyn Fn() -> bool) -> io::Result<Ended> {
        let mut child =
            self.command().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let pieces = listen(&mut child);
        let ended = self.watch(&mut child, &pieces, heard, wanted)?;
        let until = Instant::now() + AFTER_END;
        while let Ok((stream, bytes)) = pieces.recv_timeout(until.saturating_duration_since(Instant::now())) {
            heard(stream, &bytes);
        }
        Ok(ended)
    }

    fn watch(
        &self,
        child: &mut Child,
        pieces: &Receiver<(Stream, Vec<u8>)>,
        heard: &mut dyn FnMut(Stream, &[u8]),
        wanted: &dyn Fn() -> bool,
    ) -> io::Result<Ended> {
        let started = Instant::now();
        let mut silent = false;
        let mut pause = FIRST_GLANCE;
        loop {
            if silent {
                thread::sleep(pause);
                pause = GLANCE.min(pause * 2);
            } else {
                match pieces.recv_timeout(GLANCE) {
                    Ok((stream, bytes)) => heard(stream, &bytes),
                    Err(RecvTimeoutError::Disconnected) => silent = true,
                    Err(RecvTimeoutError::Timeout) => {}
                }
            }
            // Before it is waited for: its number, and so its group's, can't be another's yet.
            if self.leaves_nothing && process::has_ended(child.id()) {
                process::signal_group(child.id(), Signal::KILL)?;
            }
            if let Some(status) = child.try_wait()? {
                return Ok(how(status));
            }
            if let Some(bound) = self.bound.filter(|bound| started.elapsed() > *bound) {
                self.stop(child)?;
                return Ok(Ended::TooLong(bound));
            }
            if !wanted() {
                self.stop(child)?;
                return Ok(Ended::Stopped);
            }
        }
    }

    fn stop(&self, child: &mut Child) -> io::Result<()> {
        stop_group(child, if self.reaper().is_some() { reap::ENDED_WITHIN } else { LAST_WORDS })
    }

    /// Runs it and gives standard output, or an error that holds how it ended and what it said on standard
    /// error. At most `bound` bytes of output are kept.
    pub fn output(&self, bound: usize) -> io::Result<Vec<u8>> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let ended = self.run(
            &mut |stream, bytes| {
                let kept = if stream == Stream::Out { &mut out } else { &mut err };
                let room = bound.saturating_sub(kept.len());
                kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            },
            &|| true,
        )?;
        if ended.is_success() {
            return Ok(out);
        }
        let said = String::from_utf8_lossy(&err).trim().to_owned();
        Err(io::Error::other(format!("`{}` {ended}: {said}", self.told())))
    }

    /// Starts it with its standard output as a pipe to read, its errors kept for `Piped::finish`.
    pub fn pipe(&self) -> io::Result<Piped> {
        let mut child =
            self.command().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let mut errors = child.stderr.take().ok_or_else(|| io::Error::other("no standard error"))?;
        let said = thread::spawn(move || {
            let mut said = Vec::new();
            let _ = errors.read_to_end(&mut said);
            said
        });
        Ok(Piped { told: self.told(), child, output, said })
    }

    /// Starts it to be talked to over its standard input and output, and its errors to be read too.
    pub fn talk_and_hear(&self) -> io::Result<Child> {
        self.command().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    /// Starts it to be talked to over its standard input and output, its errors going where ours go.
    pub fn talk(&self) -> io::Result<Child> {
        self.command().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()
    }
}

/// Whether this machine is on its way down, as its systemd says; without one, and without an answer, not.
pub fn machine_is_stopping() -> bool {
    machine_state().is_some_and(|said| said == b"stopping")
}

/// The same for one that was told to end: on the way down systemd's bus goes too, so no answer is one.
pub fn machine_may_be_stopping() -> bool {
    let states = ["initializing", "starting", "running", "degraded", "maintenance"];
    machine_state().is_some_and(|said| !states.iter().any(|state| said == state.as_bytes()))
}

/// What systemd calls the state of this machine; nothing without one.
fn machine_state() -> Option<Vec<u8>> {
    if !Path::new("/run/systemd/system").exists() {
        return None;
    }
    let mut said = Vec::new();
    let ask = Program::new("systemctl").args(["is-system-running"]).within(LAST_WORDS);
    // Its exit status is a failure for every state but one.
    let _ = ask.run(&mut |_, bytes| said.extend_from_slice(bytes), &|| true);
    Some(said.trim_ascii().to_vec())
}

/// A program whose output is read while it runs.
#[derive(Debug)]
pub struct Piped {
    told: String,
    child: Child,
    /// Its standard output.
    pub output: std::process::ChildStdout,
    said: thread::JoinHandle<Vec<u8>>,
}

impl Piped {
    /// Waits for its end; anything but success is an error with what it said.
    pub fn finish(mut self) -> io::Result<()> {
        drop(self.output);
        let ended = how(self.child.wait()?);
        let said = self.said.join().unwrap_or_default();
        if ended.is_success() {
            return Ok(());
        }
        Err(io::Error::other(format!("`{}` {ended}: {}", self.told, String::from_utf8_lossy(&said).trim())))
    }
}

fn how(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Code(-1),
    }
}

fn stop_group(child: &mut Child, patience: Duration) -> io::Result<()> {
    process::signal_group(child.id(), Signal::TERM)?;
    let until = Instant::now() + patience;
    while Instant::now() < until {
        if child.try_wait()?.is_some() {
            break;
        }
        thread::sleep(GLANCE);
    }
    process::signal_group(child.id(), Signal::KILL)?;
    child.wait()?;
    Ok(())
}

fn listen(child: &mut Child) -> Receiver<(Stream, Vec<u8>)> {
    let (sender, receiver) = sync_channel(PIECES_AHEAD);
    if let Some(out) = child.stdout.take() {
        hand_on(out, Stream::Out, sender.clone());
    }
    if let Some(err) = child.stderr.take() {
        hand_on(err, Stream::Err, sender);
    }
    receiver
}

fn hand_on(mut pipe: impl Read + Send + 'static, stream: Stream, sender: SyncSender<(Stream, Vec<u8>)>) {
    thread::spawn(move || {
        let mut piece = vec![0; PIECE];
        while let Ok(count @ 1..) = pipe.read(&mut piece) {
            if sender.send((stream, piece[..count].to_vec())).is_err() {
                break;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str, bound: Duration) -> (Ended, String) {
        let mut said = String::new();
        let program = Program::shell(line).within(bound);
        let ended =
            program.run(&mut |_, bytes| said.push_str(&String::from_utf8_lossy(bytes)), &|| true).unwrap();
        (ended, said)
    }

    #[test]
    fn its_end_is_told_as_it_was() {
        assert_eq!(run("echo a; echo b >&2; exit 3", LAST_WORDS).0, Ended::Code(3));
        assert_eq!(run("kill -9 $$", LAST_WORDS).0, Ended::Signal(9));
        let started = Instant::now();
        let (ended, said) = run("echo before; sleep 60", Duration::from_millis(100));
        assert_eq!((ended, said.as_str()), (Ended::TooLong(Duration::from_millis(100)), "before\n"));
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_grandchild_with_the_pipe_does_not_hold_us() {
        let started = Instant::now();
        assert_eq!(run("sleep 60 & exit 0", Duration::from_secs(30)).0, Ended::Code(0));
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_it_leaves_running_ends_with_it() {
        let mut said = String::new();
        let program = Program::shell("sleep 60 & echo $!").leaving_nothing();
        let ended = program.run(&mut |_, bytes| said.push_str(&String::from_utf8_lossy(bytes)), &|| true);
        assert_eq!(ended.unwrap(), Ended::Code(0));
        let until = Instant::now() + LAST_WORDS;
        while process::identity(said.trim().parse().unwrap()).is_some() {
            assert!(Instant::now() < until, "{said} still runs");
            thread::sleep(GLANCE);
        }
    }

    #[test]
    fn a_wish_to_stop_is_heard() {
        let ended = Program::shell("trap '' TERM; sleep 60 & wait").run(&mut |_, _| {}, &|| false).unwrap();
        assert_eq!(ended, Ended::Stopped);
    }

    #[test]
    fn output_comes_with_the_reason_when_it_fails() {
        assert_eq!(Program::shell("echo x").output(10).unwrap(), b"x\n");
        let error = Program::shell("echo why >&2; exit 2").output(10).unwrap_err();
        assert_eq!(error.to_string(), "`/bin/sh -c echo why >&2; exit 2` exited with 2: why");
    }
}
