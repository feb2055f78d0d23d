//! A step in the operator's words: its name, and one line that says what it will do.

use super::{Address, Service, Step};

impl Step {
    /// The step's name, as in the journal and in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Step::Deliver { .. } => "deliver",
            Step::Unpack { .. } => "unpack",
            Step::LinkShared { .. } => "link shared",
            Step::FreshCache { .. } => "fresh cache",
            Step::Environment { .. } => "env",
            Step::Prepare { .. } => "prepare",
            Step::Task { .. } => "task",
            Step::Seal { .. } => "seal",
            Step::AwaitTurn { .. } => "await turn",
            Step::Publish { .. } => "publish",
            Step::MaintenanceOn => "maintenance on",
            Step::Start { .. } => "start",
            Step::Health { .. } => "health",
            Step::Route { .. } => "route",
            Step::Switch { .. } => "switch",
            Step::Settle { .. } => "settle",
            Step::MaintenanceOff => "maintenance off",
            Step::Drain { .. } => "drain",
            Step::Stop { .. } => "stop",
            Step::Confirm { .. } => "confirm",
            Step::Record { .. } => "record",
            Step::Prune { .. } => "prune",
        }
    }

    /// What it will do, in one line without its name.
    pub fn told(&self) -> String {
        match self {
            Step::Deliver { patch: Some(patch), .. } => {
                format!("what {} lacks of it ({})", patch.base, bytes(patch.bytes))
            }
            Step::Deliver { digest, packed_bytes, patch: None } => {
                format!("artifact {} ({})", digest.short(), bytes(*packed_bytes))
            }
            Step::Unpack { release, unpacked_bytes, .. } => {
                format!("to releases/{release} ({})", bytes(*unpacked_bytes))
            }
            Step::LinkShared { paths, .. } | Step::FreshCache { paths, .. } => list(paths),
            Step::Environment { required } if required.is_empty() => "read this host's settings".to_owned(),
            Step::Environment { required } => {
                format!("read this host's settings; needed: {}", required.join(", "))
            }
            Step::Prepare { line, once: false, .. } => format!("`{line}`"),
            Step::Prepare { line, once: true, .. } => format!("`{line}`, once for all hosts"),
            Step::Task { task, line, .. } => format!("{task}: `{line}`, once for the target"),
            Step::Seal { release } => format!("releases/{release} is read-only from here"),
            Step::AwaitTurn { silence_ms } => {
                format!(
                    "every host is prepared; {} without a word count as a lost operator",
                    span(*silence_ms)
                )
            }
            Step::Publish { from, to, .. } => format!("{from} into {}", to.display()),
            Step::MaintenanceOn => "raise run/maintenance".to_owned(),
            Step::MaintenanceOff => "lower run/maintenance".to_owned(),
            Step::Start { service } => {
                format!("{service}{}{}{}", instances(service), socket(service), under(service))
            }
            Step::Health { service, version } => health(service, &version.to_string()),
            Step::Route { service } => format!("run/{}.sock to {service}", service.process),
            Step::Switch { release } => format!("current to releases/{release}"),
            Step::Settle { services, for_ms } => format!("{} for {}", list(services), span(*for_ms)),
            Step::Drain { service } => format!("{service}, at most {}", span(service.drain_ms)),
            Step::Stop { service } => format!("{service}, at most {}", span(service.stop_timeout_ms)),
            Step::Confirm { silence_ms } => format!(
                "the operator's word for all hosts; {} without one count as a lost operator",
                span(*silence_ms)
            ),
            Step::Record { release, .. } => format!("{release} as good; from here nothing is undone"),
            Step::Prune { releases, services } => pruned(releases.len(), services.len(), &list(releases)),
        }
    }
}

fn list(items: &[impl std::fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn instances(service: &Service) -> String {
    match service.instances {
        1 => String::new(),
        many => format!(" ({many} instances)"),
    }
}

fn under(service: &Service) -> String {
    match service.supervisor.is_embedded() {
        true => String::new(),
        false => format!(", under {}", service.supervisor),
    }
}

fn socket(service: &Service) -> String {
    match service.socket.as_ref().map(|socket| (&socket.address, &socket.name)) {
        None => String::new(),
        Some((Address::Unix(_), name)) => format!(" on run/{name}.sock"),
        Some((Address::Tcp(address), _)) => format!(" on {address}"),
    }
}

fn health(service: &Service, version: &str) -> String {
    let Some(probe) = &service.health else { return format!("{service} runs") };
    let expected = if probe.expect_from == probe.expect_to {
        probe.expect_from.to_string()
    } else {
        format!("{}-{}", probe.expect_from, probe.expect_to)
    };
    let told = if probe.version.is_some() { format!(" telling version {version}") } else { String::new() };
    format!("{service} answers {} with {expected}{told}, within {}", probe.path, span(probe.within_ms))
}

fn pruned(releases: usize, services: usize, names: &str) -> String {
    match (releases, services) {
        (0, 0) => "nothing".to_owned(),
        (0, _) => "what the old processes left in run/".to_owned(),
        (_, _) => names.to_owned(),
    }
}

/// Bytes for people: `512 B`, `1.5 KB`, `12 MB` (powers of 1000).
pub fn bytes(count: u64) -> String {
    let mut rest = count as f64;
    for unit in ["B", "KB", "MB", "GB"] {
        if rest < 1000.0 {
            let digits = usize::from(unit != "B" && rest < 10.0);
            return format!("{rest:.digits$} {unit}");
        }
        rest /= 1000.0;
    }
    format!("{rest:.1} TB")
}

/// Milliseconds for people: `250ms`, `30s`, `10m`.
pub(crate) fn span(ms: u64) -> String {
    match ms {
        ms if ms >= 60_000 && ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}
