//! Signatures as commands meet them: the key that signs, those that a target takes, and what is said when neither does.
//! The one place that reads keys; nothing of a secret one is shown but its id.

use crate::exit::Failure;
use crate::project::Project;
use crate::screen;
use pintail_core::config::{SignedBy, Target};
use pintail_core::name::ReleaseName;
use pintail_core::plan::{self, Release, Wish};
use pintail_core::wire::Trouble;
use pintail_depot::remote::RemoteError;
use pintail_depot::signing::{self, PASSWORD_VARIABLE, PublicKey, SecretFile, SecretKey, Unsigned};
use pintail_depot::{Card, Depot, DepotError};
use pintail_os::{clock, files};
use std::path::Path;

/// A longer file is no key.
const KEY_BYTES_MAX: u64 = 16 << 10;

/// The signature that `target` wants of what `wish` brings there, checked; nothing where it wants none, or where what
/// was checked when it came becomes live again.
///
/// # Errors
/// It doesn't hold, or a key can't be read. Nothing was changed.
pub(crate) fn required(
    project: &Project,
    depot: &Depot,
    target: &Target,
    wish: &Wish,
) -> Result<Option<plan::Signed>, Failure> {
    let Wish::Release(release) = wish else { return Ok(None) };
    if target.signed_by.is_empty() {
        return Ok(None);
    }
    let keys = keys(project, &target.signed_by)?;
    let name = &project.config.name;
    let checked = depot.find(name, &release.version).and_then(|card| {
        // What is checked is what goes there, whatever the depot has by now.
        if card.digest != release.digest {
            let (there, new) = (card.digest, release.digest);
            return Err(DepotError::Taken { name: card.name, version: card.version, there, new });
        }
        if release_of(&card) != *release {
            let path = depot.card_path(name, &release.version);
            return Err(DepotError::Card { path, what: "what it said before is".to_owned() });
        }
        depot.check_signed(&card, &keys)
    });
    let signed = checked.map_err(|error| {
        let what = format!("will not deploy `{name}` {} to `{}`", release.version, target.name);
        let hint = match &error {
            DepotError::Unsigned { source: Unsigned::None, .. } => format!(
                "`pintail depot sign {}` signs it with the key of `depot.sign`; whose signature will do, \
                 `targets.{}.signed_by` says",
                release.version, target.name
            ),
            DepotError::Unsigned { source: Unsigned::AnotherKey { .. }, .. } => {
                format!("whose signature will do, `targets.{}.signed_by` says", target.name)
            }
            DepotError::NotFound { .. } => {
                "it was taken away meanwhile; `pintail depot list` shows what there is".to_owned()
            }
            DepotError::Away(_) => {
                "nothing was changed; the same again, once the depot can be reached".to_owned()
            }
            // Whoever signs what was tampered with makes it good.
            _ => "find out who changed it before anybody signs it again".to_owned(),
        };
        Trouble::new(what, error).hint(hint)
    })?;
    Ok(Some(plan::Signed { by: signed.by.to_string(), comment: signed.comment }))
}

/// The release that `card`'s artifact is.
pub(crate) fn release_of(card: &Card) -> Release {
    Release {
        name: ReleaseName::new(card.version.clone(), &card.digest),
        version: card.version.clone(),
        digest: card.digest,
        commit: card.commit.clone(),
        packed_bytes: card.packed_bytes,
        unpacked_bytes: card.tree_bytes,
        files: card.files,
    }
}

/// Every key that any target takes, each once.
///
/// # Errors
/// All that can't be read.
pub(crate) fn known_keys(project: &Project) -> Result<Vec<PublicKey>, Failure> {
    let all = project.config.targets.iter().flat_map(|target| &target.signed_by);
    let mut keys = keys(project, all)?;
    let mut seen = Vec::new();
    keys.retain(|key| {
        let is_new = !seen.contains(key);
        seen.push(key.clone());
        is_new
    });
    Ok(keys)
}

fn keys<'a>(
    project: &Project,
    named: impl IntoIterator<Item = &'a SignedBy>,
) -> Result<Vec<PublicKey>, Failure> {
    let mut wrong = Vec::new();
    let mut keys = Vec::new();
    for named in named {
        let (what, key) = match named {
            SignedBy::Key(line) => {
                (line.clone(), PublicKey::from_line(line).map_err(|error| error.to_string()))
            }
            SignedBy::File(path) => {
                let file = project.named(path);
                let key = text_of(&file)
                    .and_then(|text| PublicKey::from_text(&text).map_err(|error| error.to_string()));
                (path.display().to_string(), key)
            }
        };
        match key {
            Ok(key) => keys.push(key),
            Err(why) => wrong.push(format!("`{what}`: {why}")),
        }
    }
    if wrong.is_empty() {
        return Ok(keys);
    }
    Err(Trouble::new("cannot read the keys of `signed_by`", wrong.join("\n"))
        .hint("each is a line `RW…` as `minisign -G` shows it, or the path of its `.pub` file")
        .into())
}

fn text_of(file: &Path) -> Result<String, String> {
    let bytes = files::read_bounded(file, KEY_BYTES_MAX).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())
}

/// The key that signs what is published, opened; nothing where none is configured.
///
/// # Errors
/// It can't be read, or opened.
pub(crate) fn secret_key(project: &Project) -> Result<Option<SecretKey>, Failure> {
    let Some(path) = &project.config.depot.sign else { return Ok(None) };
    let what = || format!("cannot sign with `{}`", path.display());
    let text = text_of(&project.named(path)).map_err(|why| {
        Trouble::new(what(), why).hint("`minisign -G -s FILE` makes a key; `depot.sign` names that file")
    })?;
    let locked = match SecretFile::read(&text).map_err(|error| Trouble::new(what(), error))? {
        SecretFile::Open(key) => return Ok(Some(key)),
        SecretFile::Locked(locked) => locked,
    };
    let password = password(path).ok_or_else(|| {
        let why = "it has a password, and nobody says it";
        Trouble::new(what(), why).hint(format!("set `{PASSWORD_VARIABLE}`, or run this at a terminal"))
    })?;
    Ok(Some(locked.open(&password).map_err(|error| Trouble::new(what(), error))?))
}

fn password(path: &Path) -> Option<String> {
    match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) => Some(password),
        Err(_) => screen::ask_unseen(&format!("password of `{}`", path.display())),
    }
}

/// As [`sign`], of what is published: where it was in the depot already, signed by a key that a target of `project` takes,
/// that stays, whoever's it is.
///
/// # Errors
/// As [`sign`].
pub(crate) fn sign_published(
    project: &Project,
    depot: &Depot,
    card: &Card,
    key: &SecretKey,
) -> Result<String, Trouble> {
    let keys = known_keys(project).unwrap_or_default();
    match standing(depot, card, &keys) {
        Ok(Standing::Holds(signed)) => Ok(signed.by.to_string()),
        _ => sign(depot, card, key),
    }
}

/// Signs `card`'s artifact, if it isn't signed by that key; says who did. What lies in its place by now is not signed.
///
/// # Errors
/// It can't be signed. What is in the depot is there all the same.
pub(crate) fn sign(depot: &Depot, card: &Card, key: &SecretKey) -> Result<String, Trouble> {
    let own = PublicKey::from_line(&key.public_line());
    let is_signed = own.is_ok_and(|own| depot.check_signed(card, &[own]).is_ok());
    if !is_signed {
        depot.sign(card, key, clock::now_ms()).map_err(|error| {
            let Card { name, version, .. } = card;
            let hint = match error {
                DepotError::Altered { .. }
                | DepotError::Card { .. }
                | DepotError::Artifact { .. }
                | DepotError::Taken { .. } => {
                    format!("find out who changed it; `pintail depot verify {version}` tells more")
                }
                _ => format!("it is in the depot, unsigned; `pintail depot sign {version}` tries again"),
            };
            Trouble::new(format!("cannot sign `{name}` {version}"), error).hint(hint)
        })?;
    }
    Ok(key.id().to_string())
}

/// What is known of an artifact's signature.
pub(crate) enum Standing {
    /// It has none.
    None,
    /// It has one by the key of this id, and no key is known to check it with.
    Unchecked(String),
    /// It holds.
    Holds(signing::Signed),
    /// It doesn't.
    Broken(String),
}

/// What is known of the signature of `card`'s artifact.
///
/// # Errors
/// The depot can't be read.
pub(crate) fn standing(depot: &Depot, card: &Card, keys: &[PublicKey]) -> Result<Standing, DepotError> {
    let text = match depot.signature(card) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(Standing::None),
        // Whatever lies there, it is no signature; the artifact may be as it should.
        Err(DepotError::Read { source, .. }) => {
            return Ok(Standing::Broken(format!("its signature can't be read: {source}")));
        }
        Err(error @ DepotError::Away(RemoteError::Refused { .. })) => {
            return Ok(Standing::Broken(format!("its signature can't be read: {error}")));
        }
        Err(error) => return Err(error),
    };
    let signature = match signing::Signature::read(&text) {
        Ok(signature) => signature,
        Err(why) => return Ok(Standing::Broken(why.to_string())),
    };
    if keys.is_empty() {
        return Ok(Standing::Unchecked(signature.by().to_string()));
    }
    match depot.check_signed(card, keys) {
        Ok(signed) => Ok(Standing::Holds(signed)),
        Err(DepotError::Unsigned { source, .. }) => Ok(Standing::Broken(source.to_string())),
        Err(error) => Err(error),
    }
}
