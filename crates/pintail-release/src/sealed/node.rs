//! The seal for Node: modules come from the tree's own `node_modules` alone, not from folders above it and not from those
//! of this machine. Knows how `require` looks for modules.

use super::{Sealed, Sealing};
use pintail_os::files;
use std::io;

/// Loaded first by every Node.
const SEAL: &str = include_str!("seal.cjs");

pub(super) fn seal(sealing: &Sealing<'_>, sealed: &mut Sealed) -> io::Result<()> {
    let seal = sealing.room.join("seal.cjs");
    let rooms = [sealing.tree.display().to_string(), sealing.room.join("home").display().to_string()];
    let rooms = serde_json::to_string(&rooms).map_err(io::Error::other)?;
    files::write_whole(&seal, SEAL.replace("ROOMS", &rooms).as_bytes(), 0o644)?;
    sealed.environment.insert("NODE_OPTIONS".to_owned(), format!("--require \"{}\"", seal.display()));
    // npm would ask the network for a newer npm, and say so among the test's last lines.
    sealed.environment.insert("NO_UPDATE_NOTIFIER".to_owned(), "1".to_owned());
    sealed.told.push("node: modules outside of the artifact's own `node_modules` were kept out".to_owned());
    // `import` asks no one but the folders themselves.
    for above in sealing.tree.ancestors().skip(1).map(|folder| folder.join("node_modules")) {
        if above.is_dir() {
            sealed.told.push(format!("not sealed: `import` finds `{}` above the artifact", above.display()));
        }
    }
    Ok(())
}
