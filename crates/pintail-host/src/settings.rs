//! The host's own settings and secrets: the file `env`, `NAME=VALUE` a line, 0600. Values are in no message.

use crate::supervise::env_file;
use crate::trouble::{Trying, fail};
use pintail_core::layout::Layout;
use pintail_core::setting;
use pintail_os::files;
use pintail_saga::Failure;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Permission bits that others than the owner have.
const OTHERS: u32 = 0o077;

/// The settings, and the bytes they were read from.
#[derive(Debug, Default)]
pub struct Settings {
    /// By name.
    pub values: BTreeMap<String, String>,
    /// The file's; empty when there is none.
    pub bytes: Vec<u8>,
}

/// The settings of the host as they are now; none when the file is missing.
///
/// # Errors
/// The file is readable by others, or has a line that is no setting.
pub fn read(layout: &Layout) -> Result<Settings, Failure> {
    let path = layout.environment();
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Settings::default()),
        Err(error) => return Err(error).trying(|| format!("cannot read `{}`", path.display())),
        Ok(found) if found.permissions().mode() & OTHERS != 0 => {
            let what = format!("will not use the settings in `{}`", path.display());
            let why = format!("others may read or write it (mode {:o})", found.permissions().mode() & 0o777);
            return Err(Failure::new(what, why).hint(format!("`chmod 600 {}`", path.display())));
        }
        Ok(_) => {}
    }
    read_at(&path)
}

/// The settings as `generation`'s processes have them.
pub fn read_frozen(layout: &Layout, generation: u64) -> Result<BTreeMap<String, String>, Failure> {
    let path = layout.frozen_environment(generation);
    if path.exists() { Ok(read_at(&path)?.values) } else { Ok(BTreeMap::new()) }
}

fn read_at(path: &Path) -> Result<Settings, Failure> {
    let what = || format!("cannot use the settings in `{}`", path.display());
    let bytes = files::read_bounded(path, env_file::LIMIT_BYTES).trying(what)?;
    match env_file::read(path) {
        Ok(values) => Ok(Settings { values, bytes }),
        Err(why) => fail(what(), why),
    }
}

/// Sets and removes settings; comments and the order of lines stay. The file is replaced whole.
pub fn change(layout: &Layout, changes: &[(String, Option<String>)]) -> Result<(), Failure> {
    let path = layout.environment();
    let what = || format!("cannot change the settings in `{}`", path.display());
    if let Some(name) = setting::twice(changes.iter().map(|(name, _)| name.as_str())) {
        return fail(what(), format!("`{name}` is named twice"));
    }
    let settings = read(layout)?;
    let text = String::from_utf8_lossy(&settings.bytes).into_owned();
    let is_of =
        |line: &str, name: &str| line.trim_start().split_once('=').is_some_and(|(key, _)| key == name);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (name, value) in changes {
        setting::check(name, value.as_deref()).or_else(|why| fail(what(), why))?;
        let at = lines.iter().position(|line| is_of(line, name));
        match (at, value.as_ref().map(|value| format!("{name}={}", quoted(value)))) {
            (Some(at), Some(line)) => lines[at] = line,
            (None, Some(line)) => lines.push(line),
            (Some(at), None) => drop(lines.remove(at)),
            (None, None) => return fail(what(), format!("`{name}` is not set")),
        }
    }
    let mut bytes = lines.join("\n").into_bytes();
    bytes.push(b'\n');
    if bytes.len() as u64 > env_file::LIMIT_BYTES {
        let why =
            format!("it would have {} bytes, and at most {} are read", bytes.len(), env_file::LIMIT_BYTES);
        return fail(what(), why);
    }
    files::write_whole(&path, &bytes, 0o600).trying(what)
}

fn quoted(value: &str) -> String {
    if value.contains('"') {
        format!("'{value}'")
    } else if value.is_empty() || value.contains(|c: char| c.is_whitespace() || "'#".contains(c)) {
        format!("\"{value}\"")
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read_back_and_the_rest_stays() {
        let room = tempfile::tempdir().unwrap();
        let layout = Layout::new(room.path());
        files::write_whole(&layout.environment(), b"# of the host\nA=1\nB=2\n", 0o600).unwrap();
        let set =
            |name: &str, value: Option<&str>| change(&layout, &[(name.to_owned(), value.map(str::to_owned))]);
        for value in ["x", "", "two words", "it's", "say \"so\"", "a#b", " edge "] {
            set("A", Some(value)).unwrap();
            assert_eq!(read(&layout).unwrap().values["A"], value);
        }
        set("B", None).unwrap();
        set("C", Some("3")).unwrap();
        assert_eq!(
            std::fs::read_to_string(layout.environment()).unwrap(),
            "# of the host\nA=\" edge \"\nC=3\n"
        );
        assert_eq!(set("B", None).unwrap_err().why, "`B` is not set");
        assert!(set("A", Some("one\ntwo")).is_err());
        assert!(set("1A", Some("x")).is_err());
        let twice = [("A".to_owned(), Some("1".to_owned())), ("A".to_owned(), Some("2".to_owned()))];
        assert_eq!(change(&layout, &twice).unwrap_err().why, "`A` is named twice");
        // Each may be as long as an environment takes, but not the file as long as nobody reads.
        let long = "x".repeat(131_068);
        for name in ["L1", "L2", "L3"] {
            set(name, Some(&long)).unwrap();
        }
        assert!(set("L4", Some(&long)).unwrap_err().why.contains("at most 524288 are read"));
        for name in ["L1", "L2", "L3"] {
            set(name, None).unwrap();
        }
        std::fs::set_permissions(layout.environment(), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&layout).unwrap_err().why.contains("others may read"));
    }
}
