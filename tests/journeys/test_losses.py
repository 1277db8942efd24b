"""Losses as users ask for them: on shipped specs, with their columns, and refused."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
NUMBERS = ["--set", "data.scale_target=auto"]
ASKED = [
    ("diabetes", "mae"),
    ("diabetes", "{name: huber, delta: 0.5}"),
    ("diabetes", "log_cosh"),
    ("diabetes", "{name: quantile, levels: [0.1, 0.5, 0.9]}"),
    ("diabetes", "{name: gaussian_nll, floor: 0.01}"),
    ("diabetes", "poisson"),
    ("diabetes", "gamma"),
    ("breast_cancer", "{name: binary_cross_entropy, label_smoothing: 0.1}"),
    ("breast_cancer", "{name: focal, alpha: 0.25}"),
    ("breast_cancer", "hinge"),
    ("iris", "{name: cross_entropy, label_smoothing: 0.1}"),
    ("iris", "{name: focal, gamma: 1.5, label_smoothing: 0.1}"),
    ("iris", "hinge"),
]


@pytest.fixture(scope="module")
def shipped(in_one_process):
    """Return what gradcheck says of every loss on a shipped spec and its data."""
    commands = [
        ["gradcheck", f"configs/{name}.yaml", "--json", "--set", f"model.loss={loss}"]
        + NUMBERS * (name == "diabetes")
        for name, loss in ASKED
    ]
    return dict(zip(ASKED, in_one_process(commands, ROOT, ""), strict=True))


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_the_gradient_on_shipped_data_is_right(asked, shipped):
    code, out, err = shipped[asked]
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["passed"] is True
    assert max(abs(tensor["analytic"]) for tensor in document["tensors"]) > 1e-3


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("diabetes")
    shutil.copy(ROOT / "data" / "diabetes.csv", folder / "d.csv")
    text = "data: {path: d.csv, target: progression}\nmodel: {layers: []}\n"
    (folder / "d.yaml").write_text(text, "utf-8")
    return folder


def test_quantiles_that_cross_are_told_and_written_as_they_are(diabetes, mlp):
    # Untrained, three levels are three random functions: they cross.
    loss = "model.loss={name: quantile, levels: [0.1, 0.5, 0.9]}"
    words = ["--set", loss, "--set", "training.epochs=0", "--run-dir", "q", "-q"]
    assert mlp("train", "d.yaml", *words, cwd=diabetes).code == 0
    done = mlp("predict", "q", "d.csv", cwd=diabetes)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    names = [f"prediction_q{level}" for level in (0.1, 0.5, 0.9)]
    assert list(rows[0]) == ["prediction", *names]
    values = np.array([[float(row[name]) for name in names] for row in rows])
    crossed = int((np.diff(values) < 0).any(axis=1).sum())
    assert crossed > 0
    told = f"in {crossed} of {len(rows)} predictions a quantile is below one of a lower level"
    assert done.err == f"{told}: they are written as they are\n"
    assert mlp("predict", "q", "d.csv", "-q", cwd=diabetes).err == ""
    scores = json.loads(mlp("eval", "q", "--json", cwd=diabetes).out)["scores"]
    counted = sum(part["rows"] * part["crossings"] for part in scores.values())
    assert counted == pytest.approx(crossed)


def test_columns_of_metrics_csv_that_are_of_one_loss_alone(diabetes, mlp):
    words = ["--set", "model.loss=quantile", "--set", "training.epochs=2", "--run-dir", "m", "-q"]
    assert mlp("train", "d.yaml", *words, cwd=diabetes).code == 0
    header = (diabetes / "m" / "metrics.csv").read_text("utf-8").splitlines()[0].split(",")
    assert {"train_pinball", "val_pinball", "train_crossings", "val_crossings"} <= set(header)


def test_a_normal_distribution_has_its_width(diabetes, mlp):
    words = ["--set", "model.loss=gaussian_nll", "--set", "training.epochs=30", "--run-dir", "g"]
    assert mlp("train", "d.yaml", *words, "-q", cwd=diabetes).code == 0
    rows = list(csv.DictReader(io.StringIO(mlp("predict", "g", "d.csv", cwd=diabetes).out)))
    assert list(rows[0]) == ["prediction", "prediction_std"]
    found = np.array([[float(row[name]) for name in rows[0]] for row in rows])
    table = csv.DictReader(io.StringIO((diabetes / "d.csv").read_text("utf-8")))
    truth = [float(row["progression"]) for row in table]
    # of a normal distribution 68 % are within one deviation; the target's is 77
    within = np.mean(np.abs(found[:, 0] - truth) < found[:, 1])
    assert 0.5 < within < 0.85
    assert found[:, 1].max() < 150


def test_exit_codes_of_what_a_loss_cannot_take(diabetes, mlp):
    done = mlp("check", "d.yaml", "--set", "model.loss={name: quantile, levels: [2]}", cwd=diabetes)
    assert (done.code, done.out) == (2, "")
    assert "model.loss.levels[0]: a level lies between 0 and 1, 2 does not" in done.err
    text = (diabetes / "d.csv").read_text("utf-8").splitlines()
    text[3] = text[3].rpartition(",")[0] + ",-1"
    (diabetes / "bad.csv").write_text("\n".join(text) + "\n", "utf-8")
    words = ["--set", "data.path=bad.csv", "--set", "model.loss=poisson", "--run-dir", "bad"]
    done = mlp("train", "d.yaml", *words, cwd=diabetes)
    assert (done.code, done.out) == (3, "")
    column = len(text[3]) - 1
    place = f"bad.csv:4:{column}: progression"
    assert done.err == f"mlp: {place}: poisson takes no target below 0, such as -1\n"
    assert not (diabetes / "bad").exists()
