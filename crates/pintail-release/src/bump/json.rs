//! Where a string stands in a JSON text, by its keys. Knows JSON's form; checks no more of it than it must to get past.

use std::ops::Range;

/// How deep values are followed: deeper is no file that people or their tools write.
const DEPTH_MAX: usize = 100;

/// The bytes between the quotes of the string at `path` in the object that `text` is; of a key that is there twice, the
/// last counts, as for everybody who reads JSON.
pub(super) fn string_at(text: &str, path: &[&str]) -> Option<Range<usize>> {
    let mut reader = Reader { text: text.as_bytes(), at: 0, found: None };
    reader.value(Some(path), 0)?;
    reader.found
}

/// The version that a `package.json` says.
pub(super) fn said(content: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content).ok()?;
    string_at(text, &["version"]).map(|range| text[range].to_owned())
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    found: Option<Range<usize>>,
}

impl Reader<'_> {
    fn blank(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.blank();
        (self.text.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    /// Reads a value. `path` leads on from here to what is looked for, if it may be in there.
    fn value(&mut self, path: Option<&[&str]>, depth: usize) -> Option<()> {
        self.blank();
        if depth > DEPTH_MAX {
            return None;
        }
        match self.text.get(self.at)? {
            b'{' => self.object(path, depth),
            b'[' => self.list(depth),
            b'"' => {
                let range = self.string()?;
                if path == Some(&[]) {
                    self.found = Some(range);
                }
                Some(())
            }
            _ => {
                while self.text.get(self.at).is_some_and(|byte| !b",]} \t\r\n".contains(byte)) {
                    self.at += 1;
                }
                Some(())
            }
        }
    }

    fn object(&mut self, path: Option<&[&str]>, depth: usize) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            self.blank();
            let key = self.string()?;
            self.take(b':')?;
            let below = path
                .and_then(<[&str]>::split_first)
                .filter(|(first, _)| self.text[key.clone()] == *first.as_bytes());
            self.value(below.map(|(_, rest)| rest), depth + 1)?;
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(None, depth + 1)?;
            if self.take(b',').is_none() {
                return self.take(b']');
            }
        }
    }

    /// Reads a string; the bytes between its quotes, as they are written.
    fn string(&mut self) -> Option<Range<usize>> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            match self.text.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(start..self.at - 1);
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_found_by_its_keys() {
        let text = r#"{ "a\"": {"version": "no"}, "list": [1, {"version": "no"}, []], "n": -1.5e3, "t": true,
            "version" : "1.2.3", "packages": { "": {"name":"x","version":"1.2.4"} , "o":{} } }"#;
        let at = |path: &[&str]| string_at(text, path).map(|range| &text[range]);
        assert_eq!(at(&["version"]), Some("1.2.3"));
        assert_eq!(at(&["packages", "", "version"]), Some("1.2.4"));
        assert_eq!(at(&["packages", "o", "version"]), None);
        assert_eq!(at(&["n"]), None);
    }

    #[test]
    fn what_is_no_json_has_none() {
        for text in
            ["", "{", "[1]", "{\"version\" \"1\"}", "{\"version\": \"1", "{\"version\":\"1\",}", "\"\\"]
        {
            assert_eq!(string_at(text, &["version"]), None, "{text}");
        }
        assert_eq!(string_at(&"[".repeat(100_000), &["version"]), None);
    }
}
