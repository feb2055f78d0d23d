//! Archives made by real programs become the same release as the tree they were made from.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use pintail_core::manifest::Manifest;
use pintail_depot::import::{manifest_of_file, name_and_version};
use pintail_depot::pack::manifest_of_tree;
use pintail_depot::{Limits, Naming, import, unpack};

use crate::craft::*;

fn run(program: &str, folder: &Path, args: &[&str]) {
    let mut command = Command::new(program);
    command.current_dir(folder).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null").env("HOME", folder);
    for key in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
        command.env(key, "test");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn imported(file: &Path, naming: &Naming) -> Manifest {
    let room = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    let manifest = import(file, naming, room.path(), &mut out, &Limits::default()).unwrap();
    assert_eq!(manifest_of_file(file, naming, &Limits::default()).unwrap(), manifest);
    let into = room.path().join("into");
    unpack(out.as_slice(), &into, &manifest.digest(), &Limits::default()).unwrap();
    assert_eq!(everything_in(room.path()).iter().filter(|path| path.contains("partial")).count(), 0);
    let again = manifest_of_tree(&into, manifest.name(), manifest.version(), manifest.commit()).unwrap();
    assert_eq!(again, manifest);
    manifest
}

#[test]
fn gnu_tar_in_all_its_formats() {
    let room = tempfile::tempdir().unwrap();
    let tree = room.path().join("blog-1.2");
    sample_tree(&tree);
    fs::hard_link(tree.join("bin/run"), tree.join("bin/the-same")).unwrap();
    let expected = manifest_of_tree(&tree, &"blog".parse().unwrap(), &"1.2".parse().unwrap(), None).unwrap();
    let file = room.path().join("blog-1.2.tar.gz");
    for format in ["gnu", "oldgnu", "pax"] {
        for top in ["blog-1.2", "./blog-1.2", "./blog-1.2/", ".//blog-1.2"] {
            run("tar", room.path(), &["-czf", "blog-1.2.tar.gz", "--format", format, top]);
            assert_eq!(imported(&file, &Naming::default()), expected, "{format} {top}");
        }
    }
    run("tar", room.path(), &["-czf", "blog-1.2.tar.gz", "--xattrs", "--acls", "--format=pax", "./blog-1.2"]);
    assert_eq!(imported(&file, &Naming::default()), expected);
    run(
        "tar",
        room.path(),
        &["-czf", "blog-1.2.tar.gz", "--no-recursion", "blog-1.2/bin/run", "blog-1.2/nothing"],
    );
    let implied: Vec<_> =
        imported(&file, &Naming::default()).entries().iter().map(|e| e.path.to_string()).collect();
    assert_eq!(implied, ["bin", "bin/run", "nothing"]);
}

#[test]
fn gnu_tar_in_formats_with_short_names() {
    let room = tempfile::tempdir().unwrap();
    let tree = room.path().join("blog-1.2");
    fs::create_dir_all(tree.join("a/b").join("c".repeat(60)).join("d".repeat(60))).unwrap();
    fs::write(tree.join("a/b").join("c".repeat(60)).join("file"), "x").unwrap();
    let expected = manifest_of_tree(&tree, &"blog".parse().unwrap(), &"1.2".parse().unwrap(), None).unwrap();
    run("tar", room.path(), &["-czf", "blog-1.2.tgz", "--format", "ustar", "blog-1.2"]);
    assert_eq!(imported(&room.path().join("blog-1.2.tgz"), &Naming::default()), expected);
    fs::remove_dir(tree.join("a/b").join("c".repeat(60)).join("d".repeat(60))).unwrap();
    let expected = manifest_of_tree(&tree, &"blog".parse().unwrap(), &"1.2".parse().unwrap(), None).unwrap();
    run("tar", room.path(), &["-czf", "blog-1.2.tgz", "--format", "v7", "blog-1.2"]);
    assert_eq!(imported(&room.path().join("blog-1.2.tgz"), &Naming::default()), expected);
}

#[test]
fn git_archive_tells_the_commit() {
    let room = tempfile::tempdir().unwrap();
    let tree = room.path().join("tree");
    sample_tree(&tree);
    fs::remove_dir(tree.join("empty")).unwrap();
    run("git", &tree, &["init", "-q", "."]);
    run("git", &tree, &["add", "-A"]);
    run("git", &tree, &["commit", "-q", "-m", "one"]);
    run("git", &tree, &["archive", "--format=tar.gz", "--prefix=any/", "-o", "../blog-1.2.tar.gz", "HEAD"]);
    let head = Command::new("git").arg("-C").arg(&tree).args(["rev-parse", "HEAD"]).output().unwrap().stdout;
    let head = String::from_utf8(head).unwrap();
    fs::remove_dir_all(tree.join(".git")).unwrap();
    let (name, version) = ("blog".parse().unwrap(), "1.2".parse().unwrap());
    let expected = manifest_of_tree(&tree, &name, &version, Some(head.trim())).unwrap();
    assert_eq!(imported(&room.path().join("blog-1.2.tar.gz"), &Naming::default()), expected);
}

#[test]
fn our_own_in_another_compression_stays_the_same_release() {
    let room = tempfile::tempdir().unwrap();
    let tree = room.path().join("tree");
    sample_tree(&tree);
    let (name, version) = ("blog".parse().unwrap(), "1.2".parse().unwrap());
    let mut bytes = Vec::new();
    let expected = pintail_depot::pack(&tree, &name, &version, Some("abcd"), &mut bytes).unwrap();
    let plain = Tar(zstd::decode_all(bytes.as_slice()).unwrap());
    let file = room.path().join("whatever.bin");
    for compressed in [bytes, plain.gzip()] {
        fs::write(&file, compressed).unwrap();
        assert_eq!(imported(&file, &Naming::default()), expected);
    }
}

#[test]
fn our_own_is_not_renamed_and_not_believed() {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("blog-1.tar.zst");
    let honest = manifest(vec![file_entry()]);
    fs::write(&file, Tar::own(&honest).file("blog-1/a", b"b").end().zstd()).unwrap();
    let told = |naming: Naming| {
        let error = manifest_of_file(&file, &naming, &Limits::default()).unwrap_err();
        error.to_string().replace(room.path().to_str().unwrap(), "ROOM")
    };
    let other = |name: &str, version: &str| Naming {
        name: Some(name.parse().unwrap()),
        version: Some(version.parse().unwrap()),
        commit: None,
    };
    let told = [told(Naming::default()), told(other("shop", "1")), told(other("blog", "2"))].join("\n");
    insta::assert_snapshot!(told, @r"
    `ROOM/blog-1.tar.zst` is not what its manifest says: `a` differs; it was changed after it was packed
    `ROOM/blog-1.tar.zst` says it is the application `blog`, not `shop`; leave it out, or pack the tree anew
    `ROOM/blog-1.tar.zst` says it is version `1`, not `2`; leave it out, or pack the tree anew
    ");
}

fn file_entry() -> pintail_core::manifest::Entry {
    file("a", b"a")
}

#[test]
fn names_of_archives() {
    let names = [
        "blog-1.2.tar.gz",
        "DDGC-Static-0.4.tgz",
        "blog-1.0-rc1.tar.zst",
        "blog-1.0-2.tar.gz",
        "a-2-3.tar.gz",
        "blog-v2.tar.gz",
        "blog.tar.gz",
        "blog-1.zip",
        "-1.tar.gz",
        "blog-.tar.gz",
        "blog-1..2.tar.gz",
    ];
    let told = names.map(|name| match name_and_version(OsStr::new(name).to_str().unwrap(), None) {
        Some((app, version)) => format!("{name}: `{app}` `{version}`"),
        None => format!("{name}: -"),
    });
    insta::assert_snapshot!(told.join("\n"), @r"
    blog-1.2.tar.gz: `blog` `1.2`
    DDGC-Static-0.4.tgz: `DDGC-Static` `0.4`
    blog-1.0-rc1.tar.zst: `blog` `1.0-rc1`
    blog-1.0-2.tar.gz: `blog` `1.0-2`
    a-2-3.tar.gz: `a-2` `3`
    blog-v2.tar.gz: -
    blog.tar.gz: -
    blog-1.zip: -
    -1.tar.gz: -
    blog-.tar.gz: -
    blog-1..2.tar.gz: -
    ");
    let known = name_and_version("a-2-3.tar.gz", Some(&"a".parse().unwrap())).unwrap();
    assert_eq!((known.0.as_str(), known.1.as_str()), ("a", "2-3"));
    let known = name_and_version("blog-v2.tar.gz", Some(&"blog".parse().unwrap())).unwrap();
    assert_eq!(known.1.as_str(), "v2");
}
