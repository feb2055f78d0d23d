//! `drill`: a target whose deployments are killed at every line of their journals, and recovered from each time.

mod common;

use common::{HANDOVER, RESTART, Stage, error};

#[test]
fn a_target_passes_it_and_is_as_it_was() {
    for process in [HANDOVER, RESTART] {
        let stage = Stage::new(process);
        stage.release("1.0", "healthy");
        stage.deploy("1.0").expect(0);
        stage.release("2.0", "healthy");
        let ran = stage.run(&["drill", "local", "--yes", "--json"]);
        let told = ran.expect(0).json();
        assert_eq!(told["faults"], serde_json::json!([]), "{told:#}");
        let trials = told["trials"].as_array().unwrap();
        // Two lines for each step, but the last, behind which nothing is left to do.
        assert!(trials.len() > 25, "{told:#}");
        assert!(trials.iter().any(|trial| trial["step"] == "switch"), "{told:#}");
        let live = trials.last().unwrap()["live"].as_str().unwrap().to_owned();
        stage.check_well(&stage.live().unwrap(), &format!("{told:#}"));
        assert!(["1.0", "2.0"].contains(&live.as_str()), "{told:#}");
    }
}

#[test]
fn it_is_for_where_no_users_are() {
    let stage = Stage::new(HANDOVER);
    stage.release("1.0", "healthy");
    let config = std::fs::read_to_string(stage.project.join("pintail.toml")).unwrap();
    let view =
        "[targets.view]\nhosts = [\"local\"]\nroot = \"/nowhere\"\n\n[targets.local]\nrequires = \"view\"\n";
    stage.set_config(&config.replace("[targets.local]\n", view));
    let ran = stage.run(&["drill", "local", "--yes"]);
    assert_eq!(
        error(ran.expect(1)),
        "error: will not drill on `local`\n  it requires `view`, so it is where users are\nhint: `pintail drill view`"
    );
    stage.set_config(&config);
    let unasked = stage.run(&["drill", "local"]);
    assert!(error(unasked.expect(1)).contains("unasked"), "{}", unasked.all());
}
