//! tmp
use pintail_core::notes::{Gathered, Note, Origin};
pub(super) fn body(g: &Gathered, c: &[Note], known: &dyn Fn(&Origin) -> Option<String>) -> Vec<String> {
    g.asks
        .iter()
        .map(|i| format!("  {:?} {:?}", i.says, i.from.iter().find_map(known)))
        .chain(c.iter().map(|n| n.text.clone()))
        .collect()
}
