//! The agent: hears what an operator asks over a pipe, and does it on this machine. It outlives its operator:
//! what it has begun belongs to the host.

mod logs;
mod mouth;
mod sign;
mod watch;

use crate::hands::{Ear, Word};
use crate::journal;
use crate::observe::observe;
use crate::operation::{self, Place};
use crate::seal::{self, Look};
use crate::steps::{Flag, program_environment, set_flag};
use crate::trouble::trouble;
use mouth::Mouth;
use pintail_core::digest::Digest;
use pintail_core::layout::Layout;
use pintail_core::manifest::ABOUT_PATH;
use pintail_core::name::ReleaseName;
use pintail_core::notes::ABOUT_BYTES_MAX;
use pintail_core::plan::{HostPlan, Lost};
use pintail_core::wire::frame::{self, Frame};
use pintail_core::wire::{AHEAD_MAX, Ahead, Ask, FORMAT, Hello, Progress, Say, Trial, Trouble, Wait};
use pintail_os::program::{Ended, Program, Stream};
use pintail_os::signals;
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// Frames read ahead of what is being done: bounds what a fast operator can make us hold.
const READ_AHEAD: usize = 8;
/// How often it is looked whether the artifact is still wanted, while its operator is silent.
const GLANCE: Duration = Duration::from_millis(100);
/// The exit status of an agent whose machine stops: `EX_TEMPFAIL` of sysexits(3).
const STOPPED_WITH_MACHINE: u8 = 75;
/// How long an operator may be silent while it owes us an artifact.
const DATA_WITHIN: Duration = Duration::from_secs(60);

/// The operator's end of the pipe.
struct Link {
    mouth: Mouth,
    asked: Receiver<io::Result<Frame>>,
    /// The operator is gone: nothing more comes, and nothing is heard.
    lost: bool,
}

impl Link {
    fn say(&mut self, said: &Say) {
        // Nobody hears: the host goes on as the plan says, and the next one reads the journal.
        if !self.lost && self.mouth.say(said).is_err() {
            self.lost = true;
        }
    }
}

/// Serves one operator over `from` and `out`, until it is gone and what it began has ended. With `observe` it tells
/// what the host is before it is asked: who wants that first saves a round trip.
///
/// # Errors
/// The root can't be a root, or signals can't be heard.
pub fn run(
    root: &Path,
    version: &str,
    observe: bool,
    from: impl Read + Send + 'static,
    out: impl Write + Send + 'static,
) -> io::Result<()> {
    // A terminal's Ctrl-C is for the operator, who tells us; a hang-up is a lost link.
    pintail_os::process::leave_session();
    let ending = signals::on_ending_without_terminal(|| {
        leave_if(pintail_os::program::machine_may_be_stopping());
    })?;
    let root = canonical(&std::path::absolute(root)?);
    let layout = Layout::new(root);
    let (sender, asked) = sync_channel(READ_AHEAD);
    std::thread::spawn(move || {
        let mut from = io::BufReader::new(from);
        while let Some(frame) = frame::receive(&mut from).transpose() {
            // Behind what is no frame nothing can be understood.
            let last = frame.is_err();
            if sender.send(frame).is_err() || last {
                break;
            }
        }
    });
    let link = RefCell::new(Link { mouth: Mouth::new(out), asked, lost: false });
    let agent = Agent { layout, version, link, ending };
    agent.greet();
    if observe {
        agent.answer(Ask::Observe);
    }
    while let Some(ask) = agent.next() {
        agent.answer(ask);
        if agent.link.borrow().lost {
            // It may be there again, and would wait for what it was not told.
            break;
        }
    }
    agent.link.into_inner().mouth.close();
    Ok(())
}

/// One root, one name: what runs there is known by it, whichever link led here.
fn canonical(root: &Path) -> PathBuf {
    let found = root.ancestors().find_map(|there| Some((there, there.canonicalize().ok()?)));
    match found {
        Some((there, canonical)) if there == root => canonical,
        Some((there, canonical)) => canonical.join(root.strip_prefix(there).unwrap_or(root)),
        None => root.to_path_buf(),
    }
}

struct Agent<'a> {
    layout: Layout,
    version: &'a str,
    link: RefCell<Link>,
    ending: signals::Flag,
}

impl Agent<'_> {
    fn greet(&self) {
        let hello = Hello { format: FORMAT, pintail: self.version.to_owned() };
        let mut link = self.link.borrow_mut();
        if link.mouth.say(&hello).is_err() {
            link.lost = true;
        }
    }

    /// The next question; `None` when the operator is gone or nothing sensible comes.
    fn next(&self) -> Option<Ask> {
        loop {
            let heard = self.link.borrow().asked.recv().ok()?;
            let understood = match heard {
                // The rest of an artifact whose operation has ended without it.
                Ok(Frame::Data(_)) => continue,
                Ok(frame) => self.understand(&frame),
                Err(error) => Err(cannot_understand(error)),
            };
            match understood {
                Ok(Some(ask)) => return Some(ask),
                Ok(None) => {}
                Err(trouble) => {
                    self.say(&Say::Refused { trouble });
                    return None;
                }
            }
        }
    }

    /// What `frame` asks; `None` when it only greets.
    fn understand(&self, frame: &Frame) -> Result<Option<Ask>, Trouble> {
        let Ok(hello) = frame.value::<Hello>() else {
            return frame.value().map(Some).map_err(cannot_understand);
        };
        if hello.format == FORMAT {
            return Ok(None);
        }
        let why =
            format!("it speaks format {} and this agent, Pintail {}, {FORMAT}", hello.format, self.version);
        Err(Trouble::new(format!("cannot talk to Pintail {}", hello.pintail), why)
            .hint("use the same Pintail on both sides"))
    }

    fn say(&self, said: &Say) {
        self.link.borrow_mut().say(said);
    }

    fn answer(&self, ask: Ask) {
        let answered = match ask {
            Ask::Observe => self.observe(),
            Ask::Sign { release } => sign::sign(self, &release),
            Ask::About { release } => {
                self.say(&Say::About { json: self.about(&release) });
                Ok(())
            }
            Ask::Check { requires } => {
                self.say(&Say::Checked { lacking: crate::require::lacking(&self.layout, &requires) });
                Ok(())
            }
            Ask::Execute { plan, by, trial, ahead } => {
                self.come_ahead(ahead).and_then(|ahead| self.execute(&plan, &by, trial, ahead))
            }
            Ask::Resume { undo, by } => self.resume(undo, &by),
            Ask::Attach => watch::attach(self),
            Ask::Abort { by, .. } => self.abort(&by),
            // They belong to an operation that has ended meanwhile.
            Ask::Data { .. } | Ask::DataEnd | Ask::Here | Ask::Precommit | Ask::Pass { .. } => Ok(()),
            Ask::Maintenance { on, long, by } => self.maintenance(on, long, &by),
            Ask::Settings { changes } => self.settings(&changes),
            Ask::Run { argv } => self.run(&argv),
            Ask::Logs { processes, lines, follow } => logs::tell(self, &processes, lines, follow),
            Ask::Examine { wants } => {
                self.say(&Say::Examined { findings: crate::examine::examine(&self.layout, &wants) });
                Ok(())
            }
        };
        if let Err(trouble) = answered {
            self.say(&Say::Refused { trouble });
        }
    }

    /// What the host is, with a glance at the files of what is live: that takes a moment, and no plan rests on it.
    fn observe(&self) -> Result<(), Trouble> {
        let mut observed = observe(&self.layout, self.version, false)?;
        if let Some(release) = observed.current.release() {
            match seal::compare(&self.layout, release, Look::Glance) {
                Ok(differing) => observed.differing = differing,
                Err(why) => observed.remarks.push(why),
            }
        }
        self.say(&Say::Observed { observed: Box::new(observed) });
        Ok(())
    }

    /// What `release` says of itself.
    fn about(&self, release: &ReleaseName) -> Option<String> {
        let path = self.layout.release(release).join(ABOUT_PATH);
        let json = pintail_os::files::read_bounded(&path, ABOUT_BYTES_MAX as u64).ok()?;
        String::from_utf8(json).ok()
    }

    fn place<'b>(&'b self, by: &'b str) -> Place<'b> {
        Place { layout: &self.layout, version: self.version, by }
    }

    /// The bytes that come ahead of being wanted: nobody else speaks before they are here.
    fn come_ahead(&self, ahead: Option<Ahead>) -> Result<Option<(Digest, Vec<u8>)>, Trouble> {
        let Some(Ahead { digest, bytes }) = ahead else { return Ok(None) };
        let mut came = Vec::new();
        while (came.len() as u64) < bytes.min(AHEAD_MAX) {
            match self.link.borrow().asked.recv() {
                Ok(Ok(Frame::Data(piece))) => came.extend(piece),
                Ok(_) | Err(_) => {
                    return Err(cannot_understand(io::Error::other(
                        "not all bytes came that were to come ahead",
                    )));
                }
            }
        }
        Ok(Some((digest, came)))
    }

    fn execute(
        &self,
        plan: &HostPlan,
        by: &str,
        trial: Option<Trial>,
        ahead: Option<(Digest, Vec<u8>)>,
    ) -> Result<(), Trouble> {
        let mut operator = Operator::new(self, plan.id, plan.lost_operator);
        operator.ahead = ahead;
        let ear = RefCell::new(operator);
        let deployment = operation::execute(self.place(by), plan, trial, &ear)?;
        self.say(&Say::Ended { deployment: Box::new(deployment) });
        Ok(())
    }

    fn resume(&self, undo: bool, by: &str) -> Result<(), Trouble> {
        let Some(id) = journal::ids(&self.layout)?.pop() else { return self.nothing_to_resume() };
        let mut operator = Operator::new(self, id, Lost::Finish);
        // Whoever resumes it has decided: there is nobody else to wait for.
        operator.given = vec![Wait::Turn, Wait::Confirm];
        let ear = RefCell::new(operator);
        match operation::resume(self.place(by), undo, &ear)? {
            Some(deployment) => {
                self.say(&Say::Ended { deployment: Box::new(deployment) });
                Ok(())
            }
            None => self.nothing_to_resume(),
        }
    }

    fn nothing_to_resume(&self) -> Result<(), Trouble> {
        self.say(&Say::Done { told: "the last operation has ended; nothing to do".to_owned() });
        Ok(())
    }

    /// Undoes what runs; or what ran, when its agent died.
    fn abort(&self, by: &str) -> Result<(), Trouble> {
        if operation::ask_to_abort(self.place(by))? { watch::attach(self) } else { self.resume(true, by) }
    }

    fn maintenance(&self, on: bool, long: bool, by: &str) -> Result<(), Trouble> {
        let place = self.place(by);
        let _held = place.lock(None)?;
        let flag = on.then_some(if long { Flag::Long } else { Flag::Short });
        set_flag(&self.layout, flag, by).map_err(trouble)?;
        let told = match flag {
            Some(Flag::Short) => "maintenance is on",
            Some(Flag::Long) => "maintenance is on, with the long page",
            None => "maintenance is off",
        };
        self.say(&Say::Done { told: told.to_owned() });
        Ok(())
    }

    fn settings(&self, changes: &[(String, Option<String>)]) -> Result<(), Trouble> {
        let _held = self.place("env").lock(None)?;
        crate::settings::change(&self.layout, changes).map_err(trouble)?;
        let names: Vec<&str> = changes.iter().map(|(name, _)| name.as_str()).collect();
        self.say(&Say::Done {
            told: format!("{} changed; `pintail deploy` restarts the processes with it", names.join(", ")),
        });
        Ok(())
    }

    /// A command in the live release, as its processes see it.
    fn run(&self, argv: &[String]) -> Result<(), Trouble> {
        let observed = observe(&self.layout, self.version, false)?;
        let what = || format!("cannot run `{}`", argv.join(" "));
        let Some(release) = observed.current.release() else {
            return Err(Trouble::new(what(), format!("no release is live in `{}`", observed.root)));
        };
        let Some((name, arguments)) = argv.split_first() else {
            return Err(Trouble::new(what(), "no command was given"));
        };
        let settings = crate::settings::read(&self.layout).map_err(trouble)?;
        let made = pintail_core::history::made_live(release, &observed.deployments);
        let target = made
            .and_then(|made| journal::read(&self.layout, made.id).ok())
            .map(|record| record.header.plan.target);
        let about = crate::hands::about(
            release,
            made.and_then(|made| made.commit.as_deref()),
            &target.unwrap_or_default(),
        );
        let program = Program::new(name)
            .args(arguments)
            .in_folder(&self.layout.release(release))
            .with_environment(program_environment(&settings.values, about));
        let ended = program
            .run(&mut |stream, bytes| self.output("run", stream, &String::from_utf8_lossy(bytes)), &|| {
                !self.is_left() && !self.ending.is_set()
            });
        let code = match ended.map_err(|error| Trouble::new(what(), error))? {
            Ended::Code(code) => code,
            Ended::Signal(signal) => 128 + signal,
            Ended::TooLong(_) | Ended::Stopped => 130,
        };
        self.say(&Say::Exited { code });
        Ok(())
    }

    fn output(&self, from: &str, stream: Stream, text: &str) {
        self.say(&Say::Output { from: from.to_owned(), error: stream == Stream::Err, text: text.to_owned() });
    }

    /// Whether the operator is gone, or wants no more; what it says instead is not heard.
    fn is_left(&self) -> bool {
        let mut link = self.link.borrow_mut();
        match link.asked.try_recv() {
            Ok(Err(_)) | Err(TryRecvError::Disconnected) => link.lost = true,
            Ok(Ok(frame)) if matches!(frame.value(), Ok(Ask::Abort { .. })) => return true,
            Ok(Ok(_)) | Err(TryRecvError::Empty) => {}
        }
        link.lost
    }
}

fn cannot_understand(why: io::Error) -> Trouble {
    Trouble::new("cannot understand what was asked", why)
}

/// The operator of a running operation.
struct Operator<'a> {
    agent: &'a Agent<'a>,
    id: u64,
    lost: Lost,
    /// Why the operation shall go back, once it shall: asked again, it is the same.
    stop: Option<String>,
    /// The waits that it need not wait any more.
    given: Vec<Wait>,
    /// It goes on where its operator is lost, and the operator knows.
    precommitted: bool,
    /// Bytes of a patch that came before they were wanted.
    ahead: Option<(Digest, Vec<u8>)>,
    /// When it was last heard.
    heard: Instant,
}

impl<'a> Operator<'a> {
    fn new(agent: &'a Agent<'a>, id: u64, lost: Lost) -> Self {
        Self {
            agent,
            id,
            lost,
            stop: None,
            given: Vec::new(),
            precommitted: false,
            ahead: None,
            heard: Instant::now(),
        }
    }

    /// Understands one of the things that an operator says while an operation runs.
    fn understand(&mut self, frame: &Frame) {
        self.heard = Instant::now();
        match frame.value() {
            Ok(Ask::Abort { for_another: true, .. }) => {
                self.stop = Some("another host of the target failed".to_owned());
            }
            Ok(Ask::Abort { by, .. }) => self.stop = Some(format!("{by} wished it undone")),
            Ok(Ask::Pass { wait }) => self.given.push(wait),
            Ok(Ask::Precommit) => {
                self.precommitted = true;
                self.agent.say(&Say::Precommitted);
            }
            _ => {}
        }
    }

    /// Hears what the operator said meanwhile, and waits as long as `within` for it to say anything.
    fn listen(&mut self, within: Duration) {
        let mut patience = within;
        loop {
            let next = self.agent.link.borrow().asked.recv_timeout(patience);
            patience = Duration::ZERO;
            match next {
                Ok(Ok(frame)) => self.understand(&frame),
                Err(RecvTimeoutError::Timeout) => return,
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                    self.agent.link.borrow_mut().lost = true;
                    return;
                }
            }
        }
    }

    /// Whether the operation shall go back, by what was heard so far and what others wish.
    fn decide(&mut self) -> Option<String> {
        if self.stop.is_none() && self.agent.ending.is_set() {
            self.stop = Some("the agent was told to end".to_owned());
        }
        // Once it was said that all hosts get there, others may have recorded the release: no way back alone.
        let decided = self.precommitted || self.given.contains(&Wait::Confirm);
        if self.stop.is_none() && self.lost == Lost::Revert && !decided && self.agent.link.borrow().lost {
            self.stop = Some("its operator is gone, and the target's policy is to go back".to_owned());
        }
        if self.stop.is_none() {
            self.stop = operation::wants_abort(&self.agent.layout, self.id)
                .map(|by| format!("{by} wished it undone"));
        }
        self.stop.clone()
    }
}

/// Ends this process where the machine is on its way down: going back would start old processes that the machine then
/// waits for, 90 s under systemd. This is no other than a crash, which the next command clears up.
fn leave_if(machine_is_stopping: bool) {
    if machine_is_stopping {
        std::process::exit(i32::from(STOPPED_WITH_MACHINE));
    }
}

impl Ear for Operator<'_> {
    fn progress(&mut self, progress: Progress) {
        // Perhaps a process did not answer because the machine has told it to end before us.
        if matches!(progress, Progress::Undoing { .. }) {
            leave_if(pintail_os::program::machine_is_stopping());
        }
        self.agent.say(&Say::Progress { progress });
    }

    fn output(&mut self, from: &str, stream: Stream, text: &str) {
        self.agent.output(from, stream, text);
    }

    fn fetch(
        &mut self,
        digest: &Digest,
        patch: Option<&Digest>,
        from: u64,
        into: &mut dyn Write,
    ) -> io::Result<()> {
        if let Some((ahead, bytes)) = self.ahead.take()
            && patch == Some(&ahead)
            && let Some(rest) = usize::try_from(from).ok().and_then(|from| bytes.get(from..))
        {
            return into.write_all(rest);
        }
        self.agent.say(&Say::Want { digest: *digest, from, patch: patch.copied() });
        let mut heard = Instant::now();
        loop {
            if let Some(why) = self.decide() {
                return Err(io::Error::other(why));
            }
            let next = self.agent.link.borrow().asked.recv_timeout(GLANCE);
            match next {
                Ok(Ok(Frame::Data(bytes))) => {
                    self.heard = Instant::now();
                    into.write_all(&bytes)?;
                }
                Ok(Ok(frame)) => match frame.value()? {
                    Ask::DataEnd => return Ok(()),
                    _ => self.understand(&frame),
                },
                Err(RecvTimeoutError::Timeout) if heard.elapsed() < DATA_WITHIN => continue,
                Err(RecvTimeoutError::Timeout) => {
                    let why = format!("the operator sent nothing for {} s", DATA_WITHIN.as_secs());
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                    self.agent.link.borrow_mut().lost = true;
                    return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the operator is gone"));
                }
            }
            heard = Instant::now();
        }
    }

    fn word(&mut self, wait: Wait, within: Duration) -> Word {
        self.listen(within);
        Word {
            given: self.given.contains(&wait),
            left: self.agent.link.borrow().lost,
            silent_for: self.heard.elapsed(),
            precommitted: self.precommitted,
        }
    }

    fn interrupt(&mut self) -> Option<String> {
        if self.stop.is_none() {
            self.listen(Duration::ZERO);
        }
        self.decide()
    }
}
