//! Real hosts for a test: those of the lab, reached by ssh, with a root of the test's own on each.

use super::common::lab::Lab;
use super::common::{Ran, Stage, finish, ran};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A project whose target `prod` is hosts of the lab.
pub struct Fleet {
    pub stage: Stage,
    pub lab: Lab,
    pub root: String,
    calls: PathBuf,
}

/// What stands in `[targets.prod]` beside its hosts.
pub const QUICK: &str = "confirm_within = \"4s\"\n";

impl Fleet {
    /// Hosts that are up, with an empty root each.
    pub fn new(hosts: &[&str], target: &str) -> Self {
        Self::on(Lab::up(hosts), hosts, target)
    }

    /// The same where nobody else is on the hosts: they are cut off, or lose power.
    pub fn alone(hosts: &[&str], target: &str) -> Self {
        Self::on(Lab::alone(hosts), hosts, target)
    }

    fn on(lab: Lab, hosts: &[&str], target: &str) -> Self {
        let room = tempfile::Builder::new().prefix("pintail-test-").tempdir().unwrap();
        let root = lab.root().to_owned();
        let config = config(hosts, &root, target);
        let calls = room.path().join("ssh-calls");
        let ssh = room.path().join("ssh");
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> {}\nexec {} \"$@\"\n",
            calls.display(),
            lab.ssh_program().display()
        );
        fs::write(&ssh, script).unwrap();
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        let stage = Stage::in_room(room, Some(PathBuf::from("/nowhere")), |_| config.clone());
        Self { stage, lab, root, calls }
    }

    pub fn set_hosts(&self, hosts: &[&str], target: &str) {
        self.stage.set_config(&config(hosts, &self.root, target));
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stage.command(arguments);
        command.env("PINTAIL_SSH", self.stage.room().join("ssh"));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments))
    }

    pub fn deploy(&self, version: &str) -> Ran {
        self.run(&["deploy", "prod", version, "--yes"])
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// How often ssh was started since this was asked last.
    pub fn calls(&self) -> usize {
        let calls = fs::read_to_string(&self.calls).unwrap_or_default().lines().count();
        let _ = fs::remove_file(&self.calls);
        calls
    }

    /// What `status` says of each host.
    #[track_caller]
    pub fn status(&self) -> Vec<Value> {
        let status = self.run(&["status", "prod", "--json"]);
        status.expect(0).json()["targets"][0]["hosts"].as_array().unwrap().clone()
    }

    /// What each host serves by its status.
    #[track_caller]
    pub fn live(&self) -> Vec<String> {
        let live = |host: &Value| host["live"]["version"].as_str().unwrap_or("nothing").to_owned();
        self.status().iter().map(live).collect()
    }

    /// `host` as root, without ssh.
    pub fn exec(&self, host: &str, line: &str) -> String {
        let ran = self.lab.shell(host, line);
        ran.expect(0);
        ran.out
    }

    /// The version that answers on a host's public socket.
    #[track_caller]
    pub fn served(&self, host: &str) -> String {
        self.answer(host).unwrap_or_else(|ran| panic!("{}", ran.all()))
    }

    /// The same where none may.
    pub fn answer(&self, host: &str) -> Result<String, Ran> {
        let ask = format!(
            "timeout 10 perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(shift) or die $!; \
             print $s \"GET /version HTTP/1.1\\r\\nHost: t\\r\\nConnection: close\\r\\n\\r\\n\"; local $/; \
             ($b) = <$s> =~ /\\r\\n\\r\\n(.*)/s; print $b' {}/run/web.sock",
            self.root
        );
        let ran = self.lab.shell(host, &ask);
        if ran.code == 0 { Ok(ran.out.trim().to_owned()) } else { Err(ran) }
    }

    /// Waits until nothing runs on any host any more.
    #[track_caller]
    pub fn wait_until_quiet(&self, at: &str) -> Vec<Value> {
        let until = Instant::now() + Duration::from_secs(40);
        loop {
            let status = self.status();
            if status.iter().all(|host| host["running"].is_null()) {
                return status;
            }
            assert!(Instant::now() < until, "{at}: still running: {status:#?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// After whatever happened: each host serves a whole release and status says which, nothing is locked, and the next
    /// deployment brings all to `next`.
    #[track_caller]
    pub fn check(&self, at: &str, may_serve: &[&str], next: &str) {
        for host in self.wait_until_quiet(at) {
            let name = host["host"].as_str().unwrap();
            let live = host["live"]["version"].as_str().unwrap_or_else(|| panic!("{at}: {host:#}"));
            assert!(may_serve.contains(&live), "{at}: {name} serves {live}\n{host:#}");
            assert_eq!(self.served(name), live, "{at}: {host:#}");
        }
        let ran = self.deploy(next);
        assert_eq!(ran.code, 0, "{at}\n{}", ran.all());
        self.all_serve(next, at);
    }

    /// Every host is well and serves `version`.
    #[track_caller]
    pub fn all_serve(&self, version: &str, at: &str) {
        for host in self.status() {
            let name = host["host"].as_str().unwrap();
            assert_eq!(host["live"]["version"], version, "{at}\n{host:#}");
            assert!(host["unfinished"].is_null() && host["running"].is_null(), "{at}\n{host:#}");
            assert_eq!(host["drift"], serde_json::json!([]), "{at}\n{host:#}");
            assert_eq!(host["maintenance"]["is"], "off", "{at}\n{host:#}");
            assert_eq!(self.served(name), version, "{at}");
        }
    }

    /// Clients on `host` itself that ask all the while.
    pub fn traffic(&self, host: &str) -> Traffic {
        let line = format!(
            "exec $(ls -t .pintail/bin/pintail-* | head -1) traffic unix:{}/run/web.sock --pause-ms 5",
            self.root
        );
        let mut ssh = Command::new(self.stage.room().join("ssh"));
        ssh.args([host, &line]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Traffic(ssh.spawn().unwrap())
    }
}

pub struct Traffic(Child);

impl Traffic {
    /// The client that was started so.
    pub fn of(client: Child) -> Self {
        Self(client)
    }

    /// Ends it; not one request may have failed.
    #[track_caller]
    pub fn none_failed(mut self) -> Value {
        drop(self.0.stdin.take());
        let ran = finish(self.0);
        let tally: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.all()));
        assert!(tally["requests"].as_u64() > Some(50), "{tally:#}");
        assert_eq!(tally["failed"], 0, "{tally:#}");
        tally
    }
}

fn config(hosts: &[&str], root: &str, target: &str) -> String {
    format!(
        r#"name = "hello"

[targets.prod]
hosts = {hosts:?}
{target}
[host]
root = "{root}"
shared = ["log"]
publish = [{{ from = "static", to = "docroot" }}]
# So that one host can be made to fail.
prepare = ["! test -e {root}/ill || echo unhealthy > content/behaviour.txt; ! test -e {root}/unfit"]

[processes.web]
run = "bin/hello --workers 4"
settle = "150ms"
stop_timeout = "10s"
health = {{ path = "/health", expect = 200, within = "3s", version = {{ json = "version" }} }}
"#
    )
}
