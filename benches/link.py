"""The way to a host: `lab/slow` with its counters, and programs that are started beside the bench and ended with it."""

import json
import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

LAB = Path(__file__).resolve().parent.parent / "lab"
# How long a connection may stay open after the command that made it has ended, in seconds: the far end's own goodbye.
CLOSES_WITHIN = 30


def start(ends: ExitStack, command: list[str], by: int = signal.SIGTERM, **more) -> subprocess.Popen:
    """Starts a program that is ended when `ends` is, by the signal `by`."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **more)

    def end() -> None:
        process.send_signal(by)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    ends.callback(end)
    return process


@dataclass
class Traffic:
    connections: int
    out_bytes: int
    back_bytes: int

    def __sub__(self, other: "Traffic") -> "Traffic":
        return Traffic(*(getattr(self, k) - getattr(other, k) for k in ("connections", "out_bytes", "back_bytes")))

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(*(getattr(self, k) + getattr(other, k) for k in ("connections", "out_bytes", "back_bytes")))


class Link:
    """A link with so much round-trip time from `listen`:`port` to `to`, which counts."""

    def __init__(self, ends: ExitStack, room: Path, port: int, to: str, rtt_ms: int, listen: str = "127.0.0.1"):
        self.port = port
        self.file = room / f"link-{port}.json"
        process = start(
            ends,
            [str(LAB / "slow"), "--count", str(self.file), "--listen", listen, str(port), to, str(rtt_ms)],
            stdout=subprocess.PIPE, text=True,
        )
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"error: no link on {listen}:{port}")

    def traffic(self) -> Traffic:
        """What went over it so far. Waits until nothing is open on it."""
        until = time.monotonic() + CLOSES_WITHIN
        while True:
            count = json.loads(self.file.read_text())
            if count["open"] == 0:
                return Traffic(count["connections"], count["out_bytes"], count["back_bytes"])
            if time.monotonic() > until:
                raise SystemExit(f"error: a connection stays open on port {self.port}: {count}")
            time.sleep(0.01)
