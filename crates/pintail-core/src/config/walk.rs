//! Walks a parsed TOML text by hand, so that every mistake is reported and reading goes on. Knows TOML's types and
//! where everything stands; knows no key by name. Whatever gives `None` here has reported why.

use std::{
    fmt,
    ops::{Range, RangeInclusive},
    time::Duration,
};

use toml_edit::{ArrayOfTables, Item, Table, TableLike, Value};

use super::{
    did_you_mean, duration,
    places::{self, Place},
    problem::Complaint,
    source::Source,
};

/// A table whose keys are known.
pub(super) struct Walk<'a> {
    node: Node<'a>,
    table: &'a dyn TableLike,
    place: &'static Place,
}

/// A value or table, with its place in the text.
#[derive(Clone)]
pub(super) struct Node<'a> {
    source: &'a Source<'a>,
    shape: Shape<'a>,
    /// Its dotted key; empty for the whole text.
    path: String,
    span: Range<usize>,
}

#[derive(Clone, Copy)]
enum Shape<'a> {
    String(&'a str),
    Integer(i64),
    Flag(bool),
    /// Of a type that no key has.
    Other(&'static str),
    List(&'a toml_edit::Array),
    Tables(&'a ArrayOfTables),
    Inline(&'a dyn TableLike),
    Headed(&'a dyn TableLike),
    HeadedEntry(&'a dyn TableLike),
}

/// A type with a closed list of words.
pub(super) trait Choice: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

impl<'a> Walk<'a> {
    /// The whole text. Unknown keys are reported at once, here and wherever a table is entered.
    pub(super) fn top(source: &'a Source<'a>, table: &'a Table) -> Walk<'a> {
        let node = Node { source, shape: Shape::Headed(table), path: String::new(), span: 0..0 };
        Walk::enter(node, table, &places::TOP)
    }

    /// What stands at a key.
    pub(super) fn optional(&self, key: &str) -> Option<Node<'a>> {
        debug_assert!(self.place.keys.contains(&key), "`{key}` is missing from `places.rs`");
        let item = self.table.get(key).filter(|item| !item.is_none())?;
        Some(self.node.below(self.table, key, item))
    }

    /// What stands at a key that must be there; `example` shows how it could look.
    pub(super) fn required(&self, key: &str, example: &str) -> Option<Node<'a>> {
        let node = self.optional(key);
        if node.is_none() {
            self.missing(key, example);
        }
        node
    }

    /// Reports that a key must be there.
    pub(super) fn missing(&self, key: &str, example: &str) {
        let complaint = Complaint::new(format!("{} lacks `{key}`", self.node.label()));
        let complaint = complaint.hint(format!("such as `{key} = {example}`"));
        self.node.source.report(&self.node.span, &self.node.path_of(key), complaint);
    }

    /// What `read` makes of the key's value; `default` if it isn't there.
    pub(super) fn or<T>(&self, key: &str, default: T, read: impl FnOnce(Node<'a>) -> Option<T>) -> T {
        // After a report the whole reading fails, so then the default is only a stand-in.
        self.optional(key).and_then(read).unwrap_or(default)
    }

    /// What `read` makes of every element of the key's list; nothing if it isn't there.
    pub(super) fn each<T>(&self, key: &str, read: impl FnMut(Node<'a>) -> Option<T>) -> Vec<T> {
        let elements = self.optional(key).and_then(|node| node.list()).unwrap_or_default();
        elements.into_iter().filter_map(read).collect()
    }

    /// Reports something wrong with the table as a whole.
    pub(super) fn wrong(&self, complaint: Complaint) {
        let what = format!("{} {}", self.node.label(), complaint.what);
        self.node.source.report(&self.node.span, &self.node.path, Complaint { what, ..complaint });
    }

    fn enter(node: Node<'a>, table: &'a dyn TableLike, place: &'static Place) -> Walk<'a> {
        let walk = Walk { node, table, place };
        for (key, item) in table.iter().filter(|(key, _)| !place.keys.contains(key)) {
            walk.unknown(key, item);
        }
        walk
    }

    fn unknown(&self, key: &str, item: &Item) {
        let kind = match item {
            Item::Table(_) => format!("unknown table `[{}]`", self.node.path_of(key)),
            Item::ArrayOfTables(_) => format!("unknown table `[[{}]]`", self.node.path_of(key)),
            _ if self.node.path.is_empty() => format!("unknown key `{}` at the top of the file", Shown(key)),
            _ => format!("unknown key `{}` in {}", Shown(key), self.node.label()),
        };
        let complaint = Complaint::new(kind);
        let elsewhere = places::elsewhere(key);
        let complaint = match (did_you_mean::nearest(key, self.place.keys), &elsewhere[..]) {
            (Some(near), _) => complaint.meant(as_typed(&self.node.path_of(near), near, item)),
            (None, []) => complaint.hint(did_you_mean::known_here(self.place.keys)),
            (None, [place]) if place.name == places::TOP.name => {
                complaint.hint(format!("`{key}` belongs at the top of the file, above the first table"))
            }
            (None, places) => {
                let named: Vec<_> = places.iter().map(|place| format!("`{}`", place.name)).collect();
                complaint.hint(format!("`{key}` belongs in {}", named.join(" or ")))
            }
        };
        let span = key_span(self.table, key).unwrap_or_else(|| self.node.span.clone());
        self.node.source.report(&span, &self.node.path_of(key), complaint);
    }
}

impl<'a> Node<'a> {
    /// Reports what is wrong with it.
    pub(super) fn wrong(&self, complaint: Complaint) {
        let what = format!("`{}` {}", self.path, complaint.what);
        self.source.report(&self.span, &self.path, Complaint { what, ..complaint });
    }

    /// A text of one or more lines, not blank.
    pub(super) fn text(&self) -> Option<&'a str> {
        let Shape::String(text) = self.shape else {
            return self.must_be("a string");
        };
        let complaint = match text {
            blank if blank.trim().is_empty() => Complaint::new("is an empty string"),
            // Neither an argument nor a path can carry it.
            text if text.contains('\0') => Complaint::new("contains a NUL character"),
            text => return Some(text),
        };
        self.wrong(complaint);
        None
    }

    /// A text of one line, not blank, without control characters: these could break out of the unit, front
    /// or terminal line where it will stand.
    pub(super) fn line(&self) -> Option<&'a str> {
        let text = self.text()?;
        let Some(control) = text.chars().find(|c| c.is_control()) else {
            return Some(text);
        };
        self.wrong(Complaint::new(format!("contains the control character {control:?}")));
        None
    }

    /// What `parse` makes of a text of one line.
    pub(super) fn parse<T>(&self, parse: impl FnOnce(&'a str) -> Result<T, Complaint>) -> Option<T> {
        let text = self.line()?;
        self.settle(parse(text))
    }

    /// The value, or a report.
    pub(super) fn settle<T>(&self, result: Result<T, Complaint>) -> Option<T> {
        result.map_err(|complaint| self.wrong(complaint)).ok()
    }

    /// An integer in this range.
    pub(super) fn integer<T: TryFrom<i64>>(&self, range: RangeInclusive<i64>) -> Option<T> {
        let Shape::Integer(number) = self.shape else {
            return self.must_be("an integer");
        };
        let fitting =
            Some(number).filter(|number| range.contains(number)).and_then(|number| number.try_into().ok());
        if fitting.is_none() {
            let (least, most) = (range.start(), range.end());
            self.wrong(Complaint::new(format!("is {number}; it must be from {least} to {most}")));
        }
        fitting
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        match self.shape {
            Shape::Flag(flag) => Some(flag),
            _ => self.must_be("true or false"),
        }
    }

    /// A duration in this range.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        if let Shape::Integer(number) = self.shape {
            let complaint = Complaint::new(format!("is {number}, without a unit"));
            self.wrong(complaint.meant(format!("\"{}s\"", number.unsigned_abs())));
            return None;
        }
        self.parse(|text| duration::within(duration::parse(text)?, &range, text))
    }

    /// One of a closed list of words.
    pub(super) fn choice<T: Choice>(&self) -> Option<T> {
        self.parse(|word| match T::WORDS.iter().find(|(known, _)| *known == word) {
            Some((_, choice)) => Ok(*choice),
            None => {
                let known: Vec<_> = T::WORDS.iter().map(|(known, _)| *known).collect();
                let complaint = Complaint::new(format!("is `{word}`, which is not known"));
                Err(did_you_mean::among(complaint, word, &known))
            }
        })
    }

    /// The elements of a list.
    pub(super) fn list(&self) -> Option<Vec<Node<'a>>> {
        let of_value = |value: &'a Value| self.element(Shape::value(value), value.span());
        let of_table = |table: &'a Table| self.element(Shape::HeadedEntry(table), table.span());
        match self.shape {
            Shape::List(array) => Some(array.iter().map(of_value).collect()),
            Shape::Tables(tables) => Some(tables.iter().map(of_table).collect()),
            _ => self.must_be("a list"),
        }
    }

    /// The entries of a table whose keys are free, each with a node for the key itself.
    pub(super) fn entries(&self) -> Option<Vec<(Node<'a>, &'a str, Node<'a>)>> {
        let Some(table) = self.shape.table() else {
            return self.must_be("a table");
        };
        Some(table.iter().map(|(key, item)| self.entry(table, key, item)).collect())
    }

    fn entry(&self, table: &'a dyn TableLike, key: &'a str, item: &'a Item) -> (Node<'a>, &'a str, Node<'a>) {
        let value = self.below(table, key, item);
        let span = key_span(table, key).unwrap_or_else(|| value.span.clone());
        let name = Node { shape: Shape::String(key), span, path: value.path.clone(), ..self.clone() };
        (name, key, value)
    }

    /// The table with the keys of this place.
    pub(super) fn table(self, place: &'static Place) -> Option<Walk<'a>> {
        match self.shape.table() {
            Some(table) => Some(Walk::enter(self, table, place)),
            None => self.must_be("a table"),
        }
    }

    pub(super) fn is_string(&self) -> bool {
        matches!(self.shape, Shape::String(_))
    }

    fn must_be<T>(&self, wanted: &str) -> Option<T> {
        let complaint = Complaint::new(format!("must be {wanted}, not {}", self.shape.name()));
        self.wrong(match (wanted, self.shape) {
            ("a string", Shape::Integer(number)) => complaint.meant(format!("\"{number}\"")),
            ("a list", Shape::Headed(_)) => complaint.meant(format!("[[{}]]", self.path)),
            ("a list", Shape::String(text)) => complaint.meant(format!("[{:?}]", text)),
            ("an integer", Shape::String(text)) if text.parse::<i64>().is_ok() => complaint.meant(text),
            ("true or false", Shape::String("true" | "yes")) => complaint.meant("true"),
            ("true or false", Shape::String("false" | "no")) => complaint.meant("false"),
            _ => complaint,
        });
        None
    }

    fn below(&self, table: &'a dyn TableLike, key: &str, item: &'a Item) -> Node<'a> {
        let span = item.span().or_else(|| key_span(table, key)).unwrap_or_else(|| self.span.clone());
        Node { source: self.source, shape: Shape::item(item), path: self.path_of(key), span }
    }

    /// An element goes by its list's key: the line says which it is.
    fn element(&self, shape: Shape<'a>, span: Option<Range<usize>>) -> Node<'a> {
        Node { shape, span: span.unwrap_or_else(|| self.span.clone()), ..self.clone() }
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => Shown(key).to_string(),
            path => format!("{path}.{}", Shown(key)),
        }
    }

    fn label(&self) -> String {
        match self.shape {
            _ if self.path.is_empty() => "the top of the file".to_owned(),
            Shape::Headed(_) => format!("`[{}]`", self.path),
            Shape::HeadedEntry(_) => format!("`[[{}]]`", self.path),
            _ => format!("`{}`", self.path),
        }
    }
}

impl<'a> Shape<'a> {
    fn item(item: &'a Item) -> Shape<'a> {
        match item {
            Item::None => Shape::Other("nothing"),
            Item::Value(value) => Shape::value(value),
            Item::Table(table) if table.is_dotted() => Shape::Inline(table),
            Item::Table(table) => Shape::Headed(table),
            Item::ArrayOfTables(tables) => Shape::Tables(tables),
        }
    }

    fn value(value: &'a Value) -> Shape<'a> {
        match value {
            Value::String(text) => Shape::String(text.value()),
            Value::Integer(number) => Shape::Integer(*number.value()),
            Value::Float(_) => Shape::Other("a number with a point"),
            Value::Boolean(flag) => Shape::Flag(*flag.value()),
            Value::Datetime(_) => Shape::Other("a date"),
            Value::Array(array) => Shape::List(array),
            Value::InlineTable(table) => Shape::Inline(table),
        }
    }

    fn table(self) -> Option<&'a dyn TableLike> {
        match self {
            Shape::Inline(table) | Shape::Headed(table) | Shape::HeadedEntry(table) => Some(table),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Shape::String(_) => "a string",
            Shape::Integer(_) => "an integer",
            Shape::Flag(_) => "true or false",
            Shape::Other(name) => name,
            Shape::List(_) => "a list",
            Shape::Tables(_) => "a list of tables",
            Shape::Inline(_) | Shape::Headed(_) | Shape::HeadedEntry(_) => "a table",
        }
    }
}

/// A key as it may be shown: whatever is no plain text in it is escaped, so that it stays on its line.
struct Shown<'k>(&'k str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.chars().any(char::is_control) {
            true => write!(f, "{}", self.0.escape_debug()),
            false => f.write_str(self.0),
        }
    }
}

/// A key in the brackets that were typed around it.
fn as_typed(path: &str, key: &str, item: &Item) -> String {
    match item {
        Item::Table(table) if !table.is_dotted() => format!("[{path}]"),
        Item::ArrayOfTables(_) => format!("[[{path}]]"),
        _ => key.to_owned(),
    }
}

fn key_span(table: &dyn TableLike, key: &str) -> Option<Range<usize>> {
    table.key(key).and_then(|key| key.span())
}
