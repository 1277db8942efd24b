"""Cases of hostile files and specs, each with the exit codes that `mlp` may end with.

Made anew in a temporary folder; none of them is larger than 0.6 GB.
"""

import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DONE, SPEC, DATA, RUN, MEMORY = 0, 2, 3, 5, 6
MIB = 1 << 20
CASES = []


@dataclass(frozen=True)
class Case:
    """What is made, and what the command may do with it.

    make      (folder) -> the words of the command
    says      what its message has to have in it
    seconds, mib   bounds of its own; None: those of the campaign
    during    (process, folder), called while it runs
    is_cheap  whether it takes less than a second or so
    """

    name: str
    make: Callable
    codes: tuple
    says: str = ""
    seconds: float | None = None
    mib: float | None = None
    during: Callable | None = None
    is_cheap: bool = True


def case(name, *codes, **more):
    def add(make):
        CASES.append(Case(name, make, codes, **more))
        return make

    return add


def spec(folder, path, *, target="y", extra="", data=""):
    """Write a spec for a file; return its name."""
    text = f"data: {{path: {path}, target: {target}{data}}}\ntraining: {{epochs: 1}}\n{extra}"
    (folder / "s.yaml").write_text(text)
    return "s.yaml"


def check(folder, path, **more):
    return ["check", spec(folder, path, **more), "-q"]


def train(folder, path, *words, **more):
    return ["train", spec(folder, path, **more), "-q", *words]


def small(folder, extra="", *words, verb="train", data=""):
    """A small sound table, with a spec that asks for too much of it."""
    rows = "".join(f"{k % 7},{k % 5},{k % 3}\n" for k in range(60))
    (folder / "d.csv").write_text("a,b,y\n" + rows)
    return [verb, spec(folder, "d.csv", extra=extra, data=data), "-q", *words]


def write_packed(path, head, piece, times, tail=b""):
    """Write a gzip file of head, a piece many times, tail, without holding it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with path.open("wb") as file:
        file.write(packer.compress(head))
        for _ in range(times):
            file.write(packer.compress(piece))
        file.write(packer.compress(tail) + packer.flush())


def write_many(path, head, piece, times, tail=b""):
    with path.open("wb") as file:
        file.write(head)
        for _ in range(times):
            file.write(piece)
        file.write(tail)


def model(folder):
    """Train on a small table; return the model's name."""
    words = small(folder, "", "--run-dir", "r")
    root = str(Path(__file__).parents[2])
    subprocess.run(
        [sys.executable, "-m", "mlpcli", *words],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": root},
    )
    return "r"


def with_training(folder, text):
    words = small(folder)
    (folder / "s.yaml").write_text(f"data: {{path: d.csv, target: y}}\n{text}\n")
    return words


def interrupt(number, after):
    def during(process, _folder):
        time.sleep(after)
        process.send_signal(number)

    return during
