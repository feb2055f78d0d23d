"""Those who deploy: each puts a version of a tree on the lab's host in its own way, into a folder of its own.

None of them restarts anything, builds anything on the host, or asks a health check: what is compared is how a version
gets there and becomes the current one. What each may have ready before its time is taken is in `ready`, and how its
time is spent is in `deploy`.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tree import Tree

# What survives releases in a new Rails application, as Capistrano's template has it.
LINKED_FILES = ["config/database.yml", "config/master.key"]
LINKED_FOLDERS = [
    "log", "tmp/pids", "tmp/cache", "tmp/sockets", "vendor/bundle", "public/system", "storage",
]
# How many releases each keeps beside the one that it brings.
KEEP = 2


@dataclass
class Place:
    """Where the rivals run, and what leads from there to the host."""

    room: Path
    pintail: Path
    # The host's folder of all rivals, owned by the user they log in as.
    root: str
    # The host's name in `ssh_config`, which is another file for another round-trip time.
    host: str
    user: str
    # Where the host reaches this machine's git repositories, by round-trip time.
    git_port: dict[int, int]
    git_address: str
    key: Path
    known_hosts: Path
    ssh_port: dict[int, int]
    host_key_alias: str

    def ssh_config(self, rtt_ms: int) -> Path:
        return self.room / f"ssh_config-{rtt_ms}"

    def ssh(self, rtt_ms: int) -> list[str]:
        return ["ssh", "-F", str(self.ssh_config(rtt_ms)), self.host]

    def write(self, rtt_ms: int) -> None:
        """The ssh configuration for one round-trip time, and an `ssh` that uses it."""
        self.ssh_config(rtt_ms).write_text(
            f"Host {self.host}\n"
            f"    HostName 127.0.0.1\n    Port {self.ssh_port[rtt_ms]}\n    HostKeyAlias {self.host_key_alias}\n"
            f"    User {self.user}\n    IdentityFile {self.key}\n    IdentitiesOnly yes\n"
            f"    UserKnownHostsFile {self.known_hosts}\n    GlobalKnownHostsFile /dev/null\n"
            f"    StrictHostKeyChecking yes\n    BatchMode yes\n"
        )
        program = self.program(rtt_ms)
        program.write_text(f"#!/bin/sh\nexec ssh -F '{self.ssh_config(rtt_ms)}' \"$@\"\n")
        program.chmod(0o755)

    def program(self, rtt_ms: int) -> Path:
        return self.room / f"ssh-{rtt_ms}"


class Failed(Exception):
    """A rival did not do what it should: with all that it said."""


def run(command: list[str], **more) -> str:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more
    )
    if done.returncode != 0:
        raise Failed(f"`{' '.join(command)}` ended with {done.returncode}\n{done.stdout}")
    return done.stdout


class Plain:
    """`ssh HOST true`: what none of them can go below."""

    name = "plain ssh"
    delivers = False

    def __init__(self, place: Place, tree: Tree):
        self.place = place

    def ready(self) -> None:
        pass

    def deploy(self, rtt_ms: int) -> None:
        run([*self.place.ssh(rtt_ms), "true"])


class Pintail:
    """`pintail deploy`, of an artifact that was built before. No `[processes]`, so nothing is started."""

    name = "Pintail"
    delivers = True

    def __init__(self, place: Place, tree: Tree):
        self.place, self.tree = place, tree
        self.root = f"{place.root}/pintail-{tree.shape}"
        self.current = f"{self.root}/current"
        self.built = self.live = None
        # How long each step of the last deployment took on the host, in seconds, as Pintail tells it.
        self.steps: dict[str, float] = {}

    @staticmethod
    def files(place: Place, tree: Tree) -> dict[str, str]:
        """What the tree has for it."""
        shared = ", ".join(f'"{path}"' for path in LINKED_FILES + LINKED_FOLDERS)
        return {
            "pintail.toml": f'name = "bench"\n\n[targets.lab]\nhosts = ["{place.host}"]\n\n'
            f'[host]\nroot = "{place.root}/pintail-{tree.shape}"\nshared = [{shared}]\nkeep = {KEEP}\n',
            ".gitignore": "/.pintail/\n",
        }

    def ready(self) -> None:
        if self.built != self.tree.number:
            # The depot keeps all; here it is what is live and what comes.
            for old in (self.tree.folder / ".pintail/depot/artifacts").glob("*"):
                if f"-{self.live}." not in old.name:
                    old.unlink()
            self.call(0, "build", "--version", self.tree.version)
            self.built = self.tree.number

    def deploy(self, rtt_ms: int) -> None:
        said = self.call(rtt_ms, "deploy", "lab", self.tree.version, "--yes")
        told = re.findall(r"^\S+ +\d+/\d+ (.+?) +(\d+\.\d+) s$", said, re.MULTILINE)
        self.steps = {step: float(seconds) for step, seconds in told}
        self.live = self.tree.version

    def call(self, rtt_ms: int, *arguments: str) -> str:
        environment = os.environ | {"PINTAIL_SSH": str(self.place.program(rtt_ms))}
        return run([str(self.place.pintail), "-C", str(self.tree.folder), *arguments], env=environment)


class Capistrano:
    """`cap production deploy`, Debian's, with the linked files and folders of its Rails template.

    It clones from a git server on this machine, over a link with the same round-trip time; what goes over that counts.
    """

    name = "Capistrano"
    delivers = True

    def __init__(self, place: Place, tree: Tree):
        self.place, self.tree = place, tree
        self.root = f"{place.root}/capistrano-{tree.shape}"
        self.current = f"{self.root}/current"
        self.project = place.room / f"capistrano-{tree.shape}"
        (self.project / "config/deploy").mkdir(parents=True)
        self.write("Capfile", "\n".join([
            'require "capistrano/setup"', 'require "capistrano/deploy"', 'require "capistrano/scm/git"',
            "install_plugin Capistrano::SCM::Git", "",
        ]))
        self.write("config/deploy.rb", "\n".join([
            'set :application, "bench"',
            f'set :repo_url, "git://{place.git_address}:#{{ENV.fetch("BENCH_GIT_PORT")}}/{tree.folder.name}"',
            'set :branch, "main"',
            f'set :deploy_to, "{self.root}"',
            f"set :keep_releases, {KEEP + 1}",
            f"append :linked_files, {', '.join(map(repr, LINKED_FILES))}",
            f"append :linked_dirs, {', '.join(map(repr, LINKED_FOLDERS))}",
            "set :format_options, log_file: nil, color: false", "",
        ]))
        self.write("config/deploy/production.rb", "\n".join([
            f'server "127.0.0.1", user: "{place.user}", roles: %w[app], port: ENV.fetch("BENCH_SSH_PORT").to_i,',
            f'  ssh_options: {{ config: false, keys: ["{place.key}"], keys_only: true,',
            f'    auth_methods: ["publickey"], verify_host_key: :always, host_key_alias: "{place.host_key_alias}",',
            f'    user_known_hosts_file: ["{place.known_hosts}"], global_known_hosts_file: [] }}', "",
        ]))
        # It wants its linked files to be there.
        files = " ".join(f"{self.root}/shared/{path}" for path in LINKED_FILES)
        run([*place.ssh(0), f"mkdir -p {self.root}/shared/config && touch {files}"])

    def write(self, path: str, text: str) -> None:
        (self.project / path).write_text(text)

    def ready(self) -> None:
        pass

    def deploy(self, rtt_ms: int) -> None:
        ports = {
            "BENCH_SSH_PORT": str(self.place.ssh_port[rtt_ms]),
            # In the repository's mirror on the host it is asked once; later the URL there is set again each time.
            "BENCH_GIT_PORT": str(self.place.git_port[rtt_ms]),
        }
        run(["cap", "production", "deploy"], cwd=self.project, env=os.environ | ports | {"LC_ALL": "C.UTF-8"})


class Script:
    """What a `release.sh` does: scp of a tarball, then each thing by an ssh of its own. The tarball is made before."""

    name = "scp + tar"
    delivers = True

    def __init__(self, place: Place, tree: Tree):
        self.place, self.tree = place, tree
        self.root = f"{place.root}/script-{tree.shape}"
        self.current = f"{self.root}/live"
        self.tarball = place.room / f"{tree.shape}.tar.gz"
        self.packed = None
        run([*place.ssh(0), f"mkdir -p {self.root}/live {self.root}/backup {self.root}/cache"])

    def ready(self) -> None:
        if self.packed != self.tree.number:
            prefix = f"bench-{self.tree.version}/"
            self.tree.git("archive", "--format=tar.gz", f"--prefix={prefix}", "-o", str(self.tarball), "HEAD")
            self.packed = self.tree.number
        # It never takes a backup away.
        run([*self.place.ssh(0), f"rm -rf {self.root}/backup && mkdir {self.root}/backup"])

    def deploy(self, rtt_ms: int) -> None:
        config, host, root = str(self.place.ssh_config(rtt_ms)), self.place.host, self.root
        ssh = self.place.ssh(rtt_ms)
        run([*ssh, f"rm -rf {root}/deploy && mkdir {root}/deploy"])
        run(["scp", "-q", "-F", config, str(self.tarball), f"{host}:{root}/release.tar.gz"])
        run([*ssh, f"cd {root}/deploy && tar xz --strip-components=1 -f {root}/release.tar.gz"])
        run([*ssh, f"touch {root}/maintenance"])
        moved = f"mv {root}/live {root}/backup/$(date +%s%N) && mv {root}/deploy {root}/live"
        run([*ssh, f"{moved} && rm -rf {root}/cache && mkdir {root}/cache"])
        run([*ssh, f"rm {root}/maintenance"])


class Rsync:
    """`rsync -az --link-dest` to a new folder, then a link is moved. The tree keeps its times: that is its best case."""

    name = "rsync"
    delivers = True

    def __init__(self, place: Place, tree: Tree):
        self.place, self.tree = place, tree
        self.root = f"{place.root}/rsync-{tree.shape}"
        self.current = f"{self.root}/current"
        self.count = 0
        run([*place.ssh(0), f"mkdir -p {self.root}/0 && ln -s 0 {self.root}/current"])

    def ready(self) -> None:
        pass

    def deploy(self, rtt_ms: int) -> None:
        self.count += 1
        run([
            "rsync", "-az", "--delete", "--exclude=/.git", "--exclude=/.pintail",
            f"--link-dest=../{self.count - 1}", "-e", f"ssh -F {self.place.ssh_config(rtt_ms)}",
            f"{self.tree.folder}/", f"{self.place.host}:{self.root}/{self.count}/",
        ])
        switch = f"cd {self.root} && ln -sfn {self.count} current.new && mv -T current.new current"
        run([*self.place.ssh(rtt_ms), f"{switch} && rm -rf ./{self.count - KEEP - 1}"])


ALL = [Plain, Pintail, Capistrano, Script, Rsync]
