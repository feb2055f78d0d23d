//! One suite for every supervisor, on the real thing: `embedded`, `runit` and `daemontools` on this machine, with a
//! scanner of each test's own; and on hosts of the lab `systemd`, `systemd-user`, and `runit` and `daemontools` as they run there.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests start programs and write files by hand, and tell what they measured"
)]

mod common;

use common::apps::{self, hello, instances, is_alive, processes};
use common::supervisors::{Kind, Under};
use common::{Traffic, signal, wait_for};
use serde_json::json;
use std::fs;
use std::time::Duration;

/// runsvdir and svscan look every five seconds.
const SOON: Duration = Duration::from_secs(30);

/// A stage with releases 1.0 and 2.0, which are well, and one that behaves as said.
fn stage(kind: Kind, rest: &str, bad: &str) -> Under {
    let under = Under::new(kind, rest);
    for (version, behaviour) in [("1.0", "healthy"), ("2.0", "healthy"), ("3.0", bad)] {
        under.release(version, behaviour);
    }
    under
}

/// What is given to a supervisor that is not ours is that of generation `n` alone.
#[track_caller]
fn only_given(under: &Under, n: u64) {
    let old: Vec<String> = under
        .given()
        .into_iter()
        .filter(|name| {
            // The root's own name stands before the process's, and may have numbers too.
            let own = name.rsplit("root-").next().unwrap_or(name);
            let numbers = own.trim_end_matches(".service").trim_end_matches(".socket").trim_end_matches('@');
            let generation = numbers.split(['-', '.']).filter_map(|part| part.parse::<u64>().ok());
            generation.clone().next().is_some() && !generation.clone().any(|found| found == n)
        })
        .collect();
    assert!(old.is_empty(), "{old:?} of {:?}", under.given());
}

fn ten_handovers_lose_nothing(kind: Kind) {
    let under = stage(kind, &hello(""), "healthy");
    let first = under.deploy("1.0");
    first.expect(0);
    assert_eq!(under.drift(), Vec::<String>::new());
    assert_eq!(under.served().as_deref(), Ok("1.0"));
    let traffic = [true, false].map(|keep_alive| Traffic::start(&under.public_socket(), keep_alive));
    for round in 0..10 {
        let ran = under.deploy(if round % 2 == 0 { "2.0" } else { "1.0" });
        assert!(!ran.expect(0).err.contains("remark"), "{}", ran.all());
    }
    let counted = traffic.map(|traffic| traffic.none_failed(200));
    for tally in &counted {
        for version in ["1.0", "2.0"] {
            assert!(tally["versions"][version].as_u64() > Some(0), "{tally:#}");
        }
    }
    println!("{}: 10 handovers {} and {}", kind.word(), counted[0], counted[1]);
    assert_eq!(under.drift(), Vec::<String>::new());
    assert_eq!(processes(&under), ["web"]);
    only_given(&under, 11);
    let left: Vec<String> =
        under.names("run").into_iter().filter(|name| name.ends_with(".10.sock")).collect();
    assert_eq!(left, [""; 0]);
    under.run(&["rollback", "local", "--yes"]).expect(0);
    assert_eq!(under.served().as_deref(), Ok("2.0"));
    under.deploy("2.0").expect(0);
    assert_eq!(under.status()["live"]["deployment"], 12, "nothing to do");
}

fn a_bad_release_is_undone(kind: Kind) {
    for change in [common::HANDOVER, common::RESTART] {
        let quick = hello(change).replace("within = \"5s\"", "within = \"3s\"");
        for (behaviour, told) in [("unhealthy", "/health answered 500"), ("dies-at-start", "3.0")] {
            let under = stage(kind, &quick, behaviour);
            under.deploy("1.0").expect(0);
            let traffic = Traffic::start(&under.public_socket(), false);
            let failed = under.deploy("3.0");
            assert!(failed.expect(3).err.contains(told), "{}", failed.all());
            if behaviour == "dies-at-start" && kind != Kind::Daemontools {
                assert!(failed.err.contains("exit status 7"), "{}", failed.all());
            }
            assert_eq!(under.served().as_deref(), Ok("1.0"));
            assert_eq!(under.drift(), Vec::<String>::new(), "{}", failed.all());
            only_given(&under, 1);
            assert_eq!(traffic.tally()["failed"], 0);
        }
    }
}

fn restarts_and_a_port_lose_nothing(kind: Kind) {
    let port = apps::free_port();
    let tcp = |change: &str| hello(&format!("listen = \"127.0.0.1:{port}\"\n{change}"));
    let under = stage(kind, &tcp(common::RESTART), "unhealthy");
    under.deploy("1.0").expect(0);
    let traffic = Traffic::start_tcp(port);
    for version in ["2.0", "1.0"] {
        under.deploy(version).expect(0);
        assert_eq!(apps::get_tcp(port, "/version").as_deref(), Ok(version));
    }
    under.configure(&tcp(common::HANDOVER));
    for version in ["2.0", "1.0"] {
        let ran = under.deploy(version);
        assert!(ran.expect(0).err.contains("web.trial@"), "{}", ran.all());
        assert_eq!(apps::get_tcp(port, "/version").as_deref(), Ok(version));
    }
    under.deploy("3.0").expect(3);
    let tally = traffic.none_failed(100);
    println!("{}: 2 restarts, 2 handovers and an undone one of a port {tally}", kind.word());
    assert_eq!(under.drift(), Vec::<String>::new());
    // The socket is the first one's still.
    let started = under.status().to_string();
    assert!(started.contains("\"generation\":5"), "{started}");
}

fn what_is_killed_comes_back(kind: Kind) {
    let under = stage(kind, &hello("instances = 2\n"), "healthy");
    under.deploy("1.0").expect(0);
    let before = instances(&under, "web");
    assert_eq!(before.len(), 2);
    signal(before[0], "KILL");
    wait_for("another is in its place", SOON, || {
        let status = under.status();
        let all = status["processes"][0]["instances"].as_array().unwrap();
        all.iter().all(|one| one["running"] == true && one["pid"] != before[0])
    });
    let after = instances(&under, "web");
    assert_eq!(after[1], before[1], "the other one was left alone");
    assert_eq!(under.served().as_deref(), Ok("1.0"));
    let status = under.status();
    let first = &status["processes"][0]["instances"][0];
    assert_eq!(first["restarts"], 1, "{status:#}");
    if kind != Kind::Daemontools {
        assert_eq!(first["ended"], "killed by SIGKILL", "{status:#}");
    }
    assert_eq!(status["drift"], json!([]), "{status:#}");
}

/// Sixteen deaths take four minutes; so the instance's own file says that there were fifteen.
fn what_always_dies_is_given_up_with_a_reason(kind: Kind) {
    let under = stage(kind, &hello(""), "healthy");
    under.deploy("1.0").expect(0);
    let path = under.root.join("services/web-1/1/life.json");
    let life = fs::read_to_string(&path).unwrap();
    let worn = life.replace("\"quick_deaths\": 0", "\"quick_deaths\": 15");
    assert_ne!(life, worn);
    // Its life must have been short.
    let since = life.split("\"since_ms\": ").nth(1).unwrap().split(',').next().unwrap();
    fs::write(&path, worn.replace(since, &pintail_os::clock::now_ms().to_string())).unwrap();
    signal(instances(&under, "web")[0], "KILL");
    wait_for("it is given up", SOON, || under.status()["processes"][0]["instances"][0]["state"] == "gave up");
    let status = under.status();
    let told = status["processes"][0]["instances"][0].to_string();
    assert!(told.contains("it ended 16 times in a row too soon"), "{status:#}");
    assert!(under.drift().iter().any(|line| line.contains("is not up")), "{:?}", under.drift());
    under.deploy("2.0").expect(0);
    assert_eq!(under.served().as_deref(), Ok("2.0"));
    assert_eq!(under.drift(), Vec::<String>::new());
    only_given(&under, 2);
}

fn one_that_dies_soon_fails_the_deployment(kind: Kind) {
    let patient = hello("").replace("settle = \"150ms\"", "settle = \"2s\"");
    let under = stage(kind, &patient, "dies-after 700");
    under.deploy("1.0").expect(0);
    let failed = under.deploy("3.0");
    assert!(failed.expect(3).err.contains("died soon after it was well"), "{}", failed.all());
    assert_eq!(under.served().as_deref(), Ok("1.0"));
    assert_eq!(under.drift(), Vec::<String>::new());
    only_given(&under, 1);
}

fn who_does_not_end_is_killed(kind: Kind) {
    let quick = hello("").replace("stop_timeout = \"10s\"", "stop_timeout = \"1s\"");
    let under = stage(kind, &quick, "ignores-term");
    under.deploy("3.0").expect(0);
    let stubborn = instances(&under, "web")[0];
    let (ran, took) = apps::timed(|| under.deploy("1.0"));
    ran.expect(0);
    assert!(!is_alive(stubborn));
    assert!(took > Duration::from_secs(1), "{took:?}");
    assert_eq!(under.served().as_deref(), Ok("1.0"));
}

/// What a shell or systemd would take for something else comes through as it was said.
fn settings_are_exact(kind: Kind) {
    let under =
        Under::new(kind, "\n[processes.jobs]\nrun = \"sh jobs.sh\"\nprotocol = \"none\"\nsettle = \"0s\"\n");
    under.release_with("1.0", "healthy", |tree| {
        apps::write(&tree.join("jobs.sh"), "sleep 1000 & trap 'kill $!' TERM; wait\n");
    });
    let value = r#"a b  $HOME %i ${X} `x` \n "d" #;ü="#;
    under.run_with_input(&["env", "set", "local", "TRICKY"], value).expect(0);
    under.run_with_input(&["env", "set", "local", "EMPTY"], "").expect(0);
    under.deploy("1.0").expect(0);
    let environment = apps::environment(instances(&under, "jobs")[0]);
    assert_eq!(environment["TRICKY"], value);
    assert_eq!(environment["EMPTY"], "");
    for (name, value) in [("PINTAIL_VERSION", "1.0"), ("PINTAIL_PROCESS", "jobs"), ("PINTAIL_INSTANCE", "1")]
    {
        assert_eq!(environment[name], value);
    }
    let known = ["PATH", "HOME", "USER", "LANG", "TZ", "TRICKY", "EMPTY"];
    let strange: Vec<&String> = environment
        .keys()
        .filter(|name| !known.contains(&name.as_str()) && !name.starts_with("PINTAIL_"))
        .collect();
    // The shell's own.
    assert!(
        strange.iter().all(|name| ["PWD", "SHLVL", "_", "OLDPWD"].contains(&name.as_str())),
        "{strange:?}"
    );
    let secret = apps::files(&under.root).into_iter().filter(|(path, bytes)| {
        let has = bytes.windows(value.len()).any(|window| window == value.as_bytes());
        has && !path.ends_with("env") && !path.ends_with("run/env.1")
    });
    assert_eq!(secret.map(|(path, _)| path).collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
}

fn a_fastcgi_application_gets_its_socket_as_descriptor_0(kind: Kind) {
    apps::needs_fcgi();
    let under = Under::new(kind, apps::FCGI_WEB);
    for version in ["1.0", "2.0"] {
        apps::release_perl(&under, version, "healthy", "fcgi.pl", apps::FCGI);
    }
    under.deploy("1.0").expect(0);
    let log = fs::read_to_string(under.root.join("log/web.log")).unwrap();
    assert!(log.contains("serves on the held socket, fd 0, 5 workers"), "{log}");
    assert_eq!(apps::children(instances(&under, "web")[0]).len(), 5);
    let mut nginx = apps::Nginx::before_fastcgi(&under);
    let traffic = Traffic::start_tcp(nginx.port);
    for version in ["2.0", "1.0", "2.0"] {
        under.deploy(version).expect(0);
    }
    let tally = traffic.none_failed(50);
    println!("{}: 3 handovers of a FastCGI application behind nginx {tally}", kind.word());
    nginx.is_untouched();
    assert_eq!(under.drift(), Vec::<String>::new());
}

/// The holder of sockets is kept running too, and finds them again.
fn a_killed_holder_costs_nothing(kind: Kind) {
    let under = stage(kind, &hello(""), "healthy");
    under.deploy("1.0").expect(0);
    let holder = || {
        let status = fs::read(under.root.join("services/holder/supervise/status")).unwrap_or_default();
        status.get(12..16).map_or(0, |pid| u32::from_le_bytes(pid.try_into().unwrap()))
    };
    let traffic = Traffic::start(&under.public_socket(), false);
    let before = holder();
    signal(before, "KILL");
    wait_for("another holder", SOON, || ![0, before].contains(&holder()));
    under.deploy("2.0").expect(0);
    // And the application together with it.
    let (web, before) = (instances(&under, "web")[0], holder());
    traffic.none_failed(20);
    signal(before, "KILL");
    signal(web, "KILL");
    wait_for("another holder", SOON, || ![0, before].contains(&holder()));
    wait_for("it serves again", SOON, || under.served().as_deref() == Ok("2.0"));
    wait_for("all is well", SOON, || under.drift().is_empty());
    under.deploy("1.0").expect(0);
    assert_eq!(under.served().as_deref(), Ok("1.0"));
}

/// The processes of the sample application that run out of this stage's releases.
fn running(under: &Under) -> Vec<u32> {
    let releases = under.root.join("releases");
    let ours =
        |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.starts_with(&releases));
    apps::pids().into_iter().filter(ours).collect()
}

/// Killed, `runsv` or `supervise` leaves its process. Another one is started for the folder, and must not start a second.
fn whose_watcher_is_killed_serves_on(kind: Kind) {
    let under = stage(kind, &hello(""), "healthy");
    under.deploy("1.0").expect(0);
    let mut live = "1.0";
    for (dies, next) in [(false, "2.0"), (true, "1.0")] {
        let traffic = Traffic::start(&under.public_socket(), false);
        let web = instances(&under, "web");
        let before = under.watcher_of(web[0]).expect("somebody watches it");
        signal(before, "KILL");
        // The new one has a child, which waits for the end of the old one's.
        wait_for("another watches in its place", SOON, || {
            let others = under.watchers("web").into_iter().filter(|pid| *pid != before);
            others.into_iter().any(|pid| !apps::children(pid).is_empty())
        });
        assert_eq!(running(&under), web, "the one that serves, and no second");
        assert_eq!((instances(&under, "web"), under.drift()), (web.clone(), vec![]));
        assert_eq!(under.served().as_deref(), Ok(live));
        if !dies {
            under.deploy(next).expect(0);
        }
        let tally = traffic.none_failed(20);
        println!("{}: its watcher was killed, dies: {dies}: {tally}", kind.word());
        if dies {
            signal(web[0], "KILL");
            wait_for("it is started again", SOON, || {
                let there = running(&under);
                there.len() == 1 && there != web && under.drift().is_empty()
            });
            assert_eq!(under.served().as_deref(), Ok(live));
            under.deploy(next).expect(0);
        }
        assert!(!is_alive(web[0]));
        assert_eq!(running(&under), instances(&under, "web"));
        assert_eq!(under.drift(), Vec::<String>::new());
        live = next;
    }
    only_given(&under, 3);
}

/// With nobody left who has the sockets. (Whole hosts reboot in `fleet`.)
fn after_a_power_cut_it_serves_again(kind: Kind) {
    let mut under = stage(kind, &hello("instances = 2\n"), "healthy");
    under.deploy("1.0").expect(0);
    under.deploy("2.0").expect(0);
    let before = instances(&under, "web");
    under.cut_power();
    assert!(before.iter().all(|pid| !is_alive(*pid)));
    wait_for("it serves again", SOON, || under.served().as_deref() == Ok("2.0"));
    wait_for("all is well", SOON, || under.drift().is_empty());
    under.deploy("1.0").expect(0);
    assert_eq!(under.served().as_deref(), Ok("1.0"));
    only_given(&under, 3);
}

/// From the embedded one to this one and back, under load; and with a port, which wants a pause.
fn it_takes_over_from_another_and_gives_back(kind: Kind) {
    let mut under = stage(Kind::Embedded, &hello(""), "unhealthy");
    under.deploy("1.0").expect(0);
    let traffic = Traffic::start(&under.public_socket(), false);
    under.to(kind, &hello(""));
    let plan = under.plan("1.0");
    assert_eq!(plan["plan"]["kind"], "restart", "the same release, under another supervisor");
    under.deploy("2.0").expect(0);
    assert_eq!((processes(&under), under.drift()), (vec!["web".to_owned()], vec![]));
    assert_eq!(under.supervisor_pid(), None, "it has nothing left to do");
    under.deploy("3.0").expect(3);
    under.to(Kind::Embedded, &hello(""));
    under.deploy("1.0").expect(0);
    assert_eq!((processes(&under), under.drift()), (vec!["web".to_owned()], vec![]));
    assert_eq!(under.given(), [""; 0], "nothing is left under the other one");
    traffic.none_failed(50);

    let port = apps::free_port();
    let tcp = hello(&format!("listen = \"127.0.0.1:{port}\"\n"));
    under.configure(&tcp);
    under.deploy("2.0").expect(0);
    under.to(kind, &tcp);
    let bad = under.deploy("3.0");
    assert!(bad.expect(3).err.contains("maintenance on"), "{}", bad.all());
    assert_eq!(apps::get_tcp(port, "/version").as_deref(), Ok("2.0"));
    under.deploy("1.0").expect(0);
    assert_eq!(apps::get_tcp(port, "/version").as_deref(), Ok("1.0"));
    assert_eq!((processes(&under), under.drift()), (vec!["web".to_owned()], vec![]));
}

/// Run scripts are the supervisor's to read, and no deployment's to guess at. `tests/fleet` changes units.
fn what_is_changed_by_hand_is_told_and_put_right(kind: Kind) {
    let under = stage(kind, &hello(""), "healthy");
    under.deploy("1.0").expect(0);
    assert_eq!(under.drift(), Vec::<String>::new());
    let service = under.root.join("services/web-1");
    let run = fs::read_to_string(service.join("1/run")).unwrap();
    fs::write(service.join("1/run"), run.replace("\nexec >>", "\nulimit -n 64\nexec >>")).unwrap();
    fs::remove_file(service.join("1/finish")).unwrap();
    fs::write(under.root.join("services/holder/run"), "#!/bin/sh\n").unwrap();
    let told: Vec<String> = under.drift().iter().map(|told| under.plain(told)).collect();
    assert_eq!(
        told,
        [
            "`ROOT/services/web-1/1/run` of `web@1` was changed by hand; `pintail deploy` writes its own",
            "`ROOT/services/web-1/1/finish` of `web@1` is not what Pintail put there; `pintail deploy` does",
            "`ROOT/services/holder/run` of `web@1` was changed by hand; `pintail deploy` writes its own",
        ]
    );
    let doctor = under.run(&["doctor", "local"]);
    assert!(doctor.expect(1).out.contains("; and 2 more, as `pintail status` tells\n"), "{}", doctor.all());
    // What is live already is deployed anew.
    let again = under.deploy("1.0");
    assert!(!again.expect(0).err.contains("nothing to do"), "{}", again.all());
    assert_eq!(under.drift(), Vec::<String>::new());
    assert_eq!(under.served().as_deref(), Ok("1.0"));
    only_given(&under, 2);
    let again = under.deploy("1.0");
    assert!(again.expect(0).err.contains("nothing to do"), "{}", again.all());
}

macro_rules! suite {
    (everyone { $($every:ident),* $(,)? } others { $($other:ident),* $(,)? } scanned { $($scanned:ident),* $(,)? }) => {
        /// How many tests there are for those that are not ours; and those for the ones that read a folder.
        const OTHERS: usize = [$(stringify!($every),)* $(stringify!($other)),*].len();
        const SCANNED: &[&str] = &[$(stringify!($scanned)),*];
        suite!(here embedded Kind::Embedded; $($every),*);
        suite!(here runit Kind::Runit; $($every,)* $($other,)* $($scanned),*);
        suite!(here daemontools Kind::Daemontools; $($every,)* $($other,)* $($scanned),*);
        suite!(there systemd Kind::Systemd; $($every,)* $($other),*);
        suite!(there systemd_user Kind::SystemdUser; $($every,)* $($other),*);
    };
    (here $module:ident $kind:expr; $($name:ident),*) => {
        mod $module {
            use super::Kind;
            $(#[test]
            fn $name() {
                super::$name($kind);
            })*
        }
    };
    (there $module:ident $kind:expr; $($name:ident),*) => {
        mod $module {
            use super::Kind;
            $(#[test]
            #[ignore = "`on_hosts` runs it, where systemd is"]
            fn $name() {
                super::$name($kind);
            })*
        }
    };
}

suite! {
    everyone {
        ten_handovers_lose_nothing,
        a_bad_release_is_undone,
        restarts_and_a_port_lose_nothing,
        what_is_killed_comes_back,
        one_that_dies_soon_fails_the_deployment,
        who_does_not_end_is_killed,
        settings_are_exact,
        a_fastcgi_application_gets_its_socket_as_descriptor_0,
    }
    // The embedded one's giving up is in `processes`.
    others {
        what_always_dies_is_given_up_with_a_reason,
        it_takes_over_from_another_and_gives_back,
    }
    // The embedded one and its holder are killed in `matrix` and in `pintail-host`; systemd is systemd.
    scanned {
        a_killed_holder_costs_nothing,
        whose_watcher_is_killed_serves_on,
        after_a_power_cut_it_serves_again,
        what_is_changed_by_hand_is_told_and_put_right,
    }
}

/// The suite by this very binary on hosts whose own supervisor it is: for the systemds all of it, and the only time; for
/// runit and daemontools, which the tests start on this machine too, what depends on who reads the folder.
mod on_hosts {
    use super::{OTHERS, SCANNED};
    use crate::common::lab::Lab;
    use crate::common::supervisors::SCANNED_FOLDER;

    #[test]
    fn web2_has_systemd() {
        println!("{}", Lab::alone(&["web2"]).tests("web2", &["systemd::"], &[], OTHERS));
    }

    #[test]
    fn web2_has_systemd_for_users() {
        let lab = Lab::alone(&["web2"]);
        let _manager = lab.lingering("web2", "root");
        println!("{}", lab.tests("web2", &["systemd_user::"], &[], OTHERS));
    }

    #[test]
    fn runit1_has_runit() {
        scanned("runit1", "runit");
    }

    #[test]
    fn daemontools1_has_daemontools() {
        scanned("daemontools1", "daemontools");
    }

    fn scanned(host: &str, supervisor: &str) {
        let tests: Vec<String> = SCANNED.iter().map(|name| format!("{supervisor}::{name}")).collect();
        let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
        let folder = format!("{SCANNED_FOLDER}=/etc/service");
        println!("{}", Lab::alone(&[host]).tests(host, &tests, &[&folder], tests.len()));
    }
}
