//! What a Ruby project declares: `Gemfile`, by its lines.

use super::{Need, Phase, Reading, among};

/// Groups that are not for the running application.
const OTHER_GROUPS: [&str; 2] = ["development", "test"];

/// How the file called `name` is read.
pub fn reading(name: &str) -> Option<Reading> {
    among(&[("Gemfile", gemfile)], name)
}

/// `gem 'name', '~> 1'`, within `group :test do ... end` or not.
pub fn gemfile(text: &str) -> Vec<Need> {
    let mut needs = Vec::new();
    // The phase of each open block.
    let mut blocks = vec![Phase::Run];
    for line in text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim()) {
        let current = *blocks.last().unwrap_or(&Phase::Run);
        let opens = line.ends_with(" do") || line.ends_with('|') && line.contains(" do |");
        if line == "end" {
            if blocks.len() > 1 {
                blocks.pop();
            }
        } else if line.starts_with("group ") && opens {
            blocks.push(phase(line, current));
        } else if opens || ["if ", "unless ", "case "].iter().any(|word| line.starts_with(word)) {
            blocks.push(current);
        } else if let Some(rest) =
            line.strip_prefix("gem").filter(|rest| rest.starts_with([' ', '(', '\'', '"']))
        {
            let phase = if rest.contains("group") { phase(rest, current) } else { current };
            // What follows a key is no version.
            let plain = rest.split(", ").take_while(|part| !part.contains(':') && !part.contains("=>"));
            let plain = plain.collect::<Vec<_>>().join(", ");
            if let [name, ranges @ ..] = quoted(&plain).as_slice() {
                needs.push(Need::new(*name, ranges.join(", "), phase));
            }
        }
    }
    needs
}

/// The phase of the groups that `line` names, `current` where one of them is for more than tests and developers.
fn phase(line: &str, current: Phase) -> Phase {
    let words = line
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !["group", "groups", "do", "optional", "true", "false", ""].contains(word));
    let groups: Vec<&str> = words.skip_while(|word| !OTHER_GROUPS.contains(word)).collect();
    match groups.iter().all(|group| OTHER_GROUPS.contains(group)) {
        true if groups.contains(&"test") => Phase::Test,
        true if !groups.is_empty() => Phase::Make,
        _ => current,
    }
}

/// The texts in quotes of either kind, in their order; a `#` outside of them begins a comment.
fn quoted(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['\'', '"', '#']) {
        let quote = rest[at..].chars().next().filter(|c| *c != '#');
        let Some((quote, inner)) = quote.map(|quote| (quote, &rest[at + 1..])) else { break };
        let Some(end) = inner.find(quote) else { break };
        found.push(&inner[..end]);
        rest = &inner[end + 1..];
    }
    found
}
