//! Hosts that one can't get into, each told in its own words; and two Pintails on one host.

use super::common::{PINTAIL, error};
use super::hosts::{Fleet, QUICK};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn each_way_not_to_get_in_is_told_in_its_own_words() {
    let fleet = Fleet::new(&["web1"], QUICK);
    fleet.stage.release("1.0", "healthy");
    let ssh = fleet.stage.room().join("ssh");
    let real = fs::read_to_string(&ssh).unwrap();
    let with =
        |options: &str| fs::write(&ssh, real.replace("\"$@\"\n", &format!("{options} \"$@\"\n"))).unwrap();
    let empty = fleet.stage.room().join("empty");
    fs::write(&empty, "").unwrap();
    let other = fleet.stage.room().join("other");
    let key = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&other)
        .output()
        .unwrap();
    assert!(key.status.success());
    let mut told = String::new();
    for (options, host) in [
        (format!("-o UserKnownHostsFile={}", empty.display()), "web1"),
        (
            format!(
                "-o IdentityFile={} -o IdentitiesOnly=yes -F none -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o HostName=10.77.0.11",
                other.display()
            ),
            "deploy@web1",
        ),
        ("-p 9".to_owned(), "web1"),
        (String::new(), "no-such-host.invalid"),
    ] {
        // The lab's own configuration is named first; what is added here comes before it where it says so.
        with(&options);
        fleet.set_hosts(&[host], QUICK);
        let ran = fleet.deploy("1.0");
        let text = error(ran.expect(1)).to_owned();
        told.push_str(&format!("{text}\n\n"));
    }
    for means in [
        "its host key is not known",
        "it refused the login",
        "nothing listens on its ssh port",
        "its name is not known",
    ] {
        assert!(told.contains(means), "{means}: {told}");
    }
    fs::write(&ssh, &real).unwrap();
    fleet.set_hosts(&["web1"], QUICK);
    // A root that the user may not make.
    let config = fs::read_to_string(fleet.stage.project.join("pintail.toml")).unwrap();
    fleet.stage.set_config(&config.replace(&fleet.root, "/srv/of-root-alone/app"));
    let ran = fleet.deploy("1.0");
    assert!(
        error(ran.expect(1)).contains("the agent runs as `deploy`; it must own the root"),
        "{}",
        ran.all()
    );
    let doctor = fleet.run(&["doctor", "prod"]);
    assert!(
        doctor.expect(1).out.contains("as root: `install -d -o deploy /srv/of-root-alone/app`"),
        "{}",
        doctor.all()
    );
    fleet.set_hosts(&["web1"], QUICK);
    fleet.deploy("1.0").expect(0);
    fleet.all_serve("1.0", "in at last");
}

/// What a login prints is no word of the agent's.
#[test]
fn a_talkative_login_does_no_harm() {
    let fleet = Fleet::new(&["web1"], QUICK);
    fleet.stage.release("1.0", "healthy");
    fleet.exec("web1", "cp /home/deploy/.bashrc /tmp/bashrc.kept 2>/dev/null; printf 'echo Welcome; echo pintail wants nothing >&2\\n' > /home/deploy/.bashrc");
    let ran = fleet.deploy("1.0");
    fleet.exec("web1", "mv /tmp/bashrc.kept /home/deploy/.bashrc 2>/dev/null || rm -f /home/deploy/.bashrc");
    ran.expect(0);
    fleet.all_serve("1.0", "talkative");
}

/// Another build of the program has another digest, so another seat: neither writes over the other.
#[test]
fn two_pintails_use_a_host_side_by_side() {
    let fleet = Fleet::new(&["web1"], QUICK);
    for version in ["1.0", "2.0"] {
        fleet.stage.release(version, "healthy");
    }
    let other = fleet.stage.room().join("pintail-other");
    fs::copy(PINTAIL, &other).unwrap();
    fs::OpenOptions::new().append(true).open(&other).unwrap().write_all(b"another build").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).unwrap();
    let seats = || fleet.exec("web1", "ls /home/deploy/.pintail/bin").lines().count();
    fleet.deploy("1.0").expect(0);
    let before = seats();
    let mut deploy = Command::new(&other);
    deploy.arg("-C").arg(&fleet.stage.project).args(["deploy", "prod", "2.0", "--yes"]);
    deploy.env("PINTAIL_SSH", fleet.stage.room().join("ssh")).stdin(std::process::Stdio::null());
    super::common::ran(deploy).expect(0);
    assert_eq!(seats(), before + 1);
    fleet.all_serve("2.0", "by the other");
    fleet.run(&["rollback", "prod", "--yes"]).expect(0);
    fleet.all_serve("1.0", "by the first");
}
