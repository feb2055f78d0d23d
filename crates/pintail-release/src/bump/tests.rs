//! Whole projects, and what changes in them.

use super::*;
use pintail_core::config::read;

/// A project of these files; the last line of each is given with its end.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let room = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = room.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        pintail_os::files::write_whole(&path, content.as_bytes(), 0o644).unwrap();
    }
    room
}

/// Its name, its configuration, its files.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// What changes for 2.0, or what is wrong.
fn told(config: &str, files: &[(&str, &str)]) -> String {
    let room = project(files);
    let tracked: Vec<String> = files.iter().map(|(path, _)| (*path).to_owned()).collect();
    let config = read(&format!("name = \"x\"\n{config}"), "pintail.toml").unwrap();
    let tree = Tree { folder: room.path(), tracked: &tracked };
    match find(tree, config.version_files.as_deref()) {
        Err(troubles) => {
            let told = |trouble: &Trouble| {
                format!("{}\n  {}\n  {}\n", trouble.what, trouble.why, trouble.hint.as_deref().unwrap_or("-"))
            };
            troubles.iter().map(told).collect()
        }
        Ok(places) => {
            let mut text =
                format!("by {:?}, {:?}\n", places.by, places.version.as_ref().map(Version::as_str));
            for edit in places.edits(&"2.0".parse().unwrap()) {
                let content = std::fs::read(room.path().join(&edit.path)).unwrap();
                let made = String::from_utf8(edit.made(&content).unwrap()).unwrap();
                let content = String::from_utf8(content).unwrap();
                for (old, new) in content.lines().zip(made.lines()).filter(|(old, new)| old != new) {
                    text.push_str(&format!("{}: {} => {}\n", edit.path, old.trim(), new.trim()));
                }
            }
            for path in left_behind(tree, &places) {
                text.push_str(&format!("{path}: stays as it is\n"));
            }
            text
        }
    }
}

const CARGO: &str =
    "[package]\nname = \"x\"\nversion   = '1.4.0' # ours\n[dependencies]\ny = { version = \"1.4.0\" }\n";
const LOCK: &str = "version = 4\n[[package]]\nname = \"x\"\nversion = \"1.4.0\"\n\n[[package]]\nname = \"y\"\nversion = \"1.4.0\"\nsource = \"registry\"\n";

#[test]
fn the_usual_places() {
    let cases: &[Case<'_>] = &[
        ("cargo", "", &[("Cargo.toml", CARGO), ("Cargo.lock", LOCK)]),
        (
            "a workspace",
            "",
            &[
                ("Cargo.toml", "[workspace.package]\nversion = \"1.4.0\"\n"),
                ("a/Cargo.toml", "[package]\nname = \"a\"\nversion.workspace = true\n"),
                ("b/Cargo.toml", "[package]\nname = \"b\"\nversion = \"1.4.0\"\n"),
                (
                    "Cargo.lock",
                    "[[package]]\nname = \"a\"\nversion = \"1.4.0\"\n[[package]]\nname = \"b\"\nversion = \"1.4.0\"\n",
                ),
            ],
        ),
        (
            "a workspace whose members ask for each other",
            "",
            &[
                (
                    "Cargo.toml",
                    "[workspace.package]\nversion = \"1.4.0\"\n[workspace.dependencies]\na = { path = \"a\",   version = '1.4.0' } # ours\nserde = \"1.4.0\"\n",
                ),
                (
                    "a/Cargo.toml",
                    "[package]\nname = \"a\"\nversion.workspace = true\n[dependencies]\nother = { path = \"../other\", version = \"1.4.0\" }\ny = { package = \"a\", version = \"1.4.0\" }\n",
                ),
                (
                    "b/Cargo.toml",
                    "[package]\nname = \"b\"\nversion.workspace = true\n[dependencies]\na = { workspace = true }\n[target.'cfg(unix)'.dev-dependencies.renamed]\npackage = \"a\"\npath = \"../a\"\nversion = \"=1.4.0\"\n[build-dependencies]\na = { path = \"../a\", version = \"^1.4\" }\n",
                ),
                ("other/Cargo.toml", "[package]\nname = \"other\"\nversion = \"1.4.0\"\n"),
                ("own/Cargo.toml", "[package]\nname = \"own\"\nversion = \"0.3.0\"\n"),
                (
                    "tests/Cargo.toml",
                    "[package]\nname = \"t\"\nversion = \"1.4.0\"\n[dependencies]\na = { path = \"../a\", version = \">=1.3\" }\n",
                ),
                (
                    "narrow/Cargo.toml",
                    "[package]\nname = \"narrow\"\nversion = \"0.1.0\"\n[dependencies]\na = { path = \"../a\", version = \">=1.3, <1.5\" }\n",
                ),
            ],
        ),
        (
            "npm",
            "",
            &[
                ("package.json", "{\n  \"x\": {\"version\": \"1\"},\n  \"version\": \"1.4.0\"\n}\n"),
                (
                    "package-lock.json",
                    "{\n \"version\": \"1.4.0\",\n \"packages\": { \"\": {\n \"version\": \"1.4.0\"\n }, \"y\": {\n \"version\": \"1.4.0\" } } }\n",
                ),
            ],
        ),
        ("python", "", &[("pyproject.toml", "[tool.z]\nversion = \"0\"\n[project]\nversion = \"1.4\"\n")]),
        (
            "python by Poetry, with a lock of uv's",
            "",
            &[
                ("pyproject.toml", "[tool.poetry]\nname = \"X_y\"\nversion = \"1.4\"\n"),
                (
                    "uv.lock",
                    "version = 1\n\n[[package]]\nname = \"other\"\nversion = \"1.4\"\nsource = { registry = \"https://pypi.org/simple\" }\n\n[[package]]\nname = \"x-y\"\nversion = \"1.4.0\"\nsource = { editable = \".\" }\n",
                ),
                ("x/__init__.py", "\"\"\"X.\"\"\"\n__version__ = \"1.4\"\n"),
                ("y/__init__.py", "__version__ = \"0.9\"\n"),
            ],
        ),
        (
            "python that says it elsewhere",
            "",
            &[
                ("pyproject.toml", "[project]\ndynamic = [\"version\"]\n"),
                ("src/x/__init__.py", "__version__ = \"1.4\"\n"),
                ("setup.cfg", "[metadata]\nversion = attr: x.__version__\n"),
            ],
        ),
        ("python without one", "", &[("pyproject.toml", "[project]\ndynamic = [\"version\"]\n")]),
        (
            "perl",
            "",
            &[
                ("dist.ini", "name = My-App\n[@Git]\n"),
                ("lib/My/App.pm", "package My::App;\nour $VERSION = '0.940';\n1;\n"),
            ],
        ),
        (
            "perl by what makes it",
            "",
            &[
                ("Makefile.PL", "WriteMakefile(NAME => 'My::App',\n  VERSION => '0.940');\n"),
                ("lib/My/App.pm", "package My::App;\nour $VERSION = qv(\"0.940\");\n1;\n"),
                ("lib/My/Other.pm", "package My::Other;\nour $VERSION = '0.940';\n1;\n"),
                ("lib/My/Own.pm", "package My::Own;\nour $VERSION = '0.1';\n1;\n"),
            ],
        ),
        (
            "perl in a way that can't be read",
            "",
            &[
                ("Makefile.PL", "WriteMakefile(VERSION_FROM => 'App.pm');\n"),
                ("App.pm", "package App;\nour $VERSION = sprintf '%d.%03d', 0, 940;\n1;\n"),
            ],
        ),
        (
            "perl by its tags",
            "",
            &[("dist.ini", "name = DDGC\n[Git::NextVersion]\n"), ("lib/DDGC.pm", "package DDGC;\n1;\n")],
        ),
        ("none", "", &[("README", "x")]),
        (
            "none that is known, and files that say one",
            "",
            &[
                ("lib/x/version.rb", "module X\n  VERSION = \"1.4.0\"\nend\n"),
                ("packages/a/package.json", "{\"version\": \"1.4.0\"}"),
                ("node_modules/b/package.json", "{\"version\": \"1.4.0\"}"),
            ],
        ),
        ("the tag alone", "version.files = []", &[("Cargo.toml", CARGO)]),
        (
            "said",
            "version.files = [{ path = \"V\", pattern = \"{version}\" }]",
            &[("V", "1.0\n"), ("Cargo.toml", CARGO)],
        ),
    ];
    let told: Vec<String> =
        cases.iter().map(|(name, config, files)| format!("== {name}\n{}", told(config, files))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_wrong_is_told_at_once() {
    let files = "version.files = [{ path = \"a\", pattern = \"v={version}\" }, { path = \"b\", pattern = \"v={version};\" }, { path = \"c\", pattern = \"{version}\" }]";
    let cases = [
        told(files, &[("a", "v=1\nx\nv=2\n"), ("b", "v=1\n")]),
        told("", &[("Cargo.toml", CARGO), ("package.json", "{\"version\": \"1\"}")]),
        told("", &[("Cargo.toml", "[package\n")]),
    ];
    insta::assert_snapshot!(cases.join("\n"));
}
