//! Patches: any tree to any other, and everything that can be wrong with one or with the release it builds on. Never
//! a panic, never anything but the whole release or nothing.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use pintail_core::digest::Digest;
use pintail_core::manifest::{HELD_PATH, Manifest, TreePath};
use pintail_depot::pack::manifest_of_tree;
use pintail_depot::patch::{Ground, PatchError, Signature, apply, make, make_by_signature, sign, sketch};
use pintail_depot::{Held, Limits, pack, unpack};
use proptest::prelude::*;

use crate::craft::*;

/// Two trees as artifacts, and the first unpacked and sealed.
struct Room {
    room: tempfile::TempDir,
    old: Manifest,
    new: Manifest,
}

impl Room {
    fn of(old: impl FnOnce(&Path), new: impl FnOnce(&Path)) -> Room {
        // In memory: thousands are made, and a sync there costs nothing.
        let room = tempfile::tempdir_in("/dev/shm").unwrap();
        let artifact = |name: &str, fill: &mut dyn FnMut(&Path)| {
            let tree = room.path().join(name);
            fs::create_dir(&tree).unwrap();
            fill(&tree);
            let mut file = fs::File::create(room.path().join(format!("{name}.tar.zst"))).unwrap();
            pack(&tree, &"blog".parse().unwrap(), &"1".parse().unwrap(), None, &mut file).unwrap()
        };
        let (mut fill_old, mut fill_new) = (Some(old), Some(new));
        let old = artifact("old", &mut |tree| (fill_old.take().unwrap())(tree));
        let new = artifact("new", &mut |tree| (fill_new.take().unwrap())(tree));
        let made = Room { room, old, new };
        made.unpack_base(|_| {});
        made
    }

    fn at(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// Unpacks the base, lets `change` do to it what a `prepare` would, and seals it.
    fn unpack_base(&self, change: impl FnOnce(&Path)) {
        let base = self.at("base");
        let _ = fs::remove_dir_all(&base);
        let artifact = fs::File::open(self.at("old.tar.zst")).unwrap();
        unpack(artifact, &base, &self.old.digest(), &Limits::default()).unwrap();
        change(&base);
        Held::read(&base).unwrap().sealed(&base, &self.old).write(&base).unwrap();
        for file in everything_in(&base) {
            let file = base.join(file);
            let found = fs::symlink_metadata(&file).unwrap();
            if found.is_file() {
                fs::set_permissions(file, Permissions::from_mode(found.mode() & 0o555)).unwrap();
            }
        }
    }

    fn lacking(&self) -> HashSet<Digest> {
        Held::read(&self.at("base")).unwrap().lacking().unwrap().iter().copied().collect()
    }

    fn patch(&self) -> Vec<u8> {
        let mut patch = Vec::new();
        let (old, new) = (self.at("old.tar.zst"), self.at("new.tar.zst"));
        make(&old, &new, &self.lacking(), &Limits::default(), &mut patch).unwrap();
        patch
    }

    /// What the host answers to `sketch`.
    fn sign(&self, sketch: &[u8]) -> Result<Vec<u8>, PatchError> {
        let base = self.at("base");
        let ground = Ground::named(&base, &self.old.release_name(), &Limits::default())?;
        sign(&ground, sketch)
    }

    fn signature(&self) -> Vec<u8> {
        self.sign(&sketch(&self.new)).unwrap()
    }

    /// What an operator makes who has only the new artifact.
    fn patch_by(&self, signature: &[u8]) -> Result<Vec<u8>, PatchError> {
        let signature = Signature::read(signature, &self.new, &Limits::default())?;
        assert_eq!(signature.manifest(), &self.old);
        let mut patch = Vec::new();
        let new = self.at("new.tar.zst");
        make_by_signature(&signature, &new, &self.lacking(), &Limits::default(), &mut patch)?;
        Ok(patch)
    }

    /// Applies `patch`; whatever comes of it has to be all or nothing, and the base stays what it was.
    fn apply(&self, patch: &[u8], may_link: &(dyn Fn(&TreePath) -> bool + Sync)) -> Result<(), PatchError> {
        let before = everything_in(self.room.path());
        let (base, into) = (self.at("base"), self.at("into"));
        let limits = Limits { tree_bytes: 1 << 24, ..Limits::default() };
        let applied = Ground::of(&base, &self.old.digest(), &limits, may_link)
            .and_then(|ground| apply(patch, &ground, &into, &self.new.digest(), &limits));
        if let Ok(manifest) = &applied {
            assert_eq!(*manifest, self.new);
            assert_eq!(manifest_of(&into), self.new);
            assert!(Held::read(&into).is_some_and(|held| held.is_still_so(&into, manifest)));
            fs::remove_dir_all(&into).unwrap();
        }
        assert_eq!(everything_in(self.room.path()), before);
        applied.map(drop)
    }
}

fn manifest_of(tree: &Path) -> Manifest {
    manifest_of_tree(tree, &"blog".parse().unwrap(), &"1".parse().unwrap(), None).unwrap()
}

fn write(at: &Path, path: &str, content: &[u8]) {
    let file = at.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

fn lines(count: usize) -> Vec<u8> {
    (0..count).flat_map(|line| format!("{line}: {}\n", line * 7919).into_bytes()).collect()
}

/// Something of everything: changed in its middle, renamed, moved and changed, gone, new, twice, empty, a link, modes.
fn sample() -> Room {
    let text = lines(3000);
    let mut changed = text.clone();
    changed.splice(9000..9000, *b"grown");
    Room::of(
        |at| {
            sample_tree(at);
            write(at, "app/text", &text);
            write(at, "app/renamed.3f9a.js", &lines(500));
            write(at, "app/moved", &lines(400));
            write(at, "app/gone", b"gone");
            write(at, "log/.keep", b"kept");
            symlink("text", at.join("app/link")).unwrap();
        },
        |at| {
            sample_tree(at);
            write(at, "app/text", &changed);
            write(at, "app/renamed.77c1.js", &[lines(500), b"more".to_vec()].concat());
            write(at, "lib/moved", &lines(400));
            write(at, "log/.keep", b"kept");
            write(at, "new/a", b"the same new content");
            write(at, "new/b", b"the same new content");
            write(at, "new/empty", b"");
            fs::set_permissions(at.join("nothing"), Permissions::from_mode(0o755)).unwrap();
            symlink("../lib/moved", at.join("app/link")).unwrap();
        },
    )
}

#[test]
fn only_what_changed_is_in_it() {
    let room = sample();
    let patch = room.patch();
    assert!(patch.len() < 600, "{} bytes", patch.len());
    for link in [false, true] {
        room.apply(&patch, &|_| link).unwrap();
    }
}

#[test]
fn files_are_linked_only_where_they_may_be() {
    let room = sample();
    let (base, into) = (room.at("base"), room.at("into"));
    let may_link = |path: &TreePath| !path.is_within("log");
    let ground = Ground::of(&base, &room.old.digest(), &Limits::default(), &may_link).unwrap();
    apply(room.patch().as_slice(), &ground, &into, &room.new.digest(), &Limits::default()).unwrap();
    let links = |path: &str| fs::metadata(into.join(path)).unwrap().nlink();
    // The mode of `nothing` is another now, so it can't be the base's file; the rest is, or is new.
    assert_eq!(["bin/run", "lib/moved", "log/.keep", "nothing", "app/text"].map(links), [2, 2, 1, 1, 1]);
    let mode = |path: &str| fs::metadata(into.join(path)).unwrap().mode() & 0o777;
    assert_eq!(["bin/run", "log/.keep", "nothing"].map(mode), [0o555, 0o644, 0o755]);
    let time = |root: &Path, path: &str| fs::metadata(root.join(path)).unwrap().modified().unwrap();
    assert_eq!(time(&into, "log/.keep"), time(&base, "log/.keep"), "an unchanged file keeps its time");
    assert_ne!(time(&into, "app/text"), time(&base, "app/text"));
}

#[test]
fn what_the_base_lost_while_it_was_prepared_is_brought() {
    let room = sample();
    room.unpack_base(|base| {
        fs::remove_dir_all(base.join("log")).unwrap();
        symlink("../../shared/log", base.join("log")).unwrap();
        fs::write(base.join("bin/run"), "#!/bin/sh\nexec echo!\n").unwrap();
    });
    assert_eq!(room.lacking().len(), 2);
    room.apply(&room.patch(), &|_| true).unwrap();
    // A patch that counts on it is refused.
    let mut patch = Vec::new();
    make(&room.at("old.tar.zst"), &room.at("new.tar.zst"), &HashSet::new(), &Limits::default(), &mut patch)
        .unwrap();
    insta::assert_snapshot!(room.apply(&patch, &|_| true).unwrap_err(), @"the patch is damaged: it lacks a content that its base lacks too");
}

#[test]
fn a_base_that_was_changed_is_not_built_upon() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 7] = [
        ("edited", |base| fs::write(base.join("app/moved"), "other").unwrap()),
        ("edited, of the same size", |base| {
            let content = fs::read(base.join("app/moved")).unwrap();
            fs::write(base.join("app/moved"), content).unwrap();
        }),
        ("gone", |base| fs::remove_file(base.join("app/moved")).unwrap()),
        ("a link", |base| {
            fs::remove_file(base.join("app/moved")).unwrap();
            symlink("text", base.join("app/moved")).unwrap();
        }),
        ("no record", |base| fs::remove_file(base.join(HELD_PATH)).unwrap()),
        ("a record of nonsense", |base| fs::write(base.join(HELD_PATH), "{}").unwrap()),
        ("another manifest", |base| fs::write(base.join(".pintail/manifest.json"), "{}").unwrap()),
    ];
    let told = changes.map(|(name, change)| {
        let room = sample();
        let patch = room.patch();
        change(&room.at("base"));
        let error = room.apply(&patch, &|_| true).unwrap_err().to_string();
        format!("{name}: {}", error.replace(&room.room.path().display().to_string(), ""))
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn an_operator_without_the_bases_artifact_brings_what_is_around_the_change() {
    let text = lines(200_000);
    let mut changed = text.clone();
    changed.splice(900_000..900_000, *b"grown");
    let many = |at: &Path| (0..200).for_each(|n| write(at, &format!("many/{n}"), &lines(200 + n)));
    let room = Room::of(
        |at| {
            many(at);
            write(at, "app/text", &text);
            write(at, "app/renamed.3f9a.js", &lines(5000));
        },
        |at| {
            many(at);
            write(at, "app/text", &changed);
            write(at, "app/renamed.77c1.js", &[lines(5000), b"more".to_vec()].concat());
        },
    );
    assert_eq!(sketch(&room.new).len(), 5 * room.new.entries().len());
    let signature = room.signature();
    // 3.2 MB are cut into chunks of 8 KB, 80 KB into such of 2 KB, and what did not change is not told.
    assert!(signature.len() < 8_000, "{} bytes", signature.len());
    let patch = room.patch_by(&signature).unwrap();
    assert!(patch.len() < 9_000, "{} bytes", patch.len());
    for link in [false, true] {
        room.apply(&patch, &|_| link).unwrap();
    }
    // One that has nothing in common is told everything.
    let all = room.sign(&[]).unwrap();
    assert!(all.len() > 200 * 40, "{} bytes", all.len());
    assert_eq!(room.patch_by(&all).unwrap(), patch);
}

#[test]
fn a_signature_of_a_base_that_was_changed_is_refused_or_leaves_out_what_was() {
    let room = sample();
    let file = room.at("base/app/text");
    let (content, found) = (fs::read(&file).unwrap(), fs::metadata(&file).unwrap());
    let full = room.signature();
    let overwrite = |content: &[u8]| {
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        fs::write(&file, content).unwrap();
    };
    overwrite(&lines(2999));
    let refused = room.sign(&sketch(&room.new)).unwrap_err().to_string();
    assert!(refused.ends_with("is no longer what it was when it was sealed"), "{refused}");
    // Somebody who gives the time back is not seen by it, but by the content: no chunk of that is told.
    let mut other = content;
    other[5] ^= 1;
    overwrite(&other);
    fs::File::open(&file).unwrap().set_modified(found.modified().unwrap()).unwrap();
    let signature = room.signature();
    assert!(signature.len() < full.len());
    room.apply(&room.patch_by(&signature).unwrap(), &|_| false).unwrap();
    // A patch on what was told before comes out wrong, and is refused.
    insta::assert_snapshot!(room.apply(&room.patch_by(&full).unwrap(), &|_| false).unwrap_err(), @"`app/text` comes out with other content than the manifest says");
}

#[test]
fn no_signature_is_believed() {
    let room = sample();
    let signature = room.signature();
    let with = |at: usize, bytes: &[u8]| {
        let mut evil = signature.clone();
        evil[at..at + bytes.len()].copy_from_slice(bytes);
        evil
    };
    let last = signature.len();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("a patch", room.patch()),
        ("another format", with(7, &[2])),
        ("of another release", with(8, &[0; 32])),
        ("a structure longer than allowed", with(40, &[0xff; 4])),
        ("more digests than allowed", with(44, &[0xff; 4])),
        ("fewer digests", with(44, &[0, 0, 0, 0])),
        ("cut", signature[..last - 1].to_vec()),
        ("chunks of what is not there", [&signature[..], &[0x7f]].concat()),
        ("chunks of a number that is none", [&signature[..], &[0xff; 10]].concat()),
        ("longer than allowed", [signature.clone(), vec![0; 32 << 20]].concat()),
    ];
    let read = |bytes: &[u8]| Signature::read(bytes, &room.new, &Limits::default()).map(drop);
    let told = cases.iter().map(|(name, evil)| format!("{name}: {}", read(evil).unwrap_err()));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));

    // Cut and flipped at any place, or nearly: it can't be read, or what is made of it is the right release or is refused.
    let (mut made, mut refused) = (0, 0);
    for at in (0..last).step_by(13) {
        // Cut before a file's chunks it only tells less of them.
        if let Ok(patch) = room.patch_by(&signature[..at]) {
            room.apply(&patch, &|_| true).unwrap();
        }
        let mut evil = signature.clone();
        evil[at] ^= 1 << (at % 8);
        if let Ok(patch) = room.patch_by(&evil) {
            made += 1;
            refused += usize::from(room.apply(&patch, &|_| true).is_err());
        }
    }
    assert!(made > 10 && refused * 2 < made, "of {made} patches {refused} were refused");
}

#[test]
fn nothing_is_believed() {
    let room = sample();
    let patch = room.patch();
    let structure = u32::from_be_bytes(patch[72..76].try_into().unwrap()) as usize;
    let with = |at: usize, bytes: &[u8]| {
        let mut evil = patch.clone();
        evil[at..at + bytes.len()].copy_from_slice(bytes);
        evil
    };
    // More zeros than a structure may have, in some kilobytes.
    let bomb = {
        let zeros = zstd::encode_all(std::io::Read::take(std::io::repeat(0), 33 << 20), 1).unwrap();
        let length = u32::try_from(zeros.len()).unwrap().to_be_bytes();
        [&patch[..72], &length, &0_u32.to_be_bytes(), &zeros].concat()
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("an artifact", fs::read(room.at("new.tar.zst")).unwrap()),
        ("another format", with(7, &[2])),
        ("of another release", with(8, &[0; 32])),
        ("on another base", with(40, &[0; 32])),
        ("a structure longer than allowed", with(72, &[0xff; 4])),
        ("more digests than allowed", with(76, &[0xff; 4])),
        ("more digests than there are", with(76, &[0, 0, 1, 0])),
        ("fewer digests", with(76, &[0, 0, 0, 0])),
        ("a structure that is a bomb", bomb),
        ("without contents", patch[..80 + structure].to_vec()),
        ("cut by a byte", patch[..patch.len() - 1].to_vec()),
        ("with a byte more", [patch.clone(), vec![0]].concat()),
        ("twice", [patch.clone(), patch.clone()].concat()),
    ];
    let told =
        cases.iter().map(|(name, evil)| format!("{name}: {}", room.apply(evil, &|_| true).unwrap_err()));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}

#[test]
fn cut_and_flipped_anywhere() {
    let room = sample();
    let patch = room.patch();
    for at in 0..patch.len() {
        room.apply(&patch[..at], &|_| true).unwrap_err();
        let mut evil = patch.clone();
        evil[at] ^= 1 << (at % 8);
        // Some bits of a compressed frame mean nothing; then it is the right release all the same.
        let _ = room.apply(&evil, &|_| true);
    }
}

/// A tree by a few choices: paths in it, their contents, and whether they may be run.
type Choice = Vec<(u8, u8, u16, bool)>;

fn fill(at: &Path, choices: &Choice) {
    for (folder, file, content, executable) in choices {
        let text = lines(usize::from(*content % 300));
        let text = &text[usize::from(*content / 300).min(text.len())..];
        let path = format!("d{}/f{}", folder % 4, file % 12);
        write(at, &path, text);
        let mode = if *executable { 0o755 } else { 0o644 };
        fs::set_permissions(at.join(path), Permissions::from_mode(mode)).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn any_tree_is_made_of_any_other(
        common in proptest::collection::vec(any::<(u8, u8, u16, bool)>(), 0..12),
        old in proptest::collection::vec(any::<(u8, u8, u16, bool)>(), 0..8),
        new in proptest::collection::vec(any::<(u8, u8, u16, bool)>(), 0..8),
        link: bool,
        lost in any::<prop::sample::Index>(),
        damage in proptest::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4),
    ) {
        let room = Room::of(
            |at| { fill(at, &common); fill(at, &old) },
            |at| { fill(at, &common); fill(at, &new) },
        );
        room.unpack_base(|base| {
            let files: Vec<String> = everything_in(base).into_iter().filter(|path| path.contains("/f")).collect();
            if !files.is_empty() {
                fs::remove_file(base.join(&files[lost.index(files.len())])).unwrap();
            }
        });
        let mut patch = room.patch();
        room.apply(&patch, &|_| link).unwrap();
        let mut signature = room.signature();
        room.apply(&room.patch_by(&signature).unwrap(), &|_| link).unwrap();
        for (at, value) in &damage {
            let at = at.index(signature.len());
            signature[at] = *value;
        }
        if let Ok(patch) = room.patch_by(&signature) {
            let _ = room.apply(&patch, &|_| link);
        }
        // Any sketch is answered; an answer to another one than that of the new release tells another manifest.
        let any: Vec<u8> = damage.iter().flat_map(|(_, value)| [*value; 7]).collect();
        let _ = Signature::read(&room.sign(&any).unwrap(), &room.new, &Limits::default());
        let _ = Signature::read(&room.sign(&sketch(&room.old)).unwrap(), &room.new, &Limits::default());
        for (at, value) in damage {
            let at = at.index(patch.len());
            patch[at] = value;
        }
        let _ = room.apply(&patch, &|_| link);
    }
}

/// What a host says to an operator: `docs/formats/artifact.md`.
#[test]
fn the_form_of_a_signature_is_pinned() {
    let room = sample();
    let signature = room.signature();
    assert_eq!(signature[..40], [b"PTSIGNS\x01", &room.old.digest().as_bytes()[..]].concat());
    let number = |at: usize| u32::from_be_bytes(signature[at..at + 4].try_into().unwrap()) as usize;
    let (structure, rest) = signature[48..].split_at(number(40));
    let (digests, chunks) = rest.split_at(32 * number(44));
    assert!(zstd::decode_all(structure).unwrap().starts_with(b"\x04blog\x011\x00"));
    let content = |path: &str| fs::read(room.at("old").join(path)).unwrap();
    let order = ["app/gone", "app/moved", "app/renamed.3f9a.js", "app/text", "nothing"];
    assert_eq!(digests, order.map(|path| *Digest::of(&content(path)).as_bytes()).concat());
    // The first that is cut is the third file, behind the folder and two others: its entry, its first chunk's length.
    let index = |path: &str| room.old.entries().iter().position(|entry| entry.path.as_str() == path).unwrap();
    assert_eq!(usize::from(chunks[0]), index("app/moved"));
    let length = usize::from(chunks[1] & 0x7f) | usize::from(chunks[2]) << 7;
    assert_eq!(chunks[3..11], blake3::hash(&content("app/moved")[..length]).as_bytes()[..8]);
    assert_eq!(sketch(&room.new)[..5], blake3::hash(br#"{"kind":"directory","path":"app"}"#).as_bytes()[..5]);
}

/// What hosts read and keep: `docs/formats/artifact.md`. The structure is pinned beside its reader.
#[test]
fn the_form_is_pinned() {
    let room = sample();
    let patch = room.patch();
    let (old, new) = (room.old.digest(), room.new.digest());
    assert_eq!(patch[..72], [b"PTPATCH\x01", &new.as_bytes()[..], &old.as_bytes()[..]].concat());
    let number = |at: usize| u32::from_be_bytes(patch[at..at + 4].try_into().unwrap()) as usize;
    let (structure, digests) = patch[80..].split_at(number(72));
    let (digests, brought) = digests.split_at(32 * number(76));
    let text = |bytes: &[u8]| String::from_utf8(zstd::decode_all(bytes).unwrap()).unwrap();
    assert_eq!(text(brought), "moregrownthe same new content");
    // In the order of their paths; what was only moved is not among them, what changed its mode is.
    let content = |path: &str| Digest::of(&fs::read(room.at("new").join(path)).unwrap());
    let order = ["app/renamed.77c1.js", "app/text", "new/a", "new/b", "nothing"];
    assert_eq!(digests, order.map(|path| *content(path).as_bytes()).concat());
    assert!(zstd::decode_all(structure).unwrap().starts_with(b"\x04blog\x011\x00"));

    room.unpack_base(|base| fs::remove_file(base.join("log/.keep")).unwrap());
    let held = fs::read_to_string(room.at("base").join(HELD_PATH)).unwrap();
    let start =
        format!("{{\"format\":1,\"sealed\":true,\"lacking\":[\"{}\"],\"changed_ns\":[", Digest::of(b"kept"));
    assert!(held.starts_with(&start), "{held}");
    assert_eq!(held.matches("null").count(), 1, "{held}");
}
