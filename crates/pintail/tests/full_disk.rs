//! A disk that fills at every single line of the journal, and one that was full from the start. Each time the
//! operation ends as it says, a whole release serves, and once there is room the next deploy works, with nothing
//! unlocked or mended by hand. Needs the right to mount a tmpfs; without it the test says so and checks nothing.

#![allow(clippy::disallowed_methods, reason = "tests write files by hand")]
#![allow(clippy::print_stdout, reason = "what was not checked is said")]

mod common;

use common::{HANDOVER, RESTART, Small, Stage, config, error};

/// Room for three releases of the sample application with its journal.
const MIB: u32 = 12;

/// A stage on a disk of its own, quick to settle. Dropped in this order: first what runs there.
struct OnSmall {
    stage: Stage,
    disk: Small,
}

fn on_small(process: &str) -> Option<OnSmall> {
    let Some(disk) = Small::of_mib(MIB) else {
        println!("not checked: mounting a tmpfs is not allowed here");
        return None;
    };
    let room = tempfile::Builder::new().prefix("pintail-test-").tempdir().unwrap();
    let stage = Stage::in_room(room, Some(disk.path().join("root")), |root| {
        config(root, process).replace("150ms", "20ms")
    });
    stage.release("1.0", "healthy");
    stage.release("2.0", "healthy");
    Some(OnSmall { stage, disk })
}

/// Deploys one release after the other, and fills the disk at each line of the journal.
fn fill_at_every_line(process: &str) {
    let Some(small) = on_small(process) else { return };
    let OnSmall { stage, disk } = &small;
    stage.deploy("1.0").expect(0);
    let (mut line, mut endings, mut from) = (1, [0; 5], "1.0".to_owned());
    loop {
        // Always one that the host has not seen: else most steps would have nothing to do.
        let to = format!("{}.0", line + 1);
        stage.release(&to, "healthy");
        let at = format!("full at line {line}, {from} -> {to}");
        let paused = match stage.paused(&to, line) {
            Ok(paused) => paused,
            Err(ended) => {
                ended.expect(0);
                break;
            }
        };
        disk.fill();
        let ended = paused.go_on();
        let at = format!("{at}\n{}", ended.all());
        let status = stage.status();
        let live = status["live"]["version"].as_str().unwrap_or_default();
        match ended.code {
            0 => assert_eq!((live, stage.served()), (to.as_str(), Ok(to.clone())), "{at}\n{status:#}"),
            3 => assert_eq!((live, stage.served()), (from.as_str(), Ok(from.clone())), "{at}\n{status:#}"),
            _ => panic!("{at}\n{status:#}"),
        }
        endings[ended.code as usize] += 1;
        disk.free();
        // What the journal could not take is caught up with by the next command, whichever it is.
        let next = stage.deploy(&to);
        assert_eq!(next.code, 0, "{at}\nnext: {}", next.all());
        stage.check_well(&to, &at);
        (line, from) = (line + 1, to);
    }
    println!("disk full at {} lines: {} done, {} undone", line - 1, endings[0], endings[3]);
    assert!(line > 20 && endings[0] > 0 && endings[3] > 10, "{endings:?}");
}

#[test]
fn handover_on_a_disk_that_fills() {
    fill_at_every_line(HANDOVER);
}

#[test]
fn restart_on_a_disk_that_fills() {
    fill_at_every_line(RESTART);
}

#[test]
fn full_from_the_start() {
    let Some(small) = on_small(HANDOVER) else { return };
    let OnSmall { stage, disk } = &small;
    disk.fill();
    let ran = stage.deploy("1.0");
    ran.expect(1);
    assert!(
        ran.err.contains("has 0 B free") && ran.err.contains("hint: make room there; nothing was changed"),
        "{}",
        ran.all()
    );
    assert!(!stage.root.exists());
    disk.free();
    stage.deploy("1.0").expect(0);
    stage.deploy("2.0").expect(0);
    let before = stage.picture();
    disk.fill();
    // A rollback needs no room for a release; what it needs for its journal is not there.
    let ran = stage.run(&["rollback", "local", "--yes"]);
    ran.expect(1);
    assert!(error(&ran).contains("No space left on device"), "{}", ran.all());
    assert!(error(&ran).ends_with("hint: make room on that disk; nothing was changed"), "{}", ran.all());
    assert_eq!(stage.picture(), before);
    stage.check_well("2.0", "full");
    disk.free();
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    stage.check_well("1.0", "there is room");
}

/// A frame holds 256 KiB and a pipe 64: when the disk fills early in a large artifact, the operator is told that, and
/// not that the line broke while it went on sending.
#[test]
fn a_large_artifact_that_does_not_fit_any_more() {
    let Some(disk) = Small::of_mib(48) else {
        return println!("not checked: mounting a tmpfs is not allowed here");
    };
    let room = tempfile::Builder::new().prefix("pintail-test-").tempdir().unwrap();
    let small = OnSmall {
        stage: Stage::in_room(room, Some(disk.path().join("root")), |root| config(root, HANDOVER)),
        disk,
    };
    let OnSmall { stage, disk } = &small;
    stage.release("1.0", "healthy");
    stage.deploy("1.0").expect(0);
    stage.release_with("2.0", "healthy", |tree| std::fs::write(tree.join("noise"), noise(12 << 20)).unwrap());
    let before = stage.picture();
    let paused = stage.paused("2.0", 1).map_err(|ran| ran.all()).unwrap();
    disk.fill();
    let ran = paused.go_on();
    assert_eq!(ran.code, 3, "{}", ran.all());
    let told = stage.plain(error(&ran));
    assert!(told.contains("at step `deliver`\n") && told.contains("No space left on device"), "{told}");
    assert!(told.ends_with("undone: `local` serves 1.0 as before\nhint: make room on that disk"), "{told}");
    assert_eq!(stage.picture(), before);
    disk.free();
    stage.deploy("2.0").expect(0);
    stage.check_well("2.0", "there is room");
}

/// Bytes that nothing can pack.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}
