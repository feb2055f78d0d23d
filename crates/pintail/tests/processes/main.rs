//! Real processes: the seed's FastCGI application behind nginx, held TCP ports, applications that bind, workers
//! that answer nothing, several instances; what happens to them when releases, configuration and settings change.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests start programs and write files by hand, and tell what they measured"
)]

#[path = "../common/mod.rs"]
mod common;

mod configuration;
mod crashes;
mod fastcgi;
mod ports;
mod requests;
mod settings;
mod workers;

use common::apps::{
    self, FCGI, FCGI_WEB, HTTP_BIND, Nginx, config, environment, hello, instances, is_alive, processes,
};
use common::{Stage, Traffic, signal, wait_for};
use serde_json::json;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(15);

/// The sample application at a held TCP port.
fn tcp(port: u16, more: &str) -> String {
    hello(&format!("listen = \"127.0.0.1:{port}\"\n{more}"))
}

/// Notes when it begins and ends. Its release says in `worker.txt` for how long it lives; TERM takes it a while.
const WORKER: &str = r#"
use v5.36; use Time::HiRes qw(sleep time);
my ($file) = @ARGV;
my $note = sub ($what) { open my $to, '>>', $file or die; syswrite $to, "$what $ENV{PINTAIL_VERSION} $$\n" };
my $end = 0; $SIG{TERM} = sub { $end = 1 };
open my $told, '<', 'worker.txt'; chomp(my $lives = $told ? <$told> : 3600);
$note->('begins');
my $until = time + $lives;
sleep 0.02 until $end || time > $until;
if (!$end) { $note->('dies'); exit 5 }
sleep 0.3;
$note->('ends');
"#;

fn worker(more: &str) -> String {
    format!(
        "\n[processes.worker]\nrun = \"perl worker.pl {{root}}/events\"\nprotocol = \"none\"\nsettle = \"400ms\"\nstop_timeout = \"5s\"\n{more}\n"
    )
}

fn release_with_worker(stage: &Stage, version: &str, lives: &str) {
    stage.release_with(version, "healthy", |tree| {
        apps::write(&tree.join("worker.pl"), WORKER);
        apps::write(&tree.join("worker.txt"), lives);
    });
}

/// What the workers noted, without process numbers.
fn events(stage: &Stage) -> Vec<String> {
    let text = fs::read_to_string(stage.root.join("events")).unwrap_or_default();
    text.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}
