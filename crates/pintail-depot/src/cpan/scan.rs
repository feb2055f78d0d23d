//! The packages in a file of Perl, found as PAUSE finds them: line by line, nothing is run. Knows Perl's text as
//! little as PAUSE does, so that `package # hide` goes on hiding.

use super::literal::{Assigned, assigned};
use super::package::PackageName;
use super::perl_version::PerlVersion;

/// Longest line that is looked at, 64 KiB: data, not code, has longer ones.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Most packages of one file: no hand and no generator makes more, a hostile one would.
const PACKAGES_MAX: usize = 10_000;

/// What may stand before a file's first line and is no text.
const BYTE_ORDER_MARKS: [&[u8]; 5] =
    [b"\0\0\xfe\xff", b"\xff\xfe\0\0", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf"];

/// What is in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Its packages in their order, each with the version that stands in its own line.
    pub(crate) packages: Vec<(PackageName, Option<String>)>,
    /// What the first line says that declares a package with a version or assigns to a `VERSION`, with that line's
    /// number, from 1.
    pub(crate) version: Option<(usize, Assigned)>,
}

/// Which words declare a package here.
#[derive(Default)]
struct Words {
    class: bool,
    role: bool,
}

/// Reads a file. In one that makes another (`.pm.PL`), `__END__` is text of the other and ends nothing.
pub(crate) fn scan(source: &[u8], makes_another: bool) -> Scanned {
    let mark = BYTE_ORDER_MARKS.iter().find_map(|mark| source.strip_prefix(*mark));
    let source = mark.unwrap_or(source);
    let mut scanned = Scanned::default();
    let (mut in_pod, mut words) = (false, Words::default());
    for (at, line) in source.split(|byte| *byte == b'\n').enumerate() {
        let line = String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES_MAX)]);
        let line = line.trim_end();
        if let Some(command) =
            line.strip_prefix('=').filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        {
            in_pod = !command.starts_with("cut");
            continue;
        }
        if in_pod {
            continue;
        }
        if !makes_another && is_end(line) {
            break;
        }
        let code = line.split('#').next().unwrap_or_default();
        words.learn(code);
        if scanned.version.is_none() && !is_condition(line) {
            let version = words.version(code).map(Assigned::Literal).or_else(|| assigned(line));
            scanned.version = version.map(|version| (at + 1, version));
        }
        if scanned.packages.len() < PACKAGES_MAX {
            scanned.packages.extend(words.declared(code));
        }
    }
    scanned
}

/// What holds only sometimes is nobody's version, as MakeMaker has it.
fn is_condition(line: &str) -> bool {
    let word = line.trim_start().split(|c: char| !is_word(c)).next().unwrap_or_default();
    ["if", "unless", "elsif"].contains(&word)
}

fn is_end(line: &str) -> bool {
    let rest = ["__END__", "__DATA__"].iter().find_map(|end| line.strip_prefix(end));
    rest.is_some_and(|rest| !rest.starts_with(is_word))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl Words {
    /// `class` and `role` mean something only where a module or feature gives them meaning.
    fn learn(&mut self, code: &str) {
        let Some(used) = begun(code).strip_prefix("use").filter(|rest| rest.starts_with(char::is_whitespace))
        else {
            return;
        };
        let used = used.trim_start();
        let module = used.split(|c: char| !is_word(c) && c != ':').next().unwrap_or_default();
        let asks_for_class = used.split(|c: char| !is_word(c)).any(|word| ["class", "all"].contains(&word));
        match module {
            "feature" | "experimental" => self.class |= asks_for_class,
            "Feature::Compat::Class" => self.class = true,
            "Object::Pad" => (self.class, self.role) = (true, true),
            _ => {}
        }
    }

    /// The declaration that a line begins with; a second one is not seen, as PAUSE doesn't see it, and none in a text
    /// that is printed.
    fn declared(&self, code: &str) -> Option<(PackageName, Option<String>)> {
        let (name, version) = declaration(self.behind_word(code)?)?;
        let name: PackageName = name.replace('\'', "::").parse().ok()?;
        let is_nobodys =
            ["main", "DB", "Local"].contains(&name.as_str()) || name.as_str().starts_with("Local::");
        (!is_nobodys).then_some((name, version))
    }

    /// The version in a line that declares a package, in any form that is one: it is the file's.
    fn version(&self, code: &str) -> Option<String> {
        let behind = self.behind_word(code)?.trim_start().split_once(char::is_whitespace)?.1.trim_start();
        let end = behind.find(|c: char| c.is_whitespace() || ";{:".contains(c))?;
        let (version, behind) = behind.split_at(end);
        let is_declared = behind.trim_start().starts_with([';', '{', ':']);
        (is_declared && version.parse::<PerlVersion>().is_ok_and(|version| version != PerlVersion::undef()))
            .then(|| version.to_owned())
    }

    /// What stands behind the word that declares a package, if the line begins with it.
    fn behind_word<'a>(&self, code: &'a str) -> Option<&'a str> {
        let words = [("package", true), ("class", self.class), ("role", self.role)];
        let known = words.iter().filter(|(_, known)| *known);
        known
            .filter_map(|(word, _)| begun(code).strip_prefix(*word))
            .find(|rest| rest.starts_with(char::is_whitespace))
    }
}

/// A line from where a statement may begin in it.
fn begun(code: &str) -> &str {
    code.trim_start_matches(|c: char| c.is_whitespace() || c == '{' || c == ';')
}

/// Name and version behind the word `package`, where it declares one.
fn declaration(rest: &str) -> Option<(&str, Option<String>)> {
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !is_word(c) && c != ':' && c != '\'').unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let behind = rest.trim_start();
    let ends = |text: &str| text.is_empty() || text.starts_with([';', '{', '}', ':']);
    if ends(behind) {
        return Some((name, None));
    }
    let end = behind.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == 'v')).unwrap_or(behind.len());
    let (version, behind) = behind.split_at(end);
    if is_strict(version) && rest.len() > behind.len() && ends(behind.trim_start()) {
        return Some((name, Some(version.to_owned())));
    }
    // `class A:isa(B)`: the last colon may end the name.
    name.rfind(':').map(|colon| (&name[..colon], None))
}

/// The form that Perl takes behind a package's name: `1`, `1.02`, `v1.2.3`.
fn is_strict(version: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = |text: &str| digits(text) && (text == "0" || !text.starts_with('0'));
    if let Some(dotted) = version.strip_prefix('v') {
        let mut pieces = dotted.split('.');
        let first = pieces.next().is_some_and(whole);
        let rest: Vec<&str> = pieces.collect();
        return first && rest.len() >= 2 && rest.iter().all(|piece| digits(piece) && piece.len() <= 3);
    }
    match version.split_once('.') {
        Some((before, fraction)) => whole(before) && digits(fraction),
        None => whole(version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(source: &str) -> Vec<String> {
        let told = |(name, version): &(PackageName, Option<String>)| match version {
            Some(version) => format!("{name} {version}"),
            None => name.to_string(),
        };
        scan(source.as_bytes(), false).packages.iter().map(told).collect()
    }

    #[test]
    fn declarations_are_found() {
        for (source, expected) in [
            ("package My::App;", &["My::App"][..]),
            ("package My::App 1.02;", &["My::App 1.02"]),
            ("package My::App v1.2.3 {", &["My::App v1.2.3"]),
            ("package My::App {", &["My::App"]),
            ("package My::App{ sub x {} }", &["My::App"]),
            ("package My::App\n{", &["My::App"]),
            ("package   My'App ;", &["My::App"]),
            ("{ package My::App; }", &["My::App"]),
            ("{ package A; } package B;", &["A"]),
            ("package A;\r\npackage B;\r\n", &["A", "B"]),
            ("package A; # package B;", &["A"]),
            ("package A 1.02_03;", &[]),
            ("package A v1.2;", &[]),
            ("package # hide\n  My::Hidden;", &[]),
            ("package\n  My::Hidden;", &[]),
            ("# package A;", &[]),
            ("$package A;", &[]),
            ("my_package A;", &[]),
            ("package main; package DB;", &[]),
            ("package DB;\npackage main;\npackage Local::X;\npackage Local;\npackage Locale;", &["Locale"]),
            ("package 1A;", &[]),
            ("package A::;", &[]),
            ("=pod\n\npackage A;\n\n=cut\n\npackage B;", &["B"]),
            ("=head1 X\npackage A;", &[]),
            ("package A;\n__END__\npackage B;", &["A"]),
            ("package A;\n__DATA__\npackage B;", &["A"]),
            ("__ENDING__\npackage B;", &["B"]),
            ("class A;", &[]),
            ("use feature 'class';\nclass A 1.0;", &["A 1.0"]),
            ("use experimental qw( class );\nclass A :isa(B) {", &["A"]),
            ("use Object::Pad;\nrole A;\nclass B;", &["A", "B"]),
            ("use Feature::Compat::Class;\nrole A;", &[]),
            ("print $fh \"package Zz::Generated;\\n\";", &[]),
            ("my $code = 'package Zz;'; package A;", &[]),
            ("eval q{package Zz;\n1};", &[]),
            (" ;{; package A;", &["A"]),
            ("\u{feff}package A;", &["A"]),
            ("no strict; package A;", &[]),
            ("use Feature::Compat::Class;\nclass A:isa(B) {", &["A"]),
            ("{ use feature qw(say :all);\n  class A;", &["A"]),
            ("package A: B", &["A"]),
            ("package A 1.2.3;", &[]),
            ("package A 1.5 is great", &[]),
            ("the package is here\nprint \"package A is\";", &[]),
        ] {
            assert_eq!(packages(source), expected, "{source}");
        }
    }

    #[test]
    fn the_first_assignment_is_the_files() {
        let source = "package A;\n# $VERSION = '0.1';\n\n=pod\n\n$VERSION = '0.2';\n\n=cut\n\nour $VERSION = '1.0';\n$VERSION = '2';\n";
        assert_eq!(scan(source.as_bytes(), false).version, Some((10, Assigned::Literal("1.0".to_owned()))));
        let literal = |line, version: &str| Some((line, Assigned::Literal(version.to_owned())));
        for (source, version) in [
            ("package A 1.0;\nour $VERSION = '2';\n", literal(1, "1.0")),
            ("package A 1.02_03 { }\nour $VERSION = '2';\n", literal(1, "1.02_03")),
            ("package A; # our $VERSION = '9'\nour $VERSION = '1';\n", literal(2, "1")),
            ("if (1) { $VERSION = '9' }\niffy(); our $VERSION = '1';\n", literal(2, "1")),
            ("my $VERSION = '9';\n$VERSION = '1';\n", literal(2, "1")),
            ("package A undef;\npackage B x;\n", None),
        ] {
            assert_eq!(scan(source.as_bytes(), false).version, version, "{source}");
        }
        let behind = "package A;\n__END__\nour $VERSION = '1.0';\n";
        assert_eq!(scan(behind.as_bytes(), false).version, None);
        assert!(scan(behind.as_bytes(), true).version.is_some());
    }

    #[test]
    fn lines_made_to_keep_it_busy_do_not() {
        for piece in
            ["$VERSION ", "$VERSION", "$A::VERSION= ", "package ", "package", "package A:", "use class "]
        {
            let source = piece.repeat((4 << 20) / piece.len());
            let lines = source.as_bytes().chunks(LINE_BYTES_MAX).collect::<Vec<_>>().join(&b'\n');
            let begun = std::time::Instant::now();
            let _ = (scan(source.as_bytes(), false), scan(&lines, false));
            assert!(begun.elapsed().as_secs() < 30, "{piece:?} took {:?}", begun.elapsed());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(source in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = scan(&source, false);
        }

        #[test]
        fn whatever_looks_like_perl_is_read(source in "(package |class |use feature 'class'|our \\$VERSION ?= ?|[A-Z:' ;{}#=\n.0-9v_]{0,5}){0,20}") {
            for (name, _) in scan(source.as_bytes(), false).packages {
                assert!(name.as_str().parse::<PackageName>().is_ok());
            }
        }
    }
}
