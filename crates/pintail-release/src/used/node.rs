//! Which packages a JavaScript or TypeScript text loads. Knows `require` and `import`; does not know what is declared.

use super::{Scanned, Used};

/// Node's own modules; those that are only there as `node:…` need no name here.
const BUILT_IN: [&str; 42] = [
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

/// All packages that `text` loads; relative paths and Node's own modules are left out.
pub fn scan(text: &str) -> Scanned {
    let tokens = tokens(text);
    let mut found = Vec::new();
    // How deep we are, and in which of those a failure is caught.
    let mut blocks: Vec<bool> = Vec::new();
    for (at, (token, line)) in tokens.iter().enumerate() {
        let word = |back: usize| match at.checked_sub(back).map(|at| &tokens[at].0) {
            Some(Token::Word(word)) => word.as_str(),
            _ => "",
        };
        let sign = |back: usize, sign: char| {
            at.checked_sub(back).is_some_and(|at| tokens[at].0 == Token::Sign(sign))
        };
        match token {
            Token::Sign('{') => blocks.push(word(1) == "try"),
            Token::Sign('}') => drop(blocks.pop()),
            Token::Text(text) => {
                let called = sign(1, '(') && (word(2) == "import" || (word(2) == "require" && !sign(3, '.')))
                    || (sign(1, '(') && word(2) == "resolve" && sign(3, '.') && word(4) == "require");
                let named = word(1) == "import" || (word(1) == "from" && behind_import(&tokens[..at - 1]));
                if called || named {
                    let soft = blocks.contains(&true);
                    found.extend(package(text).map(|module| Used { module, line: *line, soft }));
                }
            }
            _ => {}
        }
    }
    found.sort();
    found.dedup();
    Scanned { used: found, own: Vec::new() }
}

/// Whether an `import` or `export` is open: `from` is also a name.
fn behind_import(tokens: &[(Token, usize)]) -> bool {
    tokens
        .iter()
        .rev()
        .take_while(|(token, _)| *token != Token::Sign(';'))
        .any(|(token, _)| matches!(token, Token::Word(word) if word == "import" || word == "export"))
}

/// The package that `specifier` leads to: `a/b` to `a`, `@a/b/c` to `@a/b`.
fn package(specifier: &str) -> Option<String> {
    let mut parts = specifier.split('/');
    let first = parts.next().unwrap_or_default();
    let name = match first.starts_with('@') {
        // `@/x` is a project's own short way.
        true if first.len() > 1 => format!("{first}/{}", parts.next()?),
        true => return None,
        false => first.to_owned(),
    };
    let begins = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '@';
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.@/".contains(c);
    let is_name = name.starts_with(begins) && name.chars().all(inside);
    (is_name && !BUILT_IN.contains(&name.as_str())).then_some(name)
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// Words, texts and signs with their lines; comments, patterns and templates with something in them are left out.
fn tokens(text: &str) -> Vec<(Token, usize)> {
    let mut tokens: Vec<(Token, usize)> = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        let is_word = |c: char| c == '_' || c == '$' || c.is_alphanumeric();
        if rest.starts_with("//") {
            taken = rest.find('\n').unwrap_or(rest.len());
        } else if let Some(comment) = rest.strip_prefix("/*") {
            taken = comment.find("*/").map_or(rest.len(), |end| end + 4);
        } else if let '"' | '\'' | '`' = c {
            taken = text_end(rest, c);
            let body = rest[1..taken].strip_suffix(c).unwrap_or(&rest[1..taken]);
            let is_plain = c != '`' || !body.contains("${");
            tokens.push((if is_plain { Token::Text(body.to_owned()) } else { Token::Sign('`') }, line));
        } else if c == '/' && !behind_value(tokens.last().map(|(token, _)| token)) {
            taken = pattern_end(rest);
        } else if is_word(c) {
            taken = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            tokens.push((Token::Word(rest[..taken].to_owned()), line));
        } else if !c.is_whitespace() {
            tokens.push((Token::Sign(c), line));
        }
        line += rest[..taken].matches('\n').count();
        rest = &rest[taken..];
    }
    tokens
}

/// Whether a `/` here divides.
fn behind_value(last: Option<&Token>) -> bool {
    match last {
        Some(Token::Word(word)) => !matches!(word.as_str(), "return" | "typeof" | "case" | "in" | "of"),
        Some(Token::Text(_)) => true,
        Some(Token::Sign(sign)) => matches!(sign, ')' | ']' | '}' | '`'),
        None => false,
    }
}

fn text_end(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            // Only a template has more than one line.
            '\n' if quote != '`' => return at,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Behind the pattern that `rest` begins with; behind its `/` if none ends in this line.
fn pattern_end(rest: &str) -> usize {
    let (mut escaped, mut in_class) = (false, false);
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\n' => return 1,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => return at + 1,
            _ => {}
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let soft = |used: &Used| if used.soft { "?" } else { "" };
        scan(text).used.iter().map(|used| format!("{}:{}{}", used.module, used.line, soft(used))).collect()
    }

    #[test]
    fn requires_and_imports_are_seen_with_their_lines() {
        let cases: &[(&str, &[&str])] = &[
            ("const a = require('a');\nconst b = require(\"@s/b/c\");", &["@s/b:2", "a:1"]),
            (
                "import a from 'a';\nimport {\n b\n} from 'b/c';\nimport 'd';\nexport * from 'e'",
                &["a:1", "b:4", "d:5", "e:6"],
            ),
            ("await import('a'); require.resolve('b'); import type { C } from 'c'", &["a:1", "b:1", "c:1"]),
            ("require('./a'); require('../b'); import '/c'; import '@/d'; import '#e'; require('~f')", &[]),
            ("require('fs'); require('node:test'); import 'path'; require('fs/promises')", &[]),
            ("try { require('a') } catch { require('b') }", &["a:1?", "b:1"]),
            (
                "// require('a')\n/* require('b') */ \"require('c')\"; `require('d')`; /require('e')/; require('f')",
                &["f:2"],
            ),
            ("x / 2; require('a'); y / 3; require(`b`); require(`c${x}`); require(d)", &["a:1", "b:1"]),
            ("loader.require('a'); const from = 'b'; Array.from('c');", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(&told(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "([ -~\n]|import |require\\(|`|ä){0,60}") {
            scan(&text);
        }
    }
}
