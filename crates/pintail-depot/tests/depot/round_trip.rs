//! A tree packed and unpacked is the same tree; and GNU tar agrees.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use pintail_core::manifest::Manifest;
use pintail_depot::pack::manifest_of_tree;
use pintail_depot::{Limits, pack, unpack, verify};
use proptest::prelude::*;

use crate::craft::*;

fn manifest_of(tree: &Path) -> Manifest {
    manifest_of_tree(tree, &"blog".parse().unwrap(), &"1".parse().unwrap(), None).unwrap()
}

fn packed(tree: &Path) -> (Vec<u8>, Manifest) {
    let mut bytes = Vec::new();
    let manifest = pack(tree, &"blog".parse().unwrap(), &"1".parse().unwrap(), None, &mut bytes).unwrap();
    (bytes, manifest)
}

fn comes_back(tree: &Path, into: &Path) {
    let (bytes, manifest) = packed(tree);
    assert_eq!(packed(tree).0, bytes, "the same tree gives the same bytes");
    assert_eq!(verify(bytes.as_slice(), None, &Limits::default()).unwrap(), manifest);
    let unpacked = unpack(bytes.as_slice(), into, &manifest.digest(), &Limits::default()).unwrap();
    assert_eq!(unpacked, manifest);
    assert_eq!(manifest_of(into), manifest);
    let mut seen = everything_in(tree);
    seen.extend([".pintail", ".pintail/held.json", ".pintail/manifest.json"].map(str::to_owned));
    seen.sort();
    assert_eq!(everything_in(into), seen);
    assert_eq!(fs::read(into.join(".pintail/manifest.json")).unwrap(), manifest.to_json());
    assert_eq!(packed(into).0, bytes, "a release can be packed again");
}

#[test]
fn the_sample_comes_back() {
    let room = tempfile::tempdir().unwrap();
    let (tree, into) = (room.path().join("tree"), room.path().join("into"));
    sample_tree(&tree);
    comes_back(&tree, &into);
    let mode = |path: &str| fs::metadata(into.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(""), mode("bin"), mode("bin/run"), mode("nothing")), (0o755, 0o755, 0o755, 0o644));
    assert_eq!((mode(".pintail"), mode(".pintail/manifest.json")), (0o755, 0o644));
}

#[test]
fn an_empty_tree_comes_back() {
    let room = tempfile::tempdir().unwrap();
    fs::create_dir(room.path().join("tree")).unwrap();
    comes_back(&room.path().join("tree"), &room.path().join("into"));
}

#[test]
fn gnu_tar_reads_ours() {
    let room = tempfile::tempdir().unwrap();
    let tree = room.path().join("tree");
    sample_tree(&tree);
    let (bytes, manifest) = packed(&tree);
    fs::write(room.path().join("a.tar"), zstd::decode_all(bytes.as_slice()).unwrap()).unwrap();
    let tar = Command::new("tar").arg("-xf").arg("a.tar").current_dir(room.path()).output().unwrap();
    assert_eq!((tar.status.success(), String::from_utf8(tar.stderr).unwrap().as_str()), (true, ""));
    assert_eq!(manifest_of(&room.path().join("blog-1")), manifest);
}

#[test]
fn a_full_disk_is_told() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let room = tempfile::tempdir().unwrap();
    sample_tree(room.path());
    let error =
        pack(room.path(), &"blog".parse().unwrap(), &"1".parse().unwrap(), None, &mut Full).unwrap_err();
    let told = error.to_string().replace(room.path().to_str().unwrap(), "ROOM");
    insta::assert_snapshot!(told, @"can't write the artifact of `ROOM`: no storage space");
}

/// What a generated tree has at a path.
#[derive(Debug, Clone)]
enum Thing {
    Folder,
    File(Vec<u8>, bool),
    Link(String),
}

fn part() -> impl Strategy<Value = String> {
    let odd = "[^/\\x00]{1,20}"
        .prop_filter("no name", |part: &String| part != "." && part != ".." && part != ".pintail");
    prop_oneof![4 => "[a-d]".boxed(), 1 => odd.boxed(), 1 => "[x-z]{60,80}".boxed()]
}

fn thing() -> impl Strategy<Value = Thing> {
    let content = prop_oneof![Just(Vec::new()), proptest::collection::vec(any::<u8>(), 1..2000)];
    prop_oneof![
        1 => Just(Thing::Folder),
        3 => (content, any::<bool>()).prop_map(|(content, executable)| Thing::File(content, executable)),
        1 => "[a-d](/[a-d]){0,2}".prop_map(Thing::Link),
    ]
}

fn make(tree: &Path, things: &[(Vec<String>, Thing)]) {
    fs::create_dir(tree).unwrap();
    for (parts, thing) in things {
        let at = parts.iter().fold(tree.to_owned(), |at, part| at.join(part));
        // What doesn't fit beside the things made before is left out; nothing is made through a link.
        let real = at
            .ancestors()
            .skip(1)
            .take_while(|above| *above != tree)
            .all(|above| fs::symlink_metadata(above).map_or(true, |about| about.is_dir()));
        if !real || fs::create_dir_all(at.parent().unwrap()).is_err() || fs::symlink_metadata(&at).is_ok() {
            continue;
        }
        match thing {
            Thing::Folder => fs::create_dir(&at).unwrap(),
            Thing::File(content, executable) => {
                fs::write(&at, content).unwrap();
                let mode = if *executable { 0o700 } else { 0o666 };
                fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
            }
            Thing::Link(target) => std::os::unix::fs::symlink(target, &at).unwrap(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_tree_comes_back(things in proptest::collection::vec((proptest::collection::vec(part(), 1..6), thing()), 0..30)) {
        let room = tempfile::tempdir().unwrap();
        let tree = room.path().join("tree");
        make(&tree, &things);
        comes_back(&tree, &room.path().join("into"));
    }
}
