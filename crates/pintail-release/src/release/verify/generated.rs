//! Do the build steps leave what is committed as it is? They are run in a clean checkout, and every file that git has is
//! compared after each: what changes there was not made anew before it was committed, or by another version of its tool.

use super::Order;
use crate::checkout::{check_out, refuse_submodules};
use crate::exclude::Exclude;
use crate::include::include;
use crate::steps;
use pintail_core::digest::Digest;
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use pintail_os::program::Stream;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Changed files that are told by name.
const TOLD: usize = 10;
/// The version that the steps are told when they are only tried.
const UNBUMPED: &str = "0-verify";

/// Tells what is wrong.
pub(super) fn check(
    order: &Order<'_>,
    head: &str,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
    all: &mut Vec<Trouble>,
) {
    let build = &order.config.build;
    if build.steps.is_empty() && build.include.is_empty() {
        // What a build would find too late without a checkout.
        let exclude = Exclude::new(&build.exclude).map_err(io::Error::other);
        if let Err(error) = exclude.and_then(|exclude| refuse_submodules(order.folder, head, &exclude)) {
            all.push(Trouble::new(format!("cannot build `{}`", order.config.name), error));
        }
        return;
    }
    match run(order, head, heard, wanted) {
        Ok(troubles) => all.extend(troubles),
        Err(error) => all.push(Trouble::new("cannot try the build steps", error)),
    }
}

fn run(
    order: &Order<'_>,
    head: &str,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> io::Result<Vec<Trouble>> {
    let room = tempfile::Builder::new().prefix("pintail-verify-").tempdir()?;
    let tree = room.path().join("tree");
    let cannot =
        |why: &dyn std::fmt::Display| Trouble::new(format!("cannot build `{}`", order.config.name), why);
    let exclude = match Exclude::new(&order.config.build.exclude) {
        Ok(exclude) => exclude,
        Err(why) => return Ok(vec![cannot(&why)]),
    };
    check_out(order.folder, head, &tree, &exclude)?;
    if let Err(trouble) = include(&order.config.build.include, order.depot, &tree) {
        return Ok(vec![trouble]);
    }
    let mut files = BTreeMap::new();
    list(&tree, &tree, &mut files)?;
    let version: Version = UNBUMPED.parse().map_err(io::Error::other)?;
    let setting = steps::Setting {
        folder: order.folder,
        tree: &tree,
        config: order.config,
        version: &version,
        commit: head,
    };
    let mut troubles = Vec::new();
    let ran =
        steps::run(&setting, heard, wanted, &mut |step| troubles.extend(changed(step, &tree, &mut files)));
    if !wanted() {
        return Ok(vec![cannot(&"it was interrupted").hint("say it again")]);
    }
    if let Err(why) = ran {
        let hint = "it runs in a clean checkout of the commit: what it needs must be committed or made";
        troubles.push(cannot(&why).hint(hint));
    }
    Ok(troubles)
}

/// A file as it is.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// Size, time of change and file number: where these are the same, nothing was written.
    glance: (u64, i64, i64, u64),
    executable: bool,
    content: Digest,
}

fn list(folder: &Path, tree: &Path, files: &mut BTreeMap<PathBuf, Found>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if fs::symlink_metadata(&path)?.is_dir() {
            list(&path, tree, files)?;
        } else if let Ok(inner) = path.strip_prefix(tree) {
            files.insert(inner.to_path_buf(), found(&path)?);
        }
    }
    Ok(())
}

fn glance(meta: &fs::Metadata) -> (u64, i64, i64, u64) {
    (meta.len(), meta.ctime(), meta.ctime_nsec(), meta.ino())
}

fn found(path: &Path) -> io::Result<Found> {
    let meta = fs::symlink_metadata(path)?;
    let content = match meta.is_symlink() {
        true => fs::read_link(path)?.into_os_string().into_encoded_bytes(),
        false => fs::read(path)?,
    };
    let executable = !meta.is_symlink() && meta.permissions().mode() & 0o111 != 0;
    Ok(Found { glance: glance(&meta), executable, content: Digest::of(&content) })
}

/// What `step` changed of `files`, which are then as it left them.
fn changed(step: &str, tree: &Path, files: &mut BTreeMap<PathBuf, Found>) -> Option<Trouble> {
    let mut told = Vec::new();
    for (path, before) in files.iter_mut() {
        let place = tree.join(path);
        if fs::symlink_metadata(&place).is_ok_and(|meta| glance(&meta) == before.glance) {
            continue;
        }
        match found(&place) {
            Ok(now) if (now.executable, now.content) == (before.executable, before.content) => *before = now,
            Ok(now) => {
                told.push(format!("`{}` is another", path.display()));
                *before = now;
            }
            Err(_) => told.push(format!("`{}` is gone", path.display())),
        }
    }
    files.retain(|path, _| fs::symlink_metadata(tree.join(path)).is_ok());
    if told.is_empty() {
        return None;
    }
    if told.len() > TOLD {
        let more = told.len() - TOLD;
        told.truncate(TOLD);
        told.push(format!("and {more} more"));
    }
    Some(
        Trouble::new(format!("the build step `{step}` changes what is committed"), told.join("\n")).hint(
            "run it, look at what it made and commit that; or take the file out of git, if it is made anew each time",
        ),
    )
}
