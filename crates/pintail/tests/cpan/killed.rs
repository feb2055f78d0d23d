//! A publisher that is killed at the entry of a call that changes the disk, and two at once.

use super::*;

/// The index names nothing that isn't there, and every history file's last line is its row.
#[track_caller]
fn assert_consistent(shop: &Shop, after: &str) {
    for row in shop.rows() {
        let words: Vec<&str> = row.split_whitespace().collect();
        assert!(shop.depot().join("authors/id").join(words[2]).is_file(), "{after}\n{row}");
    }
}

/// Publishes one version after the other, each killed at a later of its calls of `call`, until one isn't.
fn strike(call: &str) -> usize {
    needs("strace", &["-V"], "strace");
    let shop = Shop::with_author();
    shop.publish("Pt-Lib-1.tar.gz", "Pt::Lib", "1", &[]);
    for when in 1.. {
        let version = (when + 1).to_string();
        let file =
            shop.dist(&format!("Pt-Lib-{version}.tar.gz"), "Pt::Lib", &version, &[]).display().to_string();
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:signal=KILL:when={when}")]);
        command
            .arg(PINTAIL)
            .arg("-C")
            .arg(&shop.stage.project)
            .args(["depot", "add", &file, "--author", "DDGC"]);
        command.env("USER", "tester").stdin(Stdio::null());
        let ended = ran(command);
        let after = format!("{call} {when}: {}", ended.all());
        assert_consistent(&shop, &after);
        if ended.code != 0 && when % 2 == 0 {
            // Half of the time somebody else comes next, or only the indexes are made.
            let mended = shop.run(&["depot", "index"]);
            assert_eq!(mended.code, 0, "{after}\n{}", mended.all());
            assert_consistent(&shop, &after);
        }
        let again = shop.run(&["depot", "add", &file, "--author", "DDGC"]);
        assert_eq!(again.code, 0, "{after}\n{}", again.all());
        let row = format!("D/DD/DDGC/Pt-Lib-{version}.tar.gz");
        assert!(shop.rows()[0].ends_with(&row), "{after}\n{:?}", shop.rows());
        let made = shop.run(&["depot", "index"]);
        assert!(made.expect(0).out.contains("nothing changed"), "{after}\n{}", made.all());
        let left: Vec<_> = fs::read_dir(shop.depot())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".partial"))
            .collect();
        assert!(left.is_empty(), "{after}\n{left:?}");
        if ended.code == 0 {
            println!("killed at the entry of {call}: {} times", when - 1);
            return when - 1;
        }
    }
    unreachable!("some run has fewer calls than there are numbers")
}

macro_rules! strikes {
    ($($call:ident >= $least:expr;)*) => {$(
        #[test]
        fn $call() {
            let struck = strike(stringify!($call));
            assert!(struck >= $least, "it was reached only {struck} times: does the trial still see the publisher?");
        }
    )*};
}

strikes! {
    rename >= 4;
    linkat >= 2;
    fsync >= 12;
    unlink >= 1;
}

#[test]
fn two_publishers_at_once_both_succeed() {
    let shop = Shop::with_author();
    let files = ["A", "B", "C", "D"]
        .map(|name| shop.dist(&format!("Pt-{name}-1.tar.gz"), &format!("Pt::{name}"), "1", &[]));
    let started = files
        .map(|file| shop.stage.start(&["depot", "add", &file.display().to_string(), "--author", "DDGC"]));
    for child in started {
        common::finish(child).expect(0);
    }
    assert_eq!(shop.rows().len(), 4, "{:?}", shop.rows());
    let made = shop.run(&["depot", "index"]);
    assert_eq!(made.expect(0).out, "4 artifacts\n4 Perl distributions, 4 packages; nothing changed\n");
}
