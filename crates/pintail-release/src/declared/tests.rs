//! Files as people write them.

use super::*;
use proptest::prelude::*;

const FILES: &[(&str, &str)] = &[
    (
        "cpanfile",
        "requires 'Moo';\nrequires \"DBI\", '>= 1.6, < 2'; # why\nrequires 'Plack' => 1.0047;\nrequires('Try::Tiny', '0.3');\n\
         recommends 'JSON::XS';\nrequires 'Any' => 0;\ntest_requires 'V';\nfeature 'x', 'text' => sub { suggests 'F' };\n# requires 'Old';\non 'test' => sub {\n  requires 'Test::More';\n  requires 'X' => { };\n};\n\
         on runtime => sub { \n  requires 'URI';\n};\non develop => sub { requires 'Perl::Tidy' };\nrequires 'Last';\n",
    ),
    (
        "META.json",
        r#"{"prereqs":{"runtime":{"requires":{"Moo":"2.0","perl":"5.010","Foo":0}},"test":{"requires":{"T":"0"},"conflicts":{"N":"1"}},"develop":{"suggests":{"D":"0"}}}}"#,
    ),
    (
        "META.yml",
        "---\nname: X\nbuild_requires:\n  T: '0'\nno_index:\n  directory: t\nrecommends:\n  R: 1\nrequires:\n  A::B: 1.2\n  'C': 0\n  D: '>= 1, < 2'\n  perl: 5.010\n",
    ),
    (
        "Makefile.PL",
        "use ExtUtils::MakeMaker;\nWriteMakefile(NAME => 'X', PREREQ_PM => { 'A' => 0, B => '1.5', 'C::D' => 2.03 },\n\
         TEST_REQUIRES => { 'T::U' => 0 }, CONFIGURE_REQUIRES => { 'M' => 0 });\nrequires 'E' => 1;\ntest_requires 'V';\nrecommends 'R';\n",
    ),
    (
        "Build.PL",
        "Module::Build->new(module_name => 'X', requires => { 'A' => '>= 1', 'B' => 0 }, test_requires => { T => 0 });\n",
    ),
    (
        "dist.ini",
        "name = X\n[Prereqs]\nA = 0\nB::C = 1.1\n[Prereqs / RuntimeRecommends]\nR = 0\n[Prereqs / TestRequires]\nT = 0\n\
         [Prereqs / Own]\n-phase = develop\nD = 1\n[Prereqs / Other]\n-relationship = suggests\nS = 1\n[Git::Tag]\ntag = 1\n",
    ),
    (
        "requirements.txt",
        "# all\nFlask==2.0 # web\ngit+https://x/y#egg=Egg_Name\nrequests[socks] >= 2.8.1, == 2.8.* ; python_version < '3'\n-r other.txt\n-e .\n./local\n\
         https://example.org/x.whl\npip @ https://example.org/pip.zip\nsix\ncryptography==3 --hash=sha256:abc \\\n    --hash=sha256:def\n",
    ),
    (
        "pyproject.toml",
        "[build-system]\nrequires = ['setuptools']\n[project]\ndependencies = [\"httpx>=0.2\", \"click\"]\n[tool.poetry.dependencies]\npython = \"^3.9\"\ndjango = { version = \"^4\", extras = [\"x\"] }\n\
         [tool.poetry.group.dev.dependencies]\npytest = '*'\n[project.optional-dependencies]\npostgres = ['psycopg>3']\n",
    ),
    (
        "setup.cfg",
        "[options]\ninstall_requires =\n    a>=1\n    b[x] ; python_version < '3'\npackages = find:\n[options.extras_require]\ntest = c\n",
    ),
    ("setup.py", "setup(install_requires=[\n 'a[x]>=1', \"B\"], tests_require = ['c'])\n"),
    ("Pipfile", "[packages]\nx = '*'\ny = { version = '==1.2' }\n[dev-packages]\nz = '*'\n"),
    ("requirements-dev.txt", "black\n"),
    (
        "package.json",
        r#"{"name":"app","peerDependencies":{"react":"*"},"dependencies":{"express":"^4.1"},"devDependencies":{"jest":"1"},"optionalDependencies":{"fsevents":"*"}}"#,
    ),
    (
        "Gemfile",
        "source 'https://rubygems.org'\ngem 'rails', '~> 7.0', '>= 7.0.4'\ngem \"pg\", require: false # db\ngem 'pry', group: :development\n\
         gem 'local', path: 'x'\ngroup :development, :test do\n  gem 'rspec'\n  platforms :mri do\n    gem 'byebug'\n  end\nend\n\
         group :production do\n  gem 'puma'\nend\ngroup :test, optional: true do\n  gem 'capybara' if RUBY_VERSION\nend\ngemspec\n",
    ),
    (
        "Cargo.toml",
        "[dependencies]\nserde = { version = \"1.0\", features = [\"derive\"] }\nlibc = \"0.2\"\nown = { path = \"x\" }\n[dev-dependencies]\ninsta = \"1\"\n",
    ),
];

#[test]
fn every_file_is_read() {
    let lines: Vec<String> = FILES
        .iter()
        .flat_map(|(name, text)| reading(name).unwrap()(text).into_iter().map(move |need| (name, need)))
        .map(|(file, Need { name, range, phase })| format!("{file}: {phase:?} {name} {range}"))
        .collect();
    insta::assert_snapshot!("declared", lines.join("\n"));
    for name in ["cpanfile.snapshot", "package-lock.json", "requirements.md", "x/cpanfile"] {
        assert!(reading(name).is_none(), "{name}");
    }
}

#[test]
fn notes_tell_what_runs_in_order_and_once() {
    let text = "requires 'B', '>=  1';\nrequires 'A';\nrequires 'A';\nrecommends 'R';\non test => sub { requires 'T' };\n";
    let told: Vec<String> = for_running("cpanfile", text)
        .into_iter()
        .map(|Declared { file, name, range }| format!("{file}: {name} {range}"))
        .collect();
    assert_eq!(told, ["cpanfile: A ", "cpanfile: B >= 1"]);
}

proptest! {
    #[test]
    fn any_text_is_read(file in 0..FILES.len(), text in any::<String>(), cut in any::<prop::sample::Index>()) {
        let (name, content) = FILES[file];
        for_running(name, &text);
        let at = content.floor_char_boundary(cut.index(content.len()));
        for_running(name, &format!("{}{text}{}", &content[..at], &content[at..]));
    }
}
