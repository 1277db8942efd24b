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


def test_every_planted_fault_of_a_sample_is_caught():
    lines = run("faults", "--sample", "80").splitlines()
    assert {line.split()[0] for line in lines[:-2]} == {"caught", "equivalent"}
    assert all(line.startswith("caught  configs/") for line in lines[:6])  # the real command
    n_functions = int(lines[-2].split()[0])
    assert n_functions >= 65
    caught, n, equivalent = map(int, re.findall(r"\d+", lines[-1]))
    assert caught == n > 2 * equivalent
    assert caught + equivalent == 86


def test_killed_sweeps_end_as_if_they_had_not_been():
    methods = ["grid", "tpe-pruned"]
    words = ["--kills", "3", "--trials", "20", "--methods", *methods]
    lines = run("killed_sweeps", *words).splitlines()
    assert lines[-1] == "2 of 2 sweeps ended as if they had never been killed"
    assert all("20 trials" in line for line in lines[:-1])


def test_whatever_a_state_loses_is_noticed():
    lines = run("planted_resume", "--stops", "5").splitlines()
    assert {line.split()[0] for line in lines[:-1]} == {"caught"}
    assert len(lines) - 1 >= 30
    assert lines[-1] == f"{len(lines) - 1} of {len(lines) - 1} bugs caught"


def test_damaged_model_files_and_checkpoints_are_all_refused():
    lines = run("damaged", "--files", "300", "--seed", "1").splitlines()
    assert lines[0].startswith("model: 300 of 300 damaged files refused")
    assert lines[1].startswith("checkpoint: 300 of 300 damaged files refused")
    assert lines[-1].startswith("4 of 4 as they have to be")


def test_hostile_files_and_specs_are_refused_or_done_within_bounds():
    lines = run("limits", "--every", "6").splitlines()
    n = len(lines) - 2
    assert n >= 10
    assert lines[-1] == f"{n} of {n} cases within their bounds"
