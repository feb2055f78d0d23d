//! What the project promises first, counted: no request is lost over a hundred handovers, nor over twenty restarts.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests start programs, and tell what they measured"
)]

mod common;

use common::PINTAIL;
use serde_json::Value;
use std::process::Command;

/// The very run that CONTRIBUTING.md names, with GET and POST from separate client processes all the while.
#[test]
fn no_request_is_lost_over_100_handovers_and_20_restarts() {
    let room = tempfile::tempdir().unwrap();
    let mut demo = Command::new(PINTAIL);
    demo.args(["demo", "--endurance", "100,20", "--dir"]).arg(room.path().join("demo"));
    let ran = common::ran(demo);
    ran.expect(0);
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{}", ran.all());
    for (line, (change, count)) in lines.iter().zip([("handover", 100), ("restart", 20)]) {
        println!("endurance: {line}");
        assert_eq!((line["change"].as_str(), line["count"].as_u64()), (Some(change), Some(count)), "{line}");
        assert_eq!(line["failed"], 0, "{line}");
        assert!(line["requests"].as_u64().unwrap() > 100 * count, "{line}");
        assert!(line["slowest_ms"].is_number(), "{line}");
        for version in ["1.0", "2.0"] {
            assert!(line["versions"][version].as_u64().unwrap() > 0, "{line}");
        }
    }
}
