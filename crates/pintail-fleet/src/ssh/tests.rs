//! What is said before the agent speaks, and what ssh's complaints become.

use super::*;
use std::io::Cursor;
use std::path::Path;

fn image() -> Image {
    Image::of(Path::new("/proc/self/exe"))
}

fn hears(text: &str) -> (io::Result<()>, usize) {
    let mut sent = Vec::new();
    let heard = log_in(&mut Cursor::new(text), &mut sent, &image());
    (heard, sent.len())
}

#[test]
fn what_a_login_prints_is_skipped() {
    assert!(hears("Welcome!\nYou have mail.\npintail here\n").0.is_ok());
    assert!(hears("no line end, then: pintail here\n").0.is_ok());
    assert_eq!(hears("Welcome!\n").0.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    let endless = "x".repeat(NOISE_MAX as usize + 1);
    assert_eq!(hears(&endless).0.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_host_that_lacks_the_agent_is_sent_it_if_it_is_of_its_kind() {
    let wanted = format!("motd\npintail wants Linux {}\npintail here\n", std::env::consts::ARCH);
    let (heard, sent) = hears(&wanted);
    heard.unwrap();
    let packed = image().packed().unwrap().len();
    assert_eq!(sent, packed + packed.to_string().len() + 1);
    let (heard, sent) = hears("pintail wants FreeBSD amd64\n");
    assert!(
        heard
            .unwrap_err()
            .to_string()
            .starts_with("it is `FreeBSD amd64`, and this Pintail is made for `Linux")
    );
    assert_eq!(sent, 0);
}

/// The line that goes to a host stands in no golden file, since it has this program's digest; its parts do.
#[test]
fn the_line_for_the_host_is_one_word_behind_sh() {
    let image = image();
    let face = ["agent", "--root", "/srv/it's here", "--observe"].map(str::to_owned);
    let line = there(&image, &face).unwrap();
    let parts = [(image.seat().unwrap(), "SEAT"), (image.digest().unwrap().to_string(), "DIGEST")];
    let told = parts.iter().fold(line.clone(), |text, (part, name)| text.replace(part, name));
    insta::assert_snapshot!(told);
    // A shell reads it as the three words that were meant.
    let program = Program::shell(&format!("set -- {line}; echo $# $1 $2")).output(100).unwrap();
    assert_eq!(program, b"3 sh -c\n");
}

#[test]
fn complaints_are_told_in_our_words() {
    let eof = io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut told = String::new();
    for (said, code) in [
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n", 255),
        (
            "No ED25519 host key is known for web1 and you have requested strict checking.\nHost key verification failed.\n",
            255,
        ),
        ("deploy@web1: Permission denied (publickey).\n", 255),
        ("ssh: Could not resolve hostname web1: Name or service not known\n", 255),
        ("ssh: connect to host web1 port 22: Connection refused\n", 255),
        ("ssh: connect to host web1 port 22: Connection timed out\n", 255),
        ("ssh: connect to host web1 port 22: No route to host\n", 255),
        ("something new\n", 255),
        ("mkdir: cannot create directory '.pintail': Permission denied\n", 1),
        ("", 1),
    ] {
        let trouble = trouble("web1", said, Some(code), &eof);
        told.push_str(&format!("{trouble}\nhint: {}\n\n", trouble.hint.clone().unwrap_or_default()));
    }
    insta::assert_snapshot!(told);
    assert!(is_crowded("kex_exchange_identification: Connection closed by remote host"));
    assert!(!is_crowded("Connection closed by 10.0.0.1\nPermission denied (publickey)."));
}
