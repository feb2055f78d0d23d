//! How much of a message is read and kept. Knows nothing of what stands in it.

/// Bytes of a message that are read: the longest in the history of large projects has a tenth of it.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Bytes of one note's text: more is cut and marked. What is longer belongs into a file that the note names.
pub const NOTE_BYTES_MAX: usize = 4096;

/// Notes of one message, and as many trailers of it: more are counted, as a fault.
pub const NOTES_MAX: usize = 100;

/// What stands at the end of a text that was cut.
pub(super) const CUT: &str = " […]";

/// Text as it may be shown in a terminal line: without control characters, and without those that turn the direction of
/// what is read. Line ends stay.
pub(super) fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = text.chars().map(|c| if c == '\t' { ' ' } else { c });
    shown.filter(|c| *c == '\n' || !c.is_control() && !turns(*c)).collect()
}

/// At most `most` bytes of `text`, marked if that is not all of it.
pub(super) fn cut(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let end = text.floor_char_boundary(most - CUT.len());
    format!("{}{CUT}", &text[..end])
}
