//! Versions as Perl's `version.pm` reads and orders them. Knows its "lax" form and nothing of what has the version.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Longest version in bytes. PAUSE allows 16 and nobody has more than some 20; it stands in file names and in lines
/// that people read.
pub const PERL_VERSION_BYTES_MAX: usize = 64;

/// Digits of a decimal's fraction that make one part: 1.002003 is v1.2.3.
const FRACTION_DIGITS: usize = 3;

/// A version that `version.pm` and `cpanm` can read, as it was written, or `undef`.
///
/// Equality is that of the order, not of the text: `1.0` is `1.00`, `v1.2.0` is `v1.2`, and `undef` is `0`.
#[derive(Debug, Clone)]
pub struct PerlVersion {
    text: String,
    parts: Vec<u64>,
}

impl PerlVersion {
    /// The version of what has none.
    pub fn undef() -> PerlVersion {
        PerlVersion { text: "undef".to_owned(), parts: Vec::new() }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is one of a release for developers: it has an underscore.
    pub fn is_developers(&self) -> bool {
        self.text.contains('_')
    }
}

/// A text that isn't a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{typed}` is no version that `cpanm` can read: write it like `1.002` or `v1.2.3`")]
pub struct PerlVersionError {
    /// The text, its beginning only.
    pub typed: String,
}

impl FromStr for PerlVersion {
    type Err = PerlVersionError;

    fn from_str(typed: &str) -> Result<Self, PerlVersionError> {
        if typed == "undef" {
            return Ok(PerlVersion::undef());
        }
        let parts = if typed.len() <= PERL_VERSION_BYTES_MAX { parts(typed) } else { None };
        let parts = parts.ok_or_else(|| PerlVersionError { typed: crate::shown::name(typed.as_bytes()) })?;
        Ok(PerlVersion { text: typed.to_owned(), parts })
    }
}

/// The numbers that are compared, trailing zeros left out; nothing if it is no version.
fn parts(typed: &str) -> Option<Vec<u64>> {
    let (plain, has_underscore) = without_underscore(typed)?;
    let (numbers, has_v) = plain.strip_prefix('v').map_or((plain.as_str(), false), |rest| (rest, true));
    let pieces: Vec<&str> = numbers.split('.').collect();
    let mut parts = match pieces.as_slice() {
        _ if has_v || pieces.len() > 2 => {
            let starts_with_dot = !has_v && pieces[0].is_empty();
            dotted(if starts_with_dot { &pieces[1..] } else { &pieces }, starts_with_dot)?
        }
        // An underscore wants a fraction before it.
        [whole] if !has_underscore => vec![number(whole)?],
        [whole, fraction] if !(whole.is_empty() && fraction.is_empty()) => decimal(whole, fraction)?,
        _ => return None,
    };
    while parts.last() == Some(&0) {
        parts.pop();
    }
    Some(parts)
}

/// One underscore may stand between the digits of the last part, and means nothing but "for developers".
fn without_underscore(typed: &str) -> Option<(String, bool)> {
    let Some((before, after)) = typed.split_once('_') else {
        return Some((typed.to_owned(), false));
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let ends_in_digit = before.ends_with(|c: char| c.is_ascii_digit());
    (digits(after) && ends_in_digit && before.contains('.')).then(|| (format!("{before}{after}"), true))
}

fn dotted(pieces: &[&str], starts_with_dot: bool) -> Option<Vec<u64>> {
    let zero = starts_with_dot.then_some(0);
    zero.map(Some).into_iter().chain(pieces.iter().map(|piece| number(piece))).collect()
}

fn decimal(whole: &str, fraction: &str) -> Option<Vec<u64>> {
    let mut parts = vec![if whole.is_empty() { 0 } else { number(whole)? }];
    for digits in fraction.as_bytes().chunks(FRACTION_DIGITS) {
        let digits = std::str::from_utf8(digits).ok()?;
        let scale = 10_u64.pow((FRACTION_DIGITS - digits.len()) as u32);
        parts.push(number(digits)? * scale);
    }
    Some(parts)
}

/// Digits to a number. One beyond 2^31 - 1 is that, as in `version.pm`.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let most = u64::from(i32::MAX.unsigned_abs());
    Some(digits.parse().map_or(most, |number: u64| number.min(most)))
}

impl PartialEq for PerlVersion {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for PerlVersion {}

impl PartialOrd for PerlVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PerlVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts.cmp(&other.parts)
    }
}

impl fmt::Display for PerlVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> PerlVersion {
        text.parse().unwrap()
    }

    /// Each was asked of `version.pm` 0.9929.
    #[test]
    fn the_order_is_that_of_version_pm() {
        use Ordering::{Equal, Greater, Less};
        for (a, order, b) in [
            ("1.10", Less, "1.9"),
            ("1.10", Greater, "v1.10"),
            ("0.940", Less, "0.95"),
            ("1.2.3", Equal, "v1.2.3"),
            ("1.2.3", Equal, "1.002003"),
            ("v1.2", Less, "1.2"),
            ("1.0", Equal, "1.00"),
            ("1.00_01", Greater, "1.00"),
            ("1.0_1", Equal, "1.01"),
            ("1.00_01", Equal, "1.0001"),
            ("v0.940", Equal, "v0.940.0"),
            ("v0.940", Equal, "0.940"),
            ("1.2.10", Greater, "1.2.9"),
            ("10", Greater, "9"),
            ("undef", Equal, "0"),
            ("undef", Less, "0.001"),
            ("1.2.3_4", Equal, "v1.2.34"),
            ("v1.2_3", Equal, "v1.23.0"),
            (".5", Equal, "v0.500.0"),
            (".1.2", Equal, "v0.1.2"),
            ("1.", Equal, "v1"),
            ("00.1", Equal, "v0.100.0"),
            ("1.99999999999", Equal, "v1.999.999.999.990"),
            ("99999999999.1.2", Equal, "v2147483647.1.2"),
            ("1.000_1", Equal, "v1.0.100"),
            ("0000", Equal, "undef"),
        ] {
            assert_eq!(version(a).cmp(&version(b)), order, "{a} {b}");
            assert_eq!(version(b).cmp(&version(a)), order.reverse(), "{b} {a}");
        }
    }

    #[test]
    fn what_cpanm_can_not_read_is_no_version() {
        for text in [
            "", ".", "v", "_1", "1_2", "1._2", "1.2_", "1.2_3_4", "1.2.3.", "v.1.2", "v1.", "1.02+b1", "-1",
            "1-2", "1 2", " 1", "1\n", "one", "1.2a", "undef ", "v1_2", "1..2", "١.٢",
        ] {
            assert!(text.parse::<PerlVersion>().is_err(), "{text:?}");
        }
        assert!("1".repeat(PERL_VERSION_BYTES_MAX).parse::<PerlVersion>().is_ok());
        assert!("1".repeat(PERL_VERSION_BYTES_MAX + 1).parse::<PerlVersion>().is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = text.parse::<PerlVersion>();
        }

        #[test]
        fn what_is_read_is_what_cpanms_pattern_finds(text in "[v0-9._+ -]{0,12}") {
            if let Ok(version) = text.parse::<PerlVersion>() {
                let found = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                assert!(!version.as_str().is_empty() && version.as_str().chars().all(found));
            }
        }
    }
}
