//! What a deployment asks, and what follows of it for the plans.

use super::tests::{after, bare, config, release};
use super::*;
use crate::history::{Outcome, Ran};
use crate::notes::{ABOUT_FORMAT, About, Candidate, Task, collect};
use crate::observed::Observed;
use insta::assert_snapshot;

const TWO: &str = "name = \"blog\"\n[targets.prod]\nhosts = [\"a\", \"b\"]\n[host]\nroot = \"/srv/blog\"\n[processes.web]\nrun = \"app {listen}\"\n";

/// What a release says whose history has these messages.
fn about(version: &str, messages: &[&str]) -> About {
    let candidate = |(number, message): (usize, &&str)| Candidate {
        commit: format!("{number:040}"),
        committed_s: number as i64,
        message: format!("subject {number}\n\n{message}"),
        reverts: vec![],
    };
    let candidates: Vec<Candidate> = messages.iter().enumerate().map(candidate).collect();
    let task = |name: &str| (name.to_owned(), Task { run: format!("run {name}"), within_ms: 1000 });
    About {
        format: ABOUT_FORMAT,
        name: "blog".parse().unwrap(),
        version: version.parse().unwrap(),
        commit: "c".repeat(40),
        committed_s: 0,
        tasks: ["migrate", "reindex"].map(task).into(),
        targets: vec!["prod".into()],
        settings: vec![],
        dependencies: vec![],
        notes: collect(&candidates, vec![], 0),
        schema: Default::default(),
        left_out: 0,
    }
}

fn plan(wish: &Wish, said: &Said, hosts: &[&Observed]) -> Plan {
    let config = config(TWO);
    let desired = Desired { config: &config, target: &config.targets[0], wish, patches: &[], said };
    let plans = make_all(desired, hosts).unwrap();
    let part = |((name, host), plan): ((&str, &&Observed), _)| HostPart {
        host: name.to_owned(),
        plan,
        live: host.current.release().cloned(),
    };
    Plan::new(desired, ["a", "b"].into_iter().zip(hosts).zip(plans).map(part).collect())
}

fn at(version: &str) -> Observed {
    let mut host = bare();
    let config = config(TWO);
    let wish = Wish::Release(release(version));
    let said = Said::default();
    let desired =
        Desired { config: &config, target: &config.targets[0], wish: &wish, patches: &[], said: &said };
    let plan = make_all(desired, &[&host]).unwrap().remove(0).unwrap();
    host = after(&plan, &host);
    host
}

fn steps(plan: &Plan) -> String {
    let host = |part: &HostPart| {
        let steps = part.plan.iter().flat_map(|plan| &plan.steps).map(|step| match step {
            Step::Task { task, line, .. } => format!("task {task}: {line}"),
            step => step.name().to_owned(),
        });
        format!("{}: {}", part.host, steps.collect::<Vec<_>>().join(", "))
    };
    plan.hosts.iter().map(host).collect::<Vec<_>>().join("\n")
}

const ONE: &str = "Deployment:\n- one\n\nDeploy-Run: reindex all\n";
const TWO_MORE: &str = "Deployment:\n- two\n\nDeploy-Run-Before: migrate\nDeploy-Maintenance: required\n";

#[test]
fn tasks_are_the_affair_of_the_first_host_that_has_anything_to_do() {
    let said = Said {
        coming: Some(about("3", &[ONE, TWO_MORE])),
        live: vec![(release("1").name, about("1", &[])), (release("2").name, about("2", &[ONE]))],
    };
    let wish = Wish::Release(release("3"));
    let both = plan(&wish, &said, &[&at("2"), &at("1")]);
    assert_snapshot!(steps(&both), @r#"
    a: deliver, unpack, env, seal, await turn, maintenance on, task migrate: run migrate, start, health, route, switch, settle, task reindex all: run reindex all, maintenance off, drain, stop, confirm, record, prune
    b: deliver, unpack, env, seal, await turn, maintenance on, start, health, route, switch, settle, maintenance off, drain, stop, confirm, record, prune
    "#);
    // Each live release has its own list, and one digest is for both.
    assert_eq!(both.asks.len(), 2);
    assert_eq!(both.asks.iter().map(|asks| asks.notes.asks.len()).collect::<Vec<_>>(), [1, 2]);
    let digest = acknowledgement(&both.asks).unwrap();
    assert!(both.asks.iter().all(|asks| asks.notes.digest().unwrap() != digest));
    let one = plan(&wish, &said, &[&at("3"), &at("2")]);
    assert_snapshot!(steps(&one), @r#"
    a: 
    b: deliver, unpack, env, seal, await turn, maintenance on, task migrate: run migrate, start, health, route, switch, settle, maintenance off, drain, stop, confirm, record, prune
    "#);
    assert_eq!(acknowledgement(&one.asks), one.asks[0].notes.digest());
}

#[test]
fn what_was_run_for_a_commit_is_not_run_again_on_the_target() {
    let said = Said { coming: Some(about("2", &[ONE])), live: vec![(release("1").name, about("1", &[]))] };
    let (mut a, b) = (at("1"), at("1"));
    let mut failed = a.deployments[0].clone();
    failed.outcome = Outcome::Undone { step: "health".into(), why: "500".into(), blame: true };
    failed.ran = vec![Ran { task: "reindex all".into(), of: vec![format!("{:040}", 0)] }];
    a.deployments.push(failed);
    let wish = Wish::Release(release("2"));
    assert!(!steps(&plan(&wish, &said, &[&b, &a])).contains("task"), "it was run on the other host");
    a.deployments.last_mut().unwrap().ran[0].of = vec!["another".into()];
    assert!(steps(&plan(&wish, &said, &[&b, &a])).contains("task reindex all: run reindex all"));
}

#[test]
fn a_rollback_tells_what_it_takes_back_and_asks_nothing() {
    let mut host = at("1");
    let said = Said { coming: Some(about("1", &[])), live: vec![(release("2").name, about("2", &[ONE]))] };
    let config = config(TWO);
    let wish = Wish::Release(release("2"));
    let none = Said::default();
    let desired =
        Desired { config: &config, target: &config.targets[0], wish: &wish, patches: &[], said: &none };
    let forth = make_all(desired, &[&host]).unwrap().remove(0).unwrap();
    host = after(&forth, &host);
    assert_eq!(going_back(&Wish::Back(None), "prod", &host), Some(release("1").name));
    let back = plan(&Wish::Back(None), &said, &[&host, &host]);
    assert!(!steps(&back).contains("task"));
    assert_eq!(back.asks[0].notes.taken_back.len(), 2);
    assert_eq!(acknowledgement(&back.asks), None);
}

#[test]
fn what_is_not_known_is_told() {
    let wish = Wish::Release(release("2"));
    let host = at("1");
    let told = |said: &Said| plan(&wish, said, &[&host, &host]).asks.first().map(|asks| asks.unknown);
    assert_eq!(told(&Said::default()), None, "neither says anything: nobody writes notes");
    assert_eq!(told(&Said { coming: Some(about("2", &[ONE])), live: vec![] }), Some(true));
}
