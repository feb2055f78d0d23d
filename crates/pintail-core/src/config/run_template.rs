//! The command of a process, with its placeholders: parsed here once, filled in on the host. Knows nothing of
//! shells or quoting: who fills it in quotes.

use super::{did_you_mean, problem::Complaint};

/// A command with placeholders, such as `app --listen {listen}`; `{{` stands for `{` and `}}` for `}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTemplate {
    typed: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(Placeholder),
}

/// What can stand in braces in `run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// `{listen}`: the path of the unix socket, or `IP:PORT`.
    Listen,
    /// `{port}`: the TCP port alone.
    Port,
    /// `{pidfile}`: where the app may write its process id.
    Pidfile,
    /// `{release}`: the folder of the release.
    Release,
    /// `{root}`: the application's root on the host.
    Root,
}

impl RunTemplate {
    /// The command as it was typed, for showing.
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// Whether this placeholder occurs.
    pub fn mentions(&self, placeholder: Placeholder) -> bool {
        self.pieces.contains(&Piece::Placeholder(placeholder))
    }

    /// The command with every placeholder replaced by what `value` gives for it.
    pub fn fill(&self, value: impl Fn(Placeholder) -> String) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Placeholder(placeholder) => value(*placeholder),
            })
            .collect()
    }
}

impl Placeholder {
    const WORDS: &'static [(&'static str, Placeholder)] = &[
        ("listen", Placeholder::Listen),
        ("port", Placeholder::Port),
        ("pidfile", Placeholder::Pidfile),
        ("release", Placeholder::Release),
        ("root", Placeholder::Root),
    ];

    fn named(name: &str) -> Result<Placeholder, Complaint> {
        if let Some((_, placeholder)) = Placeholder::WORDS.iter().find(|(word, _)| *word == name) {
            return Ok(*placeholder);
        }
        let words: Vec<_> = Placeholder::WORDS.iter().map(|(word, _)| *word).collect();
        let complaint = Complaint::new(format!("has the unknown placeholder `{{{name}}}`"));
        Err(match did_you_mean::nearest(name, &words) {
            Some(near) => complaint.meant(format!("{{{near}}}")),
            None => {
                complaint.hint(format!("{}; `{{{{` stands for `{{` itself", did_you_mean::known_here(&words)))
            }
        })
    }
}

pub(super) fn parse(typed: &str) -> Result<RunTemplate, Complaint> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = typed;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..];
        if let Some((literal, after)) = literal_brace(brace) {
            text.push(literal);
            rest = after;
            continue;
        }
        let (name, after) = brace[1..].split_once('}').ok_or_else(unclosed)?;
        pieces.extend(Some(std::mem::take(&mut text)).filter(|text| !text.is_empty()).map(Piece::Text));
        pieces.push(Piece::Placeholder(Placeholder::named(name)?));
        rest = after;
    }
    text.push_str(rest);
    pieces.extend(Some(text).filter(|text| !text.is_empty()).map(Piece::Text));
    Ok(RunTemplate { typed: typed.to_owned(), pieces })
}

/// `{{`, `}}` and a `}` that closes nothing stand for a brace; what follows comes with it.
fn literal_brace(text: &str) -> Option<(char, &str)> {
    let closing = || Some(('}', text.strip_prefix("}}").or_else(|| text.strip_prefix('}'))?));
    text.strip_prefix("{{").map(|after| ('{', after)).or_else(closing)
}

fn unclosed() -> Complaint {
    Complaint::new("has a `{` that is never closed").hint("`{{` stands for `{` itself")
}
