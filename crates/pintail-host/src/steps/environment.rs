//! *env*: the host's own settings are read once and frozen for what this operation starts, so that a restart
//! of a process in a month gives it what was proven now. Undone, the frozen copy goes.

use crate::hands::Hands;
use crate::trouble::{Trying, fail};
use pintail_os::files;
use pintail_saga::Failure;

pub(super) fn act(hands: &Hands<'_>, required: &[String]) -> Result<(), Failure> {
    let file = crate::settings::read(&hands.layout)?;
    let missing: Vec<&str> =
        required.iter().map(String::as_str).filter(|name| !file.values.contains_key(*name)).collect();
    if !missing.is_empty() {
        let what = format!("cannot use the settings in `{}`", hands.layout.environment().display());
        let hint = format!("`pintail env set {} {}=…`", hands.plan.target, missing[0]);
        return fail(what, format!("not set: {}", missing.join(", ")))
            .map_err(|failure: Failure| failure.hint(hint));
    }
    let frozen = hands.layout.frozen_environment(hands.plan.id);
    if frozen.exists() {
        // Repeated after a crash: what was started already has these.
        return Ok(());
    }
    files::write_whole(&frozen, &file.bytes, 0o600).trying(|| format!("cannot write `{}`", frozen.display()))
}

pub(super) fn undo(hands: &Hands<'_>) -> Result<(), Failure> {
    let frozen = hands.layout.frozen_environment(hands.plan.id);
    files::remove_file(&frozen).trying(|| format!("cannot remove `{}`", frozen.display()))
}
