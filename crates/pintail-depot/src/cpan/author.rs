//! Who may publish what: the authors, as `authors.toml` in the depot's folder says. Knows its form; does not know
//! what has been published.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use toml_edit::{DocumentMut, Item, Table, TableLike, Value, value};

use super::package::PackageName;

/// Most bytes of `authors.toml`, 1 MiB: some thousand authors, by hand.
pub const AUTHORS_BYTES_MAX: u64 = 1 << 20;

/// Longest id in bytes. PAUSE has 9; it is a folder's name.
const ID_BYTES_MAX: usize = 32;

/// Longest name or address in bytes.
const TEXT_BYTES_MAX: usize = 200;

/// An author's id: two capital letters, then capital letters, digits and `-`. Other ids are not seen by the programs
/// that take a path apart (`D/DD/DDGC/…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuthorId(String);

impl AuthorId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder of the author below `authors/id`.
    pub fn folder(&self) -> String {
        format!("{}/{}/{}", &self.0[..1], &self.0[..2], self.0)
    }
}

/// A text that isn't an author's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an author's id has two capital letters, then capital letters, digits and `-`, {ID_BYTES_MAX} in all at most"
)]
pub struct AuthorIdError {
    /// The text, its beginning only.
    pub typed: String,
}

impl FromStr for AuthorId {
    type Err = AuthorIdError;

    fn from_str(typed: &str) -> Result<Self, AuthorIdError> {
        let bytes = typed.as_bytes();
        let is_id = (2..=ID_BYTES_MAX).contains(&bytes.len())
            && bytes[..2].iter().all(u8::is_ascii_uppercase)
            && bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'-');
        if is_id {
            Ok(AuthorId(typed.to_owned()))
        } else {
            Err(AuthorIdError { typed: crate::shown::name(bytes) })
        }
    }
}

impl fmt::Display for AuthorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The name, for people.
    pub name: String,
    /// Where to write to.
    pub email: String,
    /// Packages of other authors that this one may add to as well.
    pub may: Vec<Grant>,
}

/// Packages: one by its name, all below one (`DDG::*`), or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    text: String,
}

impl Grant {
    /// Whether it is about that package. `DDG::*` is about `DDG::Goodie`, not about `DDG` itself.
    pub fn covers(&self, package: &PackageName) -> bool {
        match self.text.strip_suffix('*') {
            Some(below) => package.as_str().starts_with(below),
            None => package.as_str() == self.text,
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let is_all_below =
            typed.strip_suffix("::*").is_some_and(|above| above.parse::<PackageName>().is_ok());
        if typed == "*" || is_all_below || typed.parse::<PackageName>().is_ok() {
            Ok(Grant { text: typed.to_owned() })
        } else {
            let shown = crate::shown::name(typed.as_bytes());
            Err(format!("`{shown}` is no package; write `My::App`, `My::App::*`, or `*`"))
        }
    }
}

impl Author {
    /// The author that `NAME <ADDRESS>` tells, who may nothing beside.
    pub fn parse(told: &str) -> Result<Author, String> {
        let split = told.trim().strip_suffix('>').and_then(|told| told.split_once('<'));
        let Some((name, email)) = split else {
            let shown = crate::shown::name(told.as_bytes());
            return Err(format!("`{shown}` is no author; write \"NAME <ADDRESS>\""));
        };
        Ok(Author { name: name_of(name.trim())?, email: email_of(email.trim())?, may: Vec::new() })
    }
}

/// The line of the index of authors has both in quotes and angle brackets, one author a line.
fn name_of(text: &str) -> Result<String, String> {
    let fits = |c: char| !c.is_control() && !"\"<>\\".contains(c);
    if text.is_empty() || text.len() > TEXT_BYTES_MAX || !text.chars().all(fits) {
        let shown = crate::shown::name(text.as_bytes());
        return Err(format!(
            "`{shown}` is no author's name: one line of 1 to {TEXT_BYTES_MAX} bytes without `\"`, `<`, `>` and `\\`"
        ));
    }
    Ok(text.to_owned())
}

fn email_of(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_graphic() && !"\"<>\\".contains(c);
    if !text.contains('@') || text.len() > TEXT_BYTES_MAX || !text.chars().all(fits) {
        return Err(format!(
            "`{}` is no address; write `name@example.com`",
            crate::shown::name(text.as_bytes())
        ));
    }
    Ok(text.to_owned())
}

/// The authors of a depot, by id.
#[derive(Debug, Clone, Default)]
pub struct Authors {
    authors: BTreeMap<AuthorId, Author>,
}

impl Authors {
    /// Reads `authors.toml`.
    ///
    /// # Errors
    /// Everything that is wrong with it, with lines.
    pub fn read(text: &str) -> Result<Authors, Vec<String>> {
        let document = match toml_edit::Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let line = line_of(text, error.span());
                return Err(vec![format!("line {line}: {}", error.message().trim_end().replace('\n', "; "))]);
            }
        };
        let mut reader = Reader { text, wrong: Vec::new() };
        let authors = reader.all(document.as_table());
        if reader.wrong.is_empty() { Ok(Authors { authors }) } else { Err(reader.wrong) }
    }

    /// One of them.
    pub fn find(&self, id: &AuthorId) -> Option<&Author> {
        self.authors.get(id)
    }

    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&AuthorId, &Author)> {
        self.authors.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.authors.is_empty()
    }
}

/// `authors.toml` with `id` being called so; all else in it stays as its writer wrote it, what the author may too.
///
/// # Errors
/// Everything that is wrong with the text that is there.
pub(crate) fn with_author(text: &str, id: &AuthorId, author: &Author) -> Result<String, Vec<String>> {
    Authors::read(text)?;
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| vec![error.to_string()])?;
    let authors = document.entry("authors").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let wrong = || vec!["`authors` is no table".to_owned()];
    let authors = authors.as_table_like_mut().ok_or_else(wrong)?;
    let entry = authors.entry(id.as_str()).or_insert_with(|| Item::Table(Table::new()));
    let entry = entry.as_table_like_mut().ok_or_else(wrong)?;
    set(entry, "name", &author.name);
    set(entry, "email", &author.email);
    Ok(document.to_string())
}

/// What stands behind the value, a comment mostly, stays.
fn set(table: &mut dyn TableLike, key: &str, text: &str) {
    let mut new = value(text);
    if let (Some(old), Some(new)) = (table.get(key).and_then(Item::as_value), new.as_value_mut()) {
        *new.decor_mut() = old.decor().clone();
    }
    table.insert(key, new);
}

/// Walks the text by hand, so that every mistake is told.
struct Reader<'a> {
    text: &'a str,
    wrong: Vec<String>,
}

impl Reader<'_> {
    fn all(&mut self, top: &Table) -> BTreeMap<AuthorId, Author> {
        let mut authors = BTreeMap::new();
        for (key, item) in top.iter() {
            match item.as_table_like().filter(|_| key == "authors") {
                Some(table) => authors.extend(table.iter().filter_map(|(id, item)| self.one(id, item))),
                None if key == "authors" => {
                    self.complain(item, "`authors` is no table; write `[authors.ID]`")
                }
                None => self.complain(item, format!("`{key}` is not known here; write `[authors.ID]`")),
            }
        }
        authors
    }

    fn one(&mut self, id: &str, item: &Item) -> Option<(AuthorId, Author)> {
        let parsed: Result<AuthorId, AuthorIdError> = id.parse();
        let parsed = parsed.map_err(|error| self.complain(item, format!("`authors.{id}`: {error}"))).ok();
        let Some(table) = item.as_table_like() else {
            self.complain(item, format!("`authors.{id}` is no table; write `[authors.{id}]`"));
            return None;
        };
        for (key, item) in table.iter().filter(|(key, _)| !["name", "email", "may"].contains(key)) {
            self.complain(
                item,
                format!("`authors.{id}.{key}` is not known; there are `name`, `email`, `may`"),
            );
        }
        let name = self.text_at(id, item, table, "name", name_of);
        let email = self.text_at(id, item, table, "email", email_of);
        let may = table.get("may").map_or(Vec::new(), |item| self.grants(id, item));
        Some((parsed?, Author { name: name?, email: email?, may }))
    }

    fn text_at(
        &mut self,
        id: &str,
        author: &Item,
        table: &dyn TableLike,
        key: &str,
        read: impl FnOnce(&str) -> Result<String, String>,
    ) -> Option<String> {
        let Some(item) = table.get(key) else {
            self.complain(author, format!("`authors.{id}` lacks `{key}`"));
            return None;
        };
        let Some(text) = item.as_str() else {
            self.complain(item, format!("`authors.{id}.{key}` is no text in quotes"));
            return None;
        };
        read(text).map_err(|why| self.complain(item, format!("`authors.{id}.{key}`: {why}"))).ok()
    }

    fn grants(&mut self, id: &str, item: &Item) -> Vec<Grant> {
        let Some(list) = item.as_array() else {
            self.complain(item, format!("`authors.{id}.may` is no list; write `may = [\"My::App::*\"]`"));
            return Vec::new();
        };
        list.iter().filter_map(|one| self.grant(id, item, one)).collect()
    }

    fn grant(&mut self, id: &str, item: &Item, one: &Value) -> Option<Grant> {
        let parsed =
            one.as_str().ok_or_else(|| "it has something that is no text".to_owned()).and_then(str::parse);
        parsed.map_err(|why: String| self.complain(item, format!("`authors.{id}.may`: {why}"))).ok()
    }

    fn complain(&mut self, item: &Item, what: impl fmt::Display) {
        let line = line_of(self.text, item.span());
        self.wrong.push(format!("line {line}: {what}"));
    }
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    before.matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# who may publish\n[authors.DDGC]\nname = \"DuckDuckGo Community\"   # the group\n\
                        email = \"ddgc@example.com\"\nmay = [\"DDG::*\", \"App::Duck\"]\n";

    #[test]
    fn ids_are_those_that_paths_are_taken_apart_by() {
        for id in ["DD", "DDGC", "AB-1", "A1B"] {
            let parsed = id.parse::<AuthorId>();
            assert_eq!(parsed.is_ok(), id != "A1B", "{id}");
        }
        for id in ["", "D", "ddgc", "Ddgc", "1AB", "DD/..", "DDGC\n", "DÖ", &"A".repeat(33)] {
            assert!(id.parse::<AuthorId>().is_err(), "{id}");
        }
        assert_eq!("DDGC".parse::<AuthorId>().unwrap().folder(), "D/DD/DDGC");
    }

    #[test]
    fn a_grant_covers_what_it_names() {
        let authors = Authors::read(GOOD).unwrap();
        let author = authors.find(&"DDGC".parse().unwrap()).unwrap();
        let may = |package: &str| author.may.iter().any(|grant| grant.covers(&package.parse().unwrap()));
        for (package, expected) in [
            ("DDG::Goodie", true),
            ("DDG::A::B", true),
            ("DDG", false),
            ("DDGx::A", false),
            ("App::Duck", true),
            ("App::Duck::X", false),
        ] {
            assert_eq!(may(package), expected, "{package}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_line() {
        let text = "author = 1\n[authors.ddgc]\nname = 1\n[authors.DDGC]\nname = \"a\\nb\"\nmail = \"x\"\nmay = [\"a b\", 1]\n[authors.XX]\n\
                    name = \"X\"\nemail = \"nowhere\"\nmay = \"*\"\n";
        let wrong = Authors::read(text).unwrap_err();
        insta::assert_snapshot!(wrong.join("\n"));
        assert_eq!(Authors::read("x = [").unwrap_err().len(), 1);
    }

    #[test]
    fn writing_an_author_leaves_the_rest_as_it_is() {
        let author = Author::parse("Jo Doe <jo@example.com>").unwrap();
        let added = with_author(GOOD, &"JODOE".parse().unwrap(), &author).unwrap();
        assert_eq!(
            added,
            format!("{GOOD}\n[authors.JODOE]\nname = \"Jo Doe\"\nemail = \"jo@example.com\"\n")
        );
        let renamed = with_author(GOOD, &"DDGC".parse().unwrap(), &author).unwrap();
        let expected = GOOD.replace("DuckDuckGo Community", "Jo Doe").replace("ddgc@", "jo@");
        assert_eq!(renamed, expected);
        let first = with_author("", &"JODOE".parse().unwrap(), &author).unwrap();
        assert_eq!(first, "[authors.JODOE]\nname = \"Jo Doe\"\nemail = \"jo@example.com\"\n");
        assert!(with_author("x = 1", &"JODOE".parse().unwrap(), &author).is_err());
    }

    #[test]
    fn what_is_no_author_is_refused() {
        for told in [
            "",
            "Jo",
            "Jo <>",
            "<jo@example.com>",
            "Jo <jo>",
            "J\"o <jo@example.com>",
            "Jo\nDoe <jo@example.com>",
        ] {
            assert!(Author::parse(told).is_err(), "{told}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\[authors\\.[A-Z]{2}\\]\n|name = \"[a-z]*\"\n|email = .{0,9}\n|may = \\[.{0,9}\\]\n|.{0,20}\n){0,6}") {
            let _ = Authors::read(&text);
            if let Ok(written) = with_author(&text, &"ZZ".parse().unwrap(), &Author::parse("Z <z@example.com>").unwrap()) {
                assert!(Authors::read(&written).unwrap().find(&"ZZ".parse().unwrap()).is_some());
            }
        }
    }
}
