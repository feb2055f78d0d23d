//! `build`: a commit's tree, in a clean checkout, with what its build steps make, as an artifact in the depot.

use crate::git;
use crate::prove::{Proving, prove};
use pintail_core::config::Config;
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use pintail_depot::{Card, Depot, Published};
use pintail_os::program::{Program, Stream};
use std::path::Path;
use std::time::Duration;

/// How long one build step may take.
pub(crate) const STEP_WITHIN: Duration = Duration::from_secs(60 * 60);

/// What is built.
#[derive(Debug)]
pub struct Order<'a> {
    /// The project's folder: where its `pintail.toml` is.
    pub folder: &'a Path,
    /// Its configuration.
    pub config: &'a Config,
    /// The version that the artifact gets.
    pub version: &'a Version,
    /// The commit, or a name of it.
    pub commit: &'a str,
    /// Who builds: `user@machine`.
    pub by: &'a str,
    /// Milliseconds since 1970.
    pub now_ms: u64,
}

/// Builds, proves, and publishes into `depot`. `heard` gets what the steps and the test say; they stop once `wanted`
/// says no.
///
/// # Errors
/// Nothing was published.
pub fn build(
    order: &Order<'_>,
    depot: &Depot,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> Result<Published, Trouble> {
    let fail = |error: &dyn std::fmt::Display| {
        Trouble::new(format!("cannot build `{}` {}", order.config.name, order.version), error)
    };
    // Nothing is in the depot that was not proven: until then it lies in one of its own.
    let room = tempfile::Builder::new().prefix("pintail-built-").tempdir().map_err(|error| fail(&error))?;
    let bench = Depot::new(room.path());
    let card = make(order, &bench, heard, wanted)?;
    let proving = Proving { depot: &bench, card: &card, config: order.config, by: order.by };
    prove(&proving, heard, wanted)?;
    depot.take_over(&bench, &card.name, &card.version, order.now_ms).map_err(|error| fail(&error))
}

/// Builds into `bench`, a depot that nothing is deployed from; what it makes is not proven.
///
/// # Errors
/// Nothing was made.
pub fn make(
    order: &Order<'_>,
    bench: &Depot,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> Result<Card, Trouble> {
    let Order { folder, config, version, commit, now_ms, .. } = order;
    let what = || format!("cannot build `{}` {version}", config.name);
    let fail = |why: &dyn std::fmt::Display| Trouble::new(what(), why);
    if !config.build.exclude.is_empty() || !config.build.include.is_empty() {
        return Err(fail(
            &"`build.exclude` and `build.include` are not in this Pintail yet, and it will not leave them out silently",
        ));
    }
    let hash = git::commit(folder, commit).map_err(|_| {
        fail(&format!("`{commit}` is no commit in `{}`", folder.display())).hint("commit your work first")
    })?;
    let room = tempfile::Builder::new().prefix("pintail-build-").tempdir().map_err(|error| fail(&error))?;
    let tree = room.path().join("tree");
    check_out(folder, &hash, &tree).map_err(|error| fail(&error))?;
    for step in &config.build.steps {
        let ended = Program::shell(step)
            .in_folder(&tree)
            .within(STEP_WITHIN)
            .run(heard, wanted)
            .map_err(|error| fail(&error))?;
        if !ended.is_success() {
            return Err(fail(&format!("`{step}` {ended}")));
        }
    }
    let published = bench.publish_tree(&tree, &config.name, version, Some(&hash), *now_ms);
    Ok(published.map_err(|error| fail(&error))?.card().clone())
}

/// The commit's files as they are in it, never those of the work tree.
pub(crate) fn check_out(folder: &Path, hash: &str, tree: &Path) -> std::io::Result<()> {
    pintail_os::files::make_folder(tree, 0o755)?;
    let mut piped = git::archive(folder, hash)?;
    let unpacked = {
        let mut archive = tar::Archive::new(&mut piped.output);
        archive.set_preserve_mtime(false);
        archive.unpack(tree)
    };
    // git pads its stream; unread, that would end it by a signal.
    let _ = std::io::copy(&mut piped.output, &mut std::io::sink());
    // What git says is the better reason when both fail.
    piped.finish()?;
    unpacked
}
