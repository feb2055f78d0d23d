//! *maintenance on* and *off*: the flag that a front looks at. Each undoes to what the flag was before.

use crate::hands::Hands;
use crate::memo::Memo;
use crate::trouble::Trying;
use pintail_core::layout::Layout;
use pintail_core::observed::Maintenance;
use pintail_os::files;
use pintail_saga::Failure;
use std::fs;
use std::path::PathBuf;

/// Which page the front shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flag {
    Short,
    Long,
}

impl Flag {
    fn path(self, layout: &Layout) -> PathBuf {
        match self {
            Flag::Short => layout.maintenance(),
            Flag::Long => layout.maintenance_long(),
        }
    }
}

/// What the flag is.
pub(crate) fn read_flag(layout: &Layout) -> Maintenance {
    for flag in [Flag::Long, Flag::Short] {
        if let Ok(by) = fs::read_to_string(flag.path(layout)) {
            return Maintenance::On { long: flag == Flag::Long, by: by.trim().to_owned() };
        }
    }
    Maintenance::Off
}

/// Raises one flag, for `by`, or lowers both; the new one is there before the other goes.
pub(crate) fn set_flag(layout: &Layout, flag: Option<Flag>, by: &str) -> Result<(), Failure> {
    let what = || format!("cannot set the maintenance flag in `{}`", layout.run().display());
    files::make_folder(&layout.run(), 0o755).trying(what)?;
    if let Some(flag) = flag {
        // Anybody may read it: the front runs as another user.
        files::write_whole(&flag.path(layout), format!("{by}\n").as_bytes(), 0o644).trying(what)?;
    }
    for other in [Flag::Short, Flag::Long] {
        if flag != Some(other) {
            files::remove_file(&other.path(layout)).trying(what)?;
        }
    }
    Ok(())
}

pub(super) fn look(hands: &Hands<'_>) -> Result<Memo, Failure> {
    let path = hands.layout.maintenance();
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Memo::Text { text: Some(text) }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Memo::Text { text: None }),
        Err(error) => Err(error).trying(|| format!("cannot read `{}`", path.display())),
    }
}

pub(super) fn raise(hands: &Hands<'_>) -> Result<(), Failure> {
    let path = hands.layout.maintenance();
    let text = format!("{} (deployment {})\n", hands.by, hands.plan.id);
    files::write_whole(&path, text.as_bytes(), 0o644).trying(|| format!("cannot raise `{}`", path.display()))
}

pub(super) fn lower(hands: &Hands<'_>) -> Result<(), Failure> {
    let path = hands.layout.maintenance();
    files::remove_file(&path).trying(|| format!("cannot lower `{}`", path.display()))
}

pub(super) fn undo(hands: &Hands<'_>, memo: &Memo) -> Result<(), Failure> {
    match memo {
        Memo::Text { text: Some(text) } => {
            let path = hands.layout.maintenance();
            files::write_whole(&path, text.as_bytes(), 0o644)
                .trying(|| format!("cannot raise `{}`", path.display()))
        }
        _ => lower(hands),
    }
}
