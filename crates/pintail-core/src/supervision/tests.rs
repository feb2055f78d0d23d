//! Every text that is rendered, as it is written.

use super::*;
use crate::plan::Address;
use insta::assert_snapshot;
use std::path::Path;

const ROOT: &str = "/srv/blog";

fn service<'a>(manager: Manager<'a>, socket: Option<&'a str>) -> String {
    service_unit(&ServiceUnit {
        root: Path::new(ROOT),
        what: "web@12 (1.4.2-0a1b2c3d)",
        folder: Path::new("/srv/blog/services/web-12"),
        release: Path::new("/srv/blog/releases/1.4.2-0a1b2c3d"),
        log: Path::new("/srv/blog/log/web.log"),
        socket,
        stop_timeout_ms: 30_000,
        manager,
    })
}

fn socket(address: &str, manager: Manager<'_>) -> String {
    let address: Address = address.parse().unwrap();
    socket_unit(&SocketUnit {
        root: Path::new(ROOT),
        name: "web.12",
        address: &address,
        mode: 0o666,
        manager,
    })
}

#[test]
fn units() {
    let blog = Manager::System { user: "blog" };
    assert_snapshot!("service", service(blog, Some("pintail-srv-blog-web.12.socket")));
    assert_snapshot!("service_of_a_user", service(Manager::User, Some("pintail-srv-blog-web.12.socket")));
    assert_snapshot!("service_without_socket", service(blog, None));
    assert_snapshot!("socket", socket("unix:/srv/blog/run/web.12.sock", blog));
    assert_snapshot!("socket_of_a_user", socket("unix:/srv/blog/run/web.12.sock", Manager::User));
    assert_snapshot!("port", socket("tcp:127.0.0.1:8989", blog));
    let unit = Names::new(Path::new(ROOT)).socket_unit("web.12");
    assert_snapshot!("anchor", anchor_unit(Path::new(ROOT), "web.12", &unit));
}

#[test]
fn scripts() {
    let script = |user| Script { root: Path::new(ROOT), user, log: Path::new("/srv/blog/log/web.log") };
    let folder = Path::new("/srv/blog/services/web-12");
    assert_snapshot!("run", run_script(&script(&[]), folder, 1));
    assert_snapshot!("run_as_another_user", run_script(&script(&["chpst", "-u", "blog"]), folder, 2));
    assert_snapshot!("holder", holder_script(&script(&[]), Path::new("/srv/blog/services/holder")));
    assert_snapshot!("ended", ended_script(Path::new(ROOT), folder));
}

#[test]
fn sudoers_lines() {
    assert_snapshot!(sudoers("ddgc", Path::new("/home/ddgc/ddgc")));
}

#[test]
fn strange_roots_are_quoted_where_each_reader_wants_it() {
    let root = Path::new("/srv/it's 100%: $a");
    let folder = root.join("services/web-1");
    let script = Script { root, user: &[], log: &root.join("log/web.log") };
    let unit = service_unit(&ServiceUnit {
        root,
        what: "web@1 (1.0-0a1b2c3d)",
        folder: &folder,
        release: &root.join("current"),
        log: script.log,
        socket: None,
        stop_timeout_ms: 1_500,
        manager: Manager::User,
    });
    assert_snapshot!(format!("{}\n{unit}\n{}", run_script(&script, &folder, 1), sudoers("a", root)));
}

#[test]
fn names_have_the_root_in_them() {
    let names = Names::new(Path::new("/home/ddgc/my app"));
    assert_eq!(names.service_unit("web", 12), "pintail-home-ddgc-my-app-web-12@.service");
    assert_eq!(names.instance_unit("web", 12, 3), "pintail-home-ddgc-my-app-web-12@3.service");
    assert_eq!(names.socket_unit("web.12"), "pintail-home-ddgc-my-app-web.12.socket");
    assert_eq!(names.anchor_unit("web.12"), "pintail-home-ddgc-my-app-web.12.service");
    assert_eq!(names.scanned("web", 12, 1), "pintail-home-ddgc-my-app-web-12.1");
    let long = format!("/{}", "deep/".repeat(60));
    assert!(Names::new(Path::new(&long)).prefix().len() <= 110);
    assert_ne!(Names::new(Path::new(&long)), Names::new(Path::new(&format!("/x{long}"))));
}

#[test]
fn what_was_changed_is_known_by_its_mark() {
    let written = service(Manager::User, None);
    assert!(is_as_written(&written));
    let mark = written.find("# As written").unwrap();
    for changed in [
        written.replace("Restart=always", "Restart=no"),
        written[..mark].to_owned(),
        format!("{written}[Service]\nNice=5\n"),
        format!("{}\n{}", &written[..mark], &written[mark..]),
        String::new(),
    ] {
        assert!(!is_as_written(&changed), "{changed}");
    }
}
