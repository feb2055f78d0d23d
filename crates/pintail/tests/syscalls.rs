//! Power goes at the entry of every call that changes the disk: the agent is killed there by strace's injection,
//! one call after the other, in a handover that brings a new release, publishes over an old file and prunes.
//! After each: the status tells the truth, a whole release serves, and the next deploy works.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests start programs and tell their counts"
)]

mod common;

use common::{HANDOVER, PINTAIL, Stage, ran};
use std::process::{Command, Stdio};

/// Deploys forth, each time with a new release, until the `call` is no longer reached; how often it struck.
fn strike(call: &str) -> u32 {
    let strace = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    assert!(
        strace.is_ok_and(|status| status.success()),
        "strace is missing: `apt-get install strace`, or run `./test`"
    );
    let stage = Stage::new(&format!("{HANDOVER}drain = \"1s\"\n"));
    stage
        .set_config(&common::config(&stage.root, HANDOVER).replace("settle = \"150ms\"", "settle = \"1ms\""));
    stage.release("1", "healthy");
    stage.release("2", "healthy");
    stage.deploy("1").expect(0);
    let mut struck = 0;
    for (round, when) in (1..).enumerate() {
        let to = (round + 2).to_string();
        stage.release(&(round + 3).to_string(), "healthy");
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:signal=KILL:when={when}")]);
        command.arg(PINTAIL).arg("-C").arg(&stage.project).args(["deploy", "local", &to, "--yes"]);
        command.env("USER", "tester").stdin(Stdio::null());
        let ended = ran(command);
        let after = format!("{call} {when}, to {to}: {}", ended.all());
        let status = stage.status();
        let live =
            status["live"]["version"].as_str().unwrap_or_else(|| panic!("{after}\n{status:#}")).to_owned();
        let from = (round + 1).to_string();
        assert!(live == from || live == to, "{after}\n{status:#}");
        let served = stage.served().unwrap_or_else(|why| panic!("{after}\n{why}\n{status:#}"));
        assert!(served == from || served == to, "{after}\n{served}");
        let published = std::fs::read_to_string(stage.root.join("docroot/hello.css")).unwrap();
        assert!(
            [&from, &to].iter().any(|version| published == format!("/* {version} */")),
            "{after}\n{published}"
        );
        if ended.code == 0 {
            assert_eq!(live, to, "{after}");
            break;
        }
        struck += 1;
        stage.check_next_deploy(&to, &after);
        assert_eq!(
            std::fs::read_to_string(stage.root.join("docroot/hello.css")).unwrap(),
            format!("/* {to} */"),
            "{after}"
        );
    }
    println!("killed at the entry of {call}: {struck} times");
    struck
}

macro_rules! strikes {
    ($($call:ident >= $least:expr;)*) => {$(
        #[test]
        fn $call() {
            let struck = strike(stringify!($call));
            assert!(struck >= $least, "it was reached only {struck} times: does the trial still see the agent?");
        }
    )*};
}

strikes! {
    rename >= 5;
    symlink >= 3;
    unlink >= 1;
    unlinkat >= 1;
    mkdir >= 5;
    linkat >= 1;
    fsync >= 20;
    fdatasync >= 20;
    ftruncate >= 1;
    fchmod >= 1;
    chmod >= 1;
}
