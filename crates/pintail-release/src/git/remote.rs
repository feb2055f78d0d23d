//! The other repository: what it has, and what it is given. Fetches nothing, so no reference here is touched.

use super::repository::{REFERENCES_MAX, Tagged, setting};
use super::{ANSWER_MAX, answer, git, line, speaking, tail};
use pintail_os::lock::Shared;
use pintail_os::program::{Program, Stream};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long the remote may take to tell what it has.
const ASK_WITHIN: Duration = Duration::from_secs(2 * 60);
/// How long a push may take: hooks there may build.
const PUSH_WITHIN: Duration = Duration::from_secs(30 * 60);

/// What a remote has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct There {
    /// Its default branch, without `refs/heads/`, if it says one.
    pub default: Option<String>,
    /// Its branches and the commits they are at.
    pub branches: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Vec<Tagged>,
}

impl There {
    /// Its tag of that name.
    pub fn tag(&self, name: &str) -> Option<&Tagged> {
        self.tags.iter().find(|tagged| tagged.name == name)
    }
}

/// Where `remote` is pushed to: more than one place if somebody set it up so.
///
/// # Errors
/// There is no such remote.
pub fn pushed_to(folder: &Path, remote: &str) -> io::Result<Vec<String>> {
    let urls = line(&git(folder).args(["remote", "get-url", "--push", "--all", "--", remote]))?;
    Ok(urls.lines().map(str::to_owned).collect())
}

/// Asks `remote` what it has: the place that is pushed to, since where is fetched from may be a mirror that lags.
///
/// # Errors
/// It can't be reached.
pub fn look(folder: &Path, remote: &str) -> io::Result<There> {
    let fetched = line(&git(folder).args(["remote", "get-url", "--", remote]))?;
    let pushed = pushed_to(folder, remote)?;
    // By its name, as far as that says the same: settings of it hold then.
    let place = pushed.first().filter(|url| **url != fetched).map_or(remote, String::as_str);
    let program = unasked(git(folder), folder)
        .args(["ls-remote", "--symref", "--end-of-options", place, "HEAD", "refs/heads/*", "refs/tags/*"])
        .within(ASK_WITHIN);
    Ok(read(&String::from_utf8_lossy(&answer(&program, REFERENCES_MAX)?)))
}

fn read(answer: &str) -> There {
    let mut there = There::default();
    let mut peeled = BTreeMap::new();
    for line in answer.lines() {
        let Some((object, name)) = line.split_once('\t') else { continue };
        if let Some(head) = object.strip_prefix("ref: refs/heads/").filter(|_| name == "HEAD") {
            there.default = Some(head.to_owned());
        } else if let Some(branch) = name.strip_prefix("refs/heads/") {
            there.branches.insert(branch.to_owned(), object.to_owned());
        } else if let Some(tag) = name.strip_prefix("refs/tags/") {
            match tag.strip_suffix("^{}") {
                Some(tag) => drop(peeled.insert(tag.to_owned(), object.to_owned())),
                None => there.tags.push(Tagged {
                    name: tag.to_owned(),
                    object: object.to_owned(),
                    commit: object.to_owned(),
                }),
            }
        }
    }
    for tagged in &mut there.tags {
        if let Some(commit) = peeled.remove(&tagged.name) {
            tagged.commit = commit;
        }
    }
    there
}

/// Gives `remote` the commit as its `branch` and the tag: both or neither. The operator's hook runs before; `meanwhile` is
/// called now and then until it has ended.
///
/// # Errors
/// It was refused, or the link was lost: what the remote has now, only it can say.
pub fn push(
    folder: &Path,
    remote: &str,
    (commit, branch): (&str, &str),
    tag: &str,
    held: &Shared,
    heard: &mut dyn FnMut(Stream, &[u8]),
    meanwhile: &dyn Fn(),
) -> io::Result<()> {
    let program = unasked(speaking(folder), folder)
        .holding(held)
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"])
        .args(["-c", &format!("remote.{remote}.mirror=false"), "push", "--atomic", "--no-follow-tags"])
        .args(["--recurse-submodules=no", "--end-of-options", remote])
        .args([format!("{commit}:refs/heads/{branch}"), format!("refs/tags/{tag}:refs/tags/{tag}")])
        .within(PUSH_WITHIN);
    let mut said = Vec::new();
    let ended = program.run(
        &mut |stream, bytes| {
            said.extend_from_slice(&bytes[..bytes.len().min(ANSWER_MAX.saturating_sub(said.len()))]);
            heard(stream, bytes);
        },
        // Cut off in its middle, nobody would know whether it had happened: it has its bound.
        &|| {
            meanwhile();
            true
        },
    )?;
    match ended.is_success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("`git push` {ended}\n{}", tail(&said)))),
    }
}

/// ssh asks nobody either, unless the operator has said how it is to be run.
fn unasked(program: Program, folder: &Path) -> Program {
    let is_said = ["GIT_SSH_COMMAND", "GIT_SSH"].iter().any(|name| std::env::var_os(name).is_some())
        || setting(folder, "core.sshCommand").is_some();
    if is_said { program } else { program.set("GIT_SSH_COMMAND", "ssh -oBatchMode=yes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_remote_says_is_read() {
        let there = read(
            "ref: refs/heads/main\tHEAD\naaa\tHEAD\naaa\trefs/heads/main\nbbb\trefs/heads/topic/x\n\
             ccc\trefs/tags/0.1\nddd\trefs/tags/0.2\naaa\trefs/tags/0.2^{}\n",
        );
        assert_eq!(there.default.as_deref(), Some("main"));
        assert_eq!(there.branches["topic/x"], "bbb");
        let tags: Vec<_> = there.tags.iter().map(|t| (&*t.name, &*t.object, &*t.commit)).collect();
        assert_eq!(tags, [("0.1", "ccc", "ccc"), ("0.2", "ddd", "aaa")]);
    }

    #[test]
    fn an_empty_remote_has_nothing() {
        assert_eq!(read(""), There::default());
    }
}
