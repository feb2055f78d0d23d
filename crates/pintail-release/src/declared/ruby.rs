//! `Gemfile`, by its lines.

use super::{Dependency, quoted};

/// Groups whose blocks are not for the running application.
const OTHER_GROUPS: [&str; 2] = ["development", "test"];

pub(super) fn gemfile(content: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    // How deep the blocks go within one that is skipped.
    let mut skipped = 0_usize;
    for line in content.lines().map(|line| line.split(" #").next().unwrap_or_default().trim()) {
        let opens = line.ends_with(" do") || line.ends_with('|') && line.contains(" do |");
        if skipped > 0 {
            skipped = if line == "end" {
                skipped - 1
            } else {
                skipped + usize::from(opens || line.starts_with("if "))
            };
        } else if line.starts_with("group ") && opens && is_other(line) {
            skipped = 1;
        } else if let Some(rest) =
            line.strip_prefix("gem").filter(|rest| rest.starts_with([' ', '(', '\'', '"']))
            && !(rest.contains("group") && is_other(rest))
        {
            // What follows a key is no version.
            let plain = rest.split(", ").take_while(|part| !part.contains(':') && !part.contains("=>"));
            let plain = plain.collect::<Vec<_>>().join(", ");
            if let [name, ranges @ ..] = quoted(&plain).as_slice() {
                found.push(((*name).to_owned(), ranges.join(", ")));
            }
        }
    }
    found
}

fn is_other(line: &str) -> bool {
    let words = line
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !["group", "groups", "do", ""].contains(word));
    let mut words = words.skip_while(|word| !OTHER_GROUPS.contains(word)).peekable();
    words.peek().is_some() && words.all(|word| OTHER_GROUPS.contains(&word))
}
