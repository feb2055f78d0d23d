//! What a Rust project declares: `Cargo.toml`.

use super::{Need, Phase};
use toml_edit::{Document, Item};

pub(super) fn manifest(text: &str) -> Vec<Need> {
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let table = document.get("dependencies").and_then(Item::as_table_like);
    let version = |item: &Item| {
        item.as_str().or(item.get("version").and_then(Item::as_str)).unwrap_or_default().to_owned()
    };
    let listed = table.iter().flat_map(|table| table.iter());
    listed.map(|(name, item)| Need::new(name, version(item), Phase::Run)).collect()
}
