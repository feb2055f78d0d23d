//! `init`: looks at the tree and writes a commented `pintail.toml` that is a beginning.

use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use crate::screen;
use pintail_core::wire::Trouble;
use pintail_os::files;
use std::path::Path;

/// A kind of application, told by what lies in its tree.
struct Sort {
    name: &'static str,
    signs: &'static [&'static str],
    build: &'static str,
    prepare: &'static str,
    run: &'static str,
    protocol: &'static str,
    pass: &'static str,
    /// A folder of files for the web server, where there is nothing to run.
    publish: &'static str,
}

/// In the order in which they are looked for: a Python project may have a package.json for its styles.
const SORTS: [Sort; 7] = [
    Sort {
        name: "Perl",
        signs: &["dist.ini", "cpanfile", "Makefile.PL", "Build.PL"],
        build: "",
        prepare: "cpanm --notest --installdeps .",
        run: "perl script/app_fastcgi.pl --listen {listen} --nproc 5 --pidfile {pidfile}",
        protocol: "fastcgi",
        pass: "stdin",
        publish: "",
    },
    Sort {
        name: "Ruby",
        signs: &["Gemfile"],
        build: "",
        prepare: "bundle install --deployment --quiet",
        run: "bundle exec puma --bind unix://{listen}",
        protocol: "http",
        pass: "bind",
        publish: "",
    },
    Sort {
        name: "Python",
        signs: &["pyproject.toml", "requirements.txt", "setup.py", "manage.py"],
        build: "",
        prepare: "python3 -m venv venv && venv/bin/pip install --quiet -r requirements.txt",
        run: "venv/bin/gunicorn app:app",
        protocol: "http",
        pass: "listen-fds",
        publish: "",
    },
    Sort {
        name: "Rust",
        signs: &["Cargo.toml"],
        build: "cargo build --release --locked && mkdir -p bin && cp target/release/app bin/ && rm -rf target",
        prepare: "",
        run: "bin/app",
        protocol: "http",
        pass: "listen-fds",
        publish: "",
    },
    Sort {
        name: "Node",
        signs: &["package.json"],
        build: "npm ci",
        prepare: "",
        run: "node server.js --listen {listen}",
        protocol: "http",
        pass: "bind",
        publish: "",
    },
    Sort {
        name: "static",
        signs: &["public/index.html"],
        build: "",
        prepare: "",
        run: "",
        protocol: "",
        pass: "",
        publish: "public",
    },
    Sort {
        name: "static",
        signs: &["index.html"],
        build: "",
        prepare: "",
        run: "",
        protocol: "",
        pass: "",
        publish: "",
    },
];

pub(crate) fn run(place: &Place, args: &args::Init) -> Result<Exit, Failure> {
    let path = place.config();
    if path.exists() && !args.force {
        let trouble =
            Trouble::new(format!("will not write over `{}`", path.display()), "it is there already");
        return Err(trouble.hint("`--force` writes a new one in its place").into());
    }
    let folder = std::fs::canonicalize(place.folder())
        .map_err(|error| Trouble::new(format!("cannot look into `{}`", place.folder().display()), error))?;
    let sort = SORTS.iter().find(|sort| sort.signs.iter().any(|sign| folder.join(sign).exists()));
    let text = written(&name_of(&folder), sort);
    files::write_whole(path, text.as_bytes(), 0o644)
        .map_err(|error| Trouble::new(format!("cannot write `{}`", path.display()), error))?;
    let found = sort.map_or("nothing that it knows", |sort| sort.name);
    screen::narrate(&format!("looked and found: {found}"));
    screen::print(&format!(
        "wrote `{}`: read it, then `pintail build --version 1.0` and `pintail plan local`",
        path.display()
    ));
    Ok(Exit::Done)
}

/// The folder's name as far as it can be an application's.
fn name_of(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let fit: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let fit = fit.trim_matches(['-', '_']).chars().take(64).collect::<String>();
    if fit.is_empty() { "app".to_owned() } else { fit }
}

fn written(name: &str, sort: Option<&Sort>) -> String {
    let mut text = format!(
        "# How Pintail deploys this application. Every key: docs/formats/pintail-toml.md.\n\nname = \"{name}\"\n"
    );
    if let Some(step) = sort.map(|sort| sort.build).filter(|step| !step.is_empty()) {
        text.push_str(&format!("\n[build]\n# In a clean checkout of the commit; what they make is part of the artifact.\nsteps = [\"{step}\"]\n"));
    }
    text.push_str(&format!(
        "\n[targets.local]\nhosts = [\"local\"]          # this machine\n\n[host]\nroot = \"/srv/{name}\"       # on each host; the deploying user owns it\n# shared = [\"log\", \"uploads\"]  # what survives releases\n# cache = [\"cache\"]           # made fresh for each release\nkeep = 5                   # releases that stay for going back\n"
    ));
    if let Some(line) = sort.map(|sort| sort.prepare).filter(|line| !line.is_empty()) {
        text.push_str(&format!(
            "# On the host, in the new release, before anything is switched.\nprepare = [\"{line}\"]\n"
        ));
    }
    match sort {
        Some(sort) if !sort.publish.is_empty() => {
            let publish = sort.publish;
            text.push_str(&format!("# Files for the web server, copied there with each release.\npublish = [{{ from = \"{publish}\", to = \"docroot\" }}]\n"));
        }
        Some(sort) if sort.run.is_empty() => {
            text.push_str(&format!(
                "# The release itself is what the web server serves: its root is /srv/{name}/current.\n"
            ));
        }
        Some(sort) => text.push_str(&process(sort.run, sort.protocol, sort.pass)),
        None => text.push_str(&process("./run --listen {listen}", "http", "bind")),
    }
    text
}

fn process(run: &str, protocol: &str, pass: &str) -> String {
    let passed = match pass {
        "stdin" => "the supervisor holds it and passes it as file descriptor 0",
        "listen-fds" => "the supervisor holds it and passes it as file descriptor 3 (LISTEN_FDS)",
        _ => "the application makes it itself, at {listen}",
    };
    format!(
        "\n[processes.web]\nrun = \"{run}\"\nprotocol = \"{protocol}\"\nlisten = \"unix\"            # run/web.sock, which a front such as nginx passes requests to\nsocket = \"{pass}\"          # {passed}\nchange = \"handover\"        # the new beside the old, then the old is drained\nhealth = {{ path = \"/\", expect = 200, within = \"30s\" }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_without_a_problem() {
        for sort in SORTS.iter().map(Some).chain([None]) {
            let text = written("app", sort);
            let read = pintail_core::config::read(&text, "pintail.toml");
            assert!(read.is_ok(), "{}\n{text}", pintail_core::config::render(&read.unwrap_err()));
        }
    }

    #[test]
    fn names_fit() {
        for (folder, name) in
            [("/srv/blog", "blog"), ("/a/My App!", "My-App"), ("/a/.hidden", "hidden"), ("/", "app")]
        {
            assert_eq!(name_of(Path::new(folder)), name);
        }
    }
}
