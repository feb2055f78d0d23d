//! Which steps follow from which host: whole plans, read in the diff.

use super::*;
use crate::config::{self, Config};
use crate::history::{Deployment, Outcome};
use crate::observed::{Current, Instance, Maintenance, Observed, ObservedService, SettingsFault};
use insta::assert_snapshot;

const BASE: &str = r#"
name = "blog"
[targets.prod]
hosts = ["local"]
[host]
root = "/srv/blog"
shared = ["log"]
cache = ["cache"]
prepare = ["make deps"]
publish = [{ from = "public", to = "docroot" }]
env_required = ["DB"]
"#;
const WEB: &str = "[processes.web]\nrun = \"app {listen}\"\nhealth = { path = \"/up\", version = { header = \"x-version\" } }\n";
const WORKER: &str = "[processes.jobs]\nrun = \"jobs\"\nprotocol = \"none\"\n";

pub(super) fn config(text: &str) -> Config {
    config::read(text, "pintail.toml").unwrap_or_else(|problems| panic!("{}", config::render(&problems)))
}

fn name(version: &str) -> ReleaseName {
    ReleaseName::new(version.parse().unwrap(), &Digest::of(version.as_bytes()))
}

pub(super) fn release(version: &str) -> Release {
    Release {
        name: name(version),
        version: version.parse().unwrap(),
        digest: Digest::of(version.as_bytes()),
        commit: Some(format!("commit-of-{version}")),
        packed_bytes: 1_200_000,
        unpacked_bytes: 5_000_000,
        files: 120,
    }
}

/// A host to which nothing was ever deployed.
pub(super) fn bare() -> Observed {
    Observed {
        machine: "web1".into(),
        pintail: "0".into(),
        root: "/srv/blog".into(),
        now_ms: 0,
        app: None,
        current: Current::Nothing,
        releases: vec![],
        bases: vec![],
        deployments: vec![],
        next: 1,
        running: None,
        unfinished: None,
        services: vec![],
        missing: vec![],
        unexplained: vec![],
        altered: vec![],
        supervised: true,
        differing: None,
        maintenance: Maintenance::Off,
        environment: None,
        settings: vec!["DB".into()],
        settings_fault: None,
        free_bytes: 1 << 40,
        remarks: vec![],
    }
}

/// The host after `plan` was done.
pub(super) fn after(plan: &HostPlan, before: &Observed) -> Observed {
    let mut host = before.clone();
    host.current = Current::Release { release: plan.release.name.clone() };
    if !host.releases.contains(&plan.release.name) {
        host.releases.push(plan.release.name.clone());
    }
    host.deployments.push(Deployment {
        id: plan.id,
        kind: plan.kind,
        release: plan.release.name.clone(),
        digest: Some(plan.release.digest),
        token: None,
        acknowledged: None,
        ran: vec![],
        commit: plan.release.commit.clone(),
        from: plan.from.clone(),
        by: "t".into(),
        began_ms: 0,
        ended_ms: Some(1),
        outcome: Outcome::Done { remarks: vec![] },
    });
    host.app = Some(plan.app.clone());
    host.next += 1;
    for step in &plan.steps {
        match step {
            Step::Start { service } => host.services.push(ObservedService {
                service: service.clone(),
                environment: host.environment,
                public: true,
                instances: vec![Instance {
                    pid: Some(1),
                    running: true,
                    state: "running".into(),
                    since_ms: 0,
                    restarts: 0,
                    ended: None,
                }],
            }),
            Step::Stop { service } => host.services.retain(|there| there.service != *service),
            Step::Prune { releases, services } => {
                host.releases.retain(|release| !releases.contains(release));
                host.unexplained.retain(|service| !services.contains(service));
            }
            _ => {}
        }
    }
    host
}

fn planned(config: &Config, wish: &Wish, host: &Observed) -> Result<Option<HostPlan>, Refusal> {
    make_all(
        Desired { config, target: &config.targets[0], wish, patches: &[], said: &Said::default() },
        &[host],
    )
    .map(|mut plans| plans.remove(0))
}

#[track_caller]
fn deploy(config: &Config, version: &str, host: &Observed) -> HostPlan {
    planned(config, &Wish::Release(release(version)), host).unwrap().unwrap()
}

fn told(plan: &HostPlan) -> String {
    let mark = |index| if index == plan.pivot { "*" } else { " " };
    let step = |(index, step): (usize, &Step)| format!("{} {} | {}\n", mark(index), step.name(), step.told());
    format!(
        "{} {} as {}\n{}",
        plan.kind.word(),
        plan.release.name,
        plan.id,
        plan.steps.iter().enumerate().map(step).collect::<String>()
    )
}

#[test]
fn a_first_deployment() {
    let config = config(&format!("{BASE}{WEB}{WORKER}"));
    assert_snapshot!(told(&deploy(&config, "1.0", &bare())));
}

#[test]
fn a_handover_with_a_worker_beside_it() {
    let config = config(&format!("{BASE}{WEB}{WORKER}"));
    let host = after(&deploy(&config, "1.0", &bare()), &bare());
    assert_snapshot!(told(&deploy(&config, "1.1", &host)));
}

#[test]
fn a_restart_goes_on_with_the_held_socket() {
    let config = config(&format!("{BASE}{}", WEB.replace("health", "change = \"restart\"\nhealth")));
    let host = after(&deploy(&config, "1.0", &bare()), &bare());
    assert_snapshot!(told(&deploy(&config, "1.1", &host)));
}

#[test]
fn a_handover_on_a_tcp_port_is_tried_on_a_socket_of_its_own_first() {
    let config = config(&format!("{BASE}{}", WEB.replace("health", "listen = \"127.0.0.1:8989\"\nhealth")));
    let host = after(&deploy(&config, "1.0", &bare()), &bare());
    assert_snapshot!(told(&deploy(&config, "1.1", &host)));
}

#[test]
fn another_supervisor_takes_over_beside_the_old_one_but_for_a_port() {
    let under = |word: &str, web: &str| config(&format!("{BASE}supervisor = \"{word}\"\n{web}{WORKER}"));
    let host = after(&deploy(&under("embedded", WEB), "1.0", &bare()), &bare());
    assert_snapshot!(told(&deploy(&under("systemd", WEB), "1.1", &host)));
    // The same release under another supervisor is a restart of it.
    let moved = planned(&under("runit", WEB), &Wish::Release(release("1.0")), &host).unwrap().unwrap();
    assert_eq!(moved.kind, Kind::Restart);
    let tcp = WEB.replace("health", "listen = \"127.0.0.1:8989\"\nhealth");
    let host = after(&deploy(&under("systemd", &tcp), "1.0", &bare()), &bare());
    assert_snapshot!(told(&deploy(&under("daemontools", &tcp), "1.1", &host)));
}

#[test]
fn what_is_run_once_is_run_by_the_first_host_unless_the_release_is_proven_somewhere() {
    let both = BASE.replace("\"local\"", "\"a\", \"b\"");
    let config =
        config(&both.replace("\"make deps\"", "\"make deps\", { run = \"make known\", once = true }"));
    let wish = Wish::Release(release("1.0"));
    let lines = |hosts: &[&Observed]| {
        let desired = Desired {
            config: &config,
            target: &config.targets[0],
            wish: &wish,
            patches: &[],
            said: &Said::default(),
        };
        let line = |step: &Step| matches!(step, Step::Prepare { .. }).then(|| step.told());
        let of =
            |plan: Option<HostPlan>| plan.map(|plan| plan.steps.iter().filter_map(line).collect::<Vec<_>>());
        make_all(desired, hosts).unwrap().into_iter().map(of).collect::<Vec<_>>()
    };
    let (here, all) = ("`make deps`".to_owned(), "`make known`, once for all hosts".to_owned());
    let bare = bare();
    assert_eq!(lines(&[&bare, &bare]), [Some(vec![here.clone(), all]), Some(vec![here.clone()])]);
    // One host has it live, and the other is caught up.
    let first = make_all(
        Desired {
            config: &config,
            target: &config.targets[0],
            wish: &wish,
            patches: &[],
            said: &Said::default(),
        },
        &[&bare, &bare],
    );
    let live = after(first.unwrap()[0].as_ref().unwrap(), &bare);
    assert_eq!(lines(&[&live, &bare]), [None, Some(vec![here.clone()])]);
    assert_eq!(lines(&[&bare, &live]), [Some(vec![here]), None]);
}

#[test]
fn a_rollback_makes_nothing_again_and_waits_for_nothing() {
    let config = config(&format!("{BASE}{WEB}"));
    let one = after(&deploy(&config, "1.0", &bare()), &bare());
    let two = after(&deploy(&config, "1.1", &one), &one);
    assert_snapshot!(told(&planned(&config, &Wish::Back(None), &two).unwrap().unwrap()));
}

#[test]
fn what_is_live_already_needs_nothing_unless_something_else_changed() {
    let config_before = config(&format!("{BASE}{WEB}"));
    let host = after(&deploy(&config_before, "1.0", &bare()), &bare());
    let again =
        |config: &Config, host: &Observed| planned(config, &Wish::Release(release("1.0")), host).unwrap();
    assert_eq!(again(&config_before, &host), None);
    // Other settings, a dead process, a lost public name or a dead supervisor: its processes are started anew.
    let mut settings = host.clone();
    settings.environment = Some(Digest::of(b"X=1"));
    let mut down = host.clone();
    down.services[0].instances[0].running = false;
    let mut lost = host.clone();
    lost.services[0].public = false;
    let mut unwatched = host.clone();
    unwatched.supervised = false;
    for changed in [settings, down, lost, unwatched] {
        assert_eq!(again(&config_before, &changed).unwrap().kind, Kind::Restart);
    }
    let more = config(
        &format!("{BASE}{WEB}")
            .replace("run = \"app {listen}\"", "run = \"app --fast {listen}\"\ninstances = 2"),
    );
    assert_snapshot!(told(&again(&more, &host).unwrap()));
    let fewer = config(BASE);
    assert_snapshot!(told(&again(&fewer, &host).unwrap()));
}

#[test]
fn every_generation_that_is_up_makes_way() {
    for process in [WEB.to_owned(), WEB.replace("health", "change = \"restart\"\nhealth")] {
        let config = config(&format!("{BASE}{process}"));
        let mut host = after(&deploy(&config, "1.0", &bare()), &bare());
        // What a stuck operation may leave: a second one, started and never stopped, that nobody is sent to.
        let mut second = host.services[0].clone();
        second.service.generation = 2;
        second.service.socket.as_mut().unwrap().name = "web.2".into();
        second.public = false;
        host.services.push(second);
        host.next = 3;
        let plan = deploy(&config, "1.0", &host);
        let stopped = |generation: u64| {
            plan.steps
                .iter()
                .any(|step| matches!(step, Step::Stop { service } if service.generation == generation))
        };
        assert!(stopped(1) && stopped(2), "{}", told(&plan));
        let then = after(&plan, &host);
        assert_eq!(planned(&config, &Wish::Release(release("1.0")), &then).unwrap(), None, "{}", told(&plan));
    }
}

#[test]
fn what_no_journal_explains_goes_at_the_end() {
    let config = config(&format!("{BASE}{WEB}"));
    let mut host = after(&deploy(&config, "1.0", &bare()), &bare());
    let mut stray = host.services[0].service.clone();
    (stray.process, stray.generation) = ("stray".into(), 9);
    let basis = host.basis();
    host.unexplained.push(stray.clone());
    assert_ne!(host.basis(), basis);
    let plan = deploy(&config, "1.0", &host);
    let Some(Step::Prune { services, .. }) = plan.steps.last() else { panic!("{}", told(&plan)) };
    assert!(services.contains(&stray), "{}", told(&plan));
    assert_eq!(planned(&config, &Wish::Release(release("1.0")), &after(&plan, &host)).unwrap(), None);
}

#[test]
fn a_flag_raised_by_hand_stays_raised() {
    let config = config(&format!("{BASE}{}", WEB.replace("health", "change = \"restart\"\nhealth")));
    let mut host = after(&deploy(&config, "1.0", &bare()), &bare());
    host.maintenance = Maintenance::On { long: true, by: "ops".into() };
    let plan = deploy(&config, "1.1", &host);
    assert!(
        !plan.steps.iter().any(|step| matches!(step, Step::MaintenanceOn | Step::MaintenanceOff)),
        "{}",
        told(&plan)
    );
}

#[test]
fn files_alone_need_no_supervisor() {
    assert_snapshot!(told(&deploy(&config(BASE), "1.0", &bare())));
}

fn new_of(version: &str) -> Wish {
    Wish::Release(release(version))
}

#[test]
fn refusals() {
    let config_web = config(&format!("{BASE}{WEB}"));
    let host = after(&deploy(&config_web, "1.0", &bare()), &bare());
    let mut full = bare();
    full.free_bytes = 3_000_000;
    let mut unset = bare();
    unset.settings.clear();
    let mut foreign = host.clone();
    foreign.current = Current::Foreign { what: "a folder".into() };
    let mut others = host.clone();
    others.app = Some("shop".parse().unwrap());
    let mut faulty = host.clone();
    faulty.settings_fault = Some(SettingsFault {
        what: "cannot use the settings in `/srv/blog/env`".into(),
        why: "`/srv/blog/env` line 2: `A` was given above".into(),
        hint: None,
    });
    let mut deep = bare();
    // With `/run/web.1.sock` behind it: one byte too long.
    deep.root = format!("/srv/{}", "d".repeat(108 - "/srv//run/web.1.sock".len()));
    let mut just = deep.clone();
    just.root.pop();
    assert!(planned(&config_web, &new_of("2.0"), &just).is_ok());
    let new = Wish::Release(release("2.0"));
    let mut texts = String::new();
    for (config, wish, host) in [
        (&config_web, &new, &full),
        (&config_web, &new, &foreign),
        (&config_web, &new, &unset),
        (&config_web, &new, &others),
        (&config_web, &new, &deep),
        // Also what is live already: what it should run with can't be told.
        (&config_web, &Wish::Release(release("1.0")), &faulty),
        (&config_web, &Wish::Back(None), &host),
        (&config_web, &Wish::Back(None), &bare()),
        (&config_web, &Wish::Back(Some("0.9".into())), &host),
    ] {
        let refusal = planned(config, wish, host).unwrap_err();
        texts.push_str(&format!("{refusal}\nhint: {}\n\n", refusal.hint.as_deref().unwrap_or_default()));
    }
    assert_snapshot!(texts);
}

#[test]
fn the_basis_is_what_a_plan_rests_on_and_no_more() {
    let config = config(&format!("{BASE}{WEB}"));
    let host = after(&deploy(&config, "1.0", &bare()), &bare());
    let mut restless = host.clone();
    (restless.now_ms, restless.free_bytes) = (99, 1);
    restless.services[0].instances[0].pid = Some(2);
    assert_eq!(restless.basis(), host.basis());
    let mut moved = host.clone();
    moved.next += 1;
    assert_ne!(moved.basis(), host.basis());
    let mut set = host.clone();
    set.environment = Some(Digest::of(b"X=1"));
    assert_ne!(set.basis(), host.basis());
}

/// Plan and wire are promises: their form is golden.
#[test]
fn a_plan_as_json() {
    let config = config(&format!("{BASE}{WEB}{WORKER}"));
    let host = after(&deploy(&config, "1.0", &bare()), &bare());
    let plan = deploy(&config, "1.1", &host);
    assert_snapshot!(serde_json::to_string_pretty(&plan).unwrap());
    assert_eq!(serde_json::from_str::<HostPlan>(&serde_json::to_string(&plan).unwrap()).unwrap(), plan);
}
