//! Perl: `@INC` without the machine's own folders.

use super::*;

const USES_TINY: (&str, &str) =
    ("t/tiny.t", "use Test::More tests => 1; use Try::Tiny; my $x = try { 1 } catch { 0 }; is $x, 1;\n");

#[track_caller]
fn needs_tiny() {
    apps::needs("perl", &["-MTry::Tiny", "-MMoose", "-e", "1"], "libmoose-perl");
}

#[test]
fn what_is_used_and_declared_nowhere_fails_here() {
    needs_tiny();
    let stage = project("test = \"prove -lr t\"", &[USES_TINY]);
    let failed = build(&stage, "1.0");
    let error = refused(&stage, "1.0", &failed);
    assert!(error.contains("`prove -lr t` exited with"), "{error}");
    assert!(error.contains("\n  test: Result: FAIL"), "{error}");
    let hint = "hint: `Try::Tiny` is declared nowhere, and a test gets only what is: `requires 'Try::Tiny';` in `cpanfile`";
    assert!(error.contains(hint), "{error}");
    // Declared, and this machine has it.
    change(&stage, "cpanfile", "requires 'Try::Tiny' => '0.2';\n");
    build(&stage, "1.1").expect(0);
    let told = sealed(&stage, "1.1");
    let let_in = |line: &String| {
        line.starts_with("perl: of them let in, since they are declared: Try::Tiny, with what")
    };
    assert!(told.iter().any(let_in), "{told:#?}");
    assert!(
        told.iter().any(|line| line.contains("`/usr/share/perl5`") && line.ends_with("were kept out")),
        "{told:#?}"
    );
    // Brought by the artifact, and not declared.
    std::fs::remove_file(stage.project.join("cpanfile")).unwrap();
    copy("/usr/share/perl5/Try/Tiny.pm", &stage.project.join("local/lib/perl5/Try/Tiny.pm"));
    commit(&stage);
    build(&stage, "1.2").expect(0);
    assert!(!sealed(&stage, "1.2").iter().any(|line| line.contains("let in")));
}

#[test]
fn what_is_declared_comes_with_what_it_depends_on_and_with_nothing_else() {
    needs_tiny();
    apps::needs_fcgi();
    let test = "use Test::More tests => 1; use Moose; use Try::Tiny; ok(Moose->can('init_meta'));\n";
    let stage = project(
        "test = \"prove -lr t\"",
        &[
            ("cpanfile", "requires 'Moose'; on test => sub { requires 'Nowhere::To::Be::Found' };\n"),
            ("t/moose.t", test),
        ],
    );
    build(&stage, "1.0").expect(0);
    change(&stage, "t/moose.t", "use Test::More tests => 1; use Moose; use FCGI; ok 1;\n");
    let failed = build(&stage, "1.1");
    assert!(refused(&stage, "1.1", &failed).contains("`FCGI` is declared nowhere"), "{}", failed.all());
    // By a name that is made at run time: no scanner sees it.
    change(
        &stage,
        "t/moose.t",
        "use Test::More tests => 1; my $m = 'FC' . 'GI'; ok eval \"require $m\" or diag $@;\n",
    );
    let failed = build(&stage, "1.1");
    assert!(refused(&stage, "1.1", &failed).contains("`FCGI` is declared nowhere"), "{}", failed.all());
    change(&stage, "t/moose.t", "use Test::More tests => 1; use Nowhere::To::Be::Found; ok 1;\n");
    let failed = build(&stage, "1.1");
    let error = refused(&stage, "1.1", &failed);
    let hint = "`Nowhere::To::Be::Found` is declared, and neither in the artifact nor on this machine";
    assert!(error.contains(hint), "{error}");
}

#[test]
fn a_file_of_its_own_that_is_not_found_is_no_matter_of_declaring() {
    let stage = project(
        "test = \"prove -r t\"",
        &[("lib/Own.pm", "package Own; 1;\n"), ("t/own.t", "use Test::More tests => 1; use Own; ok 1;\n")],
    );
    let failed = build(&stage, "1.0");
    let error = refused(&stage, "1.0", &failed);
    assert!(!error.contains("hint:"), "{error}");
}

/// However tests are run: the seal goes to every Perl that a Perl starts.
#[test]
fn all_harnesses_are_sealed() {
    needs_tiny();
    apps::needs("make", &["--version"], "make");
    let harnesses = [
        "prove -lr t",
        "perl Makefile.PL && make && prove -b t",
        "perl Makefile.PL && make test",
        "PERL5LIB=lib prove -r t",
        "perl -Ilib -e 'exit system(qq($^X -Ilib t/own.t))>>8'",
    ];
    let makefile = "use ExtUtils::MakeMaker; WriteMakefile(NAME => 'Own', VERSION => '1');\n";
    let test =
        |more: &str| format!("use strict; use Test::More tests => 1; use Own; {more} ok(Own->can('can'));\n");
    for harness in harnesses {
        let stage = project(
            &format!("test = \"\"\"{harness}\"\"\""),
            &[("Makefile.PL", makefile), ("lib/Own.pm", "package Own; 1;\n"), ("t/own.t", &test(""))],
        );
        build(&stage, "1.0").expect(0);
        change(&stage, "t/own.t", &test("use Try::Tiny;"));
        let failed = build(&stage, "1.1");
        let error = refused(&stage, "1.1", &failed);
        assert!(error.contains("`Try::Tiny` is declared nowhere"), "{harness}: {}", failed.all());
    }
}

/// The Perl application of the examples, as it is.
#[test]
fn the_example_is_proven() {
    apps::needs("perl", &["-MCatalyst", "-e", "1"], "libcatalyst-perl");
    apps::needs_fcgi();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/catalyst");
    let stage = Stage::new("");
    std::fs::remove_dir_all(&stage.project).unwrap();
    let copied = std::process::Command::new("cp").arg("-r").args([&example, &stage.project]).status();
    assert!(copied.unwrap().success());
    git(&stage.project, &["init", "--quiet"]);
    commit(&stage);
    build(&stage, "1.0").expect(0);
    assert_eq!(
        stage.run(&["depot", "show", "1.0", "--json"]).expect(0).json()["proof"]["command"],
        "prove -lr t"
    );
    let cpanfile = std::fs::read_to_string(stage.project.join("cpanfile")).unwrap();
    change(&stage, "cpanfile", &cpanfile.replace("requires 'FCGI", "# requires 'FCGI"));
    let failed = build(&stage, "1.1");
    assert!(failed.expect(1).err.contains("`FCGI::ProcManager` is declared nowhere"), "{}", failed.all());
}

/// `vendor/cache`, as `carton bundle` makes it, is a little CPAN: what `cpanfile` declares is installed from it.
#[test]
fn what_is_bundled_is_installed_for_the_test() {
    apps::needs("cpanm", &["--version"], "cpanminus");
    apps::needs("make", &["--version"], "make");
    let stage = project(
        "test = \"prove -lr t\"",
        &[
            ("cpanfile", "requires 'Trinket' => '1.0';\n"),
            ("t/a.t", "use Test::More tests => 1; use Trinket; is(Trinket->VERSION, '1.0');\n"),
        ],
    );
    let failed = build(&stage, "1.0");
    assert!(
        refused(&stage, "1.0", &failed).contains("`Trinket` is declared, and neither"),
        "{}",
        failed.all()
    );
    let made = stage.room().join("Trinket-1.0");
    write(&made.join("lib/Trinket.pm"), "package Trinket;\nour $VERSION = '1.0';\n1;\n");
    write(
        &made.join("Makefile.PL"),
        "use ExtUtils::MakeMaker; WriteMakefile(NAME => 'Trinket', VERSION_FROM => 'lib/Trinket.pm');\n",
    );
    let cache = stage.project.join("vendor/cache");
    let index = "File: 02packages.details.txt\nLine-Count: 1\n\nTrinket  1.0  T/TE/TEST/Trinket-1.0.tar.gz\n";
    write(&cache.join("modules/02packages.details.txt"), index);
    std::fs::create_dir_all(cache.join("authors/id/T/TE/TEST")).unwrap();
    let run = |program: &str, arguments: &[&str], folder: &Path| {
        let ended = std::process::Command::new(program).args(arguments).current_dir(folder).status();
        assert!(ended.unwrap().success(), "{program}");
    };
    run("gzip", &["modules/02packages.details.txt"], &cache);
    let archive = cache.join("authors/id/T/TE/TEST/Trinket-1.0.tar.gz");
    run("tar", &["-czf", archive.to_str().unwrap(), "Trinket-1.0"], stage.room());
    commit(&stage);
    build(&stage, "1.0").expect(0);
    let line = "perl: what `cpanfile` declares was installed from `vendor/cache`".to_owned();
    assert!(sealed(&stage, "1.0").contains(&line));
    change(&stage, "cpanfile", "requires 'Trinket' => '1.0';\nrequires 'Gone::For::Good';\n");
    let failed = build(&stage, "1.1");
    let error = refused(&stage, "1.1", &failed);
    assert!(
        error.contains(
            "what `cpanfile` declares can't be installed from `vendor/cache`: `cpanm` exited with 1"
        ),
        "{error}"
    );
    assert!(error.contains("Gone::For::Good"), "{error}");
}
