//! Releases that go well, in every shape a project can have.

use super::*;

#[test]
fn a_release_is_bumped_logged_committed_proven_tagged_pushed_and_published() {
    let world = World::new(PROJECT);
    let planned = world.release(&["patch", "--dry-run"]);
    planned.expect(0);
    let before = world.state();
    let released = world.release(&["0.2", "--yes"]);
    released.expect(0);
    insta::assert_snapshot!(world.plain(&format!(
            "--- dry run\n{}--- told\n{}--- said\n{}--- log\n{}--- commit\n{}\n--- tag\n{}\n",
            planned.out,
            released
                .err
                .lines()
                .filter(|line| !line.starts_with("To file:") && !line.contains("->"))
                .map(|l| format!("{l}\n"))
                .collect::<String>(),
            released.out,
            world.read("CHANGELOG.md"),
            world.git(&["show", "--stat", "--format=%an: %B", "HEAD"]),
            world.git(&["tag", "--list", "-n9", "0.2"]),
        )));
    assert_ne!(world.state(), before);
    assert_eq!(world.read("VERSION"), "0.2\n");
    assert_eq!(world.git(&["cat-file", "-t", "0.2"]), "tag");
    let there = world.git_in(&world.remote, &["rev-parse", "main", "0.2^{commit}"]).expect(0).out.clone();
    assert_eq!(
        there.lines().collect::<Vec<_>>(),
        [world.git(&["rev-parse", "HEAD"]), world.git(&["rev-parse", "HEAD"])]
    );
    let depot = world.stage.depot();
    let card = depot.verify(&"hello".parse().unwrap(), &"0.2".parse().unwrap()).unwrap();
    assert_eq!(card.commit, Some(world.git(&["rev-parse", "HEAD"])));
    assert!(depot.proof(&card).unwrap().is_some(), "the proof came along");
    assert!(!world.path(".git/pintail/release/bench").exists(), "the bench is gone");

    // The same commit is not released twice.
    let again = world.release(&["patch", "--yes"]);
    assert!(again.expect(1).err.contains("was released as 0.2 already"), "{}", again.all());
    // There is nothing to go on with.
    assert!(world.release(&["--resume"]).expect(0).err.contains("the last one, of 0.2, is done"));
}

/// Signed is the artifact that this release made, by the key of `depot.sign`; and nothing twice.
#[test]
fn what_is_released_is_signed() {
    use pintail_depot::signing::PublicKey;
    common::apps::needs("minisign", &["-v"], "minisign");
    let sign = |root: &Path| format!("{PROJECT}[depot]\nsign = {:?}\n", root.with_file_name("ci.key"));
    let world = World::with(sign, |world| {
        let mut keys = Command::new("minisign");
        keys.args(["-G", "-W", "-p", "ci.pub", "-s", "ci.key"]).stdin(Stdio::null());
        keys.current_dir(world.stage.root.parent().unwrap());
        ran(keys).expect(0);
    });
    let released = world.release(&["0.2", "--yes"]);
    released.expect(0);
    let depot = world.stage.depot();
    let card = depot.find(&"hello".parse().unwrap(), &"0.2".parse().unwrap()).unwrap();
    let key = fs::read_to_string(world.stage.root.with_file_name("ci.pub")).unwrap();
    let signed = depot.check_signed(&card, &[PublicKey::from_text(&key).unwrap()]).unwrap();
    assert!(signed.comment.ends_with(&format!("digest:{}", card.digest)), "{}", signed.comment);
}

#[test]
fn the_json_document_says_it_all() {
    let world = World::new(PROJECT);
    let planned = world.release(&["patch", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(
        (&planned["format"], &planned["outcome"], &planned["version"]),
        (&1.into(), &"planned".into(), &"0.1.1".into())
    );
    let done = world.release(&["patch", "--yes", "--json"]).expect(0).json();
    assert_eq!((&done["outcome"], &done["tag"]), (&"done".into(), &"0.1.1".into()));
    assert_eq!(done["commit"], world.git(&["rev-parse", "HEAD"]).as_str());
    assert_eq!(done["plan"], planned["plan"], "what was shown is what ran");
    let card = world.stage.depot().find(&"hello".parse().unwrap(), &"0.1.1".parse().unwrap()).unwrap();
    assert_eq!(done["digest"], card.digest.to_string().as_str());
    let page = include_str!("../../../../docs/formats/release.md").split("```").nth(1).unwrap();
    let example: Value = serde_json::from_str(page.trim_start_matches("json")).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&done), keys(&example));
    let refused = world.release(&["patch", "--yes", "--json"]);
    assert_eq!(refused.expect(1).json()["troubles"][0]["what"], "will not release `hello` again");
}

#[test]
fn nobody_there_to_agree_is_no_agreement() {
    let world = World::new(PROJECT);
    let before = world.state();
    let ran = world.release(&["0.2"]);
    assert!(ran.expect(1).err.contains("nobody can agree to the plan"), "{}", ran.all());
    assert_eq!(world.state(), before);
}

#[test]
fn the_tag_alone_is_a_version_too() {
    let config = PROJECT.replace("[{ path = \"VERSION\", pattern = \"{version}\" }]", "[]");
    let world = World::with(|_| config, |world| fs::remove_file(world.path("CHANGELOG.md")).unwrap());
    let head = world.git(&["rev-parse", "HEAD"]);
    world.release(&["minor", "--yes"]).expect(0);
    assert_eq!(
        world.git(&["rev-parse", "HEAD", "0.2^{commit}"]),
        format!("{head}\n{head}"),
        "no commit was made"
    );
}

#[test]
fn a_crate_is_bumped_with_its_lock_and_a_tag_with_a_letter() {
    let config = "name = \"hello\"\n[release]\ntag = \"v{version}\"\n";
    let world = World::with(
        |_| config.to_owned(),
        |world| {
            world.write("Cargo.toml", "[package]\nname = \"hello\"\nversion = \"1.4.0\"\n");
            world.write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"hello\"\nversion = \"1.4.0\"\n");
            fs::remove_file(world.path("VERSION")).unwrap();
        },
    );
    world.release(&["minor", "--yes"]).expect(0);
    assert_eq!(world.read("Cargo.toml"), "[package]\nname = \"hello\"\nversion = \"1.5.0\"\n");
    assert_eq!(
        world.read("Cargo.lock"),
        "version = 4\n\n[[package]]\nname = \"hello\"\nversion = \"1.5.0\"\n"
    );
    assert_eq!(world.git(&["tag", "--points-at", "HEAD"]), "v1.5.0");
}

#[test]
fn perls_decimals_count_on() {
    let config = "name = \"DDGC\"\n";
    let world = World::with(
        |_| config.to_owned(),
        |world| {
            world.write("dist.ini", "name = DDGC\n");
            world.write("lib/DDGC.pm", "package DDGC;\nour $VERSION = '0.940';\n1;\n");
            world.write(
                "Changes",
                "Revision history for DDGC\n\n{{$NEXT}}\n  - by hand\n\n0.940  2026-01-01\n  - old\n",
            );
            fs::remove_file(world.path("CHANGELOG.md")).unwrap();
            fs::remove_file(world.path("VERSION")).unwrap();
        },
    );
    for tag in ["0.9", "0.940", "ddh0.017", "nightly"] {
        world.git(&["tag", tag, "HEAD^"]);
    }
    // Those of the remote count as well, whether or not they were fetched.
    world.git_in(&world.remote, &["tag", "0.941", "main"]).expect(0);
    world.release(&["patch", "--yes"]).expect(0);
    assert_eq!(world.git(&["tag", "--points-at", "HEAD"]), "0.942");
    assert_eq!(world.read("lib/DDGC.pm"), "package DDGC;\nour $VERSION = '0.942';\n1;\n");
    let day = world.read("Changes").lines().nth(4).unwrap().to_owned();
    assert!(day.starts_with("0.942  20"), "{}", world.read("Changes"));
    let minor = world.release(&["minor", "--dry-run"]);
    assert!(minor.expect(1).err.contains("which has no part in the middle"), "{}", minor.all());
}

#[test]
fn a_project_is_a_folder_of_its_repository_on_a_branch_of_another_name() {
    let world = World::with(
        |_| "name = \"top\"\n".to_owned(),
        |world| {
            world.write(
                "services/hello/pintail.toml",
                &format!("{PROJECT}[release]\nbranch = \"work\"\ntag = \"hello-{{version}}\"\n"),
            );
            world.write("services/hello/VERSION", "3.0\n");
            world.write("services/hello/CHANGELOG.md", "# Changes\n");
        },
    );
    world.git(&["switch", "--quiet", "--create", "work", "--track", "origin/main"]);
    world.write("services/hello/x", "x");
    world.commit("hello: x");
    world.write("elsewhere", "x");
    world.commit("elsewhere: y");
    let mut command = Command::new(common::PINTAIL);
    command
        .arg("-C")
        .arg(world.path("services/hello"))
        .args(["release", "minor", "--yes"])
        .stdin(Stdio::null());
    world.fixed(&mut command);
    ran(command).expect(0);
    assert_eq!(world.read("services/hello/VERSION"), "3.1\n");
    let log = world.read("services/hello/CHANGELOG.md");
    assert!(log.contains("- hello: x\n") && !log.contains("elsewhere"), "{log}");
    assert_eq!(world.git_in(&world.remote, &["tag", "--points-at", "main"]).out, "hello-3.1\n");
}

#[test]
fn another_remote_than_the_upstream_may_be_named() {
    let world = World::new(&format!("{PROJECT}[release]\nremote = \"hub\"\nbranch = \"main\"\n"));
    let refused = world.release(&["0.2", "--yes"]);
    assert!(
        refused.expect(1).err.contains("there is no remote `hub`; there is `origin`"),
        "{}",
        refused.all()
    );
    let hub = world.room().join("hub.git");
    world.git(&["init", "--quiet", "--bare", hub.to_str().unwrap()]);
    world.git(&["remote", "add", "hub", &format!("file://{}", hub.display())]);
    let origin = world.git_in(&world.remote, &["for-each-ref"]).out;
    world.release(&["0.2", "--yes"]).expect(0);
    assert_eq!(world.git_in(&hub, &["rev-parse", "main"]).out.trim(), world.git(&["rev-parse", "HEAD"]));
    assert_eq!(world.git_in(&world.remote, &["for-each-ref"]).out, origin);
}

#[test]
fn where_it_is_pushed_to_is_asked_and_not_a_mirror() {
    let world = World::new(PROJECT);
    let mirror = world.room().join("mirror.git");
    world.git(&["clone", "--quiet", "--mirror", &world.url(), mirror.to_str().unwrap()]);
    world.git(&["remote", "set-url", "origin", mirror.to_str().unwrap()]);
    world.git(&["remote", "set-url", "--push", "origin", &world.url()]);
    // The mirror does not know of it.
    world.git_in(&world.remote, &["tag", "0.2", "main"]).expect(0);
    let refused = world.release(&["0.2", "--yes"]);
    assert!(refused.expect(1).err.contains("cannot make the tag `0.2`"), "{}", refused.all());
    world.release(&["0.3", "--yes"]).expect(0);
    assert_eq!(world.git_in(&world.remote, &["tag"]).out, "0.1\n0.2\n0.3\n");
    assert_eq!(world.git_in(&mirror, &["tag"]).out, "0.1\n");

    world.write("app", "more\n");
    world.commit("more");
    world.git(&["remote", "set-url", "--add", "--push", "origin", mirror.to_str().unwrap()]);
    let two = world.release(&["0.4", "--yes"]);
    assert!(two.expect(1).err.contains("it is pushed to 2 places"), "{}", two.all());
}

#[test]
fn messages_in_any_encoding_are_logged_and_obeyed_by_no_terminal() {
    let world = World::new(PROJECT);
    world.write("app", "1");
    world.git(&["add", "--all"]);
    let message = world.room().join("message");
    fs::write(&message, b"caf\xe9 in latin-1\n").unwrap();
    world.git(&[
        "-c",
        "i18n.commitEncoding=ISO-8859-1",
        "commit",
        "--quiet",
        "-F",
        message.to_str().unwrap(),
    ]);
    world.write("app", "2");
    world.git(&["add", "--all"]);
    fs::write(&message, b"na\xefve, and nobody said in what\n").unwrap();
    world.git(&["-c", "i18n.commitEncoding=UTF-8", "commit", "--quiet", "-F", message.to_str().unwrap()]);
    world.write("app", "3");
    world.commit("a \u{1b}[31mred one");
    world.release(&["0.2", "--yes"]).expect(0);
    let log = world.read("CHANGELOG.md");
    for line in ["- caf\u{e9} in latin-1\n", "- na\u{ef}ve, and nobody said in what\n", "- a  [31mred one\n"]
    {
        assert!(log.contains(line), "{line:?}\n{log}");
    }
}

#[test]
fn a_tag_is_signed_where_git_is_set_up_to_sign() {
    let world = World::new(PROJECT);
    let key = world.room().join("key");
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "ada@example.org", "-f"]).arg(&key);
    ran(command).expect(0);
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let allowed = world.room().join("allowed");
    fs::write(&allowed, format!("ada@example.org {public}")).unwrap();
    world.git(&["config", "gpg.format", "ssh"]);
    world.git(&["config", "user.signingKey", key.to_str().unwrap()]);
    world.git(&["config", "gpg.ssh.allowedSignersFile", allowed.to_str().unwrap()]);
    world.release(&["0.2", "--yes"]).expect(0);
    let verified = world.git_in(&world.stage.project, &["verify-tag", "0.2"]);
    assert!(
        verified.expect(0).err.contains("Good \"git\" signature for ada@example.org"),
        "{}",
        verified.all()
    );

    world.write("app", "more\n");
    world.commit("app: more");
    fs::remove_file(&key).unwrap();
    let refused = world.release(&["patch", "--yes"]);
    assert!(refused.expect(1).err.contains("error: cannot sign"), "{}", refused.all());
    world.git(&["config", "tag.gpgSign", "false"]);
    world.release(&["patch", "--yes"]).expect(0);
}

#[test]
fn a_hook_may_add_to_the_message() {
    let world = World::new(PROJECT);
    world.hook("commit-msg", "printf '\\nReviewed-by: nobody\\n' >> \"$1\"");
    world.release(&["0.2", "--yes"]).expect(0);
    assert_eq!(world.git(&["log", "-1", "--format=%B"]), "release 0.2\n\nReviewed-by: nobody");
}

/// A module's version that no release changes is told, never passed over.
#[test]
fn a_version_that_stays_behind_is_told() {
    let world = World::with(
        |_| "name = \"hello\"\n".to_owned(),
        |world| {
            world.write("cpanfile", "requires 'strict';\n");
            world.write("lib/Hello.pm", "package Hello;\nour $VERSION = '0.1';\n1;\n");
            world.write("lib/Other.pm", "package Other 0.1 {\n}\n1;\n");
            world.write("lib/None.pm", "package None;\n1;\n");
        },
    );
    let planned = world.release(&["0.2", "--dry-run"]);
    let told = planned.expect(0).out.lines().find(|line| line.contains("says a version")).unwrap_or_default();
    assert_eq!(
        told.trim(),
        "note: `lib/Hello.pm`, `lib/Other.pm` says a version, which stays as it is: `[version] files` names what is bumped"
    );
}

#[test]
fn a_version_below_what_the_files_say_is_refused() {
    let world = World::new(PROJECT);
    world.write("VERSION", "3.0.0\n");
    world.commit("three");
    let refused = world.release(&["2.0.0", "--dry-run"]);
    assert!(
        refused.expect(1).err.contains("the project's own files say 3.0.0, which is later"),
        "{}",
        refused.all()
    );
    world.release(&["3.0.0", "--dry-run"]).expect(0);
}
