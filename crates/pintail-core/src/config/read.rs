//! The whole of `pintail.toml`: section by section, then what must fit between sections.

use toml_edit::Document;

use crate::name::AppName;

use super::{
    build::{self, Build},
    depot::{self, DepotPlace},
    host::{self, HostSettings},
    problem::{Complaint, Problem},
    process::{self, Process},
    release::{self, ReleaseRules},
    schema::{self, SchemaSettings},
    site::{self, Site},
    source::Source,
    target::{self, Target},
    task::{self, Task},
    version_files::{self, VersionFile},
    walk::Walk,
};

/// What a `pintail.toml` means, every default applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The application's name.
    pub name: AppName,
    /// The files in which the version is written, if that is said; an empty list says that the tag alone is the version.
    pub version_files: Option<Vec<VersionFile>>,
    /// Where artifacts are kept.
    pub depot: DepotPlace,
    /// How a commit becomes an artifact.
    pub build: Build,
    /// The rules for `pintail release`.
    pub release: ReleaseRules,
    /// The targets, in the file's order.
    pub targets: Vec<Target>,
    /// How a release lies on every host.
    pub host: HostSettings,
    /// The processes, in the file's order.
    pub processes: Vec<Process>,
    /// What commits may ask to be run, in the file's order.
    pub tasks: Vec<Task>,
    /// The database, if there is one.
    pub schema: Option<SchemaSettings>,
    /// The virtual hosts, in the file's order.
    pub sites: Vec<Site>,
}

impl Config {
    /// The target of this name.
    pub fn target(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }

    /// The process of this name.
    pub fn process(&self, name: &str) -> Option<&Process> {
        self.processes.iter().find(|process| process.name == name)
    }
}

/// Reads the text of a `pintail.toml`; `file` is how the problems name it.
///
/// # Errors
/// Everything that is wrong, in the order of the text; a syntax error alone. Never empty.
pub fn read(text: &str, file: &str) -> Result<Config, Vec<Problem>> {
    let source = Source::new(text, file);
    let config = read_text(&source, text);
    let problems = source.into_problems();
    debug_assert!(config.is_some() || !problems.is_empty(), "what fails says why");
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems),
    }
}

/// The same of a file's bytes.
///
/// # Errors
/// As [`read`]; for bytes that are no UTF-8, where the first of them stands.
pub fn read_bytes(bytes: &[u8], file: &str) -> Result<Config, Vec<Problem>> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return read(text, file),
        Err(error) => error,
    };
    let before = error.valid_up_to();
    let source = Source::new(std::str::from_utf8(&bytes[..before]).unwrap_or_default(), file);
    let complaint = Complaint::new(format!("this is not UTF-8: the byte 0x{:02x}", bytes[before]));
    source.report(&(before..before), "", complaint.hint("save the file as UTF-8; TOML is nothing else"));
    Err(source.into_problems())
}

/// Far more than anyone writes by hand: who names the wrong file shall not wait.
const TEXT_BYTES_MAX: usize = 256 * 1024;

fn read_text(source: &Source<'_>, text: &str) -> Option<Config> {
    if text.len() > TEXT_BYTES_MAX {
        source.report(
            &(0..0),
            "",
            Complaint::new(format!("too long: {} bytes, at most {TEXT_BYTES_MAX}", text.len())),
        );
        return None;
    }
    match Document::parse(text) {
        Ok(document) => sections(&Walk::top(source, document.as_table())),
        Err(error) => {
            let what = error.message().lines().collect::<Vec<_>>().join("; ");
            source.report(
                &error.span().unwrap_or_default(),
                "",
                Complaint::new(format!("this is no TOML: {what}")),
            );
            None
        }
    }
}

/// Every section is read before any is missed.
fn sections(top: &Walk<'_>) -> Option<Config> {
    let name = top.required("name", "\"blog\"").and_then(|node| node.parse(build::app_name));
    let host = host::read(top.optional("host"));
    let (targets, target_names) = target::read(top.optional("targets"), &host);
    let (processes, declared) = process::read(top.optional("processes"));
    let tasks = task::read(top.optional("tasks"));
    let version_files = version_files::read(top.optional("version"));
    let depot = depot::read(top.optional("depot"));
    let build = build::read(top.optional("build"));
    let release = release::read(top.optional("release"), &target_names);
    let schema = schema::read(top.optional("schema"));
    let sites = site::read(top.optional("sites"), &declared);
    Some(Config {
        name: name?,
        version_files: version_files?,
        depot: depot?,
        build: build?,
        release: release?,
        targets,
        host: host.settings,
        processes,
        tasks,
        schema: schema?,
        sites,
    })
}
