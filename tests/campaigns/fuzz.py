"""Change inputs at random and run commands on them: each ends by itself, with an exit code of ours.

    python tests/campaigns/fuzz.py [--cases 2000] [--seed 0] [--kinds …] [--real 0] [--jobs 1]
    python tests/campaigns/fuzz.py --only data:0:137        (one case again, in this process)

Specs, values of --set, tables, model files, run directories, checkpoints and studies. The commands
run in forked processes that have imported everything, each in a folder of its own: with at most
1 GiB more than they had, 5 s of processor time, and no library for the baselines of `check`. With
--real so many more run as processes of their own, from the real command. A case fails where it
leaves a traceback, a warning, exit code 70 or one that is not documented, is ended by a signal, or
takes too long. Exit code 1 if one has.
"""

import argparse
import collections
import faulthandler
import importlib
import io
import json
import multiprocessing.connection
import os
import pkgutil
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import fuzz_material
from fuzz_cases import KINDS, SETTINGS, Material

import mlpcli
from mlpcli.cli.main import main as run_mlp

GIB = 1 << 30
CPU_SECONDS, WALL_SECONDS = 5, 120
BATCH = 25  # cases of a forked process
CODES = {0, 1, 2, 3, 4, 5, 6, 75}
SHOWN = re.compile(r"Traceback|a bug in mlp|Warning: |Exception ignored|Fatal Python error")
ROOT = Path(__file__).parents[2]


def run_here(words, folder):
    """Run `mlp` in this process; return exit code, output and errors."""
    os.chdir(folder)
    sys.argv = ["mlp", *words]
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    before = sys.stdout, sys.stderr, sys.stdin
    sys.stdout, sys.stderr = streams
    sys.stdin = io.TextIOWrapper(io.BytesIO())
    try:
        run_mlp()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.stdout, sys.stderr, sys.stdin = before
    return code, *(s.buffer.getvalue().decode("utf-8", "replace") for s in streams)


def run_for_real(words, folder):
    """Run the command itself, within the same limits."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (3 * GIB, 3 * GIB))  # 2 of them are its libraries
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    done = subprocess.run(
        [sys.executable, "-m", "mlpcli", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WALL_SECONDS,
        check=False,
        preexec_fn=limit,
    )
    return done.returncode, *(s.decode("utf-8", "replace") for s in (done.stdout, done.stderr))


def verdict(code, out, err):
    """Return what is wrong with how a command ended; "" where nothing is."""
    if code not in CODES:
        return f"exit code {code}"
    if found := SHOWN.search(err) or SHOWN.search(out[:2000]):
        return f"shows {found[0]!r}"
    if code > 1 and not err.strip():
        return f"exit code {code} without a word"
    return ""


def words_of(name, material, here):
    """Make the files of the case with this name; return its command."""
    kind, _, k = name.split(":")
    return KINDS[kind](random.Random(name), here, material, int(k))


def work(pipe, names, material, folder, *, real):
    """Run cases, and send how each has ended."""
    faulthandler.disable()
    if not real:
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (in_use + GIB, in_use + GIB))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # it ends the process wherever that is
    for name in names:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        pipe.send(("begun", name, []))
        signal.setitimer(signal.ITIMER_PROF, 0 if real else CPU_SECONDS)
        words = words_of(name, material, folder)
        pipe.send(("begun", name, words))
        begun = time.monotonic()
        code, out, err = (run_for_real if real else run_here)(words, folder)
        seconds = time.monotonic() - begun
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.chdir("/")
        pipe.send(
            ("ended", name, (code, out[-2000:], err[-3000:], verdict(code, out, err), seconds))
        )
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


class Campaign:
    """Cases that are run, and what came of them."""

    def __init__(self, material, *, real):
        self.material, self.real = material, real
        self.codes = collections.Counter()
        self.failures, self.slowest = [], (0.0, "")
        self.sentences = collections.Counter()

    def start(self, names):
        ours, theirs = multiprocessing.Pipe(duplex=False)
        folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=self.material.folder.parent))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pid = os.fork()
        if not pid:
            try:
                ours.close()
                work(theirs, names, self.material, folder / "case", real=self.real)
            except BaseException:  # noqa: BLE001  of the campaign itself
                import traceback

                traceback.print_exc()
            finally:
                os._exit(9)
        theirs.close()
        return {"pid": pid, "pipe": ours, "left": list(names), "at": None, "folder": folder,
                "since": time.monotonic()}  # fmt: skip

    def run(self, names, jobs):
        """Run all cases, in so many processes at a time."""
        waiting = [names[k : k + BATCH] for k in range(0, len(names), BATCH)][::-1]
        workers = []
        while waiting or workers:
            while waiting and len(workers) < jobs:
                workers.append(self.start(waiting.pop()))
            ready = multiprocessing.connection.wait([w["pipe"] for w in workers], 1)
            for worker in list(workers):
                if worker["pipe"] in ready:
                    try:
                        self.receive(worker, worker["pipe"].recv())
                        continue
                    except EOFError:
                        pass
                elif time.monotonic() - worker["since"] < WALL_SECONDS:
                    continue
                else:
                    os.kill(worker["pid"], signal.SIGKILL)
                workers.remove(worker)
                left = self.reap(worker)
                if left:
                    waiting.append(left)

    def receive(self, worker, message):
        what, name, told = message
        worker["since"] = time.monotonic()
        if what == "begun":
            worker["at"] = name, told
            return
        code, _, err, problem, seconds = told
        self.codes[name.split(":")[0], code] += 1
        if code:
            self.sentences[re.sub(r"[0-9]+|'[^']*'", "#", (err.splitlines() or [""])[-1])[:90]] += 1
        self.slowest = max(self.slowest, (seconds, name))
        if problem:
            self.fail(name, worker["at"][1], problem, err)
        worker["at"] = None
        worker["left"].remove(name)

    def reap(self, worker):
        """Return the cases that are left of a process that has ended."""
        _, status = os.waitpid(worker["pid"], 0)
        worker["pipe"].close()
        shutil.rmtree(worker["folder"], ignore_errors=True)
        if worker["at"] is not None:
            name, words = worker["at"]
            how = f"exit {status >> 8}"
            if os.WIFSIGNALED(status):
                how = signal.Signals(os.WTERMSIG(status)).name
            said = {"SIGPROF": f"more than {CPU_SECONDS} s", "SIGKILL": "hangs"}
            self.fail(name, words, said.get(how, f"ended by {how}"), "")
            worker["left"].remove(name)
        elif worker["left"] and status:
            raise SystemExit(f"the campaign itself failed before {worker['left'][0]}")
        return worker["left"]

    def fail(self, name, words, problem, err):
        self.failures.append(name)
        last = "\n      ".join(err.strip().splitlines()[-12:])
        print(
            f"FAILED  {name}: {problem}\n    mlp {' '.join(words)[:300]!r}\n      {last}",
            flush=True,
        )


def prepare(folder):
    """Make the material in a folder, in a process of its own; return it."""
    pid = os.fork()
    if not pid:
        code = 9
        try:
            fuzz_material.make(folder, lambda words: run_here(words, folder)[0])
            code = 0
        except BaseException as error:  # noqa: BLE001
            print(f"the material could not be made: {error}", file=sys.stderr)
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1]:
        sys.exit(2)
    return Material(folder)


def import_all():
    """Import what a command would, so that it is imported once; BLAS has its buffers."""
    import numpy as np
    import pandas as pd  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    from optuna.importance import PedAnovaImportanceEvaluator  # noqa: F401

    for module in pkgutil.walk_packages(mlpcli.__path__, "mlpcli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    np.ones((64, 64)) @ np.ones((64, 64))
    for name in ("sklearn", "sklearn.ensemble", "lightgbm"):
        sys.modules[name] = None  # importing them takes `check` most of its time


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", default=[], choices=list(KINDS))
    parser.add_argument("--real", type=int, default=0, metavar="N")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--sentences", type=int, default=0, metavar="N", help="most frequent ones")
    parser.add_argument("--only", metavar="KIND:SEED:K", nargs="*")
    arguments = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import_all()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder = Path(name) / "material"
        folder.mkdir()
        material = prepare(folder)
        if arguments.only:
            return show(arguments.only, material, Path(name) / "case")
        return campaign(arguments, material)


def show(names, material, folder):
    """Run cases in this process, and print all that they print."""
    for name in names:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        words = words_of(name, material, folder)
        print(f"mlp {' '.join(words)!r}", flush=True)
        code, out, err = run_here([*words, "--debug"], folder)
        kept = Path(tempfile.mkdtemp(prefix="fuzz-kept-"))
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        print(f"{out[-2000:]}\n{err[-6000:]}\nexit code {code} ({verdict(code, out, err)}); {kept}")
    return 0


def campaign(arguments, material):
    kinds = arguments.kinds or [k for k in KINDS if k != "checkpoint" or material.checkpoints]
    failed = 0
    for real, n in ((False, arguments.cases), (True, arguments.real)):
        names = [f"{kinds[k % len(kinds)]}:{arguments.seed}:{k // len(kinds)}" for k in range(n)]
        if kinds == ["values"] and not real:
            names = names[: len(SETTINGS)]
        begun = time.monotonic()
        found = Campaign(material, real=real)
        found.run(names, arguments.jobs)
        failed += len(found.failures)
        for kind in kinds:
            codes = {c: m for (k, c), m in sorted(found.codes.items()) if k == kind}
            if codes:
                print(f"{kind}: {sum(codes.values())} cases; exit codes {json.dumps(codes)}")
        for sentence, m in found.sentences.most_common(arguments.sentences):
            print(f"  {m}  {sentence}")
        where = "by the real command" if real else "in forked processes"
        print(f"{len(found.failures)} of {len(names)} cases failed, {where}, in "
              f"{time.monotonic() - begun:.0f} s; the slowest took {found.slowest[0]:.1f} s "
              f"({found.slowest[1]})", flush=True)  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
