//! The papers say what the program does: commands and flags in them exist, every command is in them, every page that
//! is named is there, and the examples in `docs/formats` are what they claim to be.

#![allow(clippy::disallowed_methods, reason = "tests start programs and write files by hand")]

use pintail_core::observed::{Current, Instance, Maintenance};
use pintail_core::plan::{HostPlan, Plan, Service};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn paper(name: &str) -> String {
    let path = workspace().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pintail(arguments: &[&str], folder: &Path) -> String {
    let ran =
        Command::new(env!("CARGO_BIN_EXE_pintail")).args(arguments).current_dir(folder).output().unwrap();
    String::from_utf8(ran.stdout).unwrap()
}

fn help(command: &[&str]) -> String {
    let mut arguments = command.to_vec();
    arguments.push("--help");
    pintail(&arguments, Path::new("."))
}

/// The commands that `help` lists.
fn listed(help: &str) -> Vec<String> {
    let Some((_, rest)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    let lines = rest.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Every command, and every command of one, as its words.
fn commands() -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for command in listed(&help(&[])) {
        let below = listed(&help(&[&command]));
        all.extend(below.into_iter().map(|name| vec![command.clone(), name]));
        all.push(vec![command]);
    }
    assert!(all.len() > 20, "{all:?}");
    all
}

/// What of a paper's code calls this program: the words after `pintail` or `-- `, to the end of that piece of code.
fn calls(text: &str) -> Vec<Vec<String>> {
    let mut calls = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let pieces: Vec<&str> = if fenced || line.starts_with("    ") {
            vec![line.trim().trim_start_matches("$ ")]
        } else {
            line.split('`').skip(1).step_by(2).collect()
        };
        for piece in pieces {
            let piece = piece.split(" #").next().unwrap_or(piece);
            let said =
                piece.strip_prefix("pintail ").or_else(|| piece.strip_prefix("cargo run --release -- "));
            let Some(said) = said else { continue };
            calls.push(said.split_whitespace().map(|word| word.trim_end_matches(',').to_owned()).collect());
        }
    }
    calls
}

/// What is wrong with a call: a command that isn't there, or a flag that it doesn't have.
fn wrong(call: &[String], commands: &[Vec<String>]) -> Option<String> {
    let is_command = |words: &[&str]| commands.iter().any(|known| known.iter().eq(words.iter()));
    let words: Vec<&str> = call.iter().map(String::as_str).collect();
    // `maintenance on\|off` and `env list` both have two words; only the second is a command of a command.
    let command = match words.as_slice() {
        [first, second, ..] if is_command(&[first, second]) => vec![*first, *second],
        [first, ..] if is_command(&[first]) => vec![*first],
        // The faces of the binary that nobody types are not in the help.
        [first, ..] if ["agent", "supervise", "hold", "gate", "keep", "enter"].contains(first) => {
            return None;
        }
        _ => return Some(format!("`pintail {}`: no such command", call.join(" "))),
    };
    let help = help(&command);
    let has = |flag: &str| {
        help.split(|c: char| c.is_whitespace() || ",[]<>…=".contains(c)).any(|word| word == flag)
    };
    let own =
        words.iter().take_while(|word| **word != "--").map(|word| word.trim_matches(|c| "[]()".contains(c)));
    let unknown = own.filter(|word| word.starts_with('-')).find(|flag| !has(flag));
    unknown.map(|flag| format!("`pintail {}`: no `{flag}`", call.join(" ")))
}

#[test]
fn what_the_papers_type_can_be_typed() {
    let commands = commands();
    let mut papers: Vec<String> = [
        "README.md",
        "CONTRIBUTING.md",
        "examples/hello/README.md",
        "examples/catalyst/README.md",
        "lab/README.md",
    ]
    .map(str::to_owned)
    .into();
    papers.extend(formats().into_iter().map(|name| format!("docs/formats/{name}")));
    let mut wrongs = Vec::new();
    let mut count = 0;
    for name in papers {
        for call in calls(&paper(&name)) {
            count += 1;
            wrongs.extend(wrong(&call, &commands).map(|what| format!("{name}: {what}")));
        }
    }
    assert!(count > 30, "only {count} calls were found");
    assert!(wrongs.is_empty(), "{wrongs:#?}");
}

#[test]
fn what_can_not_be_typed_is_seen() {
    let commands = commands();
    let seen: Vec<String> =
        calls("Say `pintail frobnicate local`.\n\n    pintail deploy local --dry-run   # no\n")
            .iter()
            .filter_map(|call| wrong(call, &commands))
            .collect();
    assert_eq!(
        seen,
        ["`pintail frobnicate local`: no such command", "`pintail deploy local --dry-run`: no `--dry-run`"]
    );
}

#[test]
fn every_command_is_in_the_readme() {
    let readme = paper("README.md");
    let (_, table) = readme.split_once("## All commands").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let words: BTreeSet<&str> = table.split(|c: char| !c.is_alphanumeric()).collect();
    let missing: Vec<String> =
        commands().into_iter().flatten().filter(|word| !words.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "not in the README's table: {missing:?}");
}

#[test]
fn every_exit_code_is_in_the_readme() {
    let readme = paper("README.md");
    let (_, codes) = readme.split_once("Exit codes:").unwrap();
    for code in 0..=4 {
        assert!(codes.contains(&format!("**{code}**")), "{code}");
    }
}

fn formats() -> Vec<String> {
    let folder = workspace().join("docs/formats");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".md")).collect()
}

fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, endings, found);
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

/// The pages that `text` names: `docs/…/NAME.md`.
fn named(text: &str) -> Vec<String> {
    let starts = text.match_indices("docs/").map(|(at, _)| &text[at..]);
    let names = starts
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && !"/._-".contains(c)).next().unwrap_or(""));
    names.filter(|name| name.ends_with(".md")).map(str::to_owned).collect()
}

#[test]
fn every_page_that_is_named_is_there() {
    let root = workspace();
    let mut all = Vec::new();
    files(&root, &[".rs", ".toml", ".md"], &mut all);
    let mut missing = BTreeSet::new();
    for path in &all {
        let Ok(text) = fs::read_to_string(path) else {
            continue;
        };
        let shown = path.strip_prefix(&root).unwrap().display().to_string();
        for name in named(&text).into_iter().filter(|name| !root.join(name).is_file()) {
            missing.insert(format!("{shown} names `{name}`"));
        }
        // Links from one page to another, relative to it.
        if shown.ends_with(".md") {
            for (at, _) in text.match_indices("](") {
                let target = text[at + 2..].split([')', '#']).next().unwrap_or("");
                let away = target.is_empty() || target.contains("://");
                if !away && !path.parent().unwrap().join(target).exists() {
                    missing.insert(format!("{shown} links to `{target}`"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

// ---- examples

#[test]
fn the_examples_configurations_are_right_and_their_front_keeps_to_their_root() {
    let mut count = 0;
    for example in fs::read_dir(workspace().join("examples")).unwrap() {
        let folder = example.unwrap().path();
        let file = folder.join("pintail.toml");
        let config = pintail_core::config::read(&fs::read_to_string(&file).unwrap(), "pintail.toml");
        let config = config.unwrap_or_else(|problems| panic!("{}: {problems:#?}", file.display()));
        assert!(config.target("local").is_some(), "{}", file.display());
        count += 1;
        let Ok(front) = fs::read_to_string(folder.join("nginx.conf")) else { continue };
        let root = fs::read_to_string(&file).unwrap();
        let root = root.split("[host]\nroot = \"").nth(1).unwrap().split('"').next().unwrap();
        for place in ["run/web.sock", "run/maintenance)", "run/maintenance_long)", "docroot"] {
            assert!(front.contains(&format!("{root}/{place}")), "{}: {root}/{place}", folder.display());
        }
    }
    assert!(count >= 2, "{count}");
}

/// The JSON examples of a page, in order.
fn examples(page: &str) -> Vec<Value> {
    let text = paper(&format!("docs/formats/{page}"));
    let blocks = text.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(""));
    blocks
        .map(|block| serde_json::from_str(block).unwrap_or_else(|error| panic!("{page}: {error}\n{block}")))
        .collect()
}

/// Reads `example` as a `T`, which is to say the same when it is written.
fn is_a<T: serde::de::DeserializeOwned + serde::Serialize>(what: &str, example: &Value) {
    let read: T = serde_json::from_value(example.clone()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(&serde_json::to_value(&read).unwrap(), example, "{what}");
}

#[test]
fn examples_of_values_are_such_values() {
    let plan = examples("plan.md");
    is_a::<Plan>("plan.md", &plan[0]);
    is_a::<HostPlan>("plan.md", &plan[0]["hosts"][0]["plan"]);
    is_a::<Service>("plan.md", &plan[1]);
    is_a::<pintail_release::release::Plan>("release.md", &examples("release.md")[0]["plan"]);
    for deployment in examples("history.md")[0]["hosts"][0]["deployments"].as_array().unwrap() {
        is_a::<pintail_core::history::Deployment>("history.md", deployment);
    }
    let status = &examples("status.md")[0]["targets"][0]["hosts"][0];
    is_a::<Current>("status.md", &status["current"]);
    is_a::<Maintenance>("status.md", &status["maintenance"]);
    is_a::<Instance>("status.md", &status["processes"][0]["instances"][0]);
    for place in examples("doctor.md")[0]["places"].as_array().unwrap() {
        for finding in place["findings"].as_array().unwrap() {
            is_a::<pintail_core::wire::Finding>("doctor.md", finding);
        }
    }
}

#[test]
fn every_line_of_the_events_is_json_and_of_its_format() {
    let text = paper("docs/formats/events.md");
    let lines =
        text.split("```jsonl\n").skip(1).flat_map(|rest| rest.split("```").next().unwrap_or("").lines());
    let events: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.len() > 5);
    for event in events {
        assert_eq!(event["format"], 1, "{event}");
        match event
            .as_object()
            .unwrap()
            .keys()
            .find(|key| !["format", "host"].contains(&key.as_str()))
            .unwrap()
            .as_str()
        {
            "progress" => is_a::<pintail_core::wire::Progress>("events.md", &event["progress"]),
            "ended" => is_a::<pintail_core::history::Deployment>("events.md", &event["ended"]),
            "output" | "nothing" | "note" => {}
            other => panic!("`{other}` is no event"),
        }
    }
}

/// The paths of all keys in `value`; those of a list's members are one.
fn keys(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                found.insert(format!("{at}.{key}"));
                keys(value, &format!("{at}.{key}"), found);
            }
        }
        Value::Array(members) => members.iter().for_each(|member| keys(member, at, found)),
        _ => {}
    }
}

#[test]
fn what_the_program_prints_has_the_keys_of_its_page() {
    let room = tempfile::tempdir().unwrap();
    let config = "name = \"blog\"\n[targets.prod]\nhosts = [\"local\"]\n[host]\nroot = \"root\"\nsupervisor = \"embedded\"\n";
    fs::write(room.path().join("pintail.toml"), config).unwrap();
    let tree = room.path().join("blog-1.0");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("index.html"), "hello\n").unwrap();
    let packed =
        Command::new("tar").args(["czf", "blog-1.0.tar.gz", "blog-1.0"]).current_dir(room.path()).status();
    assert!(packed.unwrap().success());
    pintail(&["depot", "add", "blog-1.0.tar.gz"], room.path());
    let plan = pintail(&["plan", "prod", "--json"], room.path());
    pintail(&["deploy", "prod", "--yes"], room.path());
    for (page, which, command) in [
        ("status.md", 0, &["status", "--json"][..]),
        ("history.md", 0, &["history", "prod", "--json"]),
        ("env.md", 0, &["env", "list", "prod", "--json"]),
        ("depot.md", 0, &["depot", "list", "--json"]),
        ("depot.md", 1, &["depot", "show", "1.0", "--json"]),
        ("doctor.md", 0, &["doctor", "--json"]),
    ] {
        same_keys(page, &examples(page)[which], &pintail(command, room.path()));
    }
    same_keys("plan.md", &examples("plan.md")[0], &plan);
}

/// Whether what is printed has no key that the page's example has not, and lacks none but inside what is empty here.
fn same_keys(page: &str, example: &Value, printed: &str) {
    let printed: Value =
        serde_json::from_str(printed).unwrap_or_else(|error| panic!("{page}: {error}: {printed}"));
    let (mut here, mut there) = (BTreeSet::new(), BTreeSet::new());
    keys(&printed, "", &mut here);
    keys(example, "", &mut there);
    let new: Vec<&String> = here.difference(&there).collect();
    assert!(new.is_empty(), "{page} does not have {new:?}");
    let gone: Vec<&String> = there
        .difference(&here)
        .filter(|key| {
            key.rsplit_once('.').is_none_or(|(parent, _)| parent.is_empty() || has_members(&printed, parent))
        })
        .collect();
    // Alternatives of a value (an outcome's reasons, a step's fields) are not all there in one document.
    let gone: Vec<&&String> =
        gone.iter().filter(|key| ![".outcome.", ".steps."].iter().any(|part| key.contains(part))).collect();
    assert!(gone.is_empty(), "{page} has {gone:?}, which is not printed");
}

/// Whether anything of `value` at the key path `parent` has members.
fn has_members(value: &Value, parent: &str) -> bool {
    let mut found = BTreeSet::new();
    keys(value, "", &mut found);
    found.iter().any(|key| key.strip_prefix(parent).is_some_and(|rest| rest.starts_with('.')))
}
