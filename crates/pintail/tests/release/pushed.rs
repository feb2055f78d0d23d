//! From the push on: whether it happened is the remote's to say, and what is left is done later, never undone.

use super::*;

/// A `git` in front of the real one that does what `script` says; `$real` is the real one. `$1` to the end are its own.
fn in_front(world: &World, script: &str) -> String {
    let folder = world.room().join("front");
    fs::create_dir_all(&folder).unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut find = Command::new("sh");
    find.args(["-c", "command -v git"]);
    let real = ran(find).out;
    let script = format!(
        "#!/bin/sh\nreal={}\nroom={}\n{script}\nexec $real \"$@\"\n",
        real.trim(),
        world.room().display()
    );
    fs::write(folder.join("git"), script).unwrap();
    fs::set_permissions(folder.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{path}", folder.display())
}

fn release_with(world: &World, path: &str, arguments: &[&str]) -> Ran {
    let mut command = world.command(arguments);
    command.env("PATH", path);
    ran(command)
}

/// The state of a world in which 0.2 was released without any fault.
fn released() -> String {
    let world = World::new(PROJECT);
    world.release(&["0.2", "--yes"]).expect(0);
    world.state()
}

#[test]
fn a_link_that_is_lost_after_the_push_is_no_failure() {
    let world = World::new(PROJECT);
    let path =
        in_front(&world, "case \" $* \" in *' push '*) $real \"$@\"; echo 'link lost' >&2; exit 128;; esac");
    release_with(&world, &path, &["0.2", "--yes"]).expect(0);
    assert_eq!(world.state(), released());
}

#[test]
fn a_push_that_nobody_can_ask_about_waits() {
    let world = World::new(PROJECT);
    let path = in_front(
        &world,
        "case \" $* \" in
         *' push '*) $real \"$@\"; touch $room/lost; exit 128;;
         *' ls-remote '*) test -e $room/lost && { echo 'no route' >&2; exit 128; };;
         esac",
    );
    let lost = release_with(&world, &path, &["0.2", "--yes"]);
    lost.expect(4);
    insta::assert_snapshot!(
        world
            .plain(common::error(&lost))
            .lines()
            .filter(|line| !line.contains("git --no-pager"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    assert!(world.git(&["tag"]).contains("0.2"), "nothing is undone: it may be there");
    for arguments in [["--abort"], ["--resume"]] {
        let asked = release_with(&world, &path, &arguments);
        assert!(
            asked.expect(1).err.contains("cannot tell whether the release of 0.2 was pushed"),
            "{}",
            asked.all()
        );
    }
    // Back again, it says that it has it.
    fs::remove_file(world.room().join("lost")).unwrap();
    let abort = release_with(&world, "/usr/local/bin:/usr/bin:/bin", &["--abort"]);
    assert!(
        abort.expect(1).err.contains("`0.2` is pushed to `origin`, and others may have it"),
        "{}",
        abort.all()
    );
    world.release(&["--resume"]).expect(0);
    assert_eq!(world.state(), released());
}

#[test]
fn what_could_not_be_published_is_published_later() {
    let world = World::new(PROJECT);
    // The depot is lost just before: somebody put a file in its place.
    world.hook("pre-push", "rm -rf .pintail/depot; mkdir -p .pintail; touch .pintail/depot");
    let left = world.release(&["0.2", "--yes"]);
    left.expect(4);
    assert!(left.err.contains("the release of 0.2 is pushed, and could not be published"), "{}", left.all());
    assert!(left.err.contains("hint: mend that; `pintail release --resume` publishes it"), "{}", left.all());
    world.write("app", "next\n");
    world.commit("next");
    let next = world.release(&["0.3", "--yes"]);
    assert!(next.expect(1).err.contains("the release of 0.2 by"), "{}", next.all());
    let abort = world.release(&["--abort"]);
    assert!(abort.expect(1).err.contains("is pushed to `origin`"), "{}", abort.all());
    world.release(&["--resume"]).expect(4);
    fs::remove_file(world.path(".pintail/depot")).unwrap();
    world.release(&["--resume"]).expect(0);
    fs::remove_file(world.path(".git/hooks/pre-push")).unwrap();
    let depot = world.stage.depot();
    let card = depot.verify(&"hello".parse().unwrap(), &"0.2".parse().unwrap()).unwrap();
    assert!(depot.proof(&card).unwrap().is_some());
    world.release(&["0.3", "--yes"]).expect(0);
}
