//! What a distribution says of itself in `META.json` or `META.yml`, as far as an index wants it. Knows both
//! specifications' keys; does not judge what they say.

use serde_json::Value;

use super::yaml;

/// What counts in an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Packages as the author lists them: name and version. Empty if there is no list.
    pub(crate) provides: Vec<(String, Provided)>,
    /// What shall not be indexed.
    pub(crate) no_index: NoIndex,
    /// `stable`, `testing` or `unstable`, where it is said.
    pub(crate) release_status: Option<String>,
    /// `module` or `script`, where it is said.
    pub(crate) distribution_type: Option<String>,
}

/// One package of the author's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provided {
    /// Where it is.
    pub(crate) file: Option<String>,
    /// Its version.
    pub(crate) version: Option<String>,
}

/// What shall not be indexed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NoIndex {
    pub(crate) files: Vec<String>,
    pub(crate) directories: Vec<String>,
    pub(crate) packages: Vec<String>,
    pub(crate) namespaces: Vec<String>,
}

impl NoIndex {
    /// Whether the file at that path, the top folder left out, is among it.
    pub(crate) fn has_path(&self, path: &str) -> bool {
        let below = |folder: &String| {
            path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
        };
        self.files.iter().any(|file| file.trim_end_matches('/') == path) || self.directories.iter().any(below)
    }

    /// Whether that package is. A namespace is what is below it, not itself.
    pub(crate) fn has_package(&self, package: &str) -> bool {
        let plain = |name: &'_ str| name.strip_suffix("::").unwrap_or(name).to_owned();
        let below =
            |space: &String| package.strip_prefix(&plain(space)).is_some_and(|rest| rest.starts_with("::"));
        self.packages.iter().any(|one| plain(one) == package) || self.namespaces.iter().any(below)
    }
}

impl Meta {
    /// Reads a `META.json`.
    pub(crate) fn from_json(bytes: &[u8]) -> Result<Meta, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string()).and_then(|value| Meta::of(&value))
    }

    /// Reads a `META.yml`.
    pub(crate) fn from_yaml(bytes: &[u8]) -> Result<Meta, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_owned())?;
        Meta::of(&yaml::read(text)?)
    }

    fn of(value: &Value) -> Result<Meta, String> {
        let top = value.as_object().ok_or("it is no map")?;
        let no_index = top.get("no_index").or_else(|| top.get("private"));
        let listed = |key: &str| no_index.and_then(|all| all.get(key)).map_or(Vec::new(), texts);
        // `dir` is how the first specification had it.
        let directories = [listed("directory"), listed("dir")].concat();
        let provides = top.get("provides").and_then(Value::as_object);
        Ok(Meta {
            provides: provides
                .into_iter()
                .flatten()
                .map(|(name, about)| (name.clone(), provided(about)))
                .collect(),
            no_index: NoIndex {
                files: listed("file"),
                directories,
                packages: listed("package"),
                namespaces: listed("namespace"),
            },
            release_status: top.get("release_status").and_then(text),
            distribution_type: top.get("distribution_type").and_then(text),
        })
    }
}

fn provided(about: &Value) -> Provided {
    let at = |key: &str| about.get(key).and_then(text);
    Provided { file: at("file"), version: at("version") }
}

/// One text or a list of texts.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let json = br#"{"provides": {"My::App": {"file": "lib/My/App.pm", "version": "0.10"}, "My::Other": {"file": "x"}},
            "no_index": {"directory": ["t", "inc/"], "file": "lib/X.pm", "package": ["A", "C::"], "namespace": ["B", "V6::N::"]},
            "release_status": "testing", "distribution_type": "script"}"#;
        let yaml = b"provides:\n  My::App:\n    file: lib/My/App.pm\n    version: '0.10'\n  My::Other:\n    file: x\nno_index:\n  \
            directory: [t, inc/]\n  file: lib/X.pm\n  package: [A, 'C::']\n  namespace: [B, 'V6::N::']\nrelease_status: testing\ndistribution_type: script\n";
        let meta = Meta::from_json(json).unwrap();
        assert_eq!(meta, Meta::from_yaml(yaml).unwrap());
        let path = |path: &str| meta.no_index.has_path(path);
        assert!(path("t/x.pm") && path("inc/y.pm") && path("lib/X.pm"));
        assert!(!path("tt/x.pm") && !path("t") && !path("lib/X.pmc"));
        let package = |name: &str| meta.no_index.has_package(name);
        assert!(package("C") && package("V6::N::X") && !package("V6::N") && !package("V6::NX"));
        assert!(package("A") && package("B::C") && !package("A::B") && !package("B") && !package("Bx::C"));
    }

    #[test]
    fn nonsense_is_told() {
        for bytes in [&b""[..], b"[]", b"{", b"\xff", b"1"] {
            assert!(Meta::from_json(bytes).is_err());
            assert!(Meta::from_yaml(bytes).is_err() || bytes == b"{", "{bytes:?}");
        }
        let odd = br#"{"provides": [1], "no_index": 3, "release_status": {}}"#;
        assert_eq!(Meta::from_json(odd).unwrap(), Meta::default());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
            let _ = Meta::from_json(&bytes);
            let _ = Meta::from_yaml(&bytes);
        }
    }
}
