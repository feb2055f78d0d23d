//! `depot sign`, and what `depot show` and `depot verify` say of signatures.

use crate::commands::signed::{self, Standing};
use crate::exit::{Exit, Failure};
use crate::project::Project;
use crate::screen;
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use serde::Serialize;

/// A signature as `depot show --json` has it.
#[derive(Serialize)]
pub(super) struct Signature {
    /// The key's id, where it names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Whether it holds; null where no key is known to check it with.
    holds: Option<bool>,
    /// The trusted comment of one that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    /// Why it doesn't hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Signature {
    /// What is known of it; nothing where there is none.
    pub(super) fn of(standing: Standing) -> Option<Signature> {
        let (by, holds, comment, why) = match standing {
            Standing::None => return None,
            Standing::Unchecked(by) => (Some(by), None, None, None),
            Standing::Holds(signed) => (Some(signed.by.to_string()), Some(true), Some(signed.comment), None),
            Standing::Broken(why) => (None, Some(false), None, Some(why)),
        };
        Some(Signature { by, holds, comment, why })
    }

    /// In words.
    pub(super) fn told(&self) -> String {
        match (&self.by, self.holds, &self.why) {
            (Some(by), Some(true), _) => format!("signed by {by}"),
            (Some(by), _, _) => {
                format!("signed by {by}, as it says: no target's `signed_by` has a key to check it with")
            }
            (None, _, why) => format!("not signed: {}", why.as_deref().unwrap_or_default()),
        }
    }
}

/// Signs one version.
pub(super) fn sign(project: &Project, version: &Version) -> Result<Exit, Failure> {
    let Some(key) = signed::secret_key(project)? else {
        return Err(Failure::usage(
            format!("cannot sign `{}` {version}", project.config.name),
            "`depot.sign` names no key",
            "`minisign -G -s FILE` makes one; `sign = \"FILE\"` in `[depot]` names it",
        ));
    };
    let (depot, name) = (project.depot(), &project.config.name);
    let card = depot.find(name, version);
    let card = card.map_err(|error| Trouble::new(format!("cannot sign `{name}` {version}"), error))?;
    let by = signed::sign(&depot, &card, &key)?;
    screen::print(&format!("{name} {version} is signed by {by}"));
    Ok(Exit::Done)
}
