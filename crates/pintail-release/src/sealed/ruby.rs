//! The seal for Ruby: its own gems, those that the artifact brings in `vendor/bundle`, and those of the machine that the
//! project declares, with what they depend on. Knows RubyGems' folders and Debian's.

use super::{Sealed, Sealing, joined, of_file, some, view};
use pintail_os::files;
use pintail_os::program::Program;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How long Ruby may take to say what is installed.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Bytes of its answer.
const ANSWER_MAX: usize = 4 << 20;
/// What tests are run by: Ruby ships with them, and some distributions have them apart.
const HARNESSES: [&str; 4] = ["minitest", "power_assert", "rake", "test-unit"];

/// Loaded first by every Ruby.
const SEAL: &str = include_str!("seal.rb");
/// Says what is installed: name, the folder it is in, its parts there, what it needs to run.
const ASK: &str = r#"
Gem::Specification.each do |one|
  next if one.default_gem? || !File.exist?(one.full_gem_path)
  parts = [one.loaded_from, one.full_gem_path, one.extension_dir].select { |part| File.exist?(part) }
  puts [one.name, one.base_dir, parts.join("|"), one.runtime_dependencies.map(&:name).join("|")].join("\t")
end
"#;

/// Where it `plays` no part nothing is declared, and what is installed is not asked.
pub(super) fn seal(sealing: &Sealing<'_>, plays: bool, sealed: &mut Sealed) -> io::Result<()> {
    let seal = sealing.room.join("seal.rb");
    files::write_whole(&seal, SEAL.as_bytes(), 0o644)?;
    let home = sealing.room.join("gems");
    files::make_folder(&home, 0o755)?;
    let ask = Program::new("ruby").args(["-e", ASK]).with_environment(sealed.environment.clone());
    let answer = match plays {
        true => ask.within(ANSWER_WITHIN).output(ANSWER_MAX).unwrap_or_default(),
        false => Vec::new(),
    };
    let installed = read_installed(&String::from_utf8_lossy(&answer));
    // Of all groups: Bundler wants every gem of the file to be there.
    let declared = of_file(sealing.tree, "Gemfile").into_iter().map(|need| need.name);
    let harnesses = HARNESSES.iter().map(|name| (*name).to_owned());
    let let_in = reached(declared.chain(harnesses), &installed);
    for gem in let_in.iter().flat_map(|name| &installed[name]) {
        for part in &gem.parts {
            view::show(&home, &gem.base, part)?;
        }
    }
    // `vendor/bundle/ruby/3.1.0`: the folder of each Ruby that it was made for.
    let bundled = sealing.tree.join("vendor/bundle/ruby");
    let entries = std::fs::read_dir(&bundled).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders.push(home.clone());
    let set = |name: &str, value: String| (name.to_owned(), value);
    sealed.environment.extend([
        set("RUBYOPT", format!("-r{}", seal.display())),
        set("GEM_HOME", home.display().to_string()),
        set("GEM_PATH", joined(&folders)),
    ]);
    sealed.told.push("ruby: the machine's gems and libraries were kept out".to_owned());
    let named: Vec<String> = let_in.into_iter().filter(|name| !HARNESSES.contains(&name.as_str())).collect();
    if !named.is_empty() {
        let named = some(&named);
        sealed
            .told
            .push(format!("ruby: of them let in, since they are declared or needed by what is: {named}"));
    }
    Ok(())
}

/// One installed version of a gem.
#[derive(Debug)]
struct Gem {
    base: PathBuf,
    parts: Vec<PathBuf>,
    needs: BTreeSet<String>,
}

/// `NAME⇥FOLDER⇥PART|PART⇥NEED|NEED`, a line each.
fn read_installed(answer: &str) -> BTreeMap<String, Vec<Gem>> {
    let mut installed: BTreeMap<String, Vec<Gem>> = BTreeMap::new();
    for line in answer.lines() {
        let mut fields = line.split('\t');
        let (Some(name), Some(base), Some(parts)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let needs = fields.next().unwrap_or_default().split('|').filter(|need| !need.is_empty());
        installed.entry(name.to_owned()).or_default().push(Gem {
            base: PathBuf::from(base),
            parts: parts.split('|').map(PathBuf::from).collect(),
            needs: needs.map(str::to_owned).collect(),
        });
    }
    installed
}

fn reached(from: impl Iterator<Item = String>, installed: &BTreeMap<String, Vec<Gem>>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<String> = from.collect();
    while let Some(name) = open.pop() {
        if let Some(gems) = installed.get(&name).filter(|_| reached.insert(name.clone())) {
            open.extend(gems.iter().flat_map(|gem| gem.needs.clone()));
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_read() {
        let installed = read_installed(
            "i18n\t/g\t/g/specifications/i18n.gemspec|/g/gems/i18n\tconcurrent\nconcurrent\t/g\t/g/gems/c\t\n",
        );
        let reached = reached(["i18n", "gone"].map(str::to_owned).into_iter(), &installed);
        assert_eq!(reached.into_iter().collect::<Vec<_>>(), ["concurrent", "i18n"]);
    }
}
