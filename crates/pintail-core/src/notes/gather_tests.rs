//! What is asked between two releases: small histories, one for each rule.

use super::*;
use std::collections::BTreeMap;

/// A history in which every commit has a letter; its hash is that letter forty times.
fn hash(letter: char) -> String {
    letter.to_string().repeat(40)
}

/// A release of these commits, oldest first: letter and message. `fragments` are paths with their content.
fn release(commits: &[(char, &str)], fragments: &[(&str, &str)]) -> About {
    let candidates: Vec<Candidate> = commits
        .iter()
        .enumerate()
        .map(|(number, (letter, message))| Candidate {
            commit: hash(*letter),
            committed_s: 1_000 + number as i64,
            message: (*message).to_owned(),
            reverts: named(message, &commits[..number]),
        })
        .collect();
    let fragments = fragments.iter().map(|(path, text)| Fragment::read(path, text.as_bytes())).collect();
    let committed_s = 1_000 + commits.len() as i64;
    let task = |name: &str| (name.to_owned(), Task { run: format!("script/{name}"), within_ms: 600_000 });
    About {
        format: ABOUT_FORMAT,
        name: "blog".parse().unwrap(),
        version: "1.0".parse().unwrap(),
        commit: commits.last().map_or_else(|| hash('0'), |(letter, _)| hash(*letter)),
        committed_s,
        tasks: BTreeMap::from([task("reindex"), task("migrate")]),
        targets: vec!["view".to_owned(), "prod".to_owned()],
        settings: Vec::new(),
        dependencies: Vec::new(),
        notes: collect(&candidates, fragments, committed_s),
        schema: Default::default(),
        left_out: 0,
    }
}

fn named(message: &str, before: &[(char, &str)]) -> Vec<String> {
    let find = |reverted: Reverted| {
        let is_meant = |(letter, message): &&(char, &str)| match &reverted {
            Reverted::Hash(digits) => hash(*letter).starts_with(digits.as_str()),
            Reverted::Subject(text) => subject(message) == *text,
        };
        before.iter().rev().find(is_meant).map(|(letter, _)| hash(*letter))
    };
    reverted(message).into_iter().filter_map(find).collect()
}

fn told(gathered: &Gathered) -> String {
    let mut lines = Vec::new();
    for (sign, items) in [("+", &gathered.asks), ("-", &gathered.taken_back)] {
        for item in items {
            let says = match &item.says {
                Says::Note(note) => format!("{}: {}", note.kind.word(), note.text),
                Says::Undoes { of, notes, .. } => format!("undoes {of}: {}", notes.len()),
                Says::Ran(call) => format!("ran {call}"),
                Says::Fault(fault) => format!("fault {fault}"),
            };
            let from: Vec<&str> =
                item.from.iter().map(|from| from.short().rsplit('/').next().unwrap()).collect();
            let from: Vec<&str> =
                from.iter().map(|from| if from.ends_with(".md") { from } else { &from[..1] }).collect();
            let mark = if item.acknowledge { "!" } else { " " };
            let struck = item
                .struck_by
                .as_ref()
                .map_or(String::new(), |by| format!(" (reverted by {})", &by.short()[..1]));
            lines.push(format!("{sign}{mark} {says} <{}>{struck}", from.join(" ")));
        }
    }
    lines.extend(gathered.run.iter().map(|run| format!("run {} <{}>", run.call, run.from.len())));
    lines.extend(gathered.requires.iter().map(|requirement| format!("requires {requirement}")));
    lines.extend(gathered.maintenance.then(|| "maintenance".to_owned()));
    lines.extend(gathered.backup.then(|| "backup".to_owned()));
    if gathered.history > 0 {
        lines.push(format!("history {}", gathered.history));
    }
    lines.join("\n")
}

const A: (char, &str) = ('a', "A\n\nDeployment:\n- do a\n");
const B: (char, &str) =
    ('b', "B\n\nDeployment:\n- [info] b\n\nDeploy-Run: reindex\nDeploy-Requires: cmd jq\n");
const C: (char, &str) =
    ('c', "C\n\nDeployment:\n- Do A.\n- do c\n\nDeploy-Run: migrate\nDeploy-Maintenance: required\n");

fn between(live: &About, coming: &About) -> String {
    told(&gather(Some(live), coming, "prod"))
}

#[test]
fn a_difference_of_sets_covers_skipped_versions_and_both_ways() {
    let (old, new) = (release(&[A], &[]), release(&[A, B, C], &[]));
    let forth = "+  info: b <b>\n+! manual: Do A. <c>\n+! manual: do c <c>\nrun reindex <1>\nrun migrate <1>\nrequires cmd jq\nmaintenance";
    assert_eq!(between(&old, &new), forth);
    let back =
        "-  info: b <b>\n-! ran reindex <b>\n-! manual: Do A. <c>\n-! manual: do c <c>\n-! ran migrate <c>";
    assert_eq!(between(&new, &old), back);
    assert_eq!(between(&new, &new), "");
    // A release that isn't after the live one: both at once.
    let other = release(&[A, ('d', "D\n\nDeployment: do d\n")], &[]);
    assert_eq!(
        between(&release(&[A, B], &[]), &other),
        "+! manual: do d <d>\n-  info: b <b>\n-! ran reindex <b>"
    );
}

#[test]
fn the_same_is_asked_once() {
    let none = release(&[], &[]);
    let twice = release(&[A, B, C, ('d', B.1)], &[]);
    assert_eq!(
        between(&none, &twice),
        "+! manual: do a <a c>\n+  info: b <b d>\n+! manual: do c <c>\nrun migrate <1>\nrun reindex <2>\nrequires cmd jq\nmaintenance"
    );
    // With an id the last of them counts, and what was asked under it on another branch is not asked again.
    let one = ('e', "E\n\nDeployment:\n- old words\n\nDeploy-Id: users\n");
    let other = ('f', "F\n\nDeployment:\n- new words\n\nDeploy-Id: users\n");
    assert_eq!(
        between(&none, &release(&[one, A, other], &[])),
        "+! manual: do a <a>\n+! manual: new words <e f>"
    );
    assert_eq!(between(&release(&[one], &[]), &release(&[other], &[])), "");
    // A cherry-pick without one is asked again, but not told as taken back.
    assert_eq!(between(&release(&[A], &[]), &release(&[('g', A.1)], &[])), "+! manual: do a <g>");
}

#[test]
fn what_was_reverted_is_struck_and_what_was_live_is_undone() {
    let by_hash = ('r', "Revert \"A\"\n\nThis reverts commit aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.\n");
    let by_subject = ('s', "Revert \"A\" (#12)\n\nIt was wrong.\n");
    let again = ('t', "Reapply \"A\"\n\nThis reverts commit rrrrrrr\n");
    let none = release(&[], &[]);
    assert_eq!(between(&none, &release(&[A, by_hash], &[])), "+  manual: do a <a> (reverted by r)");
    assert_eq!(between(&none, &release(&[A, by_subject], &[])), "+  manual: do a <a> (reverted by s)");
    assert_eq!(between(&release(&[A], &[]), &release(&[A, by_hash], &[])), "+! undoes A: 1 <r>");
    assert_eq!(between(&release(&[A, by_hash], &[]), &release(&[A], &[])), "-! undoes A: 1 <r>");
    // By its subject: `r` is no hex digit.
    let again = release(&[A, by_subject, again], &[]);
    assert_eq!(again.notes.len(), 2, "{again:?}");
    let own = ('u', "Revert \"A\"\n\nThis reverts commit aaaaaaaa.\n\nDeployment:\n- undo a by hand\n");
    assert_eq!(
        between(&none, &release(&[A, own], &[])),
        "+  manual: do a <a> (reverted by u)\n+! manual: undo a by hand <u>"
    );
    let reapplied = ('v', "Reapply \"A\"\n");
    assert_eq!(between(&none, &release(&[A, by_hash, reapplied], &[])), "+! manual: do a <a>");
    // Undone on the host and applied anew: it is to be done again.
    let (undone, anew) =
        (release(&[C, ('w', "Revert \"C\"\n")], &[]), [C, ('w', "Revert \"C\"\n"), ('x', "Reapply \"C\"\n")]);
    let again = "+! manual: Do A. <c>\n+! manual: do c <c>\nrun migrate <1>\nmaintenance";
    assert_eq!(between(&undone, &release(&anew, &[])), again);
    assert_eq!(between(&release(&anew, &[]), &release(&anew, &[])), "");
    let for_view = ('y', "Y\n\nDeployment: only view\nDeploy-Env: view\n");
    let reverted = release(&[for_view, ('z', "Revert \"Y\"\n")], &[]);
    assert_eq!(between(&release(&[for_view], &[]), &reverted), "");
    assert_eq!(told(&gather(Some(&release(&[for_view], &[])), &reverted, "view")), "+! undoes Y: 1 <z>");
    // What a reverted commit wanted is not done.
    let undone = ('w', "Revert \"C\"\n\nThis reverts commit ccccccc.\n");
    let struck = "+  manual: Do A. <c> (reverted by w)\n+  manual: do c <c> (reverted by w)";
    assert_eq!(between(&none, &release(&[C, undone], &[])), struck);
}

#[test]
fn targets_first_deployments_and_what_is_not_declared() {
    let view = ('v', "V\n\nDeployment: only view\nDeploy-Env: view\n");
    let typo = ('w', "W\n\nDeployment: for prd\nDeploy-Env: prd\nDeploy-Run: reindx\n");
    let none = release(&[], &[]);
    assert_eq!(
        between(&none, &release(&[view, typo], &[])),
        "+! manual: for prd <w>\n+! fault `Deploy-Run: reindx` names the task `reindx`, which `pintail.toml` does not declare there <w>\n\
         +! fault `Deploy-Env: prd` names no target of `pintail.toml` there; it is taken for all <w>"
    );
    assert_eq!(told(&gather(None, &release(&[A, B, C], &[]), "prod")), "requires cmd jq\nhistory 4");
    let required = ('x', "Careful\n\nDeploy-Ack: required\n");
    assert_eq!(between(&none, &release(&[required], &[])), "+! manual: Careful <x>");
    let unread = ('y', "Y\n\nDeploy-Requires: pip x\n");
    assert!(
        between(&none, &release(&[unread], &[]))
            .starts_with("+! fault `Deploy-Requires: pip x` is no requirement")
    );
}

#[test]
fn fragments_stand_beside_commits_or_correct_them() {
    let none = release(&[], &[]);
    let note = ("deploy/notes/mail.md", "---\ntargets: [prod]\n---\n# Mail\n\n- [config] set up mail\n");
    let edited = ("deploy/notes/mail.md", "- [config] set up mail and spam\n");
    assert_eq!(
        between(&none, &release(&[A], &[note])),
        "+! manual: do a <a>\n+! config: set up mail <mail.md>"
    );
    assert_eq!(told(&gather(Some(&none), &release(&[], &[note]), "view")), "");
    assert_eq!(
        between(&release(&[A], &[note]), &release(&[A], &[edited])),
        "+! config: set up mail and spam <mail.md>"
    );
    // Deleted is house-keeping, but on the way back it is taken back.
    assert_eq!(between(&release(&[A], &[note]), &release(&[A], &[])), "");
    assert_eq!(between(&release(&[A, B], &[note]), &release(&[A, B], &[])), "");
    assert_eq!(
        between(&release(&[A, B], &[note]), &release(&[A], &[])),
        "-  info: b <b>\n-! ran reindex <b>\n-! config: set up mail <mail.md>"
    );
    let amend = ("deploy/notes/a.md", "---\namends: aaaaaaaa\n---\n- do it otherwise\n- do a\n");
    let corrected = release(&[A], &[amend]);
    assert_eq!(between(&none, &corrected), "+! manual: do it otherwise <a>\n+! manual: do a <a>");
    // Where the commit is live already, only what is new.
    assert_eq!(between(&release(&[A], &[]), &corrected), "+! manual: do it otherwise <a>");
    assert_eq!(between(&corrected, &release(&[A], &[])), "");
    let silent = ("deploy/notes/a.md", "---\namends: aaaaaaaa\n---\n- none\n");
    assert_eq!(between(&none, &release(&[A], &[silent])), "");
    let lost = ("deploy/notes/x.md", "---\namends: 1234567\ntypo: x\n---\n- x\n");
    assert_eq!(
        between(&none, &release(&[A], &[lost])),
        "+! manual: do a <a>\n+! manual: x <x.md>\n+! fault `typo: x` is no key of a fragment; there are `amends`, `id` and `targets` <x.md>\n\
         +! fault `amends: 1234567` names no commit of this history, neither by at least 7 digits of its hash nor by its `Deploy-Id`; the fragment stands for itself <x.md>"
    );
}

#[test]
fn the_digest_changes_with_what_must_be_acknowledged_and_with_nothing_else() {
    let none = release(&[], &[]);
    let digest = |commits: &[(char, &str)]| gather(Some(&none), &release(commits, &[]), "prod").digest();
    let of_a = digest(&[A]);
    assert_eq!(of_a.as_ref().map(String::len), Some(ACK_DIGITS));
    assert_eq!(digest(&[A, B]), of_a, "an info is nothing to acknowledge, nor is a task");
    assert_eq!(digest(&[B, A]), of_a);
    assert_eq!(digest(&[B]), None);
    assert_ne!(digest(&[A, C]), of_a);
    assert_ne!(digest(&[('b', A.1)]), of_a, "another commit asks it");
    let struck = [A, ('r', "Revert \"A\"\n")];
    assert_eq!(digest(&struck), None);
    let back = gather(Some(&release(&[A], &[])), &none, "prod").digest();
    assert!(back.is_some() && back != of_a);
}

#[test]
fn what_is_declared_otherwise_is_told() {
    let declare = |list: &[(&str, &str)], settings: &[&str]| {
        let one = |(name, range): &(&str, &str)| Declared {
            file: "cpanfile".to_owned(),
            name: (*name).to_owned(),
            range: (*range).to_owned(),
        };
        let dependencies = list.iter().map(one).collect();
        let settings = settings.iter().map(|name| (*name).to_owned()).collect();
        About { dependencies, settings, ..release(&[], &[]) }
    };
    let old = declare(&[("DBI", ">= 1"), ("Gone", ""), ("Moo", "")], &["DB", "OLD"]);
    let new = declare(&[("DBI", ">= 2"), ("Foo::Bar", ""), ("Moo", ""), ("Try", "== 1")], &["DB", "TOKEN"]);
    let told: Vec<String> = computed(&old, &new)
        .iter()
        .map(|note| {
            format!("{}{}: {}", if note.before { "before " } else { "" }, note.kind.word(), note.text)
        })
        .collect();
    insta::assert_snapshot!("computed", told.join("\n"));
    let many: Vec<(String, String)> = (0..50).map(|n| (format!("M{n:02}"), String::new())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, range)| (name.as_str(), range.as_str())).collect();
    let told = computed(&declare(&[], &[]), &declare(&many, &[]));
    assert_eq!((told.len(), told[30].text.as_str()), (31, "20 more differ"));
}

#[test]
fn the_document_is_read_back_and_its_bounds_are_kept() {
    let note = ("deploy/notes/mail.md", "---\nid: mail\n---\n- set up mail\n");
    let amend = ("deploy/notes/a.md", "---\namends: aaaaaaaa\n---\n- do it otherwise\n");
    let revert = ('r', "Revert \"B\"\n\nThis reverts commit bbbbbbb.\n");
    let about = release(&[A, B, C, revert], &[note, amend]);
    let json = about.to_json();
    assert_eq!(About::from_json(&json).unwrap(), about);
    insta::assert_snapshot!("release-json", serde_json::to_string_pretty(&about).unwrap());
    let text = String::from_utf8(json).unwrap();
    let newer = text.replace("{\"format\":1", "{\"format\":2");
    let with_more = text.replace("{\"format\":1", "{\"format\":1,\"later\":true");
    let other_kind = text.replace("\"kind\":\"info\"", "\"kind\":\"later\"");
    assert_eq!(About::from_json(with_more.as_bytes()).unwrap(), about);
    let told: Vec<String> = ["", "{}", &newer, &other_kind, &" ".repeat(ABOUT_BYTES_MAX + 1)]
        .iter()
        .map(|json| About::from_json(json.as_bytes()).unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!("what-is-no-release-json", told.join("\n"));

    let long = format!("L\n\nDeployment:\n- {}\n", "x".repeat(4000));
    let many: Vec<(char, &str)> = ('\u{4e00}'..).take(600).map(|letter| (letter, long.as_str())).collect();
    let (large, full) = (release(&many, &[]), release(&many[..10], &[]));
    let bounded = large.clone().bounded();
    assert!(bounded.to_json().len() <= ABOUT_BYTES_MAX && bounded.left_out > 0);
    assert_eq!(bounded.notes.len() + bounded.left_out as usize, large.notes.len());
    assert!(About::from_json(&bounded.to_json()).is_ok());
    assert_eq!(full.clone().bounded(), full);
    // What was left out of one is neither asked nor taken back.
    assert_eq!(between(&bounded, &large), "");
    assert_eq!(between(&large, &bounded), "");
    let one_more = release(&many[..599], &[]);
    assert_eq!(gather(Some(&one_more), &bounded, "prod").asks.len(), 1);
}

/// The page's example is one.
#[test]
fn the_example_of_the_page_is_read() {
    let page = include_str!("../../../../docs/formats/notes.md");
    let example = page
        .split("```json\n")
        .find(|block| block.contains("\"left_out\"") && block.contains("\"tasks\""))
        .unwrap();
    let about = About::from_json(example.split("```").next().unwrap().as_bytes()).unwrap();
    let asked = &about.notes[0].asked;
    assert_eq!((asked.run.len(), asked.requires.len(), asked.notes[0].before), (1, 1, true));
    // Every key that is written is told of.
    let whole = serde_json::to_value(release(&[A, B, C], &[])).unwrap();
    for key in whole.as_object().unwrap().keys() {
        assert!(page.contains(&format!("\"{key}\"")), "{key}");
    }
}

/// The example of the page's grammar asks what it seems to.
#[test]
fn the_message_of_the_page_is_read() {
    let page = include_str!("../../../../docs/formats/notes.md");
    let message = page.split("```\n").nth(1).unwrap();
    let asked = read(message);
    let kinds: Vec<&str> = asked.notes.iter().map(|note| note.kind.word()).collect();
    assert_eq!((kinds, asked.run.len(), asked.requires.len()), (vec!["schema", "manual", "info"], 1, 1));
    assert!(asked.notes[1].before && asked.faults.is_empty());
}
