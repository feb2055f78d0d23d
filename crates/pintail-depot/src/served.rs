//! A depot's folder, served to an operator on another machine: the far end of [`crate::remote`]. Knows the conversation;
//! does not know who asks, or how. Nothing that is said is believed: an artifact becomes visible only after it was read
//! whole and is what its card says.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use pintail_core::name::AppName;
use pintail_core::version::Version;
use pintail_core::wire::DATA_PIECE;
use pintail_core::wire::frame::{self, Frame};

use crate::card::Card;
use crate::depot::{Depot, DepotError, Published};
use crate::proof::{PROOF_BYTES_MAX, Proof};
use crate::remote::wire::{Ask, Beside, CARDS_AT_ONCE, FORMAT, Refusal, Say};
use crate::signing::{SIGNATURE_FILE_BYTES_MAX, Signature};

/// Serves `depot` until the operator is gone. `pintail` is the version that is told.
///
/// # Errors
/// The pipe's.
pub fn serve(depot: &Depot, pintail: &str, mut from: impl Read, to: impl Write) -> io::Result<()> {
    let mut served = Served { depot, to };
    match next(&mut from)? {
        None => return Ok(()),
        Some(Ask::Hello { format: FORMAT, .. }) => {
            served.say(&Say::Hello { format: FORMAT, pintail: pintail.to_owned() })?;
        }
        Some(Ask::Hello { format, pintail: other }) => {
            return served.refuse(format!(
                "pintail {pintail} here speaks format {FORMAT}, pintail {other} there format {format}; use the newer \
                 of the two"
            ));
        }
        Some(_) => return served.refuse("the first word is not `hello`".to_owned()),
    }
    while let Some(ask) = next(&mut from)? {
        if let Hung::Up = served.answer(ask, &mut from)? {
            return Ok(());
        }
    }
    Ok(())
}

fn next(from: &mut impl Read) -> io::Result<Option<Ask>> {
    frame::receive(from)?.map(|frame| frame.value()).transpose()
}

/// Whether the conversation is over: after a refusal in the middle of an artifact's bytes nobody knows where they end.
#[derive(PartialEq, Eq)]
enum Hung {
    Up,
    Not,
}

struct Served<'a, W> {
    depot: &'a Depot,
    to: W,
}

impl<W: Write> Served<'_, W> {
    fn say(&mut self, say: &Say) -> io::Result<()> {
        frame::send(&mut self.to, say)
    }

    fn refuse(&mut self, told: String) -> io::Result<()> {
        self.say(&Say::Refused { why: Refusal::Other { told } })
    }

    /// What `done` answers, or why not.
    fn settle(&mut self, done: Result<Say, DepotError>) -> io::Result<()> {
        self.say(&done.unwrap_or_else(|error| Say::Refused { why: refusal(&error) }))
    }

    fn answer(&mut self, ask: Ask, from: &mut impl Read) -> io::Result<Hung> {
        let depot = self.depot;
        match ask {
            Ask::List => self.list()?,
            Ask::Get { name, version, packed_digest, from } => match depot.open(&name, &version) {
                Ok((card, _)) if card.packed_digest != packed_digest || from > card.packed_bytes => {
                    self.refuse(format!("`{name}` `{version}` is another file by now; say the same again"))?;
                }
                Ok((card, file)) => self.bring(file, from, card.packed_bytes)?,
                Err(error) => self.settle(Err(error))?,
            },
            Ask::Put { card } => return self.take(card, from),
            Ask::Beside { name, version, what } => {
                let found = depot.find(&name, &version).and_then(|card| depot.beside(&card, what));
                self.settle(found.map(|text| Say::Beside { text }))?;
            }
            Ask::PutBeside { name, version, digest, what, text } => match depot.find(&name, &version) {
                Ok(card) if card.digest != digest => self.settle(Err(taken(&card, digest)))?,
                Ok(card) => match fits(&card, what, &text) {
                    Ok(()) => self.settle(depot.write_beside(&card, what, &text).map(|()| Say::Done))?,
                    Err(told) => self.refuse(told)?,
                },
                Err(error) => self.settle(Err(error))?,
            },
            Ask::Verify { name, version } => {
                self.settle(depot.verify(&name, &version).map(|card| Say::Verified { card }))?;
            }
            Ask::Remove { name, version, digest } => {
                let removed = depot.find(&name, &version).and_then(|card| match card.digest == digest {
                    true => depot.remove(&card),
                    false => Err(taken(&card, digest)),
                });
                self.settle(removed.map(|()| Say::Done))?;
            }
            Ask::Hello { .. } | Ask::End => self.refuse("that was not asked for".to_owned())?,
        }
        Ok(Hung::Not)
    }

    fn list(&mut self) -> io::Result<()> {
        let listing = match self.depot.list() {
            Ok(listing) => listing,
            Err(error) => return self.settle(Err(error)),
        };
        let mut faults: Vec<String> = listing.faults.iter().map(ToString::to_string).collect();
        faults.truncate(CARDS_AT_ONCE);
        let mut pieces = listing.cards.chunks(CARDS_AT_ONCE).peekable();
        loop {
            let cards = pieces.next().unwrap_or_default().to_vec();
            let more = pieces.peek().is_some();
            self.say(&Say::Listing { cards, faults: std::mem::take(&mut faults), more })?;
            if !more {
                return Ok(());
            }
        }
    }

    fn bring(&mut self, mut file: File, from: u64, end: u64) -> io::Result<()> {
        file.seek(SeekFrom::Start(from))?;
        self.say(&Say::Bytes { bytes: end - from })?;
        let mut rest = file.take(end - from);
        let mut piece = vec![0; DATA_PIECE];
        loop {
            match rest.read(&mut piece)? {
                0 => return Ok(()),
                count => frame::send_data(&mut self.to, &piece[..count])?,
            }
        }
    }

    /// Takes an artifact's bytes, and publishes them if they are what `card` says.
    fn take(&mut self, card: Card, from: &mut impl Read) -> io::Result<Hung> {
        if self.depot.is_here(&card.name, &card.version) {
            let there = self.depot.compare_with_there(card);
            self.settle(there.map(published))?;
            return Ok(Hung::Not);
        }
        let mut begun = match self.depot.begin(&card) {
            Ok(begun) => begun,
            Err(error) => {
                self.settle(Err(error))?;
                return Ok(Hung::Not);
            }
        };
        self.say(&Say::From { from: begun.written().0 })?;
        loop {
            // Whoever is cut off here goes on later with what is there.
            match frame::receive(from)? {
                None => return Ok(Hung::Up),
                Some(Frame::Data(piece)) => {
                    let fits = begun.written().0.checked_add(piece.len() as u64) <= Some(card.packed_bytes);
                    if let Err(error) = if fits { begun.write_all(&piece) } else { Err(too_many(&card)) } {
                        // A full disk is not to be kept full by what can't be finished.
                        begun.abandon();
                        self.settle(Err(self.depot.cannot_write(&card, error)))?;
                        return Ok(Hung::Up);
                    }
                }
                Some(json) => match json.value()? {
                    Ask::End => break,
                    _ => return self.refuse("an artifact's bytes have no end".to_owned()).map(|()| Hung::Up),
                },
            }
        }
        let ended = self.depot.finish(&card, begun);
        self.settle(ended.map(published))?;
        Ok(Hung::Not)
    }
}

fn published(published: Published) -> Say {
    let added = matches!(published, Published::Added(_));
    Say::Published { added, card: published.card().clone() }
}

fn too_many(card: &Card) -> io::Error {
    io::Error::other(format!("more came than the {} bytes of its card", card.packed_bytes))
}

fn taken(there: &Card, new: pintail_core::digest::Digest) -> DepotError {
    let (name, version): (AppName, Version) = (there.name.clone(), there.version.clone());
    DepotError::Taken { name, version, there: there.digest, new }
}

fn refusal(error: &DepotError) -> Refusal {
    match error {
        DepotError::Taken { there, .. } => Refusal::Taken { there: *there },
        DepotError::SameFileName { other, other_version, .. } => {
            Refusal::SameFileName { other: other.clone(), other_version: other_version.clone() }
        }
        other => Refusal::Other { told: other.to_string() },
    }
}

/// Whether a text is what it shall be put beside `card`'s artifact as.
fn fits(card: &Card, what: Beside, text: &str) -> Result<(), String> {
    let (most, is_one) = match what {
        Beside::Proof => {
            let of_it = |proof: Proof| (&proof.name, &proof.version) == (&card.name, &card.version);
            (PROOF_BYTES_MAX, Proof::read(text.as_bytes()).is_some_and(of_it))
        }
        Beside::Signature => (SIGNATURE_FILE_BYTES_MAX, Signature::read(text).is_ok()),
    };
    if text.len() as u64 <= most && is_one {
        return Ok(());
    }
    Err(format!("that is nothing to lie beside `{}` `{}`", card.name, card.version))
}
