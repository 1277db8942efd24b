"""`mlp train --profile`: a table of where the time went, and nothing else that is different."""

import csv
import json
import re
import time

import pytest

SPEC = """
data: {path: iris.csv, target: species}
model: {layers: [{units: 8, activation: tanh, keep_prob: 0.9}]}
training: {epochs: 3}
"""
ENSEMBLE = ("--set", "ensemble={kind: bootstrap, replicas: 4}")
CUT = "steps in shards"
ROWS = (
    *("start-up", "load", "encode", "initialize", "shuffle and gather", "noise and masks"),
    *(
        "forward",
        "loss",
        "backward",
        CUT,
        "update",
        "loop over steps",
        "metrics",
        "files",
    ),
    *("progress", "other"),
)


@pytest.fixture
def spec(folder):
    (folder / "spec.yaml").write_text(SPEC, "utf-8")
    return folder


def figures(path):
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize("kind", [(), ENSEMBLE], ids=["one", "ensemble"])
def test_the_numbers_are_the_same_with_and_without(mlp, spec, kind):
    plain = mlp("train", "spec.yaml", "--run-dir", "plain", "-q", *kind, cwd=spec)
    timed = mlp("train", "spec.yaml", "--run-dir", "timed", "--profile", *kind, cwd=spec)
    assert (plain.code, timed.code) == (0, 0)
    for name in ("model.safetensors", "spec.yaml"):
        assert (spec / "plain" / name).read_bytes() == (spec / "timed" / name).read_bytes()
    for name in ["metrics.csv", *(["replicas.csv"] if kind else [])]:
        assert figures(spec / "plain" / name) == figures(spec / "timed" / name)


@pytest.mark.parametrize("kind", [(), ENSEMBLE], ids=["one", "ensemble"])
def test_the_document_sums_to_the_whole(mlp, spec, kind):
    begun = time.perf_counter()
    done = mlp("train", "spec.yaml", "--run-dir", "run", "--profile", "--json", *kind, cwd=spec)
    seconds = time.perf_counter() - begun
    assert done.code == 0, done.err
    found = json.loads(done.out)["profile"]
    whole = [line for line in found["lines"] if not line["layer"]]
    assert [line["row"] for line in whole] == list(ROWS)
    assert sum(line["share"] for line in whole) == pytest.approx(1, rel=1e-9)
    assert sum(line["seconds"] for line in whole) == pytest.approx(found["seconds"], rel=1e-9)
    # From the beginning of the process, which the system knows to a hundredth, to nearly its end.
    assert 0.5 * seconds < found["seconds"] < seconds + 0.02
    by_row = {line["row"]: line for line in whole}
    for row in ROWS:
        if row == CUT:  # of shards alone
            assert by_row[row]["calls"] == 0
            continue
        assert by_row[row]["calls"] > 0, row
        assert by_row[row]["seconds"] > 0, row
    # 150 rows less 22 and 22: batches of 32, the last of ten; three epochs, all lanes at once.
    assert found["steps"] == 3 * 4
    assert by_row["forward"]["calls"] == 3 * 4
    assert {line["layer"] for line in found["lines"]} == {"", "hidden.1", "output"}
    # Recorder and progress are made, and told of each epoch's rows, its end, and the end.
    assert by_row["files"]["calls"] >= 1 + 3 + 3 + 1
    assert by_row["progress"]["calls"] >= 1 + 3 + 3 + 1
    assert found["processes_without"] >= 1
    assert by_row["start-up"]["seconds"] > by_row["loss"]["seconds"]


def test_without_it_the_document_has_no_profile(mlp, spec):
    done = mlp("train", "spec.yaml", "--run-dir", "run", "--json", cwd=spec)
    assert "profile" not in json.loads(done.out)


def test_the_table(mlp, spec):
    done = mlp("train", "spec.yaml", "--run-dir", "run", "--profile", cwd=spec)
    lines = done.out.splitlines()
    assert lines[-1] == "run: run"
    assert re.fullmatch(
        r"12 steps; the clock took about \d\.\d\d µs a call, .+ s of these", lines[-2]
    )
    shown = lines[next(k for k, line in enumerate(lines) if line.startswith("part ")) + 2 : -2]
    names = [re.split(r"\s{2,}", line.rstrip())[0] for line in shown if line[0] != " "]
    assert names == [*(row for row in ROWS if row != CUT), "whole"]
    layers = [line.split()[0] for line in shown if line[0] == " "]
    assert layers == ["hidden.1", "output"] * 2


def test_a_run_that_diverged_is_profiled_too(mlp, spec):
    sets = ("--set", "training.optimizer={name: sgd, learning_rate: 1e38}")
    done = mlp("train", "spec.yaml", "--run-dir", "run", "--profile", *sets, cwd=spec)
    assert done.code == 4
    assert "\nbackward " in done.out


def test_epochs_0_have_no_steps(mlp, spec):
    sets = ("--profile", "--json", "--set", "training.epochs=0")
    done = mlp("train", "spec.yaml", "--run-dir", "run", *sets, cwd=spec)
    found = json.loads(done.out)["profile"]
    assert found["steps"] == 0
    assert {line["microseconds_per_step"] for line in found["lines"]} == {None}


@pytest.mark.parametrize("other", ["--find-lr", "-q"])
def test_what_leaves_no_room_for_a_table_is_refused(mlp, spec, other):
    done = mlp("train", "spec.yaml", "--profile", other, cwd=spec)
    assert done.code == 2
    assert done.err == f"mlp: --profile prints a table: leave out {other}\n"
    assert not (spec / "runs").exists()


@pytest.mark.parametrize(
    ("clipping", "runs"), [((), 1), (("--set", "training.gradient_clipping.norm=9"), 2)]
)
def test_of_shards_each_thread_has_its_time(mlp, spec, clipping, runs):
    words = ("train", "spec.yaml", "--run-dir", "run", "--profile", "--json")
    keys = ("--set", "runtime.shards=2", "--set", "runtime.threads=2", *clipping)
    found = json.loads(mlp(*words, *keys, cwd=spec).out)["profile"]
    by_row = {line["row"]: line for line in found["lines"] if not line["layer"]}
    assert by_row[CUT]["calls"] == found["steps"] == 3 * 4
    assert by_row["forward"]["calls"] == by_row["backward"]["calls"] == 0
    # The gradient and, in the same run unless the whole gradient is clipped before, the update.
    assert by_row["update"]["calls"] == 3 * 4 * 2 * (runs - 1)
    # Not all are shared out where other processes have the cores.
    assert found["shared_runs"] + found["alone_runs"] == runs * 3 * 4
    assert [line["thread"] for line in found["threads"]] in ([], [1], [1, 2])
    for line in found["threads"]:
        assert line["busy"] > 0
        assert line["busy"] + line["waiting"] == pytest.approx(found["shared_seconds"])
        assert line["waiting_share"] == pytest.approx(line["waiting"] / found["shared_seconds"])
    # Nothing else is shared out here: rows of evaluations are few.
    assert found["shared_seconds"] <= by_row[CUT]["seconds"] + by_row["update"]["seconds"]


def test_the_table_of_threads_has_the_share_of_waiting(mlp, spec):
    words = ("train", "spec.yaml", "--run-dir", "run", "--profile")
    keys = ("--set", "runtime.shards=2", "--set", "runtime.threads=2")
    out = mlp(*words, *keys, "--set", "training.epochs=30", cwd=spec).out.splitlines()
    at = next(k for k, line in enumerate(out) if line.startswith("work shared out among "))
    assert re.fullmatch(r"work shared out among [12] threads?, [\d,]+ times, .+ s in all", out[at])
    at += "not shared out: others had the cores" in out[at + 1]
    assert re.split(r"\s{2,}", out[at + 1].strip()) == [
        *("thread", "seconds busy", "seconds waiting", "waiting, %")
    ]
    number, busy, waiting, share = map(float, out[at + 3].split())
    assert number == 1
    assert share == pytest.approx(100 * waiting / (busy + waiting), abs=0.2)
