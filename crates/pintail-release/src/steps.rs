//! `build.steps`, in a checkout: with an environment that is the same everywhere, and noticed where they change what is
//! not theirs. Knows the shell; does not know what the steps make.

use crate::checkout::names;
use crate::git;
use pintail_core::config::Config;
use pintail_core::version::Version;
use pintail_os::program::{Program, Stream};
use std::collections::BTreeMap;
use std::io;
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

/// Runs the steps, in order; `after` hears of each that went well. What one leaves running ends with it: it would go on
/// writing while files are taken.
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
    let around = Around::of(folder, tree, ("a build step", "checkout")).map_err(|error| error.to_string())?;
    for step in &config.build.steps {
        // Files that a step makes may be run by whom the operator's umask would keep from it: that is part of the release.
        let ended = Program::shell(&format!("umask 022\n{step}"))
            .in_folder(tree)
            .with_environment(environment.clone())
            .within(STEP_WITHIN)
            .leaving_nothing()
            .run(heard, wanted)
            .map_err(|error| error.to_string())?;
        if !ended.is_success() {
            return Err(format!("`{step}` {ended}"));
        }
        around.is_as_it_was().map_err(|why| format!("`{step}` {why}"))?;
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

/// What is run must leave as it is: the project's work tree, and what lies beside the folder that it is run in.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    /// The project's own folder.
    folder: &'a Path,
    /// The folder that something is run in.
    tree: &'a Path,
    /// What is run, and what that folder is.
    words: (&'static str, &'static str),
    status: Vec<String>,
    beside: Vec<String>,
}

impl<'a> Around<'a> {
    /// As it is now.
    pub(crate) fn of(
        folder: &'a Path,
        tree: &'a Path,
        words: (&'static str, &'static str),
    ) -> io::Result<Self> {
        Ok(Self { folder, tree, words, status: git::status(folder)?, beside: beside(tree) })
    }

    /// Whether it still is: what was changed, in words, if not.
    pub(crate) fn is_as_it_was(&self) -> Result<(), String> {
        let (what, place) = self.words;
        let told = |where_to: &str, changed: Vec<String>| match changed.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "wrote outside its {place}{where_to}: {}; {what} may change only the folder that it is run in",
                names(&changed)
            )),
        };
        let new = |now: Vec<String>, before: &[String]| {
            now.into_iter().filter(|one| !before.contains(one)).collect::<Vec<_>>()
        };
        let status = git::status(self.folder).map_err(|error| error.to_string())?;
        told(&format!(", into `{}`", self.folder.display()), new(status, &self.status))?;
        told("", new(beside(self.tree), &self.beside))
    }
}

fn beside(tree: &Path) -> Vec<String> {
    let entries = tree.parent().and_then(|room| std::fs::read_dir(room).ok()).into_iter().flatten();
    entries.flatten().map(|entry| format!("../{}", entry.file_name().to_string_lossy())).collect()
}
