//! Where a Perl distribution says its version: `dist.ini`, or `$VERSION` of its main module. Reads no Perl, only lines.

use super::Tree;
use super::pattern::is_version;
use std::collections::BTreeSet;
use std::ops::Range;

/// Whether the project is a Perl distribution.
pub(super) fn is_distribution(tree: Tree<'_>) -> bool {
    ["dist.ini", "Makefile.PL", "Build.PL", "cpanfile"].iter().any(|name| tree.has(name))
}

/// Files that say how the distribution is made, and the word that says which version it is.
const MADE_BY: [(&str, &str); 2] = [("Makefile.PL", "VERSION"), ("Build.PL", "dist_version")];

/// The files that may say it, in order, with where they do.
pub(super) fn places(tree: Tree<'_>) -> Vec<(String, Vec<u8>, Vec<Range<usize>>)> {
    let mut places = Vec::new();
    let mut add = |path: &str, find: &dyn Fn(&str) -> Vec<Range<usize>>| {
        let Some(content) = tree.has(path).then(|| tree.read(path).ok()).flatten() else { return };
        let text = plain(&content);
        let found = find(&text);
        let versions: BTreeSet<&str> = found.iter().filter_map(|range| text.get(range.clone())).collect();
        // Of several that differ, nobody can tell which is meant.
        if versions.len() == 1 {
            places.push((path.to_owned(), content, found));
        }
    };
    add("dist.ini", &|text| of_dist(text).into_iter().collect());
    for (path, key) in MADE_BY {
        add(path, &|text| of_maker(text, key));
    }
    if let Some(module) = main_module(tree) {
        add(&module, &of_module);
    }
    places
}

/// The lines of a module, or of what makes the distribution, that say a version, in whatever way.
pub(super) fn said(path: &str, content: &[u8]) -> Vec<String> {
    let text = plain(content);
    let key = MADE_BY.iter().find(|(maker, _)| *maker == path).map(|(_, key)| key);
    let says = |line: &&str| match key {
        Some(key) => !made(line, key).is_empty(),
        None => of_package(line).is_some() || variables(line).any(|behind| is_assigned(&line[behind..])),
    };
    code(&text).map(|(_, line)| line).filter(says).map(str::to_owned).collect()
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

/// The lines that are code, without their comments, and where they begin.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let (mut at, mut in_pod) = (0, false);
    let lines = text.split_inclusive('\n').map(move |line| {
        at += line.len();
        (at - line.len(), line)
    });
    let is_code = |(_, line): &(usize, &str)| !line.starts_with("__END__") && !line.starts_with("__DATA__");
    lines.take_while(is_code).filter_map(move |(at, line)| {
        if line.starts_with('=') && line[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            in_pod = !line.starts_with("=cut");
            return None;
        }
        let is_comment = in_pod || line.trim_start().starts_with('#');
        let end = [" #", "\t#", ";#"].iter().filter_map(|begin| line.find(begin)).min();
        (!is_comment).then(|| (at, &line[..end.map_or(line.len(), |end| end + 1)]))
    })
}

/// Every number that a module gives to `$VERSION`, or to its package.
fn of_module(text: &str) -> Vec<Range<usize>> {
    let assigned = |line: &str| {
        let value = |behind: usize| value(line, behind + operator(&line[behind..])?);
        let mut found: Vec<Range<usize>> = variables(line).filter_map(value).collect();
        found.extend(of_package(line));
        found
    };
    code(text).flat_map(|(at, line)| moved(assigned(line), at)).collect()
}

/// Every number behind `key =>`.
fn of_maker(text: &str, key: &str) -> Vec<Range<usize>> {
    code(text).flat_map(|(at, line)| moved(made(line, key), at)).collect()
}

fn moved(ranges: Vec<Range<usize>>, by: usize) -> impl Iterator<Item = Range<usize>> {
    ranges.into_iter().map(move |range| by + range.start..by + range.end)
}

fn made(line: &str, key: &str) -> Vec<Range<usize>> {
    let found = line.match_indices(key).filter_map(|(at, _)| {
        let rest = line[at + key.len()..].trim_start_matches(['\'', '"']).trim_start().strip_prefix("=>")?;
        let is_key = !line[..at].ends_with(|c: char| is_word(c) || c == '$');
        is_key.then(|| value(line, line.len() - rest.len()))?
    });
    // Module::Install has a word for it.
    let installed = line.strip_prefix("version").filter(|rest| rest.starts_with([' ', '\t']));
    found.chain(installed.and_then(|rest| value(line, line.len() - rest.len()))).collect()
}

/// The number in `package NAME NUMBER`.
fn of_package(line: &str) -> Option<Range<usize>> {
    let rest = line.trim_start().strip_prefix("package")?.trim_start();
    let (_, rest) = rest.split_once([' ', '\t'])?;
    value(line, line.len() - rest.len())
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Where each `$VERSION` of a line ends, that of another package too.
fn variables(line: &str) -> impl Iterator<Item = usize> {
    line.match_indices("VERSION").filter_map(|(at, word)| {
        let package = line[..at].trim_end_matches(|c: char| is_word(c) || c == ':');
        let is_name = line[package.len()..at].is_empty() || line[..at].ends_with("::");
        let end = at + word.len();
        (is_name && package.ends_with(['$', '*']) && !line[end..].starts_with(is_word)).then_some(end)
    })
}

/// How long the assignment is that a text begins with: `=`, `||=` or `//=`, also behind the `)` of a list.
fn operator(text: &str) -> Option<usize> {
    let rest = text.trim_start();
    let rest = rest.strip_prefix(')').unwrap_or(rest).trim_start();
    let rest = ["=", "||=", "//="].iter().find_map(|sign| rest.strip_prefix(sign))?;
    (!rest.starts_with(['=', '~', '>'])).then(|| text.len() - rest.len())
}

/// Whether what stands behind a variable gives it a version, readable or not: but for that of another variable.
fn is_assigned(behind: &str) -> bool {
    let Some((list, value)) = behind.split_once('=') else { return false };
    let is_list = list.chars().all(|c| is_word(c) || c.is_whitespace() || "$@%,():|/".contains(c));
    let value = value.trim();
    let is_version = value.is_empty() || value.contains(|c: char| c.is_ascii_digit());
    is_list && is_version && !value.starts_with(['=', '~', '>', '$'])
}

/// What may stand around a version that is given to a variable.
const AROUND: [&str; 9] = [
    "(",
    "\\",
    "eval",
    "qv",
    "version::qv",
    "version->declare",
    "version->parse",
    "version->new",
    "version->qv",
];

/// Where the number is that stands in `line` from `at`, in quotes or not.
fn value(line: &str, at: usize) -> Option<Range<usize>> {
    let mut rest = line[at..].trim_start();
    while let Some(inner) = AROUND.iter().find_map(|word| {
        let inner = rest.strip_prefix(word)?;
        (!inner.starts_with(is_word)).then(|| inner.trim_start())
    }) {
        rest = inner;
    }
    let word = ["qw", "qq", "q"].iter().find(|word| {
        rest.strip_prefix(**word)
            .is_some_and(|behind| behind.trim_start().starts_with(|c: char| "{([<|/!".contains(c)))
    });
    rest = rest[word.map_or(0, |word| word.len())..].trim_start();
    let quote = rest.chars().next().filter(|first| word.is_some() || "'\"".contains(*first));
    let close = quote
        .map(|quote| "{}()[]<>".split_once(quote).and_then(|(_, rest)| rest.chars().next()).unwrap_or(quote));
    let rest = rest[usize::from(quote.is_some())..].trim_start();
    // A `v` in front is the form of the number, not a part of it.
    let rest = rest.strip_prefix('v').unwrap_or(rest);
    let start = line.len() - rest.len();
    let length = number(rest)?;
    let is_whole = close.is_none_or(|close| rest[length..].trim_start().starts_with(close));
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
            ("our $VERSION = qv('1.2.0');", Some("1.2.0")),
            ("our $VERSION = version->declare( \"v0.1.0\" );", Some("0.1.0")),
            ("our ($VERSION) = \"0.2\";", Some("0.2")),
            ("our $VERSION = q{0.001};", Some("0.001")),
            ("our $VERSION //= '0.3';", Some("0.3")),
            ("use vars qw($VERSION); $VERSION = \"0.4\"; # $VERSION = 5", Some("0.4")),
            ("our $VERSION = eval '0.5'; $VERSION = eval $VERSION;", Some("0.5")),
            ("*VERSION = \\'0.6';", Some("0.6")),
            ("package My::App 0.007;", Some("0.007")),
            ("package My::App v0.8.0 {", Some("0.8.0")),
            ("package My::App;", None),
            ("our $VERSION = $Other::VERSION;", None),
            ("our $VERSION = (qw$Revision: 1.2 $)[1];", None),
            ("$MY_VERSION = '1';", None),
            ("our $VERSION_OF = '1';", None),
            ("if ($VERSION =~ 3) {}", None),
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
    fn what_says_a_version_in_any_way() {
        for (line, says) in [
            ("our $VERSION = (qw$Revision: 1.2 $)[1];", true),
            ("our ($VERSION, @ISA) = ('0.1', 'Exporter');", true),
            ("our $VERSION =", true),
            ("our $VERSION = $Other::VERSION2;", false),
            ("$VERSION = eval $VERSION;", false),
            ("our $VERSION = Other->VERSION;", false),
            ("print \"$VERSION\"; $x = 1;", false),
            ("die if $VERSION == 3 or $VERSION >= 2;", false),
        ] {
            assert_eq!(!said("lib/A.pm", line.as_bytes()).is_empty(), says, "{line}");
        }
    }

    #[test]
    fn the_version_of_what_makes_it() {
        let text = "WriteMakefile(\n  MIN_PERL_VERSION => '5.010',\n  # VERSION => '0',\n  'VERSION'  => \"0.12\",\n);\n";
        let found: Vec<&str> = of_maker(text, "VERSION").into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["0.12"]);
        let text = "name    'My-App';\nversion '0.3'; # now\nversion_from 'lib/1.pm';\n";
        let found: Vec<&str> = of_maker(text, "VERSION").into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["0.3"]);
        assert!(of_maker("VERSION => $version, VERSION_FROM => 'lib/1.pm'", "VERSION").is_empty());
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
