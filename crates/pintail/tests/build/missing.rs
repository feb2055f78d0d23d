//! What a commit names and does not contain.

use super::*;

#[test]
fn submodules_are_told_unless_they_are_left_out() {
    let project = Project::new("");
    let other = project.room.path().join("other");
    fs::create_dir(&other).unwrap();
    git(&other, &["init", "--quiet"]);
    fs::write(other.join("file"), "of the submodule").unwrap();
    git(&other, &["add", "."]);
    git(&other, &["commit", "--quiet", "-m", "other"]);
    let other = other.to_str().unwrap();
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other, "vendor/other"];
    git(&project.folder, &add);
    project.commit("with a submodule");
    let refused = project.run(&["build", "--version", "1"]);
    insta::assert_snapshot!(refused.expect(1).err.trim(), @r#"
    error: cannot build `pond` 1
      the commit names submodules and does not contain them: `vendor/other`; vendor what the release needs of them, or leave them out with `build.exclude`
    "#);
    project.write("pintail.toml", &format!("{CONFIG}[build]\nexclude = [\"vendor/other\"]\n"));
    project.commit("without it");
    project.built(&["--version", "1"]);
    assert!(!project.shown("1").iter().any(|path| path.contains("other")), "{:?}", project.shown("1"));
}

#[test]
fn pointers_of_git_lfs_are_told_unless_they_are_left_out() {
    let project = Project::new("");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    project.write("media/film.mp4", pointer);
    project.write(".gitattributes", "*.mp4 filter=lfs diff=lfs merge=lfs -text\n");
    project.commit("with a film");
    let refused = project.run(&["build", "--version", "1"]);
    insta::assert_snapshot!(refused.expect(1).err.trim(), @r#"
    error: cannot build `pond` 1
      these are pointers of Git LFS, not the files: `media/film.mp4`; install git-lfs and `git lfs fetch`, or leave them out with `build.exclude`
    "#);
    project.write("pintail.toml", &format!("{CONFIG}[build]\nexclude = [\"*.mp4\"]\n"));
    project.commit("without it");
    project.built(&["--version", "1"]);
    // Without the attribute it is a text like any other.
    project.write("pintail.toml", CONFIG);
    fs::remove_file(project.folder.join(".gitattributes")).unwrap();
    project.commit("a text");
    project.built(&["--version", "2"]);
    assert!(project.shown("2").contains(&"0644 media/film.mp4".to_owned()));
}
