//! Pintails of other versions on one host, older and newer: each has a seat of its own, the supervisor becomes the
//! one's who deploys, and no request is lost on the way.

use super::common::{PINTAIL, Ran, ran};
use super::hosts::{Fleet, QUICK};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// This very program under another version of as many characters: its name for itself is changed wherever it stands.
fn calling_itself(fleet: &Fleet, version: &str) -> PathBuf {
    let own = env!("CARGO_PKG_VERSION").as_bytes();
    assert_eq!(own.len(), version.len());
    let mut bytes = fs::read(PINTAIL).unwrap();
    let found: Vec<usize> = memchr_all(&bytes, own);
    for at in found {
        bytes[at..at + own.len()].copy_from_slice(version.as_bytes());
    }
    let path = fleet.stage.room().join(format!("pintail-{version}"));
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut says = Command::new(&path);
    says.arg("--version");
    assert_eq!(ran(says).out.trim(), format!("pintail {version}"));
    path
}

/// Where `word` stands in `bytes`.
fn memchr_all(bytes: &[u8], word: &[u8]) -> Vec<usize> {
    bytes.windows(word.len()).enumerate().filter(|(_, there)| *there == word).map(|(at, _)| at).collect()
}

fn command(fleet: &Fleet, program: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg("-C").arg(&fleet.stage.project).args(arguments).stdin(Stdio::null());
    command.env("PINTAIL_SSH", fleet.stage.room().join("ssh")).env("USER", "tester");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn run(fleet: &Fleet, program: &PathBuf, arguments: &[&str]) -> Ran {
    let mut command = command(fleet, program, arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    ran(command)
}

/// The version of the supervisor that runs on `host`.
fn supervisor(fleet: &Fleet, host: &str) -> String {
    let ask = format!(
        "perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(shift) or die; \
         print $s qq({{\"v\":1,\"request\":\"status\"}}\\n); $_ = <$s>; print /\"version\":\"([^\"]*)/' {}/run/supervisor.sock",
        fleet.root
    );
    fleet.exec(host, &ask)
}

#[test]
fn an_older_and_a_newer_pintail_deploy_to_the_same_hosts() {
    let fleet = Fleet::new(&["web1", "web3"], QUICK);
    for version in ["1.0", "2.0", "3.0"] {
        fleet.stage.release(version, "healthy");
    }
    let this = PathBuf::from(PINTAIL);
    let (older, newer) = (calling_itself(&fleet, "0.0.9"), calling_itself(&fleet, "0.2.0"));
    fleet.deploy("1.0").expect(0);
    let clients = [fleet.traffic("web1"), fleet.traffic("web3")];
    for (program, own, arguments, serves) in [
        (&newer, "0.2.0", &["deploy", "prod", "2.0", "--yes"][..], "2.0"),
        (&older, "0.0.9", &["deploy", "prod", "3.0", "--yes"], "3.0"),
        (&newer, "0.2.0", &["rollback", "prod", "--yes"], "2.0"),
        (&this, env!("CARGO_PKG_VERSION"), &["deploy", "prod", "3.0", "--yes"], "3.0"),
        (&older, "0.0.9", &["rollback", "prod", "--yes"], "2.0"),
    ] {
        // Who only looks changes nothing.
        let before = supervisor(&fleet, "web1");
        run(&fleet, program, &["status", "prod"]).expect(0);
        run(&fleet, program, &["history", "prod"]).expect(0);
        assert_eq!(supervisor(&fleet, "web1"), before);
        let did = run(&fleet, program, arguments);
        assert!(did.expect(0).err.contains(&format!("`prod`: all 2 hosts serve {serves}")), "{}", did.all());
        assert_eq!(
            (supervisor(&fleet, "web1"), supervisor(&fleet, "web3")),
            (own.to_owned(), own.to_owned())
        );
        fleet.all_serve(serves, own);
    }
    // One whose agents die is cleared up by another.
    let mut dies =
        command(&fleet, &newer, &["deploy", "prod", "1.0", "--yes", "--pause-at", "9"]).spawn().unwrap();
    let paused = "pid=$(sed -n 's/.*\"pid\":\\([0-9]*\\).*/\\1/p' journal/holder.json 2> /dev/null)
        [ -n \"$pid\" ] && [ \"$(ps -o s= -p $pid)\" = T ]";
    let wait =
        format!("cd {}; for n in $(seq 200); do {paused} && exit; sleep 0.1; done; exit 1", fleet.root);
    fleet.exec("web1", &wait);
    fleet.exec("web3", &wait);
    dies.kill().unwrap();
    dies.wait().unwrap();
    fleet.exec("web1", &format!("cd {}; {paused} && kill -KILL $pid", fleet.root));
    fleet.exec("web3", &format!("cd {}; {paused} && kill -KILL $pid", fleet.root));
    assert!(fleet.status().iter().all(|host| !host["unfinished"].is_null()));
    let next = run(&fleet, &older, &["deploy", "prod", "3.0", "--yes"]);
    assert!(next.expect(0).err.contains("clearing up first"), "{}", next.all());
    fleet.all_serve("3.0", "cleared up by an older one");
    for client in clients {
        client.none_failed();
    }
}

/// A frame of the wire with `json` in it, as octal escapes of `printf`.
fn frame(json: &str) -> String {
    let length = (json.len() + 1) as u32;
    let bytes = [&length.to_be_bytes()[..], b"J", json.as_bytes()].concat();
    bytes.iter().map(|byte| format!("\\{byte:03o}")).collect()
}

/// A format of the wire that only another Pintail speaks: each side says so and ends.
#[test]
fn another_format_of_the_wire_is_told_by_both_sides() {
    let fleet = Fleet::new(&["web1"], QUICK);
    fleet.stage.release("1.0", "healthy");
    fleet.deploy("1.0").expect(0);
    let hello = frame(r#"{"format":2,"pintail":"9.9.9"}"#);
    let heard = fleet.exec(
        "web1",
        &format!(
            "cd /home/deploy && printf '{hello}' | runuser -u deploy -- $(ls -t .pintail/bin/pintail-* | head -1) agent --root {}",
            fleet.root
        ),
    );
    let told = |part: &str| assert!(heard.contains(part), "{part}: {heard}");
    told(r#""what":"cannot talk to Pintail 9.9.9","why":"it speaks format 2 and this agent, Pintail "#);
    told(r#", 1","hint":"use the same Pintail on both sides""#);

    // A host whose agent is of another world.
    let ssh = fleet.stage.room().join("ssh");
    let real = fs::read_to_string(&ssh).unwrap();
    fs::write(&ssh, format!("#!/bin/sh\nprintf 'pintail here\\n{hello}'\ncat > /dev/null\n")).unwrap();
    let deploy = fleet.deploy("1.0");
    let told = "error: cannot talk to the agent on `web1`\n  it is Pintail 9.9.9 and speaks format 2, not 1\n\
                hint: use the same Pintail on both sides";
    assert_eq!(super::common::error(deploy.expect(1)), told);
    fs::write(&ssh, real).unwrap();
    fleet.all_serve("1.0", "nothing changed");
}
