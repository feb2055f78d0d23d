//! What a test finds on this machine: nothing but what the project declares. Knows where languages look for modules; does
//! not know what is tested, nor why. It is no jail: who wants to look at the machine's folders can. It finds what is
//! forgotten.

pub mod missing;

mod node;
mod perl;
mod python;
mod ruby;
mod view;

use crate::used::declared::node::package_json;
use crate::used::declared::python::normal;
use crate::used::declared::ruby::gemfile;
use missing::{Language, Missing};
use pintail_core::config::Config;
use pintail_os::files;
use pintail_os::program::{Program, Stream};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where programs are found.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Bytes of a `package.json` or `Gemfile` that are read.
const PACKAGE_MAX: u64 = 4 << 20;

/// What is to be sealed off.
#[derive(Debug)]
pub struct Sealing<'a> {
    /// The unpacked artifact.
    pub tree: &'a Path,
    /// An empty folder beside it, for what the seal needs.
    pub room: &'a Path,
    /// All files of the tree, as its manifest names them.
    pub paths: &'a [String],
    /// What will be run.
    pub command: &'a str,
    /// The project's configuration.
    pub config: &'a Config,
}

/// What a test gets, and what was told about it.
#[derive(Debug, Default)]
pub struct Sealed {
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
    /// What of the machine it can't see and what it can, a sentence each.
    pub told: Vec<String>,
}

/// Makes the seal for every language that is in the tree or in the command. `heard` gets what installing says; it stops
/// once `wanted` says no.
///
/// # Errors
/// What the artifact brings could not be installed, or the seal not be written.
pub fn seal(
    sealing: &Sealing<'_>,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> io::Result<Sealed> {
    let home = sealing.room.join("home");
    files::make_folder(&home, 0o755)?;
    let mut sealed = Sealed { environment: environment(sealing.config, &home), told: Vec::new() };
    sealed.told.push(told_of_environment(sealing.config));
    perl::seal(sealing, &mut sealed, heard, wanted)?;
    python::seal(sealing, &mut sealed, heard, wanted)?;
    node::seal(sealing, &mut sealed)?;
    ruby::seal(sealing, &mut sealed)?;
    sealed.told.push("not sealed: the network, and files that are named by an absolute path".to_owned());
    Ok(sealed)
}

/// All that a build step or a test finds in its environment before languages are sealed: what is set for it, and what
/// `build.env` hands on from this process's own.
pub fn environment(config: &Config, home: &Path) -> BTreeMap<String, String> {
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut environment = BTreeMap::from([
        set("PATH", PATH),
        set("HOME", &home.display().to_string()),
        set("LC_ALL", "C.UTF-8"),
        set("TZ", "UTC"),
    ]);
    let handed_on =
        config.build.env.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)));
    environment.extend(handed_on);
    environment
}

/// Whether the project whose files are in `tree` declares what brings `missing`, by its name.
pub fn declares(tree: &Path, missing: &Missing) -> bool {
    match missing.language {
        Language::Perl => perl::declared(tree).contains(&missing.module),
        Language::Python => python::declared(tree).contains(&normal(&missing.module)),
        Language::Node => {
            let text = files::read_bounded(&tree.join("package.json"), PACKAGE_MAX).unwrap_or_default();
            package_json(&String::from_utf8_lossy(&text)).iter().any(|need| need.name == missing.module)
        }
        Language::Ruby => {
            let text = files::read_bounded(&tree.join("Gemfile"), PACKAGE_MAX).unwrap_or_default();
            let gems = gemfile(&String::from_utf8_lossy(&text));
            // `net/ssh` is of `net-ssh`, `i18n/core_ext` of `i18n`.
            let first = missing.module.split('/').next().unwrap_or_default();
            gems.contains(first) || gems.contains(&missing.module.replace('/', "-"))
        }
    }
}

/// The names of `build.env` that are not set here.
pub fn unset(config: &Config) -> Vec<String> {
    config.build.env.iter().filter(|name| std::env::var(name).is_err()).cloned().collect()
}

fn told_of_environment(config: &Config) -> String {
    let unset = unset(config);
    let mut handed_on: Vec<&str> = Vec::new();
    handed_on.extend(config.build.env.iter().filter(|name| !unset.contains(name)).map(String::as_str));
    match handed_on.is_empty() {
        true => "environment: none of the operator's".to_owned(),
        false => format!("environment: of the operator's only {}", handed_on.join(", ")),
    }
}

impl Sealing<'_> {
    /// Whether a file of the tree ends so, or the command has one of `words`.
    fn has(&self, ends: &[&str], words: &[&str]) -> bool {
        let own = |path: &&String| !crate::used::is_vendored(path);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let said = |word: &str| {
            // `python3`, `python3.11`: a version may follow.
            let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
            words.contains(&name)
        };
        self.paths.iter().filter(own).any(|path| ends.iter().any(|end| path.ends_with(end)))
            || self.command.split(|c| !is_word(c)).any(said)
    }

    /// Those of `folders` that are in the tree.
    fn folders(&self, folders: &[&str]) -> Vec<PathBuf> {
        folders.iter().map(|folder| self.tree.join(folder)).filter(|folder| folder.is_dir()).collect()
    }
}

/// How long installing what the artifact brings may take: much of it is compiled.
const INSTALL_WITHIN: Duration = Duration::from_secs(30 * 60);
/// Bytes of what it says that are told when it fails.
const INSTALL_SAID_MAX: usize = 4096;

/// Installs what the artifact brings, by `program`, or says that `what` was wrong.
fn install(
    program: &Program,
    what: &str,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> io::Result<()> {
    let name = program.told().split(' ').next().unwrap_or_default().to_owned();
    let mut said = Vec::new();
    let mut hear = |stream, bytes: &[u8]| {
        let room = if stream == Stream::Err { INSTALL_SAID_MAX.saturating_sub(said.len()) } else { 0 };
        said.extend_from_slice(&bytes[..bytes.len().min(room)]);
        heard(stream, bytes);
    };
    match program.clone().within(INSTALL_WITHIN).leaving_nothing().run(&mut hear, wanted) {
        Ok(ended) if ended.is_success() => Ok(()),
        Ok(ended) => {
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            Err(io::Error::other(format!("{what}: `{name}` {ended}: {said}")))
        }
        Err(error) => Err(io::Error::other(format!("{what}: `{name}` can't be run: {error}"))),
    }
}

/// `paths` as an environment variable has them.
fn joined(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":")
}

/// At most five of `names`, and how many more there are.
fn some(names: &[String]) -> String {
    const TOLD: usize = 5;
    match names.len().checked_sub(TOLD).filter(|more| *more > 0) {
        None => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..TOLD].join(", ")),
    }
}
