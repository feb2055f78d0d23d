//! A depot on another machine, with a pipe for the link: everything as with a folder here, whatever is cut when.

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use pintail_core::name::AppName;
use pintail_core::version::Version;
use pintail_core::wire::frame;
use pintail_depot::proof::PROOF_FORMAT;
use pintail_depot::remote::wire::{Ask, Beside, Say};
use pintail_depot::served::serve;
use pintail_depot::{Card, Depot, DepotError, Proof, Published, Remote, Wire, unpack};

/// The far folder, and the ways to it.
struct Room {
    folder: tempfile::TempDir,
    /// How many connections there were.
    dialled: Arc<AtomicUsize>,
    /// After so many bytes from here the link is cut, and after so many to here.
    cut: Arc<[AtomicU64; 2]>,
    /// What was said, from here and to here.
    heard: Arc<[Mutex<Vec<u8>>; 2]>,
}

/// One end of a link that can be cut, and that is listened to.
struct End {
    stream: UnixStream,
    way: usize,
    cut: Arc<[AtomicU64; 2]>,
    heard: Arc<[Mutex<Vec<u8>>; 2]>,
}

impl End {
    /// How many of `count` bytes still pass.
    fn pass(&self, count: usize) -> io::Result<usize> {
        let left = self.cut[self.way].load(Ordering::SeqCst);
        let count = count.min(usize::try_from(left).unwrap_or(usize::MAX));
        if count == 0 {
            let _ = self.stream.shutdown(Shutdown::Both);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.cut[self.way].fetch_sub(count as u64, Ordering::SeqCst);
        Ok(count)
    }
}

impl Read for End {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.pass(bytes.len().min(1000))?;
        let read = self.stream.read(&mut bytes[..count])?;
        self.cut[self.way].fetch_add((count - read) as u64, Ordering::SeqCst);
        self.heard[self.way].lock().unwrap().extend(&bytes[..read]);
        Ok(read)
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.pass(bytes.len().min(1000))?;
        let written = self.stream.write(&bytes[..count])?;
        self.heard[self.way].lock().unwrap().extend(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hung up, and the far end has ended.
struct Held(UnixStream, Option<std::thread::JoinHandle<()>>);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.shutdown(Shutdown::Both);
        let _ = self.1.take().unwrap().join();
    }
}

const NEVER: u64 = u64::MAX / 2;

impl Room {
    fn new() -> Room {
        let folder = tempfile::tempdir().unwrap();
        let cut = Arc::new([AtomicU64::new(NEVER), AtomicU64::new(NEVER)]);
        Room { folder, dialled: Arc::default(), cut, heard: Arc::default() }
    }

    /// The folder on the far machine.
    fn far(&self) -> Depot {
        Depot::new(self.folder.path().join("far"))
    }

    /// The depot as `who` sees it, with a cache of its own.
    fn near(&self, who: &str) -> Depot {
        let far = self.far();
        let (dialled, cut, heard) = (self.dialled.clone(), self.cut.clone(), self.heard.clone());
        let dial = move || {
            dialled.fetch_add(1, Ordering::SeqCst);
            let (here, there) = UnixStream::pair().unwrap();
            let far = far.clone();
            let server = std::thread::spawn(move || {
                let _ = serve(&far, "1.0", there.try_clone().unwrap(), &there);
                let _ = there.shutdown(Shutdown::Both);
            });
            let end = |way| {
                let (cut, heard) = (cut.clone(), heard.clone());
                Box::new(End { stream: here.try_clone().unwrap(), way, cut, heard })
            };
            let (to, from) = (end(0), end(1));
            Ok(Wire { from, to, held: Box::new(Held(here, Some(server))) })
        };
        Depot::away(Remote::new("far:/depot", "1.0", dial), self.cache(who))
    }

    fn cache(&self, who: &str) -> PathBuf {
        self.folder.path().join(who)
    }

    /// A tree whose content is `text` and some noise.
    fn tree(&self, text: &str) -> PathBuf {
        let tree = self.folder.path().join(format!("tree-{}", blake3::hash(text.as_bytes()).to_hex()));
        if !tree.exists() {
            fs::create_dir_all(&tree).unwrap();
            fs::write(tree.join("index.html"), text).unwrap();
            let mut noise = vec![0; 1_200_000];
            blake3::Hasher::new().update(text.as_bytes()).finalize_xof().fill(&mut noise);
            fs::write(tree.join("noise"), noise).unwrap();
        }
        tree
    }

    fn publish(&self, depot: &Depot, text: &str, version: &str) -> Result<Published, DepotError> {
        depot.publish_tree(&self.tree(text), &blog(), &parsed(version), None, 1000)
    }

    fn dialled(&self) -> usize {
        self.dialled.swap(0, Ordering::SeqCst)
    }

    /// What is said from now on, in bytes from here and to here.
    fn said(&self) -> [usize; 2] {
        [0, 1].map(|way| std::mem::take(&mut *self.heard[way].lock().unwrap()).len())
    }

    fn cut_after(&self, way: usize, bytes: u64) {
        self.cut[way].store(bytes, Ordering::SeqCst);
    }

    fn names(&self, depot: &Depot) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(depot.folder().join("artifacts"))
            .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
            .unwrap_or_default();
        names.sort();
        names
    }
}

fn blog() -> AppName {
    "blog".parse().unwrap()
}

fn parsed(version: &str) -> Version {
    version.parse().unwrap()
}

fn versions(depot: &Depot) -> Vec<String> {
    let cards = depot.list().unwrap().cards;
    cards.iter().map(|card| card.version.to_string()).collect()
}

fn content(depot: &Depot, version: &str, into: &Path) -> String {
    let (card, file) = depot.open(&blog(), &parsed(version)).unwrap();
    let into = into.join(format!("into-{version}"));
    unpack(file, &into, &card.digest, &pintail_depot::Limits::default()).unwrap();
    fs::read_to_string(into.join("index.html")).unwrap()
}

#[test]
fn published_there_and_taken_by_another() {
    let room = Room::new();
    let ada = room.near("ada");
    assert!(ada.list().unwrap().cards.is_empty());
    let added = room.publish(&ada, "one", "1.0").unwrap();
    assert!(matches!(added, Published::Added(_)));
    room.publish(&ada, "two", "2.0").unwrap();
    assert_eq!(room.dialled(), 1, "a connection serves the whole command");
    assert_eq!(versions(&room.far()), ["1.0", "2.0"]);
    assert_eq!(room.far().list().unwrap().cards, ada.list().unwrap().cards);
    let ben = room.near("ben");
    assert_eq!(ben.latest(&blog()).unwrap().unwrap().version.as_str(), "2.0");
    assert_eq!(content(&ben, "2.0", room.folder.path()), "two");
    assert_eq!(
        ben.show(&blog(), &parsed("2.0")).unwrap().0,
        room.far().find(&blog(), &parsed("2.0")).unwrap()
    );
    assert_eq!(room.dialled(), 1);
    room.said();
    // What is here is not brought again, also by the next command.
    let again = room.near("ben");
    assert_eq!(again.open(&blog(), &parsed("2.0")).unwrap().0.version.as_str(), "2.0");
    assert!(room.said()[1] < 5000);
    assert_eq!(again.verify(&blog(), &parsed("2.0")).unwrap().version.as_str(), "2.0");
    let missing = again.find(&blog(), &parsed("3.0")).unwrap_err();
    assert_eq!(missing.to_string(), "`blog` `3.0` is not in the depot `far:/depot`; it has `2.0`, `1.0`");
}

#[test]
fn the_same_again_is_fine_and_another_is_refused() {
    let room = Room::new();
    let (ada, ben) = (room.near("ada"), room.near("ben"));
    let first = room.publish(&ada, "one", "1.0").unwrap();
    room.said();
    assert_eq!(room.publish(&ben, "one", "1.0").unwrap(), Published::AlreadyThere(first.card().clone()));
    assert!(room.said()[0] < 5000, "its bytes are not brought again");
    let taken = room.publish(&ben, "two", "1.0").unwrap_err();
    assert!(matches!(taken, DepotError::Taken { there, .. } if there == first.card().digest), "{taken}");
    // The cache of whoever was refused does not show what is not there.
    assert_eq!(content(&ben, "1.0", room.folder.path()), "one");
    let (a, b) = ("blog-1".parse().unwrap(), parsed("0"));
    let same_file = ada.publish_tree(&room.tree("x"), &a, &b, None, 1).map(drop);
    same_file.unwrap();
    let clash = ada.publish_tree(&room.tree("x"), &blog(), &parsed("1-0"), None, 1).unwrap_err();
    assert!(matches!(clash, DepotError::SameFileName { .. }), "{clash}");
}

#[test]
fn of_two_publishers_one_wins() {
    for round in 0..8 {
        let room = Room::new();
        let texts = ["one", if round % 2 == 0 { "two" } else { "one" }];
        texts.iter().for_each(|text| drop(room.tree(text)));
        let together = Barrier::new(2);
        let published: Vec<_> = std::thread::scope(|scope| {
            let start = |(who, text): (usize, &'static str)| {
                let (room, together) = (&room, &together);
                scope.spawn(move || {
                    let depot = room.near(&format!("who{who}"));
                    depot.list().unwrap();
                    together.wait();
                    room.publish(&depot, text, "1.0")
                })
            };
            let started: Vec<_> = texts.into_iter().enumerate().map(start).collect();
            started.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let added = |ended: &&Result<_, _>| matches!(ended, Ok(Published::Added(_)));
        assert_eq!(published.iter().filter(added).count(), 1, "{published:?}");
        let other = published.iter().find(|ended| !added(ended)).unwrap();
        match texts[0] == texts[1] {
            true => assert!(matches!(other, Ok(Published::AlreadyThere(_))), "{other:?}"),
            false => assert!(matches!(other, Err(DepotError::Taken { .. })), "{other:?}"),
        }
        assert_eq!(room.names(&room.far()), ["blog-1.0.json", "blog-1.0.tar.zst"]);
        room.far().verify(&blog(), &parsed("1.0")).unwrap();
    }
}

/// The link is cut at many places while an artifact goes there: nothing is visible, and what is said again goes on.
#[test]
fn what_is_cut_on_its_way_there_goes_on() {
    let (mut cuts, mut saved) = (0, 0);
    for after in (50..1_300_000).step_by(40_001) {
        let room = Room::new();
        let ada = room.near("ada");
        room.cut_after(0, after);
        let error = match room.publish(&ada, "one", "1.0") {
            Ok(_) => break,
            Err(error) => error.to_string(),
        };
        cuts += 1;
        assert!(error.starts_with("the link to the depot `far:/depot` was cut"), "{after}: {error}");
        assert!(room.far().list().unwrap().cards.is_empty(), "{after}");
        assert!(room.names(&ada).iter().all(|name| name.starts_with('.')), "{after}");
        room.cut_after(0, NEVER);
        room.said();
        assert!(matches!(room.publish(&ada, "one", "1.0").unwrap(), Published::Added(_)), "{after}");
        let size = room.far().find(&blog(), &parsed("1.0")).unwrap().packed_bytes;
        let brought = room.said()[0] as u64;
        // What came of a frame that isn't whole is brought again.
        if after > 600_000 {
            assert!(brought + after < size + 300_000, "{after}: {brought} of {size}");
            saved += 1;
        }
        room.far().verify(&blog(), &parsed("1.0")).unwrap();
        assert_eq!(room.names(&room.far()), ["blog-1.0.json", "blog-1.0.tar.zst"], "{after}");
    }
    assert!(cuts > 25 && saved > 10, "{cuts} cuts, {saved} gone on");
}

#[test]
fn what_is_cut_on_its_way_here_goes_on() {
    let (mut cuts, mut saved) = (0, 0);
    for after in (50..1_300_000).step_by(40_001) {
        let room = Room::new();
        room.publish(&room.far(), "one", "1.0").unwrap();
        let ada = room.near("ada");
        room.cut_after(1, after);
        let error = match ada.open(&blog(), &parsed("1.0")) {
            Ok(_) => break,
            Err(error) => error.to_string(),
        };
        cuts += 1;
        assert!(error.contains("was cut"), "{after}: {error}");
        assert!(room.names(&ada).iter().all(|name| name.starts_with('.')), "{after}");
        room.cut_after(1, NEVER);
        room.said();
        assert_eq!(content(&ada, "1.0", room.folder.path()), "one", "{after}");
        let brought = room.said()[1] as u64;
        if after > 600_000 {
            assert!(brought + after < 1_200_000 + 300_000, "{after}: {brought}");
            saved += 1;
        }
        assert_eq!(room.names(&ada), ["blog-1.0.json", "blog-1.0.tar.zst"], "{after}");
    }
    assert!(cuts > 25 && saved > 10, "{cuts} cuts, {saved} gone on");
}

/// The link is cut before the answer comes: whatever became of it there, the same again ends well.
#[test]
fn an_answer_that_was_cut_is_asked_for_again() {
    let (mut cuts, mut were_there) = (0, 0);
    for after in (10..1_000).step_by(15) {
        let room = Room::new();
        let ada = room.near("ada");
        room.cut_after(1, after);
        match room.publish(&ada, "one", "1.0") {
            Ok(_) => break,
            Err(error) => assert!(error.to_string().contains("was cut"), "{after}: {error}"),
        }
        cuts += 1;
        room.cut_after(1, NEVER);
        let is_there = !room.far().list().unwrap().cards.is_empty();
        let again = room.publish(&ada, "one", "1.0").unwrap();
        assert_eq!(matches!(again, Published::AlreadyThere(_)), is_there, "{after}");
        were_there += usize::from(is_there);
        room.far().verify(&blog(), &parsed("1.0")).unwrap();
        assert_eq!(room.names(&room.far()), ["blog-1.0.json", "blog-1.0.tar.zst"], "{after}");
    }
    assert!(cuts > 10 && were_there > 5, "{cuts} cuts, {were_there} were there");
}

/// What was begun is only a beginning: other bytes in it are found before anything is visible.
#[test]
fn nothing_begun_is_believed() {
    let room = Room::new();
    let ada = room.near("ada");
    room.cut_after(0, 700_000);
    room.publish(&ada, "one", "1.0").unwrap_err();
    room.cut_after(0, NEVER);
    let begun = room.names(&room.far()).remove(0);
    assert!(begun.ends_with(".begun"), "{begun}");
    let begun = room.far().folder().join("artifacts").join(begun);
    let mut bytes = fs::read(&begun).unwrap();
    bytes[1000] ^= 1;
    fs::write(&begun, bytes).unwrap();
    let told = room.publish(&ada, "one", "1.0").unwrap_err().to_string();
    assert!(told.contains("the digest of the file differs from its card; say the same again"), "{told}");
    assert_eq!(room.names(&room.far()), [""; 0], "it is not gone on with");
    room.publish(&ada, "one", "1.0").unwrap();
    // The same here, and with more bytes than there are.
    let ben = room.near("ben");
    room.cut_after(1, 700_000);
    ben.open(&blog(), &parsed("1.0")).unwrap_err();
    room.cut_after(1, NEVER);
    let begun = ben.folder().join("artifacts").join(room.names(&ben).remove(0));
    fs::write(&begun, vec![7; 1_400_000]).unwrap();
    assert_eq!(content(&ben, "1.0", room.folder.path()), "one");
}

#[test]
fn what_lies_beside_goes_along() {
    let room = Room::new();
    let bench = Depot::new(room.folder.path().join("bench"));
    let card = room.publish(&bench, "one", "1.0").unwrap().card().clone();
    let proof = Proof {
        format: PROOF_FORMAT,
        name: blog(),
        version: parsed("1.0"),
        digest: card.digest,
        command: "true".to_owned(),
        exit: 0,
        began_ms: 1,
        took_ms: 2,
        by: "ada@desk".to_owned(),
        sealed: Vec::new(),
    };
    bench.write_proof(&proof).unwrap();
    let signature = "untrusted comment: minisign\nRUQkka8DYDkjMJPegBBMAXYywyglFMSNPYQRwh905FFR1gKUWOA5ZXbt98okUCMdDKax626jSWkhqk+e3sourjM/ga4lImzVFgc=\ntrusted comment: x\nxG+z7KIGFSINIdXLyZS7diHSnBX2CO1rEhu/cUwD0g0x/Jk9KQ732+vJoPoT/mQHLak1FEbeqD0VUg5Z22/wAw==\n";
    bench.write_signature(&card, signature).unwrap();
    let ada = room.near("ada");
    ada.take_over(&bench, &blog(), &parsed("1.0"), 5).unwrap();
    assert_eq!(
        room.names(&room.far()),
        ["blog-1.0.json", "blog-1.0.proof.json", "blog-1.0.tar.zst", "blog-1.0.tar.zst.minisig"]
    );
    let ben = room.near("ben");
    let there = ben.find(&blog(), &parsed("1.0")).unwrap();
    assert_eq!((ben.proof(&there).unwrap().unwrap(), there.added_ms), (proof, 5));
    assert_eq!(ben.signature(&there).unwrap().unwrap(), signature);
    // Nothing else can be put there.
    let told = ada.write_signature(&card, "nothing of the kind").unwrap_err().to_string();
    assert!(told.contains("nothing to lie beside `blog` `1.0`"), "{told}");
    // Taken away with the artifact, and only that very release.
    let mut other = there.clone();
    other.digest = pintail_core::digest::Digest::of(b"another");
    ben.remove(&other).unwrap_err();
    ben.remove(&there).unwrap();
    assert_eq!(room.names(&room.far()), [""; 0]);
    assert!(ben.list().unwrap().cards.is_empty());
}

/// What somebody removed, or put in the place of another, is not what the cache has of it.
#[test]
fn only_what_is_there_counts() {
    let room = Room::new();
    room.publish(&room.far(), "one", "1.0").unwrap();
    assert_eq!(content(&room.near("ada"), "1.0", room.folder.path()), "one");
    let card = room.far().find(&blog(), &parsed("1.0")).unwrap();
    room.far().remove(&card).unwrap();
    room.near("ada").open(&blog(), &parsed("1.0")).unwrap_err();
    room.publish(&room.far(), "two", "1.0").unwrap();
    fs::remove_dir_all(room.folder.path().join("into-1.0")).unwrap();
    assert_eq!(content(&room.near("ada"), "1.0", room.folder.path()), "two");
    // A copy that was cut short is brought again.
    let path = room.near("ada").artifact_path(&blog(), &parsed("1.0"));
    fs::write(&path, "short").unwrap();
    fs::remove_dir_all(room.folder.path().join("into-1.0")).unwrap();
    assert_eq!(content(&room.near("ada"), "1.0", room.folder.path()), "two");
}

/// Damage that is only this machine's is not the depot's: what was brought is brought once more.
#[test]
fn a_damaged_cache_is_brought_anew() {
    let room = Room::new();
    room.publish(&room.far(), "one", "1.0").unwrap();
    let near = room.near("ada");
    let (card, manifest) = near.show(&blog(), &parsed("1.0")).unwrap();
    let path = near.artifact_path(&blog(), &parsed("1.0"));
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[..8].fill(0);
    fs::write(&path, &bad).unwrap();
    assert_eq!(near.show(&blog(), &parsed("1.0")).unwrap(), (card, manifest));
    assert_eq!(fs::read(&path).unwrap(), good);
}

#[test]
fn the_cache_is_bounded() {
    let room = Room::new();
    let ada = room.near("ada");
    for version in 0..20 {
        let tree = room.folder.path().join(format!("small-{version}"));
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("version"), version.to_string()).unwrap();
        ada.publish_tree(&tree, &blog(), &parsed(&version.to_string()), None, 1).unwrap();
    }
    assert_eq!(room.names(&ada).len(), 2 * 16);
    assert_eq!(versions(&ada).len(), 20);
    for version in 0..20 {
        ada.open(&blog(), &parsed(&version.to_string())).unwrap();
    }
}

/// Cards that are missing are made again there, the same but for the time.
#[test]
fn a_missing_card_is_made_again_there() {
    let room = Room::new();
    let ada = room.near("ada");
    let before = room.publish(&ada, "one", "1.0").unwrap().card().clone();
    fs::remove_file(room.far().folder().join("artifacts/blog-1.0.json")).unwrap();
    let after = room.near("ada").find(&blog(), &parsed("1.0")).unwrap();
    assert_eq!(Card { added_ms: before.added_ms, ..after }, before);
    assert!(room.far().folder().join("artifacts/blog-1.0.json").exists());
}

#[test]
fn a_fault_there_is_told_and_hides_nothing() {
    let room = Room::new();
    room.publish(&room.far(), "one", "1.0").unwrap();
    fs::write(room.far().folder().join("artifacts/blog-9.tar.zst"), "nonsense\u{1b}[2J").unwrap();
    let listing = room.near("ada").list().unwrap();
    assert_eq!(listing.cards.len(), 1);
    let told = listing.faults[0].to_string();
    assert!(told.starts_with("the depot `far:/depot` refuses: artifact "), "{told}");
}

/// A far end that answers with what it is given.
fn odd(answers: Vec<Vec<u8>>) -> Depot {
    odd_with(answers, Path::new("/nonexistent/cache"))
}

fn odd_with(answers: Vec<Vec<u8>>, cache: &Path) -> Depot {
    let dial = move || {
        let from: Vec<u8> = answers.concat();
        Ok(Wire { from: Box::new(io::Cursor::new(from)), to: Box::new(io::sink()), held: Box::new(()) })
    };
    Depot::away(Remote::new("far:/depot", "1.0", dial), cache)
}

fn framed(say: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::send(&mut bytes, say).unwrap();
    bytes
}

/// What the far end says that it has is what will be signed and deployed: it must be what was sent.
#[test]
fn a_far_end_that_says_something_else_is_not_believed() {
    let room = Room::new();
    let card = room.publish(&room.far(), "one", "1.0").unwrap().card().clone();
    let publish = |added, card: Card| {
        let hello = framed(&Say::Hello { format: 1, pintail: "9.9".to_owned() });
        let answers = vec![hello, framed(&Say::From { from: 0 }), framed(&Say::Published { added, card })];
        room.publish(&odd_with(answers, &room.cache("ada")), "one", "1.0")
    };
    let other = card.digest;
    publish(true, Card { added_ms: 5, ..card.clone() }).unwrap();
    publish(false, Card { packed_digest: other, packed_bytes: 5, ..card.clone() }).unwrap();
    for (added, lie) in [
        (true, Card { packed_digest: other, ..card.clone() }),
        (true, Card { packed_bytes: 5, ..card.clone() }),
        (true, Card { commit: Some("deadbeef".to_owned()), ..card.clone() }),
        (false, Card { files: 777, ..card.clone() }),
    ] {
        let told = publish(added, lie).unwrap_err().to_string();
        assert!(told.contains("another artifact of `blog` `1.0` than it was sent"), "{told}");
    }
}

#[test]
fn what_speaks_another_format_is_refused_plainly() {
    let hello = |format| framed(&Say::Hello { format, pintail: "9.9".to_owned() });
    let future = framed(&serde_json::json!({"say": "sung", "verses": 3}));
    let bytes = framed(&Say::Bytes { bytes: 3 });
    let told: Vec<String> = [
        vec![hello(2)],
        vec![hello(0)],
        vec![hello(1), future],
        vec![hello(1), bytes],
        vec![b"Welcome to Debian\n".to_vec()],
        vec![],
        vec![hello(1)],
    ]
    .into_iter()
    .map(|answers| odd(answers).list().unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(told.join("\n"));
    // And from the other side.
    let room = Room::new();
    let said = |asks: &[Vec<u8>]| {
        let mut out = Vec::new();
        serve(&room.far(), "1.0", io::Cursor::new(asks.concat()), &mut out).unwrap();
        let frame = frame::receive(&mut &out[..]).unwrap().unwrap();
        serde_json::to_string(&frame.value::<Say>().unwrap()).unwrap()
    };
    let told = [
        said(&[framed(&Ask::Hello { format: 2, pintail: "9.9".to_owned() }), framed(&Ask::List)]),
        said(&[framed(&Ask::List)]),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

/// The words on the wire are a promise.
#[test]
fn every_word_is_pinned() {
    let room = Room::new();
    room.publish(&room.far(), "one", "1.0").unwrap();
    let card = Card { added_ms: 1000, ..room.far().find(&blog(), &parsed("1.0")).unwrap() };
    let (name, version, digest) = (blog(), parsed("1.0"), card.digest);
    let asks = [
        Ask::Hello { format: 1, pintail: "1.0".to_owned() },
        Ask::List,
        Ask::Get {
            name: name.clone(),
            version: version.clone(),
            packed_digest: card.packed_digest,
            from: card.packed_bytes - 3,
        },
        Ask::Put { card: card.clone() },
        Ask::Beside { name: name.clone(), version: version.clone(), what: Beside::Signature },
        Ask::PutBeside {
            name: name.clone(),
            version: version.clone(),
            digest,
            what: Beside::Proof,
            text: "{}".to_owned(),
        },
        Ask::Verify { name: name.clone(), version: version.clone() },
        Ask::Remove { name: name.clone(), version: version.clone(), digest },
        Ask::Put { card: card.clone() },
        Ask::End,
    ];
    let mut out = Vec::new();
    let heard: Vec<u8> = asks.iter().flat_map(framed).collect();
    serve(&room.far(), "1.0", &heard[..], &mut out).unwrap();
    let mut lines: Vec<String> = asks.iter().map(|ask| serde_json::to_string(ask).unwrap()).collect();
    lines.push(String::new());
    let mut from = &out[..];
    while let Some(frame) = frame::receive(&mut from).unwrap() {
        lines.push(match &frame {
            frame::Frame::Data(bytes) => format!("{} bytes", bytes.len()),
            json => serde_json::to_string(&json.value::<Say>().unwrap()).unwrap(),
        });
    }
    let text = lines.join("\n").replace(&digest.to_string(), "DIGEST");
    let text = text.replace(&card.packed_digest.to_string(), "PACKED");
    let text = text.replace(room.folder.path().to_str().unwrap(), "ROOM");
    insta::assert_snapshot!(
        text.replace(&card.packed_bytes.to_string(), "BYTES")
            .replace(&(card.packed_bytes - 3).to_string(), "LAST")
    );
}

/// What was published from here is signed, not what lies there by then; also where the far end says what is not so.
#[test]
fn what_came_in_its_place_is_not_signed_there() {
    use pintail_depot::signing::{SecretFile, SecretKey};
    // Made by `minisign -G -W`.
    let key = |text: &str| match SecretFile::read(text).unwrap() {
        SecretFile::Open(key) => key,
        SecretFile::Locked(_) => panic!("it has no password"),
    };
    let key: SecretKey = key(SECRET);
    let room = Room::new();
    let (ada, far) = (room.near("ada"), room.far());
    let card = room.publish(&ada, "one", "1.0").unwrap().card().clone();
    far.remove(&card).unwrap();
    let evil = room.publish(&far, "evil", "1.0").unwrap().card().clone();
    let signature = || far.signature(&evil).unwrap();
    // With the bytes still here, and with an empty cache.
    let told = ada.sign(&card, &key, 1000).unwrap_err().to_string();
    assert!(told.contains("that version is there with digest"), "{told}");
    assert_eq!(signature(), None);
    room.near("ben").sign(&card, &key, 1000).unwrap_err();
    assert_eq!(signature(), None);
    room.near("ben").sign(&evil, &key, 1000).unwrap();
    assert!(signature().is_some());
}

/// A pair's secret half, of no use to anybody.
const SECRET: &str = "untrusted comment: minisign encrypted secret key\nRWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAuvHUW3bmECD/sya2hZ7A2srXNTUAXwpRDL/OzpyCzh9xexpuUjfYlolKZNLOSPyeVc0o16MrBH3FejSrl2Li1RV7Oua6ciiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
