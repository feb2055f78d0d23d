//! Files that are published for the web server.

use super::*;

#[test]
fn published_files_are_added_and_replaced_whole_and_those_of_earlier_releases_stay() {
    let stage = still(
        "publish = [{ from = \"web\", to = \"docroot\" }, { from = \"robots.txt\", to = \"docroot/robots.txt\" }]",
    );
    let release = |version: &str, files: &[(&str, &str)]| {
        stage.release_with(version, "healthy", |tree| {
            write(&tree.join("robots.txt"), &format!("robots of {version}"));
            std::os::unix::fs::symlink("same.css", {
                fs::create_dir_all(tree.join("web")).unwrap();
                tree.join("web/link.css")
            })
            .unwrap();
            for (path, content) in files {
                write(&tree.join("web").join(path), content);
            }
        });
    };
    release("1.0", &[("same.css", "same"), ("app.js", "of 1.0"), ("old/only-1.js", "1")]);
    release("2.0", &[("same.css", "same"), ("app.js", "of 2.0"), ("new/only-2.js", "2")]);
    stage.deploy("1.0").expect(0);
    let docroot = stage.root.join("docroot");
    write(&docroot.join("by-hand.txt"), "the operator's");
    let inode = |path: &str| fs::metadata(docroot.join(path)).unwrap().ino();
    let (same, linked, replaced) = (inode("same.css"), inode("link.css"), inode("app.js"));
    stage.deploy("2.0").expect(0);
    for (path, content) in [
        ("same.css", "same"),
        ("link.css", "same"),
        ("app.js", "of 2.0"),
        ("old/only-1.js", "1"),
        ("new/only-2.js", "2"),
        ("by-hand.txt", "the operator's"),
        ("robots.txt", "robots of 2.0"),
    ] {
        assert_eq!(read(docroot.join(path)), content, "{path}");
    }
    assert_eq!(inode("same.css"), same, "what is the same is not written again");
    assert_eq!(inode("link.css"), linked, "nor where the release has a link to it");
    assert_ne!(inode("app.js"), replaced, "what differs is replaced, never written into");
    assert_eq!(mode(&docroot.join("app.js")), 0o644);
    let half = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "tmp");
    let left: Vec<PathBuf> = apps::files(&docroot).into_iter().map(|(path, _)| path).filter(half).collect();
    assert!(left.is_empty(), "{left:?}");
    // Going back publishes what that release brings.
    stage.run(&["rollback", "local", "--yes"]).expect(0);
    assert_eq!(read(docroot.join("app.js")), "of 1.0");
    assert_eq!(read(docroot.join("robots.txt")), "robots of 1.0");
    assert!(stage.names("backups").is_empty(), "{:?}", stage.names("backups"));
}

#[test]
fn what_was_published_is_put_back_byte_for_byte_when_the_release_fails() {
    let host = "publish = [{ from = \"a\", to = \"pub/a-b\" }, { from = \"b\", to = \"pub/a/b\" }, { from = \"c\", to = \"pub-a/b\" }, \
                { from = \"one\", to = \"one\" }]";
    let stage =
        Stage::with(|root| config(root, host, &hello("").replace("within = \"5s\"", "within = \"500ms\"")));
    for (version, behaviour) in [("1.0", "healthy"), ("2.0", "unhealthy")] {
        stage.release_with(version, behaviour, |tree| {
            for folder in ["a", "b", "c"] {
                write(&tree.join(folder).join("x.txt"), &format!("{folder} of {version}"));
                write(&tree.join(folder).join(format!("only-{version}/y.txt")), version);
            }
            write(&tree.join("one"), &format!("one of {version}"));
        });
    }
    stage.deploy("1.0").expect(0);
    let published = ["pub", "pub-a", "one"].map(|name| stage.root.join(name));
    fs::set_permissions(stage.root.join("pub/a-b/x.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    // A link that somebody made there, leading nowhere, is put back as the link that it was.
    fs::remove_file(stage.root.join("pub/a/b/x.txt")).unwrap();
    std::os::unix::fs::symlink("nowhere", stage.root.join("pub/a/b/x.txt")).unwrap();
    let before = shape(&published);
    let failed = stage.deploy("2.0");
    assert!(failed.expect(3).err.contains("at step `health`"), "{}", failed.all());
    assert_eq!(shape(&published), before);
    assert!(stage.names("backups").is_empty(), "{:?}", stage.names("backups"));
}

/// Paths, modes and contents below, without inodes and times.
fn shape(roots: &[PathBuf]) -> Vec<String> {
    let mut lines = Vec::new();
    for path in roots {
        let found = fs::symlink_metadata(path).unwrap();
        let content = if found.is_symlink() {
            format!("-> {}", fs::read_link(path).unwrap().display())
        } else if found.is_dir() {
            let mut inner: Vec<PathBuf> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            inner.sort();
            lines.extend(shape(&inner));
            String::new()
        } else {
            read(path)
        };
        lines.push(format!("{} {:o} {content}", path.display(), mode(path)));
    }
    lines
}

#[test]
fn what_the_release_does_not_have_can_t_be_published() {
    let stage = still("publish = [{ from = \"missing\", to = \"docroot\" }]");
    stage.release("1.0", "healthy");
    let failed = stage.deploy("1.0");
    assert!(failed.expect(3).err.contains("cannot publish `missing` of release `1.0`"), "{}", failed.all());
}
