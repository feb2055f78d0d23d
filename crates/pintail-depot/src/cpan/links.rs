//! Links in an archive, followed as the system would follow them once it is unpacked. Knows paths below the top folder;
//! touches no disk.

use std::collections::BTreeMap;

/// Longest path in bytes, and longest target of a link, as everywhere in a depot.
pub(crate) const PATH_BYTES_MAX: usize = 4096;

/// Most folders that a member lies below: each may be a link, and is looked up.
pub(crate) const FOLDERS_MAX: usize = 100;

/// Most links in an archive: they are kept until its end, each with its target.
const LINKS_MAX: usize = 10_000;

/// Most bytes of all paths that are kept until the end, 128 MiB: a link may come behind what lies below it.
const PATHS_BYTES_MAX: usize = 128 << 20;

/// Most links that are followed for one, as Linux has it: what needs more leads nowhere.
const FOLLOWED_MAX: usize = 40;

/// Most steps that are taken to follow all of an archive. A hundred for each of the most links.
const STEPS_MAX: usize = 1_000_000;

/// The symbolic links of an archive, by path, and the paths that none of them may be at or above.
#[derive(Default)]
pub(crate) struct Links {
    targets: BTreeMap<String, Target>,
    paths: Vec<Path>,
    paths_bytes: usize,
}

struct Path {
    text: String,
    role: Role,
}

/// What a path is in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A member's that is no symbolic link.
    Member,
    /// A symbolic link's: it may be there, and nowhere above.
    Link,
    /// What a hard link is to.
    HardLinked,
}

struct Target {
    bytes: Vec<u8>,
    /// The link's path as it is told.
    shown: String,
}

impl Links {
    /// Notes a link at `path`, which is told as `shown`; says why it can't be one.
    pub(crate) fn add(&mut self, path: &str, target: &[u8], shown: &str) -> Result<(), String> {
        if path.is_empty() {
            return Err(format!("`{shown}` is a link; the top folder has to be a folder"));
        }
        if target.len() > PATH_BYTES_MAX {
            return Err(format!("link `{shown}` has a target of more than {PATH_BYTES_MAX} bytes"));
        }
        if self.targets.len() >= LINKS_MAX {
            return Err(format!("it has more than {LINKS_MAX} links"));
        }
        let target = Target { bytes: target.to_owned(), shown: shown.to_owned() };
        self.targets.insert(path.to_owned(), target);
        Ok(())
    }

    /// The link that `path` is, or that is a folder above it.
    pub(crate) fn at_or_above(&self, path: &str) -> Option<&str> {
        if self.targets.is_empty() {
            return None;
        }
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.filter_map(|end| self.targets.get(&path[..end])).map(|target| target.shown.as_str()).next()
    }

    /// Keeps a path for [`Links::on_the_way`]; says why it can't.
    pub(crate) fn keep(&mut self, path: &str, role: Role) -> Result<(), String> {
        self.paths_bytes += path.len();
        if self.paths_bytes > PATHS_BYTES_MAX {
            self.paths = Vec::new();
            return Err(format!("its paths have more than {PATHS_BYTES_MAX} bytes in all"));
        }
        self.paths.push(Path { text: path.to_owned(), role });
        Ok(())
    }

    /// Every kept path that lies where a link is or below one, whichever came first, with the link as it is told.
    /// Two links at one path count as one.
    pub(crate) fn on_the_way(&self) -> impl Iterator<Item = (&str, Role, &str)> {
        let kept = self.paths.iter().filter(|_| !self.targets.is_empty());
        kept.filter_map(|Path { text, role }| {
            let judged = match role {
                Role::Link => text.rsplit_once('/').map_or("", |(above, _)| above),
                Role::Member | Role::HardLinked => text,
            };
            Some((text.as_str(), *role, self.at_or_above(judged)?))
        })
    }

    /// Those that lead above the top folder, at any of their steps.
    pub(crate) fn leading_out(&self) -> Vec<&str> {
        let mut steps = STEPS_MAX;
        let leads_out = |(path, target): &(&String, &Target)| self.leads_out(path, &target.bytes, &mut steps);
        self.targets.iter().filter(leads_out).map(|(_, target)| target.shown.as_str()).collect()
    }

    /// What takes too many steps is taken to lead out.
    fn leads_out(&self, path: &str, target: &[u8], steps: &mut usize) -> bool {
        let mut place: Vec<&[u8]> = path.as_bytes().split(|byte| *byte == b'/').collect();
        place.pop();
        let mut followed = 0;
        let mut todo: Vec<&[u8]> = Vec::new();
        let mut next = Some(target);
        loop {
            if let Some(target) = next.take() {
                if target.starts_with(b"/") {
                    return true;
                }
                let before = todo.len();
                todo.extend(target.rsplit(|byte| *byte == b'/'));
                let Some(left) = steps.checked_sub(todo.len() - before) else { return true };
                *steps = left;
            }
            let Some(step) = todo.pop() else { return false };
            match step {
                b"" | b"." => {}
                b".." if place.pop().is_none() => return true,
                b".." => {}
                // Nothing lies that deep.
                _ if place.len() > FOLDERS_MAX => return false,
                name => {
                    place.push(name);
                    if let Some(link) = self.at(&place) {
                        followed += 1;
                        if followed > FOLLOWED_MAX {
                            return false;
                        }
                        place.pop();
                        next = Some(link);
                    }
                }
            }
        }
    }

    fn at(&self, place: &[&[u8]]) -> Option<&[u8]> {
        let path = String::from_utf8(place.join(&b'/')).ok()?;
        self.targets.get(&path).map(|target| target.bytes.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leading_out(links: &[(&str, &str)]) -> Vec<String> {
        let mut all = Links::default();
        for (path, target) in links {
            all.add(path, target.as_bytes(), path).unwrap();
        }
        all.leading_out().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn they_are_followed_one_through_the_other() {
        for (links, out) in [
            (&[("a", "b"), ("b", "c/d"), ("e", "./f//g"), ("x/y", "../z"), ("x/w", "..")][..], &[][..]),
            (&[("a", ".."), ("b/c", "../.."), ("d", "/etc"), ("e", "f/../../x")], &["a", "b/c", "d", "e"]),
            (&[("a/b/c", "../.."), ("l", "a/b/c/..")], &["l"]),
            (&[("a/b/c", "../.."), ("l", "a/b/c/x")], &[]),
            (&[("a", "b"), ("b", "a"), ("c", "a/../..")], &[]),
            (&[("a", "a/x")], &[]),
        ] {
            assert_eq!(leading_out(links), out, "{links:?}");
        }
    }

    #[test]
    fn what_a_link_stands_in_the_way_of_is_found_whichever_came_first() {
        let mut all = Links::default();
        for (path, role) in [
            ("a", Role::Member),
            ("a/b", Role::Member),
            ("a/l", Role::Link),
            ("l", Role::Link),
            ("ab", Role::Member),
            ("a/h", Role::HardLinked),
            ("", Role::Member),
        ] {
            all.keep(path, role).unwrap();
        }
        assert_eq!(all.on_the_way().count(), 0);
        for link in ["a", "l", "a/l"] {
            all.add(link, b"x", link).unwrap();
        }
        let found: Vec<_> = all.on_the_way().collect();
        let wanted = [
            ("a", Role::Member, "a"),
            ("a/b", Role::Member, "a"),
            ("a/l", Role::Link, "a"),
            ("a/h", Role::HardLinked, "a"),
        ];
        assert_eq!(found, wanted);
        let long = "x".repeat(PATHS_BYTES_MAX);
        assert!(all.keep(&long, Role::Member).is_err());
    }

    #[test]
    fn links_made_to_keep_it_busy_do_not() {
        let mut all = Links::default();
        for at in 0..LINKS_MAX {
            let deep = format!("{}l{at}", "d/".repeat(90));
            let target = format!("{}l{}", "./".repeat(2000), (at * 7 + 1) % LINKS_MAX);
            all.add(&deep, target.as_bytes(), "l").unwrap();
        }
        assert!(all.add("more", b"x", "more").is_err());
        let begun = std::time::Instant::now();
        let _ = all.leading_out();
        let mut all = Links::default();
        for at in 0..LINKS_MAX {
            all.add(&format!("l{at}"), format!("l{at}/").repeat(600).as_bytes(), "l").unwrap();
        }
        let _ = all.leading_out();
        assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    }

    proptest::proptest! {
        #[test]
        fn any_links_are_followed(links in proptest::collection::vec(("[a-c/]{1,5}", "[a-c./]{0,8}"), 0..6)) {
            let mut all = Links::default();
            for (path, target) in &links {
                let _ = all.add(path.trim_matches('/'), target.as_bytes(), path);
            }
            let _ = all.leading_out();
        }
    }
}
