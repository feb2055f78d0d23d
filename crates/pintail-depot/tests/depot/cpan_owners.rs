//! Whose packages and distributions of Perl are, where that is more than one author.

use std::fs;

use crate::cpan::{Depot, dist, module, simple};

/// Where a name has two owners, both go on; neither gets what the other alone has.
#[test]
fn everybody_can_publish_the_next_version_of_what_is_theirs() {
    let depot = Depot::new();
    let grant = |may: &str| {
        let authors = "[authors.DDGC]\nname = \"D\"\nemail = \"d@example.com\"\nmay = [\"My::App\"]\n\
                       [authors.GETTY]\nname = \"G\"\nemail = \"g@example.com\"\n";
        fs::write(depot.folder().join("authors.toml"), format!("{authors}may = [{may}]\n")).unwrap();
    };
    grant("\"A::B\"");
    // Who released under the name first has not the package of that name.
    depot.add("GETTY", "My-App-1.0.tar.gz", &[("lib/X.pm", &module("My::Tool", "1"))]);
    depot.add("DDGC", "My-Core-1.0.tar.gz", &[("lib/X.pm", &module("My::App", "1"))]);
    depot.add("GETTY", "My-App-1.1.tar.gz", &[("lib/X.pm", &module("My::Tool", "1.1"))]);
    fs::write(
        depot.folder().join("authors.toml"),
        depot.text("authors.toml").replace("may = [\"My::App\"]\n", ""),
    )
    .unwrap();
    depot.add("DDGC", "My-App-2.0.tar.gz", &[("lib/X.pm", &module("My::App", "2"))]);
    depot.add("GETTY", "My-App-2.1.tar.gz", &[("lib/X.pm", &module("My::Tool", "2"))]);
    let low = dist("My-App-0.9-TRIAL.tar.gz", &[("lib/X.pm", &module("My::App", "3"))]);
    assert!(depot.refused("DDGC", "My-App-0.9-TRIAL.tar.gz", &low).contains("0.9 is not higher than"));
    for (author, package) in [("GETTY", "My::App"), ("DDGC", "My::Tool")] {
        let refused = depot.refused(author, "My-App-3.tar.gz", &simple("My-App-3.tar.gz", package, "3"));
        assert!(refused.starts_with(&format!("package `{package}` is `")), "{refused}");
    }

    // What is new in a distribution by grant belongs to whose its name is as well, and is not free.
    let files = |version: &str| {
        [("lib/A/B.pm", module("A::B", version)), ("lib/New.pm", module("A::B::New", version))]
    };
    let add = |author: &str, version: &str| {
        let files = files(version);
        let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
        depot.add(author, &format!("A-B-{version}.tar.gz"), &files)
    };
    depot.add("DDGC", "A-B-1.tar.gz", &[("lib/A/B.pm", &module("A::B", "1"))]);
    add("GETTY", "2");
    add("DDGC", "3");
    add("GETTY", "4");
    grant("");
    let refused = depot.refused("GETTY", "A-B-5.tar.gz", &simple("A-B-5.tar.gz", "A::B::New", "5"));
    assert!(
        refused.starts_with("distribution `A-B` is named after package `A::B`, which is `DDGC`'s"),
        "{refused}"
    );
    add("DDGC", "5");
}

/// The name is whose package is in it.
#[test]
fn who_was_let_in_has_the_name_as_long_as_that() {
    let depot = Depot::new();
    let ungranted = depot.text("authors.toml");
    let granted = ungranted.replace("\"getty@example.com\"", "\"getty@example.com\"\nmay = [\"X::Y\"]");
    depot.add("DDGC", "X-Core-1.tar.gz", &[("lib/X.pm", &module("X::Y", "1"))]);
    fs::write(depot.folder().join("authors.toml"), &granted).unwrap();
    let files =
        |version: &str| [("lib/Y.pm", module("X::Y", version)), ("lib/New.pm", module("X::Y::New", version))];
    for (author, version) in [("GETTY", "2"), ("DDGC", "3"), ("GETTY", "4")] {
        let files = files(version);
        let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
        depot.add(author, &format!("X-Y-{version}.tar.gz"), &files);
    }
    fs::write(depot.folder().join("authors.toml"), &ungranted).unwrap();
    let high = dist("X-Y-99.tar.gz", &[("bin/x", "#!perl")]);
    let refused = depot.refused("GETTY", "X-Y-99.tar.gz", &high);
    assert!(
        refused.starts_with("distribution `X-Y` is named after package `X::Y`, which is `DDGC`'s"),
        "{refused}"
    );
    depot.add("DDGC", "X-Y-5.tar.gz", &[("lib/Y.pm", &module("X::Y", "5"))]);
}
