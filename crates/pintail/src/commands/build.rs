//! `build`: an artifact of a commit, in the depot.

use super::signed;
use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::{Place, Project, by, typed};
use crate::screen;
use pintail_core::wire::Trouble;
use pintail_depot::{Depot, Published};
use pintail_os::clock;
use pintail_release::build::{Order, build};
use pintail_release::git;
use pintail_release::include::resolve;
use pintail_release::lock::{LOCK_NAME, Locked, written};
use pintail_release::versions::{commit_of, version_of};

pub(crate) fn run(place: &Place, args: &args::Build) -> Result<Exit, Failure> {
    let project = place.project()?;
    let depot = project.depot();
    if args.lock {
        return lock(&project, &depot);
    }
    let cannot = || format!("cannot build `{}`", project.config.name);
    let version = match &args.version {
        Some(version) => typed("version", version)?,
        None => {
            let hash = commit_of(&project.folder, &args.commit, &cannot())?;
            version_of(&project.folder, &hash, &project.config)
                .map_err(|error| Trouble::new(cannot(), error))?
        }
    };
    // Looking at every file takes as long as reading them all out of the commit.
    let folder = project.folder.clone();
    let dirty = std::thread::spawn(move || git::is_dirty(&folder).unwrap_or(false));
    let signals =
        pintail_os::signals::on_ending().map_err(|error| Trouble::new("cannot listen to signals", error))?;
    // A password is asked for before anything takes time.
    let key = signed::secret_key(&project)?;
    let order = Order {
        folder: &project.folder,
        config: &project.config,
        config_name: place.own_config(),
        version: &version,
        commit: &args.commit,
        depot: &depot,
        by: &by(),
        now_ms: clock::now_ms(),
    };
    let mut heard = |_, bytes: &[u8]| screen::print_raw(&String::from_utf8_lossy(bytes), true);
    let published =
        build(&order, &mut heard, &|| !signals.is_set()).map_err(|trouble| match signals.is_set() {
            true => trouble.hint("nothing is in the depot of it; the same again builds it"),
            false => trouble,
        })?;
    if dirty.join().unwrap_or(false) {
        screen::narrate("note: files are changed and not committed; what is built is the commit");
    }
    let card = published.card();
    let signed = key.map(|key| signed::sign_published(&project, &depot, card, &key)).transpose()?;
    if matches!(published, Published::Added(_)) {
        // Only to spare the deployment that wait.
        let _ = depot.patch_ahead(&card.name, &card.version);
    }
    if args.json {
        screen::print_document(card);
        return Ok(Exit::Done);
    }
    let told = match published {
        Published::Added(_) => "is in the depot",
        Published::AlreadyThere(_) => "was in the depot already, the same bytes",
    };
    screen::print(&format!(
        "{} {} {told}: {} files, {}, digest {}{}",
        card.name,
        card.version,
        card.files,
        screen::bytes(card.packed_bytes),
        card.digest.short(),
        signed.map(|by| format!(", signed by {by}")).unwrap_or_default()
    ));
    Ok(Exit::Done)
}

/// Chooses what `build.include` takes, and writes it down beside the configuration.
fn lock(project: &Project, depot: &Depot) -> Result<Exit, Failure> {
    let locked = resolve(&project.config.build.include, depot)?;
    let path = project.folder.join(LOCK_NAME);
    pintail_os::files::write_whole(&path, written(&locked).as_bytes(), 0o644)
        .map_err(|error| Trouble::new(format!("cannot write `{}`", path.display()), error))?;
    for Locked { name, version, digest } in &locked {
        screen::print(&format!("{name} {version}, digest {}", digest.short()));
    }
    screen::narrate(&format!("`{LOCK_NAME}` is written; commit it"));
    Ok(Exit::Done)
}
