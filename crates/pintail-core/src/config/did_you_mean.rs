//! What was meant by a word that isn't known: the nearest of those that are.

use super::problem::Complaint;

/// The nearest of `known`, if it's near enough to be a slip: about one wrong letter in three.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let typed = word.to_lowercase();
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&typed, known), *known))
        .filter(|(distance, known)| *distance <= (known.chars().count().max(word.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// The complaint with the nearest of `known` as its hint; if none is near, with all of them.
pub(super) fn among(complaint: Complaint, word: &str, known: &[&str]) -> Complaint {
    match nearest(word, known) {
        Some(near) => complaint.meant(near),
        None => complaint.hint(known_here(known)),
    }
}

pub(super) fn known_here(known: &[&str]) -> String {
    match known {
        [] => "nothing is known here".to_owned(),
        known => format!("known here: {}", backticked(known)),
    }
}

fn backticked(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
