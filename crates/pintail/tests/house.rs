//! The walls of the house: which crate may use which, that no module uses one that is declared after it, that
//! modules make no circles, and that no file grows beyond what one reads in a sitting. Each check is a function
//! over values, and is shown a planted fault besides the workspace itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which crate may use which: the table of ARCHITECTURE.md. A crate that is not here is refused.
const MAY_USE: [(&str, &[&str]); 10] = [
    ("pintail-saga", &[]),
    ("pintail-core", &[]),
    ("pintail-os", &[]),
    ("pintail-depot", &["pintail-core", "pintail-os"]),
    ("pintail-schema", &["pintail-core", "pintail-os"]),
    ("pintail-edge", &["pintail-core", "pintail-os"]),
    ("pintail-release", &["pintail-saga", "pintail-core", "pintail-os", "pintail-depot"]),
    ("pintail-host", &["pintail-saga", "pintail-core", "pintail-os", "pintail-depot", "pintail-schema"]),
    ("pintail-fleet", &["pintail-core", "pintail-os", "pintail-depot"]),
    (
        "pintail",
        &[
            "pintail-saga",
            "pintail-core",
            "pintail-os",
            "pintail-depot",
            "pintail-schema",
            "pintail-edge",
            "pintail-release",
            "pintail-host",
            "pintail-fleet",
        ],
    ),
];

/// The longest file, in lines: what one reads in a sitting, with its tests.
const LONGEST: usize = 700;

/// What breaks a rule today and is to be mended, as the checks tell it. A line that is no longer true fails too.
const OWED: [&str; 3] = [
    // `Service` is a value of both: it wants a module of its own before them.
    "in `pintail-core`, `observed` uses `plan`, which is declared after it",
    "in `pintail-core`, modules in a circle: observed -> plan -> observed",
    "`crates/pintail/src/traffic.rs` has more than 700 lines",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn crates() -> Vec<PathBuf> {
    let mut crates: Vec<PathBuf> =
        fs::read_dir(workspace().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    crates.retain(|folder| folder.join("Cargo.toml").is_file());
    crates.sort();
    crates
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

/// Fails with what is wrong and not owed, and with what is owed and no longer wrong.
#[track_caller]
fn assert_owed(wrong: &[String], belongs: impl Fn(&str) -> bool) {
    let new: Vec<&String> = wrong.iter().filter(|line| !OWED.contains(&line.as_str())).collect();
    assert!(new.is_empty(), "{new:#?}");
    let paid: Vec<&&str> =
        OWED.iter().filter(|line| belongs(line) && !wrong.iter().any(|w| w == *line)).collect();
    assert!(paid.is_empty(), "mended: take it out of OWED: {paid:#?}");
}

// ---- crates

/// What is wrong with the workspace's own crates that `manifest`, the Cargo.toml of `name`, uses.
fn wrong_uses(name: &str, manifest: &str) -> Vec<String> {
    let Some((_, may)) = MAY_USE.iter().find(|(known, _)| *known == name) else {
        return vec![format!("crate `{name}` is not in the table of this test and of ARCHITECTURE.md")];
    };
    let mut section = "";
    let mut wrong = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix('[') {
            section = head.trim_end_matches(']');
            // `[dependencies.pintail-x]`: the name stands in the head.
            if let Some((_, used)) = section.split_once("dependencies.") {
                wrong.extend(wrong_use(name, may, used));
            }
        } else if section.ends_with("dependencies") {
            let used: String =
                line.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
            wrong.extend(wrong_use(name, may, &used));
        }
    }
    wrong
}

fn wrong_use(name: &str, may: &[&str], used: &str) -> Option<String> {
    let ours = used == "pintail" || used.starts_with("pintail-");
    (ours && !may.contains(&used)).then(|| format!("crate `{name}` may not use `{used}`"))
}

#[test]
fn no_crate_uses_one_that_it_must_not_know() {
    let wrong: Vec<String> = crates()
        .iter()
        .flat_map(|folder| {
            wrong_uses(&name_of(folder), &fs::read_to_string(folder.join("Cargo.toml")).unwrap())
        })
        .collect();
    assert_owed(&wrong, |line| line.starts_with("crate "));
}

#[test]
fn a_wrong_use_is_seen() {
    let manifest = "[package]\nname = \"pintail-core\"\n[dependencies]\nserde = \"1\"\npintail-os.workspace = true\n\
                    [dev-dependencies]\npintail-host = { path = \"../pintail-host\" }\n[dependencies.pintail-fleet]\nworkspace = true\n";
    let wrong = wrong_uses("pintail-core", manifest);
    assert_eq!(
        wrong,
        ["os", "host", "fleet"].map(|used| format!("crate `pintail-core` may not use `pintail-{used}`"))
    );
    assert_eq!(
        wrong_uses("pintail-host", "[dependencies]\npintail-core.workspace = true\n"),
        Vec::<String>::new()
    );
    assert!(wrong_uses("pintail-attic", "")[0].contains("is not in the table"));
}

// ---- modules

/// A module: what it declares, what it passes on, and the text of its file without comments, strings and tests.
struct Module {
    /// Its modules in the order of their declaration; those for tests only are left out.
    children: Vec<String>,
    /// Names that it passes on from a module below it (`pub use`), and from which.
    passed_on: BTreeMap<String, Vec<String>>,
    text: String,
}

/// A crate's modules by their path from the root, whose path is empty.
type Modules = BTreeMap<Vec<String>, Module>;

/// Reads the crate whose root is the file `root`; `read` gives the text of a file below `src`, if it is there.
fn modules(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Modules {
    let mut modules = Modules::new();
    let mut open = vec![(Vec::new(), read(root).expect("the crate's root"))];
    while let Some((path, text)) = open.pop() {
        let text = without_tests(&without_comments(&text));
        let children = declared(&text);
        for child in &children {
            let mut path: Vec<String> = path.clone();
            path.push(child.clone());
            let place = path.join("/");
            let found = read(&format!("{place}.rs")).or_else(|| read(&format!("{place}/mod.rs")));
            open.push((path, found.unwrap_or_else(|| panic!("no file for module `{place}`"))));
        }
        let passed_on = passed_on(&text, &children);
        modules.insert(path, Module { children, passed_on, text });
    }
    modules
}

/// `text` with comments, strings and characters taken out. Lifetimes stay: they are no characters.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let until = |rest: &str, end: &str| rest.find(end).map_or(rest.len(), |at| at + end.len());
    while let Some(first) = rest.chars().next() {
        let raw =
            rest.strip_prefix('r').filter(|_| !out.ends_with(|c: char| c.is_alphanumeric() || c == '_'));
        let hashes = raw.map_or(0, |raw| raw.len() - raw.trim_start_matches('#').len());
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            until(rest, "*/")
        } else if raw.is_some_and(|raw| raw[hashes..].starts_with('"')) {
            let body = 2 + hashes;
            body + until(&rest[body..], &format!("\"{}", "#".repeat(hashes)))
        } else if first == '"' {
            1 + string_end(&rest[1..])
        } else if first == '\'' && (rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'')) {
            // `'\''` has its quote behind the backslash.
            let body = if rest[1..].starts_with('\\') { 3 } else { 1 };
            body + until(&rest[body..], "'")
        } else {
            0
        };
        if skip == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.push(' ');
            rest = &rest[skip..];
        }
    }
    out
}

/// Where a string ends that began before `rest`.
fn string_end(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `text` without the items that are for tests only.
fn without_tests(text: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        rest = &rest[at + MARK.len()..];
        rest = &rest[item_end(rest)..];
    }
    out + rest
}

/// Where the item ends that `text` begins with: at its `;`, or at the brace that closes it.
fn item_end(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// The modules that `text` declares with files of their own.
fn declared(text: &str) -> Vec<String> {
    let statements = text.split([';', '}', '{']);
    let name = |statement: &str| {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "mod")?;
        (at + 2 == words.len()).then(|| words[at + 1].to_owned())
    };
    // A block `mod x { … }` is split at its brace too; its file is this one, so it is told by what follows.
    statements
        .filter_map(name)
        .filter(|name| {
            text.match_indices(&format!("mod {name}"))
                .any(|(at, found)| text[at + found.len()..].starts_with(';'))
        })
        .collect()
}

/// The names in `use child::…` of a module's own file, with the child's path.
fn passed_on(text: &str, children: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut passed_on = BTreeMap::new();
    for (at, _) in text.match_indices("use ") {
        let mut paths = Vec::new();
        read_paths(&text[at + 4..], &[], &mut paths);
        for mut path in paths {
            if path.first().is_some_and(|first| first == "self") {
                path.remove(0);
            }
            if path.len() > 1 && children.contains(&path[0]) {
                let name = path.pop().unwrap_or_default();
                passed_on.insert(name, path);
            }
        }
    }
    passed_on
}

/// Reads the path that `text` begins with, or all paths of a tree in braces. Returns what is left of `text`.
fn read_paths<'a>(text: &'a str, before: &[String], paths: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            if let Some(rest) = rest.strip_prefix('}') {
                return rest;
            }
            if rest.is_empty() {
                return rest;
            }
            let left = read_paths(rest, before, paths);
            rest = if left.len() == rest.len() { left.get(1..).unwrap_or_default() } else { left };
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    if end == 0 {
        paths.push(before.to_vec());
        return text;
    }
    let mut path = before.to_vec();
    path.push(text[..end].to_owned());
    let rest = &text[end..];
    if let Some(rest) = rest.strip_prefix("::") {
        return read_paths(rest, &path, paths);
    }
    if let Some(renamed) = rest.strip_prefix(" as ") {
        let end = renamed.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(renamed.len());
        path.pop();
        path.push(renamed[..end].to_owned());
        paths.push(path);
        return &renamed[end..];
    }
    paths.push(path);
    rest
}

/// A module that uses another with the same parent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    parent: Vec<String>,
    user: String,
    used: String,
    /// The module in which it is written.
    seen_in: Vec<String>,
}

/// Every use of a module by another beside it, or by what is in that one.
fn uses(modules: &Modules) -> Vec<Use> {
    let mut uses = Vec::new();
    for (from, module) in modules {
        for path in absolute_paths(&module.text, from) {
            let to = resolve(modules, &path);
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if common < from.len() && common < to.len() {
                uses.push(Use {
                    parent: from[..common].to_vec(),
                    user: from[common].clone(),
                    used: to[common].clone(),
                    seen_in: from.clone(),
                });
            }
        }
    }
    uses.sort();
    uses.dedup();
    uses
}

/// The paths that begin at the crate's root or go up from `from`, as paths from the root.
fn absolute_paths(text: &str, from: &[String]) -> Vec<Vec<String>> {
    let mut absolute = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            if text[..at].ends_with(|c: char| c.is_alphanumeric() || "_$:".contains(c)) {
                continue;
            }
            let mut paths = Vec::new();
            read_paths(&text[at..], &[], &mut paths);
            for path in paths {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let base = if ups == 0 { &[][..] } else { &from[..from.len().saturating_sub(ups)] };
                absolute.push(base.iter().chain(&path[ups.max(1)..]).cloned().collect());
            }
        }
    }
    absolute
}

/// The module in which what `path` names is written, as far as modules and what they pass on tell.
fn resolve(modules: &Modules, path: &[String]) -> Vec<String> {
    let mut at: Vec<String> = Vec::new();
    for part in path {
        let Some(module) = modules.get(&at) else { break };
        if module.children.contains(part) {
            at.push(part.clone());
        } else {
            at.extend(module.passed_on.get(part).cloned().unwrap_or_default());
            break;
        }
    }
    while !modules.contains_key(&at) {
        at.pop();
    }
    at
}

/// Uses of a module of the crate's root by one that is declared before it.
fn out_of_order(name: &str, modules: &Modules) -> Vec<String> {
    let order = &modules[&Vec::new()].children;
    let place = |module: &String| order.iter().position(|known| known == module);
    let mut wrong: Vec<String> = uses(modules)
        .into_iter()
        .filter(|one| one.parent.is_empty() && place(&one.used) > place(&one.user))
        .map(|one| {
            format!(
                "in `{name}`, `{}` uses `{}`, which is declared after it",
                one.seen_in.join("::"),
                one.used
            )
        })
        .collect();
    wrong.dedup();
    wrong
}

/// Circles among the modules of one parent, each told once, from its first module in the alphabet.
fn circles(name: &str, modules: &Modules) -> Vec<String> {
    let mut next: BTreeMap<(Vec<String>, String), Vec<String>> = BTreeMap::new();
    for one in uses(modules) {
        next.entry((one.parent, one.user)).or_default().push(one.used);
    }
    let mut circles = Vec::new();
    for (parent, start) in next.keys() {
        let mut open = vec![vec![start.clone()]];
        let mut seen = Vec::new();
        while let Some(way) = open.pop() {
            let last = way.last().cloned().unwrap_or_default();
            for used in next.get(&(parent.clone(), last)).into_iter().flatten() {
                if used == start {
                    if way.iter().min() == Some(start) {
                        let place = parent.iter().map(|part| format!("{part}::")).collect::<String>();
                        let round = way
                            .iter()
                            .chain([start])
                            .map(|part| format!("{place}{part}"))
                            .collect::<Vec<_>>();
                        circles.push(format!("in `{name}`, modules in a circle: {}", round.join(" -> ")));
                    }
                } else if !seen.contains(used) {
                    seen.push(used.clone());
                    open.push(way.iter().cloned().chain([used.clone()]).collect());
                }
            }
        }
    }
    circles.sort();
    circles.dedup();
    circles
}

fn all_modules() -> Vec<(String, Modules)> {
    let read = |folder: &PathBuf| {
        let source = folder.join("src");
        let root = if source.join("lib.rs").is_file() { "lib.rs" } else { "main.rs" };
        (name_of(folder), modules(root, &|path| fs::read_to_string(source.join(path)).ok()))
    };
    crates().iter().map(read).collect()
}

#[test]
fn no_module_uses_one_that_is_declared_after_it() {
    let wrong: Vec<String> =
        all_modules().iter().flat_map(|(name, modules)| out_of_order(name, modules)).collect();
    assert_owed(&wrong, |line| line.ends_with("which is declared after it"));
}

#[test]
fn no_modules_make_a_circle() {
    let wrong: Vec<String> =
        all_modules().iter().flat_map(|(name, modules)| circles(name, modules)).collect();
    assert_owed(&wrong, |line| line.contains("modules in a circle"));
}

/// A planted crate: `ground` uses `roof`, below it `walls` uses `door` through what `house` passes on, and back.
fn planted() -> Modules {
    let files = BTreeMap::from([
        (
            "lib.rs",
            "//! use crate::x;\nmod ground;\npub mod house;\nmod roof;\n#[cfg(test)]\nmod tests;\npub use roof::{Tile as Shingle};\n",
        ),
        (
            "ground.rs",
            "use crate::{house::Door, Shingle};\n#[cfg(test)]\nmod tests { use crate::roof::Rain; }\n",
        ),
        (
            "house/mod.rs",
            "mod door;\nmod walls;\npub use self::door::Door;\nconst A: &str = \"crate::roof::Leak\"; // crate::roof\n",
        ),
        ("house/door.rs", "fn hang(wall: &super::walls::Wall<'_>, quote: char) -> bool { quote == '\"' }\n"),
        ("house/walls.rs", "use super::Door;\nuse super::super::ground::Stone;\n"),
        ("roof.rs", "use crate::ground::Stone;\n"),
    ]);
    modules("lib.rs", &|path| files.get(path).map(|text| (*text).to_owned()))
}

#[test]
fn uses_out_of_order_and_circles_are_seen() {
    let modules = planted();
    assert_eq!(
        out_of_order("planted", &modules),
        [
            "in `planted`, `ground` uses `house`, which is declared after it",
            "in `planted`, `ground` uses `roof`, which is declared after it"
        ]
    );
    assert_eq!(
        circles("planted", &modules),
        [
            "in `planted`, modules in a circle: ground -> house -> ground",
            "in `planted`, modules in a circle: ground -> roof -> ground",
            "in `planted`, modules in a circle: house::door -> house::walls -> house::door",
        ]
    );
}

// ---- files

/// Why the file `path` with `lines` lines is too long, if it is.
fn too_long(path: &str, lines: usize) -> Option<String> {
    (lines > LONGEST).then(|| format!("`{path}` has more than {LONGEST} lines"))
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn no_file_is_longer_than_a_sitting() {
    let root = workspace();
    let mut files = Vec::new();
    rust_files(&root.join("crates"), &mut files);
    files.sort();
    let wrong: Vec<String> = files
        .iter()
        .filter_map(|path| {
            let shown = path.strip_prefix(&root).unwrap_or(path).display().to_string();
            too_long(&shown, fs::read_to_string(path).unwrap().lines().count())
        })
        .collect();
    assert!(files.len() > 100, "only {} files were looked at", files.len());
    assert_owed(&wrong, |line| line.ends_with("lines"));
}

#[test]
fn a_file_that_is_too_long_is_seen() {
    assert_eq!(too_long("a.rs", LONGEST), None);
    assert_eq!(too_long("a.rs", LONGEST + 1), Some("`a.rs` has more than 700 lines".to_owned()));
}
