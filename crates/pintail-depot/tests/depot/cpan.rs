//! Perl distributions: what is indexed, what is refused, and what the indexes are, byte for byte.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use insta::assert_snapshot;
use pintail_depot::cpan::{Author, AuthorId, Cpan, CpanError};
use tempfile::TempDir;

use crate::craft::{DIRECTORY, FIFO, FILE, HARD_LINK, SYMLINK, Tar, everything_in};

/// The present of the tests, in milliseconds.
const NOW: u64 = 1_800_000_000_000;

pub(crate) struct Depot {
    room: TempDir,
    cpan: Cpan,
}

fn id(text: &str) -> AuthorId {
    text.parse().unwrap()
}

impl Depot {
    pub(crate) fn new() -> Depot {
        let room = tempfile::tempdir().unwrap();
        let depot = Depot { cpan: Cpan::new(room.path().join("depot")), room };
        depot
            .cpan
            .set_author(&id("DDGC"), &Author::parse("DuckDuckGo Community <ddgc@example.com>").unwrap(), NOW)
            .unwrap();
        depot
            .cpan
            .set_author(&id("GETTY"), &Author::parse("Torsten Raudssus <getty@example.com>").unwrap(), NOW)
            .unwrap();
        depot
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.room.path().join("depot")
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.room.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    #[track_caller]
    pub(crate) fn add(&self, author: &str, name: &str, files: &[(&str, &str)]) -> String {
        let added = self.cpan.add(&self.file(name, &dist(name, files)), &id(author), NOW).unwrap();
        assert_eq!(added.faults, Vec::<String>::new());
        let packages = added
            .distribution
            .packages()
            .map(|(name, version)| format!("{name} {version}\n"))
            .collect::<String>();
        let unindexed =
            added.distribution.unindexed().map(|why| format!("not indexed: {why}\n")).unwrap_or_default();
        let warnings = added
            .distribution
            .warnings()
            .iter()
            .map(|warning| format!("warning: {warning}\n"))
            .collect::<String>();
        format!("{}{packages}{unindexed}{warnings}", if added.is_new { "" } else { "there already\n" })
    }

    /// What is refused, and that nothing of it is there afterwards.
    #[track_caller]
    pub(crate) fn refused(&self, author: &str, name: &str, bytes: &[u8]) -> String {
        let before = everything_in(&self.folder());
        let error = self.cpan.add(&self.file(name, bytes), &author.parse().unwrap(), NOW).unwrap_err();
        assert_eq!(everything_in(&self.folder()), before, "{error}");
        error.to_string()
    }

    pub(crate) fn text(&self, path: &str) -> String {
        let bytes = fs::read(self.folder().join(path)).unwrap();
        match path.strip_suffix(".gz") {
            None => String::from_utf8(bytes).unwrap(),
            Some(_) => std::io::read_to_string(flate2::read::GzDecoder::new(bytes.as_slice())).unwrap(),
        }
    }

    /// The rows of the index.
    fn rows(&self) -> String {
        self.text("modules/02packages.details.txt.gz").split_once("\n\n").unwrap().1.to_owned()
    }

    fn modified_s(&self, path: &str) -> u64 {
        let modified = fs::metadata(self.folder().join(path)).unwrap().modified().unwrap();
        modified.duration_since(UNIX_EPOCH).unwrap().as_secs()
    }
}

/// A distribution with these files in its top folder.
pub(crate) fn dist(name: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let top = name.trim_end_matches(".tar.gz");
    files
        .iter()
        .fold(Tar::default(), |tar, (path, text)| tar.file(&format!("{top}/{path}"), text.as_bytes()))
        .end()
        .gzip()
}

pub(crate) fn module(name: &str, version: &str) -> String {
    format!("package {name};\nour $VERSION = '{version}';\n1;\n")
}

/// A distribution of one module.
pub(crate) fn simple(name: &str, package: &str, version: &str) -> Vec<u8> {
    dist(name, &[("lib/X.pm", &module(package, version))])
}

#[test]
fn the_indexes_are_these_bytes() {
    let depot = Depot::new();
    depot.add("DDGC", "Pt-App-0.939.tar.gz", &[("lib/Pt/App.pm", &module("Pt::App", "0.939"))]);
    depot.add(
        "DDGC",
        "Pt-App-0.940.tar.gz",
        &[
            ("lib/Pt/App.pm", &module("Pt::App", "0.940")),
            ("lib/Pt/App/Util.pm", "package Pt::App::Util;\n1;\n"),
        ],
    );
    depot.add(
        "GETTY",
        "app-Very-Long-Name-v1.2.3.tar.gz",
        &[("lib/App.pm", &module("app::A::Package::With::A::Name::That::Is::Wide", "v1.2.3"))],
    );
    depot.add("DDGC", "Pt-App-0.941_01.tar.gz", &[("lib/Pt/App.pm", &module("Pt::App", "0.941_01"))]);
    assert_snapshot!("cpan-files", everything_in(&depot.folder()).join("\n"));
    assert_snapshot!("cpan-02packages", depot.text("modules/02packages.details.txt.gz"));
    assert_snapshot!("cpan-03modlist", depot.text("modules/03modlist.data.gz"));
    assert_snapshot!("cpan-01mailrc", depot.text("authors/01mailrc.txt.gz"));
    assert_snapshot!("cpan-history", depot.text("v1.0/history/Pt::App"));
    assert_snapshot!("cpan-package", depot.text("v1.0/package/Pt::App"));
    assert_snapshot!("cpan-authors", depot.text("authors.toml"));
    // Sums hang on the compressor that made the archive; that they are right, the clients tell.
    let checksums = depot.text("authors/id/D/DD/DDGC/CHECKSUMS");
    let is_sum = |word: &str| word.len() >= 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let plain = |word: &str| if is_sum(word) { "SUM".to_owned() } else { word.to_owned() };
    let plain: Vec<String> = checksums.split('\'').map(plain).collect();
    let plain = plain.join("'");
    let sizeless =
        |line: &str| if line.contains("'size'") { "    'size' => N".to_owned() } else { line.to_owned() };
    assert_snapshot!("cpan-checksums", plain.lines().map(sizeless).collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_index_is_made_again_the_same_from_the_archives_and_authors_alone() {
    let depot = Depot::new();
    depot.add("DDGC", "A-1.0.tar.gz", &[("lib/A.pm", &module("A", "1.0")), ("lib/B.pm", &module("B", "3"))]);
    depot.add("GETTY", "C-1.0.tar.gz", &[("lib/C.pm", &module("C", "1.0"))]);
    depot.add("DDGC", "A-1.1.tar.gz", &[("lib/A.pm", &module("A", "1.1")), ("lib/B.pm", &module("B", "3"))]);
    depot.add("DDGC", "A-1.2-TRIAL.tar.gz", &[("lib/A.pm", &module("A", "1.2"))]);
    let untouched = depot.cpan.index(NOW + 5_000).unwrap();
    assert_eq!((untouched.changed, untouched.faults), (vec![], vec![]));
    assert_eq!((untouched.archives, untouched.packages), (4, 3));

    let is_index = |path: &String| {
        !path.ends_with(".tar.gz") && path != "authors.toml" && depot.folder().join(path).is_file()
    };
    let read = || -> Vec<(String, Vec<u8>)> {
        let paths = everything_in(&depot.folder()).into_iter().filter(is_index);
        paths.map(|path| (path.clone(), fs::read(depot.folder().join(path)).unwrap())).collect()
    };
    let before = read();
    assert_eq!(before.len(), 12, "{:?}", before.iter().map(|(path, _)| path).collect::<Vec<_>>());
    for (path, _) in &before {
        fs::remove_file(depot.folder().join(path)).unwrap();
    }
    // Order and time of copying are others elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = Cpan::new(elsewhere.path());
    for path in everything_in(&depot.folder()).iter().rev().filter(|path| depot.folder().join(path).is_file())
    {
        fs::create_dir_all(elsewhere.path().join(path).parent().unwrap()).unwrap();
        fs::copy(depot.folder().join(path), elsewhere.path().join(path)).unwrap();
    }
    depot.cpan.index(NOW + 9_000).unwrap();
    assert!(read() == before);
    copy.index(1_000).unwrap();
    for (path, bytes) in before.iter().filter(|(path, _)| path != ".publishing") {
        assert!(fs::read(elsewhere.path().join(path)).unwrap() == *bytes, "{path}");
    }
}

#[test]
fn what_lies_there_and_should_not_is_told_and_hides_nothing() {
    let depot = Depot::new();
    depot.add("DDGC", "A-1.0.tar.gz", &[("lib/A.pm", &module("A", "1.0"))]);
    let folder = depot.folder().join("authors/id/D/DD/DDGC");
    fs::write(folder.join("B-1.0.tar.gz"), "no archive").unwrap();
    fs::write(folder.join("notes.txt"), "").unwrap();
    fs::write(folder.join("D-1.0.tar.gz"), dist("D-1.0.tar.gz", &[("blib/lib/D.pm", "package D;\n1;\n")]))
        .unwrap();
    fs::create_dir_all(depot.folder().join("authors/id/X/XX/XX")).unwrap();
    fs::write(depot.folder().join("authors/id/X/XX/XX/C-1.0.tar.gz"), simple("C-1.0.tar.gz", "C", "1"))
        .unwrap();
    fs::write(depot.folder().join("v1.0/history/Gone"), "").unwrap();
    let made = depot.cpan.index(NOW).unwrap();
    assert_snapshot!("cpan-faults", made.faults.join("\n"));
    assert_snapshot!("cpan-faults-rows", depot.rows());
    assert!(made.changed.contains(&"v1.0/history/Gone".to_owned()), "{:?}", made.changed);
    assert!(!depot.folder().join("v1.0/history/Gone").exists());
    // What somebody took away is out of every index.
    fs::remove_file(depot.folder().join("authors/id/X/XX/XX/C-1.0.tar.gz")).unwrap();
    let changed = depot.cpan.index(NOW).unwrap().changed;
    for path in ["authors/id/X/XX/XX/CHECKSUMS", "v1.0/package/C", "v1.0/history/C"] {
        assert!(changed.iter().any(|one| one == path) && !depot.folder().join(path).exists(), "{path}");
    }
}

/// Its names must not be free while nobody knows them.
#[test]
fn nothing_is_published_while_an_archive_can_not_be_read() {
    let depot = Depot::new();
    depot.add("DDGC", "Aa-Own-1.0.tar.gz", &[("lib/Aa/Own.pm", &module("Aa::Own", "1.0"))]);
    depot.add("DDGC", "B-1.0.tar.gz", &[("lib/B.pm", &module("B", "1.0"))]);
    let place = depot.folder().join("authors/id/D/DD/DDGC/Aa-Own-1.0.tar.gz");
    let whole = fs::read(&place).unwrap();
    let (name, taking) = ("Other-0.5.tar.gz", simple("Other-0.5.tar.gz", "Aa::Own", "0.5"));
    let mut told = Vec::new();
    fs::write(&place, &whole[..whole.len() / 2]).unwrap();
    told.push(depot.refused("GETTY", name, &taking));
    let made = depot.cpan.index(NOW).unwrap();
    assert_eq!((made.archives, made.packages, made.faults.len()), (1, 1, 1));
    told.extend(made.faults);
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    told.push(depot.refused("GETTY", name, &taking));
    fs::remove_dir(&place).unwrap();
    std::os::unix::fs::symlink("nowhere", &place).unwrap();
    told.push(depot.refused("GETTY", name, &taking));
    fs::remove_file(&place).unwrap();
    assert_snapshot!("cpan-damaged", told.join("\n\n"));

    fs::write(&place, &whole).unwrap();
    assert_eq!(depot.cpan.index(NOW).unwrap().faults, Vec::<String>::new());
    let rows = depot.rows();
    // What the system can't read may be whole; the indexes stay as they are.
    fs::remove_file(&place).unwrap();
    std::os::unix::fs::symlink("Aa-Own-1.0.tar.gz", &place).unwrap();
    let error = depot.refused("GETTY", name, &taking);
    assert!(error.starts_with("can't read `") && error.contains("Aa-Own-1.0.tar.gz"), "{error}");
    let error = depot.cpan.index(NOW).unwrap_err();
    assert!(matches!(error, CpanError::Unreadable { .. }), "{error}");
    let author = Author::parse("New <new@example.com>").unwrap();
    assert!(depot.cpan.set_author(&id("NEW"), &author, NOW).is_err());
    // As is a folder on a disk that isn't mounted.
    let authors = depot.folder().join("authors");
    fs::rename(&authors, depot.room.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("/nowhere/authors", &authors).unwrap();
    assert!(matches!(depot.cpan.index(NOW).unwrap_err(), CpanError::Unreadable { .. }));
    assert_eq!((depot.rows(), depot.cpan.authors().unwrap().iter().count()), (rows, 2));
}

#[test]
fn what_never_was_a_distribution_is_told_and_stands_in_nobodys_way() {
    let depot = Depot::new();
    depot.add("DDGC", "A-1.0.tar.gz", &[("lib/A.pm", &module("A", "1.0"))]);
    fs::write(depot.folder().join("authors/id/D/DD/DDGC/A-1.0.readme"), "").unwrap();
    let added = depot.cpan.add(&depot.file("B-1.tar.gz", &simple("B-1.tar.gz", "B", "1")), &id("GETTY"), NOW);
    let faults = added.unwrap().faults;
    assert!(faults.len() == 1 && faults[0].contains("A-1.0.readme"), "{faults:?}");
    // What concerns the one that is added is not only told.
    let blib = dist("D-1.0.tar.gz", &[("blib/lib/D.pm", "package D;\n1;\n")]);
    fs::write(depot.folder().join("authors/id/D/DD/DDGC/D-1.0.tar.gz"), &blib).unwrap();
    let refused = depot.refused("DDGC", "D-1.0.tar.gz", &blib);
    assert!(refused.contains("blib"), "{refused}");
}

/// Indexes of what is gone, or that nobody can read, are not right.
#[test]
fn indexes_without_archives_are_made_anew_and_all_can_be_read() {
    use std::os::unix::fs::PermissionsExt;
    const INDEX: &str = "modules/02packages.details.txt.gz";
    let depot = Depot::new();
    depot.add("DDGC", "A-1.0.tar.gz", &[("lib/A.pm", &module("A", "1.0"))]);
    for path in [INDEX, "v1.0/history/A"] {
        let place = depot.folder().join(path);
        fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).unwrap();
        let before = depot.modified_s(path);
        assert_eq!(depot.cpan.index(NOW + 60_000).unwrap().changed, [path]);
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(depot.modified_s(path), before);
    }
    fs::remove_dir_all(depot.folder().join("authors")).unwrap();
    fs::remove_file(depot.folder().join("authors.toml")).unwrap();
    assert!(depot.cpan.is_used());
    depot.cpan.index(NOW).unwrap();
    assert_eq!((depot.rows(), depot.text("authors/01mailrc.txt.gz")), (String::new(), String::new()));
    assert!(!depot.folder().join("v1.0/history/A").exists());
}

#[test]
fn the_same_again_is_fine_and_mends_what_is_missing() {
    let depot = Depot::new();
    let files = [("lib/A.pm", "package A 1.0;\n1;\n")];
    assert_eq!(depot.add("DDGC", "A-1.0.tar.gz", &files), "A 1.0\n");
    let rows = depot.rows();
    fs::remove_file(depot.folder().join("modules/02packages.details.txt.gz")).unwrap();
    assert_eq!(depot.add("DDGC", "A-1.0.tar.gz", &files), "there already\nA 1.0\n");
    assert_eq!(depot.rows(), rows);
}

#[test]
fn what_may_not_be_published_is_refused() {
    let depot = Depot::new();
    depot.add(
        "DDGC",
        "A-1.10.tar.gz",
        &[("lib/A.pm", &module("A", "1.10")), ("lib/A/B.pm", &module("A::B", "0.5"))],
    );
    let add = |author: &str, name: &str, package: &str, version: &str| {
        depot.refused(author, name, &simple(name, package, version))
    };
    assert_snapshot!(
        "cpan-refused",
        [
            add("DDGC", "A-1.10.tar.gz", "A", "1.11"),
            add("DDGC", "A-1.100.tar.gz", "A", "1.100"),
            add("DDGC", "A-1.1.tgz", "A", "1.11"),
            add("DDGC", "A-1.09.tar.gz", "A", "1.09"),
            add("DDGC", "A-2.tar.gz", "A", "1.09"),
            add("DDGC", "A-2.tar.gz", "A", "undef"),
            add("DDGC", "Other-2.tar.gz", "A", "1.1"),
            add("GETTY", "Other-2.tar.gz", "A", "2"),
            add("NOBODY", "Z-2.tar.gz", "Z", "2"),
            add("DDGC", "Z-2.tar.gz", "a::b", "2"),
            add("DDGC", "Z-2.tar.gz", "Z", "1.02+b1"),
            add("DDGC", "Z-two.tar.gz", "Z", "2"),
            add("DDGC", "Z-2.zip", "Z", "2"),
            add("NOBODY", "A-1.0.tar.gz", "a", "x y"),
        ]
        .join("\n\n")
    );
}

#[test]
fn another_author_may_what_is_granted_and_no_longer_when_it_is_not() {
    let depot = Depot::new();
    depot.add("DDGC", "A-1.tar.gz", &[("lib/A.pm", &module("A::B", "1"))]);
    let granted = depot
        .text("authors.toml")
        .replace("\"getty@example.com\"", "\"getty@example.com\"\nmay = [\"A\", \"A::*\"]");
    let ungranted = depot.text("authors.toml");
    fs::write(depot.folder().join("authors.toml"), &granted).unwrap();
    depot.add("GETTY", "A-2.tar.gz", &[("lib/A.pm", &module("A::B", "2"))]);
    depot.add("DDGC", "A-3.tar.gz", &[("lib/A.pm", &module("A::B", "3"))]);
    fs::write(depot.folder().join("authors.toml"), &ungranted).unwrap();
    let refused = depot.refused("GETTY", "A-4.tar.gz", &simple("A-4.tar.gz", "A::B", "4"));
    assert_eq!(
        refused,
        "distribution `A` is `DDGC`'s, as `D/DD/DDGC/A-1.tar.gz` says; `GETTY` may add to it when `authors.toml` says so: `may = [\"A\"]`\n  \
         package `A::B` is `DDGC`'s; `GETTY` may add to it when `authors.toml` says so: `may = [\"A::B\"]`"
    );
    depot.add("DDGC", "A-4.tar.gz", &[("lib/A.pm", &module("A::B", "4"))]);
    fs::write(depot.folder().join("authors.toml"), "[authors.ddgc]\n").unwrap();
    let error = depot
        .cpan
        .add(&depot.file("A-5.tar.gz", &simple("A-5.tar.gz", "A", "5")), &id("DDGC"), NOW)
        .unwrap_err();
    assert!(matches!(&error, CpanError::Authors { wrong, .. } if wrong.len() == 3), "{error}");
}

/// PAUSE asks for the main package too; what is not indexed would take the name of an artifact and block versions.
#[test]
fn a_distributions_name_is_that_of_who_came_first() {
    let depot = Depot::new();
    let nothing = |name: &str| dist(name, &[("bin/x", "#!perl")]);
    let other = |name: &str| simple(name, "Getty::X", "1");
    depot.add("DDGC", "Aa-Own-1.3.tar.gz", &[("lib/Aa/Own.pm", &module("Aa::Own", "1.3"))]);
    depot.add("DDGC", "Whole-Set-1.tar.gz", &[("lib/In/It.pm", &module("In::It", "1"))]);
    depot.add("DDGC", "Bin-Tool-1.1.tar.gz", &[("bin/tool", "#!perl")]);
    depot.add("DDGC", "Bundled-1.tar.gz", &[("lib/A.pm", &module("Main::Of", "1"))]);
    assert_snapshot!(
        "cpan-names",
        [
            depot.refused("GETTY", "Aa-Own-1.4.tar.gz", &nothing("Aa-Own-1.4.tar.gz")),
            depot.refused("GETTY", "aa-own-1.4-TRIAL.tar.gz", &other("aa-own-1.4-TRIAL.tar.gz")),
            depot.refused("GETTY", "Aa-Own-9.tar.gz", &other("Aa-Own-9.tar.gz")),
            depot.refused("GETTY", "Aa-Own-9.tar.gz", &simple("Aa-Own-9.tar.gz", "Aa::Own", "9")),
            depot.refused("GETTY", "Whole-Set-2.tar.gz", &other("Whole-Set-2.tar.gz")),
            depot.refused("GETTY", "Bin-Tool-2.tar.gz", &nothing("Bin-Tool-2.tar.gz")),
            depot.refused("GETTY", "Main-Of-2.tar.gz", &nothing("Main-Of-2.tar.gz")),
            depot.refused("GETTY", "Other-2.tar.gz", &simple("Other-2.tar.gz", "Whole::Set", "2")),
        ]
        .join("\n\n")
    );
    // Who is granted it may, but not below what was first: the name would change hands.
    let granted = depot
        .text("authors.toml")
        .replace("\"getty@example.com\"", "\"getty@example.com\"\nmay = [\"Aa::Own\", \"Bin::Tool\"]");
    fs::write(depot.folder().join("authors.toml"), &granted).unwrap();
    depot.add("GETTY", "Aa-Own-1.4.tar.gz", &[("bin/x", "#!perl")]);
    assert_eq!(
        depot.refused("GETTY", "Bin-Tool-1.1-TRIAL.tar.gz", &nothing("Bin-Tool-1.1-TRIAL.tar.gz")),
        "version 1.1 is not higher than that of `D/DD/DDGC/Bin-Tool-1.1.tar.gz`, which was first; choose a higher one"
    );
    // The one it belongs to goes on, with the package of its name as well.
    depot.add("DDGC", "Aa-Own-1.4.tar.gz", &[("lib/Aa/Own.pm", &module("Aa::Own", "1.4"))]);
    depot.add("DDGC", "Bin-Tool-1.0.tar.gz", &[("lib/Bin/Tool.pm", &module("Bin::Tool", "1.0"))]);
}

#[test]
fn an_archive_that_is_none_or_leads_out_is_refused() {
    let depot = Depot::new();
    let good = || Tar::default().file("Z-1/lib/Z.pm", b"package Z;\n1;\n");
    let whole = good().end().gzip();
    let mut corrupt = whole.clone();
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 0xff;
    let deep = format!("Z-1/{}x", "d/".repeat(100));
    let archives: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("no archive", b"package Z;".to_vec()),
        ("zstd", good().end().zstd()),
        ("cut off", whole[..whole.len() - 12].to_vec()),
        ("no end", good().gzip()),
        ("nothing in it", Tar::default().end().gzip()),
        ("two tops", good().file("Y-1/lib/Y.pm", b"").file("X/y", b"").end().gzip()),
        ("beside the top", good().file("README", b"").end().gzip()),
        ("blib", good().file("Z-1/blib/lib/Z.pm", b"").file("Z-1/blib/x", b"").end().gzip()),
        ("dots", good().file("Z-1/../../etc/passwd", b"").end().gzip()),
        ("absolute", good().file("/etc/passwd", b"").end().gzip()),
        (
            "links",
            good()
                .symlink("Z-1/a/b", "../../x")
                .symlink("Z-1/c", "/etc")
                .symlink("Z-1/d/e", "../ok")
                .end()
                .gzip(),
        ),
        (
            "links through links",
            good()
                .symlink("Z-1/a/b/c", "../..")
                .symlink("Z-1/a/b/c/e", "../..")
                .file("Z-1/a/b/c/e/x", b"")
                .symlink("Z-1/l", "a/b/c/../x")
                .file("Z-1/l", b"")
                .member(HARD_LINK, "Z-1/h", "Z-1/a/b/c", 0, b"")
                .member(HARD_LINK, "Z-1/i", "Z-1/l/x", 0, b"")
                .end()
                .gzip(),
        ),
        (
            "links behind what lies there",
            good()
                .file("Z-1/a/b/x", b"")
                .file("Z-1/f", b"")
                .symlink("Z-1/c/d", "x")
                .member(HARD_LINK, "Z-1/h", "Z-1/e/x", 0, b"")
                .symlink("Z-1/a", "lib")
                .symlink("Z-1/c", "lib")
                .symlink("Z-1/e", "lib")
                .symlink("Z-1/f", "lib")
                .end()
                .gzip(),
        ),
        ("the top a link", good().symlink("Z-1", "lib").end().gzip()),
        (
            "deep",
            good().member(b'L', "long", "", deep.len() as u64, deep.as_bytes()).file("-", b"").end().gzip(),
        ),
        ("hard link", good().member(HARD_LINK, "Z-1/h", "etc/passwd", 0, b"").end().gzip()),
        ("fifo", good().member(FIFO, "Z-1/f", "", 0, b"").end().gzip()),
        (
            "open to all",
            good()
                .member_with(0o666, FILE, "Z-1/w", "", 0, b"")
                .member_with(0o777, DIRECTORY, "Z-1/d/", "", 0, b"")
                .end()
                .gzip(),
        ),
        ("two archives", [good().end().0, good().end().0].concat()),
    ];
    let told: Vec<String> = archives
        .into_iter()
        .map(|(what, bytes)| {
            let bytes = if what == "two archives" { Tar(bytes).gzip() } else { bytes };
            format!("{what}: {}", depot.refused("DDGC", "Z-1.tar.gz", &bytes))
        })
        .collect();
    assert_snapshot!("cpan-archives", told.join("\n\n"));
    let error = depot.cpan.add(&depot.file("Z-1.tar.gz", &corrupt), &id("DDGC"), NOW).unwrap_err();
    assert!(matches!(error, CpanError::Refused { .. }), "{error}");
    // A link that is a symbolic one's permissions are not looked at: they mean nothing.
    let fine = good().member_with(0o777, SYMLINK, "Z-1/l", "lib", 0, b"").end().gzip();
    depot.cpan.add(&depot.file("Z-1.tar.gz", &fine), &id("DDGC"), NOW).unwrap();
}

#[test]
fn what_is_indexed_is_what_pause_indexes() {
    let code = "package Code;\nour $VERSION = sprintf '%d', 3;\n1;\n";
    let hidden = "package # hide\n  Hidden;\npackage Seen;\nour $VERSION = '1';\n1;\n";
    let provides = r#"{"provides": {"Listed": {"file": "lib/Listed.pm", "version": "3"}, "NoFile": {"version": "1"},
        "Dev": {"file": "lib/Dev.pm", "version": "1_1"}, "Bare": {"file": "lib/Bare.pm"}}}"#;
    let no_index = r#"{"no_index": {"directory": ["lib/Private"], "package": ["Not::This"], "namespace": ["Below"], "file": "lib/File.pm"}}"#;
    let files = [
        ("lib/Private/A.pm", "package Private::A;"),
        ("lib/Not/This.pm", "package Not::This;"),
        ("lib/Below.pm", "package Below 1;"),
        ("lib/Below/B.pm", "package Below::B 1;"),
        ("lib/File.pm", "package File;"),
        ("lib/Yes.pm", "package Yes 1.5;"),
    ];
    let with = |meta: (&'static str, &'static str)| -> Vec<(&str, &str)> {
        std::iter::once(meta).chain(files).collect()
    };
    let yaml = "no_index:\n  directory: [lib/Private]\n  package: Not::This\n  namespace:\n    - Below\n  file: lib/File.pm\n";
    let cases: Vec<(&str, Vec<(&str, &str)>)> = vec![
        (
            "A-1.tar.gz",
            vec![(
                "lib/A.pm",
                "package A;\n$A::VERSION = '0.4';\npackage A::Inner;\npackage A::Own 2.0;\n1;\n",
            )],
        ),
        ("B-1.tar.gz", vec![("lib/B.pm", code)]),
        ("C-1.tar.gz", vec![("lib/C.pm", hidden)]),
        ("D-1.tar.gz", vec![("META.json", provides), ("lib/Unlisted.pm", "package Unlisted;")]),
        ("E-1.tar.gz", with(("META.json", no_index))),
        ("F-1.tar.gz", with(("META.yml", yaml))),
        (
            "G-1.tar.gz",
            vec![
                ("META.json", "{broken"),
                ("META.yml", "no_index: {package: G::X}\n"),
                ("lib/G.pm", "package G 1;\npackage G::X;\n"),
            ],
        ),
        ("H-1.tar.gz", vec![("META.yml", "a: *b\n"), ("lib/H.pm", "package H 1;")]),
        (
            "I-1.tar.gz",
            vec![
                ("lib/I.pm.PL", "__END__\npackage I;\nour $VERSION = '1.1';"),
                ("t/lib/T.pm", "package T;"),
                ("inc/N.pm", "package N;"),
                ("Top.pm", "package Top;"),
            ],
        ),
        ("J-1.tar.gz", vec![("META.json", r#"{"release_status": "testing"}"#), ("lib/J.pm", "package J;")]),
        ("K-1.tar.gz", vec![("META.yml", "distribution_type: script\n"), ("lib/K.pm", "package K;")]),
        ("L-1_1.tar.gz", vec![("lib/L.pm", "package L;")]),
        ("M-1.0_1.tar.gz", vec![("lib/M.pm", "package M;")]),
        ("N-1.0-TRIAL3.tar.gz", vec![("lib/N.pm", "package N;")]),
        ("perl-5.36.0.tar.gz", vec![("lib/P.pm", "package P;")]),
        ("O-1.tar.gz", vec![("bin/o", "#!perl")]),
        (
            "Q-1.tar.gz",
            vec![
                ("lib/Dev.pm", "package Dev;\nour $VERSION = '1.00_01';\n"),
                ("lib/Own.pm", "package Own 1.0_1 {}\npackage Other 2;\n"),
                ("lib/Q.pm", "package Q;\nour $VERSION = 1.00_01;\n"),
                ("lib/Made.pm", "package Made 2;\nprint $fh \"package Zz::Generated;\\n\";\npackage Rest;\n"),
                ("lib/Local.pm", "package Local 1;\npackage Local::X;\n"),
            ],
        ),
        (
            "R-1.tar.gz",
            vec![
                ("META.json", r#"{"no_index": {"namespace": ["V6::N::"], "package": "R::X::"}}"#),
                ("lib/R.pm", "package R 1;\npackage R::X;\npackage V6::N::M;\npackage V6::N;\n"),
            ],
        ),
    ];
    let told: Vec<String> = cases
        .into_iter()
        .map(|(name, files)| {
            // Each alone: here it is not about what others have.
            let depot = Depot::new();
            let added = depot.cpan.add(&depot.file(name, &dist(name, &files)), &id("DDGC"), NOW);
            match added {
                Ok(_) => format!("{name}\n{}", depot.add("DDGC", name, &files)),
                Err(error) => format!("{name}\nrefused: {error}\n"),
            }
        })
        .collect();
    assert_snapshot!("cpan-indexed", told.join("\n").replace("there already\n", ""));
}

#[test]
fn an_index_that_changes_is_later_by_a_second_at_least() {
    const INDEX: &str = "modules/02packages.details.txt.gz";
    let depot = Depot::new();
    let at_first = depot.modified_s(INDEX);
    depot.add("DDGC", "A-1.tar.gz", &[("lib/A.pm", &module("A", "1"))]);
    let first = depot.modified_s(INDEX);
    depot.add("DDGC", "A-2.tar.gz", &[("lib/A.pm", &module("A", "2"))]);
    let second = depot.modified_s(INDEX);
    assert!(at_first == NOW / 1000 && first > at_first && second > first, "{at_first} {first} {second}");
    // A clock that was set back doesn't bring it back.
    let file = depot.file("A-3.tar.gz", &simple("A-3.tar.gz", "A", "3"));
    depot.cpan.add(&file, &id("DDGC"), NOW - 1_000_000).unwrap();
    assert!(depot.modified_s(INDEX) > second);
    depot.cpan.index(NOW + 60_000).unwrap();
    assert!(depot.modified_s(INDEX) < NOW / 1000 + 60, "what doesn't change isn't touched");
}

#[test]
fn two_publishers_at_once_both_succeed() {
    let depot = Depot::new();
    let names: Vec<String> = ('A'..='H').map(|letter| format!("P{letter}-1.tar.gz")).collect();
    let files: Vec<PathBuf> =
        names.iter().map(|name| depot.file(name, &simple(name, &name[..2], "1"))).collect();
    std::thread::scope(|scope| {
        for file in &files {
            scope.spawn(|| depot.cpan.add(file, &id("DDGC"), NOW).unwrap());
        }
    });
    assert_eq!(depot.rows().lines().count(), 8, "{}", depot.rows());
    assert_eq!(depot.cpan.index(NOW).unwrap().changed, Vec::<String>::new());
    assert!(
        Duration::from_secs(depot.modified_s("modules/02packages.details.txt.gz"))
            >= Duration::from_secs(NOW / 1000 + 8)
    );
}

#[test]
fn whoever_reads_meanwhile_finds_what_the_index_names() {
    let depot = Depot::new();
    depot.add("DDGC", "A-1.tar.gz", &[("lib/A.pm", &module("A", "1"))]);
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                for row in depot.rows().lines() {
                    let words: Vec<&str> = row.split_whitespace().collect();
                    assert!(depot.folder().join("authors/id").join(words[2]).is_file(), "{row}");
                    let history = depot.text(&format!("v1.0/history/{}", words[0]));
                    assert!(history.contains(row), "{row}");
                    assert!(
                        depot
                            .text("authors/id/D/DD/DDGC/CHECKSUMS")
                            .contains(words[2].rsplit('/').next().unwrap())
                    );
                    seen.insert(row.to_owned());
                }
            }
            seen
        });
        for version in 2..30 {
            let version = version.to_string();
            depot.add("DDGC", &format!("A-{version}.tar.gz"), &[("lib/A.pm", &module("A", &version))]);
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(seen.len() > 1, "{seen:?}");
}

#[test]
fn authors_are_declared_and_called_otherwise_by_hand_or_command() {
    let depot = Depot::new();
    depot.cpan.set_author(&id("GETTY"), &Author::parse("Getty <g@example.com>").unwrap(), NOW).unwrap();
    assert_eq!(
        depot.text("authors/01mailrc.txt.gz"),
        "alias DDGC \"DuckDuckGo Community <ddgc@example.com>\"\nalias GETTY \"Getty <g@example.com>\"\n"
    );
    assert_eq!(depot.cpan.authors().unwrap().iter().count(), 2);
    assert!(!Cpan::new(Path::new("/nowhere/at/all")).is_used());
    assert!(depot.cpan.is_used());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn a_distribution_with_a_byte_changed_is_published_or_refused(at in 0_usize..4096, byte in 0_u8..=255) {
        let depot = Depot::new();
        let mut tar = Tar::default()
            .file("Z-1/META.json", br#"{"provides": {"Z": {"file": "lib/Z.pm", "version": "1"}}}"#)
            .file("Z-1/lib/Z.pm", b"package Z;\nour $VERSION = '1';\n1;\n")
            .end();
        let at = at % tar.0.len();
        tar.0[at] = byte;
        let _ = depot.cpan.add(&depot.file("Z-1.tar.gz", &tar.gzip()), &id("DDGC"), NOW);
        let _ = depot.rows();
    }
}
