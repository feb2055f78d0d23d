//! What a Perl project declares: `cpanfile`, `META.json`, `META.yml`, `Makefile.PL`, `Build.PL`, `dist.ini`.

use super::{Need, Phase, Reading};
use crate::used::perl::is_module;
use crate::used::perl::lex::{Token, tokens};

/// The files that declare, as they are called at the top of a project, each with its reading.
pub const FILES: [(&str, Reading); 6] = [
    ("cpanfile", cpanfile),
    ("META.json", meta_json),
    ("META.yml", meta_yml),
    ("Makefile.PL", makefile_pl),
    ("Build.PL", makefile_pl),
    ("dist.ini", dist_ini),
];

/// `requires 'Foo' => 1.2;`, within `on test => sub { ... };` or not.
pub fn cpanfile(text: &str) -> Vec<Need> {
    let tokens = tokens(text);
    let mut needs = Vec::new();
    // The phase of each open brace.
    let mut blocks = vec![Phase::Run];
    let mut announced = None;
    let name = |at: usize| {
        let mut behind = tokens[at + 1..].iter().map(|(token, _)| token);
        match behind.find(|token| **token != Token::Sign('(')) {
            Some(Token::Text(text) | Token::Word(text)) => Some(text.as_str()),
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
                        announced = name(at).map(phase);
                        continue;
                    }
                    "requires" | "recommends" | "suggests" => current,
                    "test_requires" => Phase::Test,
                    "build_requires" | "configure_requires" | "author_requires" => Phase::Make,
                    _ => continue,
                };
                needs.extend(name(at).filter(|name| is_module(name)).map(|name| Need::new(name, phase)));
            }
            _ => {}
        }
    }
    needs.retain(|need| need.name != "perl");
    needs
}

fn phase(word: &str) -> Phase {
    match word {
        "test" => Phase::Test,
        "runtime" => Phase::Run,
        _ => Phase::Make,
    }
}

/// `prereqs` of the second specification, `requires` and `build_requires` of the first.
pub fn meta_json(text: &str) -> Vec<Need> {
    let Ok(meta) = serde_json::from_str::<serde_json::Value>(text) else { return Vec::new() };
    let mut needs = Vec::new();
    for (word, relations) in meta["prereqs"].as_object().into_iter().flatten() {
        for (_, modules) in relations.as_object().into_iter().flatten() {
            let names = modules.as_object().into_iter().flatten().map(|(name, _)| name);
            needs.extend(names.map(|name| Need::new(name, phase(word))));
        }
    }
    for (key, phase) in
        [("requires", Phase::Run), ("recommends", Phase::Run), ("build_requires", Phase::Test)]
    {
        let names = meta[key].as_object().into_iter().flatten().map(|(name, _)| name);
        needs.extend(names.map(|name| Need::new(name, phase)));
    }
    needs.retain(|need| need.name != "perl");
    needs
}

/// The blocks `requires:`, `recommends:` and `build_requires:` at the left margin, as all tools write them.
pub fn meta_yml(text: &str) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut open = None;
    for line in text.lines() {
        let Some(inner) = line.strip_prefix(' ') else {
            open = match line.trim_end() {
                "requires:" | "recommends:" => Some(Phase::Run),
                // The first specification has no word for tests.
                "build_requires:" => Some(Phase::Test),
                _ => None,
            };
            continue;
        };
        let Some((name, _)) = inner.rsplit_once(':').filter(|(name, _)| !name.ends_with(':')) else {
            continue;
        };
        let name = name.trim().trim_matches(['\'', '"']);
        if let Some(phase) = open.filter(|_| is_module(name) && name != "perl") {
            needs.push(Need::new(name, phase));
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
            "PREREQ_PM" | "requires" | "recommends" | "RECOMMENDS" => Phase::Run,
            "TEST_REQUIRES" | "test_requires" | "BUILD_REQUIRES" | "build_requires" => Phase::Test,
            "CONFIGURE_REQUIRES" | "configure_requires" => Phase::Make,
            _ => continue,
        };
        let mut behind = tokens[at + 1..].iter().map(|(token, _)| token).peekable();
        if behind.peek() == Some(&&Token::Fat) {
            behind.next();
        }
        if behind.peek() != Some(&&Token::Sign('{')) {
            if let Some(Token::Text(name)) = behind.next() {
                needs.extend(is_module(name).then(|| Need::new(name, phase)));
            }
            continue;
        }
        // The keys of the list in braces.
        let list: Vec<&Token> = behind.take_while(|token| **token != Token::Sign('}')).collect();
        for pair in list.windows(2) {
            if let [Token::Text(name) | Token::Word(name), Token::Fat] = pair {
                needs.extend((is_module(name) && name != "perl").then(|| Need::new(name, phase)));
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
                _ => Phase::Run,
            });
        } else if let (Some(phase), Some((name, _))) = (open, line.split_once('=')) {
            let name = name.trim();
            if name == "-phase" {
                open = line.rsplit('=').next().map(|word| self::phase(word.trim()));
            } else if is_module(name) && name != "perl" {
                needs.push(Need::new(name, phase));
            }
        }
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(needs: Vec<Need>) -> Vec<String> {
        let mut told: Vec<String> =
            needs.into_iter().map(|need| format!("{} {:?}", need.name, need.phase)).collect();
        told.sort();
        told
    }

    #[test]
    fn a_cpanfile_declares_by_phase() {
        let text = "requires 'perl', '5.10';\nrequires 'A' => 1;\nrequires(\"B::C\", '>= 2');\n# requires 'No';\n\
                    on 'test' => sub {\n  requires 'T';\n  recommends 'U';\n};\non develop => sub { requires 'D' };\n\
                    test_requires 'V';\nfeature 'x', 'text' => sub { recommends 'F' };\nrequires 'Z';";
        let expected = ["A Run", "B::C Run", "D Make", "F Run", "T Test", "U Test", "V Test", "Z Run"];
        assert_eq!(told(cpanfile(text)), expected);
    }

    #[test]
    fn meta_files_declare() {
        let two = r#"{"prereqs":{"runtime":{"requires":{"A":"0","perl":"5"}},"test":{"requires":{"T":"1"}},"develop":{"suggests":{"D":"0"}}}}"#;
        assert_eq!(told(meta_json(two)), ["A Run", "D Make", "T Test"]);
        assert_eq!(told(meta_json(r#"{"requires":{"A":0},"build_requires":{"T":0}}"#)), ["A Run", "T Test"]);
        assert_eq!(told(meta_json("{")), Vec::<String>::new());
        let one = "---\nname: X\nbuild_requires:\n  T: '0'\nno_index:\n  directory: t\nrequires:\n  A::B: 1.2\n  'C': 0\n  perl: 5\n";
        assert_eq!(told(meta_yml(one)), ["A::B Run", "C Run", "T Test"]);
    }

    #[test]
    fn installers_declare() {
        let text = "WriteMakefile(NAME => 'X', PREREQ_PM => { 'A' => 0, B => '1', 'perl' => 5 },\n\
                    TEST_REQUIRES => { 'T::U' => 0 }, CONFIGURE_REQUIRES => { 'M' => 0 });";
        assert_eq!(told(makefile_pl(text)), ["A Run", "B Run", "M Make", "T::U Test"]);
        assert_eq!(told(makefile_pl("requires 'A' => 1;\ntest_requires 'T';")), ["A Run", "T Test"]);
        let build = "Module::Build->new(requires => { 'A' => 0 }, test_requires => { T => 0 })";
        assert_eq!(told(makefile_pl(build)), ["A Run", "T Test"]);
        let ini = "name = X\n[Prereqs]\nA = 0\nB::C = 1\n[Prereqs / TestRequires]\nT = 0\n[Prereqs / Own]\n-phase = develop\nD = 1\n[Git::Tag]\ntag = 1\n";
        assert_eq!(told(dist_ini(ini)), ["A Run", "B::C Run", "D Make", "T Test"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "([ -~\n]|requires |on 'test' => sub \\{|PREREQ_PM|\\[Prereqs\\]\n|ä){0,40}") {
            for (_, read) in FILES {
                read(&text);
            }
        }
    }
}
