//! The message that `git merge --squash` proposes: the messages of all commits that it holds, each set in by four blanks.
//! Knows that form; what each of them asks is read as if it stood alone.

use super::note::{Acknowledgement, Asked, Fault};

/// The line that it begins with.
pub(super) const HEAD: &str = "Squashed commit of the following:";
/// How far messages are set in.
const INDENT: &str = "    ";

/// The messages in `message`, the newest first as git has them; none where it isn't one of these.
pub(super) fn messages(message: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let lines = message.lines().map(|line| line.trim_end_matches('\r'));
    for line in lines.skip_while(|line| *line != HEAD).skip(1) {
        let is_commit = line.strip_prefix("commit ").is_some_and(|hash| {
            let digits = hash.split(' ').next().unwrap_or_default();
            digits.len() >= 7 && digits.chars().all(|c| c.is_ascii_hexdigit())
        });
        match (is_commit, found.last_mut()) {
            (true, _) => found.push(String::new()),
            (false, Some(inner)) if line.starts_with(INDENT) => {
                inner.push_str(&line[INDENT.len()..]);
                inner.push('\n');
            }
            // Between paragraphs; what stands between head and message is no part of it.
            (false, Some(inner)) if line.is_empty() && !inner.is_empty() => inner.push('\n'),
            (false, _) => {}
        }
    }
    found
}

/// What all of them ask together, the oldest first.
pub(super) fn together(all: Vec<Asked>) -> Asked {
    let mut asked = Asked::default();
    let asking: Vec<Asked> = all.into_iter().rev().filter(|one| *one != Asked::default()).collect();
    let first = asking.first().map(|one| one.targets.clone()).unwrap_or_default();
    if asking.iter().all(|one| one.targets == first) {
        asked.targets = first;
    } else {
        let why = "differs between the commits that were squashed; all is asked of every target".to_owned();
        asked.faults.push(Fault { text: "Deploy-Env".to_owned(), why });
    }
    if let [one] = &asking[..] {
        asked.id.clone_from(&one.id);
    }
    for one in asking {
        asked.notes.extend(one.notes);
        asked.none |= one.none;
        asked.run.extend(one.run);
        asked.requires.extend(one.requires);
        asked.maintenance |= one.maintenance;
        asked.backup |= one.backup;
        asked.faults.extend(one.faults);
        if one.ack == Acknowledgement::Required {
            asked.ack = Acknowledgement::Required;
        }
    }
    asked
}
