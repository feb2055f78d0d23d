//! The section of a release in the project's change log, in the form that the file has. Pure; which commits there are it
//! is told.

mod heading;

use crate::edit::Change;
use heading::{Form, Heading};

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
/// the subjects come in only where nothing was. Else a new section stands before the first one. One of the version that says
/// `unreleased` instead of its day gets it. By its name the log may be known to be Markdown, where nothing in it says so yet.
pub fn change(text: &str, section: &Section<'_>, is_markdown: bool) -> Option<Change> {
    let mut change = change_of(text, section, is_markdown)?;
    // As its lines end, so do the new ones; what is there already has its own ends in both.
    if text.contains("\r\n") && !text.replace("\r\n", "").contains('\n') {
        change.new = change.new.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    Some(change)
}

/// Whether the new section stands behind a text in which no other was found, so that somebody should look.
pub fn is_blind(text: &str, change: &Change) -> bool {
    let written = text.lines().filter(|line| !line.trim().is_empty()).count();
    change.at == text.len() && change.old.is_empty() && written > 1
}

fn change_of(text: &str, section: &Section<'_>, is_markdown: bool) -> Option<Change> {
    let is_markdown = is_markdown || heading::is_markdown(text);
    let headings = if is_markdown {
        heading::without_inner(heading::in_markdown(text))
    } else {
        heading::in_plain(text)
    };
    let log = Log { text, headings, is_markdown };
    if let Some(there) = log.headings.iter().find(|heading| heading.version() == Some(section.version)) {
        return log.dated(there, section);
    }
    Some(match log.waiting() {
        Some(index) => log.renamed(index, section),
        None => log.inserted(section),
    })
}

/// A log, and how it is written.
struct Log<'t> {
    text: &'t str,
    headings: Vec<Heading<'t>>,
    is_markdown: bool,
}

impl Log<'_> {
    /// The latest section.
    fn first(&self) -> Option<&Heading<'_>> {
        self.headings.iter().find(|heading| heading.version().is_some())
    }

    /// The section that waits for its version. What is below one of a version is something else.
    fn waiting(&self) -> Option<usize> {
        let depth = self.first().map_or(usize::MAX, |first| first.form.depth());
        self.headings.iter().position(|heading| heading.is_waiting() && heading.form.depth() <= depth)
    }

    /// What a section's heading says, as the sections before have it.
    fn title(&self, section: &Section<'_>) -> String {
        let Section { version, day, .. } = section;
        let Some((first, at)) = self.first().and_then(|first| Some((first, first.version_at()?))) else {
            return if self.is_markdown {
                format!("[{version}] - {day}")
            } else {
                format!("{version}  {day}")
            };
        };
        let (before, behind) = (&first.title[..at.start], &first.title[at.end..]);
        // Where a link leads for another version is not known here.
        let link = behind.strip_prefix("](").and_then(|link| link.split_once(')'));
        let behind = link.map_or(behind, |(_, behind)| behind);
        let before = before.replace('*', "").replace('[', if link.is_some() { "" } else { "[" });
        let close = if before.contains('[') { "]" } else { "" };
        let day = match first.form {
            Form::Plain => format!("  {day}"),
            _ if behind.contains('(') => format!(" ({day})"),
            _ => format!(" - {day}"),
        };
        format!("{before}{version}{close}{day}")
    }

    fn list(&self, section: &Section<'_>) -> String {
        let usual = if self.is_markdown { "- " } else { "  - " };
        let mut bullets = heading::lines(self.text).filter_map(|(_, line)| bullet(line));
        let bullet = bullets.find(|bullet| self.is_markdown != bullet.starts_with([' ', '\t']));
        let bullet = bullet.unwrap_or(usual);
        let nothing = ["nothing but the version".to_owned()];
        let subjects = if section.subjects.is_empty() { &nothing } else { section.subjects };
        subjects.iter().map(|subject| format!("{bullet}{}\n", plain(subject))).collect()
    }

    /// The section of the version gets its day, if it says that it has none yet.
    fn dated(&self, there: &Heading<'_>, section: &Section<'_>) -> Option<Change> {
        let at = there.title.to_ascii_lowercase().find("unreleased")?;
        let old = there.title[at..at + "unreleased".len()].to_owned();
        Some(Change { at: there.title_at + at, old, new: section.day.to_owned() })
    }

    /// The waiting section gets its name, and its list where it has none.
    fn renamed(&self, index: usize, section: &Section<'_>) -> Change {
        let waiting = &self.headings[index];
        let ends = |heading: &&Heading<'_>| {
            let is_of_version = heading.version().is_some_and(|version| version.contains('.'));
            heading.form.depth() <= waiting.form.depth() || is_of_version
        };
        let next = self.headings[index + 1..].iter().find(ends).map(|next| next.range.start);
        // Where links lead is said at the end of a file, for all of it.
        let links = heading::lines(self.text)
            .find(|(at, line)| *at > waiting.range.start && line.starts_with('[') && line.contains("]: "))
            .map(|(at, _)| at);
        let next = next.into_iter().chain(links.filter(|_| self.is_markdown)).min();
        let end = next.unwrap_or(self.text.len());
        // Keep a Changelog has people prepare headings for each kind of change.
        let is_nothing = |line: &str| line.trim().is_empty() || self.is_markdown && line.starts_with("###");
        let is_empty = self.text[waiting.range.end..end].lines().all(is_nothing);
        let head = self.text[waiting.range.clone()].to_owned();
        let kept = if waiting.title == "{{$NEXT}}" { format!("{head}\n\n") } else { String::new() };
        let title = match self.is_markdown && waiting.title.contains('[') {
            true => format!("[{}] - {}", section.version, section.day),
            false => self.title(section),
        };
        let named = format!("{kept}{}", waiting.form.written(&title));
        if !is_empty {
            return Change { at: waiting.range.start, old: head, new: named };
        }
        let last = if next.is_some() { "\n" } else { "" };
        let new = format!("{named}\n{}{}{last}", self.gap(), self.list(section));
        Change { at: waiting.range.start, old: self.text[waiting.range.start..end].to_owned(), new }
    }

    /// A new section, before the first one; at the end of a log without any.
    fn inserted(&self, section: &Section<'_>) -> Change {
        let is_section = |heading: &&Heading<'_>| heading.form == Form::Hashes(2);
        let first = self.first();
        let form = match first {
            Some(first) => first.form,
            None if self.is_markdown => Form::Hashes(2),
            None => Form::Plain,
        };
        let written = format!("{}\n{}{}", form.written(&self.title(section)), self.gap(), self.list(section));
        match first.or_else(|| self.headings.iter().find(is_section)) {
            Some(first) => Change { at: first.range.start, old: String::new(), new: format!("{written}\n") },
            None => {
                let before = match self.text {
                    "" => "",
                    text if text.ends_with("\n\n") => "",
                    text if text.ends_with('\n') => "\n",
                    _ => "\n\n",
                };
                Change { at: self.text.len(), old: String::new(), new: format!("{before}{written}") }
            }
        }
    }

    /// What stands between a heading and its list.
    fn gap(&self) -> &'static str {
        if self.is_markdown { "\n" } else { "" }
    }
}

/// A subject as a line of a list: control characters in it would be obeyed by who shows the file.
fn plain(subject: &str) -> String {
    subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// What a line begins with, up to its text, if it is one of a list.
fn bullet(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let is_list = text.starts_with("- ") || text.starts_with("* ");
    is_list.then(|| &line[..line.len() - text.len() + 2])
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
            "# [1.0.0](https://x/compare/v0.9...v1.0.0) (2026-01-01)\n\n* old ([1](https://x/1))\n\n## [0.9](https://x) (2025-01-01)\n",
            "# News\n\n### 1.0\n\n- old\n\n### 0.9\n",
            "News\n====\n\nv1.0 (2026-01-01)\n-----------------\n\n* old\n",
            "Unreleased\n----------\n\nVersion 1.0 - 2026-01-01\n------------------------\n\n* old\n",
            "# Changelog\n\n```\n## [Unreleased]\n```\n\n## [1.0]\n",
            "# Changelog\n\n## [Unreleased]\n\n### Added\n\n### Fixed\n\n[unreleased]: https://x\n",
            "# Changelog\n\n## [1.1] - Unreleased\n\n- by hand\n",
            "# Changelog\n\n## About\n\nIntroduction.\n\n## v1.0\n",
            "1.1  UNRELEASED\n  - by hand\n",
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
    fn a_section_behind_other_text_is_told() {
        let section = Section { version: "1.1", day: "2026-11-25", subjects: &[] };
        for (text, wanted) in [
            ("", false),
            ("# Changelog\n", false),
            ("# Changelog\n\n## 1.0\n\n- old\n", false),
            ("# Changelog\n\nThe version of January:\n\n- old\n", true),
        ] {
            assert_eq!(is_blind(text, &change(text, &section, true).unwrap()), wanted, "{text}");
        }
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
