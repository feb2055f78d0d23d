//! Which modules a Perl text uses, and which packages it holds. Knows the words that load modules, Moose's, Catalyst's
//! and DBIx::Class's among them; does not know what is declared. What is loaded by a name that is made at run time can't
//! be seen here: that shows where the test runs.

use super::{Scanned, Used};
use crate::perl::{Token, is_module, tokens};

/// Functions and methods whose first text is the name of a module.
const LOADERS: [&str; 7] = [
    "ensure_class_loaded",
    "load_class",
    "require_module",
    "require_ok",
    "use_module",
    "use_ok",
    "use_package_optimistically",
];

/// All modules that `text` loads, and the packages that it declares.
pub fn scan(text: &str) -> Scanned {
    let tokens = tokens(text);
    let mut scan = Scan { tokens: &tokens, found: Scanned::default(), blocks: Vec::new() };
    for at in 0..tokens.len() {
        scan.token(at);
    }
    scan.found.used.sort();
    scan.found.used.dedup();
    scan.found
}

fn last_part(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

struct Scan<'a> {
    tokens: &'a [(Token, usize)],
    found: Scanned,
    /// For each open brace whether what fails in it is caught.
    blocks: Vec<bool>,
}

impl Scan<'_> {
    fn token(&mut self, at: usize) {
        let before = at.checked_sub(1).map(|before| &self.tokens[before].0);
        let begins = matches!(before, None | Some(Token::Sign(';' | '{' | '}')));
        let (token, line) = &self.tokens[at];
        match token {
            Token::Sign('{') => {
                let caught = matches!(before, Some(Token::Word(word)) if word == "eval" || word == "try");
                self.blocks.push(caught);
            }
            Token::Sign('}') => drop(self.blocks.pop()),
            Token::Word(word) => match word.as_str() {
                "use" | "no" if begins => self.used(at, *line),
                "require" if !self.is_key(at) => self.required(at, *line),
                "package" if begins => {
                    if let Some(Token::Word(name)) = self.next(at) {
                        self.found.own.push(name.clone());
                    }
                }
                "extends" | "with" if begins => self.parents(at),
                "eval" => self.evaluated(at, *line),
                "load_components" => self.components(at, "DBIx::Class"),
                name if LOADERS.contains(&last_part(name)) => self.loaded(at, *line),
                _ => {}
            },
            Token::Method(name) => match name.as_str() {
                "load_components" => self.components(at, "DBIx::Class"),
                name if LOADERS.contains(&name) => self.loaded(at, *line),
                _ => {}
            },
            _ => {}
        }
    }

    fn next(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at + 1).map(|(token, _)| token)
    }

    /// `require => 1`, `{require}`.
    fn is_key(&self, at: usize) -> bool {
        matches!(self.next(at), Some(Token::Fat | Token::Sign('}')))
    }

    fn add(&mut self, module: &str, line: usize, soft: bool) {
        let soft = soft || self.blocks.contains(&true);
        if is_module(module) {
            self.found.used.push(Used { module: module.to_owned(), line, soft });
        }
    }

    /// Texts and words from `at` to the end of the statement that are in no braces, each with its line.
    fn texts(&self, at: usize) -> Vec<(String, usize)> {
        let mut texts = Vec::new();
        let mut depth = 0;
        for (token, line) in &self.tokens[at + 1..] {
            match token {
                Token::Sign(';') if depth == 0 => break,
                Token::Sign('}') if depth == 0 => break,
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => depth -= 1,
                Token::Text(text) if depth == 0 => texts.push((text.clone(), *line)),
                Token::Words(words) if depth == 0 => {
                    texts.extend(words.iter().map(|word| (word.clone(), *line)));
                }
                _ => {}
            }
        }
        texts
    }

    fn used(&mut self, at: usize, line: usize) {
        let Some(Token::Word(module)) = self.next(at).cloned() else { return };
        let at = at + 1;
        if matches!(self.next(at), Some(Token::Fat | Token::Sign('='))) {
            return;
        }
        self.add(&module, line, false);
        let texts = self.texts(at);
        match module.as_str() {
            "base" | "parent" | "superclass" => {
                let without_loading = self.statement(at).any(|token| {
                    matches!(token, Token::Text(text) | Token::Word(text) if text == "-norequire" || text == "norequire")
                        || matches!(token, Token::Words(words) if words.iter().any(|word| word == "-norequire"))
                });
                if !without_loading {
                    texts.iter().for_each(|(text, line)| self.add(text, *line, false));
                }
            }
            "aliased" | "Mojo::Base" => {
                texts.first().iter().for_each(|(text, line)| self.add(text, *line, false));
            }
            "Test::Requires" | "Test::Needs" => {
                texts.iter().for_each(|(text, line)| self.add(text, *line, true));
            }
            "if" => {
                let behind =
                    self.statement(at).skip_while(|token| **token != Token::Sign(',')).nth(1).cloned();
                if let Some(Token::Text(name) | Token::Word(name)) = behind {
                    self.add(&name, line, true);
                }
            }
            "Catalyst" => self.prefixed(&texts, "Catalyst::Plugin"),
            "DBIx::Class::Candy" => self.components(at, "DBIx::Class"),
            _ => {}
        }
    }

    /// The tokens from `at` to the end of the statement.
    fn statement(&self, at: usize) -> impl Iterator<Item = &Token> {
        let tokens = self.tokens[at + 1..].iter().map(|(token, _)| token);
        tokens.take_while(|token| **token != Token::Sign(';'))
    }

    /// Names that stand for modules below `prefix`, but with a `+` for themselves; a `-` begins a setting.
    fn prefixed(&mut self, texts: &[(String, usize)], prefix: &str) {
        for (text, line) in texts {
            match (text.strip_prefix('+'), text.starts_with('-')) {
                (Some(whole), _) => self.add(whole, *line, false),
                (None, false) if is_module(text) => self.add(&format!("{prefix}::{text}"), *line, false),
                _ => {}
            }
        }
    }

    /// `load_components(...)`; of `use DBIx::Class::Candy` only the list behind `-components`.
    fn components(&mut self, at: usize, prefix: &str) {
        let texts = match self.tokens.get(at) {
            Some((Token::Word(word), _)) if word == "DBIx::Class::Candy" => {
                let is_components = |token: &Token| {
                    matches!(token, Token::Word(word) if word == "components")
                        || matches!(token, Token::Text(text) if text == "-components")
                };
                let Some(from) = self.statement(at).position(is_components) else { return };
                let list: Vec<_> = self.tokens[at + from + 2..]
                    .iter()
                    .take_while(|(token, _)| !matches!(token, Token::Sign(']' | ';')))
                    .collect();
                list.iter()
                    .flat_map(|(token, line)| match token {
                        Token::Text(text) => vec![(text.clone(), *line)],
                        Token::Words(words) => words.iter().map(|word| (word.clone(), *line)).collect(),
                        _ => Vec::new(),
                    })
                    .collect()
            }
            _ => self.texts(at),
        };
        self.prefixed(&texts, prefix);
    }

    fn required(&mut self, at: usize, line: usize) {
        match self.next(at).cloned() {
            Some(Token::Word(module)) if module != "__PACKAGE__" => self.add(&module, line, false),
            Some(Token::Text(file)) => {
                if let Some(module) = file.strip_suffix(".pm") {
                    self.add(&module.replace('/', "::"), line, false);
                }
            }
            _ => {}
        }
    }

    /// `extends 'A'`, `with qw(A B)`: Moose's words, which nobody else gives texts to at the start of a statement.
    fn parents(&mut self, at: usize) {
        let mut next = self.tokens[at + 1..].iter().map(|(token, _)| token);
        let first = next.find(|token| **token != Token::Sign('('));
        if !matches!(first, Some(Token::Text(_) | Token::Words(_))) {
            return;
        }
        for (text, line) in self.texts(at) {
            if text.contains("::") || text.starts_with(|c: char| c.is_ascii_uppercase()) {
                self.add(&text, line, false);
            }
        }
    }

    /// `eval "use Foo"`, `eval { ... }` is a block.
    fn evaluated(&mut self, at: usize, line: usize) {
        let Some(Token::Text(text)) = self.next(at).cloned() else { return };
        let mut words = text.split(|c: char| c.is_whitespace() || c == ';').filter(|word| !word.is_empty());
        if let (Some("use" | "require"), Some(module)) = (words.next(), words.next()) {
            self.add(module, line, true);
        }
    }

    fn loaded(&mut self, at: usize, line: usize) {
        let mut next = self.tokens[at + 1..].iter().map(|(token, _)| token);
        let first = next.find(|token| **token != Token::Sign('(')).cloned();
        if let Some(Token::Text(text)) = first {
            self.add(&text, line, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let soft = |used: &Used| if used.soft { "?" } else { "" };
        scan(text).used.iter().map(|used| format!("{}:{}{}", used.module, used.line, soft(used))).collect()
    }

    #[test]
    fn what_loads_a_module_is_seen() {
        let cases: &[(&str, &[&str])] = &[
            (
                "use strict; use Foo::Bar 1.2 qw(a b);\nno Indirect;",
                &["Foo::Bar:1", "Indirect:2", "strict:1"],
            ),
            ("use v5.36; use 5.010; use 5;", &[]),
            (
                "require Foo; require 'A/B.pm'; require \"x.pl\"; require $x; require 5.01;",
                &["A::B:1", "Foo:1"],
            ),
            ("my %h = (require => 1, use => 2); $h{require}; $x->require('Foo');", &[]),
            (
                "use base 'A';\nuse parent -norequire, 'B';\nuse parent qw(C D);",
                &["A:1", "C:3", "D:3", "base:1", "parent:2", "parent:3"],
            ),
            (
                "use Moose;\nextends 'A', 'B';\nwith 'R' => { -excludes => 'Not' },\n  'S';",
                &["A:2", "B:2", "Moose:1", "R:3", "S:4"],
            ),
            ("BEGIN { extends 'Catalyst::Controller' }", &["Catalyst::Controller:1"]),
            ("extends('A'); sub with { 1 } with $x, 'Not';", &["A:1"]),
            (
                "use Catalyst qw/-Debug ConfigLoader +My::Own/;",
                &["Catalyst:1", "Catalyst::Plugin::ConfigLoader:1", "My::Own:1"],
            ),
            ("__PACKAGE__->load_components(qw/ Core +X::Y /);", &["DBIx::Class::Core:1", "X::Y:1"]),
            (
                "use DBIx::Class::Candy -autotable => 'v1', -components => [qw( TimeStamp )];",
                &["DBIx::Class::Candy:1", "DBIx::Class::TimeStamp:1"],
            ),
            ("eval { require A; 1 } or eval 'use B; 1'; require C;", &["A:1?", "B:1?", "C:1"]),
            (
                "use if $] < 5.01, 'A' => 'x'; use Test::Requires { 'B' => 1 }, 'C';",
                &["A:1?", "C:1?", "Test::Requires:1", "if:1"],
            ),
            ("use_ok('A'); Class::Load::load_class('B'); use_module( \"C\" )->new;", &["A:1", "B:1", "C:1"]),
            (
                "if ($x) { require A }\nuse aliased 'Long::Name' => 'Name';",
                &["A:1", "Long::Name:2", "aliased:2"],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(&told(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        let cases: &[(&str, &[&str])] = &[
            ("# use A;\n\"use B;\"; 'use C'; q{ use D; { use E } }; qq<use F>;\nuse G;", &["G:3"]),
            ("=head1 X\n\nuse A;\n\n=cut\n\nuse B;\n__END__\nuse C;", &["B:7"]),
            ("print <<X, <<\"Y\", <<~'Z';\nuse A;\nX\nuse B;\nY\n  use C;\n  Z\nuse D;", &["D:8"]),
            ("my $x = 1 << 3; print $y<<2;\nuse A;", &["A:2"]),
            (
                "s{use A;}\n {use B;}g; tr/a;/b;/; y'use'x'; m!use C;!; qr/use D; \\/ [/] use E/;\nuse F;",
                &["F:3"],
            ),
            ("my $r = $a / 2; my $s = $b / 3; use A;\nsplit /use 'B/, $x; use C;", &["A:1", "C:2"]),
            (
                "$h{s}; $h{y}{q}; y => 1, s => 2; $x->s(1); -s $f; sub y { 1 } sub q($$;$) { 1 } use A;",
                &["A:1"],
            ),
            ("$/ = undef; $' ; $\" ; $#{$x}; $#x; $$; @{$y}; %$z; $x % 3; &f; use A;", &["A:1"]),
            ("$x =~ m,a/b(;|$)\\s*,i; use Encode::KR::2022_KR;", &["Encode::KR::2022_KR:1"]),
            ("$x =~ /a\n'b/x; use A;\n$don't; isn't($a, $b); use B;", &["A:2", "B:3"]),
            ("my %x = map { $_ => 1 } qw(use A); print \"it's @{[ 'x' ]}\"; use B;", &["B:1"]),
        ];
        for (text, expected) in cases {
            assert_eq!(&told(text), expected, "{text}");
        }
    }

    #[test]
    fn packages_are_the_texts_own() {
        let own = scan("package A; package B::C 1.2 { } package # hidden\n D; $x->package('E');").own;
        assert_eq!(own, ["A", "B::C", "D"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "([ -~\n]|use |require |qw|s\\{|<<X|=cut|\\$|ä){0,60}") {
            scan(&text);
        }
    }
}
