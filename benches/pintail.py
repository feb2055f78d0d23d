"""What both benches need of this machine: a Pintail of this tree, a free port, and what to say of the machine."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def build() -> Path:
    """This tree's own Pintail, as it is released."""
    say("building Pintail")
    command = ["cargo", "build", "--release", "--message-format=json-render-diagnostics", "-p", "pintail"]
    out = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True).stdout
    made = [json.loads(line).get("executable") for line in out.splitlines()]
    return Path(next(path for path in made if path))


def clear_up_when_ended() -> None:
    """By SIGTERM and SIGHUP too: what was started and mounted is ended as after Ctrl-C."""
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, lambda number, _: sys.exit(128 + number))


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def free_port(address: str) -> int:
    with socket.socket() as one:
        one.bind((address, 0))
        return one.getsockname()[1]


def machine() -> str:
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, Linux {os.uname().release.split('-')[0]}, load {load:.1f} at the end"
