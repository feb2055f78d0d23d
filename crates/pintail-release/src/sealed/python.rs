//! The seal for Python: `sys.path` without the folders of this machine, but with those of their distributions that the
//! project declares, and what these depend on. Knows how Python finds modules and reads installed metadata.

use super::{Sealed, Sealing, install, joined, of_file, some};
use crate::declared::{Phase, python};
use pintail_os::files;
use pintail_os::program::{Program, Stream};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where artifacts bring wheels.
const WHEELS: [&str; 3] = ["wheelhouse", "vendor/wheels", "wheels"];
/// How long Python may take to say what is installed.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const ANSWER_MAX: usize = 16 << 20;

/// Loaded first by every Python, for itself.
const SEAL: &str = include_str!("seal.py");
/// Says where users install.
const ASK_SITE: &str = "import site; print(site.getusersitepackages())";
/// Says what is installed: name, what it requires, what of it lies at the top.
const ASK: &str = include_str!("installed.py");

/// Where it `plays` no part nothing is declared, and what is installed is not asked.
pub(super) fn seal(
    sealing: &Sealing<'_>,
    plays: bool,
    sealed: &mut Sealed,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> io::Result<()> {
    let python = Program::new("python3").with_environment(sealed.environment.clone());
    let base = sealing.room.join("python/user");
    let mut asked = sealed.environment.clone();
    asked.insert("PYTHONUSERBASE".to_owned(), base.display().to_string());
    let site = python.clone().args(["-c", ASK_SITE]).with_environment(asked);
    // Without a Python there is none to be kept from anything.
    let Ok(site) = site.within(ANSWER_WITHIN).output(ANSWER_MAX) else { return Ok(()) };
    let site = PathBuf::from(String::from_utf8_lossy(&site).trim());
    let answer = match plays {
        true => python.clone().args(["-c", ASK]).within(ANSWER_WITHIN).output(ANSWER_MAX).unwrap_or_default(),
        false => Vec::new(),
    };
    let installed = read_installed(&String::from_utf8_lossy(&answer));
    let declared = declared(sealing.tree);
    let own = sealing.room.join("python");
    let (seals, view) = (own.join("seal"), own.join("declared"));
    for folder in [&seals, &view] {
        files::make_folder(folder, 0o755)?;
    }
    let wheels = sealing.folders(&WHEELS);
    let mut brought = Vec::new();
    if !wheels.is_empty() && sealing.tree.join("requirements.txt").is_file() {
        let into = own.join("wheels");
        let what = "what `requirements.txt` declares can't be installed from the wheels";
        install(&pip(sealing, &python, &wheels, &into), what, heard, wanted)?;
        brought.push(into);
        sealed.told.push("python: what `requirements.txt` declares was installed from the wheels".to_owned());
    }
    let let_in = reached(&declared, &installed);
    for top in let_in.iter().flat_map(|name| &installed[name].top) {
        if let Some(name) = top.file_name() {
            // Two that share a folder of names show it once.
            match symlink(top, view.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
    }
    let mut kept: Vec<PathBuf> = brought.clone();
    kept.push(view);
    let text = SEAL
        .replace("@SEAL@", &seals.display().to_string())
        .replace("@ROOMS@", &joined(&[sealing.room.to_path_buf(), sealing.tree.to_path_buf()]))
        .replace("@LET_IN@", &joined(&kept));
    // Python imports either by itself: one from `PYTHONPATH`, one from where users install. A test that sets its own
    // `PYTHONPATH` so keeps the other.
    files::write_whole(&seals.join("sitecustomize.py"), text.as_bytes(), 0o644)?;
    sealed.environment.insert("PYTHONPATH".to_owned(), seals.display().to_string());
    sealed.environment.insert("PYTHONUSERBASE".to_owned(), base.display().to_string());
    if site.starts_with(&base) {
        files::make_folder(&site, 0o755)?;
        files::write_whole(&site.join("usercustomize.py"), text.as_bytes(), 0o644)?;
    }
    sealed.told.push("python: the machine's site-packages and dist-packages were kept out".to_owned());
    if !let_in.is_empty() {
        let names: Vec<String> = let_in.into_iter().collect();
        sealed.told.push(format!(
            "python: of them let in, since they are declared or needed by what is: {}",
            some(&names)
        ));
    }
    Ok(())
}

/// The distributions that the project declares for its run and its tests.
pub(super) fn declared(tree: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(tree).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let needs = names.filter(|name| python::reading(name).is_some()).flat_map(|name| of_file(tree, &name));
    needs.filter(|need| need.phase != Phase::Make).map(|need| python::normal(&need.name)).collect()
}

/// One installed distribution.
#[derive(Debug, Default, PartialEq, Eq)]
struct Installed {
    requires: BTreeSet<String>,
    top: Vec<PathBuf>,
}

/// `NAME⇥REQUIREMENT|REQUIREMENT⇥PATH|PATH`, a line each.
fn read_installed(answer: &str) -> BTreeMap<String, Installed> {
    let line = |line: &str| {
        let mut fields = line.split('\t');
        let (name, requires, top) = (fields.next()?, fields.next()?, fields.next()?);
        let requires = requires.split('|').filter_map(python::requirement);
        let requires = requires.map(|(name, _)| python::normal(name)).collect();
        let top = top.split('|').filter(|path| !path.is_empty()).map(PathBuf::from).collect();
        Some((python::normal(name), Installed { requires, top }))
    };
    answer.lines().filter_map(line).collect()
}

fn reached(declared: &BTreeSet<String>, installed: &BTreeMap<String, Installed>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&String> = declared.iter().collect();
    while let Some(name) = open.pop() {
        if let Some(one) = installed.get(name).filter(|_| reached.insert(name.clone())) {
            open.extend(&one.requires);
        }
    }
    reached
}

/// pip, which installs what `requirements.txt` declares from `wheels` alone.
fn pip(sealing: &Sealing<'_>, python: &Program, wheels: &[PathBuf], into: &Path) -> Program {
    let mut pip = python.clone().args(["-m", "pip", "install", "--quiet", "--no-index", "--no-cache-dir"]);
    pip = pip.args(["--disable-pip-version-check", "--root-user-action=ignore", "--target"]).args([into]);
    for folder in wheels {
        pip = pip.args(["--find-links"]).args([folder]);
    }
    pip.args(["--requirement"]).args([sealing.tree.join("requirements.txt")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_read() {
        let installed =
            read_installed("Foo_Bar\tsix>=1|baz; extra == 'x'\t/s/foo|/s/foo.dist-info\nsix\t\t/s/six.py\n");
        let reached = reached(&BTreeSet::from(["foo-bar".to_owned(), "gone".to_owned()]), &installed);
        assert_eq!(reached.into_iter().collect::<Vec<_>>(), ["foo-bar", "six"]);
        assert_eq!(installed["six"].top, [PathBuf::from("/s/six.py")]);
    }
}
