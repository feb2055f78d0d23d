//! What a Node project declares: `package.json`.

use super::{Need, Phase};

/// The packages that it depends on, and its own name, under which its files may load each other.
pub fn package_json(text: &str) -> Vec<Need> {
    let Ok(package) = serde_json::from_str::<serde_json::Value>(text) else { return Vec::new() };
    let mut needs = Vec::new();
    for (key, phase) in [
        ("dependencies", Phase::Run),
        ("optionalDependencies", Phase::Run),
        ("peerDependencies", Phase::Run),
        ("devDependencies", Phase::Test),
    ] {
        let names = package[key].as_object().into_iter().flatten().map(|(name, _)| name);
        needs.extend(names.map(|name| Need::new(name, phase)));
    }
    needs.extend(package["name"].as_str().map(|name| Need::new(name, Phase::Run)));
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_names_what_it_depends_on_and_itself() {
        let text = r#"{"name":"app","dependencies":{"a":"1"},"devDependencies":{"@d/e":"^2"}}"#;
        let needs =
            [Need::new("a", Phase::Run), Need::new("@d/e", Phase::Test), Need::new("app", Phase::Run)];
        assert_eq!(package_json(text), needs);
        assert_eq!(package_json("nonsense"), []);
    }
}
