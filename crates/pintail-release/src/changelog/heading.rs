//! The headings of a change log, in whichever way they are written, and what they say. Knows nothing of what stands below them.

use std::ops::Range;

/// How a heading is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `## [1.0.0] - 2026-11-25`: with so many `#`.
    Hashes(usize),
    /// With a line of these under it.
    Underlined(char),
    /// `0.940  2026-11-25` at the beginning of a line, and what belongs to it indented: CPAN's.
    Plain,
}

/// A heading.
#[derive(Debug, Clone)]
pub(super) struct Heading<'t> {
    pub(super) form: Form,
    /// Its bytes in the text, without the end of its last line.
    pub(super) range: Range<usize>,
    /// What it says.
    pub(super) title: &'t str,
    /// Where that begins in the text.
    pub(super) title_at: usize,
}

impl Form {
    /// The heading with this title.
    pub(super) fn written(self, title: &str) -> String {
        match self {
            Form::Hashes(count) => format!("{} {title}", "#".repeat(count)),
            Form::Underlined(with) => format!("{title}\n{}", with.to_string().repeat(title.chars().count())),
            Form::Plain => title.to_owned(),
        }
    }

    /// How deep below the top it is: 1 is the top.
    pub(super) fn depth(self) -> usize {
        match self {
            Form::Hashes(count) => count,
            Form::Underlined('=') | Form::Plain => 1,
            Form::Underlined(_) => 2,
        }
    }
}

impl Heading<'_> {
    /// Where in the title the version is that the section is of.
    pub(super) fn version_at(&self) -> Option<Range<usize>> {
        let word = ["version ", "release "]
            .into_iter()
            .find(|word| self.title.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word)));
        let rest = &self.title[word.map_or(0, str::len)..];
        let rest = rest.trim_start_matches(['[', '*', 'v']);
        let start = self.title.len() - rest.len();
        let length = rest.find([' ', '\t', ']', ':', ',', '*']).unwrap_or(rest.len());
        let is_version = rest.starts_with(|c: char| c.is_ascii_digit()) && !rest[..length].ends_with('.');
        is_version.then_some(start..start + length)
    }

    /// The version that the section is of.
    pub(super) fn version(&self) -> Option<&str> {
        self.version_at().map(|range| &self.title[range])
    }

    /// Whether the section waits for its version.
    pub(super) fn is_waiting(&self) -> bool {
        const WAITING: &str = "unreleased";
        let title = self.title.trim_start_matches(['[', '*']);
        let is_word = title.get(..WAITING.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(WAITING));
        is_word && !title[WAITING.len()..].starts_with(char::is_alphanumeric) || title == "{{$NEXT}}"
    }
}

/// Whether the text is Markdown: by its headings.
pub(super) fn is_markdown(text: &str) -> bool {
    let of_markdown = |heading: &Heading<'_>| match heading.form {
        Form::Hashes(count) => count <= 2,
        Form::Underlined(_) => heading.version().is_some(),
        Form::Plain => false,
    };
    in_markdown(text).iter().any(of_markdown)
}

/// The headings of a Markdown text: those in its code and its comments are none.
pub(super) fn in_markdown(text: &str) -> Vec<Heading<'_>> {
    let mut found: Vec<Heading<'_>> = Vec::new();
    let (mut fence, mut in_comment) = (None, false);
    let mut before: Option<(usize, &str)> = None;
    for (at, line) in lines(text) {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        if fence.is_some() || mark.is_some() && !in_comment {
            match fence {
                None => fence = mark,
                Some(open) if mark == Some(open) => fence = None,
                Some(_) => {}
            }
            before = None;
            continue;
        }
        // Within a line it is somebody's text about comments.
        let begins_comment = !in_comment && trimmed.starts_with("<!--");
        if in_comment || begins_comment {
            in_comment = !line.contains("-->");
            before = None;
            continue;
        }
        let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
        let is_hashes = (1..=6).contains(&hashes) && line[hashes..].starts_with([' ', '\t']);
        let under =
            ['=', '-'].into_iter().find(|with| line.len() > 1 && line.trim_end().chars().all(|c| c == *with));
        match (under, before) {
            (Some(with), Some((title_at, title))) => found.push(Heading {
                form: Form::Underlined(with),
                range: title_at..at + line.len(),
                title: title.trim(),
                title_at,
            }),
            _ if is_hashes => {
                let title = line[hashes..].trim();
                let title_at = at + line.len() - line[hashes..].trim_start().len();
                found.push(Heading {
                    form: Form::Hashes(hashes),
                    range: at..at + line.len(),
                    title,
                    title_at,
                });
            }
            _ => {}
        }
        let may_be_underlined = !is_hashes
            && under.is_none()
            && !line.is_empty()
            && !line.starts_with([' ', '\t', '-', '*', '>', '|']);
        before = may_be_underlined.then_some((at, line));
    }
    found
}

/// Leaves out what looks like a version's within a section of something else, or of another version: below the top, the
/// sections of versions are below nothing but titles and, as some tools count the levels, below one another there.
pub(super) fn without_inner(headings: Vec<Heading<'_>>) -> Vec<Heading<'_>> {
    let mut above: Vec<usize> = Vec::new();
    let mut left = Vec::new();
    for heading in headings {
        let depth = heading.form.depth();
        above.retain(|above| *above < depth);
        let is_inner = heading.version().is_some() && above.last().is_some_and(|above| *above > 1);
        if !is_inner {
            above.push(depth);
            left.push(heading);
        }
    }
    left
}

/// The headings of a text as CPAN has them: every line that isn't indented.
pub(super) fn in_plain(text: &str) -> Vec<Heading<'_>> {
    let is_heading = |(_, line): &(usize, &str)| !line.is_empty() && !line.starts_with([' ', '\t']);
    lines(text)
        .filter(is_heading)
        .map(|(at, title)| Heading {
            form: Form::Plain,
            range: at..at + title.len(),
            title: title.trim_end(),
            title_at: at,
        })
        .collect()
}

/// The lines without their ends, and where they begin. A mark of the byte order belongs to none.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    text[at..].split_inclusive('\n').map(move |line| {
        at += line.len();
        (at - line.len(), line.trim_end_matches(['\n', '\r']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_found_and_code_is_not() {
        let text = "\u{feff}# Log\n\n```md\n## [Unreleased]\n```\n<!--\n## 0.9\n-->\n\nv1.1 (now)\n----------\n\n* a\n---\n### Version 1.0: old\n#no\n";
        let told: Vec<_> = in_markdown(text)
            .into_iter()
            .map(|heading| {
                let version = heading.version().map(str::to_owned);
                (heading.form, text[heading.title_at..].starts_with(heading.title), version)
            })
            .collect();
        assert_eq!(
            told,
            [
                (Form::Hashes(1), true, None),
                (Form::Underlined('-'), true, Some("1.1".to_owned())),
                (Form::Hashes(3), true, Some("1.0".to_owned())),
            ]
        );
    }

    #[test]
    fn what_only_looks_like_a_version_is_none() {
        let text = "# Log\n\nThe mark `<!--` is text.\n\n## 1. Get it\n\n## Upgrading\n\n### 0.0 to 0.1\n\n## Roadmap\n\n### 0.2.0\n\n\
                    ## [0.1.0]\n\n### 0.2.0 API notes\n";
        let headings = without_inner(in_markdown(text));
        let versions: Vec<_> = headings.iter().filter_map(Heading::version).collect();
        assert_eq!(versions, ["0.1.0"]);
        // As conventional-changelog counts the levels; and with a title, and none between.
        for text in [
            "# [1.0.0](x)\n\n## [0.9.1](x)\n\n# [0.9.0](x)\n",
            "# News\n\n### 1.0\n\n### 0.9.1\n\n### 0.9.0\n",
        ] {
            assert_eq!(
                without_inner(in_markdown(text)).iter().filter(|one| one.version().is_some()).count(),
                3,
                "{text}"
            );
        }
    }

    #[test]
    fn what_waits_for_its_version() {
        for (line, waits) in [
            ("## [Unreleased]", true),
            ("## unreleased - ReleaseDate", true),
            ("## [Unreleased]: 0.1.0", true),
            ("## {{$NEXT}}", true),
            ("## Unreleasedly", false),
            ("## 1.0 - unreleased", false),
        ] {
            assert_eq!(in_markdown(line)[0].is_waiting(), waits, "{line}");
        }
    }
}
