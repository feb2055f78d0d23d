//! `build`: an artifact of a commit, in the depot.

use super::signed;
use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::{Place, by, typed};
use crate::screen;
use pintail_core::wire::Trouble;
use pintail_depot::Published;
use pintail_os::clock;
use pintail_release::build::{Order, build};
use pintail_release::git;

pub(crate) fn run(place: &Place, args: &args::Build) -> Result<Exit, Failure> {
    let project = place.project()?;
    let version = typed("version", &args.version)?;
    if git::is_dirty(&project.folder).unwrap_or(false) {
        screen::narrate("note: files are changed and not committed; what is built is the commit");
    }
    let signals =
        pintail_os::signals::on_ending().map_err(|error| Trouble::new("cannot listen to signals", error))?;
    // A password is asked for before anything takes time.
    let key = signed::secret_key(&project)?;
    let by = by();
    let order = Order {
        by: &by,
        folder: &project.folder,
        config: &project.config,
        version: &version,
        commit: &args.commit,
        now_ms: clock::now_ms(),
    };
    let mut heard = |_, bytes: &[u8]| screen::print_raw(&String::from_utf8_lossy(bytes), true);
    let published = build(&order, &project.depot(), &mut heard, &|| !signals.is_set())?;
    let card = published.card();
    let signed = key.map(|key| signed::sign(&project, &card.version, &key)).transpose()?;
    if matches!(published, Published::Added(_)) {
        // Only to spare the deployment that wait.
        let _ = project.depot().patch_ahead(&card.name, &card.version);
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
