//! Publishing: whole or not at all, one winner, nothing left behind; and what a depot says about what lies in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use pintail_core::name::AppName;
use pintail_core::version::Version;
use pintail_depot::{Card, Depot, DepotError, Limits, Naming, Published, unpack};

use crate::craft::*;

struct Room {
    folder: tempfile::TempDir,
    depot: Depot,
}

fn room() -> Room {
    let folder = tempfile::tempdir().unwrap();
    let depot = Depot::new(folder.path().join("depot"));
    Room { folder, depot }
}

impl Room {
    /// A tree whose content is `text`.
    fn tree(&self, text: &str) -> PathBuf {
        let tree = self.folder.path().join(format!("tree-{}", text.len()));
        fs::create_dir_all(&tree).unwrap();
        fs::write(tree.join("index.html"), text).unwrap();
        tree
    }

    fn publish(&self, text: &str, version: &str) -> Result<Published, DepotError> {
        self.depot.publish_tree(&self.tree(text), &blog(), &parsed(version), None, 1000)
    }

    fn artifacts(&self) -> PathBuf {
        self.depot.folder().join("artifacts")
    }

    fn told(&self, error: DepotError) -> String {
        error.to_string().replace(self.folder.path().to_str().unwrap(), "ROOM")
    }
}

fn blog() -> AppName {
    "blog".parse().unwrap()
}

fn parsed(version: &str) -> Version {
    version.parse().unwrap()
}

#[test]
fn published_found_shown_opened_and_unpacked() {
    let room = room();
    let added = room.publish("hello", "1.2").unwrap();
    let Published::Added(card) = &added else { panic!("{added:?}") };
    assert_eq!((card.files, card.tree_bytes, card.added_ms), (1, 5, 1000));
    assert_eq!(room.depot.find(&blog(), &parsed("1.2")).unwrap(), *card);
    let (shown, manifest) = room.depot.show(&blog(), &parsed("1.2")).unwrap();
    assert_eq!((&shown, manifest.digest()), (card, card.digest));
    assert_eq!(room.depot.verify(&blog(), &parsed("1.2")).unwrap(), *card);
    let (opened, file) = room.depot.open(&blog(), &parsed("1.2")).unwrap();
    let into = room.folder.path().join("into");
    unpack(file, &into, &opened.digest, &Limits::default()).unwrap();
    assert_eq!(fs::read_to_string(into.join("index.html")).unwrap(), "hello");
}

#[test]
fn versions_are_listed_in_their_order() {
    let room = room();
    assert!(room.depot.list().unwrap().cards.is_empty());
    for (text, version) in [("a", "1.10"), ("bb", "1.9"), ("ccc", "1.10-rc1")] {
        room.publish(text, version).unwrap();
    }
    let listing = room.depot.list().unwrap();
    let versions: Vec<_> = listing.cards.iter().map(|card| card.version.as_str()).collect();
    assert_eq!(versions, ["1.9", "1.10-rc1", "1.10"]);
    assert_eq!(room.depot.latest(&blog()).unwrap().unwrap().version.as_str(), "1.10");
    assert!(room.depot.latest(&"shop".parse().unwrap()).unwrap().is_none());
}

#[test]
fn the_same_again_is_fine_and_another_is_refused() {
    let room = room();
    let first = room.publish("hello", "1").unwrap();
    let again = room.depot.publish_tree(&room.tree("hello"), &blog(), &parsed("1"), None, 2000).unwrap();
    assert_eq!(again, Published::AlreadyThere(first.card().clone()));
    let other_name =
        room.depot.publish_tree(&room.tree("a"), &"blog-1".parse().unwrap(), &parsed("2"), None, 1);
    other_name.unwrap();
    let told = [
        room.told(room.publish("goodbye", "1").unwrap_err()),
        room.told(room.publish("goodbye", "1-2").unwrap_err()),
        room.told(room.depot.find(&blog(), &parsed("1-2")).unwrap_err()),
        room.told(room.depot.find(&"shop".parse().unwrap(), &parsed("1")).unwrap_err()),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    `blog` `1` is in the depot with other contents: digest cfce7ed6 there, a3906221 here; a published version never changes, choose another version
    `blog` `1-2` would lie in the file of `blog-1` `2`; choose another version, or another depot
    `blog` `1-2` is not in the depot `ROOM/depot`; it has `1`
    `shop` `1` is not in the depot `ROOM/depot`; it has no version of that application; `pintail depot list` shows what there is
    ");
    room.depot.verify(&blog(), &parsed("1")).unwrap();
    assert_eq!(everything_in(&room.artifacts()).len(), 4);
}

#[test]
fn a_refused_import_leaves_nothing() {
    let room = room();
    let file = room.folder.path().join("blog-1.tar.gz");
    fs::write(&file, Tar::default().file("top/a", b"a").symlink("top/l", "/etc").end().gzip()).unwrap();
    room.depot.publish_file(&file, &Naming::default(), 1).unwrap_err();
    assert!(everything_in(&room.artifacts()).is_empty());
    fs::write(&file, Tar::default().file("top/a", b"a").end().gzip()).unwrap();
    let card = room.depot.publish_file(&file, &Naming::default(), 1).unwrap();
    assert_eq!(card.card().version.as_str(), "1");
    room.depot.verify(&blog(), &parsed("1")).unwrap();
}

/// A publisher that was killed left its temporary file, cut anywhere; one that lives holds a lock on its own.
#[test]
fn leftovers_are_invisible_and_swept_but_not_those_of_the_living() {
    let room = room();
    room.publish("hello", "1").unwrap();
    let left = room.artifacts().join(".4194305-0.partial");
    let living = room.artifacts().join(".4194306-0.partial");
    fs::write(&left, "half an artifact").unwrap();
    fs::write(&living, "half an artifact").unwrap();
    let held = File::open(&living).unwrap();
    held.lock().unwrap();
    assert_eq!(room.depot.list().unwrap().cards.len(), 1);
    room.publish("other", "2").unwrap();
    assert!(!left.exists() && living.exists());
    drop(held);
    room.publish("third", "3").unwrap();
    assert!(!living.exists());
}

/// Killed between the link and the card.
#[test]
fn a_missing_or_broken_card_is_made_again() {
    let room = room();
    let card = room.publish("hello", "1").unwrap().card().clone();
    let at = room.artifacts().join("blog-1.json");
    for broken in ["", "{", "{\"format\":1}", &"x".repeat(100_000)] {
        fs::write(&at, broken).unwrap();
        let again = room.depot.find(&blog(), &parsed("1")).unwrap();
        assert_eq!(again, card, "also the time, which is that of the file");
        assert!(fs::read_to_string(&at).unwrap().contains(&card.digest.to_string()));
    }
    fs::remove_file(&at).unwrap();
    assert_eq!(room.depot.list().unwrap().cards.len(), 1);
    fs::remove_file(&at).unwrap();
    let Published::AlreadyThere(_) = room.publish("hello", "1").unwrap() else { panic!("it was there") };
    assert!(at.exists());
}

#[test]
fn a_card_without_its_artifact_does_not_speak_for_the_next() {
    let room = room();
    room.publish("hello", "1").unwrap();
    fs::remove_file(room.artifacts().join("blog-1.tar.zst")).unwrap();
    assert!(room.depot.list().unwrap().cards.is_empty());
    let told = room.told(room.depot.find(&blog(), &parsed("1")).unwrap_err());
    let Published::Added(card) = room.publish("goodbye", "1").unwrap() else { panic!("it is new") };
    assert_eq!(room.depot.verify(&blog(), &parsed("1")).unwrap(), card);
    insta::assert_snapshot!(told, @"`blog` `1` is not in the depot `ROOM/depot`; it has no version of that application; `pintail depot list` shows what there is");
}

#[test]
fn what_was_changed_behind_the_depots_back_is_told() {
    let room = room();
    for (text, version) in [("a", "1"), ("bb", "2"), ("ccc", "3"), ("dddd", "4"), ("eeeee", "5")] {
        room.publish(text, version).unwrap();
    }
    let artifact = |version: &str| room.artifacts().join(format!("blog-{version}.tar.zst"));
    let damage = |path: &Path, change: fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    };
    damage(&artifact("1"), |bytes| bytes.truncate(100));
    damage(&artifact("2"), |bytes| *bytes.last_mut().unwrap() ^= 1);
    fs::rename(artifact("3"), room.artifacts().join("blog-9.tar.zst")).unwrap();
    damage(&room.artifacts().join("blog-4.json"), |json| *json = br#"{"format":2,"shape":"new"}"#.to_vec());
    fs::write(room.artifacts().join("junk.tar.zst"), "junk").unwrap();
    let verify = |version: &str| room.told(room.depot.verify(&blog(), &parsed(version)).unwrap_err());
    let mut told = ["1", "2", "9", "4"].map(verify).to_vec();
    let listing = room.depot.list().unwrap();
    assert_eq!(listing.cards.len(), 3, "the others are listed, 1 and 2 with the cards they had");
    told.push("listed:".to_owned());
    told.extend(listing.faults.into_iter().map(|fault| room.told(fault)));
    insta::assert_snapshot!(told.join("\n"), @r"
    artifact `ROOM/depot/artifacts/blog-1.tar.zst` was changed after it was published: its size differs from its card; put it back from where it was made, or remove both files
    artifact `ROOM/depot/artifacts/blog-2.tar.zst` is refused: the archive can't be read: Restored data doesn't match checksum; it is damaged, or its source failed: fetch it again
    artifact `ROOM/depot/artifacts/blog-9.tar.zst` says it is `blog-3`; rename the file, or remove it
    card `ROOM/depot/artifacts/blog-4.json` has format 2, this pintail reads format 1; use a newer pintail
    listed:
    card `ROOM/depot/artifacts/blog-4.json` has format 2, this pintail reads format 1; use a newer pintail
    artifact `ROOM/depot/artifacts/blog-9.tar.zst` says it is `blog-3`; rename the file, or remove it
    artifact `ROOM/depot/artifacts/junk.tar.zst` is refused: the file is neither gzip nor zstd, it starts with the bytes 6a 75 6e 6b; pack it as .tar.gz or .tar.zst
    ");
}

/// Runs `publish` in eight threads at the same moment.
fn at_once<T: Send>(publish: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        let (barrier, publish) = (&barrier, &publish);
        let start = |n| {
            scope.spawn(move || {
                barrier.wait();
                publish(n)
            })
        };
        let threads: Vec<_> = (0..8).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn of_many_publishers_with_different_trees_one_wins() {
    for _ in 0..10 {
        let room = room();
        let results = at_once(|n| room.publish(&"x".repeat(n + 1), "1"));
        let winners: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
        assert!(matches!(winners.as_slice(), [Published::Added(_)]), "{results:?}");
        let losers = results.iter().filter(|result| matches!(result, Err(DepotError::Taken { .. }))).count();
        assert_eq!(losers, 7, "{results:?}");
        let card = room.depot.verify(&blog(), &parsed("1")).unwrap();
        assert_eq!(card.digest, winners[0].card().digest);
        assert_eq!(everything_in(&room.artifacts()), ["blog-1.json", "blog-1.tar.zst"]);
    }
}

#[test]
fn of_many_publishers_with_the_same_tree_one_adds() {
    let room = room();
    room.tree("hello");
    let tree = room.tree("hello");
    let results = at_once(|_| room.depot.publish_tree(&tree, &blog(), &parsed("1"), None, 1).unwrap());
    assert_eq!(results.iter().filter(|result| matches!(result, Published::Added(_))).count(), 1);
    room.depot.verify(&blog(), &parsed("1")).unwrap();
    assert_eq!(everything_in(&room.artifacts()), ["blog-1.json", "blog-1.tar.zst"]);
}

#[test]
fn publishers_of_different_versions_do_not_disturb_each_other() {
    let room = room();
    let tree = room.tree("hello");
    at_once(|n| {
        for m in 0..10 {
            room.depot.publish_tree(&tree, &blog(), &parsed(&format!("{n}.{m}")), None, 1).unwrap();
        }
    });
    let listing = room.depot.list().unwrap();
    assert_eq!((listing.cards.len(), listing.faults.len()), (80, 0));
    assert_eq!(everything_in(&room.artifacts()).len(), 160);
}

/// A card that anybody changed is made anew by `index`, from the artifact alone, and `verify` tells of it until then.
#[test]
fn cards_are_made_again_from_the_artifacts_alone() {
    let room = room();
    for (text, version) in [("a", "1"), ("bb", "2"), ("ccc", "3")] {
        room.publish(text, version).unwrap();
    }
    let card = |version: &str| room.artifacts().join(format!("blog-{version}.json"));
    let all = || ["1", "2", "3"].map(|version| fs::read_to_string(card(version)).unwrap());
    let good = all();
    assert_eq!(room.depot.remake_cards().unwrap().cards, 0);
    for lie in [
        ("\"files\": 1", "\"files\": 777"),
        ("\"commit\": null", "\"commit\": \"deadbeef\""),
        ("\"added_ms\": 1000", "\"added_ms\": 5"),
        ("\"tree_bytes\": 1", "\"tree_bytes\": 12"),
        ("\"format\": 1", "\"format\":  1"),
    ] {
        assert!(good[0].contains(lie.0), "{}", good[0]);
        fs::write(card("1"), good[0].replace(lie.0, lie.1)).unwrap();
        fs::remove_file(card("2")).unwrap();
        let verified = room.depot.verify(&blog(), &parsed("1")).map(drop);
        if let Err(error) = verified {
            let told = error.to_string();
            let field = lie.0.split('"').nth(1).unwrap();
            assert!(told.contains(&format!("`{field}` is not what its artifact says")), "{told}");
        } else {
            // When it was added is no matter of being whole: a copy of a depot may have other times.
            assert!(lie.0.contains("format") || lie.0.contains("added_ms"), "{lie:?}");
        }
        let again = room.publish("a", "1");
        assert_eq!(again.is_err(), ["files", "commit", "tree_bytes"].iter().any(|key| lie.0.contains(key)));
        let made = room.depot.remake_cards().unwrap();
        assert_eq!((made.cards, made.faults.len()), (2, 0));
        assert_eq!(all(), good);
        room.depot.verify(&blog(), &parsed("1")).unwrap();
    }
    // Of another file: somebody has to know.
    let there = room.depot.find(&blog(), &parsed("1")).unwrap();
    fs::write(card("1"), good[0].replace(&there.digest.to_string(), &there.packed_digest.to_string()))
        .unwrap();
    let made = room.depot.remake_cards().unwrap();
    assert_eq!(made.cards, 1);
    insta::assert_snapshot!(made.faults.join("\n"));
    assert_eq!(all(), good);
    // What can't be read doesn't hide the others, and a card of another format is left alone.
    fs::write(room.artifacts().join("junk-1.tar.zst"), "").unwrap();
    fs::write(card("3"), "{\"format\":2}").unwrap();
    fs::remove_file(card("2")).unwrap();
    assert_eq!(room.depot.remake_cards().unwrap().cards, 1);
    assert_eq!(fs::read_to_string(card("3")).unwrap(), "{\"format\":2}");
    assert_eq!(room.depot.list().unwrap().faults.len(), 2);
}

/// What one publishes and signs while another is about to publish the same must not be taken for leftovers by them.
#[test]
fn who_publishes_waits_for_who_does() {
    let room = room();
    let card = room.publish("hello", "1").unwrap().card().clone();
    let lock = pintail_os::lock::Lock::try_take_common(&room.depot.folder().join(".linking"));
    let held = lock.unwrap().unwrap();
    let path = room.artifacts().join("blog-1.tar.zst");
    std::thread::scope(|scope| {
        let (removed, published, beside) = (
            scope.spawn(|| room.depot.remove(&card)),
            scope.spawn(|| room.publish("more", "2")),
            scope.spawn(|| room.depot.write_signature(&card, "signature")),
        );
        // That nothing happens can only be waited for.
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(path.exists() && !room.artifacts().join("blog-2.tar.zst").exists());
        assert!(!room.artifacts().join("blog-1.tar.zst.minisig").exists());
        // Who reads waits for nobody, also where a card is missing.
        fs::remove_file(room.artifacts().join("blog-1.json")).unwrap();
        assert_eq!(room.depot.list().unwrap().cards, std::slice::from_ref(&card));
        drop(held);
        removed.join().unwrap().unwrap();
        published.join().unwrap().unwrap();
        let _ = beside.join().unwrap();
    });
    assert_eq!(
        everything_in(&room.artifacts()),
        ["blog-2.json", "blog-2.tar.zst"],
        "no signature without its artifact"
    );
}

/// What a release asks is that of the release that was planned, not of one that came in its place.
#[test]
fn what_a_release_says_is_asked_by_its_digest() {
    let room = room();
    let card = room.publish("hello", "1").unwrap().card().clone();
    assert_eq!(room.depot.about(&blog(), &parsed("1"), &card.digest).unwrap(), None);
    room.depot.remove(&card).unwrap();
    room.publish("evil", "1").unwrap();
    let told = room.depot.about(&blog(), &parsed("1"), &card.digest).unwrap_err().to_string();
    assert!(told.contains("with other contents"), "{told}");
}

/// A web server reads them, and whoever may write to the folder may publish.
#[test]
fn what_is_published_can_be_served() {
    use std::os::unix::fs::PermissionsExt;
    let room = room();
    room.publish("hello", "1").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(room.depot.folder()), mode(&room.artifacts())], [0o755; 2]);
    for name in ["artifacts/blog-1.tar.zst", "artifacts/blog-1.json", ".linking"] {
        assert_eq!(mode(&room.depot.folder().join(name)), 0o644, "{name}");
    }
}

/// Byte for byte, and of the card that was looked at: what came in its place on the way is not taken over.
#[test]
fn what_is_taken_over_is_what_its_card_says() {
    let (room, other) = (room(), Depot::new(tempfile::tempdir().unwrap().keep()));
    let card = room.publish("hello", "1").unwrap().card().clone();
    let at = room.artifacts().join("blog-1.json");
    let json = fs::read_to_string(&at).unwrap();
    let wrong = Card { packed_digest: card.digest, ..card.clone() };
    fs::write(&at, json.replace(&card.packed_digest.to_string(), &wrong.packed_digest.to_string())).unwrap();
    let told = room.told(other.take_over(&room.depot, &blog(), &parsed("1"), 5).unwrap_err());
    assert!(told.contains("what was copied differs from its card"), "{told}");
    assert!(everything_in(&other.folder().join("artifacts")).is_empty());
    fs::write(&at, &json).unwrap();
    let taken = other.take_over(&room.depot, &blog(), &parsed("1"), 5).unwrap();
    assert_eq!(*taken.card(), Card { added_ms: 5, ..card });
    fs::remove_dir_all(other.folder()).unwrap();
}
