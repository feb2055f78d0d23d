//! Frames: how one value after the other goes over a pipe. Length (4 bytes, big-endian, of what follows), kind
//! (one byte: `J` a JSON value, `D` bytes), content. Knows the pipe only as something to read or write.

use super::FRAME_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};

const JSON: u8 = b'J';
const DATA: u8 = b'D';

/// What came in one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A JSON value, not read yet.
    Json(Vec<u8>),
    /// Bytes of an artifact, a patch, a sketch or a signature.
    Data(Vec<u8>),
}

impl Frame {
    /// The value in it.
    ///
    /// # Errors
    /// `InvalidData` when it is none of that type: the other side is another Pintail, or none.
    pub fn value<T: DeserializeOwned>(&self) -> io::Result<T> {
        match self {
            Frame::Json(json) => serde_json::from_slice(json).map_err(|error| nonsense(&error.to_string())),
            Frame::Data(_) => Err(nonsense("bytes where a message was expected")),
        }
    }
}

/// Sends one value.
///
/// # Errors
/// The pipe's, or `InvalidInput` when the value is longer than [`FRAME_MAX`].
pub fn send<T: Serialize>(out: &mut dyn Write, value: &T) -> io::Result<()> {
    put(out, JSON, &serde_json::to_vec(value)?)
}

/// Sends bytes; at most [`FRAME_MAX`] less one.
///
/// # Errors
/// As [`send`].
pub fn send_data(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    put(out, DATA, bytes)
}

fn put(out: &mut dyn Write, kind: u8, content: &[u8]) -> io::Result<()> {
    let length = content.len() + 1;
    if length > FRAME_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a frame of {length} bytes is too long"),
        ));
    }
    // One write, so that what is said is out at once and whole.
    let mut frame = Vec::with_capacity(length + 4);
    frame.extend_from_slice(&(length as u32).to_be_bytes());
    frame.push(kind);
    frame.extend_from_slice(content);
    out.write_all(&frame)?;
    out.flush()
}

/// The next frame; `None` when the other side ended between two.
///
/// # Errors
/// `UnexpectedEof` in the middle of one; `InvalidData` when it is no frame.
pub fn receive(from: &mut dyn Read) -> io::Result<Option<Frame>> {
    let mut head = [0; 5];
    if from.read(&mut head[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut head[1..])?;
    let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if length == 0 || length > FRAME_MAX {
        return Err(nonsense("what came is no frame: does something on the host print when one logs in?"));
    }
    let mut content = vec![0; length - 1];
    from.read_exact(&mut content)?;
    match head[4] {
        JSON => Ok(Some(Frame::Json(content))),
        DATA => Ok(Some(Frame::Data(content))),
        _ => Err(nonsense("what came is no frame of a kind that is known")),
    }
}

fn nonsense(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sent_is_received(texts in proptest::collection::vec(".*", 0..5), bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let mut pipe = Vec::new();
            for text in &texts {
                send(&mut pipe, text).unwrap();
            }
            send_data(&mut pipe, &bytes).unwrap();
            let mut from = &pipe[..];
            for text in &texts {
                prop_assert_eq!(&receive(&mut from).unwrap().unwrap().value::<String>().unwrap(), text);
            }
            prop_assert_eq!(receive(&mut from).unwrap(), Some(Frame::Data(bytes)));
            prop_assert_eq!(receive(&mut from).unwrap(), None);
        }

        #[test]
        fn nonsense_ends_in_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let mut from = &bytes[..];
            while let Ok(Some(frame)) = receive(&mut from) {
                let _ = frame.value::<super::super::Ask>();
            }
        }
    }

    #[test]
    fn a_greeting_of_a_login_shell_is_told_as_such() {
        let error = receive(&mut &b"Welcome to Debian\n"[..]).unwrap_err();
        assert!(error.to_string().contains("print when one logs in"));
    }
}
