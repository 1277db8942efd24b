"""Interrupt commands at random instants from their start to their end, by six signals.

    python tests/campaigns/interrupted_starts.py [--signals 200] [--seed 0] [--verbs train eval …]

Each command is a new process that is sent one signal, most of them while it starts, reads, trains,
evaluates or ends. Exit code 1 where one shows a traceback, has another exit code than 128 + signal
(or 0, where it was over), needs more than 5 s to end, or leaves a half-written file. What Python
itself does before mlp's first line is counted by itself: there a signal has the system's effect,
and SIGINT Python's.
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlpcli.runs.model_file import load_model

ROOT = Path(__file__).parents[2]
SIGNALS = [getattr(signal, f"SIG{name}") for name in ("INT", "TERM", "HUP", "USR1", "USR2", "XCPU")]
MOST_SECONDS = 5
NEVER = re.compile("Traceback|Warning|Exception ignored|a bug in mlp")
PYTHONS_OWN, OVER = "Python's own start", "it was over"
EARLY = (PYTHONS_OWN, "imports", "reading")
TRAIN = ["train", "rows.yaml", "--run-dir", "run"]
VERBS = {
    "train": TRAIN,
    "ensemble": [*TRAIN, "--set", "ensemble={kind: bootstrap, replicas: 2}"],
    "resume": [*TRAIN, "--resume"],
    "eval": ["eval", "done"],
    "predict": ["predict", "done", "rows.csv", "-o", "predicted.csv"],
    "check": ["check", "rows.yaml"],
    "gradcheck": ["gradcheck", "rows.yaml"],
    "compare": ["compare", "done", "other"],
}
TRAINED = ("train", "ensemble", "resume")
SPEC = {
    "data": {"path": "rows.csv", "target": "y"},
    "model": {"layers": [{"units": 32}]},
    "training": {"epochs": 20, "batch_size": 128},
}


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


def start(words, folder, before=None):
    """Start a command, in whose output standard output and error are one."""
    return subprocess.Popen(
        [sys.executable, "-m", "mlpcli", *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=before,  # noqa: PLW1509  there are no threads here
    )


def finish(words, folder):
    """Run a command to its end; return how long it took, and since it began to write its run."""
    begun = wrote = time.monotonic()
    process = start(words, folder)
    while process.poll() is None:
        wrote = wrote if (folder / "run" / "spec.yaml").exists() else time.monotonic()
        time.sleep(0.002)
    out, _ = process.communicate()
    if process.returncode:
        sys.exit(f"mlp {' '.join(words)}: exit code {process.returncode}\n{out}")
    return time.monotonic() - begun, time.monotonic() - wrote


def prepare(folder, rows):
    """Write a table that is read in some tenths of a second; make two runs to evaluate."""
    rng = random.Random(0)
    lines = ["a,b,c,d,y"]
    for _ in range(rows):
        values = [rng.gauss(0, 1) for _ in range(4)]
        cells = ",".join(f"{value:.4f}" for value in values)
        lines.append(f"{cells},{'yes' if values[0] + values[1] > 0 else 'no'}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    (folder / "rows.yaml").write_text(json.dumps(SPEC))
    for name in ("done", "other"):
        finish(["train", "rows.yaml", "-q", "--run-dir", name], folder)
    process = start(["train", "rows.yaml", "-q", "--run-dir", "kept"], folder, default_signals)
    while process.poll() is None and not list(folder.glob("kept/metrics.csv")):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate()


def catches_signals(pid):
    """Whether a process has a handler for SIGTERM: then mlp's first lines have been run."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
    caught = int(re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def phase(process, folder, verb):
    """Return what a process is doing, from what can be seen of it."""
    if not catches_signals(process.pid):
        return PYTHONS_OWN
    try:
        has_numpy = "_multiarray_umath" in Path(f"/proc/{process.pid}/maps").read_text()
    except OSError:
        has_numpy = True
    if not has_numpy:
        return "imports"
    if verb not in TRAINED:
        return "at work"
    run = folder / "run"
    if not (run / "spec.yaml").exists():
        return "reading"
    try:
        is_over = json.loads((run / "manifest.json").read_text())["status"] != "running"
    except (OSError, ValueError):
        is_over = False
    return "end" if is_over else "scores" if (run / "model.safetensors").exists() else "training"


def default_signals():
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def left_behind(folder, whole):
    """Return what is wrong with the files that a command has left.

    whole  bytes of the predictions
    """
    found = [f"{path.name} was left" for path in folder.glob(".*.tmp")]
    predicted = folder / "predicted.csv"
    if predicted.exists() and predicted.read_bytes() != whole:
        found.append("predicted.csv is half written")
    run = folder / "run"
    if (run / "manifest.json").exists():
        json.loads((run / "manifest.json").read_text())
    if (run / "model.safetensors").exists():
        load_model(run / "model.safetensors")
    return found


def interrupt(words, number, after, folder, verb, *, late):
    """Start a command and signal it after so many seconds; return phase, code, seconds, output.

    late  count them from when it has begun to write its run
    """
    process = start(words, folder, default_signals)
    if late:
        while process.poll() is None and phase(process, folder, verb) in EARLY:
            time.sleep(0.002)
    time.sleep(after)
    where = phase(process, folder, verb)
    if process.poll() is not None:
        where = OVER
    begun = time.monotonic()
    process.send_signal(number)
    out, _ = process.communicate()
    return where, process.returncode, time.monotonic() - begun, out


def complaints(where, code, number, seconds, out):
    """Return what is wrong with how a command has ended."""
    found = [] if seconds <= MOST_SECONDS else [f"it took {seconds:.1f} s to end"]
    is_ours = where != PYTHONS_OWN
    if is_ours or "mlpcli/" in out.replace(str(ROOT), ""):
        found += [f"printed: {out[-1500:]}"] if NEVER.search(out) else []
    allowed = [128 + number, 0] if is_ours else [128 + number, 0, -number, 1]
    return found + ([] if code in allowed else [f"exit code {code}"])


def restore(folder, verb):
    """Remove what a command has made; give one that resumes a run that was interrupted."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    (folder / "predicted.csv").unlink(missing_ok=True)
    if verb == "resume":
        shutil.copytree(folder / "kept", folder / "run")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--signals", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--verbs", nargs="*", default=list(VERBS), choices=list(VERBS))
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    hits, codes, wrong, slowest = collections.Counter(), collections.Counter(), 0, 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, arguments.rows)
        whole, took = b"", {}
        for verb in arguments.verbs:
            restore(folder, verb)
            took[verb] = finish(VERBS[verb], folder)
            if verb == "predict":
                whole = (folder / "predicted.csv").read_bytes()
        for k in range(arguments.signals):
            verb, number = arguments.verbs[k % len(arguments.verbs)], rng.choice(SIGNALS)
            late = verb in ("train", "ensemble") and rng.random() < 2 / 3
            after = rng.uniform(0, 1.05 * took[verb][late])
            restore(folder, verb)
            words = VERBS[verb]
            where, code, seconds, out = interrupt(words, number, after, folder, verb, late=late)
            slowest = max(slowest, seconds)
            hits[where] += 1
            codes["0" if code == 0 else "128 + signal" if code > 1 else "the system's"] += 1
            found = complaints(where, code, number, seconds, out)
            for problem in found + left_behind(folder, whole):
                wrong += 1
                print(f"WRONG  {verb}, {number.name} after {after:.3f} s, {where}: {problem}")
    print("hit:", ", ".join(f"{n} {where}" for where, n in hits.most_common()))
    print("exit codes:", ", ".join(f"{n} {code}" for code, n in codes.most_common()))
    n = arguments.signals
    print(f"{n} signals, the slowest end {slowest:.2f} s after its signal: {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
