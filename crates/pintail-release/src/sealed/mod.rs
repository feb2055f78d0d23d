//! What a test finds on this machine: nothing but what the project declares. Knows where languages look for modules; does
//! not know what is tested, nor why. It is no jail: who wants to look at the machine's folders can. It finds what is
//! forgotten.

pub mod missing;

mod node;
mod perl;
mod python;
mod ruby;
mod view;

use crate::declared::python::normal;
use crate::declared::{self, Need};
use crate::used::Language;
use crate::used::sources::{is_told_by_first_line, language};
use missing::Missing;
use pintail_core::config::Config;
use pintail_os::files;
use pintail_os::program::{Program, Stream};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where programs are found.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Bytes of a file that declares that are read.
const DECLARING_MAX: u64 = 4 << 20;

/// Bytes of a file that tell its language.
const FIRST_LINE_MAX: u64 = 256;

/// Programs that are of a language, as commands name them.
const SAID_BY: [(Language, &[&str]); 4] = [
    (Language::Perl, &["perl", "prove", "plackup", "cpanm", "carton"]),
    (Language::Python, &["python", "pytest", "tox", "pip"]),
    (Language::Node, &["node", "npm", "npx", "yarn", "pnpm"]),
    (Language::Ruby, &["ruby", "rake", "bundle", "rspec", "rackup"]),
];

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

/// Makes the seal for every language. `heard` gets what installing says; it stops
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
    let parts = sealing.parts();
    // Each is sealed, since anything can start any interpreter: a script that no name tells, a line of shell. What is told
    // is what plays a part, and only that is asked what is installed, which takes a fifth of a second in all.
    for language in [Language::Perl, Language::Python, Language::Node, Language::Ruby] {
        let told = sealed.told.len();
        let plays = parts.contains(&language);
        match language {
            Language::Perl => perl::seal(sealing, &mut sealed, heard, wanted)?,
            Language::Python => python::seal(sealing, plays, &mut sealed, heard, wanted)?,
            Language::Node => node::seal(sealing, &mut sealed)?,
            Language::Ruby => ruby::seal(sealing, plays, &mut sealed)?,
        }
        if !plays {
            sealed.told.truncate(told);
        }
    }
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
        Language::Node => of_file(tree, "package.json").iter().any(|need| need.name == missing.module),
        Language::Ruby => {
            // `net/ssh` is of `net-ssh`, `i18n/core_ext` of `i18n`.
            let first = missing.module.split('/').next().unwrap_or_default();
            let whole = missing.module.replace('/', "-");
            of_file(tree, "Gemfile").iter().any(|need| need.name == first || need.name == whole)
        }
    }
}

/// What the file called `name` at the top of `tree` declares.
fn of_file(tree: &Path, name: &str) -> Vec<Need> {
    let Some(read) = declared::reading(name) else { return Vec::new() };
    let text = files::read_bounded(&tree.join(name), DECLARING_MAX).unwrap_or_default();
    read(&String::from_utf8_lossy(&text))
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
    /// The languages that play a part: by a file of the tree, or by a word of the command.
    fn parts(&self) -> BTreeSet<Language> {
        let own = self.paths.iter().filter(|path| !crate::used::is_vendored(path));
        let mut parts: BTreeSet<Language> = own.filter_map(|path| self.language(path)).collect();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for word in self.command.split(|c| !is_word(c)) {
            // `python3`, `python3.11`: a version may follow.
            let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
            parts.extend(SAID_BY.iter().filter(|(_, words)| words.contains(&name)).map(|(one, _)| *one));
        }
        parts
    }

    fn language(&self, path: &str) -> Option<Language> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let by_name = match name {
            name if declared::perl::reading(name).is_some() => Some(Language::Perl),
            name if declared::python::reading(name).is_some() => Some(Language::Python),
            name if declared::node::reading(name).is_some() => Some(Language::Node),
            name if declared::ruby::reading(name).is_some() || name == "Rakefile" => Some(Language::Ruby),
            _ => None,
        };
        let first_line = || {
            let mut text = Vec::new();
            let file = File::open(self.tree.join(path)).ok()?;
            file.take(FIRST_LINE_MAX).read_to_end(&mut text).ok()?;
            language(path, &String::from_utf8_lossy(&text))
        };
        by_name
            .or_else(|| language(path, ""))
            .or_else(|| if is_told_by_first_line(path) { first_line() } else { None })
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
