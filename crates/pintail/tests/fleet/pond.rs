//! The seed's own kind of application on real hosts: Perl, Catalyst, five workers behind FastCGI, started by its own
//! command line, behind an nginx that nobody reloads; under each supervisor, as the user `deploy`.

use super::common::lab::Lab;
use super::common::{Ran, Stage, ran, wait_for};
use super::hosts::Traffic;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Handovers in a test; `PINTAIL_HANDOVERS` says another number.
const HANDOVERS: u32 = 6;

struct Pond {
    lab: Lab,
    host: &'static str,
    stage: Stage,
    port: u16,
}

impl Pond {
    fn new(host: &'static str, port: u16, supervisor: &str) -> Self {
        // Nobody else reloads its nginx meanwhile.
        let lab = Lab::alone(&[host]);
        let room = tempfile::Builder::new().prefix("pintail-test-").tempdir().unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/catalyst");
        let text = fs::read_to_string(example.join("pintail.toml")).unwrap();
        let (start, end) = (text.find("[targets.local]").unwrap(), text.find("[host]").unwrap());
        let target = format!("[targets.prod]\nhosts = [\"{host}\"]\n\n");
        let config = format!("{}{target}{}", &text[..start], &text[end..])
            .replace("root = \"/srv/pond\"", &format!("root = \"{}\"\n{supervisor}", lab.root()))
            .replace("settle = \"1s\"", "settle = \"200ms\"");
        let stage = Stage::in_room(room, Some(PathBuf::from("/nowhere")), |_| config.clone());
        for version in ["1.0", "2.0"] {
            let tree = stage.room().join("tree");
            let copied = Command::new("cp").arg("-r").arg(&example).arg(&tree).status().unwrap();
            assert!(copied.success());
            fs::write(tree.join("VERSION"), version).unwrap();
            let (name, parsed) = ("pond".parse().unwrap(), version.parse().unwrap());
            stage.depot().publish_tree(&tree, &name, &parsed, None, 1_700_000_000_000).unwrap();
            fs::remove_dir_all(&tree).unwrap();
        }
        Self { lab, host, stage, port }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.stage.command(arguments);
        command.env("PINTAIL_SSH", self.lab.ssh_program());
        ran(command)
    }

    fn deploy(&self, version: &str) {
        self.run(&["deploy", "prod", version, "--yes"]).expect(0);
    }

    #[track_caller]
    fn root(&self, script: &str) -> String {
        let ran = self.lab.shell(self.host, script);
        ran.expect(0);
        ran.out
    }

    /// The nginx of the host, told of the application once.
    fn nginx(&self) {
        let conf = fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/catalyst/nginx.conf"),
        )
        .unwrap();
        let conf = conf
            .replace("/srv/pond", self.lab.root())
            .replace("listen 80;", &format!("listen 127.0.0.1:{};", self.port))
            .replace("upstream pond", &format!("upstream pond{}", self.port))
            .replace("fastcgi_pass pond", &format!("fastcgi_pass pond{}", self.port));
        let file = format!("/etc/nginx/conf.d/pond-{}.conf", self.port);
        self.root(&format!("cat > {file} <<'END'\n{conf}\nEND\nnginx -t -q && nginx -s reload"));
        wait_for("nginx has read it", Duration::from_secs(20), || {
            let processes = self.root("ps -o args= --ppid $(cat /run/nginx.pid)");
            let asked = format!("exec 3<> /dev/tcp/127.0.0.1/{}", self.port);
            !processes.contains("shutting down")
                && self.lab.exec(self.host, &["bash", "-c", &asked]).code == 0
        });
    }

    /// The numbers of nginx's first process and of its workers. A reload makes other workers, a restart all anew.
    fn nginx_processes(&self) -> Vec<String> {
        let processes = self.root("m=$(cat /run/nginx.pid); echo $m; pgrep -P $m | sort");
        processes.lines().map(str::to_owned).collect()
    }

    /// Clients on the host itself, in front of its nginx, of whose requests every `post_every`-th is a POST.
    fn traffic(&self, post_every: u32) -> Traffic {
        let line = format!(
            "exec $(ls -t .pintail/bin/pintail-* | head -1) traffic 127.0.0.1:{} --pause-ms 10 --clients 2 \
             --post-every {post_every}",
            self.port
        );
        let mut ssh = Command::new(self.lab.ssh_program());
        ssh.args([self.host, &line]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Traffic::of(ssh.spawn().unwrap())
    }

    fn handovers_lose_nothing(&self, supervisor: &str) {
        self.deploy("1.0");
        self.nginx();
        let before = self.nginx_processes();
        assert!(before.len() > 1, "{before:?}");
        let clients = [("GET", self.traffic(0)), ("POST", self.traffic(1))];
        let count =
            std::env::var("PINTAIL_HANDOVERS").ok().and_then(|text| text.parse().ok()).unwrap_or(HANDOVERS);
        let began = Instant::now();
        for number in 0..count {
            self.deploy(if number % 2 == 0 { "2.0" } else { "1.0" });
        }
        let seconds = began.elapsed().as_secs_f32();
        let told = clients.map(|(method, client)| {
            let tally = client.none_failed();
            for version in ["1.0", "2.0"] {
                assert!(tally["versions"][version].as_u64() > Some(0), "{method}: {tally:#}");
            }
            format!("{} {method}, slowest {} ms", tally["requests"], tally["slowest_ms"])
        });
        assert_eq!(self.nginx_processes(), before, "nginx was not reloaded");
        println!("{supervisor}: {count} handovers in {seconds:.0} s; none failed of {}", told.join(" and "));
    }
}

impl Drop for Pond {
    fn drop(&mut self) {
        self.lab.shell(
            self.host,
            &format!(
                "rm -f /etc/nginx/conf.d/pond-{}.conf /etc/sudoers.d/pintail-test; nginx -s reload",
                self.port
            ),
        );
    }
}

#[test]
fn pond_under_the_embedded_supervisor() {
    Pond::new("web1", 18_081, "supervisor = \"embedded\"").handovers_lose_nothing("embedded");
}

/// With exactly the lines that `setup` prints.
#[test]
fn pond_under_systemd_by_sudo() {
    let pond = Pond::new("web2", 18_082, "supervisor = \"systemd\"");
    let asked = pond.run(&["setup", "prod", "--json"]);
    let told = asked.expect(1).json();
    let findings = told["places"][0]["findings"].as_array().unwrap();
    let units = findings.iter().find(|finding| finding["what"] == "units").unwrap();
    let (_, lines) = units["hint"].as_str().unwrap().split_once('\n').unwrap();
    pond.root(&format!(
        "cat > /etc/sudoers.d/pintail-test <<'END'\n{lines}\nEND\nchmod 440 /etc/sudoers.d/pintail-test && visudo -cq"
    ));
    pond.run(&["setup", "prod"]).expect(0);
    pond.handovers_lose_nothing("systemd");
}

/// The usual way to give a user services of its own: the host's scanner keeps one that runs as that user.
fn with_a_scanner_of_its_own(
    host: &'static str,
    port: u16,
    supervisor: &str,
    become_deploy: &str,
    scanner: &str,
) {
    let services = "/home/deploy/service";
    let pond = Pond::new(host, port, &format!("supervisor = \"{supervisor}\"\nservices = \"{services}\""));
    pond.root(&format!(
        "install -d -o deploy -g deploy {services}; f=/etc/service/{scanner}-deploy; mkdir -p $f.new && \
         printf '#!/bin/sh\\nexec {become_deploy} deploy {scanner} {services}\\n' > $f.new/run && chmod 755 $f.new/run && \
         {{ [ -e $f ] || mv $f.new $f; }}; rm -rf $f.new; for n in $(seq 100); do pgrep -u deploy {scanner} && exit; sleep 0.1; done; exit 1"
    ));
    pond.run(&["setup", "prod"]).expect(0);
    pond.handovers_lose_nothing(supervisor);
}

#[test]
fn pond_under_runit() {
    with_a_scanner_of_its_own("runit1", 18_083, "runit", "chpst -u", "runsvdir");
}

#[test]
fn pond_under_daemontools() {
    with_a_scanner_of_its_own("daemontools1", 18_084, "daemontools", "setuidgid", "svscan");
}
