//! Manifests as tables: what is accepted, what is refused and how that is told, and the bytes on disk.

use super::*;
use proptest::prelude::*;

fn path(text: &str) -> TreePath {
    text.parse().unwrap()
}

fn directory(at: &str) -> Entry {
    Entry { path: path(at), kind: EntryKind::Directory }
}

fn file(at: &str, content: &str) -> Entry {
    let (size_bytes, digest) = (content.len() as u64, Digest::of(content.as_bytes()));
    Entry { path: path(at), kind: EntryKind::File { executable: at.ends_with(".sh"), size_bytes, digest } }
}

fn link(at: &str, target: &str) -> Entry {
    Entry { path: path(at), kind: EntryKind::Symlink { target: target.to_owned() } }
}

fn manifest(entries: Vec<Entry>) -> Result<Manifest, ManifestError> {
    Manifest::new("blog".parse().unwrap(), "1.4.2".parse().unwrap(), Some("0a1b2c3d".to_owned()), entries)
}

fn sample() -> Manifest {
    let entries = vec![
        link("current", "bin/run.sh"),
        directory("bin"),
        file("bin/run.sh", "#!/bin/sh\n"),
        file("a\nb \"ü\"", ""),
        directory("bin-empty"),
    ];
    manifest(entries).unwrap()
}

#[test]
fn the_written_form_is_pinned() {
    let json = String::from_utf8(sample().to_json()).unwrap();
    insta::assert_snapshot!(json.replace("},{", "},\n{"), @r#"
    {"format":1,"name":"blog","version":"1.4.2","commit":"0a1b2c3d","entries":[{"kind":"file","path":"a\nb \"ü\"","mode":"0644","size":0,"digest":"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
    {"kind":"directory","path":"bin"},
    {"kind":"directory","path":"bin-empty"},
    {"kind":"file","path":"bin/run.sh","mode":"0755","size":10,"digest":"bc1f407a11c9377c8b9b13f956b279c8462775105eb958fc9ae3c40de87cc96e"},
    {"kind":"symlink","path":"current","target":"bin/run.sh"}]}
    "#);
    insta::assert_snapshot!(sample().digest().to_string(), @"a4943d6160a44eed6b2e569b48afdfb6ab2bc1dedc2963d1acd7c45f23fe0d1a");
}

#[test]
fn what_was_written_is_read_back() {
    let json = sample().to_json();
    assert_eq!(Manifest::from_json(&json).unwrap(), sample());
    assert_eq!(sample().digest(), Digest::of(&json));
    assert_eq!((sample().tree_bytes(), sample().file_count()), (10, 2));
    assert_eq!(sample().release_name().to_string(), format!("1.4.2-{}", sample().digest().short()));
}

#[test]
fn another_spelling_is_refused() {
    let json = String::from_utf8(sample().to_json()).unwrap();
    let pretty = json.replacen(':', ": ", 1);
    let newer = json.replacen("\"format\":1", "\"format\":7,\"shape\":\"new\"", 1);
    let unknown = json.replacen("\"format\":1", "\"format\":1,\"more\":0", 1);
    let mode = json.replacen("0755", "4755", 1);
    let told = [pretty.as_str(), &newer, &unknown, &mode, "", "[]"]
        .map(|json| Manifest::from_json(json.as_bytes()).unwrap_err().to_string())
        .join("\n");
    insta::assert_snapshot!(told, @r"
    the manifest is not in canonical form; it was changed after it was made
    the manifest has format 7, this pintail reads formats 1 and 2; use the pintail that made it or a newer one
    the manifest can't be read: unknown field `more`, expected one of `format`, `name`, `version`, `commit`, `entries` at line 1 column 18
    the manifest can't be read: unknown variant `4755`, expected `0644` or `0755` at line 1 column 421
    the manifest can't be read: EOF while parsing a value at line 1 column 0
    the manifest can't be read: invalid length 0, expected struct FormatOnly with 1 element at line 1 column 2
    ");
}

#[test]
fn a_release_may_say_what_it_is_in_format_2_and_nothing_else_of_ours() {
    let about = || file(".pintail/release.json", "{}");
    let says = manifest(vec![directory(".pintail"), about(), file("a", "1")]).unwrap();
    let json = String::from_utf8(says.to_json()).unwrap();
    assert!(json.starts_with("{\"format\":2,"), "{json}");
    assert_eq!(Manifest::from_json(json.as_bytes()).unwrap(), says);
    let older = json.replacen("\"format\":2", "\"format\":1", 1);
    let newer = String::from_utf8(sample().to_json()).unwrap().replacen("\"format\":1", "\"format\":2", 1);
    for other in [older, newer] {
        assert_eq!(Manifest::from_json(other.as_bytes()).unwrap_err(), ManifestError::NotCanonical);
    }
    for wrong in [
        vec![about()],
        vec![directory(".pintail")],
        vec![directory(".pintail"), link(".pintail/release.json", "x")],
        vec![directory(".pintail"), about(), file(".pintail/other", "")],
        vec![link(".pintail", "x")],
    ] {
        manifest(wrong).unwrap_err();
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let entries = vec![
        file("a", "1"),
        file("a", "2"),
        file("a/below-file", ""),
        link("l", "d"),
        file("l/through-link", ""),
        file("missing/parent", ""),
        directory(".pintail"),
        file(".pintail/manifest.json", ""),
        directory("d"),
        directory("d/e"),
        link("d/absolute", "/etc/passwd"),
        link("d/out", "../../x"),
        link("d/empty", ""),
        link("d/e/up", "../.."),
        link("d/up-through-link", "e/up/.."),
        link("d/up-through-nothing", "nowhere/../x"),
    ];
    let told = manifest(entries).unwrap_err().to_string();
    insta::assert_snapshot!(told, @r"
    `a` is there twice
    `.pintail` lies in `.pintail`, which is pintail's own
    `.pintail/manifest.json` lies in `.pintail`, which is pintail's own
    `a/below-file` lies in `a`, which is a file
    link `d/absolute` to `/etc/passwd` is absolute
    link `d/empty` to `` leads nowhere
    link `d/out` to `../../x` leaves the tree
    link `d/up-through-link` to `e/up/..` climbs out of something that is no directory of the tree
    link `d/up-through-nothing` to `nowhere/../x` climbs out of something that is no directory of the tree
    `l/through-link` lies in `l`, which is a link
    `missing/parent` lies in `missing`, which is not listed
    ");
}

#[test]
fn links_that_stay_are_fine() {
    let entries = vec![
        directory("d"),
        directory("d/e"),
        link("d/top", ".."),
        link("d/e/dangling", "./not/there"),
        link("d/side", "../d/e/../../file"),
        link("self", "self"),
        link("slash", "d/"),
        file("file", ""),
    ];
    manifest(entries).unwrap();
}

#[test]
fn commits_and_sizes_have_bounds() {
    let make = |commit: &str, entries| {
        Manifest::new("a".parse().unwrap(), "1".parse().unwrap(), Some(commit.to_owned()), entries)
            .unwrap_err()
    };
    let huge = |at: &str| {
        let kind = EntryKind::File { executable: false, size_bytes: u64::MAX - 1, digest: Digest::of(b"") };
        Entry { path: path(at), kind }
    };
    let told = [make("HEAD", vec![]), make("abc", vec![]), make("abcd", vec![huge("a"), huge("b")])]
        .map(|error| error.to_string())
        .join("\n");
    insta::assert_snapshot!(told, @r"
    `HEAD` is no commit: 4 to 64 lower-case hex digits
    `abc` is no commit: 4 to 64 lower-case hex digits
    the files of the tree have more than 68719476736 bytes together
    ");
}

#[test]
fn paths_that_could_lead_out_are_refused() {
    let (long, part) = (format!("{}x", "a/".repeat(2048)), "p".repeat(256));
    let told = ["", "/", "/a", "a/../b", "..", "./a", "a//b", "a/", "a\0b", &part, &long]
        .map(|typed| typed.parse::<TreePath>().unwrap_err().to_string())
        .map(|told| told.chars().take(90).collect::<String>())
        .join("\n");
    insta::assert_snapshot!(told, @r"
    a path can't be empty
    path `/` is absolute
    path `/a` is absolute
    path `a/../b` contains `..`
    path `..` contains `..`
    path `./a` contains `.` as a part
    path `a//b` has an empty part
    path `a/` has an empty part
    path `a\0b` contains a NUL byte
    path `pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp
    path `a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/
    ");
}

proptest! {
    /// Follows every link the way the kernel does, through other links, and never meets the top's parent.
    #[test]
    fn no_accepted_link_leaves_the_tree(targets in proptest::collection::vec("(\\.\\./|\\./|[abl]/|[abl][12]/){1,5}", 1..6)) {
        let mut entries = vec![directory("a"), directory("a/b"), directory("a/b/a"), directory("b")];
        for (at, target) in ["l", "a/l", "a/b/l", "b/l1", "a/b/a/l"].iter().zip(&targets) {
            entries.push(link(at, target.trim_end_matches('/')));
        }
        if let Ok(manifest) = manifest(entries) {
            for entry in manifest.entries() {
                if let EntryKind::Symlink { target } = &entry.kind {
                    let mut here: Vec<String> = entry.path.parts().map(str::to_owned).collect();
                    here.pop();
                    let end = resolve(&manifest, here, target, &mut 200);
                    prop_assert!(!matches!(end, Resolved::Outside), "{} -> {target}", entry.path);
                }
            }
        }
    }

    #[test]
    fn a_path_has_one_spelling_and_stays_inside(typed in "[a./\\x00]{0,12}") {
        if let Ok(path) = typed.parse::<TreePath>() {
            let inside = std::path::Path::new(path.as_str()).components().all(|c| matches!(c, std::path::Component::Normal(_)));
            prop_assert!(inside);
            prop_assert_eq!(path.parts().collect::<Vec<_>>().join("/"), typed);
        }
    }

    #[test]
    fn garbage_is_refused_without_panic(garbage in "\\PC{0,200}") {
        prop_assert!(Manifest::from_json(garbage.as_bytes()).is_err());
    }
}

enum Resolved {
    At(Vec<String>),
    Nowhere,
    Outside,
}

/// Follows a link as the kernel does. A loop (fuel used up) leads nowhere.
fn resolve(manifest: &Manifest, mut here: Vec<String>, target: &str, fuel: &mut u32) -> Resolved {
    for part in target.split('/') {
        if *fuel == 0 {
            return Resolved::Nowhere;
        }
        *fuel -= 1;
        match part {
            "" | "." => continue,
            ".." if here.pop().is_none() => return Resolved::Outside,
            ".." => continue,
            name => here.push(name.to_owned()),
        }
        match manifest.entry(&path(&here.join("/"))).map(|entry| &entry.kind) {
            Some(EntryKind::Directory) => {}
            Some(EntryKind::Symlink { target }) => {
                here.pop();
                match resolve(manifest, here.clone(), target, fuel) {
                    Resolved::At(there) => here = there,
                    other => return other,
                }
            }
            _ => return Resolved::Nowhere,
        }
    }
    Resolved::At(here)
}
