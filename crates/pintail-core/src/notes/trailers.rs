//! Git's own rule for trailers: which lines at a message's end are machine-readable. The same as `git interpret-trailers
//! --parse --no-divider` without configuration says, which `pintail-release` compares. Knows no key by name.

/// One trailer, `Key: value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer<'m> {
    /// The number of its first line, from 0.
    pub line: usize,
    /// What stands before the colon.
    pub key: &'m str,
    /// What stands behind it on its line, and below it each folded line, as written.
    pub lines: Vec<&'m str>,
}

impl Trailer<'_> {
    /// The value in one line.
    pub fn value(&self) -> String {
        let (first, folded) = self.lines.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        let mut value = first.to_owned();
        for line in folded {
            value.push(' ');
            value.push_str(line.trim_start_matches(is_space));
        }
        value.trim_matches(is_space).to_owned()
    }
}

/// What git writes by itself: one of them makes a paragraph of a quarter trailers count.
const OF_GIT: [&str; 2] = ["Signed-off-by: ", "(cherry picked from commit "];
/// Below this line `git commit --verbose` shows what is committed.
const SCISSORS: &str = "# ------------------------ >8 ------------------------";

/// The message's trailers, and the number of the line (from 0) where their block begins: the number of all lines if
/// there are none.
pub fn trailers<'m>(lines: &[&'m str]) -> (usize, Vec<Trailer<'m>>) {
    let end = end_of_message(lines);
    let Some(start) = block_start(&lines[..end]) else {
        return (lines.len(), Vec::new());
    };
    let mut found: Vec<Trailer<'m>> = Vec::new();
    let mut open = false;
    for (number, line) in lines.iter().enumerate().take(end).skip(start) {
        if open && line.starts_with(is_space) {
            found.last_mut().expect("one is open").lines.push(line);
            continue;
        }
        let separator = separator(line);
        open = separator.is_some();
        if let Some(at) = separator {
            let key = line[..at].trim_matches(is_space);
            found.push(Trailer {
                line: number,
                key,
                lines: vec![line[at + 1..].trim_start_matches(is_space)],
            });
        }
    }
    (start, found)
}

fn block_start(lines: &[&str]) -> Option<usize> {
    // The first paragraph is the title.
    let title_end = lines.iter().position(|line| !is_comment(line) && is_blank(line))?;
    let (mut of_git, mut any) = (false, false);
    let (mut trailers, mut others, mut perhaps_folded) = (0_usize, 0_usize, 0_usize);
    for (number, line) in lines.iter().enumerate().skip(title_end).rev() {
        if is_comment(line) {
            others += perhaps_folded;
            perhaps_folded = 0;
        } else if is_blank(line) {
            if !any {
                continue;
            }
            others += perhaps_folded;
            let counts = if of_git { trailers * 3 >= others } else { trailers > 0 && others == 0 };
            return counts.then_some(number + 1);
        } else {
            any = true;
            let is_of_git = OF_GIT.iter().any(|prefix| line.starts_with(prefix));
            of_git |= is_of_git;
            if is_of_git || separator(line).is_some() {
                trailers += 1;
                perhaps_folded = 0;
            } else if line.starts_with(is_space) {
                perhaps_folded += 1;
            } else {
                others += 1 + perhaps_folded;
                perhaps_folded = 0;
            }
        }
    }
    None
}

/// Where the colon behind a key stands: letters, digits and `-`, at least one, then perhaps spaces.
fn separator(line: &str) -> Option<usize> {
    let key = line.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-');
    let key_end = line.len() - key.len();
    let colon = key.trim_start_matches([' ', '\t']);
    (key_end > 0 && colon.starts_with(':')).then(|| line.len() - colon.len())
}

/// The lines that are the message: not comments, blank lines and lists of conflicts that git left at its end.
fn end_of_message(lines: &[&str]) -> usize {
    let cutoff = lines.iter().position(|line| *line == SCISSORS).unwrap_or(lines.len());
    let mut left_from = None;
    let mut conflicts = false;
    for (number, line) in lines[..cutoff].iter().enumerate() {
        if is_comment(line) || line.is_empty() {
            left_from = left_from.or(Some(number));
        } else if *line == "Conflicts:" {
            conflicts = true;
            left_from = left_from.or(Some(number));
        } else if conflicts && line.starts_with('\t') {
            // A path of that list.
        } else {
            left_from = None;
            conflicts = false;
        }
    }
    left_from.unwrap_or(cutoff)
}

fn is_comment(line: &str) -> bool {
    line.starts_with('#')
}

pub(super) fn is_blank(line: &str) -> bool {
    line.chars().all(is_space)
}

/// What git takes for white space.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}
