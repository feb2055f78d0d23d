//! `pip`.

use super::*;

/// Writes a wheel by hand, as a zip with what it must have.
#[track_caller]
fn wheel(shop: &Shop, name: &str, version: &str) -> PathBuf {
    needs("python3", &["-m", "pip", "--version"], "python3 python3-pip");
    let path = shop.room().join(format!("{name}-{version}-py3-none-any.whl"));
    let script = "import sys, zipfile\n\
        path, name, version = sys.argv[1:]\n\
        info = f'{name}-{version}.dist-info'\n\
        files = {f'{name}/__init__.py': f'version = {version!r}\\n',\n\
          f'{info}/METADATA': f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n',\n\
          f'{info}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: hand\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'}\n\
        files[f'{info}/RECORD'] = ''.join(f'{file},,\\n' for file in [*files, f'{info}/RECORD'])\n\
        with zipfile.ZipFile(path, 'w') as zip:\n\
        \x20 [zip.writestr(file, text) for file, text in files.items()]\n";
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(&path).args([name, version]);
    ran(python).expect(0);
    path
}

fn pip(shop: &Shop, index: &str, into: &str, wanted: &str) -> Ran {
    let mut python = Command::new("python3");
    python.env("HOME", shop.room()).env_remove("PIP_INDEX_URL").env_remove("PIP_EXTRA_INDEX_URL");
    python.env("PIP_CONFIG_FILE", "/dev/null").env("no_proxy", "127.0.0.1");
    python.args([
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-cache-dir",
        "install",
        "--no-deps",
        "--no-compile",
    ]);
    python.args(["--index-url", index, "--target"]).arg(shop.room().join(into)).arg(wanted);
    ran(python)
}

#[test]
fn pip_installs_from_the_folder_and_through_nginx_and_sees_a_changed_file() {
    let shop = Shop::new();
    for version in ["1.0", "1.1"] {
        let file = wheel(&shop, "Pt_My.App", version).display().to_string();
        let ran = shop.run(&["depot", "add", &file]);
        ran.expect(0);
        assert_eq!(
            ran.out,
            format!(
                "pt-my-app {version} is in the depot: packages/pt-my-app/Pt_My.App-{version}-py3-none-any.whl\n"
            )
        );
    }
    let nginx = Nginx::before_folder(shop.room(), &shop.depot());
    for (name, url) in [("file", shop.url()), ("http", format!("http://127.0.0.1:{}", nginx.port))] {
        let index = format!("{url}/simple/");
        for (wanted, version) in [("pt.my_app", "1.1"), ("pt-my-app==1.0", "1.0")] {
            let into = format!("{name}-{version}");
            pip(&shop, &index, &into, wanted).expect(0);
            let module = fs::read_to_string(shop.room().join(into).join("Pt_My.App/__init__.py")).unwrap();
            assert_eq!(module, format!("version = '{version}'\n"));
        }
    }
    let path = shop.depot().join("packages/pt-my-app/Pt_My.App-1.1-py3-none-any.whl");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let changed = pip(&shop, &format!("{}/simple/", shop.url()), "changed", "pt-my-app");
    assert_ne!(changed.code, 0);
    assert!(changed.err.contains("DO NOT MATCH THE HASHES"), "{}", changed.all());
}

#[test]
fn a_source_distribution_is_pythons_when_it_is_said_to_be() {
    let shop = Shop::new();
    let file = shop.dist("pt-src-1.0.tar.gz", "Any", "1", &[]).display().to_string();
    let ran = shop.run(&["depot", "add", &file, "--python"]);
    assert_eq!(ran.expect(0).out, "pt-src 1.0 is in the depot: packages/pt-src/pt-src-1.0.tar.gz\n");
    let again = shop.run(&["depot", "add", &file, "--python"]);
    assert!(again.expect(0).out.contains("was in the depot already, the same bytes"), "{}", again.all());
    let page = fs::read_to_string(shop.depot().join("simple/pt-src/index.html")).unwrap();
    assert!(page.contains("../../packages/pt-src/pt-src-1.0.tar.gz#sha256="), "{page}");
    assert!(!shop.depot().join("authors").exists() && !shop.depot().join("artifacts").exists());
}
