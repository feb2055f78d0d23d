//! Signatures, both ways with Debian's own minisign: what we sign it checks, what it signs we check; and every kind of
//! signature that doesn't hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pintail_core::name::AppName;
use pintail_core::version::Version;
use pintail_depot::signing::{KeyError, PublicKey, SecretFile, SecretKey};
use pintail_depot::{Card, Depot};

/// Runs minisign; says whether it was content, and what it said.
#[track_caller]
fn minisign(folder: &Path, arguments: &[&str], input: &str) -> (bool, String) {
    use std::io::Write;
    let mut command = Command::new("minisign");
    command.args(arguments).current_dir(folder);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child =
        piped.expect("this test runs `minisign`: `apt-get install minisign`, or `./test`, which does it");
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let ended = child.wait_with_output().unwrap();
    let said = [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    (ended.status.success(), said.concat())
}

struct Room {
    folder: tempfile::TempDir,
    depot: Depot,
}

impl Room {
    fn new() -> Room {
        let folder = tempfile::tempdir().unwrap();
        let depot = Depot::new(folder.path().join("depot"));
        let room = Room { folder, depot };
        room.publish("1.0", "one");
        room.publish("2.0", "two");
        room
    }

    fn publish(&self, version: &str, text: &str) -> Card {
        let tree = self.folder.path().join(format!("tree-{version}"));
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("index.html"), text).unwrap();
        self.depot.publish_tree(&tree, &blog(), &parsed(version), None, 1000).unwrap().card().clone()
    }

    /// A pair of keys made by minisign, without a password.
    #[track_caller]
    fn keys(&self, name: &str) -> (SecretKey, PublicKey) {
        let (public, secret) = (format!("{name}.pub"), format!("{name}.key"));
        let (made, said) = minisign(self.folder.path(), &["-G", "-W", "-p", &public, "-s", &secret], "");
        assert!(made, "{said}");
        let text = |file: &str| fs::read_to_string(self.folder.path().join(file)).unwrap();
        let SecretFile::Open(key) = SecretFile::read(&text(&secret)).unwrap() else {
            panic!("it has no password")
        };
        (key, PublicKey::from_text(&text(&public)).unwrap())
    }

    fn card(&self, version: &str) -> Card {
        self.depot.find(&blog(), &parsed(version)).unwrap()
    }

    fn artifact(&self, version: &str) -> PathBuf {
        self.depot.artifact_path(&blog(), &parsed(version))
    }

    fn signature(&self, version: &str) -> PathBuf {
        PathBuf::from(format!("{}.minisig", self.artifact(version).display()))
    }

    fn check(&self, version: &str, keys: &[&PublicKey]) -> Result<String, String> {
        let keys: Vec<PublicKey> = keys.iter().map(|key| (*key).clone()).collect();
        let signed = self.depot.find(&blog(), &parsed(version));
        let signed = signed.and_then(|card| self.depot.check_signed(&card, &keys));
        signed.map(|signed| signed.by.to_string()).map_err(|error| error.to_string())
    }
}

fn blog() -> AppName {
    "blog".parse().unwrap()
}

fn parsed(version: &str) -> Version {
    version.parse().unwrap()
}

#[test]
fn minisign_checks_what_we_sign() {
    let room = Room::new();
    let (key, public) = room.keys("ci");
    let card = room.card("1.0");
    room.depot.sign(&card, &key, 1_700_000_000_000).unwrap();
    let artifact = room.artifact("1.0");
    let artifact = artifact.to_str().unwrap();
    let (holds, said) = minisign(room.folder.path(), &["-Vm", artifact, "-p", "ci.pub"], "");
    assert!(holds, "{said}");
    let comment = format!("timestamp:1700000000\tname:blog\tversion:1.0\tdigest:{}", card.digest);
    assert!(said.contains(&format!("Trusted comment: {comment}")), "{said}");
    let (holds, said) = minisign(room.folder.path(), &["-Vm", artifact, "-P", &key.public_line()], "");
    assert!(holds, "{said}");
    assert_eq!(room.check("1.0", &[&public]), Ok(key.id().to_string()));
    let signed = room.depot.check_signed(&card, &[public]).unwrap();
    assert_eq!(signed.comment, comment);
    let line = PublicKey::from_line(&key.public_line()).unwrap();
    assert_eq!(room.check("1.0", &[&line]), Ok(key.id().to_string()));
}

#[test]
fn we_check_what_minisign_signs() {
    let room = Room::new();
    let (_, public) = room.keys("ci");
    let artifact = room.artifact("1.0");
    let sign = ["-S", "-s", "ci.key", "-m", artifact.to_str().unwrap()];
    assert!(minisign(room.folder.path(), &sign, "").0);
    assert_eq!(room.check("1.0", &[&public]), Ok(public.id().to_string()));
    // Of its old kind there is none that we take.
    assert!(minisign(room.folder.path(), &[&sign[..], &["-l"]].concat(), "").0);
    let told = room.check("1.0", &[&public]).unwrap_err();
    assert!(told.contains("old kind"), "{told}");
}

#[test]
fn a_key_with_a_password_is_opened_by_it_alone() {
    let room = Room::new();
    // Without a terminal minisign reads the password twice from its input.
    let made = minisign(room.folder.path(), &["-G", "-p", "ci.pub", "-s", "ci.key"], "hunter2\nhunter2\n");
    assert!(made.0, "{}", made.1);
    let text = fs::read_to_string(room.folder.path().join("ci.key")).unwrap();
    let SecretFile::Locked(locked) = SecretFile::read(&text).unwrap() else { panic!("it has a password") };
    assert!(matches!(locked.open("hunter3"), Err(KeyError::Password)));
    let key = locked.open("hunter2").unwrap();
    room.depot.sign(&room.card("1.0"), &key, 1000).unwrap();
    let artifact = room.artifact("1.0");
    let (holds, said) =
        minisign(room.folder.path(), &["-Vm", artifact.to_str().unwrap(), "-p", "ci.pub"], "");
    assert!(holds, "{said}");
    assert_eq!(format!("{key:?}"), format!("SecretKey({})", key.id()), "nothing of it is shown but its id");
}

/// Every kind of signature that doesn't hold, and what is said of it.
#[test]
fn a_signature_that_does_not_hold_says_why() {
    let room = Room::new();
    let (key, public) = room.keys("ci");
    let (other, _) = room.keys("other");
    let ids =
        |text: String| text.replace(&key.id().to_string(), "KEY").replace(&other.id().to_string(), "OTHER");
    let mut told = Vec::new();
    let mut check = |what: &str| {
        let why = room.check("1.0", &[&public]).expect_err(what);
        told.push(format!("{what}\n  {}", ids(why)));
    };
    check("none");
    room.depot.sign(&room.card("1.0"), &other, 1000).unwrap();
    check("another key");
    room.depot.sign(&room.card("2.0"), &key, 1000).unwrap();
    fs::copy(room.signature("2.0"), room.signature("1.0")).unwrap();
    check("another artifact's");
    room.depot.sign(&room.card("1.0"), &key, 1000).unwrap();
    let good = fs::read_to_string(room.signature("1.0")).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let put = |lines: &[&str]| fs::write(room.signature("1.0"), lines.join("\n")).unwrap();
    put(&[lines[0], lines[1], "trusted comment: timestamp:0", lines[3]]);
    check("another comment");
    put(&[lines[0], lines[1], &lines[2].replace("version:1.0", "version:9.9"), lines[3]]);
    check("another version in the comment");
    for other in ["digest:zz", "version:", "name:a b"] {
        let key = other.split(':').next().unwrap();
        let said = lines[2].split('\t').filter(|part| !part.starts_with(key)).collect::<Vec<_>>().join("\t");
        // Once in place of ours, once behind it.
        put(&[lines[0], lines[1], &format!("{said}\t{other}"), lines[3]]);
        check(&format!("`{other}` in the comment"));
        put(&[lines[0], lines[1], &format!("{}\t{other}", lines[2]), lines[3]]);
        check(&format!("`{other}` behind ours in the comment"));
    }
    put(&lines[..3]);
    check("cut off");
    put(&["\u{1b}[31m", "not base64 at all", lines[2], lines[3]]);
    check("nonsense");
    // A key of the same id is another key all the same.
    let mut forged = ct_codecs_decode(&other.public_line());
    forged[2..10].copy_from_slice(&ct_codecs_decode(&key.public_line())[2..10]);
    let forged = PublicKey::from_line(&ct_codecs_encode(&forged)).unwrap();
    fs::write(room.signature("1.0"), &good).unwrap();
    let why = room.check("1.0", &[&forged]).unwrap_err();
    told.push(format!("a key that took the id\n  {}", ids(why)));
    assert!(room.check("1.0", &[&forged, &public]).is_ok(), "which of the two it is, the signature says");
    insta::assert_snapshot!(told.join("\n"));
}

fn ct_codecs_decode(line: &str) -> Vec<u8> {
    use ct_codecs::Decoder;
    ct_codecs::Base64::decode_to_vec(line, None).unwrap()
}

fn ct_codecs_encode(bytes: &[u8]) -> String {
    use ct_codecs::Encoder;
    ct_codecs::Base64::encode_to_string(bytes).unwrap()
}

#[test]
fn a_file_that_was_changed_is_not_what_was_signed() {
    let room = Room::new();
    let (key, public) = room.keys("ci");
    room.depot.sign(&room.card("1.0"), &key, 1000).unwrap();
    let artifact = room.artifact("1.0");
    let good = fs::read(&artifact).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&artifact, bytes).unwrap();
        room.check("1.0", &[&public]).expect_err("a changed byte");
    }
    // Bytes behind the end, and a card that says they belong there.
    fs::write(&artifact, [&good[..], b"more"].concat()).unwrap();
    let card = format!("{}", artifact.display()).replace(".tar.zst", ".json");
    fs::remove_file(card).unwrap();
    room.check("1.0", &[&public]).expect_err("bytes behind the end");
    fs::write(&artifact, good).unwrap();
}

/// A whole other release under the same name, with the old signature.
#[test]
fn another_release_under_the_name_is_refused() {
    let room = Room::new();
    let (key, public) = room.keys("ci");
    room.depot.sign(&room.card("1.0"), &key, 1000).unwrap();
    let signature = fs::read_to_string(room.signature("1.0")).unwrap();
    let card = room.depot.find(&blog(), &parsed("1.0")).unwrap();
    room.depot.remove(&card).unwrap();
    assert!(!room.signature("1.0").exists());
    fs::remove_dir_all(room.folder.path().join("tree-1.0")).unwrap();
    // A leftover of a removal that was cut off does not speak for what comes next.
    fs::write(room.signature("1.0"), &signature).unwrap();
    let card = room.publish("1.0", "evil");
    assert!(!room.signature("1.0").exists());
    room.depot.write_signature(&card, &signature).unwrap();
    let told = room.check("1.0", &[&public]).unwrap_err();
    assert!(told.contains("that of another artifact: `blog` `1.0` with digest "), "{told}");
}

#[test]
fn what_was_changed_is_not_signed() {
    let room = Room::new();
    let (key, _) = room.keys("ci");
    let artifact = room.artifact("1.0");
    let mut bytes = fs::read(&artifact).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&artifact, bytes).unwrap();
    room.depot.sign(&room.card("1.0"), &key, 1000).expect_err("it differs from its card");
    assert!(!room.signature("1.0").exists());
}

#[test]
fn what_is_no_key_is_told_without_being_repeated() {
    let room = Room::new();
    room.keys("ci");
    let secret = fs::read_to_string(room.folder.path().join("ci.key")).unwrap();
    let line = secret.lines().nth(1).unwrap();
    let mut told: Vec<String> = Vec::new();
    for text in ["", "RWQ", "untrusted comment: x\n", "ssh-ed25519 AAAA", &secret] {
        told.push(PublicKey::from_text(text).expect_err(text).to_string());
    }
    for text in ["", "a\nb", "untrusted comment: x\nRWQkka8DYDkjMNc+/28LDBoQaYXERo9xpSiKtr7YT5P7YZa4J/QD77Mq"]
    {
        told.push(SecretFile::read(text).err().unwrap().to_string());
    }
    let damaged = secret.replace(&line[100..104], "AAAA");
    told.push(SecretFile::read(&damaged).err().unwrap().to_string());
    assert!(told.iter().all(|told| !told.contains(&line[60..80])));
    insta::assert_snapshot!(told.join("\n"));
}

/// A signature that the signer gave a comment which names nothing that could be: it holds for the bytes, and not for us.
#[test]
fn a_comment_that_names_nothing_is_of_another() {
    let room = Room::new();
    let (_, public) = room.keys("ci");
    let artifact = room.artifact("1.0");
    let sign = |comment: &str| {
        let arguments = ["-S", "-s", "ci.key", "-m", artifact.to_str().unwrap(), "-t", comment];
        assert!(minisign(room.folder.path(), &arguments, "").0);
    };
    sign("digest:zz");
    let told = room.check("1.0", &[&public]).unwrap_err();
    assert!(told.contains("that of another artifact: `blog` `1.0` with digest `zz`, not "), "{told}");
    sign("for the auditors: see ticket 12");
    assert!(room.check("1.0", &[&public]).is_ok());
}

/// While somebody swaps the file again and again, no moment is found in which the manifest of one and the signature of the
/// other are taken together.
#[test]
fn what_is_checked_is_one_file() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let room = Room::new();
    let (key, public) = room.keys("ci");
    let good_card = room.card("1.0");
    room.depot.sign(&good_card, &key, 1000).unwrap();
    let artifact = room.artifact("1.0");
    let aside = |name: &str| room.folder.path().join(name);
    fs::copy(&artifact, aside("good")).unwrap();
    fs::copy(room.signature("1.0"), aside("signature")).unwrap();
    room.depot.remove(&good_card).unwrap();
    fs::remove_dir_all(room.folder.path().join("tree-1.0")).unwrap();
    let evil_card = room.publish("1.0", "bad");
    fs::copy(&artifact, aside("evil")).unwrap();
    assert_eq!(good_card.packed_bytes, evil_card.packed_bytes, "no size gives it away");
    fs::copy(aside("signature"), room.signature("1.0")).unwrap();
    // One of minisign's own says nothing of the release, so only the bytes tell.
    let arguments = ["-S", "-s", "ci.key", "-m", "good", "-x", room.signature("1.0").to_str().unwrap()]
        .map(str::to_owned);
    assert!(minisign(room.folder.path(), &arguments.each_ref().map(String::as_str), "").0);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for name in ["good", "evil"].iter().cycle() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                fs::hard_link(aside(name), aside("swap")).unwrap();
                fs::rename(aside("swap"), &artifact).unwrap();
                let _ = fs::remove_file(aside("swap"));
            }
        });
        let mut held = false;
        let taken = (0..600).filter(|_| {
            let check = |card| room.depot.check_signed(card, std::slice::from_ref(&public)).is_ok();
            held |= check(&good_card);
            check(&evil_card)
        });
        let taken = taken.count();
        ended.store(true, Ordering::SeqCst);
        assert!(held, "the good one was there, too");
        assert_eq!(taken, 0, "the evil one was taken for signed");
    });
}

/// Cards, proofs and signatures are files: a link to one, a pipe, a folder is none, and no pipe makes anybody wait.
#[test]
fn what_lies_beside_is_a_file() {
    let room = Room::new();
    let (key, public) = room.keys("ci");
    room.depot.sign(&room.card("1.0"), &key, 1000).unwrap();
    let signature = room.signature("1.0");
    let aside = room.folder.path().join("aside");
    fs::rename(&signature, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &signature).unwrap();
    let told = room.check("1.0", &[&public]).unwrap_err();
    assert!(told.contains("it is no regular file"), "{told}");
    // Signing puts one there that is.
    room.depot.sign(&room.card("1.0"), &key, 1000).unwrap();
    assert!(room.check("1.0", &[&public]).is_ok());
    let card = room.card("1.0");
    let beside =
        |ending: &str| PathBuf::from(room.artifact("1.0").to_str().unwrap().replace(".tar.zst", ending));
    let mkfifo = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    mkfifo(&beside(".proof.json"));
    let told = room.depot.proof(&card).unwrap_err().to_string();
    assert!(told.contains("it is no regular file"), "{told}");
    fs::remove_file(beside(".json")).unwrap();
    mkfifo(&beside(".json"));
    assert_eq!(room.card("1.0"), card, "it is made again");
    assert!(fs::symlink_metadata(beside(".json")).unwrap().is_file());
    fs::remove_file(room.artifact("1.0")).unwrap();
    mkfifo(&room.artifact("1.0"));
    let told = room.depot.open(&blog(), &parsed("1.0")).unwrap_err().to_string();
    assert!(told.contains("it is no regular file"), "{told}");
}

/// What was published by somebody is signed, not what lies there by then.
#[test]
fn only_what_was_published_is_signed() {
    let room = Room::new();
    let (key, public) = room.keys("ci");
    let card = room.card("1.0");
    room.depot.remove(&card).unwrap();
    fs::remove_dir_all(room.folder.path().join("tree-1.0")).unwrap();
    let evil = room.publish("1.0", "evil");
    room.depot.sign(&card, &key, 1000).expect_err("another release lies there");
    // The same release in another file is another file.
    let other = Card { packed_digest: card.packed_digest, ..evil.clone() };
    room.depot.sign(&other, &key, 1000).expect_err("another file lies there");
    let other = Card { commit: Some("deadbeef".to_owned()), ..evil.clone() };
    room.depot.sign(&other, &key, 1000).expect_err("a card that says something else");
    assert!(!room.signature("1.0").exists());
    room.depot.write_signature(&card, "x").expect_err("the signature of another release");
    assert!(!room.signature("1.0").exists());
    room.depot.sign(&evil, &key, 1000).unwrap();
    let keys = [public];
    room.depot.check_signed(&evil, &keys).unwrap();
    // What a card says goes into the plan: with a good signature too it must be so.
    let lie = Card { commit: Some("deadbeef".to_owned()), ..evil.clone() };
    room.depot.check_signed(&lie, &keys).expect_err("another commit");
    room.depot.check_signed(&Card { files: 777, ..evil }, &keys).expect_err("another number of files");
}
