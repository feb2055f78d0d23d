//! Where a string stands in a TOML text. Knows no keys.

use pintail_core::wire::Trouble;
use std::ops::Range;
use toml_edit::{Document, Item, TableLike};

/// The document, whose strings know where they stand.
pub(super) fn parsed<'t>(path: &str, text: &'t str) -> Result<Document<&'t str>, Trouble> {
    Document::parse(text).map_err(|error| {
        let first = error.message().lines().next().unwrap_or_default().to_owned();
        Trouble::new(format!("cannot find the version in `{path}`"), format!("it is no TOML: {first}"))
    })
}

/// The table at `key`.
pub(super) fn table<'a>(item: Option<&'a Item>, key: &str) -> Option<&'a dyn TableLike> {
    item?.get(key)?.as_table_like()
}

/// The bytes between the quotes of a string.
pub(super) fn inside(text: &str, item: Option<&Item>) -> Option<Range<usize>> {
    let item = item?;
    let (range, value) = (item.span()?, item.as_str()?);
    let quotes = text.get(range.clone())?.find(value)?;
    Some(range.start + quotes..range.start + quotes + value.len())
}

/// Where a lock file, Cargo's or uv's, has the version of those of its packages that `is_ours` knows by themselves.
pub(super) fn locked(
    path: &str,
    lock: &str,
    is_ours: impl Fn(&toml_edit::Table) -> bool,
) -> Result<Vec<Range<usize>>, Trouble> {
    let document = parsed(path, lock)?;
    let packages = document.get("package").and_then(Item::as_array_of_tables);
    let packages =
        packages.into_iter().flat_map(|packages| packages.iter()).filter(|package| is_ours(package));
    Ok(packages.filter_map(|package| inside(lock, package.get("version"))).collect())
}
