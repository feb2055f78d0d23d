//! Python, Node and Ruby, each by its own means.

use super::*;

const PYTHON: &str = "test = \"python3 test_app.py\"";

#[test]
fn python_finds_what_is_declared_and_no_other_of_the_machines() {
    apps::needs("/usr/bin/python3", &["-c", "import six"], "python3 python3-six");
    let stage = project(PYTHON, &[("test_app.py", "import app\n"), ("app.py", "import json\nimport six\n")]);
    let failed = build(&stage, "1.0");
    let error = refused(&stage, "1.0", &failed);
    assert!(
        error.contains("hint: `six` is declared nowhere, and a test gets only what is: what brings `six` in"),
        "{error}"
    );
    // Neither through the environment nor from where users install.
    let elsewhere = stage.room().join("elsewhere");
    write(&elsewhere.join("six.py"), "");
    let leading = [("PYTHONPATH", elsewhere.to_str().unwrap()), ("PYTHONUSERBASE", "/usr")];
    refused(&stage, "1.0", &build_with(&stage, "1.0", &leading));
    // A test that sets its own path is sealed all the same.
    for test in
        ["PYTHONPATH=lib python3 test_app.py", "/usr/bin/python3 -m test_app", "sh -c 'python3 test_app.py'"]
    {
        stage.set_config(&apps::config(&stage.root, "", &format!("[build]\ntest = \"{test}\"")));
        commit(&stage);
        let failed = build(&stage, "1.0");
        assert!(
            refused(&stage, "1.0", &failed).contains("`six` is declared nowhere"),
            "{test}: {}",
            failed.all()
        );
    }
    change(&stage, "requirements.txt", "Six>=1\n");
    build(&stage, "1.0").expect(0);
    let told = sealed(&stage, "1.0");
    let line = "python: of them let in, since they are declared or needed by what is: six".to_owned();
    assert!(told.contains(&line), "{told:#?}");
}

/// A wheel is a zip; Python makes one without any tools.
#[test]
fn python_finds_what_the_wheels_of_the_artifact_hold() {
    apps::needs("/usr/bin/python3", &["-m", "pip", "--version"], "python3-pip");
    let stage = project(PYTHON, &[("requirements.txt", "trinket\n"), ("test_app.py", "import trinket\n")]);
    let failed = build(&stage, "1.0");
    let error = refused(&stage, "1.0", &failed);
    assert!(
        error.contains("`trinket` is declared, and neither in the artifact nor on this machine"),
        "{error}"
    );
    let make = "import zipfile, sys\nz = zipfile.ZipFile(sys.argv[1], 'w')\nd = 'trinket-1.0.dist-info/'\n\
                z.writestr('trinket.py', '')\nz.writestr(d + 'METADATA', 'Metadata-Version: 2.1\\nName: trinket\\nVersion: 1.0\\n')\n\
                z.writestr(d + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n\
                z.writestr(d + 'RECORD', 'trinket.py,,\\n' + d + 'METADATA,,\\n' + d + 'WHEEL,,\\n' + d + 'RECORD,,\\n')\nz.close()\n";
    let wheel = stage.project.join("wheelhouse/trinket-1.0-py3-none-any.whl");
    std::fs::create_dir_all(wheel.parent().unwrap()).unwrap();
    let made = std::process::Command::new("/usr/bin/python3").args(["-c", make]).arg(&wheel).status();
    assert!(made.unwrap().success());
    commit(&stage);
    build(&stage, "1.0").expect(0);
    let told = sealed(&stage, "1.0");
    assert!(
        told.contains(&"python: what `requirements.txt` declares was installed from the wheels".to_owned()),
        "{told:#?}"
    );
    change(&stage, "requirements.txt", "trinket\ngone-for-good\n");
    let failed = build(&stage, "1.1");
    let error = refused(&stage, "1.1", &failed);
    assert!(
        error.contains(
            "what `requirements.txt` declares can't be installed from the wheels: `python3` exited with 1"
        ),
        "{error}"
    );
}

#[test]
fn node_finds_what_the_artifact_brings_and_nothing_else() {
    apps::needs("/usr/bin/node", &["--version"], "nodejs");
    let stage = project(
        "test = \"node test.js\"",
        &[("package.json", "{\"name\":\"app\"}"), ("test.js", "require('trinket');\n")],
    );
    let elsewhere = stage.room().join("elsewhere/node_modules");
    write(&elsewhere.join("trinket/index.js"), "");
    let leading = [("NODE_PATH", elsewhere.to_str().unwrap()), ("HOME", stage.room().to_str().unwrap())];
    let failed = build_with(&stage, "1.0", &leading);
    let error = refused(&stage, "1.0", &failed);
    assert!(
        error.contains(
            "hint: `trinket` is declared nowhere, and a test gets only what is: `trinket` in `package.json`"
        ),
        "{error}"
    );
    // A test that leads it there by itself.
    let path = format!("test = \"NODE_PATH={} node test.js\"", elsewhere.display());
    stage.set_config(&apps::config(&stage.root, "", &format!("[build]\n{path}")));
    commit(&stage);
    refused(&stage, "1.0", &build(&stage, "1.0"));
    change(&stage, "node_modules/trinket/index.js", "require('part');\n");
    change(&stage, "node_modules/part/index.js", "");
    build(&stage, "1.0").expect(0);
    let line = "node: modules outside of the artifact's own `node_modules` were kept out".to_owned();
    assert!(sealed(&stage, "1.0").contains(&line));
}

#[test]
fn ruby_finds_its_own_gems_and_what_the_artifact_brings() {
    apps::needs("/usr/bin/ruby", &["--version"], "ruby");
    let stage = project("test = \"ruby test.rb\"", &[("test.rb", "require 'json'\nrequire 'trinket'\n")]);
    let elsewhere = stage.room().join("elsewhere");
    write(&elsewhere.join("trinket.rb"), "");
    let failed = build_with(&stage, "1.0", &[("RUBYLIB", elsewhere.to_str().unwrap())]);
    let error = refused(&stage, "1.0", &failed);
    assert!(error.contains("hint: `trinket` is declared nowhere, and a test gets only what is: what brings `trinket` in `Gemfile`"), "{error}");
    // Debian's own folder of libraries is out, and what is Ruby's own in it stays.
    let look = "require 'rubygems/version'\nrequire 'json'\nrequire 'set'\n\
                abort $LOAD_PATH.join(' ') if $LOAD_PATH.any? { |one| one.start_with?(%q(/usr)) && one =~ /vendor_ruby|site_ruby/ }\n\
                abort Gem.path.join(' ') unless Gem.path.all? { |one| one =~ /pintail-prove-/ }\n";
    change(&stage, "test.rb", look);
    build(&stage, "1.0").expect(0);
    change(&stage, "test.rb", "require 'trinket'\n");
    let version = std::process::Command::new("/usr/bin/ruby")
        .args(["-e", "print RbConfig::CONFIG['ruby_version']"])
        .output();
    let gems = format!("vendor/bundle/ruby/{}", String::from_utf8(version.unwrap().stdout).unwrap());
    write(&stage.project.join(&gems).join("gems/trinket-1.0/lib/trinket.rb"), "");
    let specification = "Gem::Specification.new { |s| s.name = 'trinket'; s.version = '1.0'; s.summary = 'x'; s.authors = ['x']; \
                         s.files = ['lib/trinket.rb']; s.require_paths = ['lib'] }\n";
    change(&stage, &format!("{gems}/specifications/trinket-1.0.gemspec"), specification);
    build(&stage, "1.1").expect(0);
}

/// What no name of a file tells: only the interpreter that is started.
#[test]
fn a_language_that_only_a_first_line_or_the_shell_tells_is_sealed() {
    apps::needs("perl", &["-MMoose", "-e", "1"], "libmoose-perl");
    apps::needs("/usr/bin/python3", &["-c", "import six"], "python3 python3-six");
    apps::needs("/usr/bin/ruby", &["--version"], "ruby");
    let perl = "#!/usr/bin/perl\nuse Moose;\n";
    // Moose and six are installed here; no gem is sure to be.
    for (file, text, missing, told) in [
        ("bin/app", perl, "Moose", "perl: "),
        ("cgi-bin/a.cgi", perl, "Moose", "perl: "),
        ("bin/app", "#!/usr/bin/python3\nimport six\n", "six", "python: "),
        ("config.ru", "#!/usr/bin/ruby\nrequire 'trinket'\n", "trinket", "ruby: "),
        ("check", "#!/bin/sh\nperl -MMoose -e 1\n", "Moose", ""),
        ("check", "#!/bin/sh\nperl -e 'use Moose'\n", "Moose", ""),
    ] {
        let stage = project(&format!("test = \"./{file}\""), &[(file, text)]);
        let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(stage.project.join(file), runs).unwrap();
        commit(&stage);
        let failed = build(&stage, "1.0");
        let hint = format!("`{missing}` is declared nowhere");
        assert!(refused(&stage, "1.0", &failed).contains(&hint), "{file}: {}", failed.all());
        // Only what plays a part is told.
        let first = text.lines().next().unwrap();
        change(&stage, file, &format!("{first}\n"));
        build(&stage, "1.0").expect(0);
        let sealed = sealed(&stage, "1.0");
        let named = ["perl: ", "python: ", "node: ", "ruby: "];
        let languages: Vec<&str> =
            named.into_iter().filter(|name| sealed.iter().any(|line| line.starts_with(name))).collect();
        assert_eq!(languages.concat(), told, "{file}: {sealed:?}");
    }
}
