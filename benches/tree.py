"""The application that the benches deploy: a git repository whose every version follows from its number.

Words and numbers from a generator with a fixed seed: it compresses about as well as source text and JSON do, no two
files are alike, and the same version has the same bytes on every machine. Knows nothing of tools that deploy it.
"""

import lzma
import random
import subprocess
from pathlib import Path

# Each entry: files beside the big one, their mean size, and the size of the big one (0: there is none).
SHAPES = {
    "small": (200, 10_000, 0),
    "big": (9_999, 15_000, 50_000_000),
}
BIG_FILE = "data/everything.ndjson"
# In 1 % of a big tree: so many bytes more in the middle of its big file, and of a hundred other files so many of each.
GROWN_BYTES = 64 * 1024
LINE_INSERTED, LINE_CHANGED, NEW, GONE = 77, 11, 6, 5

WORDS = [
    "".join(random.Random(n).choices("etaoinshrdlcumwfgypbvk", k=3 + n % 8)) for n in range(4096)
]


def lines(rng: random.Random, size_bytes: int) -> bytes:
    """So many bytes of lines, each with a number of its own and a dozen words."""
    made, length = [], 0
    while length < size_bytes:
        line = f"{rng.getrandbits(64):016x} {' '.join(rng.choices(WORDS, k=12))}\n"
        made.append(line)
        length += len(line)
    return "".join(made).encode()[: size_bytes - 1] + b"\n"


class Tree:
    """A repository in `folder`, with a version 0 in it after `begin`, and one more after each change."""

    def __init__(self, shape: str, folder: Path):
        self.shape = shape
        self.folder = folder
        self.count, self.mean_bytes, self.big_bytes = SHAPES[shape]
        self.number = 0
        # What the last change brought that was not there before: the least that has to travel.
        self.news = b""

    @property
    def version(self) -> str:
        return f"1.0.{self.number}"

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "gc.auto=0"]
        return subprocess.run(
            ["git", "-C", str(self.folder), *identity, *arguments],
            check=True, stdout=subprocess.PIPE, text=True,
        ).stdout

    def begin(self, more: dict[str, str]) -> None:
        """Version 0, with the files `more` (path: text) that the tools want in it."""
        rng = random.Random(f"{self.shape} 0")
        self.folder.mkdir(parents=True)
        subprocess.run(["git", "init", "-q", "-b", "main", str(self.folder)], check=True)
        for n in range(self.count):
            self.write(f"app/part{n % 100:02}/file{n:05}.txt", lines(rng, rng.randint(200, 2 * self.mean_bytes - 200)))
        if self.big_bytes:
            self.write(BIG_FILE, lines(rng, self.big_bytes))
        for path, text in more.items():
            self.write(path, text.encode())
        self.commit()

    def change_one(self) -> None:
        """A line more in one file."""
        rng = self.next()
        self.insert_line(rng, rng.choice(self.parts()))
        self.commit()

    def change_percent(self) -> None:
        """1 % of the files, and the big one grows in its middle."""
        rng = self.next()
        parts = self.parts()
        chosen = rng.sample(parts, LINE_INSERTED + LINE_CHANGED + GONE)
        for _ in range(LINE_INSERTED):
            self.insert_line(rng, chosen.pop())
        for _ in range(LINE_CHANGED):
            path = chosen.pop()
            old = path.read_bytes().splitlines(keepends=True)
            old[rng.randrange(len(old))] = self.new(lines(rng, 100))
            path.write_bytes(b"".join(old))
        for path in chosen:
            path.unlink()
        for n in range(NEW):
            self.write(f"app/part{n:02}/new{self.number:03}-{n}.txt", self.new(lines(rng, self.mean_bytes)))
        big = self.folder / BIG_FILE
        if big.exists():
            old = big.read_bytes()
            middle = old.index(b"\n", len(old) // 2) + 1
            big.write_bytes(old[:middle] + self.new(lines(rng, GROWN_BYTES)) + old[middle:])
        self.commit()

    def news_compressed_bytes(self) -> int:
        """What the last change brought, as small as xz makes it: nothing that ships it can do with much less."""
        return len(lzma.compress(self.news, preset=9)) if self.news else 0

    # ---- what those use

    def next(self) -> random.Random:
        self.number += 1
        self.news = b""
        return random.Random(f"{self.shape} {self.number}")

    def parts(self) -> list[Path]:
        return sorted((self.folder / "app").glob("*/*.txt"))

    def new(self, data: bytes) -> bytes:
        self.news += data
        return data

    def insert_line(self, rng: random.Random, path: Path) -> None:
        old = path.read_bytes().splitlines(keepends=True)
        old.insert(rng.randrange(len(old) + 1), self.new(lines(rng, 100)))
        path.write_bytes(b"".join(old))

    def write(self, path: str, data: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", self.version)
