//! Where a Perl distribution says its version: `dist.ini`, or `$VERSION` of its main module. Reads no Perl, only lines.

use super::Tree;
use super::pattern::is_version;
use std::ops::Range;

/// Whether the project is a Perl distribution.
pub(super) fn is_distribution(tree: Tree<'_>) -> bool {
    ["dist.ini", "Makefile.PL", "Build.PL", "cpanfile"].iter().any(|name| tree.has(name))
}

/// The files that may say it, in order, with where they do.
pub(super) fn places(tree: Tree<'_>) -> Vec<(String, Vec<u8>, Range<usize>)> {
    let mut places = Vec::new();
    if let Ok(content) = tree.read("dist.ini")
        && let Some(range) = of_dist(&plain(&content))
        && tree.has("dist.ini")
    {
        places.push(("dist.ini".to_owned(), content, range));
    }
    let Some(module) = main_module(tree).filter(|path| tree.has(path)) else { return places };
    if let Ok(content) = tree.read(&module)
        && let [range] = &of_module(&plain(&content))[..]
    {
        let range = range.clone();
        places.push((module, content, range));
    }
    places
}

/// Whether a module says a version, in whatever way.
pub(super) fn says_version(content: &[u8]) -> bool {
    let text = plain(content);
    let of_package = |line: &str| {
        let mut words = line.split_whitespace();
        let third = (words.next() == Some("package")).then(|| words.nth(1)).flatten();
        third.is_some_and(|word| word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()))
    };
    text.lines().any(of_package) || !of_module(&text).is_empty()
}

/// The same bytes, as a text: every one that is no ASCII is a `?`, so that places stay where they are.
fn plain(content: &[u8]) -> String {
    content.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect()
}

/// The path of the main module, as the distribution's own files say.
fn main_module(tree: Tree<'_>) -> Option<String> {
    let read = |name: &str| tree.has(name).then(|| tree.read(name).ok()).flatten().map(|file| plain(&file));
    let module = |name: &str| format!("lib/{}.pm", name.replace("::", "/").replace('-', "/"));
    if let Some(dist) = read("dist.ini") {
        let top = dist.split("\n[").next().unwrap_or_default();
        return setting(top, "main_module").or_else(|| setting(top, "name").map(|name| module(&name)));
    }
    let made = ["Makefile.PL", "Build.PL"].iter().find_map(|name| read(name))?;
    for key in ["VERSION_FROM", "dist_version_from", "all_from", "version_from"] {
        if let Some(path) = quoted_after(&made, key) {
            return Some(path);
        }
    }
    ["module_name", "NAME"].iter().find_map(|key| quoted_after(&made, key)).map(|name| module(&name))
}

/// What `key = value` of an ini file says.
fn setting(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.trim_start().strip_prefix('=')?;
        Some(value.split(';').next().unwrap_or_default().trim().to_owned())
    })
}

/// The first quoted text behind the word `key`.
fn quoted_after(text: &str, key: &str) -> Option<String> {
    let behind = text.lines().find_map(|line| line.split_once(key).map(|(_, behind)| behind))?;
    let start = behind.find(['\'', '"'])?;
    let quote = behind[start..].chars().next()?;
    behind[start + 1..].split(quote).next().map(str::to_owned)
}

/// The version in the top part of a `dist.ini`.
fn of_dist(text: &str) -> Option<Range<usize>> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') {
            return None;
        }
        if let Some(value) = line.strip_prefix("version").and_then(|rest| rest.trim_start().strip_prefix('='))
        {
            let start = at + line.len() - value.trim_start().len();
            return number(&text[start..]).map(|length| start..start + length);
        }
        at += line.len();
    }
    None
}

/// Every assignment of a number to `$VERSION`, in code.
fn of_module(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut at, mut in_pod) = (Vec::new(), 0, false);
    for line in text.split_inclusive('\n') {
        if line.starts_with("__END__") || line.starts_with("__DATA__") {
            break;
        }
        if line.starts_with('=') && line[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            in_pod = !line.starts_with("=cut");
        } else if !in_pod && !line.trim_start().starts_with('#') {
            found.extend(assigned(line).map(|range| at + range.start..at + range.end));
        }
        at += line.len();
    }
    found
}

/// Where the number is that a line assigns to `$VERSION`.
fn assigned(line: &str) -> Option<Range<usize>> {
    let variable = line.find("VERSION").filter(|at| line[..*at].ends_with(['$', ':']))?;
    let value = line[variable + "VERSION".len()..].trim_start().strip_prefix('=')?;
    let value = value.trim_start();
    let quote = value.chars().next().filter(|first| "'\"".contains(*first));
    let start = line.len() - value.len() + usize::from(quote.is_some());
    // A `v` in front is the form of the number, not a part of it.
    let start = start + usize::from(line[start..].starts_with('v'));
    let length = number(&line[start..])?;
    let is_whole = quote.is_none_or(|quote| line[start + length..].starts_with(quote));
    is_whole.then_some(start..start + length)
}

/// How long the version is that a text begins with.
fn number(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(|byte| is_version(*byte)).count();
    text.starts_with(|c: char| c.is_ascii_digit()).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_module() {
        for (line, wanted) in [
            ("our $VERSION = '0.940';\n", Some("0.940")),
            ("$My::App::VERSION = '0.4';", Some("0.4")),
            ("our $VERSION=0.940;", Some("0.940")),
            ("our $VERSION = \"v1.2.3\";", Some("1.2.3")),
            ("our $VERSION = qv('1.2');", None),
            ("# our $VERSION = '0.1';", None),
            ("die if $VERSION == 3;", None),
            ("our $VERSION = '0.9", None),
            ("use_VERSION = 3", None),
        ] {
            let found: Vec<&str> = of_module(line).into_iter().map(|range| &line[range]).collect();
            assert_eq!(found, wanted.into_iter().collect::<Vec<_>>(), "{line}");
        }
        let text = "package A;\n=head1 X\n\nour $VERSION = '1';\n\n=cut\n\nour $VERSION = '2';\n__END__\n$VERSION = 3;\n";
        let found: Vec<&str> = of_module(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["2"]);
    }

    #[test]
    fn the_version_of_a_dist() {
        let text = "name = A\nversion = 0.940 ; x\n[Foo]\nversion = 2\n";
        assert_eq!(of_dist(text).map(|range| &text[range]), Some("0.940"));
        assert_eq!(of_dist("name = A\n[Foo]\nversion = 2\n"), None);
        assert_eq!(
            quoted_after("WriteMakefile(\n VERSION_FROM => 'lib/A.pm',\n", "VERSION_FROM").as_deref(),
            Some("lib/A.pm")
        );
    }
}
