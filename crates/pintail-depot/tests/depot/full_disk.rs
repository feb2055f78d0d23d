//! A disk that is full at any moment: unpacking and publishing leave nothing, and go well once there is room. Needs
//! the right to mount a tmpfs; without it the test says so and checks nothing.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;
use std::process::Command;

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
