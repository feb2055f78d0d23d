//! Where a Python project says its version: `pyproject.toml`, by the standard's table or Poetry's, and uv's lock. Reads no
//! Python, only lines.

use super::toml::{inside, locked, parsed, table};
use super::{Places, Tree};
use crate::next::Custom;
use pintail_core::wire::Trouble;

const MANIFEST: &str = "pyproject.toml";
const LOCK: &str = "uv.lock";

/// The places, if `pyproject.toml` says a version.
pub(super) fn find(tree: Tree<'_>) -> Result<Option<Places>, Trouble> {
    let Some(manifest) = tree.known(MANIFEST)? else { return Ok(None) };
    let document = parsed(MANIFEST, &manifest)?;
    let top = Some(document.as_item());
    let tables = [table(top, "project"), table(top.and_then(|top| top.get("tool")), "poetry")];
    let ranges: Vec<_> =
        tables.iter().flatten().filter_map(|table| inside(&manifest, table.get("version"))).collect();
    let Some(first) = ranges.first().cloned() else { return Ok(None) };
    let old = &manifest[first];
    let mut places = Places { by: Some(MANIFEST), custom: Custom::Parts, ..Places::default() };
    places.add(
        MANIFEST,
        manifest.as_bytes(),
        ranges.into_iter().filter(|range| manifest[range.clone()] == *old),
    );
    if let Some(lock) = tree.known(LOCK)? {
        let ranges = locked(LOCK, &lock, |package| {
            let is_here =
                |key: &str| package.get("source").and_then(|source| source.get(key)?.as_str()) == Some(".");
            // Its version is this project's, as uv writes it: `0.2rc1` for `0.2-rc1`.
            is_here("editable") || is_here("virtual")
        })?;
        places.add(LOCK, lock.as_bytes(), ranges);
    }
    Ok(Some(places))
}

/// Whether the file is one in which a project says its version.
pub(super) fn may_say(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ["setup.py", "setup.cfg"].contains(&path)
        || name.ends_with(".py")
            && (name == path || name.contains("version") || ["__init__.py", "__about__.py"].contains(&name))
}

/// The lines of such a file that say a version.
pub(super) fn said(path: &str, content: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(content);
    let says = |line: &&str| match path {
        "setup.cfg" => {
            value(line, "version").is_some_and(|value| value.starts_with(|c: char| c.is_ascii_digit()))
        }
        "setup.py" => value(line.trim_start(), "version").is_some_and(is_literal),
        _ => value(line, "__version__").is_some_and(is_literal),
    };
    text.lines().filter(says).map(str::to_owned).collect()
}

/// What is given to `name` in a line that begins with it.
fn value<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let rest = line.strip_prefix(name)?.trim_start();
    // `__version__: str = "0.1"`
    let rest = if rest.starts_with(':') { &rest[rest.find('=')?..] } else { rest };
    rest.strip_prefix('=').map(str::trim_start).filter(|value| !value.starts_with('='))
}

fn is_literal(value: &str) -> bool {
    value.starts_with(['"', '\'']) && value[1..].starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_a_version() {
        for (path, line, says) in [
            ("x/__init__.py", "__version__ = '0.1.0'", true),
            ("x/__init__.py", "__version__: Final[str] = \"0.1.0\"", true),
            ("x/__init__.py", "__version__ = importlib.metadata.version('x')", false),
            ("x/__init__.py", "if __version__ == '1':", false),
            ("setup.py", "    version=\"0.1\",", true),
            ("setup.py", "    version=read(),", false),
            ("setup.cfg", "version = 0.1", true),
            ("setup.cfg", "version = attr: x.__version__", false),
        ] {
            assert_eq!(!said(path, line.as_bytes()).is_empty(), says, "{path}: {line}");
            assert!(may_say(path), "{path}");
        }
        assert!(!may_say("x/app.py") && may_say("src/x/_version.py") && may_say("x.py"));
    }
}
