//! `Deploy-Requires`: what a host must have before anything changes there. Knows how it is written; who checks it knows
//! how.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::setting;
use crate::version::Version;

/// One thing that a host must have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Requirement {
    /// A Perl module.
    Cpan {
        /// Its name, such as `Foo::Bar`.
        module: String,
        /// The least version that will do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_least: Option<Version>,
    },
    /// A package of Debian's or one of its kin.
    Apt {
        /// Its name.
        package: String,
    },
    /// A setting of the host's own `env`.
    Env {
        /// Its name.
        setting: String,
    },
    /// A program in the path.
    Cmd {
        /// Its name.
        program: String,
    },
}

/// Longest name of anything that can be required.
const NAME_BYTES_MAX: usize = 200;
/// What can be required, for messages.
const FORMS: &str = "it takes `cpan Foo::Bar >= 1.2`, `apt libgd-dev`, `env NAME` or `cmd NAME`, one a line";

impl Requirement {
    /// What the trailer's value requires.
    ///
    /// # Errors
    /// Why it can't be read, in a sentence that goes on from it.
    pub(super) fn read(value: &str) -> Result<Requirement, String> {
        let words: Vec<&str> = value.split_whitespace().collect();
        match words[..] {
            ["cpan", module] => Ok(Requirement::Cpan { module: perl_module(module)?, at_least: None }),
            ["cpan", module, ">=", version] => {
                let version = version.parse().map_err(|error| format!("can't be read: {error}"))?;
                Ok(Requirement::Cpan { module: perl_module(module)?, at_least: Some(version) })
            }
            ["apt", package] => {
                let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
                let package =
                    name(package, inside, "a package's name has lower-case letters, digits and `+-.`")?;
                Ok(Requirement::Apt { package })
            }
            ["env", setting] => {
                setting::check(setting, None).map_err(|why| format!("can't be read: {why}"))?;
                Ok(Requirement::Env { setting: setting.to_owned() })
            }
            ["cmd", program] => {
                let inside = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
                let program = name(program, inside, "a program's name has letters, digits and `._+-`")?;
                Ok(Requirement::Cmd { program })
            }
            _ => Err(format!("is no requirement; {FORMS}")),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Requirement::Cpan { module, at_least: None } => write!(f, "cpan {module}"),
            Requirement::Cpan { module, at_least: Some(version) } => write!(f, "cpan {module} >= {version}"),
            Requirement::Apt { package } => write!(f, "apt {package}"),
            Requirement::Env { setting } => write!(f, "env {setting}"),
            Requirement::Cmd { program } => write!(f, "cmd {program}"),
        }
    }
}

fn perl_module(typed: &str) -> Result<String, String> {
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match typed.len() <= NAME_BYTES_MAX
        && typed.split("::").all(part)
        && !typed.starts_with(|c: char| c.is_ascii_digit())
    {
        true => Ok(typed.to_owned()),
        false => Err("names no Perl module; one looks like `Foo::Bar`".to_owned()),
    }
}

fn name(typed: &str, inside: impl Fn(char) -> bool, why: &str) -> Result<String, String> {
    match typed.len() <= NAME_BYTES_MAX
        && typed.chars().all(inside)
        && typed.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        true => Ok(typed.to_owned()),
        false => Err(format!("can't be read; {why}")),
    }
}
