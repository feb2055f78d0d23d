//! The supervisor's three faces alone, for this crate's tests: `pintail` itself is further up.
//! `ROOT/faces-version` is the version it has; its patience is short.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use pintail_host::supervise::server::Patience;
use pintail_host::supervise::{gate, holder, server};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["supervise", "--root", root] => supervise(&PathBuf::from(root)),
        ["hold", "--root", root] => holder::run(Path::new(root)),
        ["gate"] => return ExitCode::from(gate::run()),
        _ => return ExitCode::from(2),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            let _ =
                std::io::Write::write_all(&mut std::io::stderr(), format!("error: {refusal}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn supervise(root: &Path) -> Result<(), pintail_host::supervise::protocol::Refusal> {
    let version = std::fs::read_to_string(root.join("faces-version")).unwrap_or_else(|_| "1".into());
    let patience = Patience {
        first_wait: Duration::from_millis(50),
        longest_wait: Duration::from_millis(200),
        settled_after: Duration::from_secs(1),
        gives_up_after: 4,
    };
    server::run_with(root, version.trim(), patience)
}
