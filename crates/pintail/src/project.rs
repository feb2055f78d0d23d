//! The project that a command is for: its folder, its configuration, its depot, and who operates.

use crate::VERSION;
use crate::exit::{Exit, Failure};
use pintail_core::config::{Config, DepotPath, Target, read_bytes, render};
use pintail_core::digest::Digest;
use pintail_core::wire::Trouble;
use pintail_depot::Depot;
use pintail_fleet::target::Operator;
use pintail_os::{files, process};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// The name of the configuration.
pub(crate) const CONFIG_NAME: &str = "pintail.toml";
/// Copies of what is elsewhere, below the project's folder; can be removed at any time.
const CACHE: &str = ".pintail/cache";
/// A configuration longer than this is none.
const CONFIG_MAX: u64 = 1 << 20;

/// Where a command runs.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    config: PathBuf,
    /// Whether the configuration is the one that a project has by itself.
    own: bool,
}

/// A project, its configuration read.
#[derive(Debug)]
pub(crate) struct Project {
    /// Where its `pintail.toml` is.
    pub(crate) folder: PathBuf,
    /// What that means.
    pub(crate) config: Config,
    /// The folder that the command runs in.
    here: PathBuf,
    /// One for the whole command: on another machine, one connection.
    depot: OnceCell<Depot>,
}

impl Place {
    /// The place that the two options name.
    pub(crate) fn of(folder: Option<PathBuf>, config: Option<PathBuf>) -> Self {
        let folder = folder.unwrap_or_else(|| PathBuf::from("."));
        let own = config.is_none();
        let config = folder.join(config.unwrap_or_else(|| PathBuf::from(CONFIG_NAME)));
        Self { folder, config, own }
    }

    /// The folder that commands run in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The configuration's path.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// The configuration's name in its folder, unless another one was asked for: where a commit is meant, its own
    /// counts then.
    pub(crate) fn own_config(&self) -> Option<&'static str> {
        self.own.then_some(CONFIG_NAME)
    }

    /// Reads the project.
    ///
    /// # Errors
    /// There is no configuration, or everything that is wrong with it.
    pub(crate) fn project(&self) -> Result<Project, Failure> {
        let name = self.config.display().to_string();
        let shown = name.strip_prefix("./").unwrap_or(&name);
        let bytes = files::read_bounded(&self.config, CONFIG_MAX).map_err(|error| {
            let what = format!("cannot read the configuration `{shown}`");
            Failure::usage(
                what,
                error,
                "run this in the project's folder, or name one with -C; `pintail init` writes a new one",
            )
        })?;
        let config = read_bytes(&bytes, shown).map_err(|problems| Failure::Config(render(&problems)))?;
        let folder =
            self.config.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder =
            std::path::absolute(folder).map_err(|error| Trouble::new("cannot tell where this is", error))?;
        Ok(Project { folder, config, here: self.folder.clone(), depot: OnceCell::new() })
    }
}

impl Project {
    /// The target called `name`.
    ///
    /// # Errors
    /// There is none; those there are, are told.
    pub(crate) fn target(&self, name: &str) -> Result<&Target, Failure> {
        self.config.target(name).ok_or_else(|| {
            let known: Vec<String> =
                self.config.targets.iter().map(|target| format!("`{}`", target.name)).collect();
            let hint = if known.is_empty() {
                "it has none: add `[targets.NAME]`".to_owned()
            } else {
                format!("it has {}", known.join(", "))
            };
            Failure::usage(format!("there is no target `{name}`"), "the configuration does not name it", hint)
        })
    }

    /// The file that was typed as `path`: relative to where the command runs.
    pub(crate) fn file(&self, path: &Path) -> PathBuf {
        let file = self.here.join(path);
        file.strip_prefix(".").map(Path::to_path_buf).unwrap_or(file)
    }

    /// The depot. On another machine nothing is reached before something is asked.
    pub(crate) fn depot(&self) -> Depot {
        self.depot.get_or_init(|| self.open_depot()).clone()
    }

    fn open_depot(&self) -> Depot {
        let path = &self.config.depot.path;
        match path {
            DepotPath::Folder(folder) => Depot::new(self.folder.join(folder)),
            DepotPath::Ssh { address, folder } => {
                let place = path.to_string();
                let cache =
                    self.folder.join(CACHE).join(format!("depot-{}", Digest::of(place.as_bytes()).short()));
                // Where it can't be told, reading it fails and says so.
                let program = std::env::current_exe().unwrap_or_default();
                Depot::away(pintail_fleet::depot::remote(&place, address, folder, &program, VERSION), cache)
            }
        }
    }

    /// The file that the configuration names as `path`: relative to its folder, absolute, or below `~/`.
    pub(crate) fn named(&self, path: &Path) -> PathBuf {
        let home = || std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        match (path.strip_prefix("~"), home()) {
            (Ok(inner), Some(home)) => home.join(inner),
            _ => self.folder.join(path),
        }
    }

    /// Who operates.
    ///
    /// # Errors
    /// This program can't tell where it is.
    pub(crate) fn operator(&self) -> Result<Operator, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Trouble::new("cannot tell where this program is", error))?;
        Ok(Operator { by: by(), program, version: VERSION.to_owned(), folder: self.folder.clone() })
    }
}

/// Who asks: `user@machine`.
pub(crate) fn by() -> String {
    format!("{}@{}", process::user(), process::host())
}

/// What a text that was typed means, or why it means nothing.
///
/// # Errors
/// Wrong usage.
pub(crate) fn typed<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, Failure>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| {
        Failure::Trouble(Trouble::new(format!("`{text}` is no {what}"), error), Exit::Usage)
    })
}
