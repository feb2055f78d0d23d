//! The operator's end of a depot on another machine. Knows the conversation, and that it can break off; does not know
//! how that machine is reached, nor what is kept of it here.
//!
//! One connection serves a whole command; it is made when the first thing is asked. What there is, is asked once.

pub mod wire;

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pintail_core::digest::Digest;
use pintail_core::name::AppName;
use pintail_core::version::Version;
use pintail_core::wire::frame::{self, Frame};
use pintail_core::wire::{DATA_PIECE, Trouble};

use crate::card::Card;
use crate::partial::Partial;
use crate::shown;
use wire::{Ask, Beside, FORMAT, Refusal, Say};

/// A connection to that machine.
pub struct Wire {
    /// What it says.
    pub from: Box<dyn Read + Send>,
    /// What it hears.
    pub to: Box<dyn Write + Send>,
    /// What keeps the connection; dropped, it is hung up.
    pub held: Box<dyn Send>,
}

/// Connects.
type Dial = dyn Fn() -> Result<Wire, Trouble> + Send + Sync;

/// A depot on another machine.
pub struct Remote {
    place: String,
    pintail: String,
    dial: Box<Dial>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wire: Option<Wire>,
    listed: Option<Listed>,
}

/// What there is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listed {
    pub(crate) cards: Vec<Card>,
    pub(crate) faults: Vec<String>,
}

/// Why it could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The machine can't be reached.
    #[error("{0}{hint}", hint = .0.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default())]
    Away(Trouble),
    /// It was reached, and is gone.
    #[error(
        "the link to the depot `{place}` was cut: {source}; nothing half is visible there or here, say the same again \
         and it goes on where it was cut"
    )]
    Cut {
        /// The depot.
        place: String,
        /// How that was noticed.
        source: io::Error,
    },
    /// It is another Pintail's, or nobody's.
    #[error("the depot `{place}` can't be talked to: {why}")]
    Strange {
        /// The depot.
        place: String,
        /// What is strange.
        why: String,
    },
    /// It was not done there.
    #[error("the depot `{place}` refuses: {}", told(.why))]
    Refused {
        /// The depot.
        place: String,
        /// Why.
        why: Refusal,
    },
    /// Something here can't be read or written.
    #[error(transparent)]
    Here(#[from] io::Error),
}

/// What comes from elsewhere is shown without what a terminal would obey.
fn told(why: &Refusal) -> String {
    match why {
        Refusal::Taken { there } => format!("that version is there with digest {}", there.short()),
        Refusal::SameFileName { other, other_version } => format!("`{other}` `{other_version}` has its file"),
        Refusal::Other { told } => shown::text(told),
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Remote({})", self.place)
    }
}

impl Remote {
    /// The depot that is called `place` and reached by `dial`; nothing is reached yet. `pintail` is the version that is
    /// told there.
    pub fn new(
        place: impl Into<String>,
        pintail: impl Into<String>,
        dial: impl Fn() -> Result<Wire, Trouble> + Send + Sync + 'static,
    ) -> Remote {
        let state = Mutex::new(State::default());
        Remote { place: place.into(), pintail: pintail.into(), dial: Box::new(dial), state }
    }

    /// What it is called.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    fn talk(&self) -> Talk<'_> {
        // A thread that died in the middle of a conversation has left one that nobody understands.
        let state = self.state.lock().unwrap_or_else(|poisoned| {
            let mut state = PoisonError::into_inner(poisoned);
            state.wire = None;
            state
        });
        Talk { remote: self, state }
    }

    /// What there is; asked once, and again after something was changed from here.
    pub(crate) fn list(&self) -> Result<Listed, RemoteError> {
        self.talk().list()
    }

    /// Forgets what there is.
    pub(crate) fn forget(&self) {
        self.talk().state.listed = None;
    }

    /// Brings the file of `card`'s artifact into `folder`, whole, under no name yet. What was brought before it was cut
    /// off is not brought again.
    pub(crate) fn get(&self, card: &Card, folder: &Path) -> Result<Partial, RemoteError> {
        let mut partial = Partial::resume(folder, &card.packed_digest)?;
        if partial.written().0 > card.packed_bytes {
            partial.restart()?;
        }
        match self.talk().get(card, &mut partial) {
            Ok(()) if partial.written() == (card.packed_bytes, card.packed_digest) => Ok(partial),
            Ok(()) => {
                partial.abandon();
                let why = format!(
                    "what it sent for `{}` `{}` is not what its card says; `pintail depot verify {}` tells more",
                    card.name, card.version, card.version
                );
                Err(self.strange(why))
            }
            Err(error @ RemoteError::Here(_)) => {
                // A full disk is not to be kept full by what can't be finished.
                partial.abandon();
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Publishes the file `file` that `card` is of; says whether it is new, and the card of what is there.
    pub(crate) fn put(&self, card: &Card, file: &Path) -> Result<(bool, Card), RemoteError> {
        let mut talk = self.talk();
        talk.state.listed = None;
        talk.put(card, file)
    }

    /// What lies beside an artifact.
    pub(crate) fn beside(
        &self,
        name: &AppName,
        version: &Version,
        what: Beside,
    ) -> Result<Option<String>, RemoteError> {
        let ask = Ask::Beside { name: name.clone(), version: version.clone(), what };
        match self.talk().ask(&ask)? {
            Say::Beside { text } => Ok(text),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Puts something beside the artifact of `name`, `version` that has the release `digest`.
    pub(crate) fn put_beside(
        &self,
        name: &AppName,
        version: &Version,
        digest: &Digest,
        what: Beside,
        text: &str,
    ) -> Result<(), RemoteError> {
        let (name, version) = (name.clone(), version.clone());
        self.done(&Ask::PutBeside { name, version, digest: *digest, what, text: text.to_owned() })
    }

    /// Has an artifact read whole, there.
    pub(crate) fn verify(&self, name: &AppName, version: &Version) -> Result<Card, RemoteError> {
        match self.talk().ask(&Ask::Verify { name: name.clone(), version: version.clone() })? {
            Say::Verified { card } => Ok(card),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Takes `card`'s artifact away.
    pub(crate) fn remove(&self, card: &Card) -> Result<(), RemoteError> {
        let Card { name, version, digest, .. } = card.clone();
        self.talk().state.listed = None;
        self.done(&Ask::Remove { name, version, digest })
    }

    fn done(&self, ask: &Ask) -> Result<(), RemoteError> {
        match self.talk().ask(ask)? {
            Say::Done => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    fn unexpected(&self, said: &Say) -> RemoteError {
        self.strange(format!("it answered something else: {}", shown::name(format!("{said:?}").as_bytes())))
    }

    fn strange(&self, why: String) -> RemoteError {
        RemoteError::Strange { place: self.place.clone(), why }
    }
}

/// Whether both are of one release.
fn is_of(one: &Card, other: &Card) -> bool {
    (&one.name, &one.version, &one.digest) == (&other.name, &other.version, &other.digest)
}

/// The conversation, while it is somebody's.
struct Talk<'a> {
    remote: &'a Remote,
    state: MutexGuard<'a, State>,
}

impl Talk<'_> {
    fn list(&mut self) -> Result<Listed, RemoteError> {
        if let Some(listed) = &self.state.listed {
            return Ok(listed.clone());
        }
        let mut listed = Listed::default();
        let mut said = self.ask(&Ask::List)?;
        loop {
            let Say::Listing { cards, faults, more } = said else {
                return Err(self.remote.unexpected(&said));
            };
            listed.cards.extend(cards);
            listed.faults.extend(faults);
            if !more {
                break;
            }
            said = self.hear()?;
        }
        self.state.listed = Some(listed.clone());
        Ok(listed)
    }

    fn get(&mut self, card: &Card, into: &mut Partial) -> Result<(), RemoteError> {
        let Card { name, version, packed_digest, .. } = card.clone();
        let from = into.written().0;
        let bytes = match self.ask(&Ask::Get { name, version, packed_digest, from })? {
            Say::Bytes { bytes } => bytes,
            other => return Err(self.remote.unexpected(&other)),
        };
        let mut left = bytes;
        if from.checked_add(bytes) != Some(card.packed_bytes) {
            self.state.wire = None;
            return Err(self
                .remote
                .strange(format!("it has another `{}` `{}` by now", card.name, card.version)));
        }
        while left > 0 {
            let piece = match self.frame()? {
                Frame::Data(piece) if piece.len() as u64 <= left => piece,
                _ => {
                    self.state.wire = None;
                    return Err(self
                        .remote
                        .strange("it sent something between an artifact's bytes".to_owned()));
                }
            };
            left -= piece.len() as u64;
            if let Err(error) = into.write_all(&piece) {
                // The rest of the bytes is under way, and nobody will read it.
                self.state.wire = None;
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn put(&mut self, card: &Card, file: &Path) -> Result<(bool, Card), RemoteError> {
        let mut said = self.ask(&Ask::Put { card: card.clone() })?;
        if let Say::From { from } = said {
            let opened = File::open(file).and_then(|mut file| file.seek(SeekFrom::Start(from)).map(|_| file));
            let brought = opened.map_err(RemoteError::Here).and_then(|mut file| self.bring(&mut file));
            // Whoever refuses an artifact's bytes hangs up, since more of them may be under way.
            said = brought.inspect_err(|_| self.state.wire = None)?;
        }
        match said {
            Say::Published { added, card: there } if is_of(&there, card) => Ok((added, there)),
            other => Err(self.remote.unexpected(&other)),
        }
    }

    fn bring(&mut self, file: &mut File) -> Result<Say, RemoteError> {
        let mut piece = vec![0; DATA_PIECE];
        loop {
            let count = file.read(&mut piece)?;
            let sent = self.send(|out| match count {
                0 => frame::send(out, &Ask::End),
                count => frame::send_data(out, &piece[..count]),
            });
            // Who refuses in the middle says so before it hangs up.
            if let Err(cut) = sent {
                return match self.hear() {
                    Err(refused @ RemoteError::Refused { .. }) => Err(refused),
                    _ => Err(self.cut(cut)),
                };
            }
            if count == 0 {
                return self.hear();
            }
        }
    }

    /// Asks, and hears the first answer.
    fn ask(&mut self, ask: &Ask) -> Result<Say, RemoteError> {
        if self.state.wire.is_some() {
            self.send(|out| frame::send(out, ask)).map_err(|error| self.cut(error))?;
            return self.hear();
        }
        self.state.wire = Some((self.remote.dial)().map_err(RemoteError::Away)?);
        let hello = Ask::Hello { format: FORMAT, pintail: self.remote.pintail.clone() };
        let sent = self.send(|out| frame::send(out, &hello).and_then(|()| frame::send(out, ask)));
        // Who refuses the greeting may be gone before it has heard the question.
        match (self.hear()?, sent) {
            (Say::Hello { format: FORMAT, .. }, Ok(())) => self.hear(),
            (Say::Hello { format: FORMAT, .. }, Err(error)) => Err(self.cut(error)),
            (Say::Hello { format, pintail }, _) => {
                self.state.wire = None;
                Err(self.remote.strange(format!(
                    "pintail {} there speaks format {format}, this one format {FORMAT}; use the newer of the two",
                    shown::name(pintail.as_bytes())
                )))
            }
            (other, _) => Err(self.remote.unexpected(&other)),
        }
    }

    fn hear(&mut self) -> Result<Say, RemoteError> {
        let said = self.frame()?.value();
        match said {
            Ok(Say::Refused { why }) => Err(RemoteError::Refused { place: self.remote.place.clone(), why }),
            Ok(said) => Ok(said),
            Err(error) => {
                self.state.wire = None;
                Err(self.remote.strange(format!("it says what this pintail doesn't know: {error}")))
            }
        }
    }

    fn frame(&mut self) -> Result<Frame, RemoteError> {
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        let wire = self.state.wire.as_mut();
        let came = wire.ok_or_else(gone).and_then(|wire| frame::receive(&mut wire.from));
        match came {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => Err(self.cut(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended"))),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.state.wire = None;
                Err(self.remote.strange(error.to_string()))
            }
            Err(error) => Err(self.cut(error)),
        }
    }

    fn send(&mut self, put: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        let wire = self.state.wire.as_mut().ok_or_else(gone)?;
        put(&mut wire.to)
    }

    fn cut(&mut self, source: io::Error) -> RemoteError {
        self.state.wire = None;
        RemoteError::Cut { place: self.remote.place.clone(), source }
    }
}
