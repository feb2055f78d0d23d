//! What is printed for programs, and what is made from what can be typed.

use super::*;

#[test]
fn every_document_is_json_and_every_event_a_line_of_it() {
    let stage =
        Stage::with(|root| config(root, "", &hello("").replace("within = \"5s\"", "within = \"500ms\"")));
    stage.release("1.0", "healthy");
    stage.release("2.0", "unhealthy");
    let document = |arguments: &[&str]| {
        let ran = stage.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.all());
        let document = ran.json();
        assert!(document["format"].is_u64(), "{arguments:?}: a document says its format: {document:#}");
    };
    let documents = || {
        for arguments in [
            &["status", "--json"][..],
            &["status", "local", "--json"],
            &["history", "local", "--json"],
            &["plan", "local", "--json"],
            &["plan", "local", "1.0", "--json"],
            &["env", "list", "local", "--json"],
            &["depot", "list", "--json"],
            &["depot", "show", "1.0", "--json"],
            &["doctor", "local", "--json"],
        ] {
            document(arguments);
        }
    };
    documents();
    let events = |arguments: &[&str], code: i32, last: &str| {
        let ran = stage.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.all());
        let events: Vec<Value> = ran
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect();
        assert!(
            events.iter().all(|event| event["format"] == 1 && event["host"].is_string()),
            "{}",
            ran.all()
        );
        assert!(
            !events.last().unwrap_or(&Value::Null)[last].is_null(),
            "{arguments:?}: no `{last}` at the end: {}",
            ran.all()
        );
    };
    events(&["deploy", "local", "1.0", "--yes", "--json"], 0, "ended");
    events(&["deploy", "local", "1.0", "--yes", "--json"], 0, "nothing");
    events(&["deploy", "local", "2.0", "--yes", "--json"], 3, "ended");
    events(&["attach", "local", "--json"], 3, "ended");
    events(&["resume", "local", "--json"], 0, "note");
    events(&["abort", "local", "--json"], 0, "note");
    documents();
}

#[test]
fn completions_and_manual_pages_are_made() {
    let stage = still("");
    for (shell, sign) in [("bash", "_pintail"), ("zsh", "#compdef pintail"), ("fish", "complete -c pintail")]
    {
        let ran = stage.run(&["completions", shell]);
        assert!(ran.expect(0).out.contains(sign), "{shell}");
        let there =
            Command::new(shell).arg("-c").arg("true").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if there.is_ok_and(|ended| ended.success()) {
            let script = stage.room().join(shell);
            fs::write(&script, &ran.out).unwrap();
            let checked = Command::new(shell).arg("-n").arg(&script).output().unwrap();
            assert!(checked.status.success(), "{shell}: {}", String::from_utf8_lossy(&checked.stderr));
        }
    }
    stage.run(&["completions", "tcsh"]).expect(2);
    let folder = stage.room().join("man");
    stage.run(&["man", folder.to_str().unwrap()]).expect(0);
    let pages: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    for page in
        ["pintail.1", "pintail-deploy.1", "pintail-rollback.1", "pintail-env-set.1", "pintail-depot-verify.1"]
    {
        assert!(pages.contains(&page.to_owned()), "{page} in {pages:?}");
        assert!(read(folder.join(page)).contains(".TH"), "{page}");
    }
    for hidden in ["pintail-agent.1", "pintail-supervise.1", "pintail-traffic.1"] {
        assert!(!pages.contains(&hidden.to_owned()), "{hidden} is for Pintail itself");
    }
}

#[test]
fn init_writes_for_each_kind_of_tree_what_can_be_read_again() {
    for (kind, signs) in [
        ("Perl", &["dist.ini"][..]),
        ("Perl", &["cpanfile", "package.json"]),
        ("Python", &["pyproject.toml", "package.json"]),
        ("Ruby", &["Gemfile"]),
        ("Rust", &["Cargo.toml"]),
        ("Node", &["package.json"]),
        ("static", &["public/index.html"]),
        ("static", &["index.html"]),
        ("nothing that it knows", &["notes.txt"]),
    ] {
        let room = tempfile::Builder::new().prefix("pintail-test-").tempdir().unwrap();
        let folder = room.path().join("My shop");
        for sign in signs {
            write(&folder.join(sign), "");
        }
        let run = |arguments: &[&str]| -> Ran {
            let mut command = Command::new(common::PINTAIL);
            command.arg("-C").arg(&folder).args(arguments).stdin(Stdio::null());
            common::ran(command)
        };
        let ran = run(&["init"]);
        assert!(ran.expect(0).err.contains(&format!("looked and found: {kind}")), "{signs:?}: {}", ran.all());
        let text = read(folder.join("pintail.toml"));
        assert!(text.contains("name = \"My-shop\""), "{text}");
        // `depot list` reads the whole configuration and asks no host.
        run(&["depot", "list"]).expect(0);
        assert!(run(&["init"]).expect(1).err.contains("it is there already"));
        run(&["init", "--force"]).expect(0);
        assert_eq!(read(folder.join("pintail.toml")), text);
        assert_eq!(text.contains("from = \"public\""), folder.join("public").exists(), "{text}");
    }
}
