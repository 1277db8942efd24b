"""Start trainings into one run directory at the same time: one has it, the others are told so.

    python tests/campaigns/simultaneous.py [--rounds 100] [--starts 8] [--seed 0]

Each round starts so many commands on one directory, which is new, empty, a finished run (with
--force) or an unfinished one (with --resume), each with a seed of its own where the spec may
differ, and within a few milliseconds drawn at random. They wait for each other before they begin.
Exit code 1 where not exactly one of a round has exit code 0 and all the others 75, where one of
those does not name the process that trains, or where the model, the metrics and the spec in the
directory are not all of the winner, whole and alone.
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import forked

KINDS = ("new", "empty", "force", "resume")
ROWS = 300
EPOCHS = 40  # a start that comes last must still find the winner at work


class Holding:
    """Keeps every command at the start of its work, and the winner until all have ended.

    Else a machine that is slow to start one of them would let the winner end before it.
    """

    def __init__(self, folder):
        self.folder = folder

    def install(self):
        import mlpcli.training.training as module

        run, folder = module.Training.run, self.folder

        def held(training, *arguments):
            for event in run(training, *arguments):
                yield event
                while not (folder / "all have ended").exists():
                    time.sleep(0.002)

        module.Training.run = held


def write_spec(folder):
    rows = "".join(f"{k % 7},{k % 11},{k % 7 + k % 11}\n" for k in range(ROWS))
    (folder / "table.csv").write_text("a,b,y\n" + rows, "ascii")
    spec = {
        "data": {"path": str(folder / "table.csv"), "target": "y"},
        "model": {"layers": [{"units": 4}]},
        "training": {"epochs": EPOCHS, "early_stopping": None},
        "runtime": {"threads": 1},
    }
    (folder / "spec.yaml").write_text(json.dumps(spec), "utf-8")


def prepare(kind, folder):
    """Make what is in the directory before the commands start."""
    if kind == "empty":
        (folder / "run").mkdir()
    elif kind != "new":
        words = ["train", "spec.yaml", "-q", "--run-dir", "run"]
        code = forked.run(words, folder, folder / "log.txt")
        assert code == 0, (folder / "log.txt").read_text("utf-8")
        (folder / "run" / "notes.txt").write_text("mine", "ascii")
        if kind == "resume":  # as if it had been killed before it had a model
            (folder / "run" / "model.safetensors").unlink()
            manifest = json.loads((folder / "run" / "manifest.json").read_text("utf-8"))
            manifest |= {"status": "running", "result": None}
            (folder / "run" / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def one_round(kind, n, folder, rng):
    """Start n commands at once; return what is wrong, in lines."""
    write_spec(folder)
    prepare(kind, folder)
    more = {"force": ["--force"], "resume": ["--resume"]}.get(kind, [])
    begun = {}
    for number in range(n):
        seed = [] if kind == "resume" else ["--seed", str(number)]
        words = ["train", "spec.yaml", "-q", "--run-dir", "run", *more, *seed]
        log = folder / f"log-{number}.txt"
        delay = rng.random() * 0.01

        def before(delay=delay):
            Holding(folder).install()
            while not (folder / "go").exists():
                time.sleep(0.0005)
            time.sleep(delay)

        begun[forked.start(words, folder, log, before)] = number
    (folder / "go").touch()
    codes = {}
    while len(codes) < n:
        pid, status = os.waitpid(-1, 0)
        codes[pid] = os.waitstatus_to_exitcode(status)
        if len(codes) == n - 1:  # the one that is left has won, if all is well
            (folder / "all have ended").touch()
    return problems(kind, codes, begun, folder)


def problems(kind, codes, begun, folder):
    """Yield what is wrong with a round."""
    if Counter(codes.values()) != {0: 1, 75: len(codes) - 1}:
        logs = [(folder / f"log-{k}.txt").read_text("utf-8")[-300:] for k in begun.values()]
        yield f"exit codes {sorted(codes.values())}: {logs}"
        return
    (winner,) = (pid for pid, code in codes.items() if code == 0)
    named = f"process {winner} on {re.escape(os.uname().nodename)} is training in it"
    for pid, number in begun.items():
        log = folder / f"log-{number}.txt"
        said = log.read_text("utf-8")
        if forked.complaints(log):
            yield said
        if pid != winner and not re.match(f"mlp: run: {named}", said):
            yield f"it says {said!r}"
    found = {path.name for path in (folder / "run").iterdir()} - {"checkpoint.safetensors"}
    theirs = {"notes.txt"} if kind in ("force", "resume") else set()
    if found != {"spec.yaml", "manifest.json", "metrics.csv", "model.safetensors"} | theirs:
        yield f"in the directory: {sorted(found)}"
        return
    manifest = json.loads((folder / "run" / "manifest.json").read_text("utf-8"))
    spec = (folder / "run" / "spec.yaml").read_text("utf-8")
    seed = 0 if kind == "resume" else begun[winner]
    if (manifest["pid"], manifest["status"]) != (winner, "done") or f"seed: {seed}\n" not in spec:
        yield f"the manifest is of {manifest['pid']}, the winner was {winner}; {spec[:20]}"
    lines = (folder / "run" / "metrics.csv").read_text("ascii").splitlines()
    if [line.split(",")[0] for line in lines] != ["epoch", *map(str, range(1, EPOCHS + 1))]:
        yield f"metrics.csv has {len(lines)} lines"
    if forked.run(["eval", "run", "-q"], folder, folder / "log.txt"):
        yield (folder / "log.txt").read_text("utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--starts", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng, begun = random.Random(arguments.seed), time.monotonic()
    n_wrong = 0
    for number in range(arguments.rounds):
        kind = KINDS[number % len(KINDS)]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            found = list(one_round(kind, arguments.starts, folder, rng))
            for line in found:
                print(f"  WRONG round {number}, {kind}: {line}", flush=True)
            n_wrong += bool(found)
            with contextlib.suppress(OSError):
                shutil.rmtree(folder / "run")
    n = arguments.rounds - n_wrong
    print(
        f"{n} of {arguments.rounds} rounds had one winner and {arguments.starts - 1} exits of 75, "
        f"which named it; {time.monotonic() - begun:.0f} s"
    )
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
