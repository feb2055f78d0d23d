//! The packages in a file of Perl, found as PAUSE finds them: line by line, nothing is run. Knows Perl's text as
//! little as PAUSE does, so that `package # hide` goes on hiding.

use super::literal::{Assigned, assigned};
use super::package::PackageName;

/// Longest line that is looked at, 64 KiB: data, not code, has longer ones.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Most packages of one file: no hand and no generator makes more, a hostile one would.
const PACKAGES_MAX: usize = 10_000;

/// What is in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Its packages in their order, each with the version that stands in its own line.
    pub(crate) packages: Vec<(PackageName, Option<String>)>,
    /// What the first assignment to a `VERSION` says, with its line, from 1.
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
        if scanned.version.is_none() && !line.trim_start().starts_with('#') {
            scanned.version = assigned(line).map(|assigned| (at + 1, assigned));
        }
        let code = line.split('#').next().unwrap_or_default();
        words.learn(code);
        if scanned.packages.len() < PACKAGES_MAX {
            scanned.packages.extend(words.declared(code));
        }
    }
    scanned
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
        let Some(used) = code.trim_start().strip_prefix("use ").map(str::trim_start) else {
            return;
        };
        let module = used.split(|c: char| !is_word(c) && c != ':').next().unwrap_or_default();
        let asks_for_class = used.split(|c: char| !is_word(c)).any(|word| word == "class");
        match module {
            "feature" | "experimental" => self.class |= asks_for_class,
            "Feature::Compat::Class" => self.class = true,
            "Object::Pad" => (self.class, self.role) = (true, true),
            _ => {}
        }
    }

    /// The first declaration in a line; a second one is not seen, as PAUSE doesn't see it.
    fn declared(&self, code: &str) -> Option<(PackageName, Option<String>)> {
        let words = [("package", true), ("class", self.class), ("role", self.role)];
        let found = words
            .iter()
            .filter(|(_, known)| *known)
            .flat_map(|(word, _)| code.match_indices(word).map(|(at, word)| (at, at + word.len())));
        let mut places: Vec<(usize, usize)> = found.collect();
        places.sort_unstable();
        let declared = places.into_iter().find_map(|(at, end)| declaration(&code[..at], &code[end..]))?;
        let (name, version) = declared;
        let name: PackageName = name.replace('\'', "::").parse().ok()?;
        let is_nobodys = ["main", "DB"].contains(&name.as_str()) || name.as_str().starts_with("Local::");
        (!is_nobodys).then_some((name, version))
    }
}

/// Name and version behind the word `package`, where it declares one.
fn declaration<'a>(before: &str, rest: &'a str) -> Option<(&'a str, Option<String>)> {
    if before.ends_with(|c: char| is_word(c) || "*$\\@%&".contains(c))
        || !rest.starts_with(char::is_whitespace)
    {
        return None;
    }
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !is_word(c) && c != ':' && c != '\'').unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    if name.is_empty() {
        return None;
    }
    let behind = rest.trim_start();
    let ends = |text: &str| text.is_empty() || text.starts_with([';', '{', '}', ':']);
    if ends(behind) {
        return Some((name, None));
    }
    let end = behind.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == 'v')).unwrap_or(behind.len());
    let (version, behind) = behind.split_at(end);
    (is_strict(version) && rest.len() > behind.len() && ends(behind.trim_start()))
        .then(|| (name, Some(version.to_owned())))
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
            ("package DB;\npackage main;\npackage Local::X;", &[]),
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
            ("the package is here\nprint \"package A is\";", &[]),
        ] {
            assert_eq!(packages(source), expected, "{source}");
        }
    }

    #[test]
    fn the_first_assignment_is_the_files() {
        let source = "package A;\n# $VERSION = '0.1';\n\n=pod\n\n$VERSION = '0.2';\n\n=cut\n\nour $VERSION = '1.0';\n$VERSION = '2';\n";
        assert_eq!(scan(source.as_bytes(), false).version, Some((10, Assigned::Literal("1.0".to_owned()))));
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
