//! Where a version stands between two given texts.

use pintail_core::config::VersionPattern;
use pintail_core::version::Version;
use std::ops::Range;

/// Whether the byte may be part of a version.
pub(super) fn is_version(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+-~".contains(&byte)
}

/// Every version between the two texts of `pattern`. With nothing around it, the file holds nothing else.
pub(super) fn find(content: &[u8], pattern: &VersionPattern) -> Vec<Range<usize>> {
    let (before, after) = (pattern.before.as_bytes(), pattern.after.as_bytes());
    if before.is_empty() && after.is_empty() {
        let start = content.len() - content.trim_ascii_start().len();
        let range = start..start + content.trim_ascii().len();
        return Some(range).filter(|range| is_one(&content[range.clone()])).into_iter().collect();
    }
    let mut found = Vec::new();
    let mut at = 0;
    while at <= content.len() {
        let start = match position(&content[at..], before) {
            Some(offset) => at + offset + before.len(),
            None => break,
        };
        match end(&content[start..], after).filter(|_| !before.is_empty() || is_start(content, start)) {
            Some(length) => {
                found.push(start..start + length);
                at = start + length;
            }
            None => at = start.max(at) + usize::from(before.is_empty()),
        }
    }
    found
}

fn position(content: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    content.windows(wanted.len()).position(|window| window == wanted)
}

/// With nothing said before it, a version begins where the letters of one do.
fn is_start(content: &[u8], at: usize) -> bool {
    at == 0 || !is_version(content[at - 1])
}

/// How long the version is that `content` begins with and `after` follows. What follows may look like a part of it.
fn end(content: &[u8], after: &[u8]) -> Option<usize> {
    let run = content.iter().take_while(|byte| is_version(**byte)).count();
    let mut lengths = if after.is_empty() { run..=run } else { 1..=run };
    lengths.find(|length| content[*length..].starts_with(after) && is_one(&content[..*length]))
}

fn is_one(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.parse::<Version>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, content: &str, wanted: &[&str]) {
        let pattern = VersionPattern { before: before.into(), after: after.into() };
        let found: Vec<&str> =
            find(content.as_bytes(), &pattern).into_iter().map(|range| &content[range]).collect();
        assert_eq!(found, wanted, "{before}|{after}|{content}");
    }

    #[test]
    fn a_version_between_two_texts() {
        check("our $VERSION = '", "';", "our $VERSION = '0.940';\n", &["0.940"]);
        check("version: ", "", "version: 1.2.3\nother: 1\nversion: 2\n", &["1.2.3", "2"]);
        check("", "-SNAPSHOT", "<v>1.0-SNAPSHOT</v> 2.0\n", &["1.0"]);
        check("<v>", "-SNAPSHOT", "<v>1.0-SNAPSHOT</v>", &["1.0"]);
        check("", "", "\n 1.0.1 \n", &["1.0.1"]);
        check("", "", "1.0.1 and more\n", &[]);
        check("", "", "", &[]);
        check("v=\"", "\"", "v=\"\" v=\"a b\" v=\"1\"", &["1"]);
        check("a", "b", "", &[]);
    }
}
