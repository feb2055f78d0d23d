//! Artifacts that are cut, changed, or made to do harm. Each is refused, or undone where only the host could see
//! it; nothing on the host is changed, and the next good deploy works.

#![allow(clippy::disallowed_methods, reason = "tests write files by hand")]

mod common;

use common::{HANDOVER, HELLO, Stage, error};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Long enough for a debug build, far too short for a bomb that goes off.
const QUICK: Duration = Duration::from_secs(20);

/// A tar archive that says whatever it is told to say.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn member(mut self, kind: u8, path: &str, link: &str, size: u64, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_mode(0o755);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str, content: &[u8]) -> Self {
        self.member(b'0', path, "", content.len() as u64, content)
    }

    /// The sample application.
    fn hello(version: &str) -> Self {
        Self::default()
            .file(&format!("hello-{version}/bin/hello"), HELLO)
            .file(&format!("hello-{version}/VERSION"), version.as_bytes())
            .file(&format!("hello-{version}/static/hello.css"), b"/* */")
    }

    fn gzip(self) -> Vec<u8> {
        gzip(&self.ended())
    }

    /// With one bit of a file's content changed afterwards, and nothing else: what stands uncompressed in the archive
    /// can be found, whatever this machine's compiler made of it.
    fn gzip_with_a_flipped_bit(self) -> Vec<u8> {
        let mut bytes = gzip_by(&self.ended(), Compression::none());
        let elf = bytes.windows(4).position(|four| four == b"\x7fELF").unwrap();
        bytes[elf + 100] ^= 0x10;
        bytes
    }

    fn ended(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    gzip_by(bytes, Compression::fast())
}

fn gzip_by(bytes: &[u8], compression: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), compression);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// 1 GiB of zeros in about a megabyte: one member 64 times, which gzip reads as one after the other.
fn gibibyte() -> Vec<u8> {
    gzip(&vec![0; 16 << 20]).repeat(64)
}

fn stage() -> Stage {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    stage.deploy("1.0").expect(0);
    stage
}

fn write(stage: &Stage, name: &str, bytes: &[u8]) -> PathBuf {
    let path = stage.project.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// Deploys `file`, which must be refused for `why`, with nothing changed on the host or in the depot.
#[track_caller]
fn refused(stage: &Stage, file: &str, bytes: &[u8], why: &str) {
    let path = write(stage, file, bytes);
    let before = (stage.picture(), stage.names("journal"), depot(stage));
    let began = Instant::now();
    let ran = stage.run(&["deploy", "local", path.to_str().unwrap(), "--yes"]);
    assert!(began.elapsed() < QUICK, "{file}: {:?}", began.elapsed());
    let told = stage.plain(&ran.err);
    let expected = format!(
        "error: cannot add `ROOM/project/{file}` to the depot\n  can't import `ROOM/project/{file}`:{why}"
    );
    assert_eq!((ran.code, told.trim_end()), (1, expected.as_str()), "{file}");
    assert_eq!((stage.picture(), stage.names("journal"), depot(stage)), before, "{file}");
}

fn depot(stage: &Stage) -> Vec<String> {
    let folder = stage.depot().folder().join("artifacts");
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn archives_that_mean_harm_are_refused_before_anything_is_touched() {
    let stage = stage();
    let good = Tar::hello("6.0").gzip();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        bytes
    };
    let hello = || Tar::hello("6.0");
    for (name, bytes, why) in [
        ("empty", Vec::new(), " the file is empty"),
        (
            "cut",
            good[..good.len() / 2].to_vec(),
            " the archive ends at or behind `hello-6.0/bin/hello`; it was cut off: fetch it again",
        ),
        (
            "cut-at-end",
            good[..good.len() - 4].to_vec(),
            " the archive ends at or behind `hello-6.0/static/hello.css`; it was cut off: fetch it again",
        ),
        (
            "no-archive",
            b"this is no archive at all".to_vec(),
            " the file is neither gzip nor zstd, it starts with the bytes 74 68 69 73; pack it as .tar.gz or .tar.zst",
        ),
        (
            "flipped",
            hello().gzip_with_a_flipped_bit(),
            " the archive can't be read: corrupt gzip stream does not have a matching checksum; it is damaged, or its source failed: fetch it again",
        ),
        (
            "sum",
            flipped(good.len() - 6),
            " the archive can't be read: corrupt gzip stream does not have a matching checksum; it is damaged, or its source failed: fetch it again",
        ),
        (
            "absolute",
            hello().file("/etc/cron.d/evil", b"x").gzip(),
            "\n  `/etc/cron.d/evil` is an absolute path",
        ),
        (
            "parent",
            hello().file("hello-6.0/../../evil", b"x").gzip(),
            "\n  `hello-6.0/../../evil` contains `..`",
        ),
        (
            "link-out",
            hello().member(b'2', "hello-6.0/out", "../../../etc", 0, b"").gzip(),
            "\n  link `out` to `../../../etc` leaves the tree",
        ),
        (
            "link-absolute",
            hello().member(b'2', "hello-6.0/out", "/etc", 0, b"").gzip(),
            "\n  link `out` to `/etc` is absolute",
        ),
        (
            "through-a-link",
            hello().member(b'2', "hello-6.0/in", "bin", 0, b"").file("hello-6.0/in/x", b"x").gzip(),
            "\n  `in/x` lies in `in`, which is a link",
        ),
        (
            "hard-link",
            hello().member(b'1', "hello-6.0/hard", "/etc/passwd", 0, b"").gzip(),
            "\n  `hello-6.0/hard` is a hard link to `/etc/passwd`, which is an absolute path",
        ),
        (
            "device",
            hello().member(b'3', "hello-6.0/device", "", 0, b"").gzip(),
            "\n  `hello-6.0/device` is a character device; a release has files, folders and links only",
        ),
        (
            "fifo",
            hello().member(b'6', "hello-6.0/fifo", "", 0, b"").gzip(),
            "\n  `hello-6.0/fifo` is a fifo; a release has files, folders and links only",
        ),
        (
            "two-tops",
            hello().file("other/x", b"x").gzip(),
            "\n  `other/x` lies outside the top folder `hello-6.0`; everything has to lie in one folder",
        ),
        (
            "promises-100-gib",
            hello().member(b'0', "hello-6.0/huge", "", 100 << 30, b"x").gzip(),
            " the archive has more than N bytes in its files, which is not accepted",
        ),
        (
            "zeros",
            gibibyte(),
            " the archive goes on behind its end; it was appended to, or is two archives in one file",
        ),
        (
            "zeros-behind",
            [gzip(&Tar::hello("6.0").0), gibibyte()].concat(),
            " the archive goes on behind its end; it was appended to, or is two archives in one file",
        ),
    ] {
        // In a folder each: by another name it would be another application's.
        refused(&stage, &format!("{name}/hello-6.0.tar.gz"), &bytes, why);
    }
    let path = write(&stage, "hello-6.0.tar.gz", &good);
    stage.run(&["deploy", "local", path.to_str().unwrap(), "--yes"]).expect(0);
    stage.check_well("6.0", "the good one");
}

/// The depot's copy is damaged after it was published. Another size is seen before anything is begun; else the host
/// finds out.
#[test]
fn an_artifact_damaged_in_the_depot_is_refused_or_undone() {
    let stage = stage();
    stage.release("2.0", "healthy");
    let path = stage.depot().artifact_path(&"hello".parse().unwrap(), &"2.0".parse().unwrap());
    let good = fs::read(&path).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    // Else only what the host lacks is read of it.
    stage.forget_bases();
    let before = stage.picture();
    stage.release("3.0", "healthy");
    let other =
        fs::read(stage.depot().artifact_path(&"hello".parse().unwrap(), &"3.0".parse().unwrap())).unwrap();
    let (sized, unpack) =
        ("its size differs from its card; put it back from where it was made", "at step `unpack`\n");
    for (name, bytes, code, why) in [
        ("empty", Vec::new(), 1, sized),
        ("cut", good[..good.len() / 2].to_vec(), 1, sized),
        ("one byte short", good[..good.len() - 1].to_vec(), 1, sized),
        ("one byte long", [&good[..], b"x"].concat(), 1, sized),
        ("another release", other, 1, sized),
        ("first byte", flipped(0), 1, "the file is neither gzip nor zstd"),
        ("at the front", flipped(200), 3, unpack),
        ("in the middle", flipped(good.len() / 2), 3, unpack),
        ("near the end", flipped(good.len() - 10), 3, unpack),
    ] {
        fs::write(&path, bytes).unwrap();
        let ran = stage.deploy("2.0");
        assert_eq!(ran.code, code, "{name}: {}", ran.all());
        assert!(error(&ran).contains(why), "{name}: {}", ran.all());
        assert_eq!(stage.picture(), before, "{name}");
        stage.check_well("1.0", name);
    }
    fs::remove_file(&path).unwrap();
    stage.deploy("2.0").expect(1);
    fs::write(&path, &good).unwrap();
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "put back");
}
