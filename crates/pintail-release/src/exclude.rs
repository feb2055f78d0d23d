//! `build.exclude`: what is left out of an artifact. Knows globs; does not know what is in the tree.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::fs;
use std::io;
use std::path::Path;

/// What is left out. A glob without a slash is a name at any depth, one with a slash a path from the top, as in a
/// `.gitignore`; `*` and `?` stay within a name, `**` does not. A folder that is left out is left out whole.
#[derive(Debug, Clone)]
pub struct Exclude {
    globs: Vec<String>,
    set: GlobSet,
}

impl Exclude {
    /// What `globs` leave out.
    ///
    /// # Errors
    /// Those that are no globs, each with its reason.
    pub fn new(globs: &[String]) -> Result<Self, String> {
        let (mut set, mut faults) = (GlobSetBuilder::new(), Vec::new());
        for typed in globs {
            let typed = typed.as_str();
            let anchored = match typed.trim_end_matches('/') {
                path if path.contains('/') => path.to_owned(),
                name => format!("**/{name}"),
            };
            match GlobBuilder::new(&anchored).literal_separator(true).backslash_escape(true).build() {
                Ok(glob) => drop(set.add(glob)),
                Err(error) => {
                    faults.push(format!("`build.exclude` has `{typed}`, which is no glob: {}", error.kind()))
                }
            }
        }
        let set = set.build().map_err(|error| error.to_string());
        match (faults.is_empty(), set) {
            (true, Ok(set)) => Ok(Self { globs: globs.to_vec(), set }),
            (true, Err(fault)) => Err(fault),
            (false, _) => Err(faults.join("\n")),
        }
    }

    /// Whether `path`, relative to the top, or a folder that it is in, is left out.
    pub fn takes(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        !self.globs.is_empty() && ends.map(|end| &path[..end]).any(|part| self.set.is_match(part))
    }

    /// As [`Exclude::takes`], noting in `fitted` which globs it was.
    pub fn takes_noting(&self, path: &str, fitted: &mut [bool]) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let fits = |end: usize| self.set.matches(&path[..end]);
        match self.globs.is_empty() {
            true => false,
            false => {
                let found = ends.map(fits).find(|fits| !fits.is_empty()).unwrap_or_default();
                found.iter().for_each(|index| fitted[*index] = true);
                !found.is_empty()
            }
        }
    }

    /// For each glob, that nothing fitted it yet.
    pub fn none_fitted(&self) -> Vec<bool> {
        vec![false; self.globs.len()]
    }

    /// The globs that nothing fitted, which are likely slips.
    pub fn unfitted(&self, fitted: &[bool]) -> Vec<String> {
        self.globs.iter().zip(fitted).filter(|(_, fitted)| !**fitted).map(|(glob, _)| glob.clone()).collect()
    }

    /// Removes from `tree` what is left out; gives the globs that nothing fitted.
    ///
    /// # Errors
    /// The file system's.
    pub fn remove_from(&self, tree: &Path) -> io::Result<Vec<String>> {
        let mut fitted = self.none_fitted();
        let mut folders = match self.globs.is_empty() {
            true => Vec::new(),
            false => vec![String::new()],
        };
        while let Some(folder) = folders.pop() {
            for item in fs::read_dir(tree.join(&folder))? {
                let item = item?;
                let name = item.file_name().to_string_lossy().into_owned();
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                let is_folder = item.file_type()?.is_dir();
                let fits = self.set.matches(&path);
                fits.iter().for_each(|index| fitted[*index] = true);
                match (fits.is_empty(), is_folder) {
                    (true, true) => folders.push(path),
                    (true, false) => {}
                    (false, true) => fs::remove_dir_all(item.path())?,
                    (false, false) => fs::remove_file(item.path())?,
                }
            }
        }
        Ok(self.unfitted(&fitted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exclude(globs: &[&str]) -> Exclude {
        Exclude::new(&globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn globs_take_what_a_gitignore_would() {
        for (glob, taken, left) in [
            (
                "script/dev_*",
                "script/dev_run script/dev_a/b",
                "script/run script/x/dev_run dev_run a/script/dev_x",
            ),
            ("*.psd", "a.psd x/y/b.psd", "a.psd2 psd"),
            ("t", "t t/a.t x/t/b", "tt a/tt"),
            ("docs/", "docs docs/a docs/b/c x/docs", "doc"),
            ("a/**/z", "a/z a/b/z a/b/c/z a/b/z/y", "a z b/z"),
            ("x/[ab]?", "x/a1 x/b2", "x/c1 x/a x/a12"),
        ] {
            let exclude = exclude(&[glob]);
            taken.split(' ').for_each(|path| assert!(exclude.takes(path), "{glob} takes {path}"));
            left.split(' ').for_each(|path| assert!(!exclude.takes(path), "{glob} leaves {path}"));
        }
        assert!(!exclude(&[]).takes("a"));
    }

    #[test]
    fn what_is_no_glob_is_told() {
        let globs = ["a[".to_owned(), "fine".to_owned(), "{b".to_owned()];
        insta::assert_snapshot!(Exclude::new(&globs).unwrap_err(), @r#"
        `build.exclude` has `a[`, which is no glob: unclosed character class; missing ']'
        `build.exclude` has `{b`, which is no glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
        "#);
    }

    #[test]
    fn what_fits_nothing_is_told() {
        let room = tempfile::tempdir().unwrap();
        let at = room.path();
        fs::create_dir_all(at.join("script/old")).unwrap();
        for file in ["script/dev_a", "script/run", "script/old/x", "keep"] {
            pintail_os::files::write_whole(&at.join(file), b"", 0o644).unwrap();
        }
        let unfitted = exclude(&["script/dev_*", "old", "nothing/*"]).remove_from(at).unwrap();
        assert_eq!(unfitted, ["nothing/*"]);
        assert!(at.join("script/run").exists() && at.join("keep").exists());
        assert!(!at.join("script/dev_a").exists() && !at.join("script/old").exists());
    }
}
