//! `Cargo.toml`.

use super::Dependency;
use toml_edit::{Document, Item};

pub(super) fn manifest(content: &str) -> Vec<Dependency> {
    let Ok(document) = Document::parse(content) else { return Vec::new() };
    let table = document.get("dependencies").and_then(Item::as_table_like);
    let version = |item: &Item| {
        item.as_str().or(item.get("version").and_then(Item::as_str)).unwrap_or_default().to_owned()
    };
    table.iter().flat_map(|table| table.iter()).map(|(name, item)| (name.to_owned(), version(item))).collect()
}
