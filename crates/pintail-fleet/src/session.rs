//! A conversation with one host's agent: one connection for everything.

mod bring;

use crate::transport::Transport;
use pintail_core::history::Deployment;
use pintail_core::observed::Observed;
use pintail_core::plan::HostPlan;
use pintail_core::wire::frame;
use pintail_core::wire::{Ask, FORMAT, Finding, Hello, Progress, Say, Trouble};
use std::io::{self, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How often the operator's own wishes are looked at while the host is silent.
const GLANCE: Duration = Duration::from_millis(50);
/// How long an agent may take to say hello and to answer what takes no time.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Frames read ahead: bounds what a chatty host can make us hold.
const READ_AHEAD: usize = 64;

/// A conversation with an agent. Dropping it hangs up; what runs there goes on.
pub struct Session {
    host: String,
    asks: Option<ChildStdin>,
    said: Receiver<io::Result<Say>>,
    agent: Child,
}

/// What is heard while something runs on a host.
pub enum Heard {
    /// The operation attached to.
    Began(u64, Box<HostPlan>),
    /// It went on.
    Progress(Progress),
    /// A command, process or log said something.
    Output {
        /// Whose.
        from: String,
        /// On standard error.
        error: bool,
        /// What.
        text: String,
    },
}

/// How something that ran on a host ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// An operation.
    Deployment(Box<Deployment>),
    /// A command, with its exit code.
    Exited(i32),
    /// Something else was done; a line about it.
    Done(String),
}

/// What the operator wants while something runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// That it goes on.
    GoOn,
    /// That it is undone.
    Abort,
    /// To hang up, and leave it to the host.
    HangUp,
}

impl Session {
    /// Connects to the agent for `root` over `transport`; `host` is what the host is called.
    ///
    /// # Errors
    /// It can't be started, says nothing in time, or speaks another format.
    pub fn connect(host: &str, transport: &Transport, root: &Path, pintail: &str) -> Result<Self, Trouble> {
        let mut agent = transport.start(root)?;
        let cannot = || format!("cannot talk to the agent on `{host}`");
        let (Some(asks), Some(output)) = (agent.stdin.take(), agent.stdout.take()) else {
            return Err(Trouble::new(cannot(), "it has no pipe"));
        };
        let (sender, said) = sync_channel(READ_AHEAD);
        let (greeting, greeted) = sync_channel(1);
        std::thread::spawn(move || {
            let mut from = BufReader::new(output);
            let hello =
                frame::receive(&mut from).and_then(|frame| frame.ok_or(io::ErrorKind::UnexpectedEof.into()));
            let _ = greeting.send(hello.and_then(|frame| frame.value::<Hello>()));
            while let Ok(Some(frame)) = frame::receive(&mut from) {
                if sender.send(frame.value()).is_err() {
                    break;
                }
            }
        });
        let mut session = Self { host: host.to_owned(), asks: Some(asks), said, agent };
        let hello = match greeted.recv_timeout(ANSWER_WITHIN) {
            Ok(hello) => hello.map_err(|error| Trouble::new(cannot(), error))?,
            Err(_) => return Err(Trouble::new(cannot(), "it says nothing")),
        };
        if hello.format != FORMAT {
            let why =
                format!("it is Pintail {} and speaks format {}, not {FORMAT}", hello.pintail, hello.format);
            return Err(Trouble::new(cannot(), why).hint("use the same Pintail on both sides"));
        }
        let own = Hello { format: FORMAT, pintail: pintail.to_owned() };
        session.send(|out| frame::send(out, &own))?;
        Ok(session)
    }

    /// What the host is called.
    pub fn host(&self) -> &str {
        &self.host
    }

    fn send(&mut self, what: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<(), Trouble> {
        let sent = match &mut self.asks {
            Some(asks) => what(asks),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        sent.map_err(|error| self.lost(&error))
    }

    fn lost(&self, why: &dyn std::fmt::Display) -> Trouble {
        Trouble::new(format!("lost the connection to `{}`", self.host), why)
            .hint("what it had begun goes on there; `pintail attach` watches it, `pintail status` tells")
    }

    fn ask(&mut self, ask: &Ask) -> Result<(), Trouble> {
        self.send(|out| frame::send(out, ask))
    }

    /// The answer to a question that takes no time.
    fn answer(&mut self, ask: &Ask) -> Result<Say, Trouble> {
        self.ask(ask)?;
        match self.said.recv_timeout(ANSWER_WITHIN) {
            Ok(Ok(Say::Refused { trouble })) => Err(trouble),
            Ok(Ok(said)) => Ok(said),
            Ok(Err(error)) => Err(self.lost(&error)),
            Err(RecvTimeoutError::Timeout) => Err(self.lost(&"it does not answer")),
            Err(RecvTimeoutError::Disconnected) => Err(self.lost(&"its agent ended")),
        }
    }

    /// What the host is.
    ///
    /// # Errors
    /// It can't tell, or is gone.
    pub fn observe(&mut self) -> Result<Observed, Trouble> {
        match self.answer(&Ask::Observe)? {
            Say::Observed { observed } => Ok(*observed),
            other => Err(self.lost(&format!("it answered {other:?}"))),
        }
    }

    /// What stands in the way there.
    ///
    /// # Errors
    /// It can't tell, or is gone.
    pub fn examine(&mut self) -> Result<Vec<Finding>, Trouble> {
        match self.answer(&Ask::Examine)? {
            Say::Examined { findings } => Ok(findings),
            other => Err(self.lost(&format!("it answered {other:?}"))),
        }
    }

    /// Asks for something that takes its time, and hears of it until it ends.
    ///
    /// `artifact` is where the bytes are that the host may lack. `wish` is asked all the while.
    ///
    /// # Errors
    /// It was refused, and nothing was changed; or the connection was lost, and the host goes on by itself.
    pub fn follow(
        &mut self,
        ask: &Ask,
        artifact: Option<&Path>,
        heard: &mut dyn FnMut(Heard),
        wish: &mut dyn FnMut() -> Wish,
        by: &str,
    ) -> Result<End, Trouble> {
        self.ask(ask)?;
        let mut aborted = false;
        let mut waiting = None;
        loop {
            let next = waiting.take().map_or_else(|| self.said.recv_timeout(GLANCE), Ok);
            match next {
                Ok(Ok(Say::Want { digest, from, patch })) => {
                    waiting = self.bring(&digest, from, patch.as_ref(), artifact, wish)?
                }
                Ok(Ok(said)) => {
                    if let Some(end) = self.hear(said, heard)? {
                        return Ok(end);
                    }
                }
                Ok(Err(error)) => return Err(self.lost(&error)),
                Err(RecvTimeoutError::Disconnected) => return Err(self.lost(&"its agent ended")),
                Err(RecvTimeoutError::Timeout) => {}
            }
            match wish() {
                Wish::GoOn => {}
                Wish::Abort if aborted => {}
                Wish::Abort => {
                    aborted = true;
                    self.ask(&Ask::Abort { by: by.to_owned() })?;
                }
                Wish::HangUp => {
                    self.asks = None;
                    return Err(self.lost(&"you left"));
                }
            }
        }
    }

    fn hear(&self, said: Say, heard: &mut dyn FnMut(Heard)) -> Result<Option<End>, Trouble> {
        match said {
            Say::Began { id, plan } => heard(Heard::Began(id, plan)),
            Say::Progress { progress } => heard(Heard::Progress(progress)),
            Say::Output { from, error, text } => heard(Heard::Output { from, error, text }),
            Say::Ended { deployment } => return Ok(Some(End::Deployment(Box::new(deployment)))),
            Say::Exited { code } => return Ok(Some(End::Exited(code))),
            Say::Done { told } => return Ok(Some(End::Done(told))),
            Say::Refused { trouble } => return Err(trouble),
            Say::Observed { .. } | Say::Examined { .. } | Say::Want { .. } => {}
        }
        Ok(None)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // An agent that has nothing to do ends when its pipe does; one that has is not waited for.
        self.asks = None;
        for _ in 0..20 {
            if !matches!(self.agent.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
