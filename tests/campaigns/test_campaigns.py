"""A short pass of each campaign: the commands that run them long are in their own docstrings."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def may_mount():
    unshare = shutil.which("unshare")
    return (
        unshare is not None and not subprocess.run([unshare, "-rm", "true"], check=False).returncode
    )


def test_the_gradients_of_a_hundred_specs_are_right():
    said = run("gradients", "--specs", "100").splitlines()[-1]
    assert said.startswith("100 specs passed")
    assert float(re.search(r"worst relative error (\S+);", said)[1]) < 1e-6


def test_the_steps_of_fifteen_specs_are_explained():
    said = run("explained", "--specs", "15").splitlines()[-1]
    assert said.startswith("15 specs passed")
    assert int(re.search(r"(\d+) lines", said)[1]) > 3000


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


def test_interrupted_at_any_instant_a_command_ends_without_a_traceback():
    lines = run("interrupted_starts", "--signals", "6", "--verbs", "train", "predict").splitlines()
    assert lines[-1].endswith(": 0 wrong")


def test_trainings_of_drawn_specs_go_on_to_the_same_bits():
    said = run("drawn_resume", "--specs", "10").splitlines()[-1]
    assert said.startswith("10 trainings ")
    assert "4 interruptions or states of each: 0 went on to other bits" in said


def test_runs_disturbed_where_the_disk_changes_resume_to_the_same_bits():
    said = run("crash_points", "--sample", "5").splitlines()[-1]
    assert said.startswith("25 of 25 points resumed to identical bits")


def test_killed_trainings_resume_to_the_same_bits():
    specs = ["everything", "extend ensemble"]
    said = run("killed_trainings", "--kills", "2", "--signals", "1", "--specs", *specs)
    assert re.fullmatch(
        r"4 kills and 2 other signals, \d+ of them hit a running training: 0 differences",
        said.splitlines()[-1],
    )


def test_of_simultaneous_starts_one_wins_and_the_others_are_told_by_whom():
    lines = run("simultaneous", "--rounds", "4").splitlines()
    assert lines[-1].startswith("4 of 4 rounds had one winner and 7 exits of 75, which named it")


@pytest.mark.skipif(not may_mount(), reason="no namespace to mount a small disk in")
def test_on_a_disk_that_fills_nothing_is_lost():
    lines = run("full_disk", "--rounds", "4").splitlines()
    assert lines[-1].startswith("4 of 4 rounds lost nothing on a full disk")


def test_trainings_that_diverge_are_explained_and_halved_to_the_same_bits():
    last = run("diverged", "--specs", "15", "--seed", "3").splitlines()[-1]
    counts = {name: int(n) for n, name in re.findall(r"(\d+) ([^;]+)", last)}
    assert counts["resumed to the same bits"] == counts["trained"]
    assert counts["its advice trains"] >= 1
    assert counts["halved"] >= 1


def test_hostile_files_and_specs_are_refused_or_done_within_bounds():
    lines = run("limits", "--every", "6").splitlines()
    n = len(lines) - 2
    assert n >= 10
    assert lines[-1] == f"{n} of {n} cases within their bounds"


def test_threads_change_no_bit_of_specs_drawn_at_random():
    said = run("sharded", "--specs", "8", "--threads", "1", "3").splitlines()[-1]
    assert ": 0 differ by threads; " in said
    assert int(re.search(r"(\d+) differ by shards", said)[1]) >= 6
