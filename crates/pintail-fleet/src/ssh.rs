//! The system's `ssh`: how it is started, what is said until the agent speaks, and what its complaints mean. The one
//! place that knows it. Users' configuration, agents, jump hosts and known hosts are ssh's own, and nothing about
//! host keys is ever weakened.

use crate::image::Image;
use pintail_core::plan::shell;
use pintail_core::wire::Trouble;
use pintail_os::program::Program;
use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Read, Write};

/// Names another program to use instead of `ssh`, as `GIT_SSH` does for git.
pub(crate) const SSH_VARIABLE: &str = "PINTAIL_SSH";
/// What the host says before the agent's first frame: what a login shell prints comes before it.
const HERE: &[u8] = b"pintail here";
/// What it says when it lacks the agent; its system and architecture follow.
const WANTS: &[u8] = b"pintail wants ";
/// Bytes of what a login shell prints that are skipped: a long message of the day.
const NOISE_MAX: u64 = 256 << 10;

/// The program that is `ssh`.
pub(crate) fn client() -> OsString {
    std::env::var_os(SSH_VARIABLE).filter(|name| !name.is_empty()).unwrap_or_else(|| "ssh".into())
}

/// `ssh` to `address`, where it becomes this program as `face`: what is typed behind its name.
///
/// # Errors
/// This program can't be read.
pub(crate) fn command(
    client: &OsString,
    address: &str,
    image: &Image,
    face: &[String],
) -> io::Result<Program> {
    let mut options = vec![
        "-T",
        "-oRemoteCommand=none",
        "-oClearAllForwardings=yes",
        // A host that does not answer, and a link that died without a word, are noticed.
        "-oConnectTimeout=15",
        "-oServerAliveInterval=5",
        "-oServerAliveCountMax=3",
    ];
    if !io::stdin().is_terminal() {
        options.push("-oBatchMode=yes");
    }
    // ssh may ask at the terminal, so it stays in our group; but Ctrl-C there is for us, who tell the host.
    let program = Program::shell(r#"trap "" INT QUIT HUP; exec "$@""#).args(["sh"]).args([client]);
    Ok(program.args(options).args(["--", address]).args([there(image, face)?]).in_our_group())
}

/// What the login shell on the host is given: one word for `sh -c`, so that it may be any shell.
fn there(image: &Image, face: &[String]) -> io::Result<String> {
    let (seat, digest) = (image.seat()?, image.digest()?);
    let face: Vec<String> = face.iter().map(|word| shell::word(word)).collect();
    let script = format!(
        "if [ ! -x {seat} ]; then echo pintail wants `uname -sm`; umask 022; \
         mkdir -p {folder} && read n && head -c $n | gzip -dc > {seat}.$$ && chmod 755 {seat}.$$ && \
         ./{seat}.$$ seat {digest} {seat} || {{ rm -f {seat}.$$; exit 1; }}; fi; \
         echo pintail here; exec {seat} {face}",
        face = face.join(" "),
        folder = seat.rsplit_once('/').map_or(".", |(folder, _)| folder),
    );
    Ok(format!("sh -c {}", shell::word(&script)))
}

/// What is heard and said until the agent speaks.
///
/// # Errors
/// The host ends before, or this program can't be used there.
pub(crate) fn log_in(from: &mut impl BufRead, to: &mut impl Write, image: &Image) -> io::Result<()> {
    let mut from = from.take(NOISE_MAX);
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let said = line.trim_ascii_end();
        if said.ends_with(HERE) {
            return Ok(());
        }
        if let Some(what) = said.strip_prefix(WANTS) {
            fits(&String::from_utf8_lossy(what), image)?;
            let packed = image.packed()?;
            // `read` takes a byte at a time from a pipe, and `head` no more than it is told.
            to.write_all(format!("{}\n", packed.len()).as_bytes())?;
            to.write_all(packed)?;
            to.flush()?;
        }
    }
}

/// Whether this program runs on a host that calls itself `what`: `uname -sm`.
fn fits(what: &str, image: &Image) -> io::Result<()> {
    let own = format!("Linux {}", std::env::consts::ARCH);
    if what != own {
        return Err(io::Error::other(format!("it is `{what}`, and this Pintail is made for `{own}`")));
    }
    if !image.is_static()? {
        let why = "this Pintail needs the C library of the machine it was made on, which the host may not have; \
                   build it as its repository does, statically";
        return Err(io::Error::other(why));
    }
    Ok(())
}

/// What ssh's complaints mean, most telling first.
const COMPLAINTS: &[(&str, &str, &str)] = &[
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key is not the one that is known",
        "if it was installed anew: `ssh-keygen -R` with its name, then `ssh HOST` once and compare the fingerprint",
    ),
    (
        "Host key verification failed",
        "its host key is not known",
        "`ssh HOST` once and compare the fingerprint",
    ),
    (
        "Permission denied (",
        "it refused the login",
        "`ssh HOST true` has to work without a question: is the key in its `authorized_keys`, is the user right?",
    ),
    (
        "Too many authentication failures",
        "it refused the login after too many keys",
        "name the key for it: `IdentityFile` and `IdentitiesOnly yes` in ~/.ssh/config",
    ),
    (
        "Could not resolve hostname",
        "its name is not known",
        "is it spelt right? `Host` in ~/.ssh/config may name it",
    ),
    ("Connection refused", "nothing listens on its ssh port", "is sshd running there, on that port?"),
    ("timed out", "it does not answer", "is it up, and is its ssh port open to this machine?"),
    ("No route to host", "there is no way to it", "is it up, and is this machine in the right network?"),
    ("Network is unreachable", "there is no way to it", "is this machine in the right network?"),
    ("command not found: ssh", "ssh is not installed here", "install the OpenSSH client"),
];

/// Whether sshd hung up before it asked who comes, as it does when too many come at once: worth another try.
pub(crate) fn is_crowded(said: &str) -> bool {
    let hung_up = ["kex_exchange_identification", "Connection closed by", "Connection reset by"];
    hung_up.iter().any(|text| said.contains(text)) && !said.contains("Permission denied")
}

/// Why `address` could not be reached, from what ssh said and how it ended.
pub(crate) fn trouble(address: &str, said: &str, code: Option<i32>, why: &io::Error) -> Trouble {
    let last = || said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default().to_owned();
    let what = format!("cannot reach `{address}`");
    if let Some((_, means, hint)) = COMPLAINTS.iter().find(|(text, ..)| said.contains(text)) {
        return Trouble::new(what, format!("{means}\n  ssh: {}", last())).hint(hint.replace("HOST", address));
    }
    let last = last();
    match (code, why.kind()) {
        (_, io::ErrorKind::TimedOut | io::ErrorKind::Other) => Trouble::new(what, why),
        (Some(255), _) => {
            Trouble::new(what, format!("ssh: {last}")).hint(format!("`ssh -v {address} true` tells more"))
        }
        (Some(127), _) if last.is_empty() => Trouble::new(what, "ssh could not be started"),
        (_, _) if last.is_empty() => {
            Trouble::new(format!("cannot put Pintail to `{address}`"), "its shell ended")
                .hint(format!("does `ssh {address} sh -c true` work?"))
        }
        (_, _) => Trouble::new(format!("cannot put Pintail to `{address}`"), last)
            .hint("it goes to `.pintail/bin` in the home there, which must be writable and allow programs"),
    }
}

#[cfg(test)]
mod tests;
