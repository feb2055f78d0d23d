//! The version in a line of Perl, as far as it can be read without running it. Knows the forms of literals that
//! people and `dzil` write; what has to be evaluated is told as such, and never is.

/// Most times that the word is looked at in one line; each looks at the whole line.
const WORDS_MAX: usize = 16;

/// Most digits of a number that Perl gives back as they were typed.
const NUMBER_DIGITS_MAX: usize = 15;

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
    let line = without_comment(line);
    let words = line.match_indices("VERSION").take(WORDS_MAX);
    let variables = words.filter(|(at, _)| is_variable(line, *at));
    let mut seen = false;
    for (at, word) in variables {
        let (before, rest) = (&line[..at], &line[at + word.len()..]);
        // What stands behind it in the line is the other one too.
        if is_hidden(before) {
            break;
        }
        if let Some(right) = right_side(rest).and_then(|right| behind_sigil(before, right)) {
            return Some(value(right).map_or(Assigned::Code, Assigned::Literal));
        }
        if let Some(right) = is_first_of_list(before).then(|| right_of_list(rest)).flatten() {
            return Some(value_of_list(right).map_or(Assigned::Code, Assigned::Literal));
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
        && !sigil[..sigil.len() - 1].ends_with('\\')
        && !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// What is given to the variable that ends `before`: to `*VERSION` a reference. Anything else gives it no version.
fn behind_sigil<'a>(before: &str, right: &'a str) -> Option<&'a str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_:'".contains(c);
    match (before.trim_end_matches(is_name).ends_with('*'), right.strip_prefix('\\')) {
        (true, reference) => reference,
        (false, None) => Some(right),
        (false, Some(_)) => None,
    }
}

/// What stands before the variable that ends `before`, without its sigil and package.
fn declarator(before: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_:'".contains(c);
    before.trim_end_matches(is_name).trim_end_matches(['$', '*']).trim_end()
}

/// Whether it is another variable of that name, which no package has.
fn is_hidden(before: &str) -> bool {
    let before = declarator(before);
    let before = before.strip_suffix('(').unwrap_or(before).trim_end();
    let word = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    ["my", "state", "local"].contains(&word)
}

/// `our ($VERSION`, `(our $VERSION`.
fn is_first_of_list(before: &str) -> bool {
    let before = declarator(before);
    before.strip_suffix("our").unwrap_or(before).trim_end().ends_with('(')
}

/// What stands behind the `=` of a list that is left of it.
fn right_of_list(rest: &str) -> Option<&str> {
    let (others, rest) = rest.split_once(')')?;
    let is_variables = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "_:$@%,".contains(c);
    let is_list = others.trim().is_empty() || others.trim_start().starts_with(',');
    (is_list && others.chars().all(is_variables)).then(|| right_side(rest)).flatten()
}

/// The first value of a list, or the only one.
fn value_of_list(right: &str) -> Option<String> {
    let Some((first, rest)) = right.strip_prefix('(').and_then(|inner| {
        let inner = inner.trim_start();
        called(inner).or_else(|| plain(inner))
    }) else {
        return value(right);
    };
    let (others, rest) = rest.trim_start().split_once(')')?;
    let is_list = others.is_empty() || (others.starts_with(',') && !others.contains('('));
    is_list.then(|| ended(first, rest)).flatten()
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
    let (version, rest) = called(right).or_else(|| plain(right)).or_else(|| in_parentheses(right))?;
    ended(version, rest)
}

fn in_parentheses(right: &str) -> Option<(String, &str)> {
    let (version, rest) = plain(right.strip_prefix('(')?.trim_start())?;
    Some((version, rest.trim_start().strip_prefix(')')?))
}

/// A version, if what stands behind it doesn't make another of it.
fn ended(version: String, rest: &str) -> Option<String> {
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
    let packed: String = rest.split_whitespace().collect();
    ["$VERSION=eval$VERSION", "$VERSION=~tr/_//d"].contains(&packed.trim_end_matches(';'))
}

/// Whether code behind the literal does something to a version; reading it is fine.
fn changes_it(code: &str) -> bool {
    code.match_indices("VERSION").take(WORDS_MAX).any(|(at, word)| {
        let (before, after) = (code[..at].trim_end_matches(['$', ' ']), code[at + word.len()..].trim_start());
        let operator = after.trim_start_matches(|c: char| "|/.+-*&^x".contains(c));
        let is_given = ["for", "foreach", "chomp", "chop", "("].iter().any(|word| before.ends_with(word));
        is_given || (operator.starts_with('=') && !operator.starts_with("=="))
    })
}

/// A line up to its comment. A `#` in quotes begins none, nor does one that stands against other text (`$#list`,
/// `s#a#b#`); where quotes can't be told, it is enough that there is space before it.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut before, mut likely) = (None, ' ', None);
    for (at, c) in line.char_indices() {
        let begins = c == '#' && (before.is_whitespace() || ";{},)".contains(before));
        match quote {
            None if begins => return &line[..at],
            None if c == '"' || (c == '\'' && !is_in_name(line, at)) => quote = Some(c),
            Some(open) if c == open && before != '\\' => quote = None,
            Some(_) if begins => likely = likely.or(Some(at)),
            _ => {}
        }
        before = c;
    }
    let end = likely.filter(|_| quote.is_some());
    &line[..end.unwrap_or(line.len())]
}

/// `My'App`: the apostrophe is what `::` was.
fn is_in_name(line: &str, at: usize) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic();
    line[..at].ends_with(is_letter) && line[at + 1..].starts_with(is_letter)
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
    quoted(text).unwrap_or_else(|| bare(text))
}

/// A text in quotes and what is behind them; nothing in it if it is no literal. Nothing if there are no quotes.
fn quoted(text: &str) -> Option<Option<(String, &str)>> {
    let (interpolates, inner) = match (text.strip_prefix("qq"), text.strip_prefix('q')) {
        (Some(inner), _) => (true, inner.trim_start()),
        (None, Some(inner)) => (false, inner.trim_start()),
        (None, None) => (text.starts_with('"'), text),
    };
    let is_named = inner.len() < text.len();
    let open = inner.chars().next()?;
    let is_quote =
        if is_named { open.is_ascii_punctuation() && !"_=,;#".contains(open) } else { "'\"".contains(open) };
    if !is_quote {
        return None;
    }
    let close = match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        other => other,
    };
    let literal = || {
        let (inner, rest) = inner[1..].split_once(close)?;
        let is_code = inner.contains(['\\', open]) || (interpolates && inner.contains(['$', '@']));
        // `q$Revision: 1.2 $` is asked of nobody: it is not a version.
        (!is_code && open != '$').then(|| (inner.trim().to_owned(), rest))
    };
    Some(literal())
}

/// A number as Perl reads it: `1.10` is 1.1, `1.00_01` is 1.0001, `1.2.3` and `v1.2` are v-strings.
fn bare(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || "._v".contains(c))).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let with_zero =
        (number.starts_with('.') && number.matches('.').count() == 1).then(|| format!("0{number}"));
    let digits = with_zero.as_deref().unwrap_or(number.strip_prefix('v').unwrap_or(number));
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.contains('v');
    if !is_number || rest.starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let plain = digits.replace('_', "");
    if number.starts_with('v') || plain.matches('.').count() > 1 {
        // `1..2` is a range.
        let is_whole = plain.split('.').all(|piece| !piece.is_empty());
        return is_whole.then(|| (format!("v{plain}"), rest));
    }
    let is_octal = plain.starts_with('0') && plain.len() > 1 && !plain.starts_with("0.");
    let significant = plain.replace('.', "").trim_start_matches('0').len();
    // Perl writes what is beyond that otherwise than it was typed.
    let is_tiny = plain.starts_with("0.0000") && significant > 0;
    if is_octal || is_tiny || significant > NUMBER_DIGITS_MAX {
        return None;
    }
    let number = if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.') } else { &plain };
    Some((number.to_owned(), rest))
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
            ("our $VERSION = qq{1.7};", "1.7"),
            ("our $VERSION = q [1.7];", "1.7"),
            ("our $VERSION = qq|1.7|;", "1.7"),
            ("our ($VERSION) = '1.7';", "1.7"),
            ("our($VERSION)=('1.7');", "1.7"),
            ("(our $VERSION) = '1.7';", "1.7"),
            ("our ($VERSION, @ISA) = ('1.2', 'X');", "1.2"),
            ("our $VERSION = ('1.7');", "1.7"),
            ("our $VERSION = .5;", "0.5"),
            ("our $VERSION = 1.;", "1"),
            ("our $VERSION = 100;", "100"),
            ("our $VERSION = '1.5'; # $VERSION .= 'x'", "1.5"),
            ("our $NAME = '# no comment'; our $VERSION = '1.5';", "1.5"),
            ("$x = $#list; s#a#b#; our $VERSION = '1.5';", "1.5"),
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
            "our ($VERSION, @ISA) = (one(), 'X');",
            "our (@ISA, $VERSION) = ('1.2', 'X');",
            "our $VERSION = qq{1.$minor};",
            "our $VERSION = q$Revision: 1.2 $;",
            "our $VERSION = 0.00001;",
            "our $VERSION = 1.2345678901234567;",
            "our $VERSION = 1e3;",
            "our $VERSION = 1..2;",
            "our $VERSION = \\'1.2';",
            "*VERSION = 1.2;",
            "our $VERSION = 1.10.;",
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
            "package V24; # our $VERSION = '9'",
            "s/'//; # our $VERSION = '9'",
            "my $VERSION = '9';",
            "my ($VERSION) = '9';",
            "local $VERSION = '9';",
            "my $VERSION = '9'; $VERSION = '3';",
            "print \"our \\$VERSION = '9';\";",
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
