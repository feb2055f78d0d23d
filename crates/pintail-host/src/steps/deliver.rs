//! *deliver*: the artifact's bytes come into the host's store, checked when they are unpacked. Undone, they go
//! again, unless they were there before.

use crate::hands::Hands;
use crate::memo::Memo;
use crate::trouble::{Trying, fail};
use pintail_core::digest::Digest;
use pintail_os::files;
use pintail_saga::Failure;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Where the artifact `digest` lies in the store.
pub(super) fn place(hands: &Hands<'_>, digest: &Digest) -> PathBuf {
    hands.layout.store().join(format!("{digest}.tar.zst"))
}

pub(super) fn look(hands: &Hands<'_>, digest: &Digest) -> Result<Memo, Failure> {
    Ok(Memo::There { there: place(hands, digest).exists() })
}

pub(super) fn act(hands: &Hands<'_>, digest: &Digest, packed_bytes: u64) -> Result<(), Failure> {
    let place = place(hands, digest);
    // When this step is repeated after `unpack`, the artifact may be gone from the store, and is not needed.
    if place.exists() || hands.layout.release(&hands.plan.release.name).exists() {
        return Ok(());
    }
    let what =
        || format!("cannot bring artifact `{}` into `{}`", digest.short(), hands.layout.store().display());
    files::make_folder(&hands.layout.store(), 0o700).trying(what)?;
    let part = place.with_extension("part");
    // What came before a cut stays and is not sent again; if it is wrong, unpacking finds out.
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&part).trying(what)?;
    let from = file.metadata().trying(what)?.len();
    let mut counted = Counted { file, room: packed_bytes.saturating_sub(from) };
    if counted.room > 0 {
        hands.ear.borrow_mut().fetch(digest, from, &mut counted).trying(what)?;
    }
    if counted.room > 0 {
        return fail(what(), format!("{} bytes of {packed_bytes} are missing", counted.room));
    }
    counted.file.sync_all().trying(what)?;
    hands.cut.point()?;
    std::fs::rename(&part, &place).and_then(|()| files::sync_parent(&place)).trying(what)
}

pub(super) fn undo(hands: &Hands<'_>, digest: &Digest, memo: &Memo) -> Result<(), Failure> {
    if *memo == (Memo::There { there: true }) {
        return Ok(());
    }
    let place = place(hands, digest);
    let removed = files::remove_file(&place).and_then(|()| files::remove_file(&place.with_extension("part")));
    removed.trying(|| format!("cannot remove `{}`", place.display()))
}

/// Takes no more bytes than were announced.
struct Counted {
    file: std::fs::File,
    room: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.room {
            return Err(io::Error::other("more bytes than were announced"));
        }
        let written = self.file.write(bytes)?;
        self.room -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
