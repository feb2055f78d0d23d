//! What is typed at a terminal without being seen. Knows nothing of what it is.

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{self, BufRead};

/// The longest line that is read, in bytes: longer than any password.
const LINE_MAX: usize = 4096;

/// What a terminal sends for Ctrl-C, Ctrl-D, Ctrl-U and the key that takes back.
const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const CLEAR: u8 = 0x15;
const BACKSPACE: [u8; 2] = [0x08, 0x7f];

/// A line typed at standard input, which must be a terminal; nothing of it is shown meanwhile. `ask` is called once
/// nothing is shown any more, so that nobody types too early. `None` when whoever was asked left by Ctrl-C or Ctrl-D:
/// they are read here, not obeyed, so that no signal leaves the terminal mute.
pub fn unseen(ask: impl FnOnce()) -> io::Result<Option<String>> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut unseen = before.clone();
    unseen.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    tcsetattr(&stdin, OptionalActions::Flush, &unseen)?;
    ask();
    let read = line(stdin.lock());
    tcsetattr(&stdin, OptionalActions::Flush, &before)?;
    let Some(line) = read? else { return Ok(None) };
    String::from_utf8(line).map(Some).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))
}

/// The line that these keys make.
fn line(keys: impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    for key in keys.bytes() {
        match key? {
            b'\n' | b'\r' => return Ok(Some(line)),
            INTERRUPT | END => return Ok(None),
            CLEAR => line.clear(),
            // A letter can have several bytes; those behind its first begin with the bits 10.
            key if BACKSPACE.contains(&key) => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            key if line.len() < LINE_MAX => line.push(key),
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long")),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_make_a_line() {
        let line =
            |keys: &str| super::line(keys.as_bytes()).unwrap().map(|line| String::from_utf8(line).unwrap());
        assert_eq!(line("hunter2\nrest").as_deref(), Some("hunter2"));
        assert_eq!(line("no\x15x\u{e9}\x7f\x7fyes\r").as_deref(), Some("yes"));
        assert_eq!(line("\x7f\x7f\n").as_deref(), Some(""));
        assert_eq!(line("hunter\x03"), None);
        assert_eq!(line("\x04"), None);
        assert_eq!(line("cut off"), None);
        assert!(super::line("x".repeat(5000).as_bytes()).is_err());
    }
}
