//! Where a Ruby project says its version: `version.rb` and its gemspec. Reads no Ruby, only lines.

/// Whether the file is one in which a project says its version.
pub(super) fn may_say(path: &str) -> bool {
    path.ends_with("/version.rb") || path.ends_with(".gemspec")
}

/// The lines of such a file that say a version.
pub(super) fn said(content: &[u8]) -> Vec<String> {
    let says = |line: &&str| {
        let line = line.trim_start();
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let name = name.trim_end();
        let is_version = name == "VERSION" || name.ends_with(".version");
        let value = value.trim_start().trim_start_matches(['"', '\'']);
        is_version && value.starts_with(|c: char| c.is_ascii_digit())
    };
    String::from_utf8_lossy(content).lines().filter(says).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_a_version() {
        for (line, says) in [
            ("  VERSION = \"0.1.0\".freeze", true),
            ("  spec.version = '0.1.0'", true),
            ("  spec.version = X::VERSION", false),
            ("  MINIMUM_VERSION = '3.0'", false),
        ] {
            assert_eq!(!said(line.as_bytes()).is_empty(), says, "{line}");
        }
    }
}
