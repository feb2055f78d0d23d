//! `[release]`: from where, over where and under which tag releases are made. Knows nothing of git.

use super::{did_you_mean, places, problem::Complaint, version_files::around_version, walk::Node};

/// The rules for `pintail release`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRules {
    /// The only branch that releases come from; `None`: the remote's own default branch.
    pub branch: Option<String>,
    /// The remote that releases are pushed to; `None`: that of the branch's upstream, else `origin`.
    pub remote: Option<String>,
    /// The target that a release goes to before it is published. Declared.
    pub stage: Option<String>,
    /// The tag of a release; default `{version}`.
    pub tag: TagTemplate,
}

/// A tag's name with one `{version}` in it, such as `v{version}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTemplate {
    pub(super) before: String,
    pub(super) after: String,
}

impl TagTemplate {
    /// The tag of this version.
    pub fn tag(&self, version: &str) -> String {
        format!("{}{version}{}", self.before, self.after)
    }

    /// The version in this tag, if it is such a tag.
    pub fn version<'a>(&self, tag: &'a str) -> Option<&'a str> {
        tag.strip_prefix(&*self.before)?.strip_suffix(&*self.after).filter(|version| !version.is_empty())
    }
}

impl Default for ReleaseRules {
    fn default() -> ReleaseRules {
        let tag = TagTemplate { before: String::new(), after: String::new() };
        ReleaseRules { branch: None, remote: None, stage: None, tag }
    }
}

pub(super) fn read(node: Option<Node<'_>>, targets: &[&str]) -> Option<ReleaseRules> {
    let Some(node) = node else {
        return Some(ReleaseRules::default());
    };
    let walk = node.table(&places::RELEASE)?;
    Some(ReleaseRules {
        branch: walk.or("branch", None, |node| node.parse(git_name).map(Some)),
        remote: walk.or("remote", None, |node| node.parse(git_name).map(Some)),
        stage: walk.or("stage", None, |node| node.parse(|name| declared_target(name, targets)).map(Some)),
        tag: walk.or("tag", ReleaseRules::default().tag, |node| node.parse(tag)),
    })
}

/// The name of a target that is declared.
pub(super) fn declared_target(name: &str, targets: &[&str]) -> Result<String, Complaint> {
    if targets.contains(&name) {
        return Ok(name.to_owned());
    }
    let complaint = Complaint::new(format!("names the target `{name}`, which is not declared"));
    Err(did_you_mean::among(complaint, name, targets))
}

fn tag(text: &str) -> Result<TagTemplate, Complaint> {
    let (before, after) = around_version(text)?;
    git_name(&format!("{before}1.0{after}")).map_err(|complaint| Complaint {
        what: format!("makes a tag that {}", complaint.what),
        ..complaint
    })?;
    Ok(TagTemplate { before, after })
}

/// The rules of `git check-ref-format`, as far as one can break them by a slip.
fn git_name(text: &str) -> Result<String, Complaint> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    let refused = text.contains(forbidden)
        || text.contains("..")
        || text.contains("//")
        || text.contains("@{")
        || text.starts_with(['-', '/', '.'])
        || text.ends_with(['/', '.'])
        || text.ends_with(".lock");
    match refused {
        true => Err(Complaint::new(format!("is `{text}`, which git doesn't take as a name"))),
        false => Ok(text.to_owned()),
    }
}
