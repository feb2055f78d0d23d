//! The seal for Perl: `@INC` without the folders of this machine, but with those of their modules that the project
//! declares, and what these depend on. Knows Perl's folders, `.packlist` and Debian's packages.

use super::{Sealed, Sealing, install, joined, of_file, some, view};
use crate::declared::{Phase, perl::FILES};
use crate::installed::debian;
use crate::installed::perl::{find, packlists};
use crate::used::perl::scan;
use pintail_os::files;
use pintail_os::program::{Program, Stream};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where artifacts bring modules.
const BROUGHT: [&str; 3] = ["local/lib/perl5", "extlib/lib/perl5", "vendor/lib/perl5"];
/// Where `carton bundle` puts a little CPAN of what is declared.
const BUNDLED: &str = "vendor/cache/modules/02packages.details.txt.gz";
/// Perl is asked where it looks; it answers at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Bytes of its answer, of a file that declares, of a module.
const ANSWER_MAX: usize = 4 << 20;
/// Rounds of modules that are installed by hand and use each other: a chain as long as that is a circle.
const ROUNDS: usize = 100;

/// What Perl answers: its own folders, and all that it looks in.
const ASK: &str = r#"
    my %own = map { $_ => 1 } grep { defined } @Config{qw(privlibexp archlibexp)},
        map { $INC{$_} =~ m{^(.*)/} } qw(Config.pm strict.pm);
    print $own{$_} ? "own" : "machine", "\t$_\n" for grep { !ref && m{^/} } @INC;
"#;

/// Loaded first by every Perl. What `-M` names is loaded before `PERL5OPT` is read, and so looked at afterwards.
const SEAL: &str = include_str!("seal.pm");

pub(super) fn seal(
    sealing: &Sealing<'_>,
    sealed: &mut Sealed,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> io::Result<()> {
    let ask = Program::new("perl").args(["-MConfig", "-Mstrict", "-e", ASK]);
    let ask = ask.with_environment(sealed.environment.clone()).within(ANSWER_WITHIN);
    // Without a Perl there is none to be kept from anything.
    let Ok(answer) = ask.output(ANSWER_MAX) else { return Ok(()) };
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let machine: Vec<PathBuf> =
        answer.lines().filter_map(|line| line.strip_prefix("machine\t")).map(PathBuf::from).collect();
    let mut brought = sealing.folders(&BROUGHT);
    if brought.is_empty() && sealing.tree.join(BUNDLED).is_file() {
        brought.push(bundled(sealing, heard, wanted)?);
        sealed.told.push("perl: what `cpanfile` declares was installed from `vendor/cache`".to_owned());
    }
    let declared = declared(sealing.tree);
    let admitted = admitted(&machine, &declared);
    let views = sealing.room.join("perl");
    let mut shown = Vec::new();
    for (number, folder) in machine.iter().enumerate() {
        let view = views.join(number.to_string());
        for file in admitted.files.iter().filter(|file| file.starts_with(folder)) {
            view::show(&view, folder, file)?;
        }
        shown.push((folder.clone(), view.is_dir().then_some(view)));
    }
    let own = sealing.room.join("perl-seal");
    files::make_folder(&own, 0o755)?;
    files::write_whole(&own.join("PintailSeal.pm"), module(&own, &shown).as_bytes(), 0o644)?;
    sealed.environment.insert("PERL5OPT".to_owned(), format!("-I{} -MPintailSeal", own.display()));
    if !brought.is_empty() {
        sealed.environment.insert("PERL5LIB".to_owned(), joined(&brought));
    }
    let kept_out: Vec<String> = machine
        .iter()
        .filter(|folder| folder.is_dir())
        .map(|folder| format!("`{}`", folder.display()))
        .collect();
    if !kept_out.is_empty() {
        sealed.told.push(format!("perl: the modules in {} were kept out", kept_out.join(", ")));
    }
    if !admitted.modules.is_empty() {
        let modules: Vec<String> = admitted.modules.iter().cloned().collect();
        sealed.told.push(format!(
            "perl: of them let in, since they are declared: {}, with what these depend on ({} files)",
            some(&modules),
            admitted.files.len()
        ));
    }
    Ok(())
}

/// The modules that the project declares for its run and its tests.
pub(super) fn declared(tree: &Path) -> BTreeSet<String> {
    let needs = FILES.iter().flat_map(|(file, _)| of_file(tree, file));
    needs.filter(|need| need.phase != Phase::Make).map(|need| need.name).collect()
}

/// What of the machine's modules is let in.
#[derive(Debug, Default)]
struct Admitted {
    /// The declared modules that are installed on the machine.
    modules: BTreeSet<String>,
    /// All files of their distributions, and of those that these depend on.
    files: BTreeSet<PathBuf>,
}

/// A module's distribution is its Debian package, else the `.packlist` that lists it, else its file alone. A package
/// says what it depends on; of the others the `use` lines do.
fn admitted(machine: &[PathBuf], declared: &BTreeSet<String>) -> Admitted {
    let mut admitted = Admitted::default();
    let mut packages = BTreeSet::new();
    let mut open: BTreeSet<String> = declared.clone();
    let mut seen = BTreeSet::new();
    let packlists = packlists(machine);
    for round in 0..ROUNDS {
        let found: Vec<(String, PathBuf)> = open
            .iter()
            .filter(|module| seen.insert((*module).clone()))
            .filter_map(|module| Some((module.clone(), find(machine, module)?)))
            .collect();
        open.clear();
        if round == 0 {
            admitted.modules = found.iter().map(|(module, _)| module.clone()).collect();
        }
        let paths: Vec<PathBuf> = found.iter().map(|(_, file)| file.clone()).collect();
        let owners = if paths.is_empty() { BTreeMap::new() } else { debian::owners(&paths) };
        for file in paths {
            if let Some(package) = owners.get(&file) {
                packages.insert(package.clone());
                continue;
            }
            let listed = packlists.iter().find(|list| list.contains(&file)).cloned();
            for file in listed.unwrap_or_else(|| BTreeSet::from([file])) {
                let text = files::read_bounded(&file, ANSWER_MAX as u64).unwrap_or_default();
                let is_module = file.extension().is_some_and(|extension| extension == "pm");
                if is_module {
                    let used = scan(&String::from_utf8_lossy(&text)).used;
                    open.extend(used.into_iter().map(|used| used.module));
                }
                admitted.files.insert(file);
            }
        }
        if open.is_empty() {
            break;
        }
    }
    if !packages.is_empty() {
        let within = |file: &PathBuf| machine.iter().any(|folder| file.starts_with(folder)) && !file.is_dir();
        admitted
            .files
            .extend(debian::files(&debian::with_dependencies(&packages)).into_iter().filter(within));
    }
    admitted
}

/// The module that every Perl loads first: it takes the machine's folders out and puts what is let in in their place.
fn module(own: &Path, shown: &[(PathBuf, Option<PathBuf>)]) -> String {
    let quoted =
        |path: &Path| format!("'{}'", path.display().to_string().replace('\\', "\\\\").replace('\'', "\\'"));
    let pairs: Vec<String> = shown
        .iter()
        .map(|(folder, view)| {
            format!("    {} => [{}],\n", quoted(folder), view.as_deref().map(quoted).unwrap_or_default())
        })
        .collect();
    SEAL.replace("INSTEAD", &format!("    {} => [],\n{}", quoted(own), pairs.concat()))
}

/// Installs what `cpanfile` declares from the bundled CPAN; gives the folder of its modules.
fn bundled(
    sealing: &Sealing<'_>,
    heard: &mut dyn FnMut(Stream, &[u8]),
    wanted: &dyn Fn() -> bool,
) -> io::Result<PathBuf> {
    let into = sealing.room.join("perl-bundled");
    let mirror = format!("file://{}", sealing.tree.join("vendor/cache").display());
    let cpanm = Program::new("cpanm")
        .args([
            "--quiet",
            "--notest",
            "--mirror-only",
            "--mirror",
            &mirror,
            "--installdeps",
            "--local-lib-contained",
        ])
        .args([&into, sealing.tree])
        .with_environment(super::environment(sealing.config, &sealing.room.join("home")));
    install(&cpanm, "what `cpanfile` declares can't be installed from `vendor/cache`", heard, wanted)?;
    Ok(into.join("lib/perl5"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_replaces_folders() {
        let shown = [("/usr/share/perl5".into(), Some("/tmp/room/perl/0".into())), ("/it's".into(), None)];
        insta::assert_snapshot!(module(Path::new("/tmp/room/perl-seal"), &shown));
    }

    /// Installed from CPAN: what its `.packlist` has, and what its own lines use.
    #[test]
    fn what_is_declared_is_let_in_with_what_it_uses() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().to_path_buf();
        let put = |path: &str, text: &str| {
            let path = folder.join(path);
            files::make_folder(path.parent().unwrap(), 0o755).unwrap();
            files::write_whole(&path, text.as_bytes(), 0o644).unwrap();
            path
        };
        let main = put("Foo.pm", "package Foo; use Bar; 1;");
        let part = put("Foo/Part.pm", "package Foo::Part; eval { require Soft }; 1;");
        put("auto/Foo/.packlist", &format!("{}\n{} type=file\n", main.display(), part.display()));
        let used = put("Bar.pm", "package Bar; use Foo; 1;");
        let soft = put("Soft.pm", "1;");
        put("Other.pm", "1;");
        let declared = BTreeSet::from(["Foo".to_owned(), "Gone".to_owned()]);
        let admitted = admitted(&[folder], &declared);
        assert_eq!(admitted.files, BTreeSet::from([main, part, used, soft]));
        assert_eq!(admitted.modules, BTreeSet::from(["Foo".to_owned()]));
    }
}
