//! A folder that shows some files of others, by links: what of the machine's modules is let in. Knows no language.

use pintail_os::files;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Shows `file`, which lies in `folder`, at the same place in `view`.
pub(super) fn show(view: &Path, folder: &Path, file: &Path) -> io::Result<()> {
    let Ok(inner) = file.strip_prefix(folder) else { return Ok(()) };
    let link = view.join(inner);
    if let Some(parent) = link.parent() {
        files::make_folder(parent, 0o755)?;
    }
    match symlink(file, &link) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}
