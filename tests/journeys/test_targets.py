"""Targets as they come, through the command: gaps said, names refused, prices above 0."""

import csv
import io
import json
import math

import pytest

SPEC = "data: {path: t.csv, target: TARGET}\nmodel: {layers: [{units: 4}]}\ntraining: {epochs: 2}\n"


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a table: every tenth row, from the third on, has no price."""
    rows = []
    for k in range(120):
        price = "" if k % 10 == 2 else repr(math.exp(k % 13 / 3) + k % 7)
        rows.append(f"{k % 13},{price},N{chr(65 + k % 26)}-{k // 26}")
    (tmp_path / "t.csv").write_text("\n".join(["x,price,name", *rows]) + "\n", encoding="ascii")
    return tmp_path


def test_gaps_are_said_by_check_train_and_eval(mlp, folder):
    spec = SPEC.replace("TARGET", "price, exclude: [name], scale_target: log")
    (folder / "p.yaml").write_text(spec, encoding="ascii")
    told = "t.csv: 12 of 120 rows have no price and are left out: line 4, line 14, line 24, … (12 i"
    assert f"found: {told}" in mlp("check", "p.yaml", cwd=folder).out
    document = json.loads(mlp("check", "p.yaml", "--json", cwd=folder).out)
    assert sum(document["rows"].values()) == 108
    assert "rows" in [guess["kind"] for guess in document["guesses"]]
    assert document["spec"]["data"]["missing_target"] == "drop"
    assert told in mlp("train", "p.yaml", "--run-dir", "run", cwd=folder).err
    done = mlp("eval", "run", cwd=folder)
    assert (done.code, told in done.err) == (0, True)
    assert "loss: mse of the target's standardized logarithm" in done.out
    notes = json.loads(mlp("eval", "run", "--json", cwd=folder).out)["notes"]
    assert [told in note for note in notes] == [True]
    predicted = mlp("predict", "run", "t.csv", cwd=folder).out  # every row, target or not
    values = [float(row["prediction"]) for row in csv.DictReader(io.StringIO(predicted))]
    assert len(values) == 120
    assert min(values) > 0


def test_rows_are_numbered_as_in_the_file(mlp, folder):
    spec = SPEC.replace("TARGET", "price, exclude: [name]")
    (folder / "p.yaml").write_text(spec, encoding="ascii")
    shown = json.loads(mlp("check", "p.yaml", "--augmented", "9", "--json", cwd=folder).out)
    lines = (folder / "t.csv").read_text("ascii").splitlines()[1:]
    for row in shown["augmented"]["rows"]:
        cells = lines[row["source_row"] - 1].split(",")
        assert row["features"]["x"] == pytest.approx(float(cells[0]), abs=1e-4)
        assert row["target"]["price"] == pytest.approx(float(cells[1]), rel=1e-4)


def test_names_are_never_trained_as_classes_unasked(mlp, folder):
    (folder / "n.yaml").write_text(SPEC.replace("TARGET", "name, exclude: [price]"), "ascii")
    done = mlp("train", "n.yaml", "--run-dir", "run", cwd=folder)
    assert done.code == 3
    assert "name: 120 different texts in 120 rows, such as 'NA-0', look like" in done.err
    assert not (folder / "run").exists()
    asked = ("--set", "data.task=multiclass", "--set", "data.split.stratify=false")
    assert mlp("train", "n.yaml", *asked, "--run-dir", "run", cwd=folder).code == 0
