"""What a sweep comes to: its trials, their figures, what is pruned, what fails, the winner."""

import json
import math
import statistics
import subprocess
import sys

import numpy as np
import pytest

from mlpcli.data.resampling import folds

RATES = {"training.optimizer.learning_rate": {"values": [0.01, 0.1]}}

RELU = {"layers": [{"units": 4, "activation": "relu"}]}


def by_number(document):
    return sorted(document["leaderboard"], key=lambda row: row["trial"])


def test_a_grid_has_every_setting_once_the_last_key_changing_fastest(write, board):
    units = {"model.layers[0].units": {"int": [4, 8, 2]}}
    found = board(write(RATES | units, method="grid"))
    settings = [tuple(row["parameters"].values()) for row in by_number(found)]
    assert settings == [(rate, n) for rate in (0.01, 0.1) for n in (4, 6, 8)]
    assert (found["trials"], found["complete"], found["failed"]) == (6, 6, 0)


def test_the_winner_trains_to_the_figure_that_it_won_with(write, board, mlp, folder):
    """Another command, another loop around the stack: every bit of the loss is the same."""
    choice = {"model.layers": {"choice": [[{"units": 5}], [{"units": 5}, {"units": 4}], []]}}
    spec = write(RATES | choice, method="random", trials=7)
    found = board(spec)
    values = [row["value"] for row in found["leaderboard"]]
    assert values == sorted(values)
    done = mlp("sweep", spec, "--best")
    assert (done.code, done.err) == (0, "")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "best.yaml").write_text(done.out)
    assert mlp("train", "elsewhere/best.yaml", "--run-dir", "run").code == 0
    result = json.loads((folder / "run" / "manifest.json").read_text())["result"]
    assert found["best"]["value"] == values[0]
    # Scores are computed in float64, the losses of an epoch in float32.
    assert result["scores"]["validation"]["loss"] == pytest.approx(values[0], rel=1e-6)


def test_a_fold_is_scored_on_rows_that_it_was_not_trained_on(write, board, mlp, folder):
    """Fold 0 of 3, done again by hand: its rows as the test part of a file."""
    plain = {"scale": "none", "split": {"validation": 0, "test": 0}}
    spec = write(RATES, method="grid", folds=3, metric="accuracy", data=plain)
    figures = [row["figures"] for row in by_number(board(spec))]
    lines = (folder / "iris.csv").read_text().split()
    species = [line.rpartition(",")[2] for line in lines[1:]]
    fold = folds(150, 3, 0, np.unique(species, return_inverse=True)[1])
    parts = ["part", *("test" if each == 0 else "train" for each in fold)]
    assert parts.count("test") == 50
    rows = [f"{line},{part}" for line, part in zip(lines, parts, strict=True)]
    (folder / "iris.csv").write_text("\n".join(rows) + "\n")
    spec = json.loads((folder / "spec.yaml").read_text())
    spec["data"]["split"] = {"column": "part"}
    (folder / "by_hand.yaml").write_text(json.dumps(spec))
    for rate, (first, *others) in zip((0.01, 0.1), figures, strict=True):
        run = f"run-{rate}"
        set_ = f"training.optimizer.learning_rate={rate}"
        assert mlp("train", "by_hand.yaml", "--run-dir", run, "--set", set_).code == 0
        result = json.loads((folder / run / "manifest.json").read_text())["result"]
        assert result["scores"]["test"]["accuracy"] == first
        assert len(others) == 2


def test_value_and_error_are_of_the_seeds(write, board):
    spec = write(RATES, method="grid", seeds=3, training={"epochs": 2})
    for row in board(spec)["leaderboard"]:
        assert len(set(row["figures"])) == 3
        assert row["value"] == pytest.approx(sum(row["figures"]) / 3, rel=1e-15)
        assert row["error"] == pytest.approx(statistics.stdev(row["figures"]) / math.sqrt(3))


def test_the_figure_of_an_accuracy_is_maximized(write, board):
    found = board(write(RATES, method="grid", metric="accuracy"))
    assert found["direction"] == "maximize"
    values = [row["value"] for row in found["leaderboard"]]
    assert values == sorted(values, reverse=True)


def test_a_trial_that_diverges_or_does_not_fit_is_recorded_with_its_reason(write, board, mlp):
    choice = {
        "training.optimizer": {
            "choice": [{"name": "sgd", "learning_rate": 1e9}, "adam", "rmsprop"]
        },
        "training.optimizer.beta1": {"choice": [0.9]},
    }
    spec = write(choice, method="grid", model=RELU)
    found = board(spec)
    reasons = [row["reason"] for row in by_number(found)]
    assert "there is no such key" in reasons[0]
    assert reasons[1] == ""
    assert "there is no such key" in reasons[2]
    assert (found["complete"], found["failed"]) == (1, 2)
    rates = {"training.optimizer.learning_rate": {"values": [0.1, 1e30]}}
    spec = write(rates, name="rates", method="grid", seeds=2, model=RELU)
    done = mlp("sweep", spec)
    assert done.code == 0
    said = "trial 1 failed: network 1 of 2 diverged in epoch 1: the training loss is not finite"
    assert said in done.out.splitlines()
    assert "1 complete, 0 pruned, 1 failed of 2 trials" in done.err


def test_where_no_trial_comes_to_a_figure_the_code_is_that_of_divergence(write, mlp):
    rates = {"training.optimizer.learning_rate": {"values": [1e29, 1e30]}}
    spec = write(rates, method="grid", model=RELU)
    assert mlp("sweep", spec, "-q").code == 4
    done = mlp("sweep", spec, "--best")
    assert done.code == 5
    assert "none of its trials reached a value; run mlp sweep" in done.err


def test_successive_halving_keeps_a_third_at_each_rung(write, board):
    rates = {"training.optimizer.learning_rate": {"log_uniform": [1e-4, 1]}}
    pruning = {"min_epochs": 2, "factor": 3}
    more = {"method": "random", "trials": 9, "pruning": pruning, "training": {"epochs": 20}}
    spec = write(rates, **more)
    one, two = board(spec, "--jobs", "1", "--storage", "1.log"), board(spec, "--storage", "2.log")
    keys = ("trial", "state", "value", "figures", "epochs")
    assert [[row[k] for k in keys] for row in by_number(one)] == [
        [row[k] for k in keys] for row in by_number(two)
    ]
    epochs = sorted(row["epochs"][0] for row in by_number(one))
    # Of 9 three go on after epoch 2, and of 3 one after epoch 6; the rung at 18 has one left.
    assert epochs[:8] == [2] * 6 + [6] * 2
    assert (one["pruned"], one["complete"]) == (8, 1)
    # The same trials trained alone: those that go on have the smallest losses at the rung.
    more["pruning"] = None
    losses = {}
    for epoch in (2, 6):
        document = board(
            write(rates, name=f"to-{epoch}", **(more | {"training": {"epochs": epoch}}))
        )
        losses[epoch] = {row["trial"]: row["value"] for row in document["leaderboard"]}
    longer = {row["trial"] for row in by_number(one) if row["epochs"][0] > 2}
    assert longer == set(sorted(losses[2], key=losses[2].get)[:3])
    (winner,) = {row["trial"] for row in by_number(one) if row["epochs"][0] > 6}
    assert winner == min(longer, key=losses[6].get)


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_trials_do_not_depend_on_how_many_processes_train_them(write, board, method):
    parameters = {
        "training.optimizer.learning_rate": {"log_uniform": [1e-3, 1]},
        "model.layers[0].units": {"int": [2, 6]},
    }
    spec = write(parameters, method=method, trials=20)
    found = [
        [(r["parameters"], r["value"]) for r in by_number(board(spec, *words))]
        for words in (["--jobs", "1", "--storage", "a"], ["--jobs", "3", "--storage", "b"])
    ]
    assert found[0] == found[1]
    assert len({str(each) for each in found[0]}) == 20
    other = by_number(board(spec, "--seed", "1", "--storage", "c"))
    assert all(r["parameters"] != p for r, (p, _) in zip(other, found[0], strict=True))


def test_tpe_looks_where_good_trials_were(write, board):
    """Of 16 drawn at random 4 in 100 are in the best tenth of the scale; later ones crowd there."""
    parameters = {"training.optimizer.learning_rate": {"log_uniform": [1e-6, 1]}}
    rows = by_number(board(write(parameters, method="tpe", trials=48)))
    rates = [row["parameters"]["training.optimizer.learning_rate"] for row in rows]
    assert statistics.median(rates[32:]) > 10 * statistics.median(rates[:16])


def test_the_plan_is_shown_by_check(write, mlp):
    spec = write(RATES, method="grid", folds=5, metric="accuracy")
    done = mlp("check", spec)
    plan = "grid, 2 trials × 5 folds, by accuracy: training.optimizer.learning_rate 2 values"
    assert f"sweep: {plan}" in done.out.splitlines()
    document = json.loads(mlp("check", spec, "--json").out)
    assert document["sweep"] == {"trials": 2, "networks": 10, "plan": plan}


def test_the_printed_command_trains_the_winner_when_it_is_pasted(write, mlp, folder):
    """Beside a study of its own, with overrides; the spec has the name that the hint would take."""
    spec = write(RATES, name="best", method="grid")
    before = (folder / spec).read_text()
    words = ["--set", "model.layers=[{units: 5}]", "--seed", "3", "--storage", "a study.log"]
    done = mlp("sweep", spec, *words, "--trials", "2")
    (line,) = [each for each in done.err.splitlines() if each.startswith("to train the winner: ")]
    command = line.removeprefix("to train the winner: ")
    assert "'model.layers=[{units: 5}]'" in command
    script = f'mlp() {{ "{sys.executable}" -m mlpcli "$@"; }}\n{command} -q --run-dir run\n'
    pasted = subprocess.run(
        ["sh", "-ec", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (pasted.returncode, pasted.stdout, pasted.stderr) == (0, "run\n", "")
    assert (folder / spec).read_text() == before
    best = float(done.out.splitlines()[2].split()[1])
    result = json.loads((folder / "run" / "manifest.json").read_text())["result"]
    assert result["scores"]["validation"]["loss"] == pytest.approx(best, rel=1e-3)


def test_a_grid_with_fewer_settings_than_trials_says_so_in_a_line(write, mlp):
    spec = write(RATES, method="grid")
    said = "the grid has 2 settings: that many trials, not 5"
    assert said in mlp("sweep", spec, "--trials", "5").err.splitlines()
    assert "that many trials" not in mlp("sweep", spec, "--trials", "2").err
    assert mlp("sweep", spec, "--trials", "5", "-q").err == ""


def test_quietly_the_study_is_all_that_is_printed(write, mlp):
    """As `mlp train -q` prints the run directory."""
    done = mlp("sweep", write(RATES, method="grid"), "-q")
    assert (done.code, done.out, done.err) == (0, "runs/spec-sweep/study.log\n", "")
    named = mlp("sweep", "spec.yaml", "-q", "--storage", "other.log")
    assert (named.out, named.err) == ("other.log\n", "")
