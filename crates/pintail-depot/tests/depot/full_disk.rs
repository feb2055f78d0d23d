//! A disk that is full at any moment: unpacking and publishing leave nothing, and go well once there is room. Needs
//! the right to mount a tmpfs; without it the test says so and checks nothing.
#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use pintail_depot::cpan::{Author, Cpan};
use pintail_depot::{Depot, Limits, pack, unpack, verify};

use crate::craft::*;

/// A file system of a few KiB, gone when dropped.
struct Small(tempfile::TempDir);

impl Small {
    fn of_kib(kib: u32) -> Option<Small> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o"]).arg(format!("size={kib}k")).arg("tmpfs").arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then_some(Small(folder))
    }

    /// There is room again.
    fn grow(&self) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,size=64m"]).arg(self.0.path());
        assert!(mount.status().unwrap().success());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn nothing_half_is_left() {
    let room = tempfile::tempdir().unwrap();
    sample_tree(room.path());
    // Something that zstd can't make smaller.
    let mut noise = vec![0; 40_000];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    std::fs::write(room.path().join("noise"), noise).unwrap();
    let (name, version) = ("blog".parse().unwrap(), "1".parse().unwrap());
    let mut bytes = Vec::new();
    let manifest = pack(room.path(), &name, &version, None, &mut bytes).unwrap();
    let (mut refused, mut done) = (0, 0);
    for kib in (4..=240).step_by(4) {
        let Some(small) = Small::of_kib(kib) else {
            return println!("not checked: mounting a tmpfs is not allowed here");
        };
        match unpack(bytes.as_slice(), &small.path("into"), &manifest.digest(), &Limits::default()) {
            Ok(_) => done += 1,
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("No space left"), "{error}");
                assert!(everything_in(small.0.path()).is_empty(), "{kib} KiB");
            }
        }
    }
    assert!(refused > 20 && done > 5, "{refused} refused, {done} done");
    let (mut refused, mut done) = (0, 0);
    for kib in (4..=80).step_by(4) {
        let small = Small::of_kib(kib).unwrap();
        let depot = Depot::new(small.path("depot"));
        match depot.publish_tree(room.path(), &name, &version, None, 1) {
            Ok(published) => {
                done += 1;
                let (card, file) = depot.open(&name, &version).unwrap();
                assert_eq!(card.digest, published.card().digest);
                verify(file, Some(&card.digest), &Limits::default()).unwrap();
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("No space left"), "{error}");
                let left: Vec<_> =
                    everything_in(small.0.path()).into_iter().filter(|path| path.contains("blog")).collect();
                assert!(left.is_empty(), "{kib} KiB: {left:?}");
            }
        }
    }
    assert!(refused > 0 && done > 0, "{refused} refused, {done} done");
}

#[test]
fn no_index_names_a_distribution_that_is_not_there() {
    let room = tempfile::tempdir().unwrap();
    let file = |version: u32| {
        let path = room.path().join(format!("A-{version}.tar.gz"));
        let module = format!("package A {version};\n1;\n");
        let tar = Tar::default().file(&format!("A-{version}/lib/A.pm"), module.as_bytes());
        std::fs::write(&path, tar.end().gzip()).unwrap();
        path
    };
    let rows = |depot: &Path| {
        let bytes = std::fs::read(depot.join("modules/02packages.details.txt.gz")).unwrap_or_default();
        let text =
            std::io::read_to_string(flate2::read::GzDecoder::new(bytes.as_slice())).unwrap_or_default();
        let rows = text.split_once("\n\n").map(|(_, rows)| rows.to_owned()).unwrap_or_default();
        rows.lines().map(|row| row.rsplit(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (author, about) = ("AA".parse().unwrap(), Author::parse("A <a@example.com>").unwrap());
    let mut places = BTreeSet::new();
    for kib in (4..=120).step_by(4) {
        let Some(small) = Small::of_kib(kib) else {
            return println!("not checked: mounting a tmpfs is not allowed here");
        };
        let depot = small.path("depot");
        let cpan = Cpan::new(&depot);
        let full = cpan.set_author(&author, &about, 1).is_err();
        let failed = (1..30).find(|version| full || cpan.add(&file(*version), &author, 1).is_err());
        for path in rows(&depot) {
            assert!(depot.join("authors/id").join(&path).is_file(), "{kib} KiB: {path}");
        }
        let Some(version) = failed else { continue };
        places.insert(everything_in(&depot).len());
        small.grow();
        cpan.set_author(&author, &about, 1).unwrap();
        cpan.add(&file(version), &author, 1).unwrap();
        assert_eq!(rows(&depot), [format!("A/AA/AA/A-{version}.tar.gz")], "{kib} KiB");
        assert_eq!(cpan.index(1).unwrap().changed, Vec::<String>::new(), "{kib} KiB");
    }
    assert!(places.len() > 5, "it was full at {} places only", places.len());
}
