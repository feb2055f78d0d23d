//! The depot on another machine, seen from here: what is brought is kept, so that it is brought once; what is made here
//! is sent. Knows the cache; does not know the conversation.

use std::fs;
use std::io;

use super::shelf::stem;
use super::{Depot, DepotError, Listing, Published};
use crate::card::Card;
use crate::partial::Partial;
use crate::remote::wire::Refusal;
use crate::remote::{Remote, RemoteError};
use crate::signing::Unsigned;

/// How many artifacts are kept here: those of some targets, with what patches are made of. Who was used longest ago goes
/// first.
const KEPT_MAX: usize = 16;

impl Depot {
    pub(super) fn list_away(&self, remote: &Remote) -> Result<Listing, DepotError> {
        let listed = remote.list().map_err(DepotError::Away)?;
        let faults = listed.faults.into_iter().map(|told| {
            DepotError::Away(RemoteError::Refused {
                place: remote.place().to_owned(),
                why: Refusal::Other { told },
            })
        });
        Ok(Listing { cards: listed.cards, faults: faults.collect() })
    }

    /// Has the artifact of `card` here; brings it unless it is.
    pub(super) fn bring_here(&self, remote: &Remote, card: &Card) -> Result<(), DepotError> {
        if self.holds(card) {
            let path = self.artifact_path(&card.name, &card.version);
            // That it was used is only a note, for whoever forgets.
            let _ = pintail_os::files::touch(&path);
            return Ok(());
        }
        let folder = self.shelf.folder();
        let failed = |source| DepotError::Write { path: folder.to_owned(), source };
        self.make_folder(folder).map_err(failed)?;
        let partial = remote.get(card, folder).map_err(|error| match error {
            RemoteError::Here(source) => failed(source),
            error => DepotError::Away(error),
        })?;
        self.keep_here(card, partial).map_err(failed)
    }

    /// Whether the very file of `card` is on this machine, so that reading it takes no link.
    pub(super) fn holds(&self, card: &Card) -> bool {
        let stem = stem(&card.name, &card.version);
        let length = fs::metadata(self.shelf.file(&stem)).map(|found| found.len());
        length.is_ok_and(|length| length == card.packed_bytes)
            && (self.away.is_none()
                || self.shelf.card_at(&stem).is_ok_and(|kept| kept.packed_digest == card.packed_digest))
    }

    /// Does `read` with `card`'s artifact. Where that is on another machine and what was brought of it is damaged, it is
    /// brought once more: the damage may be this machine's.
    pub(super) fn brought_again<T>(
        &self,
        card: &Card,
        read: impl Fn() -> Result<T, DepotError>,
    ) -> Result<T, DepotError> {
        let is_damaged = |error: &DepotError| {
            matches!(
                error,
                DepotError::Artifact { .. }
                    | DepotError::Altered { .. }
                    | DepotError::Card { .. }
                    | DepotError::Unsigned { source: Unsigned::Changed { .. }, .. }
            )
        };
        match read() {
            Err(error) if self.is_away() && is_damaged(&error) => {
                let path = self.artifact_path(&card.name, &card.version);
                pintail_os::files::remove_file(&path).map_err(|source| DepotError::Write { path, source })?;
                read()
            }
            read => read,
        }
    }

    /// Publishes what was written here, there.
    pub(super) fn send(
        &self,
        remote: &Remote,
        card: Card,
        partial: Partial,
    ) -> Result<Published, DepotError> {
        let sent = remote.put(&card, partial.path());
        let (added, there) = sent.map_err(|error| match error {
            RemoteError::Refused { why: Refusal::Taken { there }, .. } => {
                let Card { name, version, digest: new, .. } = card.clone();
                DepotError::Taken { name, version, there, new }
            }
            RemoteError::Refused { why: Refusal::SameFileName { other, other_version }, .. } => {
                let Card { name, version, .. } = card.clone();
                DepotError::SameFileName { name, version, other, other_version }
            }
            error => DepotError::Away(error),
        })?;
        // It is what will be signed, and deployed. The same release that was there before may be another file.
        let (packed_bytes, packed_digest) = match added {
            true => (card.packed_bytes, card.packed_digest),
            false => (there.packed_bytes, there.packed_digest),
        };
        if there != (Card { packed_bytes, packed_digest, added_ms: there.added_ms, ..card.clone() }) {
            let Card { name, version, .. } = card;
            let why = format!(
                "it says that it has another artifact of `{name}` `{version}` than it was sent; `pintail depot verify \
                 {version}` tells more"
            );
            return Err(DepotError::Away(RemoteError::Strange { place: remote.place().to_owned(), why }));
        }
        if there.packed_digest == card.packed_digest {
            // Only to spare bringing it; what can't be kept is brought when it is wanted.
            let _ = self.keep_here(&there, partial);
        }
        Ok(if added { Published::Added(there) } else { Published::AlreadyThere(there) })
    }

    /// In place of what the cache has under that name: only what is there counts. A card that is of another file counts
    /// for nothing, so it is written first.
    fn keep_here(&self, card: &Card, partial: Partial) -> io::Result<()> {
        let stem = stem(&card.name, &card.version);
        let path = self.shelf.file(&stem);
        let _alone = self.shelf.alone().map_err(io::Error::other)?;
        pintail_os::files::remove_file(&path)?;
        self.shelf.write_card(card).map_err(io::Error::other)?;
        partial.replace(&path)?;
        self.forget_old(&stem);
        Ok(())
    }

    /// What can't be removed stays, and harms nothing.
    fn forget_old(&self, newest: &str) {
        let used =
            |stem: &String| fs::metadata(self.shelf.file(stem)).and_then(|found| found.modified()).ok();
        let mut stems = self.shelf.stems().unwrap_or_default();
        stems.retain(|stem| stem != newest);
        stems.sort_by_key(|stem| std::cmp::Reverse(used(stem)));
        for stem in stems.iter().skip(KEPT_MAX - 1) {
            let _ = fs::remove_file(self.shelf.file(stem));
            let _ = self.shelf.remove_beside(stem);
        }
    }
}
