//! *prepare*: the operator's command, in the new release, with the host's settings. There is nothing to undo:
//! it runs in a release that nobody serves yet, and `unpack`'s undo takes that away. What such a command does
//! elsewhere is its author's to make repeatable.

use crate::hands::Hands;
use crate::trouble::{Trying, fail};
use pintail_core::name::ReleaseName;
use pintail_os::program::Program;
use pintail_saga::Failure;
use std::collections::BTreeMap;
use std::time::Duration;

/// Variables of the agent that its commands see too; nothing else is inherited.
const INHERITED: [&str; 6] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ"];

/// The environment of a command in a release: a few variables of the agent, the host's settings, and what
/// the release is.
pub(crate) fn program_environment(
    settings: &BTreeMap<String, String>,
    about: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let inherited = INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let mut environment: BTreeMap<String, String> = inherited.collect();
    environment.extend(settings.clone());
    environment.extend(about);
    environment
}

pub(super) fn act(
    hands: &Hands<'_>,
    release: &ReleaseName,
    line: &str,
    within_ms: u64,
) -> Result<(), Failure> {
    in_release(hands, "prepare", release, line, within_ms)
}

/// Runs `line` in `release`, with the host's settings; what it says is told as the step's called `name`.
pub(super) fn in_release(
    hands: &Hands<'_>,
    name: &str,
    release: &ReleaseName,
    line: &str,
    within_ms: u64,
) -> Result<(), Failure> {
    let what = || format!("`{line}` failed in release `{}`", release.version());
    let settings = crate::settings::read_frozen(&hands.layout, hands.plan.id)?;
    let about = crate::hands::about(release, hands.plan.release.commit.as_deref(), &hands.plan.target);
    let program = Program::shell(line)
        .in_folder(&hands.layout.release(release))
        .with_environment(program_environment(&settings, about))
        .within(Duration::from_millis(within_ms));
    let stopped = std::cell::RefCell::new(None);
    let ended =
        program.run(&mut |stream, bytes| hands.said(name, stream, &String::from_utf8_lossy(bytes)), &|| {
            let why = hands.interrupt();
            let wanted = why.is_none();
            *stopped.borrow_mut() = why;
            wanted
        });
    let ended = ended.trying(what)?;
    match stopped.into_inner() {
        Some(why) => fail(what(), why),
        None if ended.is_success() => Ok(()),
        None => fail(what(), format!("it {ended}")),
    }
}
