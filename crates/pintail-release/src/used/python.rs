//! Which modules a Python text imports, by the first part of their names. Knows Python's statements as far as imports
//! go; does not know what is declared, nor which modules are Python's own.

use super::{Scanned, Used};

/// Functions whose first text is the name of a module.
const LOADERS: [&str; 2] = ["import_module(", "__import__("];

/// All modules that `text` imports; relative imports are the project's own.
pub fn scan(text: &str) -> Scanned {
    let mut found = Vec::new();
    // Indentations of the `try:` and `if TYPE_CHECKING:` that we are in.
    let mut soft: Vec<usize> = Vec::new();
    for (statement, line, indent) in statements(text) {
        soft.retain(|outer| indent > *outer);
        let head = statement.trim_end_matches(':').trim();
        if head == "try" || (head.starts_with("if ") && head.contains("TYPE_CHECKING")) {
            soft.push(indent);
        }
        let mut add = |name: &str, soft: bool| {
            let module = name.trim().split(['.', ' ']).next().unwrap_or_default();
            if is_name(module) {
                found.push(Used { module: module.to_owned(), line, soft });
            }
        };
        let is_soft = !soft.is_empty();
        if let Some(names) = statement.strip_prefix("import ") {
            names.split(',').for_each(|name| add(name, is_soft));
        } else if let Some((module, _)) =
            statement.strip_prefix("from ").and_then(|rest| rest.split_once(" import"))
            && !module.trim_start().starts_with('.')
        {
            add(module, is_soft);
        }
        for loader in LOADERS {
            if let Some((_, argument)) = statement.split_once(loader) {
                let argument = argument.trim_start();
                if let Some(quote @ ('"' | '\'')) = argument.chars().next() {
                    add(argument[1..].split(quote).next().unwrap_or_default(), is_soft);
                }
            }
        }
    }
    found.sort();
    found.dedup();
    Scanned { used: found, own: Vec::new() }
}

/// Whether `name` can be a module's.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c == '_' || c.is_alphabetic())
        && name.chars().all(|c| c == '_' || c.is_alphanumeric())
}

/// The statements of `text`, each with its first line and the indentation of that line. Comments are left out, long
/// texts too; short ones stay, since a loader's argument is one.
fn statements(text: &str) -> Vec<(String, usize, usize)> {
    let mut statements = Vec::new();
    let (mut statement, mut begun, mut indent) = (String::new(), 1, 0);
    let (mut depth, mut line) = (0_usize, 1);
    let mut rest = text;
    let mut end = |statement: &mut String, begun: usize, indent: usize| {
        let said = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        if !said.is_empty() {
            statements.push((said, begun, indent));
        }
        statement.clear();
    };
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        if statement.trim().is_empty() {
            begun = line;
        }
        match c {
            '#' => taken = rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                let long: String = [c; 3].iter().collect();
                let is_long = rest.starts_with(&long);
                let quote = if is_long { long.as_str() } else { &rest[..1] };
                taken = text_end(rest, quote);
                if is_long {
                    statement.push_str("\"\"");
                } else {
                    statement.push_str(&rest[..taken]);
                }
            }
            '\\' if rest[1..].starts_with('\n') => {
                taken = 2;
                statement.push(' ');
            }
            '\n' if depth == 0 => {
                end(&mut statement, begun, indent);
                let blank = rest[1..].len() - rest[1..].trim_start_matches([' ', '\t']).len();
                indent = blank;
            }
            // `if x: import y` and `import x; import y`: each its own statement.
            ':' | ';' if depth == 0 => {
                statement.push(c);
                if c == ';' {
                    statement.pop();
                }
                end(&mut statement, begun, indent);
            }
            '(' | '[' | '{' => {
                depth += 1;
                statement.push(c);
            }
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                statement.push(c);
            }
            other => statement.push(other),
        }
        line += rest[..taken].matches('\n').count();
        rest = &rest[taken..];
    }
    end(&mut statement, begun, indent);
    statements
}

/// Where the text ends that `rest` begins with, behind its closing `quote`.
fn text_end(rest: &str, quote: &str) -> usize {
    let mut at = quote.len();
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with(quote) {
            return at + quote.len();
        }
        // A short text ends with its line at the latest.
        if quote.len() == 1 && here.starts_with('\n') {
            return at;
        }
        if here.starts_with('\\') {
            at += 1;
        }
        at += rest[at..].chars().next().map_or(0, char::len_utf8);
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let soft = |used: &Used| if used.soft { "?" } else { "" };
        scan(text).used.iter().map(|used| format!("{}:{}{}", used.module, used.line, soft(used))).collect()
    }

    #[test]
    fn imports_are_seen_with_their_lines() {
        let cases: &[(&str, &[&str])] = &[
            (
                "import a\nimport b.c, d as e\nfrom f.g import (h,\n  i)\nimport j",
                &["a:1", "b:2", "d:2", "f:3", "j:5"],
            ),
            ("from . import a\nfrom .b import c\nfrom __future__ import annotations", &["__future__:3"]),
            ("try:\n    import a\nexcept ImportError:\n    import b\nimport c", &["a:2?", "b:4", "c:5"]),
            ("if TYPE_CHECKING:\n    from a import B\nif x: import c; import d", &["a:2?", "c:3", "d:3"]),
            ("def f():\n\timport a\n\treturn 1", &["a:2"]),
            ("# import a\n'import b'\n\"\"\"\nimport c\n\"\"\"\nx = 'it\\'s'\nimport d", &["d:7"]),
            ("from a import \\\n  b\nimport c", &["a:1", "c:3"]),
            ("m = importlib.import_module('a.b')\nn = __import__(\"c\")", &["a:1", "c:2"]),
            ("important = 1\nimporter = from_x\nx = {'import': a}", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(&told(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "([ -~\n]|import |from |'''|\\\\|ä){0,60}") {
            scan(&text);
        }
    }
}
