//! The version in a line of Perl, as far as it can be read without running it. Knows the forms of literals that
//! people and `dzil` write; what has to be evaluated is told as such, and never is.

/// Most times that the word is looked at in one line; each looks at the whole line.
const WORDS_MAX: usize = 16;

/// What a line says about the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Assigned {
    /// This text is the version.
    Literal(String),
    /// It is made by code.
    Code,
}

/// What `line` assigns to a variable `VERSION` (`$VERSION`, `$My::App::VERSION`, `*VERSION`); nothing if it doesn't.
pub(crate) fn assigned(line: &str) -> Option<Assigned> {
    let words = line.match_indices("VERSION").take(WORDS_MAX);
    let variables = words.filter(|(at, _)| is_variable(line, *at));
    let mut seen = false;
    for (at, word) in variables {
        let rest = &line[at + word.len()..];
        if let Some(right) = right_side(rest) {
            return Some(value(right).map_or(Assigned::Code, Assigned::Literal));
        }
        seen |= has_assignment(rest);
    }
    seen.then_some(Assigned::Code)
}

/// Whether the word at `at` is the end of a variable's name.
fn is_variable(line: &str, at: usize) -> bool {
    let (before, after) = (&line[..at], &line[at + "VERSION".len()..]);
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_:'".contains(c);
    let qualifier = before.len() - before.trim_end_matches(is_name).len();
    let (sigil, qualifier) = before.split_at(before.len() - qualifier);
    let whole_word = qualifier.is_empty() || qualifier.ends_with([':', '\'']);
    whole_word
        && sigil.ends_with(['$', '*'])
        && !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// What stands behind `=`, if that comes next.
fn right_side(rest: &str) -> Option<&str> {
    let right = rest.trim_start().strip_prefix('=')?;
    (!right.starts_with(['=', '>', '~'])).then(|| right.trim_start())
}

/// An `=` that is not part of a comparison or an arrow, somewhere.
fn has_assignment(rest: &str) -> bool {
    rest.match_indices('=')
        .any(|(at, _)| !rest[..at].ends_with(['!', '>', '<', '=']) && !rest[at + 1..].starts_with(['=', '>']))
}

/// The version that the right side of an assignment is, with nothing behind it that could make it another.
fn value(right: &str) -> Option<String> {
    let right = right.strip_prefix('\\').unwrap_or(right);
    let (version, rest) = called(right).or_else(|| plain(right))?;
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix(';').map(str::trim_start) {
        Some(more) if takes_underscores(more) => return Some(version.replace('_', "")),
        Some(more) => more,
        None if rest.is_empty() || rest.starts_with(['}', '#']) => "",
        None => return None,
    };
    (!changes_it(rest)).then_some(version)
}

/// The two ways in which a version for developers is made a number, where nothing else stands behind it.
fn takes_underscores(rest: &str) -> bool {
    let packed: String = without_comment(rest).split_whitespace().collect();
    ["$VERSION=eval$VERSION", "$VERSION=~tr/_//d"].contains(&packed.trim_end_matches(';'))
}

/// Whether code behind the literal does something to a version; reading it is fine.
fn changes_it(rest: &str) -> bool {
    let code = without_comment(rest);
    code.match_indices("VERSION").take(WORDS_MAX).any(|(at, word)| {
        let (before, after) = (code[..at].trim_end_matches(['$', ' ']), code[at + word.len()..].trim_start());
        let operator = after.trim_start_matches(|c: char| "|/.+-*&^x".contains(c));
        let is_given = ["for", "foreach", "chomp", "chop", "("].iter().any(|word| before.ends_with(word));
        is_given || (operator.starts_with('=') && !operator.starts_with("=="))
    })
}

fn without_comment(code: &str) -> &str {
    code.split('#').next().unwrap_or_default()
}

/// `qv("1.2.3")`, `version->declare("v1.2.3")` and the like.
fn called(right: &str) -> Option<(String, &str)> {
    const DOTTED: [&str; 4] = ["version->declare", "version::qv", "version->qv", "qv"];
    const AS_IS: [&str; 2] = ["version->new", "version->parse"];
    let call = |name: &&str| right.strip_prefix(*name).map(str::trim_start).and_then(argument);
    if let Some((version, rest)) = DOTTED.iter().find_map(call) {
        let is_dotted = version.starts_with('v') || version.matches('.').count() > 1;
        return Some((if is_dotted { version } else { format!("v{version}") }, rest));
    }
    AS_IS.iter().find_map(call)
}

/// One literal in parentheses.
fn argument(text: &str) -> Option<(String, &str)> {
    let (version, rest) = plain(text.strip_prefix('(')?.trim_start())?;
    let rest = rest.trim_start().strip_prefix(')')?;
    // `->numify` and the like make another text of it.
    (!rest.trim_start().starts_with("->")).then_some((version, rest))
}

/// A text in quotes, or a bare number.
fn plain(text: &str) -> Option<(String, &str)> {
    let first = text.chars().next()?;
    if first == '\'' || first == '"' {
        let (inner, rest) = text[1..].split_once(first)?;
        let is_literal = !inner.contains('\\') && (first == '\'' || !inner.contains(['$', '@']));
        return is_literal.then(|| (inner.trim().to_owned(), rest));
    }
    if let Some(rest) = ["q(", "qq("].iter().find_map(|quote| text.strip_prefix(quote)) {
        let (inner, rest) = rest.split_once(')')?;
        return (!inner.contains(['\\', '$', '@', '('])).then(|| (inner.trim().to_owned(), rest));
    }
    bare(text)
}

/// A number as Perl reads it: `1.10` is 1.1, `1.00_01` is 1.0001, `1.2.3` and `v1.2` are v-strings.
fn bare(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || "._v".contains(c))).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let digits = number.strip_prefix('v').unwrap_or(number);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.contains('v');
    if !is_number || rest.starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let plain = digits.replace('_', "");
    match plain.split_once('.') {
        _ if number.starts_with('v') => Some((format!("v{plain}"), rest)),
        Some((_, fraction)) if fraction.contains('.') => Some((format!("v{plain}"), rest)),
        // Octal.
        _ if plain.starts_with('0') && plain.len() > 1 && !plain.starts_with("0.") => None,
        Some(_) => Some((plain.trim_end_matches('0').trim_end_matches('.').to_owned(), rest)),
        None => Some((plain, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read() {
        for (line, version) in [
            ("our $VERSION = '1.2';", "1.2"),
            ("our $VERSION='1.20';", "1.20"),
            ("  $VERSION = \"1.2\"; # of today", "1.2"),
            ("$My::App::VERSION = '0.4';", "0.4"),
            ("$My'App'VERSION = '0.4';", "0.4"),
            ("use vars qw($VERSION); $VERSION = '1.01';", "1.01"),
            ("BEGIN { our $VERSION = '1.2' }", "1.2"),
            ("our $VERSION = 1.10;", "1.1"),
            ("our $VERSION = 1.00_01;", "1.0001"),
            ("our $VERSION = 3;", "3"),
            ("our $VERSION = 1.000;", "1"),
            ("our $VERSION = 0.5;", "0.5"),
            ("our $VERSION = v1.2.3;", "v1.2.3"),
            ("our $VERSION = 1.2.3;", "v1.2.3"),
            ("our $VERSION = '1.00_01';", "1.00_01"),
            ("our $VERSION = '1.00_01'; $VERSION = eval $VERSION;", "1.0001"),
            ("our $VERSION = '1.00_01'; $VERSION =~ tr/_//d;", "1.0001"),
            ("our $VERSION = '1.2'; our $OLD = '1'; # VERSION = 2", "1.2"),
            ("our $VERSION = '1.2'; sub version { $VERSION }", "1.2"),
            ("our $VERSION = '1.2'; die if $VERSION == 3;", "1.2"),
            ("use version; our $VERSION = version->declare(\"v1.2.3\");", "v1.2.3"),
            ("use version; our $VERSION = qv('1.2');", "v1.2"),
            ("our $VERSION = version->new('1.2');", "1.2"),
            ("*VERSION = \\'1.01';", "1.01"),
            ("our $VERSION = q(1.5);", "1.5"),
            ("our $VERSION = ' 1.5 ';", "1.5"),
            ("our $VERSION = '1.02+b1';", "1.02+b1"),
        ] {
            assert_eq!(assigned(line), Some(Assigned::Literal(version.to_owned())), "{line}");
        }
    }

    #[test]
    fn code_is_told_as_such() {
        for line in [
            "our $VERSION = sprintf '%d', 1;",
            "our $VERSION = $Other::VERSION;",
            "our $VERSION = do { my @r = (q$Revision: 1.2 $ =~ /\\d+/g) };",
            "our $VERSION = \"1.$minor\";",
            "our ($VERSION, @ISA) = ('1.2', 'X');",
            "our $VERSION = '1.2' . '3';",
            "our $VERSION = '1.2'; $VERSION =~ s/_//; 1;",
            "our $VERSION = '1.2'; $VERSION .= '3';",
            "our $VERSION = '1.2'; tr/_//d for $VERSION;",
            "our $VERSION = '1.2'; change($VERSION);",
            "(our $VERSION = '1.2_3') =~ tr/_//d;",
            "our $VERSION = version->declare('v1.2.3')->numify;",
            "our $VERSION = 017;",
            "$VERSION ||= '1.2';",
            "our $VERSION = `rm -rf /`;",
            "our $VERSION = '1.2",
            "our $VERSION =",
        ] {
            assert_eq!(assigned(line), Some(Assigned::Code), "{line}");
        }
    }

    #[test]
    fn other_lines_say_nothing() {
        for line in [
            "",
            "our $VERSION;",
            "if ($VERSION == 1) {",
            "print $VERSION",
            "VERSION => '1.2',",
            "$MYVERSION = '1.2';",
            "$VERSIONS = 1;",
            "$VERSION >= 1.2",
            "Foo->VERSION('1.2');",
            "die if $VERSION != 2;",
        ] {
            assert_eq!(assigned(line), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read(line in "\\PC{0,40}", tail in "\\PC{0,40}") {
            let _ = assigned(&format!("{line}$VERSION{tail}"));
            let _ = assigned(&format!("{line}$VERSION = {tail}"));
        }
    }
}
