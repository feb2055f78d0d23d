//! Which version a build is when nobody says.

use super::*;

fn version(project: &Project) -> String {
    project.built(&[])["version"].as_str().unwrap().to_owned()
}

#[test]
fn without_a_version_the_commit_s_tag_counts_or_the_one_before_it() {
    let project = Project::new("[release]\ntag = \"v{version}\"\n");
    let first = project.commit("first");
    assert_eq!(version(&project), format!("0-1-g{}", &first[..12]));
    git(&project.folder, &["tag", "vnightly"]);
    git(&project.folder, &["tag", "v-feature"]);
    assert_eq!(version(&project), format!("0-1-g{}", &first[..12]), "no versions");
    git(&project.folder, &["tag", "v1.2"]);
    git(&project.folder, &["tag", "v1.10"]);
    git(&project.folder, &["tag", "other-9.9"]);
    assert_eq!(version(&project), "1.10");
    let second = project.commit("second");
    let later = version(&project);
    assert!(
        later == format!("1.10-1-g{0}", &second[..12]) || later == format!("1.2-1-g{0}", &second[..12]),
        "{later}"
    );
    git(&project.folder, &["tag", "-a", "-m", "annotated", "v2.0-rc1"]);
    assert_eq!(version(&project), "2.0-rc1");
}
