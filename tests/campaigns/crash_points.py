"""Fail or kill a small training at every call that changes the disk; resume it; compare the bits.

    python tests/campaigns/crash_points.py [--specs …] [--kinds …] [--sample N] [--seed 0]

The runs: one network; an ensemble; one that goes on where it was killed; one that is extended, with
a checkpoint and without. First each is made undisturbed, and its calls are counted: os.open that
makes a file, os.write, os.fsync, os.replace, os.rename, os.ftruncate, os.unlink, os.mkdir,
os.posix_fallocate. Then, for each of them and each kind of failure, it is made anew, and there
    killed     the process is killed before the call
    half       of a write one half is written, and the process is killed
    ENOSPC     the call fails, once
    EIO        the call fails, once
    full       it and every later write fails for want of room, as long as the process lives
and the same command is given again, undisturbed. Exit code 1 where model.safetensors, metrics.csv
or replicas.csv (`seconds` aside) differ from the undisturbed run's, or where any of it printed a
traceback.
"""

import argparse
import errno
import json
import os
import random
import shutil
import signal
import stat
import sys
import tempfile
import time
from pathlib import Path

import forked

from mlpcli.runs.checkpoint import parse_checkpoint
from mlpcli.runs.names import METRICS, PREVIOUS

IRIS = forked.DATA / "iris.csv"
SELDOM = "runtime.checkpoint_seconds=100"
SPECS = {
    "plain": {"training": {"epochs": 3}},
    "ensemble": {
        "training": {"epochs": 3, "early_stopping": {"patience": 1}},
        "ensemble": {"kind": "bootstrap", "replicas": 3},
    },
    "resumed": {"training": {"epochs": 3}},
    "extended": {"training": {"epochs": 3}},
    "extended from the start": {"training": {"epochs": 3}},
}
FEW = ("--set", "training.epochs=2")
# What is done before the command that is disturbed, and what that has in addition.
BEFORE = {"extended": FEW, "extended from the start": (*FEW, "--set", SELDOM)}
MORE = {
    "extended": ("--extend", "3"),
    "extended from the start": ("--extend", "3", "--set", SELDOM),
}
CALLS = ("open", "write", "fsync", "replace", "rename", "ftruncate", "unlink", "mkdir")
CALLS = (*CALLS, "posix_fallocate")
KINDS = ("killed", "half", "ENOSPC", "EIO", "full")
TAKES_ROOM = ("open", "write", "mkdir", "posix_fallocate", "replace", "rename")


def spec_of(name):
    base = {
        "data": {"path": str(IRIS), "target": "species"},
        "model": {"layers": [{"units": 4}]},
        "runtime": {"checkpoint_seconds": 0, "threads": 1},
    }
    return base | SPECS[name]


class Calls:
    """Counts the calls of `os` that change files, and disturbs one of them.

    at    the number of the call that is disturbed; None: none is
    kind  how
    log   file to which each call is written, in a line
    """

    def __init__(self, at=None, kind="", log=None):
        self.at, self.kind, self.n = at, kind, 0
        self.log = None if log is None else os.open(log, os.O_WRONLY | os.O_CREAT, 0o644)
        self.real = {name: getattr(os, name) for name in CALLS}

    def install(self):
        for name in CALLS:
            setattr(os, name, self.wrapped(name))

    def wrapped(self, name):
        def call(*args, **kwargs):
            if not self.counts(name, args):
                return self.real[name](*args, **kwargs)
            self.n += 1
            if self.log is not None:
                self.real["write"](self.log, f"{name} {args[0]!s:.60}\n".encode())
            self.disturb(name, args)
            return self.real[name](*args, **kwargs)

        return call

    def counts(self, name, args):
        if name == "open":
            return len(args) > 1 and bool(args[1] & os.O_CREAT)
        if name == "write":
            return stat.S_ISREG(os.fstat(args[0]).st_mode) and args[0] > 2
        return True

    def disturb(self, name, args):
        if self.at is None or self.n < self.at:
            return
        if self.kind == "full":
            if name in TAKES_ROOM:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return
        if self.n > self.at:
            return
        if self.kind == "half":
            self.real["write"](args[0], bytes(args[1])[: len(args[1]) // 2])
        if self.kind in ("half", "killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, self.kind)
        raise OSError(number, os.strerror(number))


class Case:
    """One spec, its undisturbed run, and the calls of the command that will be disturbed."""

    def __init__(self, name, folder):
        self.name, self.folder, self.log = name, folder, folder / "log.txt"
        folder.mkdir()
        (folder / "spec.yaml").write_text(json.dumps(spec_of(name)), "utf-8")
        (folder / "tmp").mkdir()
        os.environ["TMPDIR"] = str(folder / "tmp")
        self.expect(0, self.train("whole", Calls(log=folder / "whole.txt"), ()))
        self.whole = forked.outcome(folder / "whole")
        self.more, self.prepared = MORE.get(name, ()), None
        if name == "resumed":
            self.prepared = self.killed_after_a_row()
        elif name in BEFORE:
            self.prepared = "prepared"
            self.expect(0, self.train("prepared", Calls(), BEFORE[name]))
        self.prepare("again")
        self.expect(0, self.train("again", Calls(log=folder / "calls.txt")))
        self.calls = calls_in(folder / "calls.txt")

    def killed_after_a_row(self):
        """Make a run that was killed when it had more metrics than its checkpoint counts on."""
        lines = (self.folder / "whole.txt").read_text("utf-8").splitlines()
        saves = [at for at, line in enumerate(lines, 1) if line.startswith("replace .checkpoint")]
        for at in saves[1:]:
            directory = f"prepared-{at}"
            self.expect(-signal.SIGKILL, self.train(directory, Calls(at, "killed"), ()))
            path = self.folder / directory
            saved = parse_checkpoint((path / PREVIOUS).read_bytes())
            if (path / METRICS).stat().st_size > saved.lengths[METRICS]:
                return directory
        sys.exit("no run was killed between a row and the checkpoint that counts on it")

    def expect(self, code, found):
        if code != found:
            sys.exit(f"{self.name}: exit code {found}: {self.log.read_text()}")

    def prepare(self, directory):
        if self.prepared is not None:
            shutil.copytree(self.folder / self.prepared, self.folder / directory)

    def train(self, directory, calls, more=None):
        more = self.more if more is None else more
        words = ["train", "spec.yaml", "-q", "--run-dir", directory, "--resume", *more]
        return forked.run(words, self.folder, self.log, calls.install)

    def problem(self, at, kind):
        """Disturb the run at a call, resume it; return what is wrong, or nothing."""
        directory = f"{at}-{kind}"
        self.prepare(directory)
        disturbed = self.train(directory, Calls(at, kind))
        found = forked.complaints(self.log)
        # 0 where it could do without; 6 where the system failed; or killed.
        allowed = (-signal.SIGKILL,) if kind in ("killed", "half") else (0, 6)
        if found or disturbed not in allowed:
            return f"disturbed: exit code {disturbed}, {found or self.log.read_text()[-200:]}"
        code = self.train(directory, Calls())
        found = forked.complaints(self.log)
        if found or code:
            return f"resumed: exit code {code}, {found or self.log.read_text()[-300:]}"
        outcome = forked.outcome(self.folder / directory)
        shutil.rmtree(self.folder / directory)
        return forked.first_difference(self.whole, outcome)


def calls_in(path):
    return [line.split(" ")[0] for line in path.read_text("utf-8").splitlines()]


def points(case, kinds):
    for at, name in enumerate(case.calls, 1):
        for kind in kinds:
            if kind != "half" or name == "write":
                yield at, kind


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--specs", nargs="*", default=list(SPECS), choices=list(SPECS))
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--sample", type=int, default=0, help="so many points of each spec; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng, begun = random.Random(arguments.seed), time.monotonic()
    n_points = n_wrong = 0
    with tempfile.TemporaryDirectory() as name:
        for spec in arguments.specs:
            case = Case(spec, Path(name) / spec)
            chosen = list(points(case, arguments.kinds))
            if arguments.sample:
                chosen = sorted(rng.sample(chosen, min(arguments.sample, len(chosen))))
            told = {call: case.calls.count(call) for call in CALLS}
            print(f"{spec}: {len(case.calls)} calls {told}, {len(chosen)} points", flush=True)
            for at, kind in chosen:
                n_points += 1
                problem = case.problem(at, kind)
                if problem:
                    n_wrong += 1
                    print(f"  WRONG {spec} {case.calls[at - 1]} {at} {kind}: {problem}", flush=True)
    seconds = time.monotonic() - begun
    print(f"{n_points - n_wrong} of {n_points} points resumed to identical bits; {seconds:.0f} s")
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
