"""A short pass of each campaign: the commands that run them long are in their own docstrings."""

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def run(name, *arguments):
    done = subprocess.run(
        [sys.executable, HERE / f"{name}.py", *arguments],
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_gradients_of_a_hundred_specs_are_right():
    said = run("gradients", "--specs", "100").splitlines()[-1]
    assert said.startswith("100 specs passed")
    assert float(re.search(r"worst relative error (\S+);", said)[1]) < 1e-6


def test_every_planted_fault_is_caught():
    lines = run("faults").splitlines()
    assert {line.split()[0] for line in lines[:-1]} == {"caught"}
    n = len(lines) - 1
    assert lines[-1] == f"{n} of {n} planted faults were caught"
    assert n >= 140


def test_killed_sweeps_end_as_if_they_had_not_been():
    methods = ["grid", "tpe-pruned"]
    words = ["--kills", "3", "--trials", "20", "--methods", *methods]
    lines = run("killed_sweeps", *words).splitlines()
    assert lines[-1] == "2 of 2 sweeps ended as if they had never been killed"
    assert all("20 trials" in line for line in lines[:-1])
