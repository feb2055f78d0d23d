//! `build`: a commit's tree, in a clean checkout, with what its build steps make and what it includes, as an artifact.
//! Knows the order of these; does not know what becomes of the artifact.

use crate::about::about;
use crate::checkout::{check_out, refuse_submodules};
use crate::exclude::Exclude;
use crate::include::include;
use crate::prove::{Proving, prove};
use crate::versions::commit_of;
use crate::{git, steps};
use pintail_core::config::{Config, read_bytes, render};
use pintail_core::manifest::{ABOUT_PATH, RESERVED_FOLDER};
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use pintail_depot::{Depot, Published, Tree};
use pintail_os::program::Stream;
use std::cell::RefCell;
use std::io;
use std::path::Path;

/// Bytes of a configuration that are read.
const CONFIG_MAX: u64 = 1 << 20;

/// What is built.
#[derive(Debug)]
pub struct Order<'a> {
    /// The project's folder: where its `pintail.toml` is.
    pub folder: &'a Path,
    /// Its configuration.
    pub config: &'a Config,
    /// The name of that file in the folder, if the commit's own is meant where it has one.
    pub config_name: Option<&'a str>,
    /// The version that the artifact gets.
    pub version: &'a Version,
    /// The commit, or a name of it.
    pub commit: &'a str,
    /// The depot that includes are taken from.
    pub depot: &'a Depot,
    /// Who builds: `user@machine`.
    pub by: &'a str,
    /// Milliseconds since 1970.
    pub now_ms: u64,
}

/// The commit, and how it is built.
struct What {
    hash: String,
    config: Config,
}

/// Builds, proves, and publishes into the order's depot. `heard` gets what the steps and the test say; they stop once
/// `wanted` says no.
///
/// # Errors
/// Nothing was published.
pub fn build(
    order: &Order<'_>,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> Result<Published, Trouble> {
    let fail = |error: &dyn std::fmt::Display| order.trouble(error);
    let what = order.what()?;
    if what.config.build.test.is_none() {
        return make_of(order, &what, order.depot, heard, wanted);
    }
    // Nothing is in the depot that was not proven: until then it lies in one of its own.
    let room = tempfile::Builder::new().prefix("pintail-built-").tempdir().map_err(|error| fail(&error))?;
    let bench = Depot::new(room.path());
    let published = make_of(order, &what, &bench, heard, wanted)?;
    let card = published.card();
    let proving = Proving { depot: &bench, folder: order.folder, card, config: &what.config, by: order.by };
    prove(&proving, heard, wanted)?;
    order.depot.take_over(&bench, &card.name, &card.version, order.now_ms).map_err(|error| fail(&error))
}

/// Builds into `bench`; what it makes is not proven.
///
/// # Errors
/// Nothing was made.
pub fn make(
    order: &Order<'_>,
    bench: &Depot,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> Result<Published, Trouble> {
    make_of(order, &order.what()?, bench, heard, wanted)
}

fn make_of(
    order: &Order<'_>,
    what: &What,
    bench: &Depot,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> Result<Published, Trouble> {
    let Order { folder, version, .. } = order;
    let What { hash, config } = what;
    let fail = |why: &dyn std::fmt::Display| order.trouble(why);
    let exclude = Exclude::new(&config.build.exclude).map_err(|error| fail(&error))?;
    if config.build.steps.is_empty()
        && config.build.include.is_empty()
        && !git::uses_lfs(folder, hash).map_err(|error| fail(&error))?
    {
        return order.stream(what, &exclude, bench, heard);
    }
    let about = about(folder, hash, version, config)?;
    let room = tempfile::Builder::new().prefix("pintail-build-").tempdir().map_err(|error| fail(&error))?;
    let tree = room.path().join("tree");
    check_out(folder, hash, &tree, &exclude).map_err(|error| fail(&error))?;
    include(&config.build.include, order.depot, &tree)?;
    let setting = steps::Setting { folder, tree: &tree, config, version, commit: hash };
    steps::run(&setting, heard, wanted, &mut |_| {}).map_err(|why| fail(&why))?;
    tell_unfitted(&exclude.remove_from(&tree).map_err(|error| fail(&error))?, heard);
    if tree.join(RESERVED_FOLDER).symlink_metadata().is_ok() {
        let why = format!("`{RESERVED_FOLDER}` is in the commit, or a step made it, and is pintail's own");
        return Err(fail(&why).hint(format!("`git rm -r --cached {RESERVED_FOLDER}`, and ignore it")));
    }
    pintail_os::files::make_folder(&tree.join(RESERVED_FOLDER), 0o755).map_err(|error| fail(&error))?;
    pintail_os::files::write_whole(&tree.join(ABOUT_PATH), &about.to_json(), 0o644)
        .map_err(|error| fail(&error))?;
    let published = bench.publish_tree(&tree, &config.name, version, Some(hash), order.now_ms);
    published.map_err(|error| fail(&error))
}

fn tell_unfitted(globs: &[String], heard: &mut dyn FnMut(Stream, &[u8])) {
    for glob in globs {
        heard(Stream::Err, format!("note: nothing is left out by `{glob}` of `build.exclude`\n").as_bytes());
    }
}

impl Order<'_> {
    fn cannot(&self) -> String {
        format!("cannot build `{}` {}", self.config.name, self.version)
    }

    fn trouble(&self, why: &dyn std::fmt::Display) -> Trouble {
        Trouble::new(self.cannot(), why)
    }

    /// Makes the artifact of git's stream: nothing has to be done in a checkout, and making ten thousand files takes
    /// longer than all else.
    fn stream(
        &self,
        what: &What,
        exclude: &Exclude,
        bench: &Depot,
        heard: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Published, Trouble> {
        let What { hash, config } = what;
        let fail = |why: &dyn std::fmt::Display| self.trouble(why);
        refuse_submodules(self.folder, hash, exclude).map_err(|error| fail(&error))?;
        let mut piped = git::archive(self.folder, hash, "tree/", false).map_err(|error| fail(&error))?;
        let fitted = RefCell::new(exclude.none_fitted());
        let trouble = RefCell::new(None);
        let published = std::thread::scope(|scope| {
            // The history is read while the tree is.
            let about = scope.spawn(|| about(self.folder, hash, self.version, config));
            let additions = || match about.join() {
                Ok(Ok(about)) => Ok(vec![(ABOUT_PATH.parse().map_err(io::Error::other)?, about.to_json())]),
                Ok(Err(why)) => {
                    *trouble.borrow_mut() = Some(why);
                    Err(io::Error::other("its history can't be read"))
                }
                Err(_) => Err(io::Error::other("reading its history panicked")),
            };
            let tree = Tree {
                name: &config.name,
                version: self.version,
                commit: Some(hash),
                leaves_out: &|path| exclude.takes_noting(path, &mut fitted.borrow_mut()),
                additions: Box::new(additions),
            };
            bench.publish_stream(piped.output(), tree, self.now_ms)
        });
        if let Some(why) = trouble.into_inner() {
            return Err(why);
        }
        // git pads its stream; unread, that would end it by a signal. What it says is the better reason when both fail.
        let _ = io::copy(piped.output(), &mut io::sink());
        piped.finish().map_err(|error| fail(&error))?;
        tell_unfitted(&exclude.unfitted(&fitted.borrow()), heard);
        published.map_err(|error| fail(&error))
    }

    fn what(&self) -> Result<What, Trouble> {
        let hash = commit_of(self.folder, self.commit, &self.cannot())?;
        Ok(What { config: self.config_of(&hash)?, hash })
    }

    /// The configuration of the commit `hash`: what is built is the commit, and so is how.
    fn config_of(&self, hash: &str) -> Result<Config, Trouble> {
        let own = self.config_name.map(|name| git::file_if_any(self.folder, hash, name, CONFIG_MAX));
        match own.transpose().map_err(|error| self.trouble(&error))?.flatten() {
            None if self.config_name.is_none() => Ok(self.config.clone()),
            None => {
                let name = self.config_name.unwrap_or_default();
                let why = format!("the commit has no `{name}`, and what is built is the commit");
                Err(self.trouble(&why).hint(format!("commit it, or say which counts: `--config {name}`")))
            }
            Some(bytes) => {
                let name = self.config_name.unwrap_or_default();
                let shown = format!("{name} of {}", &hash[..hash.len().min(12)]);
                read_bytes(&bytes, &shown).map_err(|problems| self.trouble(&render(&problems).trim()))
            }
        }
    }
}
