//! What the operator reads.

use super::*;
use insta::assert_snapshot;
use std::io::{BufRead, BufReader};

fn told(shop: &Shop, arguments: &[&str]) -> String {
    let ran = shop.run(arguments);
    let text = format!("exit {}\n--- stdout\n{}--- stderr\n{}", ran.code, ran.out, ran.err);
    text.replace(&shop.room().display().to_string(), "ROOM")
}

#[test]
fn a_life() {
    let shop = Shop::new();
    assert_snapshot!("authors-none", told(&shop, &["depot", "author"]));
    assert_snapshot!(
        "author",
        told(&shop, &["depot", "author", "DDGC", "DuckDuckGo Community <ddgc@example.com>"])
    );
    assert_snapshot!("author-wrong", told(&shop, &["depot", "author", "DDGC", "DuckDuckGo Community"]));
    assert_snapshot!("author-wrong-id", told(&shop, &["depot", "author", "ddgc", "Jo <jo@example.com>"]));
    let file = |name: &str, package: &str, version: &str| {
        shop.dist(name, package, version, &[]).display().to_string()
    };
    let first = file("Pt-App-0.939.tar.gz", "Pt::App", "0.939");
    assert_snapshot!("add-unknown-author", told(&shop, &["depot", "add", &first, "--author", "GETTY"]));
    assert_snapshot!("add", told(&shop, &["depot", "add", &first, "--author", "DDGC"]));
    assert_snapshot!("add-again", told(&shop, &["depot", "add", &first, "--author", "DDGC"]));
    let other = file("Pt-App-0.939.tar.gz", "Pt::App", "0.940");
    assert_snapshot!("add-other", told(&shop, &["depot", "add", &other, "--author", "DDGC"]));
    let lower = file("Pt-App-0.938.tar.gz", "Pt::App", "0.938");
    assert_snapshot!("add-lower", told(&shop, &["depot", "add", &lower, "--author", "DDGC"]));
    let trial = file("Pt-App-0.940-TRIAL.tar.gz", "Pt::App", "0.940");
    assert_snapshot!("add-trial", told(&shop, &["depot", "add", &trial, "--author", "DDGC"]));
    let missing = shop.room().join("Missing-1.tar.gz").display().to_string();
    assert_snapshot!("add-missing", told(&shop, &["depot", "add", &missing, "--author", "DDGC"]));
    let wheel = shop.room().join("app-1-py3-none-any.whl");
    fs::write(&wheel, "PK").unwrap();
    assert_snapshot!("add-wheel-broken", told(&shop, &["depot", "add", &wheel.display().to_string()]));
    fs::write(shop.depot().join("authors/id/D/DD/DDGC/Pt-App-0.939.readme"), "read me").unwrap();
    let next = file("Pt-App-0.941.tar.gz", "Pt::App", "0.941");
    assert_snapshot!("add-beside-stray", told(&shop, &["depot", "add", &next, "--author", "DDGC"]));
    fs::remove_file(shop.depot().join("authors/id/D/DD/DDGC/Pt-App-0.939.readme")).unwrap();
    assert_snapshot!("index", told(&shop, &["depot", "index"]));
    fs::write(shop.depot().join("authors/id/D/DD/DDGC/Broken-1.tar.gz"), "x").unwrap();
    fs::remove_dir_all(shop.depot().join("v1.0")).unwrap();
    assert_snapshot!("index-faults", told(&shop, &["depot", "index"]));
    let more = file("Pt-More-1.tar.gz", "Pt::More", "1");
    assert_snapshot!("add-beside-damaged", told(&shop, &["depot", "add", &more, "--author", "DDGC"]));
    let broken = shop.depot().join("authors/id/D/DD/DDGC/Broken-1.tar.gz");
    fs::remove_file(&broken).unwrap();
    std::os::unix::fs::symlink("Broken-1.tar.gz", &broken).unwrap();
    assert_snapshot!("index-unreadable", told(&shop, &["depot", "index"]));
    fs::write(shop.depot().join("authors.toml"), "[authors.DDGC]\nname = 1\n[authors.X]\n").unwrap();
    assert_snapshot!("authors-wrong", told(&shop, &["depot", "author"]));
}

/// What `is_used` looks at: without archives and authors the indexes are of what is gone.
#[test]
fn indexes_of_what_is_gone_are_made_anew() {
    let shop = Shop::with_author();
    shop.publish("Pt-App-0.939.tar.gz", "Pt::App", "0.939", &[]);
    assert_eq!(shop.rows().len(), 1);
    fs::remove_dir_all(shop.depot().join("authors")).unwrap();
    fs::remove_file(shop.depot().join("authors.toml")).unwrap();
    let ran = shop.run(&["depot", "index"]);
    assert_eq!(
        ran.expect(0).out,
        "1 artifact\n0 Perl distributions, 0 packages; 5 files made anew\n",
        "{}",
        ran.all()
    );
    assert!(shop.rows().is_empty());
}

#[test]
fn a_wait_for_another_publisher_is_told() {
    let shop = Shop::with_author();
    let lock = pintail_os::lock::Lock::try_take(&shop.depot().join(".publishing")).unwrap().unwrap();
    let file = shop.dist("Pt-Lib-1.tar.gz", "Pt::Lib", "1", &[]).display().to_string();
    let mut waiting = shop.stage.start(&["depot", "add", &file, "--author", "DDGC"]);
    let mut told = String::new();
    BufReader::new(waiting.stderr.take().unwrap()).read_line(&mut told).unwrap();
    assert_eq!(told, "somebody else publishes in the depot; waiting for them\n");
    drop(lock);
    common::finish(waiting).expect(0);
}

#[test]
fn a_distribution_is_an_artifact_too() {
    let shop = Shop::with_author();
    let ran = shop.publish("Pt-App-0.939.tar.gz", "Pt::App", "0.939", &[]);
    assert_eq!(ran.err, "");
    let listed = shop.run(&["depot", "list", "--json"]).json();
    assert_eq!(
        (&listed["artifacts"][0]["name"], &listed["artifacts"][0]["version"]),
        (&"Pt-App".into(), &"0.939".into())
    );
    let list = shop.run(&["depot", "list"]);
    assert!(list.out.trim_end().ends_with("  of Pt-App"), "{}", list.all());
    let verified = shop.run(&["depot", "verify"]);
    assert!(verified.expect(0).out.starts_with("Pt-App 0.939 is whole, digest "), "{}", verified.all());
    let card = shop.depot().join("artifacts/Pt-App-0.939.json");
    let was = fs::read_to_string(&card).unwrap();
    fs::remove_file(&card).unwrap();
    assert_eq!(
        shop.run(&["depot", "index"]).expect(0).out,
        "1 card made anew\n1 artifact\n1 Perl distribution, 1 package; nothing changed\n"
    );
    assert_eq!(fs::read_to_string(&card).unwrap(), was);
    // Another tree under the same name and version is an artifact already: the distribution is published all the same.
    let tree = shop.room().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), "").unwrap();
    let version = "0.940".parse().unwrap();
    shop.stage.depot().publish_tree(&tree, &"Pt-App".parse().unwrap(), &version, None, 1).unwrap();
    let ran = shop.publish("Pt-App-0.940.tar.gz", "Pt::App", "0.940", &[]);
    assert!(
        ran.err.starts_with("not an artifact: `Pt-App` `0.940` is in the depot with other contents"),
        "{}",
        ran.all()
    );
    assert!(shop.rows()[0].ends_with("Pt-App-0.940.tar.gz"));
}
