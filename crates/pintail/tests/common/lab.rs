//! Real hosts for tests: those of `lab/`, started when the first test wants them, shared by all. Each test keeps to a
//! root of its own on them, and what runs or lies there ends with it. Knows nothing of Pintail.

use super::{PINTAIL, Ran, ran};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// How long all tests that run on a host at once may take.
const TESTS_WITHIN_S: &str = "600";

/// Hosts that are up, held so that nobody takes them away or, with [`Lab::alone`], uses them at all.
pub struct Lab {
    hosts: Vec<String>,
    root: String,
    is_alone: bool,
    /// A file for each host; its lock says who uses it, and goes with the process however that ends.
    _held: Vec<File>,
}

impl Lab {
    /// These hosts, up; other tests may be on them too.
    #[track_caller]
    pub fn up(hosts: &[&str]) -> Self {
        Self::start(hosts, false)
    }

    /// These hosts, up, for a test that reboots them, powers them off or cuts them: nobody else is on them meanwhile.
    #[track_caller]
    pub fn alone(hosts: &[&str]) -> Self {
        Self::start(hosts, true)
    }

    #[track_caller]
    fn start(hosts: &[&str], is_alone: bool) -> Self {
        // The owner of this very process is its user.
        assert!(
            fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0),
            "this test boots real hosts, which only root may do: run it as root (`./test` leaves it out without)"
        );
        // In one order for all, so that two tests never wait for each other.
        let mut hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        hosts.sort();
        fs::create_dir_all(folder().join("use")).unwrap();
        let hold = |host: &String| {
            let file =
                File::options().create(true).append(true).open(folder().join("use").join(host)).unwrap();
            let lock = if is_alone { File::lock } else { File::lock_shared };
            lock(&file).unwrap_or_else(|error| panic!("cannot wait for host `{host}`: {error}"));
            file
        };
        let held = hosts.iter().map(hold).collect();
        let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let started = lab("up", &names);
        assert_eq!(started.code, 0, "the lab does not start (lab/README.md)\n{}", started.all());
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let lab = Self {
            root: format!("/srv/pintail-test-{}-{count}", std::process::id()),
            hosts,
            is_alone,
            _held: held,
        };
        for host in &lab.hosts {
            lab.shell(host, &clear_away(&lab.root)).expect(0);
            lab.exec(host, &["install", "-d", "-o", "deploy", "-g", "deploy", &lab.root]).expect(0);
        }
        lab
    }

    /// What Pintail is told by `PINTAIL_SSH`: the system's ssh, which knows the hosts by name, with their keys.
    pub fn ssh_program(&self) -> PathBuf {
        folder().join("ssh")
    }

    /// An empty folder of the user `deploy`, the same on each of the hosts, for this test alone.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Runs a command as root on a host, without ssh, so also where the network is cut.
    pub fn exec(&self, host: &str, command: &[&str]) -> Ran {
        let mut arguments = vec![host];
        arguments.extend(command);
        lab("exec", &arguments)
    }

    /// The same with a script of `sh`.
    pub fn shell(&self, host: &str, script: &str) -> Ran {
        self.exec(host, &["sh", "-c", script])
    }

    /// Runs a command as `deploy`, over ssh. Bounded: by itself TCP asks a host that is off for two minutes.
    pub fn ssh(&self, host: &str, command: &str) -> Ran {
        let mut ssh = Command::new(self.ssh_program());
        ssh.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", host, command]).stdin(Stdio::null());
        ran(ssh)
    }

    /// Runs tests of this very test binary on a host, as root: those whose names have one of `filters` in them, also
    /// the ignored ones; `count` of them must pass. What they make is below this test's root. Returns what they said.
    #[track_caller]
    pub fn tests(&self, host: &str, filters: &[&str], environment: &[&str], count: usize) -> String {
        let binary = std::env::current_exe().unwrap();
        let there = Path::new(&self.root).join("tests");
        let _program = self.send(host, Path::new(PINTAIL), Path::new(PINTAIL));
        let _binary = self.send(host, &binary, &there);
        let folder = format!("TMPDIR={}", self.root);
        let mut command = vec!["timeout", TESTS_WITHIN_S, "env", &folder];
        command.extend(environment);
        // Two at a time, as here: more measure each other.
        command.extend([there.to_str().unwrap(), "--include-ignored", "--show-output", "--test-threads=2"]);
        command.extend(filters);
        let ran = self.exec(host, &command);
        assert_eq!(ran.code, 0, "{filters:?} on `{host}`: {}", ran.all());
        assert!(ran.out.contains(&format!("test result: ok. {count} passed; 0 failed")), "{}", ran.all());
        ran.out
    }

    /// A user's own systemd on a host, which a reboot brings back; it ends when this is dropped.
    #[track_caller]
    pub fn lingering<'a>(&'a self, host: &'a str, user: &'a str) -> Lingering<'a> {
        let script = format!(
            "loginctl enable-linger {user} && for n in $(seq 100); do \
             [ ! -e /run/user/$(id -u {user})/systemd/private ] || exit 0; sleep 0.1; done; exit 1"
        );
        self.shell(host, &script).expect(0);
        Lingering { lab: self, host, user }
    }

    /// Puts a program of this machine on a host; there it is until this is dropped.
    #[track_caller]
    fn send<'a>(&'a self, host: &'a str, from: &Path, to: &Path) -> Sent<'a> {
        let to = to.to_str().unwrap().to_owned();
        let script = "mkdir -p \"$(dirname \"$1\")\" && cat > \"$1\" && chmod 755 \"$1\"";
        let mut command = lab_command("exec", &[host, "sh", "-c", script, "sh", &to]);
        command.stdin(File::open(from).unwrap());
        ran(command).expect(0);
        Sent { lab: self, host, path: to }
    }

    /// Powers a host off: all its processes are killed at once, its disk stays.
    #[track_caller]
    pub fn kill(&self, host: &str) {
        lab("kill", &[host]).expect(0);
    }

    /// Starts a host that was powered off, with its disk, and waits until it is up.
    #[track_caller]
    pub fn start_again(&self, host: &str) {
        lab("up", &[host]).expect(0);
    }

    /// Reboots a host in order, and waits until it is up again.
    #[track_caller]
    pub fn reboot(&self, host: &str) {
        lab("reboot", &[host]).expect(0);
    }

    /// Pulls a host's cable: packets vanish, and neither side is told.
    #[track_caller]
    pub fn cut(&self, host: &str) {
        lab("cut", &[host]).expect(0);
    }

    /// Sets a host's clock, as Pintail and ssh sessions see it, so many seconds off. Only where nobody else is on it.
    #[track_caller]
    pub fn clock(&self, host: &str, off_s: i64) {
        lab("clock", &[host, &format!("{off_s:+}")]).expect(0);
    }

    /// Puts it back.
    #[track_caller]
    pub fn join(&self, host: &str) {
        lab("join", &[host]).expect(0);
    }

    /// Tears down what is connected to a host now; new connections work.
    #[track_caller]
    pub fn reset(&self, host: &str) {
        lab("cut", &["--reset", host]).expect(0);
    }
}

pub struct Lingering<'a> {
    lab: &'a Lab,
    host: &'a str,
    user: &'a str,
}

impl Drop for Lingering<'_> {
    fn drop(&mut self) {
        self.lab.exec(self.host, &["loginctl", "disable-linger", self.user]);
    }
}

struct Sent<'a> {
    lab: &'a Lab,
    host: &'a str,
    path: String,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        let script = "rm -f \"$1\"; rmdir -p --ignore-fail-on-non-empty \"$(dirname \"$1\")\"";
        self.lab.exec(self.host, &["sh", "-c", script, "sh", &self.path]);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for host in &self.hosts {
            // A test that failed may have left it cut or off; the next one is not to find that.
            let _ = lab("join", &[host]);
            if self.is_alone {
                let _ = lab("clock", &[host, "0"]);
            }
            let cleared = self.shell(host, &clear_away(&self.root));
            if cleared.code != 0 && lab("up", &[host]).code == 0 {
                self.shell(host, &clear_away(&self.root));
            }
        }
    }
}

/// Where the lab keeps everything.
pub fn folder() -> PathBuf {
    std::env::var_os("PINTAIL_LAB").map_or_else(|| PathBuf::from("/var/tmp/pintail-lab"), PathBuf::from)
}

/// One of the lab's commands.
fn lab(name: &str, arguments: &[&str]) -> Ran {
    ran(lab_command(name, arguments))
}

fn lab_command(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab").join(name));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The script that ends everything that belongs to `root` on a host: units and services that name it, then its
/// processes, then its files.
fn clear_away(root: &str) -> String {
    format!(
        r#"root={root}
for unit in $(grep -lsF "$root" /etc/systemd/system/* /home/deploy/.config/systemd/user/* 2> /dev/null); do
    systemctl disable --now "${{unit##*/}}" 2> /dev/null
    rm -f "$unit"
done
for service in /etc/service/*; do
    case $(readlink "$service") in
        "$root"/*) rm -f "$service" ;;
        *) grep -qsF "$root" "$service/run" && rm -rf "$service" ;;
    esac
done
for round in 1 2 3; do
    for process in /proc/[0-9]*; do
        [ "$process" != "/proc/$$" ] || continue
        case "$(readlink "$process/cwd") $(readlink "$process/exe") $(tr '\0' ' ' < "$process/cmdline")" in
            *"$root"*) kill -KILL "${{process#/proc/}}" ;;
        esac
    done 2> /dev/null
done
if [ -e "$root" ]; then
    for mount in $(awk -v root="$root" 'index($2, root) == 1 {{ print $2 }}' /proc/mounts | sort -r); do umount -l "$mount"; done
    rm -rf "$root"
fi
[ ! -e "$root" ]
"#
    )
}
