//! `depot`: the artifacts.

mod prune;
mod signatures;

use self::signatures::Signature;
use super::dist;
use super::signed::{self, Standing};
use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::{Place, Project, typed};
use crate::screen::{self, bytes, moment};
use pintail_core::manifest::{EntryKind, Manifest, shown};
use pintail_core::name::AppName;
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use pintail_depot::{Card, DepotError, Naming, Proof, Published, name_and_version};
use pintail_os::clock;
use serde::Serialize;
use std::path::Path;

/// The format of the documents.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Listed<'a> {
    format: u32,
    artifacts: &'a [Card],
    faults: Vec<String>,
}

#[derive(Serialize)]
struct Shown<'a> {
    format: u32,
    artifact: &'a Card,
    proof: Option<&'a Proof>,
    signature: Option<Signature>,
    manifest: &'a Manifest,
}

pub(crate) fn run(place: &Place, depot: &args::Depot) -> Result<Exit, Failure> {
    let project = place.project()?;
    match depot {
        args::Depot::List { json } => list(&project, *json),
        args::Depot::Show { version, json } => show(&project, &typed("version", version)?, *json),
        args::Depot::Add { file, author: Some(author), .. } => dist::add_perl(&project, file, author),
        args::Depot::Add { file, python, .. } if *python || dist::is_wheel(file) => {
            dist::add_python(&project, file)
        }
        args::Depot::Add { file, version, name, .. } => {
            let name = name.as_deref().map(|name| typed("name", name)).transpose()?;
            let version = version.as_deref().map(|version| typed("version", version)).transpose()?;
            let key = signed::secret_key(&project)?;
            let published = add(&project, file, name, version)?;
            let card = published.card();
            let signed =
                key.map(|key| signed::sign_published(&project, &project.depot(), card, &key)).transpose()?;
            let told = match &published {
                Published::Added(_) => "is in the depot",
                Published::AlreadyThere(_) => "was in the depot already, the same bytes",
            };
            screen::print(&format!(
                "{} {} {told}: {} files, digest {}{}",
                card.name,
                card.version,
                card.files,
                card.digest.short(),
                signed.map(|by| format!(", signed by {by}")).unwrap_or_default()
            ));
            Ok(Exit::Done)
        }
        args::Depot::Author { id, told } => dist::author(&project, id.as_deref().zip(told.as_deref())),
        args::Depot::Index => {
            let cards = index_cards(&project)?;
            let rest = dist::index(&project)?;
            Ok(if cards == Exit::Done { rest } else { cards })
        }
        args::Depot::Verify { version } => verify(&project, version.as_deref()),
        args::Depot::Sign { version, .. } => signatures::sign(&project, &typed("version", version)?),
        args::Depot::Prune { keep, empty, yes, json } => prune::run(&project, *keep, empty, *yes, *json),
    }
}

/// Puts `file` into the project's depot, as a release of the application `name`, or of this one.
pub(crate) fn add(
    project: &Project,
    file: &Path,
    name: Option<AppName>,
    version: Option<Version>,
) -> Result<Published, Failure> {
    if version.is_none() && name.is_none() {
        refuse_another(project, file)?;
    }
    let name = name.unwrap_or_else(|| project.config.name.clone());
    let naming = Naming { name: Some(name), version, commit: None };
    let added = project.depot().publish_file(&project.file(file), &naming, clock::now_ms());
    Ok(added.map_err(|error| Trouble::new(format!("cannot add `{}` to the depot", file.display()), error))?)
}

/// By its name the file may be another application's: a slip that would put the wrong one live. Whoever says the
/// version says that it is meant.
fn refuse_another(project: &Project, file: &Path) -> Result<(), Failure> {
    let own = &project.config.name;
    let told = file.file_name().and_then(|name| name_and_version(&name.to_string_lossy(), Some(own)));
    let Some((name, version)) = told.filter(|(name, _)| !name.as_str().eq_ignore_ascii_case(own.as_str()))
    else {
        return Ok(());
    };
    let what = format!("will not take `{}` for `{own}`", file.display());
    let add = format!("pintail depot add {}", file.display());
    let hint = format!(
        "if it is `{own}` all the same: `{add} --version {version}`; as what it is: `{add} --name {name}`"
    );
    Err(Trouble::new(what, format!("by its name it is `{name}`")).hint(hint).into())
}

fn list(project: &Project, json: bool) -> Result<Exit, Failure> {
    let depot = project.depot();
    let listing = depot.list().map_err(|error| Trouble::new("cannot look into the depot", error))?;
    let faults: Vec<String> = listing.faults.iter().map(ToString::to_string).collect();
    let exit = if faults.is_empty() { Exit::Done } else { Exit::Refused };
    if json {
        screen::print_document(&Listed { format: FORMAT, artifacts: &listing.cards, faults });
        return Ok(exit);
    }
    if listing.cards.is_empty() && faults.is_empty() {
        screen::narrate(&format!("the depot `{}` is empty", depot.place()));
    }
    for card in &listing.cards {
        let commit = card
            .commit
            .as_deref()
            .map(|commit| format!("  commit {}", &commit[..commit.len().min(12)]))
            .unwrap_or_default();
        let name =
            if card.name == project.config.name { String::new() } else { format!("  of {}", card.name) };
        screen::print(&format!(
            "{:<12} {}  {:>8}  {:>6} files  {}{commit}{name}",
            card.version.to_string(),
            card.digest.short(),
            bytes(card.packed_bytes),
            card.files,
            moment(card.added_ms)
        ));
    }
    for fault in &faults {
        screen::narrate(&format!("error: {fault}"));
    }
    Ok(exit)
}

fn show(project: &Project, version: &Version, json: bool) -> Result<Exit, Failure> {
    let cannot = |error| Trouble::new(format!("cannot show `{}` {version}", project.config.name), error);
    let depot = project.depot();
    let (card, manifest) = depot.show(&project.config.name, version).map_err(cannot)?;
    let proof = depot.proof(&card).map_err(cannot)?;
    let standing = signed::standing(&depot, &card, &signed::known_keys(project)?).map_err(cannot)?;
    let signature = Signature::of(standing);
    if json {
        let proof = proof.as_ref();
        screen::print_document(&Shown {
            format: FORMAT,
            artifact: &card,
            proof,
            signature,
            manifest: &manifest,
        });
        return Ok(Exit::Done);
    }
    screen::print(&format!("{} {}  digest {}", card.name, card.version, card.digest));
    screen::print(&format!(
        "commit {}  added {}",
        card.commit.as_deref().unwrap_or("unknown"),
        moment(card.added_ms)
    ));
    if let Some(signature) = &signature {
        screen::print(&signature.told());
    }
    screen::print(&format!(
        "{} files, {} packed, {} unpacked",
        card.files,
        bytes(card.packed_bytes),
        bytes(card.tree_bytes)
    ));
    screen::print(&proof.as_ref().map_or("not proven".to_owned(), proven));
    for sealed in proof.iter().flat_map(|proof| &proof.sealed) {
        screen::print(&format!("  {}", shown(sealed)));
    }
    for entry in manifest.entries() {
        let what = match &entry.kind {
            EntryKind::Symlink { target } => format!("-> {}", shown(target)),
            EntryKind::Directory => "folder".to_owned(),
            _ => bytes(entry.size_bytes()),
        };
        screen::print(&format!("  {:04o}  {:>8}  {}", entry.mode(), what, entry.path.shown()));
    }
    Ok(Exit::Done)
}

fn proven(proof: &Proof) -> String {
    format!("proven by `{}`  {}  by {}", shown(&proof.command), moment(proof.began_ms), shown(&proof.by))
}

/// Makes every card again. A depot on another machine does it there, which the other indexes tell.
fn index_cards(project: &Project) -> Result<Exit, Failure> {
    let depot = project.depot();
    if depot.is_away() {
        return Ok(Exit::Done);
    }
    let made = depot.remake_cards();
    let made = made.map_err(|error| {
        Trouble::new("cannot make the cards of the depot again", error)
            .hint("mend that; the same again goes on")
    })?;
    if made.cards > 0 {
        let s = if made.cards == 1 { "" } else { "s" };
        screen::print(&format!("{} card{s} made anew", made.cards));
    }
    for fault in &made.faults {
        screen::narrate(&format!("error: {fault}"));
    }
    Ok(if made.faults.is_empty() { Exit::Done } else { Exit::Refused })
}

fn verify(project: &Project, version: Option<&str>) -> Result<Exit, Failure> {
    let depot = project.depot();
    let keys = signed::known_keys(project)?;
    let own = &project.config.name;
    let (artifacts, faults) = match version {
        Some(version) => (vec![(own.clone(), typed("version", version)?)], Vec::new()),
        None => {
            let listing = depot.list().map_err(|error| Trouble::new("cannot look into the depot", error))?;
            let each = listing.cards.into_iter().map(|card| (card.name, card.version)).collect();
            (each, listing.faults)
        }
    };
    let mut exit = Exit::Done;
    for (name, version) in artifacts {
        let told = if name == *own { version.to_string() } else { format!("{name} {version}") };
        let card = match depot.verify(&name, &version) {
            Ok(card) => card,
            Err(error) => {
                let is_card = matches!(error, DepotError::Card { .. });
                let wrong = if is_card { "has a card that is wrong" } else { "is not whole" };
                screen::narrate(&format!("error: {told} {wrong}\n  {error}"));
                exit = Exit::Refused;
                continue;
            }
        };
        let signed = match signed::standing(&depot, &card, &keys) {
            Ok(Standing::None) if keys.is_empty() => String::new(),
            Ok(Standing::None) => ", not signed".to_owned(),
            Ok(Standing::Unchecked(by)) => format!(", signed by {by}, as it says"),
            Ok(Standing::Holds(signed)) => format!(", signed by {}", signed.by),
            Ok(Standing::Broken(why)) => {
                exit = Exit::Refused;
                format!(", but not signed: {why}")
            }
            Err(error) => {
                exit = Exit::Refused;
                format!(", but its signature can't be checked: {error}")
            }
        };
        screen::print(&format!("{told} is whole, digest {}{signed}", card.digest.short()));
    }
    // What can't even be listed is not whole either.
    for fault in &faults {
        screen::narrate(&format!("error: {fault}"));
        exit = Exit::Refused;
    }
    Ok(exit)
}
