//! The grammar's vectors, and that any text is read.

use super::*;
use proptest::prelude::*;

/// What a message asks, in lines.
fn told(message: &str) -> String {
    shown(&read(message))
}

fn shown(asked: &Asked) -> String {
    let mut lines: Vec<String> = Vec::new();
    for Note { kind, before, text } in &asked.notes {
        let before = if *before { "before " } else { "" };
        lines.push(format!("{before}{}: {}", kind.word(), text.replace('\n', " ⏎ ")));
    }
    if asked.none {
        lines.push("none".to_owned());
    }
    for call in &asked.run {
        let when = if call.before { "before" } else { "after" };
        lines.push(format!("run {when}: {call}"));
    }
    lines.extend(asked.requires.iter().map(|requirement| format!("requires: {requirement}")));
    for (is, word) in [(asked.maintenance, "maintenance"), (asked.backup, "backup")] {
        lines.extend(is.then(|| word.to_owned()));
    }
    if asked.ack != Acknowledgement::ByKind {
        lines.push(format!("ack: {:?}", asked.ack));
    }
    lines.extend(asked.targets.iter().map(|target| format!("target: {target}")));
    lines.extend(asked.id.iter().map(|id| format!("id: {id}")));
    lines.extend(asked.faults.iter().map(|fault| format!("fault: {fault}")));
    lines.join("\n")
}

/// The vectors of the grammar's design, one by one.
#[test]
fn every_vector_is_read_as_meant() {
    let vectors = [
        (
            "the seed's example",
            "New foobar magic.\n\nDeployment:\n\n- This version has schema changes - run ddgc_db_autoupgrade.pl\n- New dependency - Foo::Bar::Magic\n",
            "schema: This version has schema changes - run ddgc_db_autoupgrade.pl\ndependency: New dependency - Foo::Bar::Magic",
        ),
        ("lower case, no blank line", "s\n\ndeployment:\n- a\n- b\n", "manual: a\nmanual: b"),
        (
            "wrapped bullet",
            "s\n\nDeployment:\n\n- one two\n  three\n- b\n",
            "manual: one two three\nmanual: b",
        ),
        (
            "lazy continuation",
            "s\n\nDeployment:\n\n- one two\nthree\n- b\n",
            "manual: one two three\nmanual: b",
        ),
        ("followed by another section", "s\n\nDeployment:\n- a\n\nTesting:\n- t\n", "manual: a"),
        ("the same without a blank line", "s\n\nDeployment:\n- a\nTesting:\n- t\n", "manual: a"),
        (
            "followed by trailers",
            "s\n\nDeployment:\n\n- a\n\nDeploy-Run: reindex --all\nSigned-off-by: A <a@b>\n",
            "manual: a\nrun after: reindex --all",
        ),
        (
            "a squash merge",
            "Big (#12)\n\n* first\n\nDeployment:\n\n- run a\n\n* second\n\nDeployment:\n\n- run b\n\nCo-authored-by: A <a@b>\n",
            "manual: run a\nmanual: run b",
        ),
        (
            "a paragraph",
            "s\n\nDeployment:\n\nRestart the workers\nby hand.\n",
            "manual: Restart the workers by hand.",
        ),
        ("one line, a trailer for git", "s\n\nDeployment: run foo\n", "manual: run foo"),
        (
            "one line, before other text",
            "s\n\nDeployment: run foo\nand bar\n\nMore.\n",
            "manual: run foo and bar",
        ),
        ("a commit about deploying", "s\n\ndeploy: update prod to v1.7.7\n", ""),
        ("indented YAML", "s\n\nExample:\n\n  deploy:\n    - a\n\nend\n", ""),
        ("in a fence", "s\n\n```\nDeployment:\n- a\n```\n\nend\n", ""),
        ("quoted", "s\n\n> Deployment:\n> - a\n\nend\n", ""),
        ("the subject", "Deployment: fix typo\n\n- a\n", ""),
        ("the subject alone", "Deployment:\n- a\n", ""),
        (
            "a Markdown heading",
            "s\n\n## Deployment notes\n\n1. a\n2. b\n\n## Other\n\n3. c\n",
            "manual: a\nmanual: b",
        ),
        ("bold", "s\n\n**Deployment:**\n\n- a\n\n**Other**\n- c\n", "manual: a"),
        ("bold, the colon outside", "s\n\n**Deploy steps**:\n- a\n", "manual: a"),
        ("underlined", "s\n\nDeployment notes\n----------------\n- a\n\nOther\n-----\n- c\n", "manual: a"),
        (
            "nested bullets, then prose",
            "s\n\nDeployment:\n- a\n  - a1\n  - a2\n- b\n\nProse.\n",
            "manual: a ⏎ - a1 ⏎ - a2\nmanual: b",
        ),
        ("an empty section", "s\n\nDeployment:\n\nTesting:\n- t\n", ""),
        ("explicitly none", "s\n\nDeployment:\n- none\n", "none"),
        ("explicitly not applicable", "s\n\nDeployment:\n\n- N/A.\n", "none"),
        ("CRLF", "s\r\n\r\nDeployment:\r\n\r\n- a\r\n  more\r\n- b\r\n", "manual: a more\nmanual: b"),
    ];
    for (name, message, expected) in vectors {
        assert_eq!(told(message), expected, "{name}");
    }
}

#[test]
fn what_else_people_write() {
    let vectors = [
        ("indented bullets, a trailer for git", "s\n\nDeployment:\n  - a\n  - b\n", "manual: a\nmanual: b"),
        ("lower case, the same", "s\n\ndeployment:\n  - a\n  more\n", "manual: a more"),
        (
            "folded, on one line",
            "s\n\nDeployment: run foo\n  and bar\nSigned-off-by: A <a@b>\n",
            "manual: run foo and bar",
        ),
        (
            "beside a sign-off",
            "s\n\nbody\n\nDeployment: run foo\nSigned-off-by: A <a@b>\n",
            "manual: run foo",
        ),
        (
            "kinds",
            "s\n\nDeployment:\n- [schema] a\n- [DEP] b\n- ! [config] c\n- [backup]! d\n- [info] e\n- [what] f\n- !g\n- [ ] h\n",
            "schema: a\ndependency: b\nbefore config: c\nbefore backup: d\ninfo: e\nmanual: [what] f\nbefore manual: g\nmanual: h",
        ),
        ("a guess", "s\n\nDeployment:\n- [info] schema change in March\n", "info: schema change in March"),
        (
            "commands below a point",
            "s\n\nDeployment:\n- run this:\n\n  ```\n  make x\n  ```\n\n  and look\n- b\n",
            "manual: run this: ⏎ make x ⏎ and look\nmanual: b",
        ),
        ("a fence that is never closed", "s\n\n```\n\nDeployment:\n- a\n", "manual: a"),
        (
            "a template's comment",
            "s\n\nDeployment:\n<!-- what must be done?\nnone is fine -->\n- a\n",
            "manual: a",
        ),
        (
            "points of a sentence",
            "s\n\nDeployment:\n- a\nbefore that:\n- b\n",
            "manual: a before that:\nmanual: b",
        ),
        ("prose before points", "s\n\nDeployment:\nOn all hosts.\n- a\n", "manual: On all hosts.\nmanual: a"),
        (
            "a sign-off in the middle",
            "s\n\n* x\n\nDeployment:\n- a\nReviewed-by: B <b@c>\n\n* y\n",
            "manual: a",
        ),
        ("escapes", "s\n\nDeployment:\n- a\u{1b}[2Jb\u{202e}c\td\n", "manual: a[2Jbc d"),
        ("no body", "s", ""),
        ("nothing", "", ""),
        ("blank lines first", "\n\ns\n\nDeployment:\n- a\n", "manual: a"),
        ("none beside a point", "s\n\nDeployment:\n- none\n- but a\n", "manual: but a\nnone"),
        ("none on one line", "s\n\nDeployment: none\n", "none"),
    ];
    for (name, message, expected) in vectors {
        assert_eq!(told(message), expected, "{name}");
    }
}

#[test]
fn every_trailer_and_what_is_wrong_with_it() {
    let values = "s\n\nDeploy-Run: reindex --all --db=main\nDeploy-Run-Before: drain\nDeploy-Requires: cpan Foo::Bar >= 1.2\n\
        Deploy-Requires: cpan Foo\nDeploy-Requires: apt libgd-dev\nDeploy-Requires: env DB_URL\nDeploy-Requires: cmd\n  ffmpeg\n\
        Deploy-Maintenance: required\nDeploy-Backup: database\nDeploy-Ack: required\nDeploy-Env: prod, view\nDeploy-Id: split-users\n";
    insta::assert_snapshot!("trailers", told(values));
    let wrong = "s\n\nDeploy-Run: x; rm -rf /\nDeploy-Run: $(x)\nDeploy-Run:\nDeploy-Run: a \"b c\"\nDeploy-Requires: pip foo\n\
        Deploy-Requires: cpan Foo < 2\nDeploy-Requires: cpan Foo::\nDeploy-Requires: apt Foo\nDeploy-Requires: env A-B\n\
        Deploy-Requires: cmd ../x\nDeploy-Maintenance: yes\nDeploy-Backup: all\nDeploy-Ack: maybe\nDeploy-Env: a/b\nDeploy-Env: ,\n\
        Deploy-Id: a b\nDeploy-Preview: https://example.org\ndeploy-run: reindex\nSigned-off-by: A <a@b>\n";
    insta::assert_snapshot!("trailers-that-cannot-be-read", told(wrong));
    let stray = "s\n\nDeploy-Run: reindex\n\nMore text.\n\nDeployment:\n- a\nDeploy-Run: other\n";
    insta::assert_snapshot!("trailers-in-the-middle", told(stray));
}

#[test]
fn a_fragment_is_one_section() {
    let body = "# Long story\n\nFirst do this.\n\n- [schema] a\n- b\n\n* c\n\nOther:\n\nAnd that.\n\nDeploy-Run: reindex\n";
    insta::assert_snapshot!("fragment", shown(&read_body(body)));
    assert_eq!(shown(&read_body("Note: all of it\n")), "manual: Note: all of it");
    assert_eq!(shown(&read_body("")), "");
}

#[test]
fn what_is_too_much_is_cut_and_told() {
    let long = "é".repeat(NOTE_BYTES_MAX);
    let asked = read(&format!("s\n\nDeployment:\n- {long}\n"));
    assert!(asked.notes[0].text.len() <= NOTE_BYTES_MAX && asked.notes[0].text.ends_with(" […]"));
    let many = "- x\n".repeat(NOTES_MAX + 1);
    let asked = read(&format!("s\n\nDeployment:\n{many}"));
    assert_eq!((asked.notes.len(), asked.faults.len()), (NOTES_MAX, 1));
    let trailers = "Deploy-Run: x\n".repeat(NOTES_MAX + 2);
    let asked = read(&format!("s\n\n{trailers}"));
    assert_eq!((asked.run.len(), asked.faults.len()), (NOTES_MAX + 1, 1));
    let notes = "Deployment: x\n".repeat(NOTES_MAX + 1);
    let asked = read(&format!("s\n\n{notes}"));
    assert_eq!((asked.notes.len(), asked.faults.len()), (NOTES_MAX, 1));
    let strays = "Deploy-Run: x\n".repeat(3 * NOTES_MAX);
    assert_eq!(read(&format!("s\n\n{strays}\nend\n")).faults.len(), NOTES_MAX);
    let words = "w ".repeat(60);
    assert_eq!(read(&format!("s\n\nDeploy-Env: {words}\nDeploy-Run: {words}\n")).faults.len(), 2);
    let huge = format!("s\n\nDeployment:\n- a\n\n{}", "x".repeat(MESSAGE_BYTES_MAX));
    assert_eq!(read(&huge).faults.len(), 1);
}

/// Lines that the grammar knows, and others.
fn line() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Deployment:",
        "deployment:",
        "**Deploy:**",
        "## Deploy notes",
        "Deployment: x",
        "- a",
        "  - b",
        "* c",
        "1. d",
        "\t- e",
        "",
        "   ",
        "```",
        "~~~",
        "<!--",
        "-->",
        "> q",
        "---",
        "===",
        "Testing:",
        "Deploy-Run: x",
        "Deploy-Id: y",
        "Signed-off-by: A",
        " folded",
        "# c",
        "- none",
        "- ! [schema] x",
        "[",
        "- [",
        "•",
        "• é",
        "9)",
        "**",
        "****",
        "#",
        ":",
        "-:",
        "Conflicts:",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "\\PC{0,30}", 1 => any::<String>()]
}

proptest! {
    #[test]
    fn any_text_is_read_and_the_bounds_are_kept(lines in prop::collection::vec(line(), 0..40)) {
        let message = lines.join("\n");
        for asked in [read(&message), read_body(&message)] {
            prop_assert!(asked.notes.len() <= NOTES_MAX);
            for note in &asked.notes {
                prop_assert!(note.text.len() <= NOTE_BYTES_MAX);
                prop_assert!(!note.text.chars().any(|c| c.is_control() && c != '\n'), "{:?}", note.text);
            }
            let json = serde_json::to_string(&asked).unwrap();
            prop_assert_eq!(serde_json::from_str::<Asked>(&json).unwrap(), asked);
        }
    }
}

#[test]
fn each_of_the_squashed_messages_is_read() {
    let message = "Squashed commit of the following:\n\ncommit 0123456789abcdef0123456789abcdef01234567\nAuthor: A \
                   <a@b>\nDate:   Wed Nov 25 04:48:00 2026 +0000\n\n    second\n    \n    Deployment:\n    - do two\n    \n    \
                   Deploy-Run: ok two\n\ncommit 1123456789abcdef0123456789abcdef01234567\nAuthor: A <a@b>\nDate:   Wed Nov 25 \
                   04:47:00 2026 +0000\n\n    first\n\n    Deployment:\n    - do one\n    Deploy-Rnu: x\n";
    for message in [message.to_owned(), format!("merge side\n\n{message}"), message.replace('\n', "\r\n")] {
        let asked = read(&message);
        let notes: Vec<&str> = asked.notes.iter().map(|note| note.text.as_str()).collect();
        assert_eq!(notes, ["do one", "do two"], "{message}");
        assert_eq!(asked.run.iter().map(ToString::to_string).collect::<Vec<_>>(), ["ok two"]);
    }
    assert!(read("x\n\nSquashed commit of the following:\n\nnothing\n").is_nothing());
}
