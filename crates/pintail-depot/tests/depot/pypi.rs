//! Python distributions: the pages, byte for byte, and what is refused.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use insta::assert_snapshot;
use pintail_depot::pypi::Pypi;
use tempfile::TempDir;

use crate::craft::{Tar, everything_in};

const NOW: u64 = 1_800_000_000_000;

/// A wheel with what it must have, and `content` in a module. `name` is NAME-VERSION.
fn wheel(name: &str, content: &str) -> Vec<u8> {
    let metadata = format!("{name}.dist-info/METADATA");
    zip(&[("app/__init__.py", content), (&metadata, "Metadata-Version: 2.1\n")])
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (path, content) in files {
        let file = archive.new_file(path).compression_method(rawzip::CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().unwrap();
        let deflated = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
        let mut writer = config.wrap(deflated);
        writer.write_all(content.as_bytes()).unwrap();
        let (deflated, descriptor) = writer.finish().unwrap();
        deflated.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

fn sdist(content: &[u8]) -> Vec<u8> {
    Tar::default().file("my-app-1.0/PKG-INFO", content).end().gzip()
}

struct Depot {
    room: TempDir,
    pypi: Pypi,
}

impl Depot {
    fn new() -> Depot {
        let room = tempfile::tempdir().unwrap();
        Depot { pypi: Pypi::new(room.path().join("depot")), room }
    }

    fn folder(&self) -> PathBuf {
        self.room.path().join("depot")
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.room.path().join(name);
        fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        path
    }

    #[track_caller]
    fn add(&self, name: &str, bytes: &[u8]) -> bool {
        let added = self.pypi.add(&self.file(name, bytes), NOW).unwrap();
        assert_eq!(added.faults, Vec::<String>::new());
        added.is_new
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.folder().join(path)).unwrap()
    }
}

#[test]
fn the_pages_are_these_bytes_and_are_made_again_the_same() {
    let (depot, zip) = (Depot::new(), wheel("other-2", ""));
    assert!(depot.add("My_App-1.0-py3-none-any.whl", &wheel("my.app-1.0.0", "")));
    assert!(depot.add("my_app-1.1+local-py3-none-any.whl", &wheel("my_app-1.1+local", "")));
    assert!(depot.add("my-app-1.0.tar.gz", &sdist(b"")));
    assert!(depot.add("other-2-py3-none-any.whl", &zip));
    assert!(!depot.add("other-2-py3-none-any.whl", &zip));
    assert_snapshot!("pypi-files", everything_in(&depot.folder()).join("\n"));
    assert_snapshot!("pypi-project", without_sums(&depot.text("simple/my-app/index.html")));
    assert_snapshot!("pypi-all", depot.text("simple/index.html"));

    assert_eq!(depot.pypi.index(NOW).unwrap().changed, Vec::<String>::new());
    let (project, all) = (depot.text("simple/my-app/index.html"), depot.text("simple/index.html"));
    fs::remove_dir_all(depot.folder().join("simple")).unwrap();
    fs::write(depot.folder().join("packages/my-app/notes.txt"), "").unwrap();
    let made = depot.pypi.index(NOW + 1_000_000).unwrap();
    assert_eq!((made.files, made.projects, made.changed.len()), (4, 2, 3));
    assert_eq!(
        made.faults,
        ["`packages/my-app/notes.txt` is on no page: its name is not that of a file of `my-app`"]
    );
    assert_eq!((depot.text("simple/my-app/index.html"), depot.text("simple/index.html")), (project, all));

    fs::remove_dir_all(depot.folder().join("packages/other")).unwrap();
    let made = depot.pypi.index(NOW).unwrap();
    assert_eq!(made.changed, ["simple/index.html", "simple/other"]);
}

#[test]
fn what_is_no_distribution_or_another_than_before_is_refused() {
    let (depot, whole) = (Depot::new(), wheel("app-1.0", "x = 1\n"));
    depot.add("app-1.0-py3-none-any.whl", &whole);
    depot.add("ptx-1.0.tar.gz", &sdist(b""));
    let tar = Tar::default().file("app-1/x", b"").end();
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    // The first member's content, behind its name and extra fields, and where the directory tells of it.
    let content = 30 + usize::from(whole[26]) + usize::from(whole[28]) + 3;
    let directory = whole.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let (gzip, encrypted) = (tar.gzip(), changed(directory + 8));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("app-1.0-py3-none-any.whl", wheel("app-1.0", "x = 2\n")),
        ("App-1.0.0-py3-none-any.whl", wheel("app-1.0", "x = 2\n")),
        ("app-2.0-py3-none-any.whl", Vec::new()),
        ("app-2.0-py3-none-any.whl", b"PK\x03\x04 cut off".to_vec()),
        ("app-2.0-py3-none-any.whl", b"PK\x03\x04PK\x05\x06 18 bytes".to_vec()),
        ("app-2.0-py3-none-any.whl", whole[..whole.len() - 30].to_vec()),
        ("app-2.0-py3-none-any.whl", [&whole[..], b"more"].concat()),
        ("app-2.0-py3-none-any.whl", changed(content)),
        ("app-2.0-py3-none-any.whl", encrypted),
        ("app-2.0-py3-none-any.whl", zip(&[("app/__init__.py", "")])),
        ("app-2.0-py3-none-any.whl", wheel("other-2.0", "")),
        ("app-2.0-py3-none-any.whl", wheel("app-1.0", "")),
        ("app-2.0-py3-none-any.whl", wheel("", "")),
        ("app-2.0-py3-none-any.whl", wheel("x/app-2.0", "")),
        (
            "app-2.0-py3-none-any.whl",
            zip(&[("app-2.0.dist-info/METADATA", ""), ("App-2.0.dist-info/METADATA", "")]),
        ),
        ("app-2.0-py3-none-any.whl", zip(&[("app-2.0.dist-info/METADATA/x", "")])),
        ("app-2.0.tar.gz", tar.zstd()),
        ("app-2.0.tar.gz", Vec::new()),
        ("app-2.0.tar.gz", b"\x1f\x8b and garbage".to_vec()),
        ("app-2.0.tar.gz", gzip[..gzip.len() - 9].to_vec()),
        ("app-2.0.tar.gz", Tar(b"no tar".to_vec()).gzip()),
        ("Ptx-1.0.tar.gz", sdist(b"other")),
        ("ptx-1.0.0.tar.gz", sdist(b"")),
        ("ptx-1.0.x.tar.gz", sdist(b"")),
        ("app-2.0.zip", whole.clone()),
        ("app.whl", whole.clone()),
    ];
    let before = everything_in(&depot.folder());
    let told = cases.into_iter().map(|(name, bytes)| match depot.pypi.add(&depot.file(name, &bytes), NOW) {
        Ok(_) => format!("{name}: PUBLISHED"),
        Err(error) => format!("{name}: {error}"),
    });
    assert_snapshot!("pypi-refused", told.collect::<Vec<_>>().join("\n"));
    assert_eq!(everything_in(&depot.folder()), before);
}

/// One bad entry is a fault of that entry.
#[test]
fn what_is_no_file_is_told_and_hides_nothing() {
    let depot = Depot::new();
    depot.add("other-2-py3-none-any.whl", &wheel("other-2", ""));
    let folder = depot.folder().join("packages/other");
    fs::create_dir(folder.join("other-1.0.tar.gz")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("other-1.1.tar.gz")).unwrap();
    let told = [
        "`packages/other/other-1.0.tar.gz` is on no page: it is no file",
        "`packages/other/other-1.1.tar.gz` is on no page: it is no file",
    ];
    assert_eq!(depot.pypi.index(NOW).unwrap().faults, told);
    let added = depot.pypi.add(&depot.file("more-1-py3-none-any.whl", &wheel("more-1", "")), NOW).unwrap();
    assert_eq!((added.is_new, added.faults), (true, told.map(str::to_owned).to_vec()));
    for name in ["other-1.0.tar.gz", "other-1.1.tar.gz"] {
        let error = depot.pypi.add(&depot.file(name, &sdist(b"")), NOW).unwrap_err();
        assert_eq!(error.to_string(), format!("`packages/other/{name}` is there and is no file; remove it"));
    }
    // What the system can't read may be whole: nothing is published and no page changes.
    std::os::unix::fs::symlink("other-1.2.tar.gz", folder.join("other-1.2.tar.gz")).unwrap();
    let before = everything_in(&depot.folder());
    let error =
        depot.pypi.add(&depot.file("last-1-py3-none-any.whl", &wheel("last-1", "")), NOW).unwrap_err();
    assert!(error.to_string().starts_with("can't read `"), "{error}");
    assert!(depot.pypi.index(NOW).is_err());
    assert_eq!(everything_in(&depot.folder()), before);
}

#[test]
fn pages_of_what_is_gone_go_and_all_can_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let depot = Depot::new();
    depot.add("other-2-py3-none-any.whl", &wheel("other-2", ""));
    let page = depot.folder().join("simple/other/index.html");
    fs::set_permissions(&page, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(depot.pypi.index(NOW).unwrap().changed, ["simple/other/index.html"]);
    assert_eq!(fs::metadata(&page).unwrap().permissions().mode() & 0o777, 0o644);
    fs::remove_dir_all(depot.folder().join("packages")).unwrap();
    assert!(depot.pypi.is_used());
    assert_eq!(depot.pypi.index(NOW).unwrap().changed, ["simple/index.html", "simple/other"]);
    assert!(!depot.text("simple/index.html").contains("other"));
}

/// A disk that isn't mounted: what is there may be whole.
#[test]
fn a_folder_that_is_a_link_to_nothing_leaves_all_pages_as_they_are() {
    let depot = Depot::new();
    depot.add("other-2-py3-none-any.whl", &wheel("other-2", ""));
    for path in ["packages/other", "packages"] {
        let (place, disk) = (depot.folder().join(path), depot.room.path().join("disk"));
        fs::rename(&place, &disk).unwrap();
        std::os::unix::fs::symlink(&disk, &place).unwrap();
        assert_eq!(depot.pypi.index(NOW).unwrap().files, 1);
        fs::rename(&disk, depot.room.path().join("unmounted")).unwrap();
        let before = everything_in(&depot.folder());
        assert!(depot.pypi.is_used());
        let error = depot.pypi.index(NOW).unwrap_err().to_string();
        assert!(error.contains(&format!("/depot/{path}`")), "{error}");
        assert!(depot.pypi.add(&depot.file("more-1-py3-none-any.whl", &wheel("more-1", "")), NOW).is_err());
        assert_eq!(everything_in(&depot.folder()), before);
        fs::remove_file(&place).unwrap();
        fs::rename(depot.room.path().join("unmounted"), &place).unwrap();
    }
}

/// They hang on the compressor; that they are right, `pip` tells.
fn without_sums(page: &str) -> String {
    let pieces = page.split("#sha256=").enumerate();
    pieces
        .map(|(at, piece)| if at == 0 { piece.to_owned() } else { format!("#sha256=SUM{}", &piece[64..]) })
        .collect()
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn a_wheel_with_a_byte_changed_is_published_or_refused(at in 0_usize..4096, byte in 0_u8..=255) {
        let depot = Depot::new();
        let mut bytes = wheel("app-1.0", "x = 1\n");
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = depot.pypi.add(&depot.file("app-1.0-py3-none-any.whl", &bytes), NOW);
    }
}
