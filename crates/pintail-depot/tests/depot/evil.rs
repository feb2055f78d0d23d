//! Archives made by hand to do harm. Each is refused with a reason that is pinned here, and leaves nothing.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use pintail_core::digest::Digest;
use pintail_core::manifest::Manifest;
use pintail_depot::{Limits, Naming, import, unpack};

use crate::craft::*;

/// Unpacks and says how that was refused; checks that nothing is left and nothing around was touched.
fn refused(archive: impl Read, digest: &Digest, limits: &Limits) -> String {
    let room = tempfile::tempdir().unwrap();
    fs::write(room.path().join("outside"), "untouched").unwrap();
    let error = unpack(archive, &room.path().join("into"), digest, limits).unwrap_err().to_string();
    assert_eq!(everything_in(room.path()), ["outside"], "{error}");
    assert_eq!(fs::read(room.path().join("outside")).unwrap(), b"untouched");
    error.replace(room.path().to_str().unwrap(), "ROOM")
}

fn lies(manifest: &Manifest, tar: Tar) -> String {
    refused(tar.end().zstd().as_slice(), &manifest.digest(), &Limits::default())
}

#[test]
fn members_that_are_not_announced() {
    let honest = manifest(vec![directory("d"), file("d/a", b"a"), symlink("l", "d"), file("z", b"z")]);
    let start = || Tar::own(&honest);
    let upto_link = || start().directory("blog-1/d/").file("blog-1/d/a", b"a").symlink("blog-1/l", "d");
    let told = [
        ("absolute path", lies(&honest, start().file("/etc/passwd", b"x"))),
        ("parent path", lies(&honest, start().file("blog-1/../../outside", b"x"))),
        ("path out of the top folder", lies(&honest, start().file("other/d", b"x"))),
        ("not in the manifest", lies(&honest, start().file("blog-1/a", b"x"))),
        ("through a link", lies(&honest, upto_link().file("blog-1/l/b", b"x"))),
        (
            "link leads elsewhere",
            lies(
                &honest,
                start().directory("blog-1/d/").file("blog-1/d/a", b"a").symlink("blog-1/l", "/etc"),
            ),
        ),
        (
            "link for a file",
            lies(&honest, start().directory("blog-1/d/").symlink("blog-1/d/a", "/etc/passwd")),
        ),
        ("link for a folder", lies(&honest, start().symlink("blog-1/d", "/tmp"))),
        (
            "hard link",
            lies(
                &honest,
                start().directory("blog-1/d/").member(HARD_LINK, "blog-1/d/a", "/etc/passwd", 0, b""),
            ),
        ),
        ("device", lies(&honest, start().directory("blog-1/d/").member(DEVICE, "blog-1/d/a", "", 0, b""))),
        ("fifo", lies(&honest, start().directory("blog-1/d/").member(FIFO, "blog-1/d/a", "", 0, b""))),
        (
            "unknown kind",
            lies(&honest, start().directory("blog-1/d/").member(b'Q', "blog-1/d/a", "", 0, b"")),
        ),
        ("twice", lies(&honest, start().directory("blog-1/d/").directory("blog-1/d/"))),
        ("twice at the end", lies(&honest, upto_link().file("blog-1/z", b"z").file("blog-1/z", b"z"))),
        ("one more", lies(&honest, upto_link().file("blog-1/z", b"z").file("blog-1/zz", b"z"))),
        ("missing in between", lies(&honest, start().directory("blog-1/d/").symlink("blog-1/l", "d"))),
        ("missing at the end", lies(&honest, upto_link())),
        ("nothing but the manifest", lies(&honest, start())),
        ("other content", lies(&honest, start().directory("blog-1/d/").file("blog-1/d/a", b"b"))),
        ("more bytes", lies(&honest, start().directory("blog-1/d/").file("blog-1/d/a", b"aa"))),
        ("fewer bytes", lies(&honest, start().directory("blog-1/d/").file("blog-1/d/a", b""))),
        ("folder with content", lies(&honest, start().member(DIRECTORY, "blog-1/d/", "", 3, b"abc"))),
        ("terminal escape", lies(&honest, start().file("blog-1/\x1b[2J", b"x"))),
    ];
    let told = told.map(|(what, told)| format!("{what}: {told}")).join("\n");
    insta::assert_snapshot!(told, @r"
    absolute path: it contains `/etc/passwd`, which does not lie in its top folder `blog-1`
    parent path: it contains `blog-1/../../outside`, which can't be in a release: path `../../outside` contains `..`
    path out of the top folder: it contains `other/d`, which does not lie in its top folder `blog-1`
    not in the manifest: it contains `blog-1/a`, which is not in its manifest
    through a link: it contains `blog-1/l/b`, which is not in its manifest
    link leads elsewhere: it contains `blog-1/l`, which leads elsewhere than its manifest says
    link for a file: it contains `blog-1/d/a`, which is of another kind than its manifest says
    link for a folder: it contains `blog-1/d`, which is of another kind than its manifest says
    hard link: it contains `blog-1/d/a`, which is a hard link
    device: it contains `blog-1/d/a`, which is a character device
    fifo: it contains `blog-1/d/a`, which is a fifo
    unknown kind: it contains `blog-1/d/a`, which is of a kind that pintail does not know
    twice: it contains `blog-1/d/`, which is there twice, or out of order
    twice at the end: it contains `blog-1/z`, which is there twice, or out of order
    one more: it contains `blog-1/zz`, which is not in its manifest
    missing in between: `d/a` is in its manifest and not in the archive
    missing at the end: `z` is in its manifest and not in the archive
    nothing but the manifest: `d` is in its manifest and not in the archive
    other content: it contains `blog-1/d/a`, which has other content than its manifest says
    more bytes: it contains `blog-1/d/a`, which has 2 bytes where its manifest says 1
    fewer bytes: it contains `blog-1/d/a`, which has 0 bytes where its manifest says 1
    folder with content: the archive is damaged behind `blog-1/.pintail/manifest.json`: `blog-1/d/` is no file and yet has content
    terminal escape: it contains `blog-1/\u{1b}[2J`, which is not in its manifest
    ");
}

#[test]
fn manifests_that_can_not_be() {
    let bad = |entries: &str| {
        let json =
            format!(r#"{{"format":1,"name":"blog","version":"1","commit":null,"entries":[{entries}]}}"#);
        let tar = Tar::default().file("blog-1/.pintail/manifest.json", json.as_bytes()).end();
        refused(tar.zstd().as_slice(), &Digest::of(json.as_bytes()), &Limits::default())
    };
    let told = [
        bad(r#"{"kind":"directory","path":"/etc"}"#),
        bad(r#"{"kind":"directory","path":"a/../b"}"#),
        bad(r#"{"kind":"symlink","path":"l","target":"../out"}"#),
        bad(r#"{"kind":"symlink","path":"l","target":"d"},{"kind":"directory","path":"l/x"}"#),
        bad(r#"{"kind":"directory","path":"d"},{"kind":"directory","path":"d"}"#),
        bad(r#"{"kind":"directory","path":"b"},{"kind":"directory","path":"a"}"#),
        bad(r#"{"kind":"device","path":"d"}"#),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    its manifest is refused: the manifest can't be read: path `/etc` is absolute at line 1 column 100
    its manifest is refused: the manifest can't be read: path `a/../b` contains `..` at line 1 column 102
    its manifest is refused: link `l` to `../out` leaves the tree
    its manifest is refused: `l/x` lies in `l`, which is a link
    its manifest is refused: `d` is there twice
    its manifest is refused: the manifest is not in canonical form; it was changed after it was made
    its manifest is refused: the manifest can't be read: unknown variant `device`, expected one of `directory`, `file`, `symlink` at line 1 column 81
    ");
}

#[test]
fn the_archive_around_it() {
    let honest = manifest(vec![file("a", b"a")]);
    let whole = || Tar::own(&honest).file("blog-1/a", b"a").end();
    let refused = |bytes: &[u8]| refused(bytes, &honest.digest(), &Limits::default());
    let with = |mut bytes: Vec<u8>, more: &[u8]| {
        bytes.extend_from_slice(more);
        bytes
    };
    let appended = Tar([whole().0, whole().0].concat());
    let no_end = Tar::own(&honest).file("blog-1/a", b"a");
    let other_top = Tar::default().file("shop-1/.pintail/manifest.json", &honest.to_json()).end();
    let mut checksum = whole();
    checksum.0[0] ^= 1;
    // A frame that asks for a window of 2 GiB: magic, no options, window descriptor, one empty last block.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00];
    let told = [
        ("empty", refused(b"")),
        ("text", refused(b"<html>404</html>")),
        ("cut", refused(&whole().zstd()[..60])),
        ("cut in the magic", refused(&whole().zstd()[..3])),
        ("no end", refused(&no_end.zstd())),
        ("bytes behind it", refused(&with(whole().zstd(), b"more"))),
        ("an archive behind it", refused(&with(whole().zstd(), &whole().zstd()))),
        ("a member behind its end", refused(&appended.zstd())),
        ("checksum", refused(&checksum.zstd())),
        ("other top folder", refused(&other_top.zstd())),
        ("window", refused(&window)),
        ("foreign", refused(&Tar::default().file("blog-1/a", b"a").end().gzip())),
        ("no members", refused(&Tar::default().end().zstd())),
    ];
    let told = told.map(|(what, told)| format!("{what}: {told}")).join("\n");
    insta::assert_snapshot!(told, @r"
    empty: the file is empty
    text: the file is neither gzip nor zstd, it starts with the bytes 3c 68 74 6d; pack it as .tar.gz or .tar.zst
    cut: the archive ends at or behind `its start`; it was cut off: fetch it again
    cut in the magic: the file is neither gzip nor zstd, it starts with the bytes 28 b5 2f; pack it as .tar.gz or .tar.zst
    no end: the archive ends at or behind `blog-1/a`; it was cut off: fetch it again
    bytes behind it: the archive can't be read: Unknown frame descriptor; it is damaged, or its source failed: fetch it again
    an archive behind it: the archive goes on behind its end; it was appended to, or is two archives in one file
    a member behind its end: the archive goes on behind its end; it was appended to, or is two archives in one file
    checksum: the archive is damaged behind `its start`: the checksum of the next header doesn't match
    other top folder: its top folder is `shop-1`, but its manifest says `blog-1`
    window: the archive can't be read: Frame requires too much memory for decoding; it is damaged, or its source failed: fetch it again
    foreign: it is not in pintail's own form; `pintail depot add FILE` makes an artifact of it
    no members: it is not in pintail's own form; `pintail depot add FILE` makes an artifact of it
    ");
}

#[test]
fn another_digest_than_expected() {
    let honest = manifest(vec![file("a", b"a")]);
    let whole = Tar::own(&honest).file("blog-1/a", b"a").end();
    let told = refused(whole.zstd().as_slice(), &Digest::of(b"other"), &Limits::default());
    insta::assert_snapshot!(told, @"its digest is deec250d9894247180e72af16fd052337c8b1e69f2d9c3f1e1aefa08b6ef60c6, expected was 3f796163ebf94718de1cd7582655c012f995c06f1e6970ea2bdc15bcd88a324a; it is another build, or was changed");
}

#[test]
fn what_is_there_is_left_alone() {
    let honest = manifest(vec![file("a", b"a")]);
    let whole = Tar::own(&honest).file("blog-1/a", b"a").end().zstd();
    let room = tempfile::tempdir().unwrap();
    fs::create_dir(room.path().join("folder")).unwrap();
    fs::write(room.path().join("folder/mine"), "").unwrap();
    std::os::unix::fs::symlink("folder", room.path().join("link")).unwrap();
    for into in ["folder", "link", "none/below"] {
        let error = unpack(whole.as_slice(), &room.path().join(into), &honest.digest(), &Limits::default());
        assert!(error.unwrap_err().to_string().contains(into));
    }
    assert_eq!(everything_in(room.path()), ["folder", "folder/mine", "link"]);
}

/// `mib` MiB of zeros behind something; compressed they are next to nothing.
fn bomb(start: &[u8], mib: usize) -> Vec<u8> {
    let zeros = zstd::encode_all(io::repeat(0).take(1 << 20), 1).unwrap();
    // Frames behind each other are one stream.
    [zstd::encode_all(start, 1).unwrap(), zeros.repeat(mib)].concat()
}

#[test]
fn bombs() {
    const GIB: u64 = 1 << 30;
    let small = manifest(vec![file("a", b"a")]);
    let start = Tar::own(&small);
    let member = start.clone().member(FILE, "blog-1/a", "", GIB, b"");
    let manifest_member = Tar::default().member(FILE, "blog-1/.pintail/manifest.json", "", GIB, b"");
    let long_name = start.clone().member(b'L', "././@LongLink", "", GIB, b"");
    let pax = start.clone().member(b'x', "pax", "", GIB, b"");
    let endless = start.clone().member(FILE, "blog-1/a", "", u64::MAX >> 1, b"");
    let refused = |bytes: &[u8]| refused(bytes, &small.digest(), &Limits::default());
    let told = [
        ("a file of 1 GiB for one of a byte", refused(&bomb(&member.0, 1024))),
        ("a manifest of 1 GiB", refused(&bomb(&manifest_member.0, 1024))),
        ("a name of 1 GiB", refused(&bomb(&long_name.0, 1024))),
        ("attributes of 1 GiB", refused(&bomb(&pax.0, 1024))),
        ("a size beyond all disks", refused(&endless.zstd())),
        ("1 GiB of padding", refused(&bomb(&start.file("blog-1/a", b"a").0, 1024))),
    ];
    let told = told.map(|(what, told)| format!("{what}: {told}")).join("\n");
    insta::assert_snapshot!(told, @r"
    a file of 1 GiB for one of a byte: it contains `blog-1/a`, which has 1073741824 bytes where its manifest says 1
    a manifest of 1 GiB: it announces 1073741824 bytes of manifest, at most 268435456 are allowed here
    a name of 1 GiB: the archive has more than 65536 bytes in one long name or attribute, which is not accepted
    attributes of 1 GiB: the archive has more than 65536 bytes in one long name or attribute, which is not accepted
    a size beyond all disks: it contains `blog-1/a`, which has 9223372036854775807 bytes where its manifest says 1
    1 GiB of padding: the archive goes on behind its end; it was appended to, or is two archives in one file
    ");
}

#[test]
fn announced_above_the_limits() {
    let limits = Limits { entries: 1, tree_bytes: 3, manifest_bytes: 400, zstd_window_log: 20 };
    let told = |entries| {
        let honest = manifest(entries);
        refused(Tar::own(&honest).zstd().as_slice(), &honest.digest(), &limits)
    };
    let many = (0..9).map(|n| directory(&format!("{n}"))).collect();
    let told =
        [told(vec![file("a", b"1234")]), told(vec![directory("a"), directory("b")]), told(many)].join("\n");
    insta::assert_snapshot!(told, @r"
    it announces 4 bytes of files, at most 3 are allowed here
    it announces 2 entries, at most 1 are allowed here
    it announces 9 entries, at most 1 are allowed here
    ");
}

fn not_imported(name: &str, bytes: &[u8], limits: &Limits) -> String {
    let room = tempfile::tempdir().unwrap();
    let (file, scratch) = (room.path().join(name), room.path().join("scratch"));
    fs::create_dir(&scratch).unwrap();
    fs::write(&file, bytes).unwrap();
    let mut out = Vec::new();
    let error = import(&file, &Naming::default(), &scratch, &mut out, limits).unwrap_err().to_string();
    assert_eq!(everything_in(room.path()), [name, "scratch"]);
    assert!(out.is_empty());
    error.replace(room.path().to_str().unwrap(), "ROOM")
}

#[test]
fn foreign_archives() {
    let refused = |tar: Tar| not_imported("blog-1.tar.gz", &tar.end().gzip(), &Limits::default());
    let many_faults = Tar::default()
        .file("/etc/passwd", b"x")
        .file("top/../../out", b"x")
        .symlink("top/absolute", "/etc/passwd")
        .symlink("top/out", "../..")
        .symlink("top/link", "sub")
        .file("top/link/through", b"x")
        .member(HARD_LINK, "top/hard", "../../etc/passwd", 0, b"")
        .member(HARD_LINK, "top/early", "top/later", 0, b"")
        .member(HARD_LINK, "top/to-link", "top/link", 0, b"")
        .member(DEVICE, "top/device", "", 0, b"")
        .member(FIFO, "top/fifo", "", 0, b"")
        .member(b'S', "top/sparse", "", 0, b"")
        .file("top/later", b"1")
        .file("./top//later", b"2")
        .file("top/later/below", b"2")
        .file("top/.pintail/other", b"")
        .file("second/a", b"")
        .file("beside", b"");
    let told = [
        ("many faults at once", refused(many_faults)),
        ("nothing in it", refused(Tar::default())),
        ("only a top folder's files", refused(Tar::default().directory("./").file("./a", b""))),
        ("two manifests", refused(Tar::default().file("blog-1/.pintail/manifest.json", b"{}"))),
        (
            "no version",
            not_imported("blog.tar.gz", &Tar::default().file("t/a", b"").end().gzip(), &Limits::default()),
        ),
        ("no archive", not_imported("blog-1.tar.gz", b"PK\x03\x04", &Limits::default())),
    ];
    let told = told.map(|(what, told)| format!("{what}: {told}")).join("\n");
    insta::assert_snapshot!(told, @r"
    many faults at once: can't import `ROOM/blog-1.tar.gz`:
      `/etc/passwd` is an absolute path
      `top/../../out` contains `..`
      `top/hard` is a hard link to `../../etc/passwd`, which contains `..`
      `top/early` is a hard link to `top/later`, which does not come before it in the archive
      `top/to-link` is a hard link to `top/link`, which is no file
      `top/device` is a character device; a release has files, folders and links only
      `top/fifo` is a fifo; a release has files, folders and links only
      `top/sparse` is a sparse file; a release has files, folders and links only
      `./top//later` is there twice
      `second/a` lies outside the top folder `top`; everything has to lie in one folder
      `beside` lies beside the top folder; everything has to lie in one folder
      `.pintail` lies in `.pintail`, which is pintail's own
      `.pintail/other` lies in `.pintail`, which is pintail's own
      link `absolute` to `/etc/passwd` is absolute
      `later/below` lies in `later`, which is a file
      `link/through` lies in `link`, which is a link
      link `out` to `../..` leaves the tree
    nothing in it: can't import `ROOM/blog-1.tar.gz`:
      it is empty; everything has to lie in one folder
    only a top folder's files: can't import `ROOM/blog-1.tar.gz`:
      `./a` lies beside the top folder; everything has to lie in one folder
    two manifests: can't import `ROOM/blog-1.tar.gz`: its manifest is refused: the manifest can't be read: missing field `format` at line 1 column 2
    no version: can't tell name and version from the file name `blog.tar.gz`; rename it to NAME-VERSION.tar.gz, or say name and version
    no archive: can't import `ROOM/blog-1.tar.gz`: the file is neither gzip nor zstd, it starts with the bytes 50 4b 03 04; pack it as .tar.gz or .tar.zst
    ");
}

#[test]
fn foreign_bombs() {
    let limits = Limits { tree_bytes: 1 << 20, entries: 100, manifest_bytes: 100_000, ..Limits::default() };
    let refused = |bytes: &[u8]| not_imported("blog-1.tar.zst", bytes, &limits);
    let large = Tar::default().member(FILE, "t/a", "", 1 << 30, b"");
    let linked = (0..50).fold(Tar::default().file("t/a", &[0; 100_000]), |tar, n| {
        tar.member(HARD_LINK, &format!("t/{n}"), "t/a", 0, b"")
    });
    let many = (0..200).fold(Tar::default(), |tar, n| tar.directory(&format!("t/{n}")));
    let implied = (0..50).fold(Tar::default(), |tar, n| tar.file(&format!("t/{n}{}", "/x".repeat(40)), b""));
    let told = [
        ("a large file", refused(&bomb(&large.0, 1024))),
        ("copies of hard links", refused(&linked.end().zstd())),
        ("many members", refused(&many.end().zstd())),
        ("many implied folders", refused(&implied.end().zstd())),
    ];
    let told = told.map(|(what, told)| format!("{what}: {told}")).join("\n");
    insta::assert_snapshot!(told, @r"
    a large file: can't import `ROOM/blog-1.tar.zst`: the archive has more than 1048576 bytes in its files, which is not accepted
    copies of hard links: can't import `ROOM/blog-1.tar.zst`: the archive has more than 1048576 bytes in its files, which is not accepted
    many members: can't import `ROOM/blog-1.tar.zst`: the archive has more than 100 members, which is not accepted
    many implied folders: can't import `ROOM/blog-1.tar.zst`: the archive has more than 100 files and folders, which is not accepted
    ");
}

#[test]
fn trees_that_can_not_be_packed() {
    let room = tempfile::tempdir().unwrap();
    let tree = room.path().join("tree");
    fs::create_dir_all(tree.join(".pintail")).unwrap();
    fs::write(tree.join(".pintail/own"), "").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", tree.join("absolute")).unwrap();
    std::os::unix::fs::symlink("../..", tree.join("out")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.join("socket")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(tree.join("fifo")).status().unwrap().success());
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"latin-\xe4");
    fs::write(tree.join(odd), "").unwrap();
    let pack = |at: &Path| {
        let error =
            pintail_depot::pack(at, &"blog".parse().unwrap(), &"1".parse().unwrap(), None, &mut Vec::new());
        error.unwrap_err().to_string().replace(room.path().to_str().unwrap(), "ROOM")
    };
    insta::assert_snapshot!([pack(&tree), pack(&room.path().join("none"))].join("\n"), @r"
    `ROOM/tree` can't be packed:
      `.pintail/own` lies in `.pintail`, which is pintail's own
      `fifo` is a fifo; a release has files, folders and links only
      `latin-�` has a name that is no UTF-8; rename it
      `socket` is a socket; a release has files, folders and links only
      link `absolute` to `/etc/passwd` is absolute
      link `out` to `../..` leaves the tree
    can't read `ROOM/none`: No such file or directory (os error 2)
    ");
}
