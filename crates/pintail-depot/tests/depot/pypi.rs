//! Python distributions: the pages, byte for byte, and what is refused.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use insta::assert_snapshot;
use pintail_depot::pypi::Pypi;
use tempfile::TempDir;

use crate::craft::{Tar, everything_in};

const NOW: u64 = 1_800_000_000_000;

/// The smallest zip with a file in it begins and ends like this.
const ZIP: &[u8] = b"PK\x03\x04 content PK\x05\x06 and the rest of the record";

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
    let depot = Depot::new();
    assert!(depot.add("My_App-1.0-py3-none-any.whl", ZIP));
    assert!(depot.add("my_app-1.1+local-py3-none-any.whl", ZIP));
    assert!(depot.add("my-app-1.0.tar.gz", b"\x1f\x8b and so on"));
    assert!(depot.add("other-2-py3-none-any.whl", ZIP));
    assert!(!depot.add("other-2-py3-none-any.whl", ZIP));
    assert_snapshot!("pypi-files", everything_in(&depot.folder()).join("\n"));
    assert_snapshot!("pypi-project", depot.text("simple/my-app/index.html"));
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
    let depot = Depot::new();
    depot.add("app-1.0-py3-none-any.whl", ZIP);
    let tar = Tar::default().file("app-1/x", b"").end();
    let cases: [(&str, &[u8]); 6] = [
        ("app-1.0-py3-none-any.whl", b"PK\x03\x04 other PK\x05\x06"),
        ("app-2.0-py3-none-any.whl", b""),
        ("app-2.0-py3-none-any.whl", b"PK\x03\x04 cut off"),
        ("app-2.0.tar.gz", &tar.zstd()),
        ("app-2.0.zip", ZIP),
        ("app.whl", ZIP),
    ];
    let before = everything_in(&depot.folder());
    let told = cases.map(|(name, bytes)| {
        let error = depot.pypi.add(&depot.file(name, bytes), NOW).unwrap_err();
        format!("{name}: {error}")
    });
    assert_snapshot!("pypi-refused", told.join("\n"));
    assert_eq!(everything_in(&depot.folder()), before);
}
