//! The bytes on disk that are a promise: the members of an artifact, and the card.

use std::fs;

use pintail_depot::{Depot, pack};

use crate::craft::*;

#[test]
fn an_artifact_is_pinned() {
    let room = tempfile::tempdir().unwrap();
    sample_tree(room.path());
    let (name, version) = ("blog".parse().unwrap(), "1.4.2".parse().unwrap());
    let mut packed = Vec::new();
    let manifest = pack(room.path(), &name, &version, Some("0a1b2c3d"), &mut packed).unwrap();
    insta::assert_snapshot!(manifest.digest().to_string(), @"7603abbb877bd08e969d4404cc306a223dddafb90ef68ad2267f6c4681f0eda9");
    let plain = zstd::decode_all(packed.as_slice()).unwrap();
    let mut archive = tar::Archive::new(plain.as_slice());
    let lines = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        let (path, link) = (entry.path().unwrap(), entry.link_name().unwrap());
        let facts =
            (header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap());
        format!(
            "{:?} {:o}/{}/{}/{} {} {path:?} {link:?}",
            header.entry_type(),
            facts.0,
            facts.1,
            facts.2,
            facts.3,
            entry.size()
        )
    });
    let lines = lines.collect::<Vec<_>>().join("\n").replace(&"long-".repeat(30), "LONG");
    insta::assert_snapshot!(lines, @r#"
    Regular 644/0/0/0 2074 "blog-1.4.2/.pintail/manifest.json" None
    Directory 755/0/0/0 0 "blog-1.4.2/bin/" None
    Regular 755/0/0/0 20 "blog-1.4.2/bin/run" None
    Directory 755/0/0/0 0 "blog-1.4.2/deep/" None
    Directory 755/0/0/0 0 "blog-1.4.2/deep/LONG/" None
    Directory 755/0/0/0 0 "blog-1.4.2/deep/LONG/LONG/" None
    Regular 644/0/0/0 100000 "blog-1.4.2/deep/LONG/LONG/file" None
    Directory 755/0/0/0 0 "blog-1.4.2/empty/" None
    Regular 644/0/0/0 0 "blog-1.4.2/nothing" None
    Directory 755/0/0/0 0 "blog-1.4.2/share/" None
    Symlink 777/0/0/0 0 "blog-1.4.2/share/run" Some("../bin/run")
    Directory 755/0/0/0 0 "blog-1.4.2/share/ünïcode ☃/" None
    Regular 644/0/0/0 3 "blog-1.4.2/share/ünïcode ☃/a\nb \"c\" \\d" None
    Symlink 777/0/0/0 0 "blog-1.4.2/to-long" Some("deep/LONG/LONG/file")
    "#);
}

#[test]
fn a_card_is_pinned() {
    let room = tempfile::tempdir().unwrap();
    let tree = room.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("index.html"), "hello").unwrap();
    let depot = Depot::new(room.path().join("depot"));
    let (name, version) = ("blog".parse().unwrap(), "1.4.2".parse().unwrap());
    depot.publish_tree(&tree, &name, &version, Some("0a1b2c3d"), 1_700_000_000_000).unwrap();
    assert_eq!(
        everything_in(depot.folder()),
        [".linking", "artifacts", "artifacts/blog-1.4.2.json", "artifacts/blog-1.4.2.tar.zst"]
    );
    let card = fs::read_to_string(depot.folder().join("artifacts/blog-1.4.2.json")).unwrap();
    // The packed file depends on the version of zstd, so only the rest is pinned.
    let pinned: Vec<&str> = card.lines().filter(|line| !line.contains("packed_")).collect();
    insta::assert_snapshot!(pinned.join("\n"), @r#"
    {
      "format": 1,
      "name": "blog",
      "version": "1.4.2",
      "digest": "6c3c59f9ad8dfb22b3696032062033cb40a00347647fd6b47ef36ace8a90599b",
      "commit": "0a1b2c3d",
      "tree_bytes": 5,
      "files": 1,
      "added_ms": 1700000000000
    }
    "#);
}
