//! Names from archives and folders as they may be shown: they come from elsewhere and could contain anything, an
//! escape sequence for the terminal too. Knows nothing but text.

/// Longest part of a foreign name that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// Things told in full in a list of faults; the rest is counted.
pub(crate) const FAULTS_TOLD_MAX: usize = 20;

/// The name with control characters escaped, invalid UTF-8 replaced, its beginning only.
pub(crate) fn name(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().take(SHOWN_CHARS_MAX).flat_map(escaped).collect()
}

/// Longest text of another machine that is shown, in characters: what is wrong with one artifact, in full.
const TEXT_CHARS_MAX: usize = 4000;

/// A text with control characters escaped but its line ends, its beginning only.
pub(crate) fn text(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| line.chars().flat_map(escaped).collect()).collect();
    lines.join("\n").chars().take(TEXT_CHARS_MAX).collect()
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let (plain, escaped) = if c.is_control() { (None, Some(c.escape_default())) } else { (Some(c), None) };
    plain.into_iter().chain(escaped.into_iter().flatten())
}

/// Faults one to a line, indented below the sentence that announces them.
pub(crate) fn list(faults: &[String]) -> String {
    let told = faults.iter().take(FAULTS_TOLD_MAX).flat_map(|fault| fault.lines());
    let mut lines: Vec<String> = told.map(|line| format!("\n  {line}")).collect();
    if faults.len() > FAULTS_TOLD_MAX {
        lines.push(format!("\n  and {} more", faults.len() - FAULTS_TOLD_MAX));
    }
    lines.concat()
}
