//! `depot prune`: takes old artifacts away. None that a host of any target has, and so could roll back to; when a host
//! can't be asked, or has nothing and nobody said that it never had, none at all.

use crate::exit::{Exit, Failure};
use crate::project::Project;
use crate::screen::{self, bytes};
use pintail_core::digest::Digest;
use pintail_core::name::ReleaseName;
use pintail_core::version::Version;
use pintail_core::wire::Trouble;
use pintail_depot::Card;
use pintail_fleet::target::{Host, several};
use pintail_os::files;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;

/// The format of `depot prune --json`.
const FORMAT: u32 = 1;
/// A longer `pintail.lock` is none.
const LOCK_BYTES_MAX: u64 = 4 << 20;

#[derive(Serialize)]
struct Document {
    format: u32,
    keep: u32,
    artifacts: Vec<Judged>,
    pruned: bool,
}

/// What becomes of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Judged {
    version: Version,
    digest: Digest,
    packed_bytes: u64,
    goes: bool,
    /// Why it stays.
    why: Vec<String>,
}

pub(super) fn run(
    project: &Project,
    keep: Option<u32>,
    empty: &[String],
    yes: bool,
    json: bool,
) -> Result<Exit, Failure> {
    let name = &project.config.name;
    let Some(keep) = keep.or(project.config.depot.keep) else {
        let why = "neither `--keep` nor `depot.keep` says how many versions stay";
        return Err(Failure::usage(
            "nothing is pruned",
            why,
            "`pintail depot prune --keep 10`, or `keep = 10` in `[depot]`",
        ));
    };
    let depot = project.depot();
    let mut pruned = Pruning::look(project, keep, empty)?;
    if !json {
        show(&pruned.artifacts);
    }
    let (count, sum) = pruned.going();
    let question = format!("take {count} artifacts ({sum}) out of `{}`?", depot.place());
    let asks = count > 0 && !yes;
    let agreed = !asks || agreed_to(&question)?;
    if asks && agreed {
        // Nobody knows how long the question waited.
        depot.forget_asked();
        let now = Pruning::look(project, keep, empty)?;
        pruned = now.within(&pruned);
    }
    let (count, sum) = pruned.going();
    if agreed {
        for (card, _) in pruned.each().filter(|(_, judged)| judged.goes) {
            depot.remove(card).map_err(|error| {
                Trouble::new(format!("cannot take `{name}` {} out of the depot", card.version), error)
                    .hint("those before it are gone, the rest is there; the same again goes on")
            })?;
        }
    }
    if json {
        screen::print_document(&Document {
            format: FORMAT,
            keep,
            artifacts: pruned.artifacts,
            pruned: agreed,
        });
    } else if agreed && count == 0 {
        screen::print("nothing to prune");
    } else if agreed {
        screen::print(&format!("{count} of {} artifacts are pruned, {sum}", pruned.cards.len()));
    } else {
        screen::narrate("nothing was changed");
    }
    Ok(if agreed { Exit::Done } else { Exit::Refused })
}

/// The artifacts of the application, and what becomes of each.
struct Pruning {
    cards: Vec<Card>,
    artifacts: Vec<Judged>,
}

impl Pruning {
    /// What there is and what every host has, at this moment.
    fn look(project: &Project, keep: u32, empty: &[String]) -> Result<Pruning, Failure> {
        let held = held(project, empty)?;
        let lock = lock(project)?;
        let listing = project.depot().list();
        let listing = listing.map_err(|error| Trouble::new("cannot look into the depot", error))?;
        let is_ours = |card: &Card| card.name == project.config.name;
        let cards: Vec<Card> = listing.cards.into_iter().filter(is_ours).collect();
        let artifacts = judge(&cards, keep, &held, &lock);
        Ok(Pruning { cards, artifacts })
    }

    /// This, but nothing goes that was not `shown` as going; what stays by now is told.
    fn within(mut self, shown: &Pruning) -> Pruning {
        for judged in &mut self.artifacts {
            let same = |other: &&Judged| (&other.version, other.digest) == (&judged.version, judged.digest);
            let was_shown = shown.artifacts.iter().find(same).is_some_and(|shown| shown.goes);
            if judged.goes && !was_shown {
                judged.goes = false;
                judged.why.push("not among what was agreed to".to_owned());
            } else if was_shown && !judged.goes {
                screen::narrate(&format!("{} stays after all: {}", judged.version, judged.why.join("; ")));
            }
        }
        self
    }

    fn each(&self) -> impl Iterator<Item = (&Card, &Judged)> {
        self.cards.iter().zip(&self.artifacts)
    }

    /// How many go, and how large they are together.
    fn going(&self) -> (usize, String) {
        let going = || self.artifacts.iter().filter(|judged| judged.goes);
        (going().count(), bytes(going().map(|judged| judged.packed_bytes).sum()))
    }
}

fn agreed_to(question: &str) -> Result<bool, Failure> {
    screen::ask(question).ok_or_else(|| {
        let why = "standard input is no terminal, so nobody can agree to it";
        Trouble::new("will not prune the depot unasked", why).hint("say `--yes`").into()
    })
}

/// The releases that hosts have, and which hosts. One that has none must be in `empty`: a host whose disk is not mounted
/// looks the same as one that was never deployed to.
fn held(project: &Project, empty: &[String]) -> Result<BTreeMap<ReleaseName, Vec<String>>, Failure> {
    let operator = project.operator()?;
    let mut held: BTreeMap<ReleaseName, Vec<String>> = BTreeMap::new();
    let mut troubles = Vec::new();
    let mut bare = Vec::new();
    for target in &project.config.targets {
        for asked in operator.observe_each(target) {
            match asked.and_then(settled) {
                Ok(host) => {
                    let who = format!("`{}` of `{}`", host.session.host(), target.name);
                    let releases: Vec<&ReleaseName> =
                        host.observed.releases.iter().chain(host.observed.current.release()).collect();
                    let name = format!("{}/{}", target.name, host.session.host());
                    if releases.is_empty() && !empty.contains(&name) {
                        bare.push((who.clone(), name));
                    }
                    for release in releases {
                        let hosts = held.entry(release.clone()).or_default();
                        if !hosts.contains(&who) {
                            hosts.push(who.clone());
                        }
                    }
                }
                Err(trouble) => troubles.push(trouble),
            }
        }
    }
    if troubles.is_empty() && bare.is_empty() {
        return Ok(held);
    }
    if troubles.is_empty() {
        let who = bare.iter().map(|(who, _)| who.as_str()).collect::<Vec<_>>().join(", ");
        let said = bare.iter().map(|(_, name)| format!("--empty {name}")).collect::<Vec<_>>().join(" ");
        let why = format!("no release is on {who}: never deployed to, or a disk that is not mounted");
        return Err(Trouble::new("will not prune the depot while not every host has a release", why)
            .hint(format!("mount it; where nothing was deployed yet, say so: `{said}`"))
            .into());
    }
    let told = several(troubles.len(), &troubles);
    let why = format!("what they could roll back to is not known: {}\n{}", told.what, told.why);
    Err(Trouble::new("will not prune the depot while not every host can say what it has", why)
        .hint("`pintail doctor TARGET` tells more; a host that is gone for good goes out of its target")
        .into())
}

/// A host on which nothing is under way: what it will have is what it has.
fn settled(host: Host) -> Result<Host, Trouble> {
    let observed = &host.observed;
    let what = || format!("`{}` is not at rest", host.session.host());
    if let Some(running) = &observed.running {
        return Err(Trouble::new(what(), format!("an operation of {} is running there", running.by)));
    }
    if let Some(unfinished) = &observed.unfinished {
        return Err(Trouble::new(what(), format!("deployment {} was not finished there", unfinished.id))
            .hint("`pintail resume TARGET` or `pintail abort TARGET` ends it"));
    }
    Ok(host)
}

/// The text of `pintail.lock`; empty where there is none.
fn lock(project: &Project) -> Result<String, Failure> {
    let path = project.folder.join("pintail.lock");
    match files::read_bounded(&path, LOCK_BYTES_MAX) {
        Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Trouble::new(format!("cannot read `{}`", path.display()), error).into()),
    }
}

/// What becomes of `cards`, those of one application, the earliest version first.
fn judge(cards: &[Card], keep: u32, held: &BTreeMap<ReleaseName, Vec<String>>, lock: &str) -> Vec<Judged> {
    let newest_from = cards.len().saturating_sub(keep as usize);
    let one = |(index, card): (usize, &Card)| {
        let mut why = Vec::new();
        if index >= newest_from {
            why.push(format!("one of the newest {keep}"));
        }
        if let Some(hosts) = held.get(&ReleaseName::new(card.version.clone(), &card.digest)) {
            why.push(format!("on {}", hosts.join(", ")));
        }
        // Whatever the lock says of it: whoever builds from it needs these very bytes.
        if lock.contains(&card.digest.to_string()) {
            why.push("named in `pintail.lock`".to_owned());
        }
        Judged {
            version: card.version.clone(),
            digest: card.digest,
            packed_bytes: card.packed_bytes,
            goes: why.is_empty(),
            why,
        }
    };
    cards.iter().enumerate().map(one).collect()
}

fn show(artifacts: &[Judged]) {
    for judged in artifacts {
        let becomes =
            if judged.goes { "goes".to_owned() } else { format!("stays: {}", judged.why.join("; ")) };
        screen::narrate(&format!(
            "  {:<12} {}  {:>8}  {becomes}",
            judged.version.to_string(),
            judged.digest.short(),
            bytes(judged.packed_bytes)
        ));
    }
}
