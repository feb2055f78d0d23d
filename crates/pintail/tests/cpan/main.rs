//! What other programs install from a depot: Debian's `cpanm`, CPAN.pm and `pip`, from the folder and through nginx;
//! the commands that publish for them; and publishers that are killed or come two at once.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests start programs and write files by hand, and tell what they counted"
)]

#[path = "../common/mod.rs"]
mod common;

mod clients;
mod killed;
mod perl;
mod python;
mod screens;

use common::apps::{Nginx, needs};
use common::{PINTAIL, Ran, Stage, ran};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A project whose depot other programs install from. Its application is `hello`, and nothing is deployed.
struct Shop {
    stage: Stage,
}

impl Shop {
    fn new() -> Shop {
        Shop { stage: Stage::new("") }
    }

    /// With the author that most tests publish as.
    fn with_author() -> Shop {
        let shop = Shop::new();
        shop.run(&["depot", "author", "DDGC", "DuckDuckGo Community <ddgc@example.com>"]).expect(0);
        shop
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.stage.run(arguments)
    }

    fn depot(&self) -> PathBuf {
        self.stage.project.join(".pintail/depot")
    }

    fn url(&self) -> String {
        format!("file://{}", self.depot().display())
    }

    fn room(&self) -> &Path {
        self.stage.room()
    }

    /// Writes a Perl distribution into the room; its path.
    fn dist(&self, name: &str, package: &str, version: &str, needs: &[(&str, &str)]) -> PathBuf {
        let path = self.room().join(name);
        fs::write(&path, dist(name, package, version, needs)).unwrap();
        path
    }

    #[track_caller]
    fn publish(&self, name: &str, package: &str, version: &str, needs: &[(&str, &str)]) -> Ran {
        let file = self.dist(name, package, version, needs);
        let ran = self.run(&["depot", "add", &file.display().to_string(), "--author", "DDGC"]);
        ran.expect(0);
        ran
    }

    /// The rows of the index.
    fn rows(&self) -> Vec<String> {
        let bytes = fs::read(self.depot().join("modules/02packages.details.txt.gz")).unwrap();
        let text = std::io::read_to_string(flate2::read::GzDecoder::new(bytes.as_slice())).unwrap();
        text.split_once("\n\n").unwrap().1.lines().map(str::to_owned).collect()
    }
}

/// A distribution that `perl Makefile.PL && make install` installs: one module, and what it needs.
fn dist(name: &str, package: &str, version: &str, needs: &[(&str, &str)]) -> Vec<u8> {
    let top = name.trim_end_matches(".tar.gz");
    let module = format!("lib/{}.pm", package.replace("::", "/"));
    let needed: String =
        needs.iter().map(|(package, version)| format!("'{package}' => '{version}', ")).collect();
    let used: String = needs.iter().map(|(package, version)| format!("use {package} {version};\n")).collect();
    let makefile = format!(
        "use ExtUtils::MakeMaker;\nWriteMakefile(NAME => '{package}', VERSION_FROM => '{module}', AUTHOR => 'Jo', \
         ABSTRACT => 'For tests', LICENSE => 'perl', PREREQ_PM => {{ {needed}}});\n"
    );
    let code = format!(
        "package {package};\nuse strict;\n{used}our $VERSION = '{version}';\nsub version {{ $VERSION }}\n1;\n"
    );
    let files = [
        ("Makefile.PL", makefile),
        (module.as_str(), code),
        ("MANIFEST", format!("Makefile.PL\nMANIFEST\n{module}\n")),
    ];
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in &files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        header.set_cksum();
        tar.append_data(&mut header, format!("{top}/{path}"), text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// Runs a command that reads `input`.
fn with_input(mut command: Command, input: &str) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let text = input.to_owned();
    let writer = std::thread::spawn(move || to.write_all(text.as_bytes()));
    let ran = common::finish(child);
    writer.join().unwrap().unwrap();
    ran
}
