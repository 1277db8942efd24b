"""The batch scripts, under a stand-in for the scheduler that preempts them at random instants."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

BATCH = Path(__file__).parents[2] / "configs" / "batch"
SPEC = """
data: {path: iris.csv, target: species}
model: {layers: [{units: 16, keep_prob: 0.8}]}
training: {epochs: 800, early_stopping: null, batch_size: 16, optimizer: adam}
"""
PREEMPTED = 3
# Waits for a line more in metrics.csv, or not at all, and then for a random time.
WAIT = f"""
import os, pathlib, random, signal, subprocess, sys, time

state = pathlib.Path(os.environ["STAND_IN"])
done = int((state / "preempted").read_text())
rng = random.Random(done + int((state / "seed").read_text()))

def lines():
    metrics = pathlib.Path("run/metrics.csv")
    return metrics.read_text().count("\\n") if metrics.exists() else 0

def preempt(process, number):
    if done == {PREEMPTED}:
        return process.wait()
    before = lines()
    while done > 0 and process.poll() is None and lines() in (0, before):
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 0.2))
    (state / "preempted").write_text(str(done + 1))
    process.send_signal(number)
    return process.wait()
"""
# Runs its script as Slurm does, again after `scontrol requeue`; USR1 goes to the shell alone.
SBATCH = (
    WAIT
    + """
job = {**os.environ, "SLURM_JOB_ID": "17"}
process = subprocess.Popen(["bash", "-euo", "pipefail", *sys.argv[1:]], env=job)
code = preempt(process, rng.choice([signal.SIGUSR1, signal.SIGTERM]))
requeued = state / "requeued"
if requeued.exists():
    requeued.unlink()
    os.execv(sys.executable, [sys.executable, *sys.argv])
sys.exit(code)
"""
)
SCONTROL = """
import os, pathlib, sys
assert sys.argv[1:] == ["requeue", "17"], sys.argv
(pathlib.Path(os.environ["STAND_IN"]) / "requeued").touch()
"""
TIMEOUT = (
    WAIT
    + """
assert sys.argv[1:3] == ["--kill-after=60", "55m"], sys.argv
process = subprocess.Popen(sys.argv[3:])
code = preempt(process, signal.SIGTERM)
sys.exit(124 if done < 3 and code else code)
"""
)


@pytest.fixture
def batch(folder, program):
    """Return a function that runs a line in a folder with stand-ins for the scheduler's commands.

    It returns how it ended, and how many times it was preempted.

    preempted  PREEMPTED times in all, where it is 0
    """
    programs, state = folder / "bin", folder / "state"
    programs.mkdir()
    state.mkdir()
    for name, text in {"sbatch": SBATCH, "scontrol": SCONTROL, "timeout": TIMEOUT}.items():
        (programs / name).write_text(f"#!{sys.executable}\n{text}", "utf-8")
    mlp = " ".join(f'"{word}"' for word in program.words)
    (programs / "mlp").write_text(f'#!/bin/sh\nexec {mlp} "$@"\n', "utf-8")
    for path in programs.iterdir():
        path.chmod(0o755)
    (folder / "spec.yaml").write_text(SPEC, "utf-8")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    more = program.environment(PATH=path, STAND_IN=str(state), PAUSE="0")

    def run(*words, seed=0, preempted=0):
        (state / "preempted").write_text(str(preempted), "utf-8")
        (state / "seed").write_text(str(seed), "utf-8")
        words = ["bash", "-euo", "pipefail", "-c", '"$@"', "bash", *map(str, words)]
        done = subprocess.run(
            words, cwd=folder, env=more, capture_output=True, text=True, check=False, timeout=300
        )
        program.check(done.stdout + done.stderr)
        return done, int((state / "preempted").read_text("utf-8"))

    return run


def outcome(run):
    rows = [line.rpartition(",")[0] for line in (run / "metrics.csv").read_text().splitlines()]
    return (run / "model.safetensors").read_bytes(), rows


@pytest.mark.parametrize("words", [["sbatch", BATCH / "slurm.sh"], [BATCH / "plain.sh"]])
def test_preempted_again_and_again_it_comes_to_the_same_bits(words, batch, folder, mlp):
    done = mlp("train", "spec.yaml", "-q", "--run-dir", "whole", cwd=folder)
    assert done.code == 0, done.err
    seed = random.randrange(10**6)
    done, preempted = batch(*words, "spec.yaml", "run", "-q", seed=seed)
    assert (done.returncode, preempted) == (0, PREEMPTED), f"seed {seed}: {done.stderr}"
    assert done.stdout.splitlines()[-1] == "run"
    manifest = json.loads((folder / "run" / "manifest.json").read_text("utf-8"))
    assert manifest["sessions"], f"seed {seed}"  # those before the last
    assert outcome(folder / "run") == outcome(folder / "whole"), f"seed {seed}"


@pytest.mark.parametrize("words", [["sbatch", BATCH / "slurm.sh"], [BATCH / "plain.sh"]])
def test_what_another_attempt_would_not_mend_is_not_tried_again(words, batch, folder):
    (folder / "spec.yaml").write_text("data: {path: no.csv, target: y}\n", "utf-8")
    done, _ = batch(*words, "spec.yaml", "run", preempted=PREEMPTED)
    assert done.returncode == 3
    assert done.stderr.count("no.csv") == 1
    done, _ = batch(*words, "spec.yaml", preempted=PREEMPTED)
    assert done.returncode == 1
    assert "the run directory is missing" in done.stderr


def test_the_scripts_are_short_and_strict():
    for path in BATCH.iterdir():
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) <= 45
        commands = [line for line in lines if line and not line.startswith("#")]
        assert commands[0] == "set -euo pipefail"
        assert os.access(path, os.X_OK)
