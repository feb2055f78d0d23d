//! What is typed at a terminal without being seen. Knows nothing of what it is.

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{self, BufRead};

/// The longest line that is read, in bytes: longer than any password.
const LINE_MAX: usize = 4096;

/// A line typed at standard input, which must be a terminal; nothing of it is shown meanwhile. `ask` is called once
/// nothing is shown any more, so that nobody types too early.
pub fn unseen(ask: impl FnOnce()) -> io::Result<String> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut unseen = before.clone();
    unseen.local_modes.remove(LocalModes::ECHO);
    unseen.local_modes.insert(LocalModes::ECHONL);
    tcsetattr(&stdin, OptionalActions::Flush, &unseen)?;
    ask();
    let mut line = String::new();
    let read = io::Read::take(stdin.lock(), LINE_MAX as u64).read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Flush, &before)?;
    read?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
