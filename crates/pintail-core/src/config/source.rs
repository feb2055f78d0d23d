//! The text that is being read, and the problems found in it so far. Knows nothing of TOML or of keys.

use std::{cell::RefCell, collections::BTreeMap, ops::Range};

use super::problem::{Complaint, Problem};

pub(super) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
    /// By offset and key: what was found wrong first about a value is told, not what follows from it.
    /// Behind a `RefCell` since every table and value that is being read holds the source, to say what is wrong.
    problems: RefCell<BTreeMap<(usize, String), Problem>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, file: &'a str) -> Source<'a> {
        let after_newlines = text.match_indices('\n').map(|(offset, _)| offset + 1);
        let line_starts = std::iter::once(0).chain(after_newlines).collect();
        Source { file, text, line_starts, problems: RefCell::default() }
    }

    /// Notes a problem with what begins at `span`; `complaint.what` is here the whole message.
    pub(super) fn report(&self, span: &Range<usize>, key: &str, complaint: Complaint) {
        let (line, column) = self.line_and_column(span.start);
        let problem = Problem {
            file: self.file.to_owned(),
            line,
            column,
            key: key.to_owned(),
            message: complaint.what,
            hint: complaint.hint,
        };
        self.problems.borrow_mut().entry((span.start, key.to_owned())).or_insert(problem);
    }

    /// The problems in the order of the text.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner().into_values().collect()
    }

    fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        // An offset inside a character can only come from a parser's mistake; it must not cost a panic here.
        let column = self.text.get(start..offset).map_or(1, |before| before.chars().count() + 1);
        (line, column)
    }
}
