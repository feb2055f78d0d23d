//! A first deployment to hosts where something else serves already: on the port, in the root, in the docroot. It is
//! told what is in the way, the other goes on as it was, and once the way is free the same command works.

use super::common::{Ran, error};
use super::hosts::{Fleet, QUICK};
use std::fs;

/// A port of 127.0.0.1 that nothing else on the hosts uses.
const PORT: u16 = 18_990;

fn two(process: &str) -> Fleet {
    let fleet = Fleet::new(&["web1", "web3"], QUICK);
    fleet.stage.release("1.0", "healthy");
    fleet.stage.release("2.0", "healthy");
    let config = fs::read_to_string(fleet.stage.project.join("pintail.toml")).unwrap();
    fleet.stage.set_config(
        &config.replace(
            "run = \"bin/hello --workers 4\"",
            &format!("run = \"bin/hello --workers 4\"\n{process}"),
        ),
    );
    fleet
}

/// Somebody else's server at [`PORT`] of a host, for all addresses; it says `theirs` to everybody.
struct Theirs<'a>(&'a Fleet, &'a str);

impl<'a> Theirs<'a> {
    fn on(fleet: &'a Fleet, host: &'a str) -> Self {
        // In its command line is the test's root, by which the lab ends it should the test not.
        let serve = format!(
            "setsid perl -MIO::Socket::INET -e '$0 = \"theirs {0}\"; $s = IO::Socket::INET->new(LocalPort => {PORT}, Listen => 5, \
             ReuseAddr => 1) or die $!; while ($c = $s->accept) {{ <$c>; print $c \"HTTP/1.0 200 OK\\r\\n\\r\\ntheirs\"; close $c }}' \
             {0} > /dev/null 2>&1 & for n in $(seq 50); do ss -ltn | grep -q :{PORT} && exit; sleep 0.1; done; exit 1",
            fleet.root
        );
        fleet.exec(host, &serve);
        Self(fleet, host)
    }

    fn end(&self) {
        self.0.exec(
            self.1,
            &format!(
                "pkill -f '^theirs {}'; while ss -ltn | grep -q :{PORT}; do sleep 0.1; done",
                self.0.root
            ),
        );
    }
}

/// What answers at [`PORT`] of `host`.
fn answers(fleet: &Fleet, host: &str) -> String {
    let ask = format!(
        "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(\"127.0.0.1:{PORT}\") or print(\"nobody\"), exit; \
         print $s \"GET /version HTTP/1.0\\r\\n\\r\\n\"; local $/; ($b) = <$s> =~ /\\r\\n\\r\\n(.*)/s; print $b'"
    );
    fleet.exec(host, &ask).trim().to_owned()
}

/// What lies below the root and is no journal.
fn files(fleet: &Fleet, host: &str) -> String {
    fleet.exec(
        host,
        &format!(
            "cd {} && find . -path ./journal -prune -o -printf '%P %y %l %s %T@\\n' | grep -v '^ ' | sort",
            fleet.root
        ),
    )
}

#[track_caller]
fn nothing_is_live(fleet: &Fleet, told: &Ran) {
    assert_eq!(fleet.live(), ["nothing", "nothing"], "{}", told.all());
    for host in fleet.status() {
        assert_eq!(host["drift"], serde_json::json!([]), "{host:#}");
        assert!(host["unfinished"].is_null(), "{host:#}");
    }
}

#[test]
fn a_port_that_another_program_has() {
    let fleet = two(&format!("listen = \"127.0.0.1:{PORT}\""));
    let theirs = Theirs::on(&fleet, "web3");
    let doctor = fleet.run(&["doctor", "prod"]);
    let bad = format!("BAD port        127.0.0.1:{PORT} can't be listened on");
    assert_eq!(doctor.expect(1).out.matches(&bad).count(), 1, "{}", doctor.all());
    let ran = fleet.deploy("1.0");
    assert!(error(&ran).contains(&format!("127.0.0.1:{PORT}")), "{}", ran.all());
    assert!(error(&ran).contains("`web3`"), "{}", ran.all());
    nothing_is_live(&fleet, &ran);
    assert_eq!((answers(&fleet, "web1"), answers(&fleet, "web3")), ("nobody".into(), "theirs".into()));
    theirs.end();
    fleet.deploy("1.0").expect(0);
    assert_eq!((answers(&fleet, "web1"), answers(&fleet, "web3")), ("1.0".into(), "1.0".into()));
    // Its own port is not in its way.
    fleet.deploy("2.0").expect(0);
    assert_eq!((answers(&fleet, "web1"), answers(&fleet, "web3")), ("2.0".into(), "2.0".into()));
}

/// An application that was put there by another tool, with folders of the same names, and serves.
#[test]
fn a_root_where_another_tools_application_lies() {
    let fleet = two("");
    let root = &fleet.root;
    fleet.exec(
        "web3",
        &format!(
            "cd {root} && mkdir -p releases/20240101120000/static shared/log docroot log && echo old > releases/20240101120000/app \
             && ln -s releases/20240101120000 current && echo theirs > docroot/index.html && echo theirs > docroot/hello.css \
             && echo A=1 > shared/.env && chown -R deploy:deploy ."
        ),
    );
    let before = files(&fleet, "web3");
    let ran = fleet.deploy("1.0");
    let told = error(ran.expect(1));
    let bad = format!(
        "error: cannot make a release live in `{root}` on `web3`\n  `{root}/current` is a link to `releases/20240101120000`"
    );
    assert!(told.starts_with(&bad), "{}", ran.all());
    assert_eq!((files(&fleet, "web1"), files(&fleet, "web3")), (String::new(), before));

    // Out of the way, as the hint says. Now the docroot has a file that the release would replace.
    fleet.exec("web3", &format!("mv {root}/current {root}/current.before"));
    let before = theirs(&fleet);
    let ran = fleet.deploy("1.0");
    let told = error(ran.expect(3));
    let why = format!("`{root}/docroot/hello.css` is there already, and no deployment put it there");
    assert!(told.contains("failed on `web3` at step `publish`") && told.contains(&why), "{}", ran.all());
    assert!(told.contains("hint: whoever serves `"), "{}", ran.all());
    nothing_is_live(&fleet, &ran);
    assert_eq!(theirs(&fleet), before);

    fleet.exec("web3", &format!("rm {root}/docroot/hello.css"));
    let before = theirs(&fleet);
    fleet.deploy("1.0").expect(0);
    fleet.all_serve("1.0", "beside the other");
    fleet.deploy("2.0").expect(0);
    fleet.all_serve("2.0", "its own files are replaced");
    fleet.run(&["rollback", "prod", "--yes"]).expect(0);
    fleet.all_serve("1.0", "and back");
    let now = theirs(&fleet).into_iter().filter(|line| !line.contains("hello.css"));
    assert_eq!(now.collect::<Vec<_>>(), before);
}

/// What the other tool put there, as it is on `web3`.
fn theirs(fleet: &Fleet) -> Vec<String> {
    let is_theirs = |line: &&str| {
        ["releases/2024", "current.before", "docroot/index.html", "docroot/hello.css", "shared/.env"]
            .iter()
            .any(|begin| line.starts_with(begin))
    };
    files(fleet, "web3").lines().filter(is_theirs).map(str::to_owned).collect()
}
