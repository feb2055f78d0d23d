//! `release.json` of a commit: everything it says of itself, read from its repository. Knows where a commit has it; what
//! it means is for `pintail-core`.

use crate::{declared, git, log};
use pintail_core::config::{Config, DeclaredSchema};
use pintail_core::notes::{ABOUT_FORMAT, About, FRAGMENTS_FOLDER, Fragment, Task, collect};
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use std::path::Path;

/// Fragments that are read; who has more has forgotten to delete those of years ago.
const FRAGMENTS_MAX: usize = 1000;

/// What the commit says of itself: a function of it, of the version and of nothing else. `config` is its own.
///
/// # Errors
/// There is no such commit, or its history is not all here.
pub fn about(folder: &Path, commit: &str, version: &Version, config: &Config) -> Result<About, Trouble> {
    let what = || format!("cannot read the history of `{commit}` for its deployment notes");
    let hash = git::commit(folder, commit)
        .map_err(|_| Trouble::new(what(), format!("`{commit}` is no commit in `{}`", folder.display())))?;
    if git::is_shallow(folder).map_err(|error| Trouble::new(what(), error))? {
        let why = "this clone is shallow: it has only the end of the history";
        return Err(Trouble::new(what(), why).hint("`git fetch --unshallow` brings the rest"));
    }
    let fail = |error| Trouble::new(what(), error);
    let fragments = fragments(folder, &hash).map_err(fail)?;
    let amended: Vec<&str> = fragments.iter().filter_map(|fragment| fragment.amends.as_deref()).collect();
    let candidates = log::candidates(folder, &hash, &amended).map_err(fail)?;
    let committed_s = git::committed_s(folder, &hash).map_err(fail)?;
    let task = |task: &pintail_core::config::Task| {
        let within_ms = u64::try_from(task.within.as_millis()).unwrap_or(u64::MAX);
        (task.name.clone(), Task { run: task.run.clone(), within_ms })
    };
    let mut dependencies = Vec::new();
    for file in
        git::top(folder, &hash).map_err(fail)?.iter().filter(|file| declared::reading(&file.path).is_some())
    {
        let content = git::content(folder, file).map_err(fail)?;
        dependencies.extend(declared::for_running(&file.path, &String::from_utf8_lossy(&content)));
    }
    let schema = schema_files(config);
    let schema = match schema.is_empty() {
        true => Vec::new(),
        false => git::listed(folder, &hash, &schema).map_err(fail)?,
    };
    let about = About {
        schema: schema.into_iter().map(|blob| (blob.path, blob.id)).collect(),
        format: ABOUT_FORMAT,
        name: config.name.clone(),
        version: version.clone(),
        commit: hash,
        committed_s,
        tasks: config.tasks.iter().map(task).collect(),
        targets: config.targets.iter().map(|target| target.name.clone()).collect(),
        settings: config.host.env_required.clone(),
        dependencies,
        notes: collect(&candidates, fragments, committed_s),
        left_out: 0,
    };
    Ok(about.bounded())
}

fn fragments(folder: &Path, hash: &str) -> std::io::Result<Vec<Fragment>> {
    let listed = git::listed(folder, hash, &[FRAGMENTS_FOLDER])?;
    let named: Vec<&git::Blob> = listed.iter().filter(|file| file.path.ends_with(".md")).collect();
    if named.len() > FRAGMENTS_MAX {
        return Err(std::io::Error::other(format!(
            "`{FRAGMENTS_FOLDER}` has {} fragments, at most {FRAGMENTS_MAX} are read; delete those that are live everywhere",
            named.len()
        )));
    }
    named.into_iter().map(|file| Ok(Fragment::read(&file.path, &git::content(folder, file)?))).collect()
}

/// The folders in which the project says what its database's schema is.
fn schema_files(config: &Config) -> Vec<&str> {
    let Some(settings) = &config.schema else { return Vec::new() };
    let declared = match &settings.declared {
        Some(DeclaredSchema::Folder(path)) => Some(path.as_str()),
        Some(DeclaredSchema::Command(_)) | None => None,
    };
    declared.into_iter().chain(settings.migrations.as_ref().map(|path| path.as_str())).collect()
}
