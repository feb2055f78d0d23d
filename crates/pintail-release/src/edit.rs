//! A change of a file, as a value: what stands where, before and after. It can be shown, journaled, made and taken back.
//! Does not know what is changed or why.

use pintail_core::digest::Digest;
use serde::{Deserialize, Serialize};

/// What becomes of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The file, relative to the project's folder.
    pub path: String,
    /// The digest of its content before.
    pub before: Digest,
    /// The digest of its content afterwards.
    pub after: Digest,
    /// What changes in it, from its beginning to its end.
    pub changes: Vec<Change>,
}

/// One text in place of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where, in bytes of the content before.
    pub at: usize,
    /// What stands there before.
    pub old: String,
    /// What stands there afterwards.
    pub new: String,
}

impl Edit {
    /// The edit of `path`, whose content is `content`, by `changes`; `None` where these do not fit, or change nothing.
    pub fn new(path: &str, content: &[u8], mut changes: Vec<Change>) -> Option<Edit> {
        changes.retain(|change| change.old != change.new);
        changes.sort_by_key(|change| change.at);
        let (before, path) = (Digest::of(content), path.to_owned());
        let mut edit = Edit { path, before, after: before, changes };
        edit.after = Digest::of(&edit.replaced(content, &edit.changes)?);
        (!edit.changes.is_empty()).then_some(edit)
    }

    /// The content afterwards, of one that is as it was before; `None` of any other.
    pub fn made(&self, content: &[u8]) -> Option<Vec<u8>> {
        (Digest::of(content) == self.before).then(|| self.replaced(content, &self.changes))?
    }

    /// The content before, of one that is as it is afterwards; `None` of any other.
    pub fn taken_back(&self, content: &[u8]) -> Option<Vec<u8>> {
        let mut shift = 0_isize;
        let back = |change: &Change| {
            let at = change.at.checked_add_signed(shift)?;
            shift += change.new.len() as isize - change.old.len() as isize;
            Some(Change { at, old: change.new.clone(), new: change.old.clone() })
        };
        let changes: Vec<Change> = self.changes.iter().map(back).collect::<Option<_>>()?;
        (Digest::of(content) == self.after).then(|| self.replaced(content, &changes))?
    }

    fn replaced(&self, content: &[u8], changes: &[Change]) -> Option<Vec<u8>> {
        let mut made = Vec::with_capacity(content.len());
        let mut from = 0;
        for Change { at, old, new } in changes {
            made.extend_from_slice(content.get(from..*at)?);
            from = at.checked_add(old.len())?;
            if content.get(*at..from)? != old.as_bytes() {
                return None;
            }
            made.extend_from_slice(new.as_bytes());
        }
        made.extend_from_slice(content.get(from..)?);
        Some(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_for_one_content_alone() {
        let change = Change { at: 2, old: "bc".into(), new: "xyz".into() };
        let edit = Edit::new("f", b"a bcd", vec![change.clone()]).unwrap();
        assert_eq!(edit.made(b"a bcd").unwrap(), b"a xyzd");
        assert_eq!(edit.taken_back(b"a xyzd").unwrap(), b"a bcd");
        assert_eq!(edit.made(b"a bcd "), None);
        assert_eq!(edit.taken_back(b"a bcd"), None);
        assert_eq!(Edit::new("f", b"a xcd", vec![change.clone()]), None, "it stands elsewhere");
        assert_eq!(Edit::new("f", b"a", vec![change]), None, "it is past the end");
        let nothing = Change { at: 0, old: "a".into(), new: "a".into() };
        assert_eq!(Edit::new("f", b"a", vec![nothing]), None, "it changes nothing");
    }

    proptest! {
        #[test]
        fn taken_back_it_is_as_before(pieces in prop::collection::vec(("[a-z\u{e9}]{0,5}", "[0-9]{1,4}", "[0-9]{0,6}"), 1..6)) {
            let (mut content, mut changes) = (String::new(), Vec::new());
            for (between, old, new) in pieces {
                content.push_str(&between);
                changes.push(Change { at: content.len(), old: old.clone(), new });
                content.push_str(&old);
            }
            if let Some(edit) = Edit::new("f", content.as_bytes(), changes) {
                let made = edit.made(content.as_bytes()).unwrap();
                prop_assert_ne!(&made, content.as_bytes());
                prop_assert_eq!(edit.taken_back(&made).unwrap(), content.as_bytes());
            }
        }
    }
}
