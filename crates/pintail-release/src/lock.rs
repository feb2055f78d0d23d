//! `pintail.lock`: which artifacts of the depot a release includes, by digest. Knows its text
//! (`docs/formats/pintail-lock.md`); does not know what is in the depot.

use pintail_core::digest::Digest;
use pintail_core::name::AppName;
use pintail_core::version::Version;
use toml_edit::{Document, Item, Table};

/// Its name, beside `pintail.toml`.
pub const LOCK_NAME: &str = "pintail.lock";
/// The format that this Pintail writes and reads.
const FORMAT: i64 = 1;

const HEAD: &str =
    "# Which artifacts this project's releases include. Written by `pintail build --lock`; commit it.\n";

/// One artifact that is included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// Its name.
    pub name: AppName,
    /// Its version.
    pub version: Version,
    /// The digest of its manifest.
    pub digest: Digest,
}

/// Reads the text of a `pintail.lock`.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn read(text: &str) -> Result<Vec<Locked>, String> {
    let document =
        Document::parse(text).map_err(|error| format!("`{LOCK_NAME}` is no TOML: {}", error.message()))?;
    let format = document.get("format").and_then(Item::as_integer);
    if format != Some(FORMAT) {
        let found = format.map_or("none".to_owned(), |format| format.to_string());
        return Err(format!("`{LOCK_NAME}` has format {found}, this pintail reads format {FORMAT}"));
    }
    let tables = document.get("include").and_then(Item::as_array_of_tables);
    tables.into_iter().flatten().map(locked).collect()
}

fn locked(table: &Table) -> Result<Locked, String> {
    let text = |key: &str| {
        let found = table.get(key).and_then(Item::as_str);
        found.ok_or_else(|| format!("`{LOCK_NAME}` has an `[[include]]` without `{key}`"))
    };
    let wrong = |error: &dyn std::fmt::Display| format!("`{LOCK_NAME}` is not as it was written: {error}");
    Ok(Locked {
        name: text("name")?.parse().map_err(|error| wrong(&error))?,
        version: text("version")?.parse().map_err(|error| wrong(&error))?,
        digest: text("digest")?.parse().map_err(|error| wrong(&error))?,
    })
}

/// Its text. Names, versions and digests have no character that TOML would want escaped.
pub fn written(locked: &[Locked]) -> String {
    let tables = locked.iter().map(|Locked { name, version, digest }| {
        format!("\n[[include]]\nname = \"{name}\"\nversion = \"{version}\"\ndigest = \"{digest}\"\n")
    });
    format!("{HEAD}format = {FORMAT}\n{}", tables.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let locked = [("DDGC-Static", "0.4.2"), ("other", "1")].map(|(name, version)| Locked {
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
            digest: Digest::of(name.as_bytes()),
        });
        let text = written(&locked);
        assert_eq!(read(&text).unwrap(), locked);
        assert_eq!(read(&written(&[])).unwrap(), []);
        insta::assert_snapshot!(text, @r#"
        # Which artifacts this project's releases include. Written by `pintail build --lock`; commit it.
        format = 1

        [[include]]
        name = "DDGC-Static"
        version = "0.4.2"
        digest = "66f2f55fa28d0c2e42c641745a7f630d227da1eed3b051a1da4c6e381e82e2df"

        [[include]]
        name = "other"
        version = "1"
        digest = "3f796163ebf94718de1cd7582655c012f995c06f1e6970ea2bdc15bcd88a324a"
        "#);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let told = [
            "",
            "format = 2",
            "format = 1\n[[include]]\nname = \"a\"",
            "x = [",
            "format = 1\n[[include]]\nname = \"a\"\nversion = \"1\"\ndigest = \"12\"",
        ]
        .map(|text| read(text).unwrap_err())
        .join("\n");
        insta::assert_snapshot!(told, @r#"
        `pintail.lock` has format none, this pintail reads format 1
        `pintail.lock` has format 2, this pintail reads format 1
        `pintail.lock` has an `[[include]]` without `version`
        `pintail.lock` is no TOML: unclosed array, expected `]`
        `pintail.lock` is not as it was written: a digest has 64 hex digits, this one has 2
        "#);
    }
}
