//! TCP ports that are held, and applications that make their sockets themselves.

use super::*;

#[test]
fn a_held_tcp_port_loses_nothing_over_handovers_and_restarts() {
    let port = apps::free_port();
    let quick = |more: &str| tcp(port, more).replace("within = \"5s\"", "within = \"1s\"");
    let stage = Stage::with(|root| config(root, "", &quick("")));
    for (version, behaviour) in [("1.0", "healthy"), ("2.0", "healthy"), ("3.0", "unhealthy")] {
        stage.release(version, behaviour);
    }
    stage.deploy("1.0").expect(0);
    assert_eq!(apps::get_tcp(port, "/version").as_deref(), Ok("1.0"));

    let traffic = Traffic::start_tcp(port);
    for version in ["2.0", "1.0", "2.0", "1.0"] {
        let ran = stage.deploy(version);
        // Both would answer at the one address, so the new one is asked on a socket of its own first.
        assert!(ran.expect(0).err.contains("web.trial@"), "{}", ran.all());
        assert_eq!(apps::get_tcp(port, "/version").as_deref(), Ok(version));
    }
    let failed = stage.deploy("3.0");
    assert!(failed.expect(3).err.contains("web.trial"), "{}", failed.all());
    assert_eq!(stage.live().as_deref(), Some("1.0"));
    let handovers = traffic.none_failed(200);
    assert!(handovers["versions"]["3.0"].is_null(), "nobody met the failing release: {handovers:#}");
    let sockets: Vec<String> = stage.names("run").into_iter().filter(|name| name.contains("trial")).collect();
    assert!(sockets.is_empty(), "{sockets:?}");

    stage.set_config(&config(&stage.root, "", &quick(common::RESTART)));
    let traffic = Traffic::start_tcp(port);
    for version in ["2.0", "1.0"] {
        stage.deploy(version).expect(0);
    }
    stage.deploy("3.0").expect(3);
    let restarts = traffic.tally();
    // Under `restart` the failing release was live for a moment: what it answered was an answer.
    assert_eq!(restarts["failed"], 0, "{restarts:#}");
    assert_eq!(apps::get_tcp(port, "/version").as_deref(), Ok("1.0"));
    println!("tcp: 4 handovers {handovers}\n2 restarts and an undone one {restarts}");
}

#[test]
fn a_port_that_somebody_else_has_is_told_and_everything_undone() {
    let port = apps::free_port();
    let foreign = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let stage = Stage::with(|root| config(root, "", &tcp(port, "")));
    stage.release("1.0", "healthy");
    let refused = stage.deploy("1.0");
    let err = &refused.expect(3).err;
    assert!(err.contains(&format!("cannot listen on `tcp:127.0.0.1:{port}`")), "{err}");
    assert!(err.contains("another process listens there"), "{err}");
    assert!(err.contains(&format!("hint: `ss -ltnp 'sport = :{port}'` shows which")), "{err}");
    assert_eq!(stage.live(), None);
    assert!(stage.names("releases").is_empty(), "{:?}", stage.names("releases"));

    // With something live: the same, and it stays.
    stage.set_config(&config(&stage.root, "", &hello("")));
    stage.deploy("1.0").expect(0);
    stage.set_config(&config(&stage.root, "", &tcp(port, "")));
    let traffic = Traffic::start(&stage.public_socket(), false);
    stage.deploy("1.0").expect(3);
    traffic.none_failed(10);
    assert_eq!(stage.drift(), Vec::<String>::new());
    drop(foreign);
    stage.deploy("1.0").expect(0);
    assert_eq!(apps::get_tcp(port, "/version").as_deref(), Ok("1.0"));
}

#[test]
fn a_process_moves_from_its_unix_socket_to_a_port_and_back() {
    let port = apps::free_port();
    for change in [common::HANDOVER, common::RESTART] {
        let stage = Stage::with(|root| config(root, "", &hello(change)));
        stage.release("1.0", "healthy");
        stage.deploy("1.0").expect(0);
        stage.set_config(&config(&stage.root, "", &tcp(port, change)));
        assert_eq!(stage.plan("1.0")["plan"]["kind"], "restart");
        stage.deploy("1.0").expect(0);
        assert_eq!(apps::get_tcp(port, "/version").as_deref(), Ok("1.0"), "{change}");
        let sockets: Vec<String> =
            stage.names("run").into_iter().filter(|name| name.starts_with("web")).collect();
        assert!(sockets.is_empty(), "{change}: a name that leads nowhere is left: {sockets:?}");
        stage.set_config(&config(&stage.root, "", &hello(change)));
        stage.deploy("1.0").expect(0);
        assert_eq!(stage.served().as_deref(), Ok("1.0"), "{change}");
        assert!(apps::get_tcp(port, "/version").is_err(), "{change}: the port is still held");
        assert_eq!(stage.drift(), Vec::<String>::new());
    }
}

#[test]
fn a_process_that_is_called_otherwise_keeps_its_port() {
    let port = apps::free_port();
    for change in [common::HANDOVER, common::RESTART] {
        let stage = Stage::with(|root| config(root, "", &tcp(port, change)));
        stage.release("1.0", "healthy");
        stage.deploy("1.0").expect(0);
        let traffic = Traffic::start_tcp(port);
        stage.set_config(&config(
            &stage.root,
            "",
            &tcp(port, change).replace("processes.web", "processes.app"),
        ));
        stage.deploy("1.0").expect(0);
        assert_eq!(processes(&stage), ["app"]);
        traffic.none_failed(5);
        assert_eq!(stage.drift(), Vec::<String>::new());
    }
}

#[test]
fn who_makes_the_socket_of_a_port_can_change() {
    apps::needs("perl", &["-MIO::Socket::INET", "-e", "1"], "perl");
    let port = apps::free_port();
    let held = tcp(port, common::RESTART);
    let bind =
        held.replace("bin/hello --workers 4", "perl http_bind.pl --listen {listen}") + "socket = \"bind\"\n";
    let stage = Stage::with(|root| config(root, "", &held));
    stage.release_with("1.0", "healthy", |tree| apps::write(&tree.join("http_bind.pl"), HTTP_BIND));
    stage.deploy("1.0").expect(0);
    // The port is let go of for it; when it can't use it, the old one has it back.
    let broken = bind.replace("http_bind.pl", "missing.pl").replace("within = \"5s\"", "within = \"1s\"");
    stage.set_config(&config(&stage.root, "", &broken));
    stage.deploy("1.0").expect(3);
    assert_eq!(apps::get_tcp(port, "/version").as_deref(), Ok("1.0"));
    for (what, rest) in [("bind", &bind), ("held again", &held)] {
        stage.set_config(&config(&stage.root, "", rest));
        let ran = stage.deploy("1.0");
        assert_eq!(ran.code, 0, "{what}: {}", ran.all());
        assert_eq!(apps::get_tcp(port, "/version").as_deref(), Ok("1.0"), "{what}");
        assert_eq!(stage.drift(), Vec::<String>::new(), "{what}");
    }
}

const BIND_WEB: &str = r#"
[processes.web]
run = "perl http_bind.pl --listen unix:{listen}"
socket = "bind"
settle = "150ms"
stop_timeout = "10s"
health = { path = "/health", within = "10s", version = { header = "X-Version" } }
"#;

#[test]
fn an_application_that_binds_its_socket_is_handed_over_by_name() {
    apps::needs("perl", &["-MIO::Socket::UNIX", "-e", "1"], "perl");
    let web = BIND_WEB.replace("within = \"10s\"", "within = \"2s\"");
    let stage = Stage::with(|root| config(root, "", &web));
    for (version, behaviour) in [("1.0", "healthy"), ("2.0", "healthy"), ("3.0", "wrong-version")] {
        apps::release_perl(&stage, version, behaviour, "http_bind.pl", HTTP_BIND);
    }
    stage.deploy("1.0").expect(0);
    let traffic = Traffic::start(&stage.public_socket(), false);
    for version in ["2.0", "1.0", "2.0"] {
        stage.deploy(version).expect(0);
        assert_eq!(stage.served().as_deref(), Ok(version));
    }
    stage.deploy("3.0").expect(3);
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    let tally = traffic.none_failed(100);
    assert!(tally["versions"]["2.0"].as_u64() > Some(0), "{tally:#}");
    assert_eq!(stage.served().as_deref(), Ok("1.0"));
    let sockets: Vec<String> =
        stage.names("run").into_iter().filter(|n| n.starts_with("web") && n.ends_with(".sock")).collect();
    assert_eq!(sockets.len(), 2, "the name and the one socket that it names: {sockets:?}");

    // And by a restart, where the name leads nowhere for a moment: under maintenance, and served afterwards.
    stage.set_config(&config(&stage.root, "", &format!("{web}{}", common::RESTART)));
    stage.deploy("2.0").expect(0);
    assert_eq!(stage.served().as_deref(), Ok("2.0"));
    stage.deploy("3.0").expect(3);
    assert_eq!(stage.served().as_deref(), Ok("2.0"));
    assert_eq!(stage.drift(), Vec::<String>::new());
}
