//! `prove`: an artifact, unpacked in an empty place, passes its own test with nothing but what the project declares.
//! Knows the project's test command; does not know how the artifact was made, nor what becomes of it.

use crate::sealed::missing::{Missing, missing};
use crate::sealed::{Sealed, Sealing, declares, seal, unset};
use crate::steps::Around;
use pintail_core::config::Config;
use pintail_core::wire::Trouble;
use pintail_depot::proof::PROOF_FORMAT;
use pintail_depot::{Card, Depot, Limits, Proof, unpack};
use pintail_os::program::{Ended, Program, Stream};
use pintail_os::{clock, files};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The test's last lines that are told when it fails.
const LINES_TOLD: usize = 20;
/// Bytes of a test's output that are looked through for what it lacked: what comes first explains the rest.
const HEAD_BYTES: usize = 256 << 10;
/// Bytes of its end that are kept for its last lines.
const TAIL_BYTES: usize = 16 << 10;
/// What the shell does before the test: files that it makes are as elsewhere, whoever proves, and none is open that a
/// script opened around us, such as a lock as 9. (Numbers from 10 on, which no shell's script can name, stay.)
const BEFORE: &str = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; umask 022 && exec /bin/sh -c \"$1\"";

/// What is proven.
#[derive(Debug)]
pub struct Proving<'a> {
    /// The depot that the artifact lies in.
    pub depot: &'a Depot,
    /// The project's own folder, which no test may change.
    pub folder: &'a Path,
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
    let Proving { depot, folder, card, config, by } = proving;
    let Some(command) = &config.build.test else { return Ok(None) };
    let fail =
        |why: &dyn Display| Trouble::new(format!("cannot prove `{}` {}", card.name, card.version), why);
    let temporary = tempfile::Builder::new()
        .prefix("pintail-prove-")
        .tempdir_in(place(std::env::temp_dir()))
        .map_err(|error| fail(&error))?;
    // Languages compare paths as they really are.
    let room = temporary.path().canonicalize().map_err(|error| fail(&error))?;
    let tree = room.join("release");
    let (_, file) = depot.open(&card.name, &card.version).map_err(|error| fail(&error))?;
    let manifest = unpack(file, &tree, &card.digest, &Limits::default()).map_err(|error| fail(&error))?;
    let paths: Vec<String> = manifest.entries().iter().map(|entry| entry.path.to_string()).collect();
    let beside = room.join("seal");
    files::make_folder(&beside, 0o755).map_err(|error| fail(&error))?;
    let sealing = Sealing { tree: &tree, room: &beside, paths: &paths, command, config };
    let Sealed { environment, told } = seal(&sealing, heard, wanted).map_err(|error| fail(&error))?;
    let around = Around::of(folder, &tree, ("a test", "artifact")).map_err(|error| fail(&error))?;
    let (began_ms, began) = (clock::now_ms(), Instant::now());
    let mut said = Said::default();
    let ended = Program::new("/bin/sh")
        .args(["-c", BEFORE, "sh", command])
        .in_folder(&tree)
        .with_environment(environment)
        .within(config.build.test_within)
        .leaving_nothing()
        .run(
            &mut |stream, bytes| {
                said.hear(bytes);
                heard(stream, bytes);
            },
            wanted,
        )
        .map_err(|error| fail(&error))?;
    if !ended.is_success() {
        let trouble = fail(&format!("`{command}` {ended}{}", said.last_lines()));
        return Err(match hint(&sealing, &ended, &said) {
            Some(hint) => trouble.hint(hint),
            None => trouble,
        });
    }
    around.is_as_it_was().map_err(|why| {
        let hint = "or somebody else changed it meanwhile: then say it again";
        fail(&format!("`{command}` {why}")).hint(hint)
    })?;
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
        sealed: told,
    };
    depot.write_proof(&proof).map_err(|error| fail(&error))?;
    Ok(Some(proof))
}

/// Where temporary folders are made. What lists folders in the environment parts them by `:`, what lists options by
/// blanks, and neither can be quoted.
fn place(usual: PathBuf) -> PathBuf {
    let is_plain = |c: char| !(c.is_whitespace() || ":\"'\\".contains(c));
    match usual.to_str().is_some_and(|usual| usual.chars().all(is_plain)) {
        true => usual,
        false => PathBuf::from("/tmp"),
    }
}

/// What a test said, as much of it as is of use: its beginning and its end.
#[derive(Debug, Default)]
struct Said {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Said {
    fn hear(&mut self, bytes: &[u8]) {
        let room = HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.tail.extend_from_slice(bytes);
        let over = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..over);
    }

    /// A line each, below what is told of the failure.
    fn last_lines(&self) -> String {
        let text = String::from_utf8_lossy(&self.tail);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(LINES_TOLD);
        // Colours and the like are for the terminal that the test had; this goes into reports.
        let plain = |line: &str| line.chars().filter(|c| *c == '\t' || !c.is_control()).collect::<String>();
        lines[from..].iter().map(|line| format!("\n  test: {}", plain(line).trim_end())).collect()
    }

    /// The module that it complained of first.
    fn missing(&self) -> Option<Missing> {
        missing(&String::from_utf8_lossy(&self.head))
            .or_else(|| missing(&String::from_utf8_lossy(&self.tail)))
    }
}

fn hint(sealing: &Sealing<'_>, ended: &Ended, said: &Said) -> Option<String> {
    if let Ended::TooLong(_) = ended {
        return Some(
            "it was ended with all that it had started; `build.test_within` says how long it may take".into(),
        );
    }
    let is_own = |missing: &Missing| {
        let files = missing.files();
        let ends = |path: &String| files.iter().any(|file| Path::new(path).ends_with(file));
        sealing.paths.iter().any(|path| ends(path) && !crate::used::is_vendored(path))
    };
    // A file of its own that isn't found is no matter of declaring.
    if let Some(missing) = said.missing().filter(|missing| !is_own(missing)) {
        return Some(missing.hint(declares(sealing.tree, &missing)));
    }
    let unset = unset(sealing.config);
    (!unset.is_empty()).then(|| format!("not set here, though `build.env` hands it on: {}", unset.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_where_their_names_can_be_listed() {
        assert_eq!(place("/var/tmp".into()), Path::new("/var/tmp"));
        for odd in ["/a b", "/a:b", "/it's"] {
            assert_eq!(place(odd.into()), Path::new("/tmp"));
        }
    }

    #[test]
    fn what_a_test_said_is_kept_at_both_ends() {
        let mut said = Said::default();
        said.hear(b"Can't locate Foo.pm in @INC\n");
        for number in 0..100_000 {
            said.hear(format!("\x1b[1mline {number}\n\n").as_bytes());
        }
        assert_eq!(said.missing().unwrap().module, "Foo");
        assert!(said.head.len() <= HEAD_BYTES && said.tail.len() <= TAIL_BYTES);
        let told = said.last_lines();
        assert_eq!(told.lines().count(), LINES_TOLD + 1);
        assert!(told.ends_with("\n  test: [1mline 99998\n  test: [1mline 99999"), "{told}");
    }
}
