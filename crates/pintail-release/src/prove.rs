//! `prove`: an artifact, unpacked in an empty place, passes its own test with nothing but what the project declares.
//! Knows the project's test command; does not know how the artifact was made, nor what becomes of it.

use pintail_core::config::Config;
use pintail_core::wire::Trouble;
use pintail_depot::proof::PROOF_FORMAT;
use pintail_depot::{Card, Depot, Limits, Proof, unpack};
use pintail_os::clock;
use pintail_os::program::{Program, Stream};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a test may take: one that hangs shall not hold a release for ever.
const TEST_WITHIN: Duration = Duration::from_secs(30 * 60);

/// What is proven.
#[derive(Debug)]
pub struct Proving<'a> {
    /// The depot that the artifact lies in.
    pub depot: &'a Depot,
    /// The artifact.
    pub card: &'a Card,
    /// The project's configuration.
    pub config: &'a Config,
    /// Who has it proven: `user@machine`.
    pub by: &'a str,
}

/// Runs `build.test` on the unpacked artifact and puts the proof beside it in its depot; `None` where the project has
/// no test. `heard` gets what the test says; it stops once `wanted` says no.
///
/// # Errors
/// It failed, hung, was stopped, or could not be run. There is no proof then.
pub fn prove(
    proving: &Proving<'_>,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> Result<Option<Proof>, Trouble> {
    let Proving { depot, card, config, by } = proving;
    let Some(command) = &config.build.test else { return Ok(None) };
    let what = || format!("cannot prove `{}` {}", card.name, card.version);
    let fail = |why: &dyn std::fmt::Display| Trouble::new(what(), why);
    let room = tempfile::Builder::new().prefix("pintail-prove-").tempdir().map_err(|error| fail(&error))?;
    let tree = room.path().join("release");
    let (_, file) = depot.open(&card.name, &card.version).map_err(|error| fail(&error))?;
    unpack(file, &tree, &card.digest, &Limits::default()).map_err(|error| fail(&error))?;
    let (began_ms, began) = (clock::now_ms(), Instant::now());
    let ended = Program::shell(command)
        .in_folder(&tree)
        .with_environment(environment(room.path()))
        .within(TEST_WITHIN)
        .run(heard, wanted)
        .map_err(|error| fail(&error))?;
    if !ended.is_success() {
        return Err(fail(&format!("`{command}` {ended}")));
    }
    let proof = Proof {
        format: PROOF_FORMAT,
        name: card.name.clone(),
        version: card.version.clone(),
        digest: card.digest,
        command: command.clone(),
        exit: 0,
        began_ms,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        by: (*by).to_owned(),
        sealed: Vec::new(),
    };
    depot.write_proof(&proof).map_err(|error| fail(&error))?;
    Ok(Some(proof))
}

/// All that a test finds in its environment.
fn environment(home: &Path) -> BTreeMap<String, String> {
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    BTreeMap::from([
        set("PATH", "/usr/local/bin:/usr/bin:/bin"),
        set("HOME", &home.display().to_string()),
        set("LC_ALL", "C.UTF-8"),
        set("TZ", "UTC"),
    ])
}
