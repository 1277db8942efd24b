"""Fill the disk, a small tmpfs, while trainings write to it: nothing that was trained is lost.

    python tests/campaigns/full_disk.py [--rounds 40] [--seed 0]

Runs itself again in a namespace of its own where it may mount (`unshare -rm`, or as root). Each
round trains on a tmpfs of 1 MiB; at a random instant a file fills what is left of it. Four kinds:
    full     it stays full: exit code 6, model and metrics of the undisturbed training in the
             emergency files that are named, the last checkpoint on the disk whole; and resumed,
             with room again, the training ends with the same bits
    freed    there is room again before the end: exit code 0, all files as if nothing had been
    force    as full, with --force over an older run: that one stays as it was, and usable
    resumed  a training is stopped, the disk filled, and resumed: what was there stays good, and
             with room again it ends with the same bits
Exit code 1 where that is not so; 77 where the machine does not allow to mount.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INSIDE = "MLP_CAMPAIGN_MAY_MOUNT"
if os.environ.get(INSIDE):
    import forked

SIZE = 1 << 20
KINDS = ("full", "freed", "force", "resumed")
NO_MOUNT = 77
EPOCHS = 400
FULL, EARLY = 6, "ended before"


def spec():
    return {
        "data": {"path": str(forked.DATA / "iris.csv"), "target": "species"},
        "model": {"layers": [{"units": 32}]},
        "training": {"epochs": EPOCHS, "early_stopping": None, "optimizer": {"name": "adam"}},
        "runtime": {"checkpoint_seconds": 0.02, "threads": 1},
    }


class Disk:
    """A mounted tmpfs, and the file that fills it."""

    def __init__(self, path):
        self.path, self.filler = path, path / "filler"

    def fill(self):
        """Take every byte that is left."""
        with self.filler.open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def free(self):
        self.filler.unlink(missing_ok=True)

    def clear(self):
        for each in self.path.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()


class Case:
    """A training on a disk that fills, its log, and what the undisturbed one came to."""

    def __init__(self, disk, folder, whole, rng):
        self.disk, self.folder, self.whole, self.rng = disk, folder, whole, rng
        self.run, self.log = disk.path / "run", folder / "log.txt"
        self.words = ["train", str(folder / "spec.yaml"), "--json", "--run-dir", str(self.run)]

    def train(self, *words, meanwhile=None):
        """Run the command; return its exit code. `meanwhile` gets the process at some instant."""
        pid = forked.start([*self.words, *words], self.folder, self.log)
        if meanwhile is not None:
            # After its first epochs: before, a full disk is told at once.
            pattern = "run/.mlp-new-*/metrics.csv" if "--force" in words else "run/metrics.csv"
            while not any(path.stat().st_size > 1000 for path in self.disk.path.glob(pattern)):
                time.sleep(0.001)
            time.sleep(self.rng.random() * 0.15)
            meanwhile(pid)
        return forked.wait(pid)

    def failed(self, code):
        return f"exit code {code}: {self.log.read_text('utf-8')[-400:]}"

    def rescued(self, *, is_forced=False):
        """Return the outcome in the run's directory, and of the emergency files in its place."""
        saved = {name: Path(p) for name, p in json_of(self.log)["disk"]["saved"].items()}
        gathered = self.folder / "gathered"
        shutil.rmtree(gathered, ignore_errors=True)
        kept = sorted(self.run.glob("interrupted-*")) if is_forced else [self.run]
        shutil.copytree(kept[0], gathered) if kept else gathered.mkdir()
        for name, path in saved.items():
            shutil.move(path, gathered / name)
        found = forked.outcome(gathered)
        return {name: found.get(name, b"") for name in self.whole}

    def resumed(self):
        """Resume it with room again; return what is wrong with where it ends."""
        self.disk.free()
        code = self.train("--resume")
        if code:
            return f"resumed: exit code {code}: {self.log.read_text('utf-8')[-300:]}"
        return forked.first_difference(self.whole, forked.outcome(self.run))


def json_of(log):
    """Return the JSON document in a log of both streams."""
    text = log.read_text("utf-8")
    return json.JSONDecoder().raw_decode(text[text.index("{\n") :])[0]


def full(case):
    code = case.train(meanwhile=lambda _: case.disk.fill())
    if code == 0 and not forked.first_difference(case.whole, forked.outcome(case.run)):
        return EARLY
    if code != FULL:
        return case.failed(code)
    said = case.log.read_text("utf-8").count("goes on in memory")
    status = json.loads((case.run / "manifest.json").read_text("utf-8"))["status"]
    if (said, status) != (1, "failed"):
        return f"said {said} times; the manifest says {status}"
    return forked.first_difference(case.whole, case.rescued()) or case.resumed()


def freed(case):
    def for_a_while(_):
        case.disk.fill()
        time.sleep(case.rng.random() * 0.1)
        case.disk.free()

    code = case.train(meanwhile=for_a_while)
    if code:
        return case.failed(code)
    return forked.first_difference(case.whole, forked.outcome(case.run))


def force(case):
    code = case.train("--seed", "7")
    if code:
        return case.failed(code)
    before = forked.outcome(case.run)
    code = case.train("--force", meanwhile=lambda _: case.disk.fill())
    if code != FULL:
        return EARLY if code == 0 else case.failed(code)
    wrong = forked.first_difference(
        case.whole, case.rescued(is_forced=True)
    ) or forked.first_difference(before, forked.outcome(case.run))
    for words in (["eval", str(case.run), "-q"], [*case.words, "--force"]):
        code = forked.run(words, case.folder, case.log)
        wrong = wrong or (code and case.failed(code))
        case.disk.free()  # for the second one
    return wrong or forked.first_difference(case.whole, forked.outcome(case.run))


def resumed(case):
    code = case.train(meanwhile=lambda pid: os.kill(pid, signal.SIGTERM))
    if code != 128 + signal.SIGTERM:
        return EARLY if code == 0 else case.failed(code)
    before = forked.outcome(case.run)
    case.disk.fill()
    code = case.train("--resume")
    if code != FULL:
        return case.failed(code)
    changed = forked.outcome(case.run)["model.safetensors"] != before["model.safetensors"]
    return "the model changed" if changed else case.resumed()


def mount(path):
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", path],
        check=False,
        capture_output=True,
    )
    return done.returncode == 0


def campaign(rounds, seed):
    rng, begun = random.Random(seed), time.monotonic()
    n_wrong = early = 0
    with tempfile.TemporaryDirectory() as name:
        folder, disk = Path(name), Disk(Path(name) / "disk")
        disk.path.mkdir()
        if not mount(disk.path):
            print("this machine does not allow to mount a tmpfs")
            return NO_MOUNT
        try:
            (folder / "spec.yaml").write_text(json.dumps(spec()), "utf-8")
            words = ["train", "spec.yaml", "-q", "--run-dir", "whole"]
            code = forked.run(words, folder, folder / "log.txt")
            assert code == 0, (folder / "log.txt").read_text("utf-8")
            whole = forked.outcome(folder / "whole")
            for number in range(rounds):
                kind = KINDS[number % len(KINDS)]
                disk.clear()
                case = Case(disk, folder, whole, rng)
                wrong = globals()[kind](case) or "\n".join(forked.complaints(case.log))
                early += wrong == EARLY
                if wrong and wrong != EARLY:
                    n_wrong += 1
                    print(f"  WRONG round {number}, {kind}: {wrong}", flush=True)
        finally:
            subprocess.run(["umount", disk.path], check=False)
    seconds = time.monotonic() - begun
    print(
        f"{rounds - n_wrong} of {rounds} rounds lost nothing on a full disk, {early} of which had "
        f"ended before; {seconds:.0f} s"
    )
    return 1 if n_wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if os.environ.get(INSIDE):
        return campaign(arguments.rounds, arguments.seed)
    namespace = shutil.which("unshare")
    if namespace is None:
        print("this machine has no unshare")
        return NO_MOUNT
    again = [namespace, "-rm", sys.executable, __file__, *sys.argv[1:]]
    done = subprocess.run(again, env=os.environ | {INSIDE: "1"}, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
