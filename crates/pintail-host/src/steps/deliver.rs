//! *deliver*: what the release is made of comes into the host's store: a patch on a release that is there, or else the
//! whole artifact. Undone, it goes again, unless it was there before.
//!
//! A line that is cut is no fault of what came: that stays, whatever becomes of the operation, and the next delivery
//! of the same bytes goes on behind it. Everything is checked: a patch by its digest when it is there, and all
//! contents when they are unpacked.

use crate::hands::Hands;
use crate::memo::Memo;
use crate::trouble::{Trying, fail};
use pintail_core::digest::Digest;
use pintail_core::plan::{Patch, Step};
use pintail_core::wire::Progress;
use pintail_depot::Limits;
use pintail_depot::patch::Ground;
use pintail_os::files;
use pintail_saga::Failure;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where the artifact `digest` lies in the store.
pub(super) fn place(hands: &Hands<'_>, digest: &Digest) -> PathBuf {
    hands.layout.store().join(format!("{digest}.tar.zst"))
}

/// Where the patch lies there.
pub(super) fn patch_place(hands: &Hands<'_>, patch: &Patch) -> PathBuf {
    hands.layout.store().join(format!("{}.patch", patch.digest))
}

/// The patch that the plan has.
pub(super) fn patch<'a>(hands: &Hands<'a>) -> Option<&'a Patch> {
    hands.plan.steps.iter().find_map(|step| match step {
        Step::Deliver { patch, .. } => patch.as_ref(),
        _ => None,
    })
}

/// While it comes; and after the line was cut.
fn part(place: &Path) -> PathBuf {
    place.with_extension("part")
}

fn cut(place: &Path) -> PathBuf {
    place.with_extension("cut")
}

fn places(hands: &Hands<'_>, digest: &Digest, patch: Option<&Patch>) -> Vec<PathBuf> {
    patch.map(|patch| patch_place(hands, patch)).into_iter().chain([place(hands, digest)]).collect()
}

pub(super) fn look(hands: &Hands<'_>, digest: &Digest, patch: Option<&Patch>) -> Result<Memo, Failure> {
    Ok(Memo::There { there: places(hands, digest, patch).iter().any(|place| place.exists()) })
}

pub(super) fn act(
    hands: &Hands<'_>,
    digest: &Digest,
    packed_bytes: u64,
    patch: Option<&Patch>,
) -> Result<(), Failure> {
    // When this step is repeated after `unpack`, the artifact may be gone from the store, and is not needed.
    if place(hands, digest).exists() || hands.layout.release(&hands.plan.release.name).exists() {
        return Ok(());
    }
    if let Some(patch) = patch {
        match Ground::of(&hands.layout.release(&patch.base), &patch.base_digest, &Limits::default(), &|_| {
            false
        }) {
            Ok(_) => return deliver_patch(hands, digest, patch),
            Err(error) => {
                let size = pintail_core::plan::bytes_told(packed_bytes);
                let what = format!("{error}; the whole artifact is brought ({size})");
                hands.ear.borrow_mut().progress(Progress::Remark { what });
            }
        }
    }
    let coming = Coming { hands, digest, patch: None, bytes: packed_bytes, place: place(hands, digest) };
    coming.bring()?;
    coming.keep()
}

fn deliver_patch(hands: &Hands<'_>, digest: &Digest, patch: &Patch) -> Result<(), Failure> {
    let place = patch_place(hands, patch);
    if place.exists() {
        return Ok(());
    }
    let coming = Coming { hands, digest, patch: Some(&patch.digest), bytes: patch.bytes, place };
    coming.bring()?;
    let part = part(&coming.place);
    let mut hasher = blake3::Hasher::new();
    File::open(&part).and_then(|file| hasher.update_reader(file).map(drop)).trying(|| coming.what())?;
    if Digest::from(hasher.finalize()) != patch.digest {
        // Kept, it would fail the next attempt too.
        files::remove_file(&part).trying(|| coming.what())?;
        return fail(coming.what(), "what came has other bytes than the plan says");
    }
    coming.keep()
}

/// Bytes on their way in.
struct Coming<'a, 'h> {
    hands: &'a Hands<'h>,
    digest: &'a Digest,
    patch: Option<&'a Digest>,
    bytes: u64,
    place: PathBuf,
}

impl Coming<'_, '_> {
    fn what(&self) -> String {
        let kind = if self.patch.is_some() { "patch to" } else { "artifact" };
        format!(
            "cannot bring {kind} `{}` into `{}`",
            self.digest.short(),
            self.hands.layout.store().display()
        )
    }

    /// Brings what isn't there yet, behind what came before a cut.
    fn bring(&self) -> Result<(), Failure> {
        let what = || self.what();
        files::make_folder(&self.hands.layout.store(), 0o700).trying(what)?;
        let (part, cut) = (part(&self.place), cut(&self.place));
        // Only the last delivery that was cut is kept.
        clear(self.hands, &[&part, &cut])?;
        if cut.exists() && !part.exists() {
            fs::rename(&cut, &part).trying(what)?;
        }
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&part).trying(what)?;
        let mut from = file.metadata().trying(what)?.len();
        if from > self.bytes {
            file.set_len(0).trying(what)?;
            from = 0;
        }
        if from > 0 {
            let [from, all] = [from, self.bytes].map(pintail_core::plan::bytes_told);
            let what = format!("goes on behind {from} of {all} that came before");
            self.hands.ear.borrow_mut().progress(Progress::Remark { what });
        }
        let mut counted = Counted { file, room: self.bytes - from };
        if counted.room > 0 {
            let fetched = self.hands.ear.borrow_mut().fetch(self.digest, self.patch, from, &mut counted);
            if let Err(error) = fetched {
                return Err(self.stopped(&error, &counted.file));
            }
        }
        if counted.room > 0 {
            return fail(what(), format!("{} bytes of {} are missing", counted.room, self.bytes));
        }
        counted.file.sync_all().trying(what)
    }

    /// Puts what came out of undo's way if only the line was cut.
    fn stopped(&self, error: &io::Error, file: &File) -> Failure {
        let failure = crate::trouble::io_failure(self.what(), error);
        let is_cut = matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::TimedOut);
        let came = file.metadata().is_ok_and(|found| found.len() > 0);
        let keep = || {
            file.sync_all()?;
            fs::rename(part(&self.place), cut(&self.place))?;
            files::sync_parent(&self.place)
        };
        if is_cut && came && keep().is_ok() {
            return failure.hint("what came is kept; the next `deploy` goes on behind it");
        }
        failure
    }

    /// Gives what came its name.
    fn keep(&self) -> Result<(), Failure> {
        self.hands.cut.point()?;
        let kept = fs::rename(part(&self.place), &self.place).and_then(|()| files::sync_parent(&self.place));
        kept.trying(|| self.what())
    }
}

pub(super) fn undo(
    hands: &Hands<'_>,
    digest: &Digest,
    patch: Option<&Patch>,
    memo: &Memo,
) -> Result<(), Failure> {
    if *memo == (Memo::There { there: true }) {
        return Ok(());
    }
    for place in places(hands, digest, patch) {
        let removed = files::remove_file(&place).and_then(|()| files::remove_file(&part(&place)));
        removed.trying(|| format!("cannot remove `{}`", place.display()))?;
    }
    Ok(())
}

/// Takes everything out of the store that this step ever put there, but `kept`.
pub(super) fn clear(hands: &Hands<'_>, kept: &[&PathBuf]) -> Result<(), Failure> {
    let store = hands.layout.store();
    let what = || format!("cannot clear `{}`", store.display());
    let entries = match fs::read_dir(&store) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.trying(what)?,
    };
    for entry in entries {
        let path = entry.trying(what)?.path();
        let ours = ["zst", "patch", "part", "cut"].map(OsStr::new);
        if path.extension().is_some_and(|ending| ours.contains(&ending)) && !kept.contains(&&path) {
            files::remove_file(&path).trying(what)?;
        }
    }
    Ok(())
}

/// Takes no more bytes than were announced.
struct Counted {
    file: File,
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
