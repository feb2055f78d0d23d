//! What the deploying user may do as root, for units of the system's systemd: lines for `/etc/sudoers.d`.

use super::names::Names;
use std::path::Path;

/// The lines for the user `user` and the root `root`, whose services are kept by the system's systemd.
///
/// The commands are those that Pintail runs, with names of this root only: regular expressions, which sudo knows
/// since 1.9.10, for a `*` would let any further argument pass. Who may put a unit there may become root by what
/// is in it; so this is for users who are trusted with that machine. `systemd-user` needs none of it.
pub fn sudoers(user: &str, root: &Path) -> String {
    let names = Names::new(root);
    let prefix = regex(names.prefix());
    let units = regex(&format!("{}/units/", root.display()));
    let name = "[A-Za-z0-9_.-]+(@[0-9]*)?[.](service|socket)";
    let several = format!("{prefix}-{name}( {prefix}-{name})*");
    let mut lines = format!(
        "# {}: Pintail, as {user}, for units of its own. Check with `visudo -c`; sudo 1.9.10 or newer.\n",
        root.display()
    );
    let commands = [
        "daemon-reload".to_owned(),
        format!("^link {units}{prefix}-{name}( {units}{prefix}-{name})*$"),
        format!("^(enable|disable) (--now )?{several}$"),
        format!("^(start|stop|reset-failed) {several}$"),
    ];
    for command in commands {
        lines.push_str(&format!("{user} ALL=(root) NOPASSWD: /usr/bin/systemctl {command}\n"));
    }
    lines
}

/// `text` literally in a regular expression, as sudoers has it: `,`, `:`, `=` and `\` are its own signs.
fn regex(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '/' | '_' | '-' => escaped.push(c),
            ',' | ':' | '=' => escaped.push_str(&format!("\\{c}")),
            c => escaped.push_str(&format!("[{c}]")),
        }
    }
    escaped
}
