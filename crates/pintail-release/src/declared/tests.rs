//! Files as people write them.

use super::*;
use proptest::prelude::*;

const FILES: &[(&str, &str)] = &[
    (
        "cpanfile",
        "requires 'Moo';\nrequires \"DBI\", '>= 1.6, < 2'; # why\nrequires 'Plack' => 1.0047;\nrequires('Try::Tiny', '0.3');\n\
         recommends 'JSON::XS';\n# requires 'Old';\non 'test' => sub {\n  requires 'Test::More';\n  requires 'X' => { };\n};\n\
         on runtime => sub { \n  requires 'URI';\n};\non develop => sub { requires 'Perl::Tidy' };\nrequires 'Last';\n",
    ),
    (
        "META.json",
        r#"{"prereqs":{"runtime":{"requires":{"Moo":"2.0","perl":"5.010","Foo":0}},"test":{"requires":{"T":"0"}}}}"#,
    ),
    (
        "requirements.txt",
        "# all\nFlask==2.0 # web\nrequests[socks] >= 2.8.1, == 2.8.* ; python_version < '3'\n-r other.txt\n-e .\n./local\n\
         https://example.org/x.whl\npip @ https://example.org/pip.zip\nsix\ncryptography==3 --hash=sha256:abc \\\n    --hash=sha256:def\n",
    ),
    (
        "pyproject.toml",
        "[project]\ndependencies = [\"httpx>=0.2\", \"click\"]\n[tool.poetry.dependencies]\npython = \"^3.9\"\ndjango = { version = \"^4\", extras = [\"x\"] }\n",
    ),
    (
        "package.json",
        r#"{"dependencies":{"express":"^4.1"},"devDependencies":{"jest":"1"},"optionalDependencies":{"fsevents":"*"}}"#,
    ),
    (
        "Gemfile",
        "source 'https://rubygems.org'\ngem 'rails', '~> 7.0', '>= 7.0.4'\ngem \"pg\", require: false # db\ngem 'pry', group: :development\n\
         gem 'local', path: 'x'\ngroup :development, :test do\n  gem 'rspec'\n  platforms :mri do\n    gem 'byebug'\n  end\nend\n\
         group :production do\n  gem 'puma'\nend\ngemspec\n",
    ),
    (
        "Cargo.toml",
        "[dependencies]\nserde = { version = \"1.0\", features = [\"derive\"] }\nlibc = \"0.2\"\nown = { path = \"x\" }\n[dev-dependencies]\ninsta = \"1\"\n",
    ),
];

#[test]
fn every_file_is_read_for_what_runs() {
    let lines: Vec<String> = FILES
        .iter()
        .flat_map(|(name, content)| declared(name, content))
        .map(|Declared { file, name, range }| format!("{file}: {name} {range}"))
        .collect();
    insta::assert_snapshot!("declared", lines.join("\n"));
    for name in ["cpanfile.snapshot", "package-lock.json", "requirements.md", "x/cpanfile"] {
        assert!(!is_declaring(name), "{name}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read(file in 0..FILES.len(), text in any::<String>(), cut in any::<prop::sample::Index>()) {
        let (name, content) = FILES[file];
        declared(name, &text);
        let at = content.floor_char_boundary(cut.index(content.len()));
        declared(name, &format!("{}{text}{}", &content[..at], &content[at..]));
    }
}
