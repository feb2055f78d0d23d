//! What `doctor` says of modules that are used and not declared.

use super::*;

/// What `doctor` finds here, of languages alone.
fn told(stage: &Stage) -> String {
    let ran = stage.run(&["doctor"]);
    let here = ran.out.split("local (local)").next().unwrap();
    let lines = here
        .lines()
        .skip(1)
        .skip_while(|line| !["perl", "python", "node"].contains(&line[6..].split(' ').next().unwrap()));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn doctor_names_what_is_used_and_not_declared_with_file_and_line() {
    apps::needs("perl", &["-MModule::CoreList", "-e", "1"], "perl");
    apps::needs("python3", &["-c", "import sys; sys.stdlib_module_names"], "python3");
    let stage = project(
        "",
        &[
            ("cpanfile", "requires 'Declared::Here'; on test => sub { requires 'Only::Tested' };\n"),
            (
                "lib/App.pm",
                "package App;\nuse strict;\nuse Declared::Here;\nuse Declared::Here::Part;\nuse App::Own;\n\
                 =head1\n\nuse In::Pod;\n\n=cut\n\nextends 'Nowhere::Parent';\nuse Nowhere::Used 1.0;\nuse Only::Tested;\n\
                 eval { require Nowhere::Optional };\n__END__\nuse Behind::The::End;\n",
            ),
            ("lib/App/Own.pm", "package App::Own;\nuse Nowhere::Used;\n1;\n"),
            ("bin/run", "#!/usr/bin/env perl\nuse Nowhere::Used;\n"),
            ("t/a.t", "use Test::More;\nuse Only::Tested;\nuse Nowhere::Used;\n"),
            ("local/lib/perl5/Declared/Here.pm", "package Declared::Here; use What::It::Needs;\n"),
            ("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['declared_here', 'PyYAML']\n"),
            (
                "tools/app.py",
                "import os, json\nimport own\nimport yaml\nimport declared_here.part\nfrom nowhere_used import x\n",
            ),
            ("tools/own.py", "try:\n    import nowhere_optional\nexcept ImportError:\n    pass\n"),
            (
                "package.json",
                "{\"name\":\"app\",\"dependencies\":{\"declared\":\"1\"},\"devDependencies\":{\"@only/tested\":\"1\"}}",
            ),
            (
                "src/app.js",
                "const fs = require('fs');\nrequire('declared/part');\nrequire('./own');\nimport x from '@only/tested/x';\nimport 'nowhere-used';\n",
            ),
            ("static/app.js", "require('bundled');\n"),
        ],
    );
    insta::assert_snapshot!("doctor", told(&stage));
    let json = stage.run(&["doctor", "--json"]).expect(1).json();
    let findings = json["places"][0]["findings"].as_array().unwrap();
    let one = findings.iter().find(|one| one["what"] == "python").unwrap();
    assert_eq!(one["how"], "`nowhere_used` is used and declared nowhere: tools/app.py:5");
    // All declared: one line for each language.
    change(
        &stage,
        "cpanfile",
        "requires $_ for qw(x); requires 'Declared::Here'; requires 'Only::Tested';\nrequires 'Nowhere::Used'; requires 'Nowhere::Parent'; recommends 'Nowhere::Optional';\n",
    );
    for (path, content) in [
        ("lib/App.pm", "package App;\nuse Declared::Here;\nuse Only::Tested; use Nowhere::Used;\n1;\n"),
        ("tools/app.py", "import yaml\n"),
        ("tools/own.py", "import json\n"),
        ("src/app.js", "require('declared');\n"),
    ] {
        change(&stage, path, content);
    }
    assert_eq!(
        told(&stage),
        "  ok  perl        all that is used of others is declared, modules: 3\n  ok  python      all that is used of others is declared, modules: 1\n  \
         ok  node        all that is used of others is declared, modules: 1\n"
    );
}

/// A module that belongs to a distribution that is declared under another name is no finding; one that only comes with
/// what that depends on is told apart.
#[test]
fn doctor_asks_what_is_installed_which_distribution_brings_a_module() {
    apps::needs("perl", &["-MMoose", "-MTry::Tiny", "-MFCGI", "-e", "1"], "libmoose-perl libfcgi-perl");
    let stage = project(
        "",
        &[
            ("cpanfile", "requires 'Moose';\n"),
            ("lib/App.pm", "package App;\nuse Moose;\nuse Class::MOP;\nuse Try::Tiny;\nuse FCGI;\n1;\n"),
        ],
    );
    assert_eq!(
        told(&stage),
        "  BAD perl        `FCGI` is used and declared nowhere: lib/App.pm:5\n      hint: `requires 'FCGI';` in `cpanfile`, or the \
         distribution that brings it\n  ok  perl        `Try::Tiny` is declared nowhere and comes only with `libtry-tiny-perl`, \
         which others need: lib/App.pm:4\n"
    );
}
