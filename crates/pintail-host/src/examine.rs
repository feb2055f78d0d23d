//! *doctor* and *setup*, on a host: what would stand in the way of a deployment. Changes nothing that stays, unless it
//! is to set the host up: then it makes the folders that its user may make.

use crate::observe::holder;
use crate::seal::{self, Look};
use crate::supervise::client::Supervisor;
use crate::supervisors;
use pintail_core::layout::Layout;
use pintail_core::observed::Observed;
use pintail_core::plan::Supervisor as Wanted;
use pintail_core::wire::{Finding, Trouble, Wants};
use pintail_os::files;
use pintail_os::program::Program;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Less free room than this is worth a word.
const LITTLE_ROOM_BYTES: u64 = 200 << 20;

/// How long a program may take to say where it is, or sudo what one may.
const PROGRAM_WITHIN: Duration = Duration::from_secs(5);
/// Bytes of such an answer.
const PATH_MAX: usize = 4096;

/// Looks at everything a deployment needs.
pub fn examine(layout: &Layout, wants: &Wants) -> Vec<Finding> {
    if wants.set_up {
        // Where it can't, `root` says why and what root has to do.
        let _ = crate::observe::make_folders(layout);
    }
    let observed = crate::observe::observe(layout, "", false);
    let mut findings = vec![
        root(layout),
        room(layout),
        settings(layout),
        journal(&observed),
        processes(&observed),
        release(layout, &observed),
        supervisor(layout, &observed),
        shell(),
        lock(layout),
    ];
    findings.push(programs(layout, &wants.programs));
    findings.extend(wants.addresses.iter().map(|address| port(*address, &observed)));
    findings.extend(keeper(layout, &wants.supervisor));
    findings
}

/// Whether the programs that commands begin with are found there, with the environment that commands get.
fn programs(layout: &Layout, programs: &[String]) -> Finding {
    let settings = crate::settings::read(layout).map(|settings| settings.values).unwrap_or_default();
    let environment = crate::steps::program_environment(&settings, Default::default());
    let is_there = |program: &&String| {
        let ask =
            Program::shell("command -v -- \"$0\"").args([program]).with_environment(environment.clone());
        ask.within(PROGRAM_WITHIN).output(PATH_MAX).is_ok()
    };
    let missing: Vec<String> =
        programs.iter().filter(|program| !is_there(program)).map(|program| format!("`{program}`")).collect();
    match (missing.is_empty(), programs.is_empty()) {
        (true, true) => well("programs", "none is looked up in PATH"),
        (true, false) => well("programs", format!("{} are there", programs.join(", "))),
        (false, _) => bad(
            "programs",
            format!("{} is in no folder of PATH", missing.join(", ")),
            "install it, or set PATH with `pintail env set TARGET PATH=…`",
        ),
    }
}

/// Whether a fixed address is free, or held for one of this root's own services.
fn port(address: SocketAddr, observed: &Result<Observed, Trouble>) -> Finding {
    let own = observed.as_ref().is_ok_and(|observed| {
        let mut sockets = observed.services.iter().filter_map(|there| there.service.socket.as_ref());
        sockets.any(|socket| socket.address.tcp() == Some(address))
    });
    match TcpListener::bind(address) {
        _ if own => well("port", format!("{address} is this application's")),
        Ok(_) => well("port", format!("{address} is free")),
        Err(error) => bad(
            "port",
            format!("{address} can't be listened on: {error}"),
            "`ss -ltnp` as root shows who has it; end that first, or choose another",
        ),
    }
}

/// What the supervisor that is wanted needs once, before the first deployment.
fn keeper(layout: &Layout, supervisor: &Wanted) -> Option<Finding> {
    let user = pintail_os::process::user();
    // Its services run as it does, so one of another user's would run them as that one.
    let owner = |path: &Path| std::fs::metadata(path).map(|there| there.uid()).ok();
    let own = owner(Path::new("/proc/self"));
    let runs = |name: &str| {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut own = processes.map(|process| process.path()).filter(|path| owner(path) == own);
        own.any(|path| std::fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name))
    };
    let folder = |program: &str, services: &Path| {
        if !runs(program) {
            return bad(
                "units",
                format!("no `{program}` of `{user}` runs"),
                format!(
                    "as root, a service that runs `{program} {}` as `{user}` (`chpst -u`, `setuidgid`)",
                    services.display()
                ),
            );
        }
        match files::is_writable(services) {
            true => well(
                "units",
                format!("`{program}` runs, and `{user}` may put services into `{}`", services.display()),
            ),
            false => bad(
                "units",
                format!("`{user}` may not put services into `{}`", services.display()),
                format!(
                    "as root: `chown {user} {}`, or name a folder of its own with `services`",
                    services.display()
                ),
            ),
        }
    };
    Some(match supervisor {
        Wanted::Embedded => return None,
        Wanted::SystemdUser if Path::new("/var/lib/systemd/linger").join(&user).exists() => {
            well("units", format!("the systemd of `{user}` runs without a session too"))
        }
        Wanted::SystemdUser => bad(
            "units",
            format!("the systemd of `{user}` ends with its last session, and its services with it"),
            format!("as root: `loginctl enable-linger {user}`"),
        ),
        Wanted::Systemd if pintail_os::process::is_root() => well("units", "root may manage them"),
        Wanted::Systemd => {
            let may = Program::new("sudo").args(["-n", "-l", "/usr/bin/systemctl", "daemon-reload"]);
            match may.within(PROGRAM_WITHIN).output(PATH_MAX) {
                Ok(_) => well("units", format!("`{user}` may manage its own units with sudo")),
                Err(error) => bad(
                    "units",
                    format!(
                        "`{user}` may not manage its units: {}",
                        error.to_string().lines().last().unwrap_or_default()
                    ),
                    format!(
                        "as root, into `/etc/sudoers.d/pintail-{user}`:\n{}",
                        pintail_core::supervision::sudoers(&user, layout.root()).trim_end()
                    ),
                ),
            }
        }
        Wanted::Runit { services } => folder("runsvdir", services),
        Wanted::Daemontools { services } => folder("svscan", services),
    })
}

fn well(what: &str, how: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), bad: false, how: how.into(), hint: None }
}

fn bad(what: &str, how: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), bad: true, how: how.into(), hint: Some(hint.into()) }
}

fn root(layout: &Layout) -> Finding {
    let root = layout.root();
    let there = root.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let user = pintail_os::process::user();
    let probe = there.join(format!(".pintail-doctor-{}", std::process::id()));
    match files::write_whole(&probe, b"", 0o600).and_then(|()| files::remove_file(&probe)) {
        Ok(()) if there == root => {
            well("root", format!("`{}` is there and `{user}` may write to it", root.display()))
        }
        Ok(()) => well("root", format!("`{}` is not there yet; `{user}` may make it", root.display())),
        Err(error) => bad(
            "root",
            format!("`{user}` may not write to `{}`: {error}", there.display()),
            format!("as root: `install -d -o {user} {}`", root.display()),
        ),
    }
}

fn room(layout: &Layout) -> Finding {
    let there = layout.root().ancestors().find_map(|folder| files::free_bytes(folder).ok());
    match there {
        Some(free) if free < LITTLE_ROOM_BYTES => bad(
            "disk",
            format!("{} MB are free", free >> 20),
            "make room; a release needs its artifact's and its own bytes",
        ),
        Some(free) => well("disk", format!("{} MB are free", free >> 20)),
        None => bad("disk", "its free room can't be told", "look at the file system"),
    }
}

fn settings(layout: &Layout) -> Finding {
    match crate::settings::read(layout) {
        Ok(settings) if settings.bytes.is_empty() => well("env", "no settings"),
        Ok(settings) => {
            well("env", format!("{} settings, readable by their owner alone", settings.values.len()))
        }
        Err(failure) => bad("env", failure.why, failure.hint.unwrap_or_else(|| "mend that file".to_owned())),
    }
}

fn journal(observed: &Result<Observed, Trouble>) -> Finding {
    match observed {
        Err(trouble) => bad(
            "journal",
            format!("{}: {}", trouble.what, trouble.why),
            trouble.hint.clone().unwrap_or_default(),
        ),
        Ok(observed) => match &observed.unfinished {
            Some(unfinished) => bad(
                "journal",
                format!(
                    "deployment {} of {} ended at step `{}` without an end",
                    unfinished.id, unfinished.by, unfinished.step
                ),
                "`pintail resume TARGET` finishes it, `pintail abort TARGET` undoes it; so does the next deploy",
            ),
            None => well("journal", format!("{} deployments, all ended", observed.deployments.len())),
        },
    }
}

/// Whether what the journal says was started runs. While an operation runs, it is what changes that.
fn processes(observed: &Result<Observed, Trouble>) -> Finding {
    match observed {
        Ok(observed) if observed.running.is_none() => match &observed.down()[..] {
            [] => well("processes", format!("{} run as deployed", observed.services.len())),
            down => bad(
                "processes",
                down.join("; "),
                "`pintail deploy TARGET VERSION` of the live version starts them; `pintail logs TARGET` may say why",
            ),
        },
        Ok(_) => well("processes", "an operation runs"),
        Err(_) => well("processes", "can't be told while the journal can't be read"),
    }
}

/// Whether the files of what is live are what was deployed: all of them are read.
fn release(layout: &Layout, observed: &Result<Observed, Trouble>) -> Finding {
    let what = "release";
    let Some(live) = observed.as_ref().ok().and_then(|observed| observed.current.release()) else {
        return well(what, "none is live");
    };
    match seal::compare(layout, live, Look::Whole) {
        Ok(None) => well(what, "what it was when it was deployed is not known: an older Pintail brought it"),
        Ok(Some(differing)) => match differing.told() {
            Some(told) => bad(
                what,
                told,
                "what was changed on the host is in no version control: put it there and deploy that",
            ),
            None if differing.unseen > 0 => well(
                what,
                format!(
                    "{} of {} files read, all as deployed",
                    differing.files - differing.unseen,
                    differing.files
                ),
            ),
            None => well(what, format!("{} files, all as deployed", differing.files)),
        },
        Err(why) => bad(what, why, "nothing needs that file but this look; it goes with its release"),
    }
}

fn supervisor(layout: &Layout, observed: &Result<Observed, Trouble>) -> Finding {
    let all = supervisors::everything(layout);
    let others: Vec<String> = all
        .services
        .iter()
        .filter(|(named, _)| !named.is_embedded())
        .map(|(named, there)| format!("`{}@{}` under {named}", there.process, there.generation))
        .collect();
    let by_user = all.services.iter().any(|(named, _)| *named == pintail_core::plan::Supervisor::SystemdUser);
    let user = pintail_os::process::user();
    if by_user && !Path::new("/var/lib/systemd/linger").join(&user).exists() {
        return bad(
            "supervisor",
            format!("the systemd of `{user}` ends with the last session, and its services with it"),
            format!("as root: `loginctl enable-linger {user}`"),
        );
    }
    let altered = observed.as_ref().map(|observed| &observed.altered[..]).unwrap_or_default();
    if let Some(first) = altered.first() {
        let more = altered.len() - 1;
        let more =
            if more > 0 { format!("; and {more} more, as `pintail status` tells") } else { String::new() };
        return bad(
            "supervisor",
            format!("{}{more}", first.told()),
            "what is to stay belongs into pintail.toml or into the host's settings: every deployment writes its own",
        );
    }
    if !others.is_empty() {
        return match all.watched {
            true => well("supervisor", format!("watches {}", others.join(", "))),
            false => bad(
                "supervisor",
                format!("nobody watches all of {}{}", others.join(", "), told(&all.remarks)),
                "that supervisor must run; `pintail status` says which process is down",
            ),
        };
    }
    match Supervisor::connect(layout.root()) {
        Ok(Some(_)) => well("supervisor", "runs and answers"),
        Ok(None) => well("supervisor", "does not run; the next deployment starts it"),
        Err(error) => bad("supervisor", error.to_string(), "`log/supervisor.log` may say why"),
    }
}

fn told(remarks: &[String]) -> String {
    remarks.iter().map(|remark| format!("; {remark}")).collect()
}

fn shell() -> Finding {
    if Path::new("/bin/sh").exists() {
        well("shell", "/bin/sh is there")
    } else {
        bad("shell", "/bin/sh is missing", "install one")
    }
}

fn lock(layout: &Layout) -> Finding {
    match holder(layout) {
        Ok(None) => well("lock", "free"),
        Ok(Some(holder)) => well("lock", format!("held by {}, whose operation runs", holder.by)),
        Err(trouble) => bad("lock", trouble.why, "the agent must be able to read `journal/lock`"),
    }
}
