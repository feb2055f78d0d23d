//! How a Pintail takes its seat on a host: the bytes that came over ssh are running already, as this very process,
//! and go to the name that carries their digest if they are whole. Programs by digest need no agreement on versions:
//! two operators with different Pintails use a host side by side.

use pintail_core::digest::Digest;
use pintail_core::wire::Trouble;
use pintail_os::files;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A Pintail that nobody has used for so long, and nothing runs from, gives up its seat.
const KEPT_UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Takes the seat `seat` if this program's digest is `digest`.
///
/// # Errors
/// It arrived damaged, or the seat can't be written.
pub fn take(digest: &Digest, seat: &Path) -> Result<(), Trouble> {
    let cannot = || format!("cannot put Pintail to `{}`", seat.display());
    let program = own_program().map_err(|error| Trouble::new(cannot(), error))?;
    let own = Digest::of(&fs::read(&program).map_err(|error| Trouble::new(cannot(), error))?);
    if own != *digest {
        let why = format!("it arrived as `{}` and was sent as `{}`", own.short(), digest.short());
        return Err(Trouble::new(cannot(), why)
            .hint("try again; if it happens again, something on the way changes bytes"));
    }
    let put = || -> io::Result<()> {
        File::open(&program)?.sync_all()?;
        fs::rename(&program, seat)?;
        files::sync_parent(seat)
    };
    put().map_err(|error| Trouble::new(cannot(), error))?;
    give_up_unused(seat);
    Ok(())
}

/// Its name, not the kernel's link to it: that is renamed.
fn own_program() -> io::Result<PathBuf> {
    fs::read_link("/proc/self/exe")
}

/// Removes what older versions left beside `seat`. A failure is no reason to fail: there is a next time.
fn give_up_unused(seat: &Path) {
    let Some(folder) = seat.parent() else { return };
    let running: Vec<PathBuf> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|process| fs::read_link(process.path().join("exe")).ok())
        .collect();
    let old = |path: &Path| {
        let used = fs::metadata(path).and_then(|there| there.accessed().or_else(|_| there.modified()));
        used.is_ok_and(|used| used.elapsed().is_ok_and(|ago| ago > KEPT_UNUSED))
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let runs = path.canonicalize().is_ok_and(|path| running.contains(&path));
        if path != seat && !runs && old(&path) {
            let _ = files::remove_file(&path);
        }
    }
}
