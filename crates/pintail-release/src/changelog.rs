//! The section of a release in the project's change log, in the form that the file has. Pure; which commits there are it
//! is told.

use crate::edit::Change;

/// The names that a change log has, the usual ones first.
pub const NAMES: [&str; 6] = ["CHANGELOG.md", "CHANGES.md", "CHANGELOG", "Changes", "CHANGES", "Changelog"];

/// What a section is made of.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// The version.
    pub version: &'a str,
    /// The day, `2026-11-25`.
    pub day: &'a str,
    /// The commits' subjects, newest first.
    pub subjects: &'a [String],
}

/// What changes in the log `text`, or `None` where it has a section of that version already.
///
/// A section called `Unreleased` (or dzil's `{{$NEXT}}`) becomes that of the version; what was written there stays, and
/// the subjects come in only where nothing was. Else a new section stands before the first one. By its name it may be known
/// to be Markdown, where nothing in it says so yet.
pub fn change(text: &str, section: &Section<'_>, is_markdown: bool) -> Option<Change> {
    let mut change = change_of(text, section, is_markdown)?;
    // As its lines end, so do the new ones; what is there already has its own ends in both.
    if text.contains("\r\n") && !text.replace("\r\n", "").contains('\n') {
        change.new = change.new.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    Some(change)
}

fn change_of(text: &str, section: &Section<'_>, is_markdown: bool) -> Option<Change> {
    let lines: Vec<Line<'_>> = lines(text);
    let form = if is_markdown
        || lines.iter().any(|line| line.text.starts_with("# ") || line.text.starts_with("## "))
    {
        Form::Markdown
    } else {
        Form::Changes
    };
    if lines.iter().any(|line| form.version(line.text) == Some(section.version)) {
        return None;
    }
    let waiting = lines.iter().position(|line| is_waiting(form, line.text));
    Some(match waiting {
        Some(index) => renamed(form, text, &lines, index, section),
        None => inserted(form, text, &lines, section),
    })
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `## [1.0.0] - 2026-11-25`, and lists with `-`.
    Markdown,
    /// `0.940  2026-11-25` at the beginning of a line, and what belongs to it indented: CPAN's.
    Changes,
}

#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    at: usize,
    /// Without its end.
    text: &'a str,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut at = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let here = Line { at, text: line.trim_end_matches(['\n', '\r']) };
            at += line.len();
            here
        })
        .collect()
}

impl Form {
    /// The version that a section's first line is of.
    fn version(self, line: &str) -> Option<&str> {
        let title = self.title(line)?;
        let word = title.trim_start_matches(['[', 'v']).split([' ', '\t', ']', ':', ',']).next()?;
        word.starts_with(|c: char| c.is_ascii_digit()).then_some(word)
    }

    /// What stands in a section's first line.
    fn title(self, line: &str) -> Option<&str> {
        match self {
            Form::Markdown => line.strip_prefix("## ").map(str::trim),
            Form::Changes => Some(line).filter(|line| !line.is_empty() && !line.starts_with([' ', '\t'])),
        }
    }

    fn head(self, section: &Section<'_>, lines: &[Line<'_>]) -> String {
        let Section { version, day, .. } = section;
        // As the sections before have it.
        let before = lines.iter().find(|line| self.version(line.text).is_some()).map(|line| line.text);
        match self {
            Form::Markdown if before.is_none_or(|line| line.starts_with("## [")) => {
                format!("## [{version}] - {day}")
            }
            Form::Markdown if before.is_some_and(|line| line.contains('(')) => {
                format!("## {version} ({day})")
            }
            Form::Markdown => format!("## {version} - {day}"),
            Form::Changes => format!("{version}  {day}"),
        }
    }

    fn list(self, section: &Section<'_>, lines: &[Line<'_>]) -> String {
        let bullet = match self {
            Form::Markdown => "- ",
            Form::Changes => lines.iter().find_map(|line| bullet(line.text)).unwrap_or("  - "),
        };
        let nothing = ["nothing but the version".to_owned()];
        let subjects = if section.subjects.is_empty() { &nothing } else { section.subjects };
        subjects.iter().map(|subject| format!("{bullet}{}\n", plain(subject))).collect()
    }
}

/// A subject as a line of a list: control characters in it would be obeyed by who shows the file.
fn plain(subject: &str) -> String {
    subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// What an indented line begins with, up to its text, if it is one of a list.
fn bullet(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let indent = line.len() - text.len();
    let is_list = indent > 0 && (text.starts_with("- ") || text.starts_with("* "));
    is_list.then(|| &line[..indent + 2])
}

/// Whether the section waits for its version.
fn is_waiting(form: Form, line: &str) -> bool {
    let title = form.title(line).unwrap_or_default();
    let word = title.trim_matches(['[', ']', ':']);
    word.eq_ignore_ascii_case("unreleased") || title == "{{$NEXT}}"
}

/// The waiting section gets its name, and its list where it has none.
fn renamed(form: Form, text: &str, lines: &[Line<'_>], index: usize, section: &Section<'_>) -> Change {
    let line = lines[index];
    let next = lines[index + 1..].iter().find(|line| match form {
        Form::Markdown => form.title(line.text).is_some() || line.text.starts_with("# "),
        Form::Changes => form.title(line.text).is_some(),
    });
    let end = next.map_or(text.len(), |next| next.at);
    let behind = line.at + line.text.len();
    let is_empty = text[behind..end].trim().is_empty();
    let kept = if line.text == "{{$NEXT}}" { "{{$NEXT}}\n\n" } else { "" };
    let head = match form {
        Form::Markdown if line.text.contains('[') => format!("## [{}] - {}", section.version, section.day),
        _ => form.head(section, lines),
    };
    if !is_empty {
        return Change { at: line.at, old: line.text.to_owned(), new: format!("{kept}{head}") };
    }
    let gap = if form == Form::Markdown { "\n" } else { "" };
    let last = if next.is_some() { "\n" } else { "" };
    let new = format!("{kept}{head}\n{gap}{}{last}", form.list(section, lines));
    Change { at: line.at, old: text[line.at..end].to_owned(), new }
}

/// A new section, before the first one; at the end of a log without any.
fn inserted(form: Form, text: &str, lines: &[Line<'_>], section: &Section<'_>) -> Change {
    let first = lines.iter().find(|line| match form {
        Form::Markdown => form.title(line.text).is_some(),
        Form::Changes => form.version(line.text).is_some(),
    });
    let gap = if form == Form::Markdown { "\n" } else { "" };
    let written = format!("{}\n{gap}{}", form.head(section, lines), form.list(section, lines));
    match first {
        Some(line) => Change { at: line.at, old: String::new(), new: format!("{written}\n") },
        None => {
            let before = match text {
                "" => "",
                text if text.ends_with("\n\n") => "",
                text if text.ends_with('\n') => "\n",
                _ => "\n\n",
            };
            Change { at: text.len(), old: String::new(), new: format!("{before}{written}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_its_line_ends_and_its_name_s_form() {
        let subjects = ["one".to_owned()];
        let section = Section { version: "1.1", day: "2026-11-25", subjects: &subjects };
        let crlf = "# Changes\r\n\r\n## [1.0]\r\n\r\n- a\r\n";
        let made = change(crlf, &section, true).unwrap();
        assert_eq!(made.new, "## [1.1] - 2026-11-25\r\n\r\n- one\r\n\r\n");
        for text in ["", "\u{feff}# Changes\n"] {
            let made = change(text, &section, true).unwrap();
            assert!(made.new.contains("## [1.1] - 2026-11-25\n\n- one\n"), "{text:?}: {}", made.new);
        }
    }

    /// The log with the section of 1.1 in it.
    fn with(text: &str, subjects: &[&str]) -> Option<String> {
        let subjects: Vec<String> = subjects.iter().map(|s| (*s).to_owned()).collect();
        let section = Section { version: "1.1", day: "2026-11-25", subjects: &subjects };
        change(text, &section, false).map(|Change { at, old, new }| {
            assert!(text[at..].starts_with(&old));
            format!("{}{new}{}", &text[..at], &text[at + old.len()..])
        })
    }

    #[test]
    fn every_form_of_a_log_gets_its_section() {
        let logs = [
            "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- by hand\n\n## [1.0] - 2026-01-01\n\n- old\n",
            "# Changelog\n\n## Unreleased\n\n## 1.0 - 2026-01-01\n\n- old\n",
            "# Changelog\n\nIntroduction.\n\n## 1.0 (2026-01-01)\n\n- old\n",
            "# Changelog\n",
            "## [Unreleased]",
            "",
            "Revision history for DDGC\n\n{{$NEXT}}\n\n0.940  2026-01-01\n    * old\n",
            "Revision history for DDGC\n\n{{$NEXT}}\n  - by hand\n\n0.940  2026-01-01\n    * old\n",
            "Revision history for DDGC\n\n0.940  2026-01-01\n    * old\n",
            "0.940\n",
        ];
        let told: Vec<String> = logs
            .iter()
            .map(|log| {
                format!("{log}\n=====>\n{}", with(log, &["fix: a \u{1b}[31mbug", "feat: caf\u{e9}"]).unwrap())
            })
            .collect();
        insta::assert_snapshot!(told.join("\n==========\n"));
    }

    #[test]
    fn a_section_that_is_there_stays() {
        assert_eq!(with("# C\n\n## [1.1] - 2020-01-01\n", &["x"]), None);
        assert_eq!(with("1.1 2020-01-01\n - x\n", &["x"]), None);
        assert!(
            with("# C\n\n## 1.10\n", &[])
                .unwrap()
                .contains("## 1.1 - 2026-11-25\n\n- nothing but the version\n")
        );
    }
}
