//! A conversation with one host's agent: one connection for everything.

mod bring;
mod sign;

use self::bring::ahead;
use crate::transport::{Said, Transport};
use pintail_core::history::Deployment;
use pintail_core::name::ReleaseName;
use pintail_core::notes::{About, Requirement};
use pintail_core::observed::Observed;
use pintail_core::plan::HostPlan;
use pintail_core::wire::frame::{self, Frame};
use pintail_core::wire::{Ask, FORMAT, Finding, Hello, Progress, Say, Trouble, Wants};
use std::io;
use std::path::Path;
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the operator's own wishes are looked at while the host is silent.
const GLANCE: Duration = Duration::from_millis(20);
/// How often a host is told that its operator is there.
const HERE_EVERY: Duration = Duration::from_secs(2);
/// How long an agent may take to say hello and to answer what takes no time.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long it may take to look for everything that commits want a host to have.
const CHECKED_WITHIN: Duration = Duration::from_secs(5 * 60);
/// Frames read ahead: bounds what a chatty host can make us hold.
const READ_AHEAD: usize = 64;

/// What an agent sent.
enum Came {
    Said(Box<Say>),
    /// Of a signature that was asked for.
    Data(Vec<u8>),
}

impl Came {
    fn of(frame: Frame) -> io::Result<Came> {
        match frame {
            Frame::Data(bytes) => Ok(Came::Data(bytes)),
            json @ Frame::Json(_) => json.value().map(|said| Came::Said(Box::new(said))),
        }
    }
}

/// A conversation with an agent. Dropping it hangs up; what runs there goes on.
pub struct Session {
    host: String,
    mouth: Mouth,
    said: Receiver<io::Result<Came>>,
    agent: Child,
    /// What the other side complained of outside the conversation.
    complaints: Said,
    /// The last trouble was the host's own refusal.
    refused: bool,
    /// It tells what the host is without being asked.
    is_observing: bool,
    is_remote: bool,
}

/// Speaks to an agent beside its conversation, from another thread: who leads many hosts tells all of them at once.
#[derive(Clone)]
pub(crate) struct Mouth(Arc<Mutex<Option<ChildStdin>>>);

impl Mouth {
    /// Says `ask` to an agent whose pipe is empty. That it can't is heard in the conversation.
    pub(crate) fn say(&self, ask: &Ask) {
        let _ = self.speak(|out| frame::send(out, ask));
    }

    /// One whole frame at a time.
    fn speak(&self, what: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> io::Result<()> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(pipe) => what(pipe),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Why something asked for has no end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// It was refused, and nothing was changed.
    Refused(Trouble),
    /// The connection was lost, and the host goes on by itself.
    Lost(Trouble),
}

impl From<Broken> for Trouble {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Refused(trouble) | Broken::Lost(trouble) => trouble,
        }
    }
}

/// What is heard while something runs on a host.
pub enum Heard {
    /// The operation attached to.
    Began(u64, Box<HostPlan>),
    /// It went on.
    Progress(Progress),
    /// It goes on where its operator is lost.
    Precommitted,
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
    /// That it is undone, because another host failed.
    AbortForAnother,
    /// To hang up, and leave it to the host.
    HangUp,
}

impl Session {
    /// Connects to the agent for `root` over `transport`; `host` is what the host is called. With `observe`, the
    /// first answer to [`Session::observe`] is on its way already.
    ///
    /// # Errors
    /// It can't be started, says nothing in time, or speaks another format.
    pub fn connect(
        host: &str,
        transport: &Transport,
        root: &Path,
        pintail: &str,
        observe: bool,
    ) -> Result<Self, Trouble> {
        let pipe = transport.open(root, observe)?;
        let cannot = || format!("cannot talk to the agent on `{host}`");
        let (sender, said) = sync_channel(READ_AHEAD);
        let (greeting, greeted) = sync_channel(1);
        std::thread::spawn(move || {
            let mut from = pipe.from;
            let hello =
                frame::receive(&mut from).and_then(|frame| frame.ok_or(io::ErrorKind::UnexpectedEof.into()));
            let _ = greeting.send(hello.and_then(|frame| frame.value::<Hello>()));
            while let Ok(Some(frame)) = frame::receive(&mut from) {
                if sender.send(Came::of(frame)).is_err() {
                    break;
                }
            }
        });
        let session = Self {
            host: host.to_owned(),
            mouth: Mouth(Arc::new(Mutex::new(Some(pipe.to)))),
            said,
            agent: pipe.child,
            complaints: pipe.said,
            refused: false,
            is_observing: observe,
            is_remote: matches!(transport, Transport::Ssh { .. }),
        };
        let hello = match greeted.recv_timeout(ANSWER_WITHIN) {
            Ok(hello) => hello.map_err(|error| Trouble::new(cannot(), session.complained(&error)))?,
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

    /// What else the conductor of many hosts has to say to this one.
    pub(crate) fn mouth(&self) -> Mouth {
        self.mouth.clone()
    }

    fn send(&self, what: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<(), Trouble> {
        self.mouth.speak(what).map_err(|error| self.lost(&error))
    }

    /// `why`, and the last that ssh or the agent said beside the conversation.
    fn complained(&self, why: &dyn std::fmt::Display) -> String {
        match self.complaints.last_words() {
            Some(last) => format!("{why}\n  {last}"),
            None => why.to_string(),
        }
    }

    fn lost(&self, why: &dyn std::fmt::Display) -> Trouble {
        Trouble::new(format!("lost the connection to `{}`", self.host), self.complained(why))
            .hint("what it had begun goes on there; `pintail attach` watches it, `pintail status` tells")
    }

    fn ask(&mut self, ask: &Ask) -> Result<(), Trouble> {
        self.send(|out| frame::send(out, ask))
    }

    /// The answer to a question that takes no time.
    fn answer(&mut self, ask: &Ask) -> Result<Say, Trouble> {
        self.ask(ask)?;
        self.answered()
    }

    fn answered(&mut self) -> Result<Say, Trouble> {
        match self.next(ANSWER_WITHIN)? {
            Came::Said(said) => match *said {
                Say::Refused { trouble } => Err(trouble),
                said => Ok(said),
            },
            Came::Data(_) => Err(self.lost(&"it answered with bytes")),
        }
    }

    /// What the agent sends next.
    fn next(&self, within: Duration) -> Result<Came, Trouble> {
        match self.said.recv_timeout(within) {
            Ok(Ok(came)) => Ok(came),
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
        let answer = match std::mem::take(&mut self.is_observing) {
            true => self.answered(),
            false => self.answer(&Ask::Observe),
        };
        match answer? {
            Say::Observed { observed } => Ok(*observed),
            other => Err(self.lost(&format!("it answered {other:?}"))),
        }
    }

    /// What `release`, which is there, says of itself; `None` where it says nothing, or nothing that is understood.
    ///
    /// # Errors
    /// The host is gone.
    pub fn about(&mut self, release: &ReleaseName) -> Result<Option<About>, Trouble> {
        match self.answer(&Ask::About { release: release.clone() })? {
            Say::About { json } => Ok(json.and_then(|json| About::from_json(json.as_bytes()).ok())),
            other => Err(self.lost(&format!("it answered {other:?}"))),
        }
    }

    /// What the host lacks of what it must have, a sentence each.
    ///
    /// # Errors
    /// It can't tell, or is gone.
    pub fn check(&mut self, requires: &[Requirement]) -> Result<Vec<String>, Trouble> {
        self.send(|out| frame::send(out, &Ask::Check { requires: requires.to_vec() }))?;
        match self.next(CHECKED_WITHIN)? {
            Came::Said(said) => match *said {
                Say::Checked { lacking } => Ok(lacking),
                Say::Refused { trouble } => Err(trouble),
                other => Err(self.lost(&format!("it answered {other:?}"))),
            },
            Came::Data(_) => Err(self.lost(&"it answered with bytes")),
        }
    }

    /// What stands in the way there of what `wants` says.
    ///
    /// # Errors
    /// It can't tell, or is gone.
    pub fn examine(&mut self, wants: Wants) -> Result<Vec<Finding>, Trouble> {
        match self.answer(&Ask::Examine { wants: Box::new(wants) })? {
            Say::Examined { findings } => Ok(findings),
            other => Err(self.lost(&format!("it answered {other:?}"))),
        }
    }

    /// Asks for something that takes its time, and hears of it until it ends.
    ///
    /// `artifact` is where the bytes are that the host may lack; a small patch for `ask` goes ahead. `wish` is asked all
    /// the while.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn follow(
        &mut self,
        ask: &Ask,
        artifact: Option<&Path>,
        heard: &mut dyn FnMut(Heard),
        wish: &mut dyn FnMut() -> Wish,
        by: &str,
    ) -> Result<End, Broken> {
        self.converse(ask, artifact, heard, wish, by).map_err(|trouble| {
            if std::mem::take(&mut self.refused) { Broken::Refused(trouble) } else { Broken::Lost(trouble) }
        })
    }

    fn converse(
        &mut self,
        ask: &Ask,
        artifact: Option<&Path>,
        heard: &mut dyn FnMut(Heard),
        wish: &mut dyn FnMut() -> Wish,
        by: &str,
    ) -> Result<End, Trouble> {
        let asked = match ahead(ask, artifact) {
            Some((ask, bytes)) => self.send(|out| {
                frame::send(out, &ask)?;
                frame::send_data(out, &bytes)
            }),
            None => self.ask(ask),
        };
        asked?;
        let mut aborted = false;
        let mut waiting = None;
        let mut here = Instant::now();
        loop {
            if here.elapsed() >= HERE_EVERY {
                here = Instant::now();
                self.ask(&Ask::Here)?;
            }
            let next = waiting.take().map_or_else(|| self.said.recv_timeout(GLANCE), Ok);
            match next {
                Ok(Ok(Came::Said(said))) => match *said {
                    Say::Want { digest, from, patch } => {
                        waiting = self.bring(&digest, from, patch.as_ref(), artifact, wish)?;
                    }
                    said => {
                        if let Some(end) = self.hear(said, heard)? {
                            return Ok(end);
                        }
                    }
                },
                // The rest of an answer that was not waited for.
                Ok(Ok(Came::Data(_))) => {}
                Ok(Err(error)) => return Err(self.lost(&error)),
                Err(RecvTimeoutError::Disconnected) => return Err(self.lost(&"its agent ended")),
                Err(RecvTimeoutError::Timeout) => {}
            }
            match wish() {
                Wish::GoOn => {}
                Wish::Abort | Wish::AbortForAnother if aborted => {}
                wish @ (Wish::Abort | Wish::AbortForAnother) => {
                    aborted = true;
                    let for_another = wish == Wish::AbortForAnother;
                    self.ask(&Ask::Abort { by: by.to_owned(), for_another })?;
                }
                Wish::HangUp => {
                    self.mouth.close();
                    return Err(self.lost(&"you left"));
                }
            }
        }
    }

    fn hear(&mut self, said: Say, heard: &mut dyn FnMut(Heard)) -> Result<Option<End>, Trouble> {
        match said {
            Say::Began { id, plan } => heard(Heard::Began(id, plan)),
            Say::Progress { progress } => heard(Heard::Progress(progress)),
            Say::Precommitted => heard(Heard::Precommitted),
            Say::Output { from, error, text } => heard(Heard::Output { from, error, text }),
            Say::Ended { deployment } => return Ok(Some(End::Deployment(deployment))),
            Say::Exited { code } => return Ok(Some(End::Exited(code))),
            Say::Done { told } => return Ok(Some(End::Done(told))),
            Say::Refused { trouble } => {
                self.refused = true;
                return Err(trouble);
            }
            Say::Observed { .. }
            | Say::Examined { .. }
            | Say::Want { .. }
            | Say::Signed { .. }
            | Say::About { .. }
            | Say::Checked { .. } => {}
        }
        Ok(None)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // An agent that has nothing to do ends when its pipe does; one that has is not waited for. Nor is ssh, which
        // ends a round trip later: nobody needs that it has.
        self.mouth.close();
        if self.is_remote {
            return;
        }
        for _ in 0..20 {
            if !matches!(self.agent.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
