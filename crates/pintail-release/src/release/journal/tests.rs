//! The lines as they are on a disk, and what is made of those that are not as they were written.

use super::*;

fn release(version: &str) -> pintail_core::name::ReleaseName {
    pintail_core::name::ReleaseName::new(version.parse().unwrap(), &Digest::of(b""))
}

fn events() -> Vec<Event<Memo>> {
    vec![
        Event::Looked { step: 0, memo: Memo::Nothing },
        Event::Acted { step: 0 },
        Event::Looked {
            step: 1,
            memo: Memo::Commit { commit: "5dc09e3f1bce50bf622c6c783c7b482b2af6826a".into() },
        },
        Event::Acted { step: 1 },
        Event::Looked { step: 2, memo: Memo::Live { release: None, new: release("0.941") } },
        Event::Looked {
            step: 3,
            memo: Memo::Live { release: Some(release("0.940")), new: release("0.941") },
        },
        Event::Looked {
            step: 4,
            memo: Memo::Tag {
                commit: "5dc09e3f1bce50bf622c6c783c7b482b2af6826a".into(),
                digest: Digest::of(b""),
            },
        },
        Event::Failed { step: 4, why: "cannot".into() },
        Event::Undone { step: 4 },
    ]
}

fn text() -> String {
    events().iter().map(|event| written(1_795_479_842_249, event).unwrap()).collect()
}

#[test]
fn a_line_is_what_the_manual_says() {
    insta::assert_snapshot!(text());
    let page = include_str!("../../../../../docs/formats/release-journal.md");
    assert!(page.contains(&text()));
}

#[test]
fn what_was_written_is_read() {
    let text = text();
    assert_eq!(parse(text.as_bytes()), Ok((events(), text.len() as u64)));
}

#[test]
fn a_torn_tail_is_left_off_and_a_damaged_middle_refused() {
    let text = text();
    let whole: usize = text.lines().take(8).map(|line| line.len() + 1).sum();
    for torn in whole..text.len() {
        let (read, bytes) = parse(&text.as_bytes()[..torn]).unwrap();
        assert_eq!((read.len(), bytes), (8, whole as u64), "cut at {torn}");
    }
    let damaged = text.replacen("looked", "lookee", 1);
    assert_eq!(parse(damaged.as_bytes()).unwrap_err(), "line 1 is damaged and others follow it");
    let unknown = format!("{} {{\"event\":\"sung\"}}\n", checksum("{\"event\":\"sung\"}"));
    assert!(parse(unknown.as_bytes()).unwrap_err().starts_with("line 1 is whole, and this Pintail"));
}
