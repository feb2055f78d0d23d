//! The cards of a whole depot: made again from nothing but the artifacts, and compared with them. Knows what a card says;
//! does not know who trusts it.

use std::path::PathBuf;

use pintail_core::name::AppName;
use pintail_core::version::Version;

use super::shelf::{Remade, stem};
use super::{Depot, DepotError};
use crate::card::Card;

/// What became of the cards of a depot.
#[derive(Debug, Default)]
pub struct MadeAnew {
    /// How many were missing, broken or wrong, and are right now.
    pub cards: usize,
    /// Those that were of another file than lies there now, a sentence each: somebody changed the one or the other.
    pub faults: Vec<String>,
}

impl Depot {
    /// Reads every artifact, and makes each card that does not say what it is, anew; one that is right is not touched.
    /// An artifact that can't be read, or a card of another format, is left as it is: [`Depot::list`] tells of it.
    ///
    /// # Errors
    /// The depot can't be read, or a card can't be written.
    pub fn remake_cards(&self) -> Result<MadeAnew, DepotError> {
        let mut made = MadeAnew::default();
        for stem in self.shelf.stems()? {
            match self.shelf.remake_card(&stem) {
                Ok(Remade::AsItWas) => {}
                Ok(Remade::Anew) => made.cards += 1,
                Ok(Remade::OfAnother { was, card }) => {
                    made.cards += 1;
                    made.faults.push(of_another(&was, &card));
                }
                Err(error @ DepotError::Write { .. }) => return Err(error),
                // Its card says what it should, so nobody else tells.
                Err(error @ DepotError::Misnamed { .. }) if self.shelf.card_at(&stem).is_ok() => {
                    made.faults.push(error.to_string());
                }
                Err(_) => {}
            }
        }
        Ok(made)
    }

    /// Where the card of one version lies on this machine, or would lie.
    pub fn card_path(&self, name: &AppName, version: &Version) -> PathBuf {
        self.shelf.card_path(&stem(name, version))
    }

    /// Whether `card` says what `made`, the card that was made of its artifact, does.
    pub(super) fn compare_card(&self, card: &Card, made: &Card) -> Result<(), DepotError> {
        let differ: Vec<&str> = [
            ("`name`", card.name != made.name),
            ("`version`", card.version != made.version),
            ("`commit`", card.commit != made.commit),
            ("`tree_bytes`", card.tree_bytes != made.tree_bytes),
            ("`files`", card.files != made.files),
            ("`added_ms`", card.added_ms != made.added_ms),
            ("`packed_bytes`", card.packed_bytes != made.packed_bytes),
            ("`packed_digest`", card.packed_digest != made.packed_digest),
            ("`digest`", card.digest != made.digest),
        ]
        .into_iter()
        .filter_map(|(what, differs)| differs.then_some(what))
        .collect();
        if card == made {
            return Ok(());
        }
        let verb = if differ.len() == 1 { "is" } else { "are" };
        let path = self.card_path(&card.name, &card.version);
        Err(DepotError::Card { path, what: format!("{} {verb}", differ.join(", ")) })
    }
}

fn of_another(was: &Card, card: &Card) -> String {
    let Card { name, version, .. } = card;
    let (what, then, now) = if was.digest == card.digest {
        ("file", was.packed_digest, card.packed_digest)
    } else {
        ("digest", was.digest, card.digest)
    };
    format!(
        "the card of `{name}` `{version}` was that of another artifact: {what} {} in the card, {} there; it is made \
         anew, find out which of the two was changed",
        then.short(),
        now.short()
    )
}
