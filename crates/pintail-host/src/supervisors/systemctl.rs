//! The one place that runs `systemctl`. Knows how it is reached: as root, by `sudo -n`, or as the user's own; not
//! which units there are.

use crate::supervise::protocol::Refusal;
use pintail_os::process;
use pintail_os::program::Program;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Where it is on every system that has it; `sudoers` lines name it so.
const SYSTEMCTL: &str = "/usr/bin/systemctl";
/// How long a command may take that waits for no service: systemd reads all its units anew.
const WITHIN: Duration = Duration::from_secs(60);
/// The longest answer, in bytes: some properties of some units.
const ANSWER_LIMIT_BYTES: usize = 1 << 20;

/// Whose systemd is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    System,
    User,
}

/// Changes something: `words` behind `systemctl`. May take `more` beyond its usual time.
pub(super) fn change(whose: Whose, words: &[&str], more: Duration) -> Result<(), Refusal> {
    let sudo = whose == Whose::System && process::own_number() != 0;
    let program = match sudo {
        true => Program::new("sudo").args(["-n", SYSTEMCTL]).args(words),
        false => ours(whose).args(words),
    };
    program.within(WITHIN + more).output(ANSWER_LIMIT_BYTES).map(|_| ()).map_err(|error| {
        let refusal = Refusal::new(error.to_string());
        match (sudo, whose) {
            (true, _) => refusal.hint("`pintail setup TARGET` prints the sudoers lines that this needs"),
            (false, Whose::User) => {
                refusal.hint("the user's own systemd must run: as root, `loginctl enable-linger USER`, once")
            }
            (false, Whose::System) => refusal,
        }
    })
}

/// Asks; nobody needs to be root for that.
pub(super) fn ask(whose: Whose, words: &[&str]) -> Result<String, Refusal> {
    let answer = ours(whose).args(words).within(WITHIN).output(ANSWER_LIMIT_BYTES);
    answer
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|error| Refusal::new(error.to_string()))
}

fn ours(whose: Whose) -> Program {
    let program = Program::new(SYSTEMCTL);
    match whose {
        Whose::System => program,
        Whose::User => program.with_environment(of_a_user()).args(["--user"]),
    }
}

/// What `systemctl --user` finds its systemd by, which a session without PAM does not have.
fn of_a_user() -> BTreeMap<String, String> {
    let own = |name: &&str| Some(((*name).to_owned(), std::env::var(name).ok()?));
    let kept = ["PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"];
    let mut environment: BTreeMap<String, String> = kept.iter().filter_map(own).collect();
    let usual = format!("/run/user/{}", process::own_number());
    if !environment.contains_key("XDG_RUNTIME_DIR") && Path::new(&usual).exists() {
        environment.insert("XDG_RUNTIME_DIR".to_owned(), usual);
    }
    environment
}
