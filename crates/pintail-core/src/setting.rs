//! What can be a setting of a host: its name and value, as a program's environment takes them. Values are in no
//! message.

/// Bytes of one setting in a program's environment, `NAME=VALUE` and the NUL behind it: Linux's `MAX_ARG_STRLEN`.
pub const BYTES_MAX: usize = 131_072;
/// Names that are set for an application by what starts it.
const OWN: [&str; 3] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];
/// What all other names that Pintail sets begin with.
const OWN_PREFIX: &str = "PINTAIL_";

/// Whether `name` can have `value`; `None` stands for removing it, which needs no more than a name.
///
/// # Errors
/// Why not, in a sentence.
pub fn check(name: &str, value: Option<&str>) -> Result<(), String> {
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !first || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!("`{name}` is no name: letters, digits and `_`, no digit first"));
    }
    let Some(value) = value else { return Ok(()) };
    if name.starts_with(OWN_PREFIX) || OWN.contains(&name) {
        return Err(format!("`{name}` is set by Pintail itself"));
    }
    if value.contains('\0') {
        return Err(format!("the value of `{name}` contains a NUL, which no environment can hold"));
    }
    if value.contains('\n') {
        return Err(format!("the value of `{name}` has more than one line"));
    }
    if value.contains('\'') && value.contains('"') {
        return Err(format!("the value of `{name}` has both kinds of quotes, which `env` can't hold"));
    }
    fits(name, value.len())
}

/// Whether a value of so many bytes fits beside `name`.
///
/// # Errors
/// Why not, in a sentence.
pub fn fits(name: &str, value_bytes: usize) -> Result<(), String> {
    let most = BYTES_MAX.saturating_sub(name.len() + "=\0".len());
    if value_bytes > most {
        return Err(format!(
            "the value of `{name}` has {value_bytes} bytes; beside that name a program's environment takes {most}"
        ));
    }
    Ok(())
}

/// The first name that is there twice.
pub fn twice<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_set() {
        let long = "x".repeat(BYTES_MAX - 3);
        for (name, value, why) in [
            ("A", "1", None),
            ("AB", long.as_str(), Some("the value of `AB` has 131069 bytes")),
            ("A", long.as_str(), None),
            ("1A", "", Some("`1A` is no name")),
            ("A", "b\0", Some("the value of `A` contains a NUL")),
            ("A", "b\nc", Some("the value of `A` has more than one line")),
            ("A", "'\"", Some("both kinds of quotes")),
            ("PINTAIL_VERSION", "1", Some("`PINTAIL_VERSION` is set by Pintail itself")),
            ("PINTAIL_NEW", "1", Some("`PINTAIL_NEW` is set by Pintail itself")),
            ("LISTEN_PID", "1", Some("`LISTEN_PID` is set by Pintail itself")),
            ("LISTEN_FOR", "1", None),
        ] {
            let told = check(name, Some(value)).err();
            assert_eq!(told.is_some(), why.is_some(), "{name}: {told:?}");
            assert!(told.unwrap_or_default().contains(why.unwrap_or_default()), "{name}");
        }
        // What stands there from before may go.
        assert_eq!(check("PINTAIL_VERSION", None), Ok(()));
        assert_eq!(twice(["A", "B", "A"]), Some("A"));
        assert_eq!(twice(["A", "B"]), None);
    }

    /// The bound is the kernel's: one byte more is not taken by it.
    #[test]
    fn the_longest_value_is_told_to_the_byte() {
        assert_eq!(fits("A", BYTES_MAX - 3), Ok(()));
        assert!(fits("A", BYTES_MAX - 2).is_err());
    }
}
