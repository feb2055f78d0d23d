//! How a text of ours tells later whether somebody changed it: its last line has the digest of all lines before it. So
//! nothing else has to be kept, and a Pintail that writes other texts can still tell.

use crate::digest::Digest;

const MARK: &str = "# As written: ";

/// `text`, which ends its last line, with the line that marks it.
pub(super) fn marked(text: &str) -> String {
    format!("{text}{MARK}{}\n", Digest::of(text.as_bytes()).short())
}

/// Whether `text` is what [`marked`] gave. One without its mark was changed.
pub fn is_as_written(text: &str) -> bool {
    text.rfind(MARK).is_some_and(|end| marked(&text[..end]) == text)
}
