//! The deployment sections of a message: headers, points, where they end. Knows the grammar of `docs/formats/notes.md`;
//! does not know git's trailers, which are taken away before, nor what a point means beyond its kind.

use super::bounds::{NOTE_BYTES_MAX, NOTES_MAX, cut, plain};
use super::note::{Fault, Kind, Note};

/// What the sections of a text say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sections {
    pub(super) notes: Vec<Note>,
    /// `- none` is among them.
    pub(super) none: bool,
    pub(super) faults: Vec<Fault>,
}

/// What a text is: it decides what a section ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// The body of a message: sections with a header in it, each up to whatever looks like the next part.
    Message,
    /// A fragment: all of it is one section.
    Fragment,
}

/// Reads the sections of `lines`. `is_trailer` says of a line whether it would be one of ours in the last paragraph.
pub(super) fn sections(lines: &[&str], text: Text, is_trailer: &dyn Fn(&str) -> bool) -> Sections {
    let mut reader = Reader { text, section: None, said: Vec::new(), squashed: false };
    if text == Text::Fragment {
        reader.section = Some(Section::default());
    }
    let mut faults = Vec::new();
    let mut number = 0;
    let mut skip = Skip::default();
    while number < lines.len() {
        let (line, next) = (lines[number], lines.get(number + 1).copied().unwrap_or_default());
        let lines_skipped = skip.lines(&lines[number..]);
        if lines_skipped > 0 {
            reader.as_it_is(&lines[number..number + lines_skipped]);
            number += lines_skipped;
        } else if line.trim_start().starts_with('>') {
            number += 1;
        } else if let Some(length) = header(line, next) {
            reader.section = Some(Section::default());
            number += length;
        } else if is_trailer(line) {
            reader.end();
            let why = "stands before the last paragraph, where trailers are neither for git nor for pintail; put it \
                       below an empty line at the message's end, beside nothing but trailers";
            // One is enough to look at it.
            if faults.len() < NOTES_MAX {
                faults.push(Fault { text: cut(plain(line), NOTE_BYTES_MAX), why: why.to_owned() });
            }
            number += 1;
        } else if let Some(said) = inline(line) {
            reader.section = Some(Section { points: None, open: Open::Paragraph, inline: true });
            reader.said.push(said.to_owned());
            number += 1;
        } else {
            reader.line(line, next);
            number += 1;
        }
    }
    said(reader.said, faults)
}

/// The points as notes.
fn said(points: Vec<String>, faults: Vec<Fault>) -> Sections {
    let mut sections = Sections { faults, ..Sections::default() };
    let points = points.iter().map(|point| plain(point)).filter(|point| !point.trim().is_empty());
    let (none, mut points): (Vec<String>, Vec<String>) = points.partition(|point| is_none(point));
    sections.none = !none.is_empty();
    if points.len() > NOTES_MAX {
        let why = format!("is one of {} points; at most {NOTES_MAX} of one message are kept", points.len());
        let first = points.drain(NOTES_MAX..).next().unwrap_or_default();
        sections.faults.push(Fault { text: cut(first, NOTE_BYTES_MAX), why });
    }
    sections.notes = points.iter().map(|point| note(point)).collect();
    sections
}

fn is_none(point: &str) -> bool {
    matches!(point.trim().trim_end_matches('.').to_lowercase().as_str(), "none" | "n/a")
}

/// A point with its kind read off. What is no kind stays text.
fn note(point: &str) -> Note {
    let (mut before, mut rest) = (false, point.trim());
    // A task list's box.
    for mark in ["[ ]", "[x]", "[X]"] {
        rest = rest.strip_prefix(mark).map_or(rest, str::trim_start);
    }
    let strip_bang = |before: &mut bool, rest: &str| -> usize {
        let stripped = rest.strip_prefix('!').map_or(rest, str::trim_start);
        *before |= stripped.len() != rest.len();
        rest.len() - stripped.len()
    };
    rest = &rest[strip_bang(&mut before, rest)..];
    let named = rest.strip_prefix('[').and_then(|inner| inner.split_once(']'));
    let named = named.and_then(|(word, rest)| Some((kind(word)?, rest.trim_start())));
    let kind = match named {
        Some((kind, after)) => {
            rest = &after[strip_bang(&mut before, after)..];
            kind
        }
        None => guess(rest),
    };
    Note { kind, before, text: cut(rest.to_owned(), NOTE_BYTES_MAX) }
}

fn kind(word: &str) -> Option<Kind> {
    Some(match word.to_lowercase().as_str() {
        "manual" => Kind::Manual,
        "schema" => Kind::Schema,
        "dep" | "dependency" => Kind::Dependency,
        "config" => Kind::Config,
        "backup" => Kind::Backup,
        "info" => Kind::Info,
        _ => return None,
    })
}

/// A label for a point without one: it changes how the point is shown, never whether it must be acknowledged.
fn guess(point: &str) -> Kind {
    let point = point.to_lowercase();
    match () {
        () if point.contains("schema change") => Kind::Schema,
        () if point.contains("new dependenc") => Kind::Dependency,
        () => Kind::Manual,
    }
}

/// Goes through the lines that are neither headers nor to be skipped.
struct Reader {
    text: Text,
    section: Option<Section>,
    /// All points so far, as written.
    said: Vec<String>,
    /// The message is a list of squashed commits: `* ` begins the next one.
    squashed: bool,
}

#[derive(Default)]
struct Section {
    /// Marker and indentation of its first point, which all others share.
    points: Option<(char, usize)>,
    open: Open,
    /// Begun by text behind the header: an empty line ends it.
    inline: bool,
}

/// What the next line may go on with.
#[derive(Clone, Copy, PartialEq, Default)]
enum Open {
    #[default]
    Nothing,
    Paragraph,
    Point,
    /// A point with an empty line below it: only what is indented still belongs to it.
    PointAbove,
}

impl Reader {
    fn end(&mut self) {
        match (self.text, &mut self.section) {
            (Text::Message, section) => *section = None,
            (Text::Fragment, Some(section)) => section.open = Open::Nothing,
            (Text::Fragment, None) => {}
        }
    }

    fn line(&mut self, line: &str, next: &str) {
        let Some(section) = &mut self.section else {
            self.squashed |= line.starts_with("* ");
            return;
        };
        if line.trim().is_empty() {
            section.open = match section.open {
                Open::Point | Open::PointAbove => Open::PointAbove,
                Open::Nothing | Open::Paragraph => Open::Nothing,
            };
            if section.inline {
                self.end();
            }
        } else if ends(line, next, section.open) {
            self.end();
        } else if let Some((indent, marker, text)) = point(line) {
            self.point(indent, marker, text);
        } else {
            self.prose(line);
        }
    }

    fn point(&mut self, indent: usize, marker: char, text: &str) {
        let Some(section) = &mut self.section else { return };
        let next_commit = self.squashed && line_of_squash(indent, marker) && section.points.is_none();
        match section.points {
            Some((_, base)) if indent > base + 1 && section.open != Open::Nothing => {
                self.add('\n', &format!("- {text}"));
                return;
            }
            Some((own, base)) if own != marker && indent <= base + 1 => return self.other(text),
            None if next_commit && section.open != Open::Nothing => return self.other(text),
            Some(_) => {}
            None => section.points = Some((marker, indent)),
        }
        section.open = Open::Point;
        self.said.push(text.to_owned());
    }

    /// A point with another marker: in a message something else begins, in a fragment there is nothing else.
    fn other(&mut self, text: &str) {
        self.end();
        if let Some(section) = &mut self.section {
            section.open = Open::Point;
            self.said.push(text.to_owned());
        }
    }

    fn prose(&mut self, line: &str) {
        let Some(section) = &mut self.section else { return };
        let text = line.trim();
        let base = section.points.map_or(0, |(_, base)| base);
        match section.open {
            Open::Paragraph | Open::Point => self.add(' ', text),
            Open::PointAbove if indentation(line) > base => {
                section.open = Open::Point;
                self.add('\n', text);
            }
            Open::PointAbove if self.text == Text::Message => self.end(),
            Open::PointAbove | Open::Nothing => {
                section.open = Open::Paragraph;
                self.said.push(text.to_owned());
            }
        }
    }

    /// Lines that are no text, such as commands between fences: they belong to the point above them.
    fn as_it_is(&mut self, lines: &[&str]) {
        let open = self.section.as_ref().map(|section| section.open);
        if !matches!(open, Some(Open::Paragraph | Open::Point | Open::PointAbove)) {
            return;
        }
        let inner =
            lines.iter().filter(|line| fence(line).is_none() && !line.trim_start().starts_with("<!--"));
        if is_comment(lines[0]) {
            return;
        }
        for line in inner {
            self.add('\n', line.trim());
        }
    }

    fn add(&mut self, between: char, text: &str) {
        if let Some(last) = self.said.last_mut() {
            // What is cut later need not grow here.
            if last.len() <= NOTE_BYTES_MAX {
                last.push(between);
                last.push_str(text);
            }
        }
    }
}

fn line_of_squash(indent: usize, marker: char) -> bool {
    indent == 0 && marker == '*'
}

/// How many lines a header takes, if this is one.
fn header(line: &str, next: &str) -> Option<usize> {
    let line = line.trim_end();
    let hashes = line.len() - line.trim_start_matches('#').len();
    if (1..=6).contains(&hashes) {
        let title = line[hashes..].strip_prefix(' ')?.trim();
        return is_key(title.strip_suffix(':').unwrap_or(title)).then_some(1);
    }
    if let Some(bold) = line.strip_prefix("**") {
        let bold = bold.strip_suffix(':').unwrap_or(bold).strip_suffix("**")?;
        return is_key(bold.strip_suffix(':').unwrap_or(bold)).then_some(1);
    }
    if let Some(key) = line.strip_suffix(':') {
        return is_key(key).then_some(1);
    }
    (is_rule(next) && is_key(line)).then_some(2)
}

fn is_key(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let first = text.strip_suffix(" notes").or(text.strip_suffix(" steps")).unwrap_or(&text);
    matches!(first, "deployment" | "deploy")
}

/// The text behind a header on its own line. With a capital only: `deploy: x` is what many call a commit about
/// deploying.
fn inline(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("Deployment")?;
    let rest = rest.strip_prefix(" notes").or(rest.strip_prefix(" Notes")).unwrap_or(rest);
    Some(rest.strip_prefix(": ")?.trim()).filter(|text| !text.is_empty())
}

/// Indentation, marker and text of a point.
fn point(line: &str) -> Option<(usize, char, &str)> {
    let inner = line.trim_start();
    let marker = inner.chars().next()?;
    let rest = match marker {
        '-' | '*' | '+' | '•' => &inner[marker.len_utf8()..],
        '0'..='9' => inner.trim_start_matches(|c: char| c.is_ascii_digit()),
        _ => return None,
    };
    let (marker, rest) = match marker.is_ascii_digit() {
        true => (rest.chars().next().filter(|c| matches!(c, '.' | ')'))?, &rest[1..]),
        false => (marker, rest),
    };
    let text = rest.strip_prefix([' ', '\t'])?.trim();
    Some((indentation(line), marker, text))
}

/// Columns before the first character; a tab goes to the next fourth.
fn indentation(line: &str) -> usize {
    let mut columns = 0;
    for c in line.chars() {
        match c {
            ' ' => columns += 1,
            '\t' => columns = (columns / 4 + 1) * 4,
            _ => break,
        }
    }
    columns
}

/// Whether another part of the message begins here: a title of any form, a rule, a trailer of git's that was squashed
/// into the middle.
fn ends(line: &str, next: &str, open: Open) -> bool {
    if line.starts_with([' ', '\t']) {
        return false;
    }
    let line = line.trim_end();
    let is_bold = line.len() > 4 && line.starts_with("**") && (line.ends_with("**") || line.ends_with("**:"));
    is_heading(line)
        || is_bold
        || is_rule(line)
        || is_rule(next) && point(line).is_none()
        || is_title(line, open)
        || is_trailer_like(line)
}

fn is_heading(line: &str) -> bool {
    let hashes = line.len() - line.trim_start_matches('#').len();
    (1..=6).contains(&hashes) && line[hashes..].starts_with(' ')
}

fn is_rule(line: &str) -> bool {
    let line = line.trim_end();
    ['-', '=', '*', '_'].iter().any(|c| line.len() >= 3 && line.chars().all(|other| other == *c))
}

/// Words of a title of our time; more are a sentence.
const TITLE_WORDS_MAX: usize = 4;

/// `Testing:` alone on its line. Directly below a text a sentence may end so; then only a capital makes a title.
fn is_title(line: &str, open: Open) -> bool {
    let Some(words) = line.strip_suffix(':') else { return false };
    let goes_on = matches!(open, Open::Paragraph | Open::Point);
    let inside = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '/' | '&' | '\'' | '_');
    words.split_whitespace().count() <= TITLE_WORDS_MAX
        && words.chars().all(inside)
        && words.chars().next().is_some_and(|c| if goes_on { c.is_uppercase() } else { c.is_alphabetic() })
}

/// `Co-authored-by: …`: a key with a dash in it.
fn is_trailer_like(line: &str) -> bool {
    let key = line.split_once(": ").map_or("", |(key, _)| key);
    key.contains('-')
        && key.starts_with(|c: char| c.is_ascii_uppercase())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Finds what is between fences or in a comment of Markdown. What is never closed is neither.
#[derive(Default)]
struct Skip {
    unclosed: Vec<&'static str>,
}

impl Skip {
    /// How many lines from the first of `lines` on are to be skipped.
    fn lines(&mut self, lines: &[&str]) -> usize {
        let (close, closes): (&'static str, fn(&str, &str) -> bool) = match fence(lines[0]) {
            Some(mark) => (mark, |line, mark| line.trim().starts_with(mark)),
            None if is_comment(lines[0]) && lines[0].contains("-->") => return 1,
            None if is_comment(lines[0]) => ("-->", |line, mark| line.contains(mark)),
            None => return 0,
        };
        if self.unclosed.contains(&close) {
            return 0;
        }
        match lines.iter().skip(1).position(|line| closes(line, close)) {
            Some(between) => between + 2,
            None => {
                self.unclosed.push(close);
                0
            }
        }
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("<!--")
}

fn fence(line: &str) -> Option<&'static str> {
    ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark))
}
