//! Names that a TypeScript or JavaScript project gives to its own files: `paths` and `baseUrl` of `tsconfig.json` and
//! `jsconfig.json`. Knows these files' form; does not know who uses the names.

use serde_json::Value;

/// What one such file names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    /// The keys of `paths`: names, or beginnings of names that end with `*`.
    names: Vec<String>,
    /// The folder whose files are found by their names alone, from the project's top, without a `/` at its end.
    base: Option<String>,
}

/// Whether a file of this `path` can hold aliases.
pub fn is_alias_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    (name.starts_with("tsconfig") || name.starts_with("jsconfig")) && name.ends_with(".json")
}

impl Aliases {
    /// What `text`, the file at `path`, names. What can't be read names nothing.
    pub fn read(path: &str, text: &str) -> Self {
        let file: Value = serde_json::from_str(&plain(text)).unwrap_or_default();
        let options = &file["compilerOptions"];
        let names = options["paths"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let base = |base: &str| {
            let parts = folder.split('/').chain(base.split('/')).filter(|part| !matches!(*part, "" | "."));
            parts.collect::<Vec<_>>().join("/")
        };
        Self { names: names.collect(), base: options["baseUrl"].as_str().map(base) }
    }

    /// Whether the package `name` is one of these names, or by one of them a file among `paths`.
    pub fn name(&self, name: &str, paths: &[String]) -> bool {
        let named = |pattern: &String| match pattern.split_once('*') {
            None => pattern == name,
            // What all names begin with tells nothing of one.
            Some(("", _)) => false,
            Some((begin, _)) => {
                name.starts_with(begin) || begin.strip_suffix('/').is_some_and(|begin| begin == name)
            }
        };
        let in_base = || {
            let Some(base) = &self.base else { return false };
            let begin = if base.is_empty() { name.to_owned() } else { format!("{base}/{name}") };
            paths.iter().any(|path| {
                path.strip_prefix(begin.as_str()).is_some_and(|rest| rest.starts_with(['/', '.']))
            })
        };
        self.names.iter().any(named) || in_base()
    }
}

/// `text` as JSON: these files may have comments, and a comma behind the last of a list.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '"' => text_end(rest),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |end| end + 4),
            _ => c.len_utf8(),
        };
        if c != '/' {
            if matches!(c, '}' | ']') && plain.trim_end().ends_with(',') {
                plain.truncate(plain.trim_end().len() - 1);
            }
            plain.push_str(&rest[..taken]);
        }
        rest = &rest[taken..];
    }
    plain
}

/// Behind the text in quotes that `rest` begins with.
fn text_end(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_projects_own_files_are_read() {
        let text = "{ // how it is built\n \"compilerOptions\": {\n  \"baseUrl\": \"./src\", /* where */\n  \"paths\": {\n   \
                    \"alias-mod\": [\"src/mod\"], \"@app/*\": [\"src/*\"],\n   \"utils/*\": [\"x//y/*\"], \"*\": [\"z/*\"],\n  },\n },\n}";
        let aliases = Aliases::read("web/tsconfig.json", text);
        let paths = ["web/src/models/a.ts", "web/src/store.ts", "other/x.ts"].map(str::to_owned);
        for (name, expected) in [
            ("alias-mod", true),
            ("@app/x", true),
            ("@apple/x", false),
            ("utils", true),
            ("utilsish", false),
            ("models", true),
            ("store", true),
            ("sto", false),
            ("other", false),
            ("express", false),
        ] {
            assert_eq!(aliases.name(name, &paths), expected, "{name}");
        }
        assert_eq!(Aliases::read("tsconfig.json", "{"), Aliases::default());
        assert_eq!(
            Aliases::read("jsconfig.json", r#"{"compilerOptions":{"baseUrl":"."}}"#).base.unwrap(),
            ""
        );
        assert!(is_alias_file("a/tsconfig.base.json") && !is_alias_file("a/config.json"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "([ -~\n]|//|/\\*|\\*/|\"|ä){0,60}") {
            Aliases::read("tsconfig.json", &text);
        }
    }
}
