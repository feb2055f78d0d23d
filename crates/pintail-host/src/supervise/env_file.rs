//! Reads `KEY=VALUE` lines: a host's own settings and secrets. Knows the form, not the meaning; an error names
//! file and line, never the value.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pintail_core::setting;
use pintail_os::files;

/// The longest file, in bytes. The kernel's own bound for one setting is 128 KiB.
pub const LIMIT_BYTES: u64 = 512 * 1024;

/// The settings in the file at `path`.
///
/// A line is empty, a comment (`#` first), or `KEY=VALUE`; the key is a C identifier, given once; blanks around
/// the value go; a value may stand in `'…'` or `"…"`, and is then taken as it is between them.
///
/// # Errors
/// It can't be read, is longer than [`LIMIT_BYTES`], or a line has another form.
pub fn read(path: &Path) -> Result<BTreeMap<String, String>, String> {
    // Reading a pipe could take for ever.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(format!("cannot read `{}`: it is no file", path.display()));
    }
    let bytes = files::read_bounded(path, LIMIT_BYTES)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("`{}` is not UTF-8", path.display()))?;
    parse(&text).map_err(|(line, why)| format!("`{}` line {line}: {why}", path.display()))
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, String)> {
    let mut settings = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let at = |why: &str| (index + 1, why.to_owned());
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(at("expected `KEY=VALUE`"))?;
        if !is_key(key) {
            return Err(at("a key is letters, digits and `_`, no digit first, no blank before `=`"));
        }
        let value = unquote(value.trim()).map_err(|why| at(&format!("`{key}`: {why}")))?;
        setting::fits(key, value.len()).map_err(|why| at(&why))?;
        if settings.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(at(&format!("`{key}` was given above")));
        }
    }
    Ok(settings)
}

fn is_key(key: &str) -> bool {
    let mut letters = key.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
}

fn unquote(value: &str) -> Result<&str, &'static str> {
    if value.contains('\0') {
        return Err("its value contains a NUL");
    }
    let Some(quote) = value.chars().next().filter(|first| matches!(first, '\'' | '"')) else {
        return Ok(value);
    };
    match value[1..].strip_suffix(quote) {
        Some(inner) if !inner.contains(quote) => Ok(inner),
        _ => Err("the quote of its value is not closed, or text follows it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let settings = parse("# note\n\nA=1\n B = not a key").unwrap_err();
        assert_eq!(settings.0, 4);
        let settings = parse("A= x y \nB='  z # '\nC=\"it's\"\nD=\nE=a=b\n").unwrap();
        let expected = [("A", "x y"), ("B", "  z # "), ("C", "it's"), ("D", ""), ("E", "a=b")];
        assert_eq!(settings, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }

    #[test]
    fn errors_name_the_line_and_never_the_value() {
        for (text, line) in [
            ("hunter2", 1),
            ("A=1\n1A=hunter2", 2),
            ("A='hunter2", 1),
            ("A='hunter2'x", 1),
            ("A=1\nA=hunter2", 2),
            ("=hunter2", 1),
        ] {
            let (at, why) = parse(text).unwrap_err();
            assert_eq!(at, line, "{text}");
            assert!(!why.contains("hunter2"));
        }
    }
}
