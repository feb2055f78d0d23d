//! What a Perl project declares: `cpanfile`, `META.json`, `META.yml`, `Makefile.PL`, `Build.PL`, `dist.ini`. The version of
//! Perl that it needs is among it, as `perl`.

use super::{Need, Phase, Reading, among};
use crate::perl::{Token, is_module, tokens};
use serde_json::Value;

/// The files that declare, as they are called at the top of a project, each with its reading.
pub const FILES: [(&str, Reading); 6] = [
    ("cpanfile", cpanfile),
    ("META.json", meta_json),
    ("META.yml", meta_yml),
    ("Makefile.PL", makefile_pl),
    ("Build.PL", makefile_pl),
    ("dist.ini", dist_ini),
];

/// How the file called `name` is read.
pub fn reading(name: &str) -> Option<Reading> {
    among(&FILES, name)
}

/// `requires 'Foo' => 1.2;`, within `on test => sub { ... };` or not.
pub fn cpanfile(text: &str) -> Vec<Need> {
    let tokens = tokens(text);
    let mut needs = Vec::new();
    // The phase of each open brace.
    let mut blocks = vec![Phase::Run];
    let mut announced = None;
    // The argument of the word at `at`, and where it stands.
    let name = |at: usize| {
        let behind = usize::from(matches!(tokens.get(at + 1), Some((Token::Sign('('), _)))) + at + 1;
        match tokens.get(behind) {
            Some((Token::Text(text) | Token::Word(text), _)) => Some((text.as_str(), behind)),
            _ => None,
        }
    };
    for (at, (token, _)) in tokens.iter().enumerate() {
        let current = *blocks.last().unwrap_or(&Phase::Run);
        match token {
            Token::Sign('{') => blocks.push(announced.take().unwrap_or(current)),
            Token::Sign('}') if blocks.len() > 1 => drop(blocks.pop()),
            Token::Sign(';') => announced = None,
            Token::Word(word) => {
                let phase = match word.as_str() {
                    "on" => {
                        announced = name(at).map(|(word, _)| phase(word));
                        continue;
                    }
                    "requires" => current,
                    "recommends" | "suggests" => current.max(Phase::Wish),
                    "test_requires" => Phase::Test,
                    "build_requires" | "configure_requires" | "author_requires" => Phase::Make,
                    _ => continue,
                };
                let named = name(at).filter(|(name, _)| is_module(name));
                needs.extend(named.map(|(name, at)| Need::new(name, range(&tokens, at), phase)));
            }
            _ => {}
        }
    }
    needs
}

fn phase(word: &str) -> Phase {
    match word {
        "test" => Phase::Test,
        "runtime" => Phase::Run,
        _ => Phase::Make,
    }
}

/// What stands behind the name at `at`: `=> 1.2`, `, '>= 1, < 2'`.
fn range(tokens: &[(Token, usize)], at: usize) -> String {
    match (tokens.get(at + 1), tokens.get(at + 2)) {
        (Some((Token::Fat | Token::Sign(','), _)), Some((Token::Text(range) | Token::Number(range), _))) => {
            not_any(range)
        }
        _ => String::new(),
    }
}

/// Any version is at least 0.
fn not_any(range: &str) -> String {
    let range = range.trim();
    if matches!(range, "0" | ">= 0") { String::new() } else { range.to_owned() }
}

/// `prereqs` of the second specification, `requires` and `build_requires` of the first.
pub fn meta_json(text: &str) -> Vec<Need> {
    let meta: Value = serde_json::from_str(text).unwrap_or_default();
    let listed = |modules: &Value, phase| {
        let range = |value: &Value| match value {
            Value::String(range) => not_any(range),
            other => not_any(&other.to_string()),
        };
        let modules = modules.as_object().into_iter().flatten();
        modules.map(|(name, value)| Need::new(name, range(value), phase)).collect::<Vec<_>>()
    };
    let mut needs = Vec::new();
    for (word, relations) in meta["prereqs"].as_object().into_iter().flatten() {
        needs.extend(listed(&relations["requires"], phase(word)));
        for wish in ["recommends", "suggests"] {
            needs.extend(listed(&relations[wish], phase(word).max(Phase::Wish)));
        }
    }
    // The first specification has no word for tests.
    for (key, phase) in
        [("requires", Phase::Run), ("recommends", Phase::Wish), ("build_requires", Phase::Test)]
    {
        needs.extend(listed(&meta[key], phase));
    }
    needs
}

/// The blocks `requires:`, `recommends:` and `build_requires:` at the left margin, as all tools write them.
pub fn meta_yml(text: &str) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut open = None;
    for line in text.lines() {
        let Some(inner) = line.strip_prefix(' ') else {
            open = match line.trim_end() {
                "requires:" => Some(Phase::Run),
                "recommends:" => Some(Phase::Wish),
                "build_requires:" => Some(Phase::Test),
                _ => None,
            };
            continue;
        };
        let Some((name, range)) = inner.rsplit_once(':').filter(|(name, _)| !name.ends_with(':')) else {
            continue;
        };
        let plain = |text: &str| text.trim().trim_matches(['\'', '"']).to_owned();
        let name = plain(name);
        if let Some(phase) = open.filter(|_| is_module(&name)) {
            needs.push(Need::new(name, not_any(&plain(range)), phase));
        }
    }
    needs
}

/// `PREREQ_PM => { 'Foo' => 1 }` and its like, as far as they are written down, and Module::Install's `requires 'Foo'`.
pub fn makefile_pl(text: &str) -> Vec<Need> {
    let tokens = tokens(text);
    let mut needs = Vec::new();
    for (at, (token, _)) in tokens.iter().enumerate() {
        let (Token::Word(word) | Token::Text(word)) = token else { continue };
        let phase = match word.as_str() {
            "PREREQ_PM" | "requires" => Phase::Run,
            "recommends" | "RECOMMENDS" => Phase::Wish,
            "TEST_REQUIRES" | "test_requires" | "BUILD_REQUIRES" | "build_requires" => Phase::Test,
            "CONFIGURE_REQUIRES" | "configure_requires" => Phase::Make,
            _ => continue,
        };
        let is = |at: usize, one: &Token| tokens.get(at).is_some_and(|(token, _)| token == one);
        let begin = if is(at + 1, &Token::Fat) { at + 2 } else { at + 1 };
        if !is(begin, &Token::Sign('{')) {
            if let Some((Token::Text(name), _)) =
                tokens.get(begin).filter(|_| !is(begin + 1, &Token::Sign('{')))
            {
                needs.extend(is_module(name).then(|| Need::new(name, range(&tokens, begin), phase)));
            }
            continue;
        }
        // The keys of the list in braces.
        let length = tokens[begin..].iter().take_while(|(token, _)| *token != Token::Sign('}')).count();
        for at in begin..begin + length {
            let (Token::Text(name) | Token::Word(name)) = &tokens[at].0 else { continue };
            if is(at + 1, &Token::Fat) && is_module(name) {
                needs.push(Need::new(name, range(&tokens, at), phase));
            }
        }
    }
    needs
}

/// The sections `[Prereqs]`, `[Prereqs / TestRequires]` and their like.
pub fn dist_ini(text: &str) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut open = None;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            let mut parts = section.splitn(2, '/').map(str::trim);
            let is_ours = parts.next() == Some("Prereqs");
            open = is_ours.then(|| match parts.next().unwrap_or_default() {
                name if name.starts_with("Test") => Phase::Test,
                name if ["Build", "Configure", "Develop"].iter().any(|word| name.starts_with(word)) => {
                    Phase::Make
                }
                name if name.ends_with("Recommends") || name.ends_with("Suggests") => Phase::Wish,
                _ => Phase::Run,
            });
        } else if let (Some(phase), Some((name, value))) = (open, line.split_once('=')) {
            match (name.trim(), value.trim()) {
                ("-phase", word) => open = Some(self::phase(word)),
                ("-relationship" | "-type", "recommends" | "suggests") => open = Some(phase.max(Phase::Wish)),
                (name, range) if is_module(name) => needs.push(Need::new(name, not_any(range), phase)),
                _ => {}
            }
        }
    }
    needs
}
