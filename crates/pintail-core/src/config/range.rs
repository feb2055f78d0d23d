//! Which versions of another artifact will do. Knows the order of versions; knows nothing of which there are.

use crate::version::Version;

use super::problem::Complaint;

/// Which versions will do, such as `^0.4` or `>=1.2, <2`; all of its parts must hold.
///
/// `^1.2.3` is that or later with the same first number that isn't 0, `~1.2.3` with the same two first numbers (`~1`
/// with the same first), `=1.2` and `1.2` are exactly that text, `*` is any. What comes before a release, such as
/// `2.0-rc1`, belongs to neither side of a `<2.0`: it is not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    typed: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Any,
    Exactly(Version),
    AtLeast(Version),
    Above(Version),
    AtMost(Version),
    /// Below the version, and below all that comes before its release.
    Below(Version),
}

impl VersionRange {
    /// As typed.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// Whether `version` will do.
    pub fn admits(&self, version: &Version) -> bool {
        self.parts.iter().all(|part| match part {
            Part::Any => true,
            Part::Exactly(one) => version == one,
            Part::AtLeast(least) => version >= least,
            Part::Above(bound) => version > bound,
            Part::AtMost(most) => version <= most,
            Part::Below(bound) => version < bound,
        })
    }

    pub(super) fn parse(text: &str) -> Result<VersionRange, Complaint> {
        let parts: Option<Vec<Vec<Part>>> = text.split(',').map(|part| parse(part.trim())).collect();
        match parts {
            Some(parts) => Ok(VersionRange { typed: text.to_owned(), parts: parts.concat() }),
            None => Err(Complaint::new(format!("is `{text}`, which is no range of versions"))
                .hint("such as `^0.4`, `~1.2.3`, `=2.0` or `>=1.2, <2`")),
        }
    }
}

/// Longest first, so that `>` doesn't take `>=` apart.
const SIGNS: &[&str] = &[">=", "<=", "^", "~", "=", ">", "<"];

fn parse(part: &str) -> Option<Vec<Part>> {
    if part == "*" {
        return Some(vec![Part::Any]);
    }
    let sign = SIGNS.iter().find(|sign| part.starts_with(**sign)).copied().unwrap_or("=");
    let typed = part.strip_prefix(sign).unwrap_or(part).trim();
    let version: Version =
        typed.starts_with(|c: char| c.is_ascii_digit()).then(|| typed.parse().ok()).flatten()?;
    Some(match sign {
        ">=" => vec![Part::AtLeast(version)],
        "<=" => vec![Part::AtMost(version)],
        ">" => vec![Part::Above(version)],
        "<" => vec![Part::Below(before(typed)?)],
        "^" => vec![Part::Below(next(typed, caret)?), Part::AtLeast(version)],
        "~" => vec![Part::Below(next(typed, tilde)?), Part::AtLeast(version)],
        _ => vec![Part::Exactly(version)],
    })
}

/// What is before even `text~rc1`.
fn before(text: &str) -> Option<Version> {
    format!("{text}~").parse().ok()
}

/// The first version that is beyond: the number at the place that `place` chooses, and one.
fn next(text: &str, place: fn(&[u64]) -> usize) -> Option<Version> {
    let numbers = numbers(text)?;
    let place = place(&numbers);
    let mut kept: Vec<String> = numbers[..place].iter().map(u64::to_string).collect();
    kept.push(numbers[place].checked_add(1)?.to_string());
    before(&kept.join("."))
}

/// The place of the first number that isn't 0, or of the last one.
fn caret(numbers: &[u64]) -> usize {
    numbers.iter().position(|number| *number != 0).unwrap_or(numbers.len() - 1)
}

fn tilde(numbers: &[u64]) -> usize {
    usize::from(numbers.len() > 1)
}

/// The numbers that a version starts with; at least one.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].trim_end_matches('.').split('.').map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_admit_what_their_signs_say() {
        for (range, within, without) in [
            ("^0.4", "0.4 0.4.0 0.4.9 0.4.1-rc1", "0.3 0.5 0.5-rc1 0.5~1 1.4"),
            ("^1.2.3", "1.2.3 1.9 1.10.0", "1.2.2 2.0 2.0-rc1 1.2.3-rc1"),
            ("^0.0.3", "0.0.3", "0.0.4 0.1"),
            ("^0", "0.1 0.9", "1.0"),
            ("~1.2.3", "1.2.3 1.2.9", "1.3 1.2.2"),
            ("~1", "1.0 1.9", "2.0 0.9"),
            ("=2.0", "2.0", "2.0.0 2.1"),
            ("2.0", "2.0", "2.0.0 2.1"),
            (">=1.2, <2", "1.2 1.9.9", "1.1 2 2.0-rc1 2.0"),
            (">1.2, <=2", "1.2.1 2", "1.2 2.1"),
            ("*", "1 99 0.1", ""),
        ] {
            let range = VersionRange::parse(range).unwrap_or_else(|_| panic!("{range}"));
            for version in within.split(' ') {
                assert!(range.admits(&version.parse().unwrap()), "{range:?} admits {version}");
            }
            for version in without.split(' ').filter(|version| !version.is_empty()) {
                assert!(!range.admits(&version.parse().unwrap()), "{range:?} does not admit {version}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_range_or_none(text in "[\\^~<>=*, 0-9.a-z-]{0,20}", version in "[0-9]{1,3}(\\.[0-9]{1,3}){0,3}") {
            if let Ok(range) = VersionRange::parse(&text) {
                let _ = range.admits(&version.parse().unwrap());
            }
        }
    }
}
