//! A fragment file: notes that stand beside the commits, because a message can't be corrected once it is merged. Knows
//! its front matter; does not know the commits.

use super::bounds::{NOTE_BYTES_MAX, cut, plain};
use super::note::{Asked, Fault};
use super::read::{id, read_body, target};
use crate::digest::Digest;

/// The folder of the project that fragments are in, as `NAME.md`.
pub const FRAGMENTS_FOLDER: &str = "deploy/notes";

/// A fragment, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Where it is in the project.
    pub path: String,
    /// Of its bytes: an edited one asks again.
    pub digest: Digest,
    /// The commit whose notes it replaces: the beginning of its hash, at least [`HASH_DIGITS_MIN`] digits, or its
    /// `Deploy-Id`.
    pub amends: Option<String>,
    /// What it asks.
    pub asked: Asked,
}

/// Digits of a hash that name a commit: git's own least.
pub(super) const HASH_DIGITS_MIN: usize = 7;
/// What stands around the front matter.
const BORDER: &str = "---";

impl Fragment {
    /// Reads the file at `path`. Bytes that are no UTF-8 are replaced.
    pub fn read(path: &str, content: &[u8]) -> Fragment {
        let text = String::from_utf8_lossy(content);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n");
        let (front, body) = parts(&text);
        let mut amends = None;
        let mut asked = read_body(body);
        for line in front.lines().filter(|line| !line.trim().is_empty()) {
            if let Err(why) = key(line, &mut amends, &mut asked) {
                asked.faults.push(Fault { text: cut(plain(line), NOTE_BYTES_MAX), why });
            }
        }
        Fragment { path: path.to_owned(), digest: Digest::of(content), amends, asked }
    }

    /// The file's name without `.md`, which stands for a subject.
    pub fn title(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.strip_suffix(".md").unwrap_or(name)
    }
}

/// Front matter and body. A border that has no second one is text.
fn parts(text: &str) -> (&str, &str) {
    let Some(rest) = text.strip_prefix(BORDER).and_then(|rest| rest.strip_prefix('\n')) else {
        return ("", text);
    };
    if let Some(body) = rest.strip_prefix("---\n") {
        return ("", body);
    }
    rest.split_once("\n---\n").or(rest.strip_suffix("\n---").map(|front| (front, ""))).unwrap_or(("", text))
}

/// Takes one line of the front matter in.
///
/// # Errors
/// Why it can't be read.
fn key(line: &str, amends: &mut Option<String>, asked: &mut Asked) -> Result<(), String> {
    let (key, value) = line.split_once(':').ok_or("is no `key: value`")?;
    let value = value.trim().trim_matches(['"', '\'']);
    match key.trim() {
        "amends" => *amends = Some(id(value)?),
        "id" => asked.id = Some(id(value)?),
        "target" | "targets" => {
            let names =
                value.trim_matches(['[', ']']).split(',').map(str::trim).filter(|name| !name.is_empty());
            let targets: Result<Vec<String>, String> = names.map(target).collect();
            asked.targets.extend(targets?);
        }
        _ => return Err("is no key of a fragment; there are `amends`, `id` and `targets`".to_owned()),
    }
    Ok(())
}
