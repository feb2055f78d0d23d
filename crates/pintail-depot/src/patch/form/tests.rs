//! The structure's golden bytes, and structures that lie.

use super::*;

fn file(path: &str, content: &[u8]) -> Entry {
    let kind =
        EntryKind::File { executable: false, size_bytes: content.len() as u64, digest: Digest::of(content) };
    Entry { path: path.parse().unwrap(), kind }
}

fn directory(path: &str) -> Entry {
    Entry { path: path.parse().unwrap(), kind: EntryKind::Directory }
}

fn manifest(version: &str, commit: Option<&str>, entries: Vec<Entry>) -> Manifest {
    Manifest::new("blog".parse().unwrap(), version.parse().unwrap(), commit.map(str::to_owned), entries)
        .unwrap()
}

fn old() -> Manifest {
    manifest(
        "1.0",
        None,
        vec![directory("a"), file("a/one", b"one"), file("a/two", b"twotwo"), file("z", b"z")],
    )
}

fn new() -> Manifest {
    let link = Entry { path: "b".parse().unwrap(), kind: EntryKind::Symlink { target: "a/one".into() } };
    let mut program = file("a/three", b"three");
    if let EntryKind::File { executable, .. } = &mut program.kind {
        *executable = true;
    }
    let entries = vec![
        directory("a"),
        file("a/one", b"one"),
        program,
        file("a/two", b"two!two"),
        link,
        file("y", b"z"),
    ];
    manifest("1.1", Some("0a1b2c3d"), entries)
}

fn contents() -> Vec<Content> {
    let parts = vec![Part::Copy { from: 0, length: 3 }, Part::Bring(1), Part::Copy { from: 3, length: 3 }];
    vec![Content { entry: 2, source: None, parts: vec![] }, Content { entry: 3, source: Some(2), parts }]
}

/// The form is a promise: an older host reads it.
#[test]
fn golden() {
    let (structure, digests) = written(&old(), &new(), &contents());
    let hex: String = structure.iter().map(|byte| format!("{byte:02x}")).collect();
    insta::assert_snapshot!(hex, @"04626c6f6703312e3108306131623263336406000203020574687265650504020900016205612f6f6e65060001790301010202000005000003010003");
    assert_eq!(digests, [Digest::of(b"three"), Digest::of(b"two!two")].map(|d| *d.as_bytes()).concat());
    assert_eq!(read(&old(), &structure, &digests).unwrap(), (new(), contents()));
}

#[test]
fn structures_that_lie_are_refused() {
    let head: &[u8] = b"\x04blog\x031.1\x00";
    let keep_all: &[u8] = &[1, 0, 4];
    // name, version, no commit; then entries; then contents
    let cases: [(&str, Vec<&[u8]>); 16] = [
        ("keeps more than there is", vec![head, &[1, 0, 5]]),
        (
            "skips more than there is",
            vec![head, &[1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
        ),
        ("changes a directory", vec![head, &[1, 4, 0]]),
        ("makes a file shorter than nothing", vec![head, &[2, 0, 1, 4, 0x0f]]),
        ("a path beyond the one before", vec![head, &[1, 8, 1, 1, b'a']]),
        ("a path that climbs", vec![head, &[1, 8, 0, 4, b'.', b'.', b'/', b'x']]),
        ("a path that is absolute", vec![head, &[1, 8, 0, 2, b'/', b'x']]),
        ("a link out of the tree", vec![head, &[1, 9, 0, 1, b'l', 2, b'.', b'.', 0]]),
        ("a file below none", vec![head, &[1, 6, 0, 3, b'q', b'/', b'x', 1, 0]]),
        ("a content that the base has not", vec![head, &[1, 6, 0, 1, b'x', 0]]),
        ("an instruction of tomorrow", vec![head, &[1, 10, 0, 1, b'x']]),
        ("a content for a directory", vec![head, keep_all, &[1, 0, 0]]),
        ("a source that is a directory", vec![head, keep_all, &[1, 1, 1]]),
        ("a copy from beyond the source", vec![head, keep_all, &[1, 1, 3, 0, 2, 3]]),
        ("a copy of nothing", vec![head, keep_all, &[1, 1, 3, 0, 0, 0]]),
        ("more than the file has", vec![head, keep_all, &[1, 1, 3, 4]]),
    ];
    let told = cases
        .map(|(name, structure)| format!("{name}: {}", read(&old(), &structure.concat(), &[]).unwrap_err()));
    insta::assert_snapshot!(told.join("\n"));
}
