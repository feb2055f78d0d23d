//! `cpanfile`, by its lines, and `META.json`.

use super::{Dependency, quoted};
use serde_json::Value;

/// Phases whose blocks are not for the running application.
const OTHER_PHASES: [&str; 4] = ["test", "develop", "build", "configure"];

pub(super) fn cpanfile(content: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    // How deep the braces of a block for another phase go.
    let mut skipped = 0_usize;
    for line in content.lines().map(str::trim) {
        let begins_other = line.starts_with("on ")
            && quoted(line).first().map_or_else(|| bare_phase(line), |phase| OTHER_PHASES.contains(phase));
        if skipped > 0 || begins_other && line.contains('{') {
            let opened = line.matches('{').count();
            skipped = (skipped + opened).saturating_sub(line.matches('}').count());
        } else if let Some(rest) = line.strip_prefix("requires")
            && rest.starts_with([' ', '\t', '(', '\'', '"'])
            && let [name, range @ ..] = quoted(rest).as_slice()
        {
            found.push((
                (*name).to_owned(),
                range.first().copied().or(number(rest)).unwrap_or_default().to_owned(),
            ));
        }
    }
    found
}

/// `on test => sub {`
fn bare_phase(line: &str) -> bool {
    line.split_whitespace().nth(1).is_some_and(|phase| OTHER_PHASES.contains(&phase))
}

/// A version without quotes, as `requires 'Foo', 1.2;` has it.
fn number(rest: &str) -> Option<&str> {
    let (_, after) = rest.rsplit_once([',', '>'])?;
    let version = after.trim().trim_end_matches([';', ')', ' ']);
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

pub(super) fn meta(content: &str) -> Vec<Dependency> {
    let meta: Value = serde_json::from_str(content).unwrap_or_default();
    let requires = meta["prereqs"]["runtime"]["requires"].as_object();
    let version = |value: &Value| match value {
        Value::String(version) => version.clone(),
        other => other.to_string(),
    };
    let any = |version: String| if version == "0" { String::new() } else { version };
    requires.into_iter().flatten().map(|(name, range)| (name.clone(), any(version(range)))).collect()
}
