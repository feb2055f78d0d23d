//! Settings and secrets of the host, and what an application is told about itself.

use super::*;

const POISON: &str = "POISON-7f3a9c51";

#[test]
fn a_setting_is_drift_until_a_deploy_restarts_with_it_and_its_value_is_nowhere_else() {
    let stage = Stage::with(|root| {
        config(
            root,
            "prepare = [\"test -n \\\"$SECRET\\\" && echo prepared\"]",
            &hello("").replace("within = \"5s\"", "within = \"1s\""),
        )
    });
    stage.release("1.0", "healthy");
    stage.release("2.0", "unhealthy");
    let watch = Watch::over_command_lines(&stage.root);
    let mut said = Vec::new();
    said.push(stage.run_with_input(&["env", "set", "local", "SECRET"], &format!("{POISON}-1\n")));
    said.push(stage.deploy("1.0"));
    assert_eq!(environment(instances(&stage, "web")[0])["SECRET"], format!("{POISON}-1"));
    assert_eq!(stage.drift(), Vec::<String>::new());

    said.push(stage.run_with_input(&["env", "set", "local", "SECRET"], &format!("{POISON}-2\n")));
    let drift = stage.drift();
    assert!(
        drift.iter().any(|line| line.contains("runs with other settings than `env` has now")),
        "{drift:?}"
    );
    assert_eq!(
        environment(instances(&stage, "web")[0])["SECRET"],
        format!("{POISON}-1"),
        "not before a deploy"
    );
    let traffic = Traffic::start(&stage.public_socket(), false);
    assert_eq!(stage.plan("1.0")["plan"]["kind"], "restart");
    said.push(stage.deploy("1.0"));
    traffic.none_failed(5);
    assert_eq!(environment(instances(&stage, "web")[0])["SECRET"], format!("{POISON}-2"));
    assert_eq!(stage.drift(), Vec::<String>::new());

    for arguments in [
        &["plan", "local", "2.0", "--json"][..],
        &["plan", "local", "2.0"],
        &["deploy", "local", "2.0", "--yes", "--json"],
        &["deploy", "local", "2.0", "--yes"],
        &["status"],
        &["status", "--json"],
        &["history", "local"],
        &["history", "local", "--json"],
        &["env", "list", "local"],
        &["env", "list", "local", "--json"],
        &["logs", "local"],
        &["doctor"],
        &["doctor", "--json"],
        &["attach", "local", "--json"],
        &["run", "local", "--", "sh", "-c", "echo ${#SECRET}"],
        // A line of the settings that can't be read is told without its value.
        &["env", "set", "local", "1BAD=POISON-7f3a9c51"],
    ] {
        said.push(stage.run(arguments));
    }
    assert_eq!(said[said.len() - 2].out.trim(), (POISON.len() + 2).to_string(), "`run` has the setting");
    for ran in &said {
        assert!(!ran.all().contains(POISON), "{}", ran.all());
    }
    let seen = watch.end();
    assert!(seen.is_empty(), "in an argument of a process: {seen:?}");

    let env_file = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name == "env" || name.starts_with("env.") && path.parent().unwrap().ends_with("run")
    };
    for (path, content) in apps::files(stage.room()) {
        let holds = content.windows(POISON.len()).any(|window| window == POISON.as_bytes());
        assert_eq!(holds, holds && env_file(&path), "`{}` holds the secret", path.display());
        if holds {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600,
                "{}",
                path.display()
            );
        }
    }
    // Settings of generations that are gone are gone.
    let frozen: Vec<String> =
        stage.names("run").into_iter().filter(|name| name.starts_with("env.")).collect();
    assert_eq!(frozen.len(), 1, "{frozen:?}");
}

/// Looks at every process's arguments all the while.
struct Watch {
    end: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<String>>,
}

impl Watch {
    fn over_command_lines(root: &Path) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let (ended, root) = (Arc::clone(&end), root.display().to_string());
        let thread = std::thread::spawn(move || {
            let mut seen = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                for pid in apps::pids() {
                    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                    let line = String::from_utf8_lossy(&line).replace('\0', " ");
                    // The one command where the tester typed it, to see that it is refused without being told.
                    if line.contains(POISON) && !line.contains("1BAD") {
                        seen.push(format!("{line} ({root})"));
                    }
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            seen
        });
        Self { end, thread }
    }

    fn end(self) -> Vec<String> {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// A whole file taken for a value, a name that would be written over: refused with name and sizes, and nothing is set.
#[test]
fn a_setting_that_no_program_could_get_is_refused() {
    // Not the one that the other test looks for in all arguments.
    const PRIVATE: &str = "PRIVATE-8c21-ab";
    let stage = Stage::with(|root| config(root, "", &hello("")));
    let room = 131_072 - "SECRET=\0".len();
    let fits = format!("{}\n", "p".repeat(room));
    stage.run_with_input(&["env", "set", "local", "SECRET"], &fits).expect(0);
    let before = fs::read(stage.root.join("env")).unwrap();
    assert_eq!(before.len(), "SECRET=\n".len() + room);
    let long = format!("{PRIVATE}{}", "p".repeat(200_000));
    for (arguments, input, why) in [
        (
            &["SECRET"][..],
            long.as_str(),
            "the value of `SECRET` has 200015 bytes; beside that name a program's environment takes 131064",
        ),
        (
            &["SECRET"],
            "PRIVATE-8c21-ab\0x",
            "the value of `SECRET` contains a NUL, which no environment can hold",
        ),
        (&["A=1", "A=PRIVATE-8c21-ab"], "", "`A` is named twice"),
        (&["PINTAIL_TARGET=PRIVATE-8c21-ab"], "", "`PINTAIL_TARGET` is set by Pintail itself"),
        (&["LISTEN_FDS=PRIVATE-8c21-ab"], "", "`LISTEN_FDS` is set by Pintail itself"),
    ] {
        let ran = stage.run_with_input(&[&["env", "set", "local"], arguments].concat(), input);
        assert!(ran.expect(1).err.contains(&format!("\n  {why}\n")), "{}", ran.all());
        assert!(!ran.all().contains(PRIVATE), "{}", ran.all());
        assert_eq!(fs::read(stage.root.join("env")).unwrap(), before);
    }
    // The longest one reaches the process whole.
    stage.release("1.0", "healthy");
    stage.deploy("1.0").expect(0);
    assert_eq!(environment(instances(&stage, "web")[0])["SECRET"].len(), room);
}

#[test]
fn a_setting_that_is_required_and_missing_refuses_with_a_hint() {
    let stage = Stage::with(|root| config(root, "env_required = [\"DB_URL\", \"TOKEN\"]", &hello("")));
    stage.release("1.0", "healthy");
    let refused = stage.deploy("1.0");
    let err = &refused.expect(1).err;
    assert!(err.contains("not set: DB_URL, TOKEN"), "{err}");
    assert!(err.contains("hint: `pintail env set local DB_URL"), "{err}");
    assert!(stage.names("releases").is_empty());
    assert_eq!(stage.live(), None);
    stage.run(&["env", "set", "local", "DB_URL=x", "TOKEN=y"]).expect(0);
    stage.deploy("1.0").expect(0);
    stage.run(&["env", "unset", "local", "TOKEN"]).expect(0);
    assert!(stage.deploy("1.0").expect(1).err.contains("not set: TOKEN"));
    assert_eq!(stage.served().as_deref(), Ok("1.0"));
    let blamed = stage.status()["releases"][0]["standing"].clone();
    assert_eq!(blamed, "live");
}

#[test]
fn an_application_is_told_what_it_is_and_inherits_nothing_of_its_operator() {
    let stage = Stage::with(|root| config(root, "", &hello(common::RESTART)));
    let commit = commit_hello(&stage, "healthy");
    for version in ["1.0", "2.0"] {
        stage.run(&["build", "--version", version]).expect(0);
    }
    stage.run(&["env", "set", "local", "OWN=1"]).expect(0);
    let mut deploy = stage.command(&["deploy", "local", "1.0", "--yes"]);
    deploy.env("OPERATORS_SECRET", "x").env("LD_LIBRARY_PATH", "/nowhere").env("PERL5LIB", "/nowhere");
    common::ran(deploy).expect(0);
    let told = environment(instances(&stage, "web")[0]);
    let release = apps::release_name(&stage, "1.0");
    for (name, value) in [
        ("PINTAIL_RELEASE", release.as_str()),
        ("PINTAIL_VERSION", "1.0"),
        ("PINTAIL_COMMIT", commit.as_str()),
        ("PINTAIL_TARGET", "local"),
        ("PINTAIL_PROCESS", "web"),
        ("PINTAIL_INSTANCE", "1"),
        ("OWN", "1"),
    ] {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{name} in {told:#?}");
    }
    let known =
        ["PATH", "HOME", "USER", "LANG", "TZ", "PWD", "OWN", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];
    let more: Vec<&String> =
        told.keys().filter(|name| !known.contains(&name.as_str()) && !name.starts_with("PINTAIL_")).collect();
    assert!(more.is_empty(), "{more:?}");

    // What is put back when its successor fails is told the same.
    commit_hello(&stage, "unhealthy");
    stage.run(&["build", "--version", "3.0"]).expect(0);
    let failed = stage.deploy("3.0");
    failed.expect(3);
    assert_eq!(stage.served().as_deref(), Ok("1.0"), "{}", failed.all());
    let mut again = environment(instances(&stage, "web")[0]);
    // It is the process's own number.
    again.insert("LISTEN_PID".into(), told["LISTEN_PID"].clone());
    assert_eq!(again, told);

    // The same for a rollback, which knows neither depot nor git.
    stage.deploy("2.0").expect(0);
    fs::remove_dir_all(stage.project.join(".pintail")).unwrap();
    fs::remove_dir_all(stage.project.join(".git")).unwrap();
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    let back = environment(instances(&stage, "web")[0]);
    assert_eq!(back.get("PINTAIL_COMMIT"), Some(&commit));
    assert_eq!(back["PINTAIL_RELEASE"], release);
}

/// The sample application in the project's folder, committed. Returns the commit.
fn commit_hello(stage: &Stage, behaviour: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let folder = &stage.project;
    if !folder.join(".git").exists() {
        apps::git(folder, &["init", "--quiet"]);
        fs::create_dir(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/hello"), common::HELLO).unwrap();
        fs::set_permissions(folder.join("bin/hello"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.join(".gitignore"), ".pintail\n").unwrap();
    }
    apps::write(&folder.join("content/behaviour.txt"), behaviour);
    apps::git(folder, &["add", "."]);
    apps::git(folder, &["commit", "--quiet", "-m", behaviour]);
    apps::git(folder, &["rev-parse", "HEAD"])
}
