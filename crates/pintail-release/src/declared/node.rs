//! `package.json`.

use super::Dependency;
use serde_json::Value;

pub(super) fn package(content: &str) -> Vec<Dependency> {
    let package: Value = serde_json::from_str(content).unwrap_or_default();
    let listed = |key: &str| package[key].as_object().cloned().unwrap_or_default();
    let all = listed("dependencies").into_iter().chain(listed("optionalDependencies"));
    all.map(|(name, range)| (name, range.as_str().unwrap_or_default().to_owned())).collect()
}
