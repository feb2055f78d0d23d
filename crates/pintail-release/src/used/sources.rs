//! Which of a project's files are sources, of which language, and which of them are tests. Knows names and first lines.

use super::Language;

/// The language of the file `path` by its name, else by the first line of `text`.
pub fn language(path: &str, text: &str) -> Option<Language> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("pm" | "pl" | "t" | "psgi") => Some(Language::Perl),
        Some("py") => Some(Language::Python),
        Some("js" | "mjs" | "cjs" | "jsx" | "ts" | "tsx" | "mts" | "cts") => Some(Language::Node),
        Some("rb" | "ru" | "rake" | "gemspec") => Some(Language::Ruby),
        // What a web server runs may be of any.
        Some("cgi" | "fcgi") | None => by_first_line(text),
        Some(_) => None,
    }
}

/// Whether only its first line tells of which language the file `path` is.
pub fn is_told_by_first_line(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').is_none_or(|(_, extension)| matches!(extension, "cgi" | "fcgi"))
}

fn by_first_line(text: &str) -> Option<Language> {
    let line = text.lines().next()?.strip_prefix("#!")?;
    let mut words = line.split(|c: char| !c.is_ascii_alphabetic());
    words.find_map(|word| match word {
        "perl" | "plackup" => Some(Language::Perl),
        "python" => Some(Language::Python),
        "node" | "nodejs" => Some(Language::Node),
        "ruby" | "rackup" => Some(Language::Ruby),
        _ => None,
    })
}

/// Whether the file `path` is there for tests or for those who develop.
pub fn is_test(path: &str) -> bool {
    const FOLDERS: [&str; 8] = ["t", "xt", "test", "tests", "__tests__", "spec", "inc", "features"];
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    folders.split('/').any(|folder| FOLDERS.contains(&folder))
        || name.starts_with("test_")
        || ["conftest.py", "Gruntfile.js", "gulpfile.js"].contains(&name)
        || [".t", "_test.py", "setup.py"].iter().any(|end| name.ends_with(end))
        || [".test.", ".spec.", ".config."].iter().any(|middle| name.contains(middle))
}

/// Whether a script of this `path` is served rather than run: what it loads came into it when it was built.
pub fn is_for_browsers(path: &str) -> bool {
    const FOLDERS: [&str; 8] = ["static", "public", "assets", "htdocs", "docroot", "www", "dist", "js"];
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    path.ends_with(".min.js") || folders.split('/').any(|folder| FOLDERS.contains(&folder))
}

/// Names under which the file `path` can be loaded: Perl looks from the top and from folders called `lib`, Python from
/// any. (With any for Perl too, `My/DateTime.pm` would pass for `DateTime`.)
pub fn own_names(language: Language, path: &str) -> Vec<String> {
    let Some((stem, _)) = path.rsplit_once('.') else { return Vec::new() };
    let parts: Vec<&str> = stem.split('/').collect();
    match language {
        Language::Perl => {
            let begins = |from: &usize| *from == 0 || parts[from - 1] == "lib";
            (0..parts.len()).filter(begins).map(|from| parts[from..].join("::")).collect()
        }
        Language::Python => parts.iter().map(|part| (*part).to_owned()).collect(),
        Language::Node | Language::Ruby => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_known_by_name_or_first_line() {
        for (path, text, expected) in [
            ("lib/A.pm", "", Some(Language::Perl)),
            ("bin/run", "#!/usr/bin/env perl\n", Some(Language::Perl)),
            ("bin/run", "#!/usr/bin/python3 -u\n", Some(Language::Python)),
            ("bin/run", "#!/bin/sh\n# perl\n", None),
            ("app.mjs", "", Some(Language::Node)),
            ("perl.txt", "#!/usr/bin/perl\n", None),
            ("cgi-bin/a.cgi", "#!/usr/bin/perl -w\n", Some(Language::Perl)),
            ("config.ru", "run App\n", Some(Language::Ruby)),
            ("bin/rails", "#!/usr/bin/env ruby\n", Some(Language::Ruby)),
        ] {
            assert_eq!(language(path, text), expected, "{path}");
        }
        for (path, expected) in [
            ("t/a.t", true),
            ("lib/t.pm", false),
            ("src/app.test.ts", true),
            ("tests/x.py", true),
            ("test_app.py", true),
            ("lib/Test/App.pm", false),
        ] {
            assert_eq!(is_test(path), expected, "{path}");
        }
        assert!(is_for_browsers("root/static/js/dropzone.js") && !is_for_browsers("src/app.js"));
        assert_eq!(own_names(Language::Perl, "lib/A/B.pm"), ["lib::A::B", "A::B"]);
    }
}
