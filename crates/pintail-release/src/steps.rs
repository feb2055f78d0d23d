//! `build.steps`, in a checkout: with an environment that is the same everywhere, and noticed where they change what is
//! not theirs. Knows the shell; does not know what the steps make.

use crate::checkout::names;
use crate::git;
use pintail_core::config::Config;
use pintail_core::version::Version;
use pintail_os::program::{Program, Stream};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How long one build step may take.
const STEP_WITHIN: Duration = Duration::from_secs(60 * 60);

/// What steps have from the operator's environment: where things are, not how they are made. `build.env` names more.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "XDG_CACHE_HOME",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// What steps are run for.
#[derive(Debug)]
pub struct Setting<'a> {
    /// The project's own folder, which no step may change.
    pub folder: &'a Path,
    /// The checkout.
    pub tree: &'a Path,
    /// The project's configuration.
    pub config: &'a Config,
    /// The version that is built.
    pub version: &'a Version,
    /// Its commit, in full.
    pub commit: &'a str,
}

/// Runs the steps, in order; `after` hears of each that went well.
///
/// # Errors
/// One failed, or wrote outside its checkout where that can be seen: into the project's work tree, or beside the
/// checkout.
pub fn run(
    setting: &Setting<'_>,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
    after: &mut dyn FnMut(&str),
) -> Result<(), String> {
    let Setting { folder, tree, config, .. } = setting;
    if config.build.steps.is_empty() {
        return Ok(());
    }
    let environment = environment(setting)?;
    let before = git::status(folder).map_err(|error| error.to_string())?;
    for step in &config.build.steps {
        // Files that a step makes may be run by whom the operator's umask would keep from it: that is part of the release.
        let ended = Program::shell(&format!("umask 022\n{step}"))
            .in_folder(tree)
            .with_environment(environment.clone())
            .within(STEP_WITHIN)
            .run(heard, wanted)
            .map_err(|error| error.to_string())?;
        if !ended.is_success() {
            return Err(format!("`{step}` {ended}"));
        }
        outside(setting, &before).map_err(|why| format!("`{step}` {why}"))?;
        after(step);
    }
    Ok(())
}

fn environment(setting: &Setting<'_>) -> Result<BTreeMap<String, String>, String> {
    let Setting { folder, config, version, commit, .. } = setting;
    let told = |name: &str| std::env::var(name).ok().map(|value| (name.to_owned(), value));
    let named = config.build.env.iter().map(String::as_str);
    let mut environment: BTreeMap<String, String> =
        INHERITED.iter().copied().chain(named).filter_map(told).collect();
    let committed_s = git::committed_s(folder, commit).map_err(|error| error.to_string())?;
    let ours = [
        ("LC_ALL", "C.UTF-8".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TZ", "UTC".to_owned()),
        ("SOURCE_DATE_EPOCH", committed_s.to_string()),
        ("PINTAIL_NAME", config.name.to_string()),
        ("PINTAIL_VERSION", version.to_string()),
        ("PINTAIL_COMMIT", (*commit).to_owned()),
    ];
    environment.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    Ok(environment)
}

/// What a step changed that is not its checkout, in words.
fn outside(setting: &Setting<'_>, before: &[String]) -> Result<(), String> {
    let after = git::status(setting.folder).map_err(|error| error.to_string())?;
    let changed: Vec<String> = after.into_iter().filter(|line| !before.contains(line)).collect();
    if !changed.is_empty() {
        return Err(format!(
            "wrote outside its checkout, into `{}`: {}; a build step may change only the folder that it is run in",
            setting.folder.display(),
            names(&changed)
        ));
    }
    let beside = setting.tree.parent().and_then(|room| std::fs::read_dir(room).ok()).into_iter().flatten();
    let strange: Vec<String> = beside
        .filter_map(Result::ok)
        .filter(|item| item.path() != setting.tree)
        .map(|item| format!("../{}", item.file_name().to_string_lossy()))
        .collect();
    match strange.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "wrote outside its checkout: {}; a build step may change only the folder that it is run in",
            names(&strange)
        )),
    }
}
