//! A tree to an artifact. Knows what may be in a release; does not know what built the tree or where the artifact
//! goes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pintail_core::manifest::{Manifest, ManifestError};
use pintail_core::name::AppName;
use pintail_core::version::Version;

use crate::shown;
use crate::walk::walk;
use crate::write::write_artifact;

/// Why a tree was not packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Something in the tree could not be read.
    #[error("can't read `{}`: {source}", .path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// All that is in the tree and can't be in a release.
    #[error("`{}` can't be packed:{}", .tree.display(), shown::list(.faults))]
    Tree {
        /// The tree.
        tree: PathBuf,
        /// What is wrong, a sentence each.
        faults: Vec<String>,
    },
    /// Writing the artifact failed, or the tree changed meanwhile.
    #[error("can't write the artifact of `{}`: {source}", .tree.display())]
    Write {
        /// The tree.
        tree: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// Packs everything below the folder `tree` into `out` as `docs/formats/artifact.md` says. The same tree gives the
/// same bytes. `commit` is what [`Manifest::new`] takes. The tree is read twice; if it changes in between, that is
/// an error. A `.pintail/manifest.json` at its top is left out: a release can be packed again.
pub fn pack(
    tree: &Path,
    name: &AppName,
    version: &Version,
    commit: Option<&str>,
    out: &mut dyn Write,
) -> Result<Manifest, PackError> {
    let manifest = manifest_of_tree(tree, name, version, commit)?;
    let mut contents = |entry: &pintail_core::manifest::Entry| -> io::Result<Box<dyn Read>> {
        Ok(Box::new(File::open(tree.join(entry.path.as_str()))?))
    };
    let written = write_artifact(&manifest, &mut contents, out);
    written.map_err(|source| PackError::Write { tree: tree.to_owned(), source })?;
    Ok(manifest)
}

/// The manifest that [`pack`] would write, without writing anything.
pub fn manifest_of_tree(
    tree: &Path,
    name: &AppName,
    version: &Version,
    commit: Option<&str>,
) -> Result<Manifest, PackError> {
    let found = walk(tree).map_err(|(path, source)| PackError::Read { path, source })?;
    let mut faults = found.faults;
    let manifest = Manifest::new(name.clone(), version.clone(), commit.map(str::to_owned), found.entries);
    match manifest {
        Ok(manifest) if faults.is_empty() => return Ok(manifest),
        Ok(_) => {}
        Err(ManifestError::Faults(more)) => faults.extend(more.iter().map(ToString::to_string)),
        Err(error) => faults.push(error.to_string()),
    }
    // Folders are listed in the order the file system has them; a report has one order.
    faults.sort();
    Err(PackError::Tree { tree: tree.to_owned(), faults })
}
