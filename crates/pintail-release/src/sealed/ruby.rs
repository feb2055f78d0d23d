//! The seal for Ruby: its own gems, and those that the artifact brings in `vendor/bundle`. Knows RubyGems' folders and
//! Debian's.

use super::{Sealed, Sealing, joined};
use pintail_os::files;
use std::io;
use std::path::PathBuf;

/// Loaded first by every Ruby.
const SEAL: &str = include_str!("seal.rb");

pub(super) fn seal(sealing: &Sealing<'_>, sealed: &mut Sealed) -> io::Result<()> {
    if !sealing.has(&[".rb", "Gemfile", "Rakefile"], &["ruby", "rake", "bundle", "rspec"]) {
        return Ok(());
    }
    let seal = sealing.room.join("seal.rb");
    files::write_whole(&seal, SEAL.as_bytes(), 0o644)?;
    let home = sealing.room.join("gems");
    // `vendor/bundle/ruby/3.1.0`: the folder of each Ruby that it was made for.
    let bundled = sealing.tree.join("vendor/bundle/ruby");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(&bundled).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders.push(home.clone());
    let set = |name: &str, value: String| (name.to_owned(), value);
    sealed.environment.extend([
        set("RUBYOPT", format!("-r{}", seal.display())),
        set("GEM_HOME", home.display().to_string()),
        set("GEM_PATH", joined(&folders)),
        set("BUNDLE_FROZEN", "true".to_owned()),
        set("BUNDLE_PATH", sealing.tree.join("vendor/bundle").display().to_string()),
    ]);
    sealed.told.push("ruby: gems outside of the artifact's `vendor/bundle` were kept out".to_owned());
    Ok(())
}
