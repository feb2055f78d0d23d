//! Units of systemd's that somebody changes by hand: `status` tells each, and the next deployment has its own again.

use super::hosts::{Fleet, QUICK};
use std::fs;

/// One host, whose application has a port: the unit of its socket goes on from deployment to deployment.
fn under(fleet: Fleet, host: &str, address: &str, supervisor: &str, port: u16) -> Fleet {
    fleet.stage.release("1.0", "healthy");
    let config = fs::read_to_string(fleet.stage.project.join("pintail.toml")).unwrap();
    let config = config
        .replace(&format!("[\"{host}\"]"), &format!("[\"{address}\"]"))
        .replace("shared = [", &format!("supervisor = \"{supervisor}\"\nshared = ["))
        .replace("settle = ", &format!("listen = \"127.0.0.1:{port}\"\nsettle = "));
    fleet.stage.set_config(&config);
    fleet
}

/// The drift that `status` tells, with what differs from run to run replaced.
fn drift(fleet: &Fleet, prefix: &str) -> Vec<String> {
    let status = fleet.status();
    let told = status[0]["drift"].as_array().unwrap().clone();
    let plain = |text: &str| text.replace(prefix, "ROOT-NAME").replace(&fleet.root, "ROOT");
    told.iter().map(|told| plain(told.as_str().unwrap())).collect()
}

/// `folder` is where units are linked, `systemctl` how root speaks to that systemd.
fn changed_by_hand(fleet: &Fleet, host: &str, folder: &str, systemctl: &str) {
    let prefix = format!("pintail-{}", fleet.root.trim_start_matches('/').replace('/', "-"));
    let (unit, socket) = (format!("{prefix}-web-1@.service"), format!("{prefix}-web.1.socket"));
    let root = &fleet.root;
    fleet.deploy("1.0").expect(0);
    assert_eq!(drift(fleet, &prefix), [""; 0]);
    fleet.exec(
        host,
        &format!(
            "sed -i s/Restart=always/Restart=no/ {root}/units/{unit}; sed -i s/Backlog=4096/Backlog=5/ {root}/units/{socket}
             for unit in {unit} {socket}; do mkdir -p {folder}/$unit.d; done
             printf '[Service]\\nNice=5\\n' > {folder}/{unit}.d/override.conf
             printf '[Socket]\\nKeepAlive=yes\\n' > {folder}/{socket}.d/override.conf
             chown -R --reference={folder} {folder}/{unit}.d {folder}/{socket}.d; {systemctl} daemon-reload"
        ),
    );
    let added = format!(
        "`{folder}/ROOT-NAME-web.1.socket.d/override.conf` was added to the socket of `web@N` by hand; \
         `systemctl revert` takes it away"
    );
    assert_eq!(
        drift(fleet, &prefix),
        [
            "`ROOT/units/ROOT-NAME-web-1@.service` of `web@1` was changed by hand; `pintail deploy` writes its own".to_owned(),
            "`ROOT/units/ROOT-NAME-web.1.socket` of `web@1` was changed by hand; `pintail deploy` writes its own".to_owned(),
            format!(
                "`{folder}/ROOT-NAME-web-1@.service.d/override.conf` was added to `web@1` by hand; \
                 after `pintail deploy` it has none"
            ),
            added.replace("web@N", "web@1"),
        ]
    );
    let doctor = fleet.run(&["doctor", "prod"]);
    assert!(doctor.expect(1).out.contains("; and 3 more, as `pintail status` tells"), "{}", doctor.all());
    // What is live already is deployed anew, in a unit of its own; the socket was never closed.
    let again = fleet.deploy("1.0");
    assert!(!again.expect(0).err.contains("nothing to do"), "{}", again.all());
    assert_eq!(drift(fleet, &prefix), [added.replace("web@N", "web@2")]);
    assert!(fleet.exec(host, &format!("cat {root}/units/{socket}")).contains("Backlog=4096"));
    fleet.exec(
        host,
        &format!("{systemctl} revert {socket}; rm -rf {folder}/{unit}.d; {systemctl} daemon-reload"),
    );
    assert_eq!(drift(fleet, &prefix), [""; 0]);
    let again = fleet.deploy("1.0");
    assert!(again.expect(0).err.contains("nothing to do"), "{}", again.all());

    // The whole unit replaced, as by `systemctl edit --full`.
    let unit = format!("{prefix}-web-2@.service");
    fleet.exec(
        host,
        &format!(
            "cd {folder}; cp {unit} x; echo Nice=5 >> x; rm {unit}; mv x {unit}; {systemctl} daemon-reload"
        ),
    );
    let told = format!(
        "`{folder}/ROOT-NAME-web-2@.service` of `web@2` is not what Pintail put there; `pintail deploy` does"
    );
    assert_eq!(drift(fleet, &prefix), [told]);
    fleet.deploy("1.0").expect(0);
    assert_eq!(drift(fleet, &prefix), [""; 0]);
    // What was put in the place of a link is its owner's; all else of old generations is gone.
    let left = fleet.exec(host, &format!("ls -d {folder}/{prefix}-web-*"));
    let names = ["web-2@.service", "web-3@.service", "web-3@1.service"];
    assert_eq!(left.lines().collect::<Vec<_>>(), names.map(|name| format!("{folder}/{prefix}-{name}")));
    fleet.exec(
        host,
        &format!(
            "cd {folder} && {systemctl} stop '{prefix}-*' ; rm -rf {prefix}-*; {systemctl} daemon-reload"
        ),
    );
}

#[test]
fn units_of_the_system_that_are_changed_by_hand() {
    let fleet = under(Fleet::new(&["web2"], QUICK), "web2", "root@web2", "systemd", 18_991);
    changed_by_hand(&fleet, "web2", "/etc/systemd/system", "systemctl");
}

#[test]
fn units_of_a_user_that_are_changed_by_hand() {
    // Alone there, since the user's own systemd comes and goes.
    let fleet = under(Fleet::alone(&["web3"], QUICK), "web3", "web3", "systemd-user", 18_992);
    fleet.exec("web3", "loginctl enable-linger deploy; for n in $(seq 100); do [ -S /run/user/1000/systemd/private ] && exit; sleep 0.1; done; exit 1");
    let systemctl = "runuser -u deploy -- env XDG_RUNTIME_DIR=/run/user/1000 systemctl --user";
    changed_by_hand(&fleet, "web3", "/home/deploy/.config/systemd/user", systemctl);
    fleet.exec("web3", "loginctl disable-linger deploy");
}
