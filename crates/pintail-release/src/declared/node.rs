//! What a Node project declares: `package.json`.

use super::{Need, Phase, Reading, among};
use serde_json::Value;

/// How the file called `name` is read.
pub fn reading(name: &str) -> Option<Reading> {
    among(&[("package.json", package_json)], name)
}

/// The packages that it depends on, and its own name, under which its files may load each other.
pub fn package_json(text: &str) -> Vec<Need> {
    let package: Value = serde_json::from_str(text).unwrap_or_default();
    let mut needs = Vec::new();
    for (key, phase) in [
        ("dependencies", Phase::Run),
        ("optionalDependencies", Phase::Run),
        ("peerDependencies", Phase::Wish),
        ("devDependencies", Phase::Test),
    ] {
        let listed = package[key].as_object().into_iter().flatten();
        needs.extend(listed.map(|(name, range)| Need::new(name, range.as_str().unwrap_or_default(), phase)));
    }
    needs.extend(package["name"].as_str().map(|name| Need::new(name, "", Phase::Wish)));
    needs
}
