//! Perl's clients, as Debian has them.

use super::*;
use std::time::{Duration, SystemTime};

/// `cpanm` with a home and a target of its own.
struct Cpanm {
    home: PathBuf,
    into: PathBuf,
}

impl Cpanm {
    #[track_caller]
    fn new(shop: &Shop, name: &str) -> Cpanm {
        needs("cpanm", &["--version"], "cpanminus make");
        needs("make", &["--version"], "cpanminus make");
        Cpanm {
            home: shop.room().join(format!("home-{name}")),
            into: shop.room().join(format!("into-{name}")),
        }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("cpanm");
        command.env("HOME", &self.home).env("PERL_CPANM_HOME", &self.home).env_remove("PERL_CPANM_OPT");
        command.env("PERL_MM_USE_DEFAULT", "1").env_remove("http_proxy").env_remove("HTTP_PROXY");
        command.args(["--no-man-pages", "--notest", "-L"]).arg(&self.into).args(arguments);
        ran(command)
    }

    /// The version of a module that was installed.
    #[track_caller]
    fn installed(&self, package: &str) -> String {
        let mut perl = Command::new("perl");
        perl.arg(format!("-I{}/lib/perl5", self.into.display()));
        perl.args(["-e", &format!("use {package}; print {package}->version")]);
        let ran = ran(perl);
        ran.expect(0);
        ran.out
    }
}

/// Two distributions, the application needing the library, in two versions.
fn shop() -> Shop {
    let shop = Shop::with_author();
    shop.publish("Pt-Lib-0.5.tar.gz", "Pt::Lib", "0.5", &[]);
    shop.publish("Pt-App-0.939.tar.gz", "Pt::App", "0.939", &[("Pt::Lib", "0.5")]);
    shop.publish("Pt-App-0.940.tar.gz", "Pt::App", "0.940", &[("Pt::Lib", "0.5")]);
    shop
}

#[test]
fn cpanm_installs_what_needs_another_from_the_folder_and_through_nginx() {
    let shop = shop();
    let nginx = Nginx::before_folder(shop.room(), &shop.depot());
    for (name, url) in [("file", shop.url()), ("http", format!("http://127.0.0.1:{}", nginx.port))] {
        let cpanm = Cpanm::new(&shop, name);
        let ran = cpanm.run(&["--mirror", &url, "--mirror-only", "Pt::App"]);
        ran.expect(0);
        assert!(ran.all().contains("Successfully installed Pt-Lib-0.5"), "{}", ran.all());
        assert_eq!(cpanm.installed("Pt::App"), "0.940");
        // An old version by its path, from where it will always lie.
        let old = Cpanm::new(&shop, &format!("{name}-old"));
        old.run(&["--mirror", &url, "--mirror-only", "DDGC/Pt-App-0.939.tar.gz"]).expect(0);
        assert_eq!(old.installed("Pt::App"), "0.939");
    }
}

#[test]
fn cpanm_installs_an_old_version_by_its_number() {
    let shop = shop();
    let nginx = Nginx::before_folder(shop.room(), &shop.depot());
    let url = format!("http://127.0.0.1:{}", nginx.port);
    for (wanted, version) in [("Pt::App@0.939", "0.939"), ("Pt::App", "0.940")] {
        let cpanm = Cpanm::new(&shop, version);
        let ran = cpanm.run(&["--cpanmetadb", &format!("{url}/v1.0/"), "--mirror", &url, wanted]);
        ran.expect(0);
        assert_eq!(cpanm.installed("Pt::App"), version, "{}", ran.all());
    }
}

#[test]
fn cpanm_verifies_checksums_and_sees_a_changed_archive() {
    needs("perl", &["-MModule::Signature", "-e", "1"], "libmodule-signature-perl");
    let shop = shop();
    let cpanm = Cpanm::new(&shop, "verify");
    let verify = ["--mirror", &shop.url(), "--mirror-only", "--verify", "--verbose", "Pt::Lib"];
    let ran = cpanm.run(&verify);
    ran.expect(0);
    assert!(ran.all().contains("Checksum for Pt-Lib-0.5.tar.gz: Verified!"), "{}", ran.all());
    let path = shop.depot().join("authors/id/D/DD/DDGC/Pt-Lib-0.5.tar.gz");
    fs::write(&path, dist("Pt-Lib-0.5.tar.gz", "Pt::Lib", "0.5", &[("Evil", "1")])).unwrap();
    let changed = Cpanm::new(&shop, "changed").run(&verify);
    assert_ne!(changed.code, 0);
    assert!(changed.all().contains("Checksum mismatch"), "{}", changed.all());
}

#[test]
fn cpanm_sees_a_version_that_was_published_in_the_second_in_which_it_looked() {
    let shop = Shop::with_author();
    let index = shop.depot().join("modules/02packages.details.txt.gz");
    let modified = || fs::metadata(&index).unwrap().modified().unwrap();
    let set_modified = |time: SystemTime| fs::File::open(&index).unwrap().set_modified(time).unwrap();
    // It keeps the index, and compares times in seconds.
    let cpanm = Cpanm::new(&shop, "caching");
    let install = || cpanm.run(&["--mirror", &shop.url(), "--mirror-only", "Pt::Lib"]).expect(0).clone();
    shop.publish("Pt-Lib-1.tar.gz", "Pt::Lib", "1", &[]);
    // As after many versions in one second, or on a machine whose clock was set back.
    let ahead = modified() + Duration::from_secs(3600);
    set_modified(ahead);
    install();
    shop.publish("Pt-Lib-2.tar.gz", "Pt::Lib", "2", &[]);
    assert_eq!(modified(), ahead + Duration::from_secs(1));
    install();
    assert_eq!(cpanm.installed("Pt::Lib"), "2");
    // That this is not for nothing: with the time as it was, the version is not seen.
    let before = modified();
    shop.publish("Pt-Lib-3.tar.gz", "Pt::Lib", "3", &[]);
    let after = modified();
    set_modified(before);
    assert!(install().all().contains("up to date"));
    set_modified(after);
    install();
    assert_eq!(cpanm.installed("Pt::Lib"), "3");
}

#[test]
fn carton_installs_and_writes_down_what() {
    needs("carton", &["--version"], "carton make");
    let shop = shop();
    let nginx = Nginx::before_folder(shop.room(), &shop.depot());
    let app = shop.room().join("app");
    fs::create_dir(&app).unwrap();
    fs::write(app.join("cpanfile"), "requires 'Pt::App';\n").unwrap();
    let mut carton = Command::new("carton");
    carton.arg("install").current_dir(&app).env("HOME", shop.room()).env_remove("PERL_CPANM_OPT");
    carton.env("PERL_CARTON_MIRROR", format!("http://127.0.0.1:{}", nginx.port));
    ran(carton).expect(0);
    let snapshot = fs::read_to_string(app.join("cpanfile.snapshot")).unwrap();
    assert!(snapshot.contains("pathname: D/DD/DDGC/Pt-App-0.940.tar.gz"), "{snapshot}");
    assert!(snapshot.contains("Pt::Lib 0.5"), "{snapshot}");
    assert!(app.join("local/lib/perl5/Pt/App.pm").exists());
}

#[test]
fn cpan_pm_reads_every_index_and_installs() {
    let shop = shop();
    let nginx = Nginx::before_folder(shop.room(), &shop.depot());
    let (home, into) = (shop.room().join("cpan-home"), shop.room().join("cpan-into"));
    let at = |folder: &str| home.join(folder).display().to_string();
    fs::create_dir_all(home.join(".cpan/CPAN")).unwrap();
    let settings = [
        ("cpan_home", at(".cpan")),
        ("build_dir", at(".cpan/build")),
        ("keep_source_where", at(".cpan/sources")),
        ("histfile", at(".cpan/history")),
        ("prefs_dir", at(".cpan/prefs")),
        (
            "makepl_arg",
            format!(
                "INSTALL_BASE={} NO_PACKLIST=1 NO_PERLLOCAL=1 INSTALLMAN1DIR=none INSTALLMAN3DIR=none",
                into.display()
            ),
        ),
        ("prerequisites_policy", "follow".to_owned()),
        ("build_requires_install_policy", "yes".to_owned()),
        ("build_cache", "10".to_owned()),
        ("scan_cache", "never".to_owned()),
        ("index_expire", "0".to_owned()),
        ("inhibit_startup_message", "1".to_owned()),
        ("check_sigs", "0".to_owned()),
        ("pushy_https", "0".to_owned()),
        ("connect_to_internet_ok", "1".to_owned()),
        ("make", "make".to_owned()),
        ("tar", "tar".to_owned()),
        ("gzip", "gzip".to_owned()),
        ("auto_commit", "0".to_owned()),
        ("term_is_latin", "1".to_owned()),
        ("getcwd", "cwd".to_owned()),
    ];
    let settings: String =
        settings.iter().map(|(key, value)| format!("  '{key}' => q[{value}],\n")).collect();
    let config = format!(
        "$CPAN::Config = {{\n{settings}  'urllist' => [q[http://127.0.0.1:{}]],\n}};\n1;\n",
        nginx.port
    );
    fs::write(home.join(".cpan/CPAN/MyConfig.pm"), config).unwrap();
    let mut perl = Command::new("perl");
    perl.env("HOME", &home)
        .env("PERL_MM_USE_DEFAULT", "1")
        .env("PERL5LIB", into.join("lib/perl5"))
        .stdin(Stdio::null());
    perl.env_remove("http_proxy").env_remove("HTTP_PROXY");
    perl.args([
        "-MCPAN",
        "-e",
        "CPAN::Shell->notest('install', 'Pt::App'); print CPAN::Shell->expand('Author', 'DDGC')->as_string",
    ]);
    let ran = ran(perl);
    assert!(ran.all().contains("DuckDuckGo Community"), "{}", ran.all());
    assert!(ran.all().contains("Checksum for") && ran.all().contains(" ok"), "{}", ran.all());
    assert!(
        into.join("lib/perl5/Pt/App.pm").exists() && into.join("lib/perl5/Pt/Lib.pm").exists(),
        "{}",
        ran.all()
    );
}
