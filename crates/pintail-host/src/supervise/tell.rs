//! What supervisor and holder say about themselves: a line on stderr, which is `log/supervisor.log`.
//! Knows no secrets: nobody hands it an environment.

use std::io::Write;

use pintail_os::clock;

/// Writes one line, with the time in seconds since 1970. A log that can't be written stops nobody.
pub(super) fn tell(text: &str) {
    let now_ms = clock::now_ms();
    let line = format!("{}.{:03} [{}] {text}\n", now_ms / 1000, now_ms % 1000, std::process::id());
    let _ = std::io::stderr().write_all(line.as_bytes());
}
