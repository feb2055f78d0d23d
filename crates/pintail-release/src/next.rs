//! Which version comes next, and which of two is later, in either of the two ways that people number. Pure; where
//! versions come from it does not know.

use pintail_core::version::Version;
use std::cmp::Ordering;

/// How a project numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Part by part, each a whole number: `0.9`, `0.10`, `1.4.2`. The order is [`Version`]'s.
    Parts,
    /// One number with decimals, as Perl's: `0.940`, `0.941`, `0.95`. The order is that of the numbers.
    Decimal,
}

/// How versions are read where the project's packages go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Custom {
    /// Nothing says so.
    #[default]
    Unknown,
    /// As numbers with decimals: CPAN.
    Perl,
    /// Part by part: crates.io, npm, PyPI.
    Parts,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The smallest step.
    Patch,
    /// The middle one.
    Minor,
    /// The largest one.
    Major,
    /// This very version.
    Exactly(Version),
}

/// Why there is no next version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoNext {
    /// It is no number, nor numbers with points between.
    #[error("`{0}` is not made of numbers with points between")]
    NoNumbers(Version),
    /// Of a decimal number.
    #[error("`{0}` is one number with decimals, which has no part in the middle")]
    NoMiddle(Version),
}

/// Decimals that a version of two parts must have to be one number: `0.940` is, `0.94` isn't.
const DECIMALS: usize = 3;

impl Scheme {
    /// That of a project with such a version. Two parts with three digits behind the point are one number, and in a Perl
    /// distribution any two parts are; all else goes part by part, and always so where `custom` is that.
    pub fn of(version: &Version, custom: Custom) -> Scheme {
        match version.as_str().split_once('.') {
            Some((whole, decimals)) if is_digits(whole) && is_digits(decimals) => match custom {
                Custom::Perl => Scheme::Decimal,
                Custom::Unknown if decimals.len() == DECIMALS => Scheme::Decimal,
                Custom::Unknown | Custom::Parts => Scheme::Parts,
            },
            _ => Scheme::Parts,
        }
    }

    /// The latest of these, in the form that the next one is made of: a decimal with as many places as the longest has,
    /// since `0.95` after `0.940` is `0.950`.
    pub fn latest<'v>(self, versions: impl IntoIterator<Item = &'v Version>) -> Option<Version> {
        let versions: Vec<&Version> = versions.into_iter().collect();
        let latest = (*versions.iter().max_by(|a, b| self.compare(a, b))?).clone();
        let places =
            |version: &&Version| version.as_str().split_once('.').map_or(0, |(_, decimals)| decimals.len());
        match latest.as_str().split_once('.') {
            Some((whole, decimals)) if self == Scheme::Decimal && is_digits(decimals) => {
                let longest = versions.iter().filter(|version| number(version).is_some()).map(places).max();
                let widened =
                    format!("{whole}.{decimals:0<width$}", width = longest.unwrap_or(0).min(DECIMALS));
                widened.parse().ok().or(Some(latest))
            }
            _ => Some(latest),
        }
    }

    /// Which of two is later. What is no number counts as before every number in [`Scheme::Decimal`].
    pub fn compare(self, a: &Version, b: &Version) -> Ordering {
        match self {
            Scheme::Parts => a.cmp(b),
            Scheme::Decimal => number(a).cmp(&number(b)),
        }
    }

    /// The version after `latest`.
    ///
    /// # Errors
    /// It can't be told.
    pub fn next(self, latest: &Version, wanted: &Wanted) -> Result<Version, NoNext> {
        let text = match (self, wanted) {
            (_, Wanted::Exactly(version)) => return Ok(version.clone()),
            (Scheme::Decimal, Wanted::Minor) => return Err(NoNext::NoMiddle(latest.clone())),
            (Scheme::Decimal, wanted) => decimal_after(latest.as_str(), *wanted == Wanted::Major),
            (Scheme::Parts, wanted) => parts_after(latest.as_str(), wanted),
        };
        text.and_then(|text| text.parse().ok()).ok_or_else(|| NoNext::NoNumbers(latest.clone()))
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A version as one number, as Perl reads it: the whole, and its decimals without zeros at their end. Of more than one
/// point each part is three decimals.
fn number(version: &Version) -> Option<(u64, String)> {
    let mut parts = version.as_str().trim_start_matches('v').split('.');
    let whole = parts.next().filter(|part| is_digits(part))?.parse().ok()?;
    let rest: Vec<&str> = parts.collect();
    if !rest.iter().all(|part| is_digits(part)) {
        return None;
    }
    let decimals = match rest[..] {
        [decimals] => decimals.to_owned(),
        _ => rest.iter().map(|part| format!("{part:0>3}")).collect(),
    };
    Some((whole, decimals.trim_end_matches('0').to_owned()))
}

/// One more in the last place, with as many decimals: `0.940` to `0.941`, `0.999` to `1.000`.
fn decimal_after(latest: &str, major: bool) -> Option<String> {
    let (whole, decimals) = latest.split_once('.')?;
    let (whole, places): (u64, usize) = (whole.parse().ok()?, decimals.len());
    let next = decimals.parse::<u64>().ok()?.checked_add(1)?.to_string();
    if major || next.len() > places {
        return Some(format!("{}.{}", whole.checked_add(1)?, "0".repeat(places)));
    }
    Some(format!("{whole}.{next:0>places$}"))
}

/// One more in that part, zeros behind it. A version with something behind its numbers is on its way to them:
/// `1.0.0-rc.1` to `1.0.0`.
fn parts_after(latest: &str, wanted: &Wanted) -> Option<String> {
    let end = latest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(latest.len());
    let numbers = latest[..end].trim_end_matches('.');
    let typed: Vec<u64> = numbers.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let index = match wanted {
        Wanted::Major => 0,
        Wanted::Minor => 1,
        _ => 2,
    };
    let is_before = numbers.parse::<Version>().ok()? > latest.parse().ok()?;
    let is_there_already = is_before && typed.iter().skip(index + 1).all(|part| *part == 0);
    let mut parts = typed;
    if !is_there_already {
        parts.resize(parts.len().max(index + 1), 0);
        parts[index] = parts[index].checked_add(1)?;
        parts[index + 1..].fill(0);
    }
    Some(parts.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn after(latest: &str, wanted: &Wanted) -> String {
        let latest = version(latest);
        match Scheme::of(&latest, Custom::Unknown).next(&latest, wanted) {
            Ok(next) => next.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_next_version() {
        for (latest, patch, minor, major) in [
            ("1.4.2", "1.4.3", "1.5.0", "2.0.0"),
            ("0.9.9", "0.9.10", "0.10.0", "1.0.0"),
            ("0.9", "0.9.1", "0.10", "1.0"),
            ("1.9", "1.9.1", "1.10", "2.0"),
            ("3", "3.0.1", "3.1", "4"),
            ("0.94", "0.94.1", "0.95", "1.0"),
            ("1.0.0-rc.1", "1.0.0", "1.0.0", "1.0.0"),
            ("1.1.0-rc.1", "1.1.0", "1.1.0", "2.0.0"),
            ("1.0-rc1", "1.0", "1.0", "1.0"),
            ("1.0rc1", "1.0", "1.0", "1.0"),
            ("1.1b2", "1.1", "1.1", "2.0"),
            ("7.1.0.dev3", "7.1.0", "7.1.0", "8.0.0"),
            ("1.0a", "1.0.1", "1.1", "2.0"),
            ("1.0.0+fix", "1.0.1", "1.1.0", "2.0.0"),
            ("1.2.3.4", "1.2.4.0", "1.3.0.0", "2.0.0.0"),
        ] {
            let told = [Wanted::Patch, Wanted::Minor, Wanted::Major].map(|wanted| after(latest, &wanted));
            assert_eq!(told, [patch, minor, major], "{latest}");
        }
        assert_eq!(after("0.940", &Wanted::Patch), "0.941");
        assert_eq!(after("0.999", &Wanted::Patch), "1.000");
        assert_eq!(after("1.249", &Wanted::Major), "2.000");
        assert_eq!(
            after("0.940", &Wanted::Minor),
            "`0.940` is one number with decimals, which has no part in the middle"
        );
        assert_eq!(after("night", &Wanted::Patch), "`night` is not made of numbers with points between");
        assert_eq!(
            after("99999999999999999999", &Wanted::Major),
            "`99999999999999999999` is not made of numbers with points between"
        );
        assert_eq!(after("1.0", &Wanted::Exactly(version("2024-11"))), "2024-11");
    }

    #[test]
    fn perl_counts_in_decimals_however_many() {
        let scheme = Scheme::of(&version("0.9"), Custom::Perl);
        assert_eq!(scheme, Scheme::Decimal);
        assert_eq!(scheme.next(&version("0.9"), &Wanted::Patch).unwrap().as_str(), "1.0");
        assert_eq!(scheme.next(&version("0.09"), &Wanted::Patch).unwrap().as_str(), "0.10");
        assert_eq!(Scheme::of(&version("1.2.3"), Custom::Perl), Scheme::Parts);
        assert_eq!(Scheme::of(&version("1.100"), Custom::Parts), Scheme::Parts);
    }

    #[test]
    fn the_latest_has_the_places_of_the_longest() {
        let latest = |scheme: Scheme, all: &[&str]| {
            scheme.latest(&all.iter().map(|text| version(text)).collect::<Vec<_>>()).map(String::from)
        };
        assert_eq!(latest(Scheme::Decimal, &["0.940", "0.95", "1.215b", "0.9"]).as_deref(), Some("0.950"));
        assert_eq!(latest(Scheme::Decimal, &["0.09", "0.1"]).as_deref(), Some("0.10"));
        assert_eq!(latest(Scheme::Parts, &["0.9", "0.10"]).as_deref(), Some("0.10"));
        assert_eq!(latest(Scheme::Parts, &[]), None);
    }

    #[test]
    fn seven_years_of_decimals_count_on() {
        let mut all: Vec<Version> =
            (1..=249).flat_map(|n| [version(&format!("0.{n:03}")), version(&format!("1.{n:03}"))]).collect();
        all.extend(["1.215b", "1.215b2"].map(version));
        let scheme = Scheme::of(all.iter().max().unwrap(), Custom::Perl);
        let latest = scheme.latest(&all).unwrap();
        assert_eq!(scheme.next(&latest, &Wanted::Patch).unwrap().as_str(), "1.250");
    }

    #[test]
    fn a_decimal_is_later_by_its_number() {
        let later = |a: &str, b: &str| Scheme::Decimal.compare(&version(a), &version(b));
        assert_eq!(later("0.95", "0.940"), Ordering::Greater);
        assert_eq!(later("0.941", "0.95"), Ordering::Less);
        assert_eq!(later("1.2.3", "1.002003"), Ordering::Equal);
        assert_eq!(later("1.249", "1.215b"), Ordering::Greater);
        assert_eq!(Scheme::Parts.compare(&version("0.95"), &version("0.940")), Ordering::Less);
    }
}
