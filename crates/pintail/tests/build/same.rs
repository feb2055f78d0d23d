//! The same commit gives the same bytes.

use super::*;

const MAKES: &str = r#"[build]
exclude = ["script/dev_*", "*.psd", "docs/"]
steps = [
    "mkdir made && date -d @$SOURCE_DATE_EPOCH > made/date && ls | sort > made/listed && printf '%s %s' $PINTAIL_NAME $PINTAIL_VERSION > made/told",
    "echo '#!/bin/sh' > made/program && chmod +x made/program && umask > made/umask && env | sort | grep -v -e ^HOME= -e ^PATH= -e ^PWD= -e ^TMPDIR= -e ^USER= -e ^LOGNAME= -e ^CARGO_HOME= -e ^RUSTUP_HOME= -e _proxy= -e _PROXY= -e ^SSL_CERT > made/environment",
]
"#;

fn pond() -> Project {
    let project = Project::new(MAKES);
    project.write("lib/Pond.pm", "package Pond;\n1;\n");
    project.write("script/run", "#!/bin/sh\n");
    project.write("script/dev_run", "never\n");
    project.write("art/logo.psd", "never\n");
    project.write("docs/manual/page.txt", "never\n");
    project.write("text/crlf.txt", "one\r\ntwo\r\n");
    project.write("text/ä.txt", "umlaut\n");
    project.write(".gitattributes", "text/auto.txt text=auto\n");
    project.write("text/auto.txt", "one\ntwo\n");
    fs::set_permissions(project.folder.join("script/run"), fs::Permissions::from_mode(0o775)).unwrap();
    symlink("run", project.folder.join("script/alias")).unwrap();
    project.commit("first");
    project
}

#[test]
fn executables_and_links_are_kept_and_what_is_excluded_is_not_there() {
    let project = pond();
    project.built(&["--version", "1.0"]);
    let shown = project.shown("1.0").join("\n");
    insta::assert_snapshot!(shown, @r#"
    0644 .gitattributes
    0644 .gitignore
    .pintail/
    0644 .pintail/release.json
    art/
    lib/
    0644 lib/Pond.pm
    made/
    0644 made/date
    0644 made/environment
    0644 made/listed
    0755 made/program
    0644 made/told
    0644 made/umask
    0644 pintail.toml
    script/
    script/alias -> run
    0755 script/run
    text/
    0644 text/auto.txt
    0644 text/crlf.txt
    0644 text/ä.txt
    "#);
}

#[test]
fn a_commit_gives_the_same_bytes_on_another_machine_day_umask_and_locale() {
    let project = pond();
    let here = project.built(&["--version", "1.0"]);
    // Another machine: a clone elsewhere, of an owner who told git other things, with other folders to work in.
    let room = tempfile::Builder::new().prefix("pintail-other-").tempdir().unwrap();
    let clone = room.path().join("deeper/clone");
    git(room.path(), &["clone", "--quiet", project.folder.to_str().unwrap(), clone.to_str().unwrap()]);
    for (key, value) in
        [("core.autocrlf", "true"), ("core.eol", "crlf"), ("tar.umask", "0177"), ("core.abbrev", "5")]
    {
        git(&clone, &["config", key, value]);
    }
    let home = room.path().join("home");
    fs::create_dir_all(home.join(".config/git")).unwrap();
    fs::write(home.join(".config/git/attributes"), "*.txt text eol=crlf\n* export-ignore\n").unwrap();
    let temporary = room.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0177; exec \"$@\"", "sh"]).arg(PINTAIL).arg("-C").arg(&clone).args([
        "build",
        "--json",
        "--version",
        "1.0",
    ]);
    // A build has a folder to write to; nobody works with such an umask, but less differs than that.
    shell.args(["--config", "pintail.toml"]).stdin(Stdio::null());
    shell
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", &home)
        .env("TMPDIR", &temporary);
    shell.env("LC_ALL", "tr_TR.UTF-8").env("TZ", "Pacific/Kiritimati").env("SECRET", "of the operator");
    shell
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "core.quotePath")
        .env("GIT_CONFIG_VALUE_0", "false");
    let there = ran(shell);
    let there = there.expect(0).json();
    assert_eq!(there["digest"], here["digest"]);
    assert_eq!(there["packed_digest"], here["packed_digest"], "the bytes, not the release alone");
    let bytes = |folder: &Path| fs::read(folder.join(".pintail/depot/artifacts/pond-1.0.tar.zst")).unwrap();
    assert!(bytes(&clone) == bytes(&project.folder));
}

#[test]
fn what_is_built_is_the_commit_and_how_it_is_built_too() {
    let project = pond();
    let first = git(&project.folder, &["rev-parse", "HEAD"]);
    project.write("pintail.toml", &format!("{CONFIG}[build]\nsteps = [\"echo two > second\"]\n"));
    project.commit("second");
    project.write("pintail.toml", &format!("{CONFIG}[build]\nsteps = [\"echo three > third\"]\n"));
    project.built(&["--version", "2"]);
    assert!(project.shown("2").contains(&"0644 second".to_owned()), "{:?}", project.shown("2"));
    project.built(&["--version", "1", "--commit", &first]);
    assert!(project.shown("1").contains(&"0644 made/date".to_owned()), "{:?}", project.shown("1"));
    // Who names a configuration means that one.
    let mut named = project.command(&["build", "--json", "--version", "3", "--config", "pintail.toml"]);
    named.current_dir(&project.folder);
    ran(named).expect(0);
    assert!(project.shown("3").contains(&"0644 third".to_owned()), "{:?}", project.shown("3"));
}

#[test]
fn a_step_that_writes_outside_its_checkout_is_told() {
    let project = Project::new("[build]\nsteps = [\"echo x > ../beside\"]\n");
    project.commit("first");
    let beside = project.run(&["build", "--version", "1"]);
    assert!(beside.expect(1).err.contains("wrote outside its checkout: `../beside`"), "{}", beside.all());
    let step = format!("echo x > {}/lib.txt", project.folder.display());
    project.write("pintail.toml", &format!("{CONFIG}[build]\nsteps = [\"{step}\"]\n"));
    project.write("lib.txt", "tracked\n");
    project.commit("second");
    let into = project.run(&["build", "--version", "1"]);
    assert!(into.expect(1).err.contains("wrote outside its checkout, into"), "{}", into.all());
    assert!(into.err.contains("` M lib.txt`"), "{}", into.all());
    assert_eq!(project.run(&["depot", "list", "--json"]).json()["artifacts"], serde_json::json!([]));
}

/// It would go on writing while files are taken.
#[test]
fn what_a_step_leaves_running_ends_with_it() {
    let here = "sleep 1000 & echo $! > here";
    let away =
        "setsid sh -c 'echo $$ > away; sleep 1000' >/dev/null 2>&1 & until test -s away; do sleep 0.01; done";
    let project =
        Project::new(&format!("[build]\nsteps = [\"{here}\", \"{away}\", \"cat here away >&2\"]\n"));
    project.commit("first");
    let built = project.run(&["build", "--version", "1"]);
    let left: Vec<u32> = built.expect(0).err.lines().filter_map(|line| line.parse().ok()).collect();
    assert_eq!(left.len(), 2, "{}", built.all());
    assert!(!left.into_iter().any(is_alive), "{}", built.all());
}

#[test]
fn a_glob_that_fits_nothing_is_told_and_one_that_is_none_is_refused() {
    let project = Project::new("[build]\nexclude = [\"script/dev_*\"]\n");
    project.commit("first");
    let told = project.run(&["build", "--version", "1"]);
    assert!(told.expect(0).err.contains("note: nothing is left out by `script/dev_*`"), "{}", told.all());
    project.write("pintail.toml", &format!("{CONFIG}[build]\nexclude = [\"a[\"]\n"));
    project.commit("second");
    let refused = project.run(&["build", "--version", "2"]);
    assert!(refused.expect(1).err.contains("`a[`, which is no glob"), "{}", refused.all());
}

#[test]
fn a_release_is_the_same_whether_a_checkout_was_needed_or_not() {
    let without = MAKES.split("steps").next().unwrap();
    let project = Project::new(without);
    for (path, text) in
        [("a/b", "1"), ("a-b", "2"), ("a.b/c", "3"), ("a/b-c/d", "4"), ("docs/x", "5"), ("x.psd", "")]
    {
        project.write(path, text);
    }
    symlink("a/b", project.folder.join("link")).unwrap();
    let long = format!("{}/{}", "l".repeat(120), "m".repeat(120));
    project.write(&long, "long");
    fs::set_permissions(project.folder.join("a/b"), fs::Permissions::from_mode(0o755)).unwrap();
    project.commit("first");
    let streamed = project.built(&["--version", "1"]);
    let text = format!("{CONFIG}{without}steps = [\"true\"]\n");
    let configured = project.folder.join("elsewhere.toml");
    fs::write(&configured, text).unwrap();
    let other = tempfile::tempdir().unwrap();
    fs::write(
        &configured,
        format!(
            "{}[depot]\npath = \"{}\"\n",
            fs::read_to_string(&configured).unwrap(),
            other.path().display()
        ),
    )
    .unwrap();
    let mut checked_out =
        project.command(&["build", "--json", "--version", "1", "--config", "elsewhere.toml"]);
    checked_out.current_dir(&project.folder);
    let checked_out = ran(checked_out);
    assert_eq!(checked_out.expect(0).json()["packed_digest"], streamed["packed_digest"]);
}

#[test]
fn what_only_this_clone_knows_changes_nothing() {
    let project = pond();
    project.write("text/info.txt", "$Format:%H %d$\n");
    project.write(".gitattributes", "text/info.txt export-subst\n");
    project.commit("told by git");
    let digest = |project: &Project| {
        let _ = fs::remove_dir_all(project.folder.join(".pintail"));
        project.built(&["--version", "1.0"])["packed_digest"].clone()
    };
    let before = digest(&project);
    git(&project.folder, &["config", "filter.shout.smudge", "tr a-z A-Z"]);
    fs::write(
        project.folder.join(".git/info/attributes"),
        "* text eol=crlf\nlib/** filter=shout\nscript/run export-ignore\n",
    )
    .unwrap();
    assert_eq!(digest(&project), before, "attributes of this clone");
    git(&project.folder, &["branch", "elsewhere"]);
    git(&project.folder, &["tag", "here"]);
    assert_eq!(digest(&project), before, "refs");
    git(&project.folder, &["replace", "HEAD", "HEAD~1"]);
    assert_eq!(digest(&project), before, "replaced objects");
    // The project may be a folder of its repository.
    let inner = project.folder.join("lib");
    fs::write(inner.join("pintail.toml"), CONFIG).unwrap();
    git(&project.folder, &["replace", "--delete", "HEAD"]);
    project.commit("a project below");
    let below = ran(command(&inner, &["build", "--json", "--version", "1.0"]));
    assert_eq!(below.expect(0).json()["files"], 3, "release.json, the module, the configuration");
}

#[test]
fn a_commit_without_a_configuration_is_told() {
    let project = pond();
    git(&project.folder, &["rm", "--quiet", "--cached", "pintail.toml"]);
    git(&project.folder, &["commit", "--quiet", "-m", "without"]);
    let refused = project.run(&["build", "--version", "1"]);
    insta::assert_snapshot!(refused.expect(1).err.lines().filter(|line| !line.starts_with("note")).collect::<Vec<_>>().join("\n"), @r#"
    error: cannot build `pond` 1
      the commit has no `pintail.toml`, and what is built is the commit
    hint: commit it, or say which counts: `--config pintail.toml`
    "#);
}
