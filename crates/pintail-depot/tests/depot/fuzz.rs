//! Bytes at random, and real archives with random damage: never a panic, never anything outside the destination,
//! nothing in it but the whole release.

use std::fs;
use std::path::Path;

use pintail_core::manifest::Manifest;
use pintail_depot::pack::manifest_of_tree;
use pintail_depot::{Limits, Naming, import, pack, unpack};
use proptest::prelude::*;

use crate::craft::*;

fn artifact() -> (Vec<u8>, Manifest) {
    let room = tempfile::tempdir().unwrap();
    sample_tree(room.path());
    let mut bytes = Vec::new();
    let manifest =
        pack(room.path(), &"blog".parse().unwrap(), &"1".parse().unwrap(), None, &mut bytes).unwrap();
    (bytes, manifest)
}

/// Unpacks and imports `bytes`; whatever comes of it has to be all or nothing.
fn all_or_nothing(bytes: &[u8], manifest: &Manifest) {
    let room = tempfile::tempdir().unwrap();
    let (into, file) = (room.path().join("into"), room.path().join("blog-1.tar.gz"));
    if unpack(bytes, &into, &manifest.digest(), &Limits::default()).is_ok() {
        assert_eq!(manifest_of(&into), *manifest);
        fs::remove_dir_all(&into).unwrap();
    }
    fs::write(&file, bytes).unwrap();
    let mut out = Vec::new();
    let limits = Limits { tree_bytes: 1 << 24, ..Limits::default() };
    if let Ok(found) = import(&file, &Naming::default(), room.path(), &mut out, &limits) {
        unpack(out.as_slice(), &into, &found.digest(), &limits).unwrap();
        fs::remove_dir_all(&into).unwrap();
    }
    assert_eq!(everything_in(room.path()), ["blog-1.tar.gz"]);
}

fn manifest_of(tree: &Path) -> Manifest {
    manifest_of_tree(tree, &"blog".parse().unwrap(), &"1".parse().unwrap(), None).unwrap()
}

fn damage(bytes: &mut Vec<u8>, damages: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) {
    for (at, value) in damages {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
}

fn damages() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    proptest::collection::vec(any::<(prop::sample::Index, u8)>(), 0..5)
}

/// Makes the checksums of all headers right again, so that damage gets past them.
fn with_right_checksums(plain: &mut [u8]) {
    for block in plain.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        header.set_cksum();
        block.copy_from_slice(header.as_bytes());
    }
}

proptest! {
    #[test]
    fn garbage(kind in 0..3, garbage in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let bytes = match kind {
            0 => garbage,
            1 => Tar(garbage).gzip(),
            _ => Tar(garbage).zstd(),
        };
        all_or_nothing(&bytes, &manifest(vec![]));
    }

    #[test]
    fn damaged_while_compressed(damages in damages(), cut in any::<Option<prop::sample::Index>>()) {
        let (mut bytes, manifest) = artifact();
        damage(&mut bytes, &damages, cut);
        all_or_nothing(&bytes, &manifest);
    }

    #[test]
    fn damaged_before_compressing(damages in damages(), cut in any::<Option<prop::sample::Index>>(), checksums in any::<bool>()) {
        let (bytes, manifest) = artifact();
        let mut plain = zstd::decode_all(bytes.as_slice()).unwrap();
        // The sample's large file would catch all damage: most is put where the headers are.
        let headers = 8 * 512;
        let damages: Vec<_> = damages.into_iter().collect();
        for (at, value) in &damages {
            let at = at.index(headers);
            plain[at] = *value;
        }
        damage(&mut plain, &[], cut);
        if checksums {
            with_right_checksums(&mut plain);
        }
        all_or_nothing(&Tar(plain.clone()).zstd(), &manifest);
        all_or_nothing(&Tar(plain).gzip(), &manifest);
    }
}
