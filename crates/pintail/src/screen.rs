//! The only place that prints. Data to standard output, narration to standard error; readable without colour.
//!
//! Data that could not be written is remembered until the command's end: what it did on the way there (a deployment
//! under way) must not break off in its middle for that.

use pintail_core::wire::Trouble;
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The first reason why data could not be written.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Whether what others said, handed on as it came, has ended within a line.
static WITHIN_LINE: AtomicBool = AtomicBool::new(false);

/// Begins a line of our own.
fn begin_line() {
    if WITHIN_LINE.swap(false, Ordering::SeqCst) {
        let _ = writeln!(io::stderr().lock());
    }
}

/// Writes data. A reader that went away (`| head`) is no failure; anything else is told by [`close`].
fn put(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    remember(out.write_all(bytes).and_then(|()| out.flush()));
}

fn remember(written: io::Result<()>) {
    if let Err(error) = written.or_else(|error| match error.kind() {
        ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    }) {
        let _ = UNWRITTEN.set(error.to_string());
    }
}

/// Says whether all data was written, at the command's end.
///
/// # Errors
/// It was not, and why.
pub(crate) fn close() -> Result<(), Trouble> {
    match UNWRITTEN.get() {
        None => Ok(()),
        Some(why) => Err(Trouble::new("cannot write to standard output", why)
            .hint("only what it shows is missing; whatever else it was to do is done")),
    }
}

/// Tells the operator something.
pub(crate) fn narrate(text: &str) {
    begin_line();
    let mut out = std::io::stderr().lock();
    let text = if out.is_terminal() { harmless(text) } else { Cow::Borrowed(text) };
    // When nobody can read it, there is nobody to tell that.
    let _ = writeln!(out, "{text}");
}

/// `text` without what a terminal would obey: what commands and applications say could move its cursor, rename its
/// window or hide lines. Tabs and line ends stay; a carriage return within a line, as of a progress bar, begins it anew.
fn harmless(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| c.is_control() && !matches!(c, '\t' | '\n');
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            // A sequence up to its last letter: colours, the cursor.
            ('\u{1b}', Some('[')) => {
                letters.next();
                let _ = letters.by_ref().find(|c| ('@'..='~').contains(c));
            }
            // A text for the terminal up to its end: titles, links.
            ('\u{1b}', Some(']')) => {
                let _ = letters.by_ref().find(|c| matches!(c, '\u{7}' | '\u{1b}' | '\n'));
            }
            ('\r', Some(next)) if *next != '\n' => plain.push('\n'),
            (letter, _) if obeyed(letter) => {}
            (letter, _) => plain.push(letter),
        }
    }
    Cow::Owned(plain)
}

/// Prints data.
pub(crate) fn print(text: &str) {
    begin_line();
    put(format!("{text}\n").as_bytes());
}

/// Prints what has its own line ends. What is told next begins a line if this ends within one.
pub(crate) fn print_raw(text: &str, error: bool) {
    // Data that goes elsewhere stands on no line of the screen.
    if !text.is_empty() && (error || io::stdout().is_terminal()) {
        WITHIN_LINE.store(!text.ends_with('\n'), Ordering::SeqCst);
    }
    if error {
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    } else {
        put(text.as_bytes());
    }
}

/// Prints one JSON document, for people to read too.
pub(crate) fn print_document(document: &impl Serialize) {
    print(&serde_json::to_string_pretty(document).unwrap_or_default());
}

/// Prints one JSON event on a line.
pub(crate) fn print_event(event: &impl Serialize) {
    print(&serde_json::to_string(event).unwrap_or_default());
}

/// A line that the next one replaces, on a terminal; elsewhere nothing.
pub(crate) struct Line {
    lively: bool,
    shown: bool,
}

impl Line {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { lively: std::io::stderr().is_terminal(), shown: false }
    }

    /// Whether lines can be replaced.
    pub(crate) fn is_lively(&self) -> bool {
        self.lively
    }

    /// Shows `text` in place of what was shown.
    pub(crate) fn show(&mut self, text: &str) {
        if self.lively {
            begin_line();
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K{}", harmless(text));
            self.shown = true;
        }
    }

    /// Takes away what was shown.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// Whether somebody is there to be asked.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks `question`; only `y` or `yes` is one. `None` when nobody is there to ask.
pub(crate) fn ask(question: &str) -> Option<bool> {
    if !can_ask() {
        return None;
    }
    begin_line();
    let _ = write!(std::io::stderr().lock(), "{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Asks for something that nobody should see. `None` when nobody is there to ask, or who is there doesn't say it.
pub(crate) fn ask_unseen(question: &str) -> Option<String> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let said = pintail_os::terminal::unseen(|| {
        let _ = write!(std::io::stderr().lock(), "{question}: ");
    });
    // The line end that was typed was not seen either.
    let _ = writeln!(std::io::stderr().lock());
    said.ok().flatten()
}

/// Bytes for people: `512 B`, `1.5 KB`, `12 MB` (powers of 1000).
pub(crate) fn bytes(count: u64) -> String {
    pintail_core::plan::bytes_told(count)
}

/// A moment for people, in the operator's own time zone: `2026-11-23 14:05:31`.
pub(crate) fn moment(ms: u64) -> String {
    let zone = jiff::tz::TimeZone::system();
    match jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap_or(0)) {
        Ok(moment) => moment.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// How long ago, in the one unit that says most.
pub(crate) fn ago(ms: u64, now_ms: u64) -> String {
    let seconds = now_ms.saturating_sub(ms) / 1000;
    match seconds {
        0..=119 => format!("{seconds} s ago"),
        120..=7199 => format!("{} min ago", seconds / 60),
        7200..=172_799 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// Milliseconds as seconds: `0.35 s`.
pub(crate) fn seconds(ms: u64) -> String {
    format!("{:.2} s", ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for (said, shown) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("\x1b[1;31mred\x1b[0m", "red"),
            ("\x1b[2J\x1b[Hgone", "gone"),
            ("\x1b]0;title\x07text", "text"),
            ("\x1b]8;;http://x\x1b\\link", "\\link"),
            ("10%\r20%\r\n", "10%\n20%\n"),
            ("bell\x07 back\x08 \u{9b}31m", "bell back 31m"),
            ("cut \x1b[", "cut "),
        ] {
            assert_eq!(harmless(said), shown, "{said:?}");
        }
    }
}
