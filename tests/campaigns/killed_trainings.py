"""Kill trainings at random instants, resume them by the same command, and compare the bits.

    python tests/campaigns/killed_trainings.py [--kills 40] [--signals 8] [--seed 0] [--specs …]

For each spec a training that nobody disturbs; then the same in another directory, again and again,
killed by SIGKILL, or sent another signal (SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU), at
random instants, each time resumed by `mlp train SPEC --run-dir DIR --resume`, until it is done and
so many signals have been sent. Some trainings are of processes that train replicas: then one of
those is killed at times, or the parent alone.
Exit code 1 where model.safetensors, metrics.csv or replicas.csv (`seconds` aside) differ from the
undisturbed run's, a signal had another exit code than 128 + signal, or a traceback was printed.

The command runs in forked processes, which have everything imported; every tenth time it is the
real command, which is then also hit while it starts.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import forked

SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
DIGITS = {"path": str(forked.DATA / "digits.csv"), "target": "digit"}
DIABETES = {"path": str(forked.DATA / "diabetes.csv"), "target": "progression"}
NO_STOP = None


def spec(data=DIGITS, **sections):
    plain = {"data": data, "model": {"layers": [{"units": 32}]}}
    plain["runtime"] = {"checkpoint_seconds": 0.05}
    plain["training"] = {"epochs": 60, "early_stopping": NO_STOP}
    for section, value in sections.items():
        plain[section] = {**plain.get(section, {}), **value}
    return plain


SPECS = {
    "plain": spec(training={"epochs": 300}),
    "everything": spec(
        model={
            "layers": [{"units": 24, "keep_prob": 0.8, "norm": "batch"}, {"units": 16}],
            "input_keep_prob": 0.9,
        },
        training={
            "epochs": 90,
            "optimizer": {"name": "adam", "learning_rate": 0.003},
            "weight_averaging": 0.98,
            "early_stopping": {"patience": 30},
        },
        regularization={"l2": 1e-4, "noise": {"weights": 0.01, "labels": 0.02}},
    ),
    "bootstrap": spec(
        training={"epochs": 90, "early_stopping": {"patience": 4}, "batch_size": 32},
        ensemble={"kind": "bootstrap", "replicas": 8},
        runtime={"threads": 1},
    ),
    "mixup": spec(
        training={"epochs": 120},
        regularization={"augmentation": [{"name": "mixup"}], "noise": {"input": 0.1}},
    ),
    "restarts": spec(
        training={
            "epochs": 200,
            "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
            "schedule": {"name": "cosine", "period": 7, "warmup": 1.5},
        },
    ),
    "plateau": spec(
        training={
            "epochs": 250,
            "optimizer": {"name": "sgd", "learning_rate": 0.5},
            "schedule": {"name": "plateau", "patience": 2},
        },
    ),
    "processes": spec(
        training={"epochs": 90, "early_stopping": {"patience": 4}, "batch_size": 32},
        ensemble={"kind": "bootstrap", "replicas": 6},
        runtime={"threads": 2},
    ),
    "turns": spec(
        training={"epochs": 40, "batch_size": 64},
        ensemble={"kind": "kfold", "replicas": 5},
        runtime={"threads": 1, "memory": "4MB"},
    ),
    "members": spec(training={"epochs": 30}, ensemble={"kind": "tabm", "replicas": 4}),
    "reduced": spec(
        DIABETES,
        training={
            "epochs": 400,
            "on_divergence": "reduce-lr",  # which happens in epoch 20
            "optimizer": {"name": "sgd", "learning_rate": 1.5},
            "schedule": {"name": "constant", "warmup": 20},
        },
    ),
    "long epochs": spec(training={"epochs": 8, "batch_size": 1}),
    "extend": spec(training={"epochs": 300}),
    "extend ensemble": spec(
        training={"epochs": 60, "early_stopping": {"patience": 5}, "batch_size": 64},
        ensemble={"kind": "bootstrap", "replicas": 6},
        runtime={"threads": 2, "memory": "6MB"},
    ),
}
WAITING = 0.85  # how often the signal waits until training has begun
LATEST = 0.35  # of the undisturbed training's time
SECONDS = (0, 0.05, 0.3, 10)  # checkpoint_seconds, drawn for each training


class Case:
    """One spec, its undisturbed run, and what happened to its disturbed ones."""

    def __init__(self, name, folder, arguments, rng):
        self.name, self.folder, self.rng, self.arguments = name, folder, rng, arguments
        self.counts, self.slowest = Counter(), 0.0
        folder.mkdir()
        (folder / "spec.yaml").write_text(json.dumps(SPECS[name]), "utf-8")
        (folder / "tmp").mkdir()
        os.environ["TMPDIR"] = str(folder / "tmp")
        begun = time.monotonic()
        code = forked.run(self.words("whole", 10), folder, folder / "log.txt")
        if code:
            sys.exit(f"{name}: exit code {code}: {(folder / 'log.txt').read_text()}")
        self.seconds = self.undisturbed = time.monotonic() - begun
        self.whole = forked.outcome(folder / "whole")

    def words(self, directory, seconds, extend=None):
        more = ["--set", f"runtime.checkpoint_seconds={seconds}", "-q"]
        more += [] if extend is None else ["--extend", str(extend)]
        return ["train", "spec.yaml", "--run-dir", directory, "--resume", *more]

    def disturb(self, directory):
        """Train into a directory until it is done, disturbed; compare what comes of it."""
        seconds, rng = self.rng.choice(SECONDS), self.rng
        extend, words = None, self.words(directory, seconds)
        if self.name.startswith("extend"):
            extend = SPECS[self.name]["training"]["epochs"]
            few = rng.randrange(1, extend)
            words = [*self.words(directory, seconds), "--set", f"training.epochs={few}"]
        for _ in range(rng.randrange(3, 9)):
            if self.sent >= self.wanted:
                break
            if self.once(directory, words) == 0 and extend is not None:
                words, extend = self.words(directory, seconds, extend), None
        log = self.folder / "log.txt"
        while True:
            code = forked.run(words, self.folder, log)
            self.check(code == 0 and not forked.complaints(log), f"in the end {code}", log)
            if extend is None or code:
                break
            words, extend = self.words(directory, seconds, extend), None
        difference = forked.first_difference(self.whole, forked.outcome(self.folder / directory))
        self.check(not difference, f"{directory}, checkpoint_seconds {seconds}: {difference}")
        self.counts["trainings"] += 1

    @property
    def runs_processes(self):
        return SPECS[self.name]["runtime"].get("threads") == 2

    @property
    def wanted(self):
        return self.arguments.kills + self.arguments.signals

    @property
    def sent(self):
        return self.counts["SIGKILL"] + self.counts["signals"]

    def once(self, directory, words):
        """Start the training, and send it a signal; return its exit code."""
        log, rng = self.folder / "log.txt", self.rng
        left = {"SIGKILL": self.arguments.kills - self.counts["SIGKILL"]}
        left["other"] = self.arguments.signals - self.counts["signals"]
        kind = rng.choices(list(left), [max(0, n) for n in left.values()])[0]
        name = "SIGKILL" if kind == "SIGKILL" else rng.choice(SIGNALS)
        number = getattr(signal, name)
        real = rng.random() < 0.1
        pid = self.start_real(words, log) if real else forked.start(words, self.folder, log)
        if rng.random() < WAITING:
            self.wait_for_training(directory, pid)
        time.sleep(rng.uniform(0, self.seconds * LATEST))
        is_training = self.trains(directory, pid)
        target = pid
        if name == "SIGKILL" and self.runs_processes and rng.random() < 0.3:
            target = rng.choice(self.children(pid) or [pid])
        sent = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(target, number)
        code = forked.wait(pid)
        alive = code in self.allowed(number, is_training=is_training, is_worker=target != pid)
        if alive and is_training and number != signal.SIGKILL:
            self.slowest = max(self.slowest, time.monotonic() - sent)
            self.check_interrupted(directory, name)
        self.counts["SIGKILL" if name == "SIGKILL" else "signals"] += 1
        self.counts["hit"] += alive and is_training
        self.counts["at start"] += alive and not is_training
        self.counts["too late"] += not alive
        # The machine may have been busy when the undisturbed training was timed, or may be now.
        self.seconds *= 1.1 if alive else 0.7
        found = forked.complaints(log)
        fine = (alive or code == 0) and not found
        self.check(fine, f"{name} to {'all' if target == pid else 'a worker'}: {code} {found}", log)
        self.reap_orphans(pid)
        return code

    @staticmethod
    def allowed(number, *, is_training, is_worker):
        """Return the exit codes of a process that a signal has ended."""
        if is_worker:
            return (6,)
        if number == signal.SIGKILL:
            return (-number,)
        # Before it has begun, a forked process may not have its handlers yet.
        return (128 + number,) if is_training else (128 + number, -number)

    def check_interrupted(self, directory, name):
        """Check that state and model are there after a signal."""
        there = {path.name for path in (self.folder / directory).iterdir()}
        missing = {"checkpoint.safetensors", "model.safetensors"} - there
        self.check(not missing, f"{name}: interrupted without {sorted(missing)}")

    def start_real(self, words, log):
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "mlpcli", *words],
                cwd=self.folder,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": str(forked.DATA.parent)},
                start_new_session=True,
            )
        process.returncode = 0  # waited for by its number
        return process.pid

    def trains(self, directory, pid):
        """Whether this process has begun to train, and has not ended."""
        with contextlib.suppress(OSError, ValueError):
            manifest = json.loads((self.folder / directory / "manifest.json").read_text())
            return manifest["status"] == "running" and manifest["pid"] == pid
        return False

    def wait_for_training(self, directory, pid):
        deadline = time.monotonic() + 10
        while not self.trains(directory, pid) and time.monotonic() < deadline:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
            time.sleep(0.002)

    @staticmethod
    def children(pid):
        with contextlib.suppress(OSError):
            return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    def reap_orphans(self, group):
        """Workers of a killed parent have to end by themselves, soon."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                os.killpg(group, 0)
            except (ProcessLookupError, PermissionError):
                return
            time.sleep(0.01)
        self.check(right=False, what="workers outlive their parent")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)

    def check(self, right, what, log=None):
        if not right:
            self.counts["wrong"] += 1
            said = "" if log is None else Path(log).read_text(errors="replace")[-300:]
            print(f"  WRONG {self.name}: {what} {said}", flush=True)

    def report(self):
        c = self.counts
        print(
            f"{'same' if not c['wrong'] else 'WRONG'}  {self.name}: {c['SIGKILL']} kills and "
            f"{c['signals']} other signals, {c['hit']} hit a running training, {c['at start']} one "
            f"that began, {c['too late']} came too late; {c['trainings']} trainings compared; "
            f"ended at most {self.slowest:.1f} s after a signal; undisturbed "
            f"{self.undisturbed:.1f} s",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=40, help="of each spec")
    parser.add_argument("--signals", type=int, default=8, help="of each spec")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--specs", nargs="*", default=list(SPECS), choices=list(SPECS))
    arguments = parser.parse_args()
    total = Counter()
    with tempfile.TemporaryDirectory() as name:
        for k, each in enumerate(arguments.specs):
            rng = random.Random(f"{arguments.seed} {each}")
            case = Case(each, Path(name) / str(k), arguments, rng)
            n = 0
            while case.sent < case.wanted:
                n += 1
                case.disturb(f"run{n}")
            case.report()
            total += case.counts
    print(
        f"{total['SIGKILL']} kills and {total['signals']} other signals, {total['hit']} of them "
        f"hit a running training: {total['wrong']} differences"
    )
    return 1 if total["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
