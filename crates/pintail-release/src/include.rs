//! `[[build.include]]`: other artifacts of the depot that become part of this one. Knows how they are chosen, locked
//! and unpacked; does not know how the rest of the tree is made.

use crate::lock::{LOCK_NAME, Locked, read};
use pintail_core::config::Include;
use pintail_core::manifest::RESERVED_FOLDER;
use pintail_core::wire::Trouble;
use pintail_depot::{Depot, Limits, unpack};
use std::fs;
use std::path::Path;

/// Bytes of a lock that are read.
const LOCK_MAX: u64 = 1 << 20;

/// The latest of the depot's artifacts that each include takes.
///
/// # Errors
/// Those that no artifact fits, all at once.
pub fn resolve(includes: &[Include], depot: &Depot) -> Result<Vec<Locked>, Trouble> {
    let cannot = "cannot choose what to include";
    let listing = depot.list().map_err(|error| Trouble::new(cannot, error))?;
    let (mut locked, mut faults) = (Vec::new(), Vec::new());
    for Include { name, version: range, .. } in includes {
        let of_name = || listing.cards.iter().filter(|card| card.name == *name);
        match of_name().rfind(|card| range.admits(&card.version)) {
            Some(card) => {
                locked.push(Locked { name: name.clone(), version: card.version.clone(), digest: card.digest })
            }
            None => {
                let there: Vec<String> = of_name().map(|card| format!("`{}`", card.version)).collect();
                let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
                faults.push(format!("no `{name}` of the depot is `{}`; there is {there}", range.as_str()));
            }
        }
    }
    match faults.is_empty() {
        true => Ok(locked),
        false => Err(Trouble::new(cannot, faults.join("\n"))
            .hint("`pintail depot add FILE --name NAME` brings one into the depot")),
    }
}

/// Unpacks what `tree`'s own lock says into `tree`.
///
/// # Errors
/// The lock lacks one or has one that doesn't fit, the depot lacks it or has another, or something is in the way.
pub fn include(includes: &[Include], depot: &Depot, tree: &Path) -> Result<(), Trouble> {
    if includes.is_empty() {
        return Ok(());
    }
    let cannot = "cannot include other artifacts";
    let place = tree.join(LOCK_NAME);
    if place.symlink_metadata().is_ok_and(|there| there.is_symlink()) {
        return Err(Trouble::new(cannot, format!("the commit's `{LOCK_NAME}` is a link")).hint(LOCK_HINT));
    }
    let text = match pintail_os::files::read_bounded(&place, LOCK_MAX) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Trouble::new(cannot, format!("the commit has no `{LOCK_NAME}`")).hint(LOCK_HINT));
        }
        Err(error) => return Err(Trouble::new(cannot, error)),
    };
    let locked = read(&text).map_err(|error| Trouble::new(cannot, error).hint(LOCK_HINT))?;
    for include in includes {
        let cannot = format!("cannot include `{}` in `{}`", include.name, include.into);
        let found = locked.iter().find(|locked| locked.name == include.name);
        match found.filter(|locked| include.version.admits(&locked.version)) {
            Some(locked) => {
                unpack_into(include, locked, depot, tree).map_err(|why| Trouble::new(cannot, why))?
            }
            None => {
                let why = match found {
                    None => format!("the commit's `{LOCK_NAME}` does not have it"),
                    Some(locked) => format!(
                        "the commit's `{LOCK_NAME}` has {}, which is not `{}`",
                        locked.version,
                        include.version.as_str()
                    ),
                };
                return Err(Trouble::new(cannot, why).hint(LOCK_HINT));
            }
        }
    }
    Ok(())
}

const LOCK_HINT: &str = "`pintail build --lock` chooses the latest that fit and writes it; commit it";

fn unpack_into(include: &Include, locked: &Locked, depot: &Depot, tree: &Path) -> Result<(), String> {
    let Locked { name, version, digest } = locked;
    let (card, file) = depot.open(name, version).map_err(|error| error.to_string())?;
    if card.digest != *digest {
        return Err(format!(
            "the depot's `{name}` {version} has digest {}, `{LOCK_NAME}` says {}: it is another build",
            card.digest.short(),
            digest.short()
        ));
    }
    refuse_links(include, tree)?;
    let into = tree.join(include.into.as_str());
    if let Some(parent) = into.parent() {
        pintail_os::files::make_folder(parent, 0o755).map_err(|error| error.to_string())?;
    }
    unpack(file, &into, digest, &Limits::default()).map_err(|error| error.to_string())?;
    // What Pintail notes of an unpacked release has times in it.
    fs::remove_dir_all(into.join(RESERVED_FOLDER)).map_err(|error| error.to_string())
}

/// Refuses a way into the tree on which a commit put anything but folders: through a link it would lead out.
fn refuse_links(include: &Include, tree: &Path) -> Result<(), String> {
    let mut at = tree.to_owned();
    for part in include.into.parts() {
        at.push(part);
        match at.symlink_metadata() {
            Ok(there) if !there.is_dir() => {
                let shown = at.strip_prefix(tree).unwrap_or(&at).display();
                return Err(format!("`{shown}` is in the way: the commit has it, and it is no folder"));
            }
            Ok(_) => {}
            Err(_) => return Ok(()),
        }
    }
    Err(format!("`{}` is in the commit already; nothing else can be put there", include.into))
}
