//! What a configuration will want of a host, before anything is planned: for `setup` and `doctor`.

use crate::config::{Config, Listen, Process};
use crate::plan::supervisor;
use crate::wire::Wants;
use std::path::Path;

/// What deployments of `config` will want of a host with the root `root`.
pub fn wants(config: &Config, root: &Path, set_up: bool) -> Wants {
    let lines = config.processes.iter().map(|process| process.run.as_typed());
    let lines = lines.chain(config.host.prepare.iter().map(|command| command.run.as_str()));
    // What a line begins with, where it is a program to be looked up: not a path in the release, not a variable.
    let first = |line: &str| {
        let word = line.split_whitespace().next()?;
        let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "_-+.".contains(c));
        plain.then(|| word.to_owned())
    };
    let mut programs: Vec<String> = lines.filter_map(first).collect();
    programs.sort();
    programs.dedup();
    let address = |process: &Process| match process.endpoint.as_ref()?.listen {
        Listen::Tcp(address) => Some(address),
        Listen::Unix => None,
    };
    Wants {
        supervisor: supervisor(config, root),
        programs,
        addresses: config.processes.iter().filter_map(address).collect(),
        set_up,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read;

    #[test]
    fn programs_are_what_is_looked_up_and_addresses_what_is_fixed() {
        let text = r#"
name = "blog"
[targets.prod]
hosts = ["web1"]
[host]
root = "/srv/blog"
prepare = ["cpanm --installdeps .", "./script/setup", "A=1 make"]
supervisor = "systemd"
[processes.web]
run = "perl script/web.pl --listen {listen}"
listen = "127.0.0.1:8989"
[processes.jobs]
run = "perl script/jobs.pl"
protocol = "none"
"#;
        let wants = wants(&read(text, "pintail.toml").unwrap(), Path::new("/srv/blog"), false);
        assert_eq!(wants.programs, ["cpanm", "perl"]);
        assert_eq!(wants.addresses, ["127.0.0.1:8989".parse().unwrap()]);
        assert_eq!(wants.supervisor.to_string(), "systemd");
    }
}
