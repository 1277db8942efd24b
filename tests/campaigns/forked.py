"""The command in forked processes: everything is imported once, and a case costs what it does."""

import importlib
import os
import pkgutil
import re
import signal
import sys
import traceback
from pathlib import Path

import mlpcli

DATA = Path(__file__).parents[2] / "data"
# What a run ends with, and which of it is compared: all but the seconds.
FILES = ("model.safetensors", "metrics.csv", "replicas.csv")


def preload():
    """Import all of mlpcli, with one BLAS thread; return the command."""
    os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
    for module in pkgutil.walk_packages(mlpcli.__path__, "mlpcli."):
        if not module.name.startswith("mlpcli.sweep") and not module.name.endswith("boosting"):
            importlib.import_module(module.name)
    for name in ("safetensors.numpy", "rich.progress"):
        importlib.import_module(name)
    return importlib.import_module("mlpcli.__main__").main


main = preload()


def start(words, cwd, log, before=None):
    """Fork a process that runs `mlp WORDS`; return its number.

    log     file that gets what it prints
    before  called in it first
    """
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setpgid(0, 0)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for number in (1, 2):
            os.dup2(out, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(cwd)
        sys.argv = ["mlp", *words]
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False, buffering=1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if before is not None:
            before()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        os._exit(code)


def wait(pid):
    """Return how a process ended: its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(words, cwd, log, before=None):
    """Run `mlp WORDS` in a fork to its end; return how it ended."""
    return wait(start(words, cwd, log, before))


def outcome(directory):
    """Return what a run has come to, by file: bytes of the model, rows without their seconds."""
    found = {}
    for name in FILES:
        path = Path(directory) / name
        if not path.exists():
            continue
        content = path.read_bytes()
        if name.endswith(".csv"):
            lines = content.decode().splitlines()
            at = lines[0].split(",").index("seconds")
            rows = [line.split(",") for line in lines]
            content = "\n".join(",".join(r[:at] + r[at + 1 :]) for r in rows).encode()
        found[name] = content
    return found


def first_difference(one, other):
    """Return which of two outcomes' files differ, in a line; empty where they are the same."""
    if one.keys() != other.keys():
        return f"files {sorted(one)} and {sorted(other)}"
    for name, content in one.items():
        if content != other[name]:
            pairs = zip(content.splitlines(), other[name].splitlines(), strict=False)
            at = next((k for k, (a, b) in enumerate(pairs) if a != b), "its length")
            return f"{name} differs at line {at}"
    return ""


def complaints(log):
    """Return what must never be printed, and was."""
    text = Path(log).read_text("utf-8", errors="replace")
    return re.findall(r"^Traceback.*|^\S*Warning.*|.*a bug in mlp.*", text, re.MULTILINE)
