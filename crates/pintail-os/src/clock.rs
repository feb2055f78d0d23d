//! The time of day. Everything that needs it takes a number from here, so that the rest can be tested.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC; 0 on a machine whose clock stands before that.
pub fn now_ms() -> u64 {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    #[cfg(debug_assertions)]
    let now_ms = now_ms.saturating_add_signed(off_s() * 1000);
    now_ms
}

/// How wrong the clock of a host of the lab is: Linux has no namespace for it, and a static program loads no library that
/// fakes it. Not in a release build.
#[cfg(debug_assertions)]
fn off_s() -> i64 {
    let told = std::fs::read_to_string("/run/pintail-lab-clock-off-s").unwrap_or_default();
    told.trim().parse().unwrap_or(0)
}
