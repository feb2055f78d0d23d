//! What Perl itself says of versions and names, beside what is said here.

use super::*;
use pintail_depot::cpan::{DistName, PerlVersion};
use std::collections::BTreeMap;

/// Numbers that look random and are the same every time.
fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    }
}

fn pieces(pick: &mut impl FnMut(usize) -> usize, pieces: &[&str], most: usize) -> String {
    let count = pick(most) + 1;
    (0..count).map(|_| pieces[pick(pieces.len())]).collect()
}

#[test]
fn versions_are_read_and_ordered_as_version_pm_does() {
    needs("perl", &["-Mversion", "-e", "1"], "perl");
    let mut pick = numbers(1);
    let parts = ["v", "0", "1", "2", "10", "007", ".", ".", ".", "_", "999", "00", "a", "-"];
    let texts: Vec<String> = (0..20_000).map(|_| pieces(&mut pick, &parts, 8)).collect();
    let pairs: String = texts.windows(2).map(|pair| format!("{} {}\n", pair[0], pair[1])).collect();
    // What is lax and still can't be parsed (`1_2`) is no version either.
    let script = "while (<STDIN>) { chomp; my ($a, $b) = split / /; my @v = map { version::is_lax($_) ? scalar(eval { version->parse($_) }) : undef } $a, $b; \
                  print join(' ', (map { defined $_ ? 1 : 0 } @v), (defined $v[0] && defined $v[1]) ? $v[0] <=> $v[1] : '-'), \"\\n\" }";
    let mut perl = Command::new("perl");
    perl.args(["-Mversion", "-e", script]);
    let told = with_input(perl, &pairs);
    told.expect(0);
    let mut compared = 0;
    for (pair, line) in texts.windows(2).zip(told.out.lines()) {
        let parsed: Vec<Option<PerlVersion>> = pair.iter().map(|text| text.parse().ok()).collect();
        let order = match (&parsed[0], &parsed[1]) {
            (Some(a), Some(b)) => {
                compared += 1;
                (a.cmp(b) as i8).to_string()
            }
            _ => "-".to_owned(),
        };
        let mine = format!("{} {} {order}", u8::from(parsed[0].is_some()), u8::from(parsed[1].is_some()));
        assert_eq!(mine, line, "{pair:?}");
    }
    assert_eq!(told.out.lines().count(), texts.len() - 1);
    assert!(compared > 1000, "only {compared} pairs were compared");
    println!("version.pm agrees on the order of {compared} pairs");
}

#[test]
fn names_are_taken_apart_as_distname_info_does() {
    needs("perl", &["-MCPAN::DistnameInfo", "-e", "1"], "libcpan-distnameinfo-perl");
    let (mut pick, mut pick_two) = (numbers(2), numbers(3));
    let parts = [
        "App", "My", "-", "-", "_", "1", "2.0", "v1.2", "V3", ".", "SHA1", "-0.5", "-TRIAL", "x", "5_14",
        "perl", "undef", "-v2.0.1",
    ];
    let words = [
        "App",
        "My-",
        "x_y",
        "SHA1",
        "v2",
        "a",
        "_b",
        "5",
        "-Perl5_14",
        "-V3-",
        "1-",
        "undef",
        "perl",
        "DBD-",
    ];
    let versions =
        ["1", "1.02", "v1.2.3", "1.02_03", "0.5-TRIAL", "2-TRIAL3", "1.2.3", "1a", "20240101", "1.0-1", ".5"];
    let names: Vec<String> = (0..20_000)
        .map(|_| pieces(&mut pick, &parts, 6) + ".tar.gz")
        .chain((0..5_000).map(|at| {
            format!("{}-{}.tar.gz", pieces(&mut pick_two, &words, 4), versions[at % versions.len()])
        }))
        .collect();
    let script = "while (<STDIN>) { chomp; my $d = CPAN::DistnameInfo->new(\"authors/id/D/DD/DDGC/$_\"); \
                  print join(' ', map { $_ // '-' } $d->cpanid, $d->dist, $d->version, $d->maturity), \"\\n\" }";
    let mut perl = Command::new("perl");
    perl.args(["-MCPAN::DistnameInfo", "-e", script]);
    let told = with_input(perl, &(names.join("\n") + "\n"));
    told.expect(0);
    let (mut compared, mut wrong) = (0, Vec::new());
    for (file, line) in names.iter().zip(told.out.lines()) {
        // Fewer are taken here; those that are, mean the same to both.
        // Perl itself has rules of its own there, and is never indexed here.
        let Some(name) = file.parse::<DistName>().ok().filter(|name| name.name() != "perl") else { continue };
        compared += 1;
        let maturity = if name.is_developers() { "developer" } else { "released" };
        let mine = format!("DDGC {} {} {maturity}", name.name(), name.version_text());
        if mine != line {
            wrong.push(format!("{file}: `{mine}`, not `{line}`"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(compared > 1000, "only {compared} names were compared");
    println!("CPAN::DistnameInfo agrees on {compared} names");
}

/// The modules below a folder, by path from it.
fn modules(folder: &Path, below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap();
        if kind.is_dir() {
            modules(&path, below, found);
        } else if kind.is_file() && path.extension().is_some_and(|ending| ending == "pm") {
            found.push(path.strip_prefix(below).unwrap().to_owned());
        }
    }
}

/// Perl's own library, packed as one distribution: every version that is read without running the code is the one that
/// running it gives, and every package that has a file of its name is found.
#[test]
fn the_modules_of_perl_itself_have_the_versions_that_perl_says() {
    needs("perl", &["-MExtUtils::MakeMaker", "-e", "1"], "perl");
    let mut perl = Command::new("perl");
    perl.args(["-MConfig", "-e", "print $Config{privlibexp}"]);
    let library = PathBuf::from(ran(perl).out);
    let mut files = Vec::new();
    modules(&library, &library, &mut files);
    let shop = Shop::with_author();
    let archive = shop.room().join("Core-1.0.tar.gz");
    let gzip =
        flate2::write::GzEncoder::new(fs::File::create(&archive).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    tar.mode(tar::HeaderMode::Deterministic);
    for file in &files {
        tar.append_path_with_name(library.join(file), Path::new("Core-1.0/lib").join(file)).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
    let added = shop.run(&["depot", "add", &archive.display().to_string(), "--author", "DDGC"]);
    added.expect(0);
    let lines = added.out.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(' '));
    let found: BTreeMap<&str, &str> = lines.collect();

    let script = "while (my $file = <STDIN>) { chomp $file; (my $package = $file) =~ s{/}{::}g; $package =~ s/[.]pm$//; \
                  open my $in, '<', \"$ARGV[0]/$file\"; my $text = do { local $/; <$in> }; \
                  next unless $text =~ /^package $package\\s*;/m; \
                  print \"$package \", MM->parse_version(\"$ARGV[0]/$file\"), \"\\n\" }";
    let mut perl = Command::new("perl");
    perl.args(["-MExtUtils::MakeMaker", "-e", script]).arg(&library);
    let listed: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
    let told = with_input(perl, &listed);
    told.expect(0);
    let (mut same, mut code, mut wrong) = (0, 0, Vec::new());
    for (package, version) in told.out.lines().filter_map(|line| line.split_once(' ')) {
        let parsed = |text: &str| text.parse::<PerlVersion>().ok();
        match found.get(package) {
            // Nobody's packages by PAUSE's rules, and those for developers.
            None if package == "DB" || package.starts_with('_') || version.contains('_') => {}
            Some(&"undef") if version != "undef" => code += 1,
            Some(found) if parsed(found) == parsed(version) => same += 1,
            found => wrong.push(format!("{package}: perl says {version}, here it is {found:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(same > 300 && code < same / 20, "{same} the same, {code} made by code");
    println!("Perl's own modules: {same} versions as perl says, {code} made by code");
}

/// Lines as people write them, each in a module of its own.
const FORMS: &[&str] = &[
    "our $VERSION = '1.7';",
    "our $VERSION = \"1.70\";",
    "our ($VERSION) = '1.7';",
    "our($VERSION)=('1.7');",
    "(our $VERSION) = '1.7';",
    "our ($VERSION, @ISA) = ('1.7', 'Exporter');",
    "our ($VERSION, %X) = (1.70);",
    "our $VERSION = ('1.7');",
    "our $VERSION = q{1.7};",
    "our $VERSION = q (1.7);",
    "our $VERSION = q[1.7];",
    "our $VERSION = q<1.7>;",
    "our $VERSION = q/1.7/;",
    "our $VERSION = q!1.7!;",
    "our $VERSION = q'1.7';",
    "our $VERSION = qq{1.7};",
    "our $VERSION = qq\"1.7\";",
    "our $VERSION = qq|1.7|;",
    "our $VERSION = 1.10;",
    "our $VERSION = 1.000;",
    "our $VERSION = .5;",
    "our $VERSION = 1.;",
    "our $VERSION = 100;",
    "our $VERSION = 1_000;",
    "our $VERSION = 0.00001;",
    "our $VERSION = 0.0001;",
    "our $VERSION = 1.234567890123456789;",
    "our $VERSION = 20240101123456.5;",
    "our $VERSION = 017;",
    "our $VERSION = 1e3;",
    "our $VERSION = 0x10;",
    "our $VERSION = v1.2.3;",
    "our $VERSION = 1.2.3;",
    "our $VERSION = 'v1.2.3';",
    "our $VERSION = ' 1.7 ';",
    "our $VERSION = '1.7'; # our $VERSION = '9';",
    "# our $VERSION = '9';\nour $VERSION = '1.7';",
    "use strict; # our $VERSION = '9'\nour $VERSION = '1.7';",
    "our $NAME = '#'; our $VERSION = '1.7';",
    "my $x = $#ARGV; our $VERSION = '1.7';",
    "$_ = 'a'; s#a#b#; our $VERSION = '1.7';",
    "my $VERSION = '9';\nour $VERSION = '1.7';",
    "my ($VERSION) = '9';\nour $VERSION = '1.7';",
    "local $VERSION = '9';\nour $VERSION = '1.7';",
    "if (1) { $VERSION = '9' }\nour $VERSION = '1.7';",
    "unless (1) { $VERSION = '9' }\nour $VERSION = '1.7';",
    "print if $VERSION == 9;\nour $VERSION = '1.7';",
    "my %x = (VERSION => '9');\nour $VERSION = '1.7';",
    "=pod\n\n$VERSION = '9';\n\n=cut\n\nour $VERSION = '1.7';",
    "use vars qw($VERSION); $VERSION = '1.7';",
    "use vars '$VERSION';\n$VERSION = '1.7';",
    "BEGIN { our $VERSION = '1.7' }",
    "$THIS::VERSION = '1.7';",
    "*VERSION = \\'1.7';",
    "use version; our $VERSION = qv('1.7');",
    "use version; our $VERSION = version->declare('v1.7.0');",
    "use version; our $VERSION = 'version'->new('1.7');",
    "our $VERSION = version->new('1.7');",
    "our $VERSION = version->parse(\"1.7\");",
    "our $VERSION = '1.7'; $VERSION = eval $VERSION;",
    "our $VERSION = '1.00_01'; $VERSION = eval $VERSION;",
    "our $VERSION = '1.00_01'; $VERSION =~ tr/_//d;",
    "our $VERSION = 1.00_01;",
    "our $VERSION = '1.7' . '1';",
    "our $VERSION = sprintf '%d.%d', 1, 7;",
    "our $VERSION = '1.7' || '2';",
    "our $VERSION = do { 1.7 };",
    "our $VERSION = undef;\nour $VERSION = '1.7';",
    "our $VERSION;\n$VERSION = '1.7';",
    "our $VERSION = (1.7)[0];",
    "our $VERSION = '1.7', our $OTHER = '9';",
    "our $OTHER = '9', our $VERSION = '1.7';",
    "our $VERSION = our $OTHER = '1.7';",
    "our $OLD_VERSION = '9';\nour $VERSION = '1.7';",
    "our $VERSION= '1.7' unless defined $VERSION;",
    "our $VERSION = '1.7' ; ; 1;",
    "our\t$VERSION\t=\t'1.7'\t;",
    "our $VERSION = '1.7';\r",
    "{ no strict; our $VERSION = '1.7'; }",
    "our $VERSION = \"1.$x\";",
    "our $VERSION = '1.7'; our $AUTHORITY = 'cpan:JO';",
    "our $VERSION = '1.7'; sub VERSION { $VERSION }",
];

/// A version that is read is the one that MakeMaker finds, which runs the line; where it isn't read, there is none.
#[test]
fn versions_in_all_forms_are_those_of_makemaker() {
    needs("perl", &["-MExtUtils::MakeMaker", "-e", "1"], "perl");
    let shop = Shop::with_author();
    let folder = shop.room().join("Forms-1.0");
    fs::create_dir(&folder).unwrap();
    let others =
        ["package THIS; # our $VERSION = '9'\n1", "package THIS v1.2.3 {\n}\n", "package\tTHIS\t1.7 ;\n"];
    let forms: Vec<(String, String)> = FORMS
        .iter()
        // Below the package's line, and where that line has the version already.
        .flat_map(|form| {
            ["package THIS;\n\nFORM\n1;\n", "package THIS 0.3;\nFORM\n1;\n"]
                .map(|shape| shape.replace("FORM", form))
        })
        .chain(others.map(str::to_owned))
        .enumerate()
        .map(|(at, text)| (format!("F{at}"), text.replace("THIS", &format!("F{at}"))))
        .collect();
    let archive = shop.room().join("Forms-1.0.tar.gz");
    let gzip =
        flate2::write::GzEncoder::new(fs::File::create(&archive).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    tar.mode(tar::HeaderMode::Deterministic);
    for (name, text) in &forms {
        let path = folder.join(format!("{name}.pm"));
        fs::write(&path, text).unwrap();
        tar.append_path_with_name(&path, format!("Forms-1.0/{name}.pm")).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
    let added = shop.run(&["depot", "add", &archive.display().to_string(), "--author", "DDGC"]);
    added.expect(0);
    let lines = added.out.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(' '));
    let found: BTreeMap<&str, &str> = lines.collect();

    let script =
        "while (<STDIN>) { chomp; my $v = MM->parse_version(\"$ARGV[0]/$_.pm\"); print \"$_ $v\\n\" }";
    let mut perl = Command::new("perl");
    perl.args(["-MExtUtils::MakeMaker", "-e", script]).arg(&folder);
    let told = with_input(perl, &forms.iter().map(|(name, _)| format!("{name}\n")).collect::<String>());
    told.expect(0);
    let (mut same, mut code, mut wrong) = (0, 0, Vec::new());
    for ((name, text), line) in forms.iter().zip(told.out.lines()) {
        let version = line.split_once(' ').unwrap().1;
        let parsed = |text: &str| text.trim().parse::<PerlVersion>().ok();
        match found.get(name.as_str()) {
            Some(&"undef") if version != "undef" => code += 1,
            Some(found) if parsed(found).is_some() && parsed(found) == parsed(version) => same += 1,
            found => wrong.push(format!("MakeMaker says {version}, here it is {found:?}: {text}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(same > 140 && code < 20, "{same} the same, {code} made by code");
    println!("forms of versions: {same} as MakeMaker has them, {code} made by code");
}
