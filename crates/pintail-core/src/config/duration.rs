//! Durations such as `30s`. Knows nothing of what they are for.

use std::{ops::RangeInclusive, time::Duration};

use super::problem::Complaint;

/// Nothing that Pintail waits for may take longer; beyond this it's a slip or no deployment.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// For waits that must not be nothing.
pub(super) const SOME: RangeInclusive<Duration> = Duration::from_millis(1)..=LONGEST;
/// For waits that may be switched off with `0s`.
pub(super) const ANY: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;

const UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
/// What people type for the units, to say what they meant.
const OTHER_UNITS: &[(&str, &str)] = &[
    ("", "s"),
    ("msec", "ms"),
    ("millis", "ms"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("hr", "h"),
    ("hour", "h"),
    ("hours", "h"),
];

pub(super) fn parse(text: &str) -> Result<Duration, Complaint> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(not_a_duration(text));
    }
    match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, unit_ms)) => milliseconds(number, *unit_ms).ok_or_else(|| too_long(text)),
        None => Err(wrong_unit(text, number, unit)),
    }
}

/// The duration, if it's in the range.
pub(super) fn within(
    duration: Duration,
    range: &RangeInclusive<Duration>,
    text: &str,
) -> Result<Duration, Complaint> {
    if range.contains(&duration) {
        return Ok(duration);
    }
    Err(match duration > LONGEST {
        true => too_long(text),
        false => Complaint::new(format!("is `{text}`, which is too short"))
            .hint(format!("the shortest is `{:?}`", range.start())),
    })
}

fn milliseconds(number: &str, unit_ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(unit_ms)?))
}

fn wrong_unit(text: &str, number: &str, unit: &str) -> Complaint {
    let meant = unit.trim().to_lowercase();
    let known = UNITS.iter().map(|(name, _)| (*name, *name)).chain(OTHER_UNITS.iter().copied());
    let complaint = match unit {
        "" => Complaint::new(format!("is `{text}`, which has no unit")),
        _ => not_a_duration(text),
    };
    match { known }.find(|(name, _)| *name == meant) {
        Some((_, unit)) => complaint.meant(format!("{number}{unit}")),
        None => complaint,
    }
}

fn not_a_duration(text: &str) -> Complaint {
    Complaint::new(format!("is `{text}`, which is no duration"))
        .hint("a whole number with `ms`, `s`, `m` or `h`, such as `90s`")
}

fn too_long(text: &str) -> Complaint {
    Complaint::new(format!("is `{text}`, which is too long")).hint("the longest is `24h`")
}
