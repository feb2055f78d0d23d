//! Quoting for the shell: the only place.

/// `text` as one word for the shell.
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn words() {
        for (text, quoted) in [
            ("/srv/blog/run/web.1.sock", "/srv/blog/run/web.1.sock"),
            ("/a b", "'/a b'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(super::word(text), quoted);
        }
    }
}
