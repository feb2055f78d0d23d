//! Perl's modules on this machine: the file of one, and what was installed with it from CPAN.

use pintail_os::files;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Bytes of a `.packlist` that are read.
const PACKLIST_MAX: u64 = 4 << 20;
/// Folders below `auto` are as deep as names of modules have parts.
const DEEP: usize = 12;

/// The file of `module` in the first of `folders` that has it.
pub fn find(folders: &[PathBuf], module: &str) -> Option<PathBuf> {
    let inner = format!("{}.pm", module.replace("::", "/"));
    folders.iter().map(|folder| folder.join(&inner)).find(|file| file.is_file())
}

/// The files of each distribution that was installed from CPAN into one of `folders`.
pub fn packlists(folders: &[PathBuf]) -> Vec<BTreeSet<PathBuf>> {
    let mut lists = Vec::new();
    let mut open: Vec<(PathBuf, usize)> = folders.iter().map(|folder| (folder.join("auto"), 0)).collect();
    while let Some((folder, depth)) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name() == ".packlist" {
                let text = files::read_bounded(&entry.path(), PACKLIST_MAX).unwrap_or_default();
                lists.push(read_packlist(&String::from_utf8_lossy(&text)));
            } else if depth < DEEP && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    lists
}

/// One file a line, perhaps with ` type=link …` behind it.
fn read_packlist(text: &str) -> BTreeSet<PathBuf> {
    text.lines().filter_map(|line| line.split(" type=").next()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packlist_is_read() {
        let list = read_packlist("/a/B.pm\n/a/c.so type=file\n/man/B.3pm type=link from=/a\n");
        let expected = ["/a/B.pm", "/a/c.so", "/man/B.3pm"].map(PathBuf::from);
        assert_eq!(list, BTreeSet::from(expected));
    }
}
