//! What a `pintail.toml` means, and how every mistake in it is told.

use std::{net::SocketAddr, path::Path, time::Duration};

use proptest::prelude::*;

use super::*;

const WHOLE: &str = include_str!("examples/whole.toml");
const MISTAKES: &str = include_str!("examples/mistakes.toml");
const REFERENCE: &str = include_str!("../../../../docs/formats/pintail-toml.md");

fn parsed(text: &str) -> Config {
    read(text, "pintail.toml").unwrap_or_else(|problems| panic!("{}", render(&problems)))
}

fn told(text: &str) -> String {
    render(&read(text, "pintail.toml").expect_err("it was taken"))
}

/// A whole file around some lines, which then stand from line 5 on.
fn with(lines: &str) -> String {
    format!("name = \"blog\"\n[host]\nroot = \"/srv/blog\"\n\n{lines}\n")
}

#[test]
fn the_whole_example_means_what_the_manual_says() {
    insta::assert_debug_snapshot!(parsed(WHOLE));
}

#[test]
fn a_name_is_enough() {
    insta::assert_debug_snapshot!(parsed("name = \"blog\""));
}

#[test]
fn a_small_application_gets_the_defaults() {
    let config = parsed(&with("[targets.prod]\nhosts = [\"local\"]\n[processes.web]\nrun = \"app\""));
    let target = config.target("prod").expect("declared");
    assert_eq!(target.root, Path::new("/srv/blog"));
    assert_eq!((target.max_failed, target.lost_operator), (0, LostOperator::Finish));
    assert_eq!(target.confirm_within, Duration::from_secs(60));
    let process = config.process("web").expect("declared");
    let endpoint = process.endpoint.as_ref().expect("http is the default");
    assert_eq!((endpoint.protocol, endpoint.listen), (Protocol::Http, Listen::Unix));
    assert_eq!((endpoint.socket, process.change), (SocketHandling::ListenFds, Change::Handover));
    assert!(endpoint.health.expect.accepts(302) && !endpoint.health.expect.accepts(404));
    assert_eq!((process.instances, process.settle), (1, Duration::from_secs(2)));
    assert_eq!((process.stop_timeout, process.drain), (Duration::from_secs(30), Duration::from_secs(5)));
}

#[test]
fn all_mistakes_are_told_at_once() {
    insta::assert_snapshot!(told(MISTAKES));
}

#[test]
fn what_is_nested_or_long_beyond_reason_is_refused() {
    let cases = [
        "a = ".to_owned() + &"[".repeat(50_000),
        "a.".repeat(50_000) + "a = 1",
        "[a".to_owned() + &".a".repeat(50_000) + "]",
        "a = ".to_owned() + &"{ a = ".repeat(30_000),
    ];
    for text in cases {
        assert!(read(&text, "pintail.toml").is_err());
    }
}

#[test]
fn what_a_file_can_be() {
    let cases: &[(&str, &str)] = &[
        ("nothing", ""),
        ("an open header", "name = \"blog\"\n[host\nroot = \"/srv\"\n"),
        ("a key twice", "name = \"blog\"\nname = \"blog\"\n"),
        ("a table twice", "name = \"blog\"\n[host]\nkeep = 3\n[host]\nkeep = 4\n"),
        ("a key without value, in the lines of another system", "name = \"blog\"\r\nkeep = \r\n"),
        ("an open string", "name = \"blog\n"),
        ("a control character", "name = \"bl\u{1b}og\"\n"),
        ("columns are characters", "name = \"b\"\ntargets = { \"prød\" = { hosts = [\"löcal\", \"\"] } }\n"),
        ("a root without targets", "name = \"b\"\nhost.root = \"srv/../b\"\n"),
        (
            "a root that fits no target",
            "name = \"b\"\nhost.root = \"b\"\ntargets = { a.hosts = [\"a\"], b.hosts = [\"b\"] }\n",
        ),
        (
            "no root in the host section",
            "name = \"b\"\nhost.keep = 3\ntargets = { a.hosts = [\"a\"], b.hosts = [\"b\"] }\n",
        ),
        ("too many lines", &"#\n".repeat(200_000)),
    ];
    let told: Vec<_> = cases.iter().map(|(case, text)| format!("# {case}\n{}", told(text))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn bytes_that_are_no_text_are_told_with_their_place() {
    let problems = read_bytes(b"name = \"blog\"\n# caf\xe9\n[targets.prod]\n", "pintail.toml").unwrap_err();
    insta::assert_snapshot!(render(&problems));
    assert!(read_bytes(b"name = \"blog\"", "pintail.toml").is_ok());
}

#[test]
fn what_a_key_can_be() {
    let cases: &[(&str, &str)] = &[
        ("a key of the top", "targets = 3"),
        ("sections of the wrong type", "[processes]\nweb = 3\n[build]\nsteps = [[\"a\"]]"),
        ("an environment that would let all in", "[build]\nenv = [\"PERL5LIB\", \"HOME\", \"A B\"]"),
        ("an unknown table in a known one", "[processes.web.helth]\npath = \"/\""),
        ("a target of the wrong type", "[targets]\nprod = \"local\""),
        ("hosts as a string", "[targets.prod]\nhosts = \"local\""),
        ("nearly local", "[targets.prod]\nhosts = [\"Local\"]"),
        ("root of everything", "[targets.prod]\nhosts = [\"local\"]\nroot = \"/\""),
        ("climbing root", "[targets.prod]\nhosts = [\"local\"]\nroot = \"/srv/../etc\""),
        ("its own circle", "[targets.prod]\nhosts = [\"local\"]\nrequires = \"prod\""),
        ("a control character", "[targets.prod]\nhosts = [\"web\\u001b[31m\"]"),
        ("a duration too long", "[processes.w]\nrun = \"w\"\ndrain = \"25h\""),
        ("a duration beyond u64", "[processes.w]\nrun = \"w\"\ndrain = \"99999999999999999999h\""),
        ("a duration with a blank", "[processes.w]\nrun = \"w\"\ndrain = \"5 s\""),
        ("a duration without unit", "[processes.w]\nrun = \"w\"\ndrain = \"30\""),
        ("a broken duration", "[processes.w]\nrun = \"w\"\ndrain = \"1.5h\""),
        ("an open brace", "[processes.w]\nrun = \"w {listen\""),
        ("no such port", "[processes.w]\nrun = \"w {port}\""),
        ("bind without place", "[processes.w]\nrun = \"w\"\nsocket = \"bind\""),
        (
            "two that bind",
            "[processes.w]\nrun = \"w\"\nsocket = \"bind\"\nlisten = \"[::1]:80\"\ninstances = 2\nchange = \"restart\"",
        ),
        (
            "everything in a process",
            "[processes.\"w w\"]\nlisten = \"127.0.0.1:80\"\ninstances = 0\nsocket = \"bind\"\nchange = \"never\"\nsettle = \"x\"\nhealth = { path = \"up\" }\n[processes.v]\nrun = \"{lisen}\"\nlisten = \"127.0.0.1:80\"\n[processes.u]\nrun = 3\nlisten = \"127.0.0.1:80\"",
        ),
        (
            "no complaint of what nobody wrote",
            "[processes.w]\nrun = \"w {port}\"\nlisten = \"8989 \"\n[processes.v]\nrun = \"v {listen}\"\nhealth = { path = \"up\" }",
        ),
        ("port 0", "[processes.w]\nrun = \"w\"\nlisten = \"127.0.0.1:0\""),
        ("port alone", "[processes.w]\nrun = \"w\"\nlisten = \":8080\""),
        ("port as a number", "[processes.w]\nrun = \"w\"\nlisten = 8080"),
        ("run without run", "[processes.w]\nrun = \"  \""),
        ("no probe", "[processes.w]\nrun = \"w\"\nhealth = { version = {} }"),
        ("a task", "[tasks.\"re index\"]\nwithin = \"0s\"\ncommand = \"x\"\n[tasks.y]\nrun = [\"x\"]"),
        ("true", "[processes.w]\nrun = true"),
        ("no schema", "[schema]\nengine = \"sqlite\"\nurl = \"shared/blog.db\""),
        ("a shell's setting", "[schema]\nengine = \"sqlite\"\nurl = \"$DB\"\ndeclared = \"schema\""),
        ("another database", "[schema]\nengine = \"sqlite\"\nurl = \"postgres:///blog\"\nmigrations = \"m\""),
        ("a site that answers nothing", "[[sites]]\nnames = [\"a.org\"]"),
        ("files without root", "[[sites]]\nnames = [\"a.org\"]\ntry = [\"{path}\"]"),
        (
            "a process without @",
            "[processes.web]\nrun = \"w\"\n[[sites]]\nnames = [\"a.org\"]\ntry = [\"web\"]",
        ),
        ("sites as one table", "[sites]\nnames = [\"a.org\"]"),
        ("two versions", "[release]\ntag = \"{version}-{version}\""),
        ("a depot nowhere", "[depot]\npath = \"ssh://web1\"\nkeep = 0"),
        ("a depot of nobody", "[depot]\npath = \":/srv/depot\""),
        ("a depot by another way", "[depot]\npath = \"s3://bucket/depot\""),
        ("a depot that is an option", "[depot]\npath = \"-oProxyCommand=evil:/srv\""),
        ("a depot with a password", "[depot]\npath = \"ssh://ci:hunter2@db1/srv/depot\""),
        ("a depot with a password in the short form", "[depot]\npath = \"ci:hunter2@db1:/srv/depot\""),
        ("a depot with a blank", "[depot]\npath = \"web 1:/srv\""),
        ("signed by nobody", "[targets.prod]\nhosts = [\"local\"]\nsigned_by = []"),
        (
            "half a key",
            "[targets.prod]\nhosts = [\"local\"]\nsigned_by = [\"RWQkka8DYDkjMNc+/28LDBoQaYXERo9xpSiKtr7YT5P7YZa4\", \"untrusted comment: x\"]",
        ),
    ];
    let told: Vec<_> =
        cases.iter().map(|(case, lines)| format!("# {case}\n{}", told(&with(lines)))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_depot_is_a_folder_or_one_of_another_machine() {
    let path = |text: &str| parsed(&format!("name = \"blog\"\n[depot]\npath = {text:?}")).depot.path;
    let there =
        |address: &str, folder: &str| DepotPath::Ssh { address: address.into(), folder: folder.into() };
    for folder in [".pintail/depot", "../depot", "/srv/depot", "./a:b", "a/b:c"] {
        assert_eq!(path(folder), DepotPath::Folder(folder.into()));
        assert_eq!(path(folder).to_string(), folder);
    }
    for (text, address, folder, told) in [
        ("ssh://ci@db1/srv/depot", "ci@db1", "/srv/depot", "ci@db1:/srv/depot"),
        ("ssh://ci@db1:2222/srv/depot", "ssh://ci@db1:2222", "/srv/depot", "ssh://ci@db1:2222/srv/depot"),
        ("ssh://db1/~/depot", "db1", "depot", "db1:depot"),
        ("ci@db1:/srv/depot", "ci@db1", "/srv/depot", "ci@db1:/srv/depot"),
        ("db1:~/depot", "db1", "depot", "db1:depot"),
        ("db1:depot", "db1", "depot", "db1:depot"),
    ] {
        assert_eq!(path(text), there(address, folder), "{text}");
        assert_eq!(path(text).to_string(), told);
    }
}

#[test]
fn a_signer_is_a_key_or_its_file() {
    let key = "RWQkka8DYDkjMNc+/28LDBoQaYXERo9xpSiKtr7YT5P7YZa4J/QD77Mq";
    let lines = format!("[targets.prod]\nhosts = [\"local\"]\nsigned_by = [{key:?}, \"keys/RW.pub\"]");
    let signers = parsed(&with(&lines)).target("prod").unwrap().signed_by.clone();
    assert_eq!(signers, [SignedBy::Key(key.into()), SignedBy::File("keys/RW.pub".into())]);
}

#[test]
fn a_root_may_be_relative_where_all_hosts_are_local() {
    let config = parsed("name = \"blog\"\n[targets.here]\nhosts = [\"local\"]\nroot = \"tmp/blog\"");
    assert_eq!(config.targets[0].root, Path::new("tmp/blog"));
}

#[test]
fn a_target_overrules_the_root() {
    let config =
        parsed(&with("[targets.a]\nhosts = [\"a\"]\n[targets.b]\nhosts = [\"b\"]\nroot = \"/home/b\""));
    let roots: Vec<_> = config.targets.iter().map(|target| target.root.to_str()).collect();
    assert_eq!(roots, [Some("/srv/blog"), Some("/home/b")]);
}

#[test]
fn inline_tables_and_dotted_keys_mean_the_same_as_headers() {
    let headers = parsed("name = \"b\"\n[processes.w]\nrun = \"w\"\n[processes.w.health]\npath = \"/up\"\n");
    let inline = parsed("name = \"b\"\nprocesses = { w = { run = \"w\", health.path = \"/up\" } }\n");
    let dotted = parsed("name = \"b\"\nprocesses.w.run = \"w\"\nprocesses.w.health.path = \"/up\"\n");
    assert_eq!(headers, inline);
    assert_eq!(headers, dotted);
}

#[test]
fn a_worker_without_protocol_is_restarted_unless_it_says_otherwise() {
    let config = parsed(&with("[processes.w]\nrun = \"w\"\nprotocol = \"none\""));
    assert_eq!((&config.processes[0].endpoint, config.processes[0].change), (&None, Change::Restart));
    let config = parsed(&with("[processes.w]\nrun = \"w\"\nprotocol = \"none\"\nchange = \"handover\""));
    assert_eq!(config.processes[0].change, Change::Handover);
}

#[test]
fn the_same_port_of_other_addresses_is_no_clash() {
    let both = |one: &str, other: &str| {
        let process = |name, listen| format!("[processes.{name}]\nrun = \"w\"\nlisten = \"{listen}\"\n");
        read(&with(&(process("a", one) + &process("b", other))), "pintail.toml").is_ok()
    };
    assert!(both("127.0.0.1:80", "127.0.0.2:80"));
    assert!(both("127.0.0.1:80", "127.0.0.1:81"));
    assert!(both("unix", "unix"));
    assert!(!both("127.0.0.1:80", "127.0.0.1:80"));
    assert!(!both("0.0.0.0:80", "127.0.0.1:80"));
}

#[test]
fn a_fixed_address_can_be_bound_by_an_app_that_restarts() {
    let config = parsed(&with(
        "[processes.w]\nrun = \"w\"\nlisten = \"127.0.0.1:80\"\nsocket = \"bind\"\nchange = \"restart\"",
    ));
    let endpoint = config.processes[0].endpoint.as_ref().expect("http");
    assert_eq!(endpoint.listen, Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 80))));
}

#[test]
fn placeholders_are_filled_and_doubled_braces_kept() {
    let run = run_template::parse("app {listen}:{port} ${{HOME}} {{x} } {root}").expect("known placeholders");
    let filled = run.fill(|placeholder| format!("<{placeholder:?}>"));
    assert_eq!(filled, "app <Listen>:<Port> ${HOME} {x} } <Root>");
    assert!(run.mentions(Placeholder::Port) && !run.mentions(Placeholder::Pidfile));
}

#[test]
fn durations() {
    let known = [("500ms", 500), ("0s", 0), ("30s", 30_000), ("10m", 600_000), ("1h", 3_600_000)];
    for (text, milliseconds) in known {
        assert_eq!(duration::parse(text).ok(), Some(Duration::from_millis(milliseconds)), "{text}");
    }
    for text in ["", "s", "-1s", "+1s", "1S ", "1d", "1e3s", "١s", "18446744073709551615h"] {
        assert!(duration::parse(text).is_err(), "{text}");
    }
}

#[test]
fn waves_take_every_host_once() {
    let split = |text: &str, hosts| wave::parse(text).expect("a wave").split(hosts);
    assert_eq!(split("1, 50%, 100%", 10), [1, 5, 4]);
    assert_eq!(split("1, 50%, 100%", 2), [1, 1]);
    assert_eq!(split("1", 3), [1, 1, 1]);
    assert_eq!(split("10%", 3), [1, 1, 1]);
    assert_eq!(split("2, 1", 5), [2, 1, 1, 1]);
    assert_eq!(split("100%", 0), [0_usize; 0]);
    assert_eq!(Wave::all().split(7), [7]);
    for text in ["", "0", "0%", "101%", "1,", "50 %%", "-1", "1;2", "half"] {
        assert!(wave::parse(text).is_err(), "{text}");
    }
}

#[test]
fn paths_stay_inside() {
    let inner = |text| path::inner(text).map(|path| path.to_string()).ok();
    assert_eq!(inner("./share//docroot/").as_deref(), Some("share/docroot"));
    for text in ["/log", "..", "a/../b", ".", "./", "a/.."] {
        assert_eq!(inner(text), None, "{text}");
    }
}

#[test]
fn a_tag_gives_its_version_back() {
    let config = parsed("name = \"b\"\n[release]\ntag = \"release-{version}\"");
    assert_eq!(config.release.tag.tag("1.2"), "release-1.2");
    assert_eq!(config.release.tag.version("release-1.2"), Some("1.2"));
    assert_eq!(config.release.tag.version("v1.2"), None);
    assert_eq!(config.release.tag.version("release-"), None);
}

#[test]
fn a_password_is_never_repeated() {
    for url in [
        "postgres://u:hunter2@h/d",
        "env:postgres://u:hunter2@h/d",
        "mysql://u:hunter2@h/d?x",
        "host=h password=hunter2",
    ] {
        let told =
            told(&with(&format!("[schema]\nengine = \"postgres\"\nurl = \"{url}\"\ndeclared = \"s\"")));
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn the_reference_has_every_key_of_every_place() {
    let mut missing = Vec::new();
    for place in places::ALL {
        let heading = format!("## `{}`\n", place.name);
        let Some((_, section)) = REFERENCE.split_once(&heading) else {
            missing.push(place.name.to_owned());
            continue;
        };
        let section = section.split("\n## ").next().unwrap_or_default();
        let lacks = place.keys.iter().filter(|key| !section.contains(&format!("\n| `{key}` |")));
        missing.extend(lacks.map(|key| format!("{}: {key}", place.name)));
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_reference_has_no_key_that_is_not_known() {
    let known: Vec<_> = places::ALL.iter().flat_map(|place| place.keys).collect();
    for row in REFERENCE.lines().filter_map(|line| line.strip_prefix("| `")) {
        let key = row.split('`').next().unwrap_or_default();
        assert!(known.contains(&&key), "{key}");
    }
}

#[test]
fn the_example_of_the_reference_is_taken() {
    let example = REFERENCE.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    parsed(example.expect("the reference begins with an example"));
}

/// One change to a text that makes it wrong somewhere, or perhaps not.
#[derive(Debug, Clone)]
enum Mutation {
    Delete(usize, usize),
    Insert(usize, String),
    Swap(usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let tokens = prop::sample::select(vec![
        "\"",
        "'",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        "\n",
        ",",
        "0",
        "-1",
        "9e9",
        "true",
        "\"x\"",
        "[]",
        "{}",
        "é",
        "\0",
        ".",
        "#",
        "@",
        "{path}",
        "\"\"\"",
        "name",
        "1979-05-27",
        "\r",
    ]);
    prop_oneof![
        (0..WHOLE.len(), 1_usize..40).prop_map(|(at, length)| Mutation::Delete(at, length)),
        (0..WHOLE.len(), tokens).prop_map(|(at, token)| Mutation::Insert(at, token.to_owned())),
        (0_usize..80, 0_usize..80).prop_map(|(one, other)| Mutation::Swap(one, other)),
    ]
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    let chars: Vec<char> = text.chars().collect();
    match mutation {
        Mutation::Delete(at, length) => {
            chars.iter().take(*at).chain(chars.iter().skip(at + length)).collect()
        }
        Mutation::Insert(at, token) => chars
            .iter()
            .take(*at)
            .copied()
            .chain(token.chars())
            .chain(chars.iter().skip(*at).copied())
            .collect(),
        Mutation::Swap(one, other) => {
            let mut lines: Vec<&str> = text.lines().collect();
            if *one.max(other) < lines.len() {
                lines.swap(*one, *other);
            }
            lines.join("\n")
        }
    }
}

/// Each problem is one that can be shown: it has a place in the text, and stays on its lines.
fn well_told(text: &str) -> Result<(), TestCaseError> {
    let Err(problems) = read(text, "pintail.toml") else {
        return Ok(());
    };
    prop_assert!(!problems.is_empty());
    for problem in &problems {
        prop_assert!(problem.line >= 1 && problem.line <= text.matches('\n').count() + 1);
        prop_assert!(problem.column >= 1 && !problem.message.is_empty());
        prop_assert!(!problem.message.contains(char::is_control), "{problem:?}");
        prop_assert!(!problem.hint.iter().any(|hint| hint.contains(char::is_control)), "{problem:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        well_told(&text)?;
    }

    #[test]
    fn anything_like_toml_is_read_without_panic(text in "([a-z.\\[\\]{}\"'=,0-9\n é-]|name|hosts|sites|processes|targets){0,80}") {
        well_told(&text)?;
    }

    #[test]
    fn a_mutated_example_is_read_without_panic(mutations in prop::collection::vec(mutation(), 1..6)) {
        well_told(&mutations.iter().fold(WHOLE.to_owned(), |text, mutation| mutate(&text, mutation)))?;
    }

    #[test]
    fn any_value_of_any_key_is_read_without_panic(
        place in 0..places::ALL.len(),
        key in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            "1", "-9223372036854775808", "0.5", "true", "[]", "{}", "[1]", "[{}]", "[[]]", "\"\"", "\"a\"", "\"a\\u0007\"",
            "\"\\u0000\"", "\"..\"", "\"/\"", "\"{\"", "\"@\"", "\"$9\"", "\"é\"", "1979-05-27", "{ \"a b\" = 1 }",
        ]),
    ) {
        let place = places::ALL[place];
        let line = format!("{} = {value}\n", key.get(place.keys));
        let header = place.name.replace("NAME", "x");
        let text = match (place.name, header.starts_with('[')) {
            ("top", _) => line,
            (_, true) => format!("{header}\n{line}"),
            (_, false) => format!("[{header}]\n{line}\n[[{header}]]\n{line}"),
        };
        well_told(&text)?;
        well_told(&text.replace("[[", "[").replace("]]", "]"))?;
    }
}
