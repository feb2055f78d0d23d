//! A whole message, or a fragment's body, to what it asks: its sections, its trailers, and what of them can't be read.
//! Knows the trailers that are Pintail's; does not know which tasks, targets and hosts there are.

use super::bounds::{MESSAGE_BYTES_MAX, NOTE_BYTES_MAX, NOTES_MAX, cut, plain};
use super::grammar::{Sections, Text, sections};
use super::note::{Acknowledgement, Asked, Fault, Kind, Note, TaskCall};
use super::requirement::Requirement;
use super::squashed;
use super::trailers::{Trailer, is_blank, trailers};
use crate::name::AppName;

/// What a trailer is for.
#[derive(Clone, Copy)]
enum Key {
    Run,
    RunBefore,
    Requires,
    Maintenance,
    Backup,
    Ack,
    Env,
    Id,
}

/// The trailers, exactly as they are written.
const KEYS: [(&str, Key); 8] = [
    ("Deploy-Run", Key::Run),
    ("Deploy-Run-Before", Key::RunBefore),
    ("Deploy-Requires", Key::Requires),
    ("Deploy-Maintenance", Key::Maintenance),
    ("Deploy-Backup", Key::Backup),
    ("Deploy-Ack", Key::Ack),
    ("Deploy-Env", Key::Env),
    ("Deploy-Id", Key::Id),
];
const PREFIX: &str = "Deploy-";
/// The trailer that is a note.
const NOTE: &str = "Deployment";
/// Longest word of a trailer: a target, an id, an argument.
const WORD_BYTES_MAX: usize = 200;
/// Words of a trailer: targets, arguments. Nobody means more.
const WORDS_MAX: usize = 50;

/// What a commit's message asks. The subject asks nothing.
pub fn read(message: &str) -> Asked {
    let (message, is_cut) = bounded(message);
    let squashed = squashed::messages(message);
    if squashed.is_empty() {
        return read_one(message, is_cut);
    }
    let mut all: Vec<Asked> = squashed.iter().take(NOTES_MAX).map(|inner| read_one(inner, false)).collect();
    // What was written above them.
    all.push(read_one(message.split(squashed::HEAD).next().unwrap_or_default(), is_cut));
    squashed::together(all)
}

fn read_one(message: &str, is_cut: bool) -> Asked {
    let lines: Vec<&str> = message.lines().collect();
    let (block, found) = trailers(&lines);
    let title = lines.iter().position(|line| !is_blank(line)).unwrap_or(lines.len());
    let subject = lines[title..].iter().position(|line| is_blank(line)).map_or(lines.len(), |at| title + at);
    let mut asked = Asked::default();
    asked.add(sections(lines.get(subject..block).unwrap_or_default(), Text::Message, &is_ours));
    asked.add_trailers(&lines, &found);
    if asked.ack == Acknowledgement::Required && asked.notes.is_empty() {
        let text = cut(plain(lines[title..subject].join(" ").trim()), NOTE_BYTES_MAX);
        asked.notes.push(Note { kind: Kind::Manual, before: false, text });
    }
    if is_cut && asked != Asked::default() {
        asked.too_long();
    }
    asked
}

/// What the body of a fragment asks: all of it is one section. Trailers end it if one of them is Pintail's.
pub fn read_body(body: &str) -> Asked {
    let (body, is_cut) = bounded(body);
    // Git's rule wants a title.
    let lines: Vec<&str> = ["fragment", ""].into_iter().chain(body.lines()).collect();
    let (mut block, mut found) = trailers(&lines);
    if !found.iter().any(|trailer| trailer.key.starts_with(PREFIX)) {
        (block, found) = (lines.len(), Vec::new());
    }
    let mut asked = Asked::default();
    asked.add(sections(&lines[2..block.max(2)], Text::Fragment, &is_ours));
    asked.add_trailers(&lines, &found);
    if is_cut {
        asked.too_long();
    }
    asked
}

fn bounded(text: &str) -> (&str, bool) {
    let end = text.floor_char_boundary(MESSAGE_BYTES_MAX);
    (&text[..end], end < text.len())
}

/// Whether a line is one of Pintail's trailers, were it in the last paragraph.
fn is_ours(line: &str) -> bool {
    line.split_once(':').is_some_and(|(key, _)| KEYS.iter().any(|(known, _)| *known == key))
}

impl Asked {
    fn add(&mut self, sections: Sections) {
        let room = |there: usize| NOTES_MAX.saturating_sub(there);
        let more = sections.notes.len().saturating_sub(room(self.notes.len()));
        self.notes.extend(sections.notes.into_iter().take(room(self.notes.len())));
        self.none |= sections.none;
        self.faults.extend(sections.faults.into_iter().take(room(self.faults.len())));
        if more > 0 && self.faults.len() <= NOTES_MAX {
            let why = format!("has more than {NOTES_MAX} notes; the rest was not read");
            self.faults.push(Fault { text: "the message".to_owned(), why });
        }
    }

    fn too_long(&mut self) {
        let why = format!("has more than {MESSAGE_BYTES_MAX} bytes; what is behind them was not read");
        self.faults.push(Fault { text: "the text".to_owned(), why });
    }

    fn add_trailers(&mut self, lines: &[&str], found: &[Trailer<'_>]) {
        let mut ours = 0_usize;
        for trailer in found {
            if trailer.key.eq_ignore_ascii_case(NOTE) || trailer.key.eq_ignore_ascii_case("deploy") {
                // A header alone on its line, with its points folded, or a note on one line; or neither.
                let written = &lines[trailer.line..trailer.line + trailer.lines.len()];
                self.add(sections(written, Text::Message, &|_| false));
                continue;
            }
            if !trailer.key.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX)) {
                continue;
            }
            let value = trailer.value();
            let read = match KEYS.iter().find(|(known, _)| *known == trailer.key) {
                Some((_, key)) => self.trailer(*key, &value),
                None => unknown(trailer.key),
            };
            ours += 1;
            if ours > NOTES_MAX {
                let why = format!("is one of more than {NOTES_MAX} trailers; the rest was not read");
                return self.faults.push(fault(trailer.key, &value, why));
            }
            if let Err(why) = read {
                self.faults.push(fault(trailer.key, &value, why));
            }
        }
    }

    /// Takes one trailer in.
    ///
    /// # Errors
    /// Why it can't be read.
    fn trailer(&mut self, key: Key, value: &str) -> Result<(), String> {
        match key {
            Key::Run => self.run.push(task_call(value, false)?),
            Key::RunBefore => self.run.push(task_call(value, true)?),
            Key::Requires => self.requires.push(Requirement::read(value)?),
            Key::Maintenance => self.maintenance = only(value, "required")?,
            Key::Backup => self.backup = only(value, "database")?,
            Key::Ack => {
                self.ack = match value {
                    "required" => Acknowledgement::Required,
                    "none" => Acknowledgement::None,
                    _ => return Err("can't be read; it takes `required` or `none`".to_owned()),
                }
            }
            Key::Env => {
                let words =
                    value.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
                let targets: Result<Vec<String>, String> = words.map(target).collect();
                let targets = targets?;
                if targets.is_empty() {
                    return Err("names no target".to_owned());
                }
                if targets.len() > WORDS_MAX {
                    return Err(format!("names more than {WORDS_MAX} targets"));
                }
                self.targets.extend(targets);
            }
            Key::Id => self.id = Some(id(value)?),
        }
        Ok(())
    }
}

fn fault(key: &str, value: &str, why: String) -> Fault {
    Fault { text: cut(plain(format!("{key}: {value}").trim_end()), NOTE_BYTES_MAX), why }
}

fn unknown(key: &str) -> Result<(), String> {
    let near = KEYS.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
    if let Some((known, _)) = near {
        return Err(format!("is written `{known}`"));
    }
    let known: Vec<String> = KEYS.iter().map(|(known, _)| format!("`{known}`")).collect();
    Err(format!("is no trailer of pintail's; there are {}", known.join(", ")))
}

fn only(value: &str, word: &str) -> Result<bool, String> {
    if value == word { Ok(true) } else { Err(format!("can't be read; it takes `{word}`")) }
}

fn task_call(value: &str, before: bool) -> Result<TaskCall, String> {
    let mut words = value.split_whitespace();
    let task = words.next().ok_or("names no task")?;
    task.parse::<AppName>().map_err(|error| format!("names no task: {error}"))?;
    let inside = |c: char| c.is_ascii_alphanumeric() || "._=:/@+,-".contains(c);
    let args: Vec<String> = words.map(str::to_owned).collect();
    if args.len() > WORDS_MAX {
        return Err(format!("has more than {WORDS_MAX} arguments"));
    }
    match args.iter().find(|arg| arg.len() > WORD_BYTES_MAX || !arg.chars().all(inside)) {
        Some(arg) => Err(format!(
            "has the argument `{}`; arguments have letters, digits and `._=:/@+,-` only, as no command is taken from a \
             message. Declare a task that does it",
            cut(plain(arg), WORD_BYTES_MAX)
        )),
        None => Ok(TaskCall { task: task.to_owned(), args, before }),
    }
}

/// The name of a target, as `pintail.toml` has them.
pub(super) fn target(word: &str) -> Result<String, String> {
    word.parse::<AppName>()
        .map(|name| name.as_str().to_owned())
        .map_err(|error| format!("names no target: {error}"))
}

/// A name that is the same in several commits.
pub(super) fn id(word: &str) -> Result<String, String> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match (1..=WORD_BYTES_MAX).contains(&word.len()) && word.chars().all(inside) {
        true => Ok(word.to_owned()),
        false => Err("is no id; one has letters, digits and `._-`, such as `split-users-2026`".to_owned()),
    }
}
