//! Is a request's text usable at all: names, bounds, paths. Knows no state.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use super::env_file;
use super::protocol::{INSTANCES_LIMIT, NAME_LIMIT_BYTES, Refusal, STOP_TIMEOUT_LIMIT_MS, ServiceSpec};

/// Whether a name is one.
///
/// # Errors
/// It is empty, too long, begins with `.`, or has other letters than `A-Z a-z 0-9 . _ - @`.
pub(super) fn name(what: &str, name: &str) -> Result<(), Refusal> {
    let letters = name.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"._-@".contains(&letter));
    if letters && !name.is_empty() && !name.starts_with('.') && name.len() <= NAME_LIMIT_BYTES {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_LIMIT_BYTES).collect();
    Err(Refusal::new(format!("`{}` is no {what} name", shown.escape_default()))
        .hint(format!("1 to {NAME_LIMIT_BYTES} of `A-Z a-z 0-9 . _ - @`, no `.` first")))
}

/// Whether a specification can be tried. Everything that is wrong is told at once.
///
/// # Errors
/// It can't.
pub(super) fn spec(spec: &ServiceSpec) -> Result<(), Refusal> {
    let mut wrong = Vec::new();
    let mut must = |right: bool, what: String| {
        if !right {
            wrong.push(what);
        }
    };
    must(name("process", &spec.process).is_ok(), "`process` is no name".into());
    must(spec.argv.first().is_some_and(|program| !program.is_empty()), "`argv` names no program".into());
    let texts = spec.argv.iter().chain(spec.env.keys()).chain(spec.env.values());
    must(texts.into_iter().all(|text| !text.contains('\0')), "`argv` or `env` contains NUL".into());
    must(
        spec.env.keys().all(|key| !key.is_empty() && !key.contains('=')),
        "`env` has a key that is empty or contains `=`".into(),
    );
    must(
        (1..=INSTANCES_LIMIT).contains(&spec.instances),
        format!("`instances` is not 1 to {INSTANCES_LIMIT}"),
    );
    must(
        spec.stop_timeout_ms <= STOP_TIMEOUT_LIMIT_MS,
        format!("`stop_timeout_ms` is above {STOP_TIMEOUT_LIMIT_MS}"),
    );
    must(spec.cwd.is_absolute() && spec.cwd.is_dir(), format!("`cwd` `{}` is no folder", spec.cwd.display()));
    let log_folder = spec.log.parent().unwrap_or(Path::new("/"));
    must(
        spec.log.is_absolute() && log_folder.is_dir(),
        format!("`log` `{}` is in no folder", spec.log.display()),
    );
    // Opening a pipe could take for ever.
    let log = std::fs::metadata(&spec.log).ok();
    let appendable = log.is_none_or(|there| there.is_file() || there.file_type().is_char_device());
    must(appendable, format!("`log` `{}` is no file", spec.log.display()));
    if let Some(path) = &spec.env_file {
        let readable = env_file::read(path);
        must(readable.is_ok(), readable.err().unwrap_or_default());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(format!("cannot start `{}`: {}", spec.id(), wrong.join("; "))))
}
