"""mlp eval: the run's own figures again, from the model file alone, on this file or another."""

import json

import numpy as np
import pytest

NEW_DATA = "not, byte for byte, a file the model was trained on: all its rows are scored"


def scores(mlp, *words, cwd):
    done = mlp("eval", *words, "--json", cwd=cwd)
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


@pytest.fixture(scope="module")
def of_the_run(trained, mlp):
    return scores(mlp, trained.run, cwd=trained.folder)


def test_the_figures_are_those_of_the_manifest(of_the_run, trained):
    told = trained.manifest["result"]["scores"]
    assert list(told) == ["train", "validation", "test"]
    assert of_the_run["scores"] == told
    assert of_the_run["target"] == ["species"]
    assert of_the_run["classes"] == ["setosa", "versicolor", "virginica"]


def test_the_confusion_matrix_counts_every_row_and_its_diagonal_is_the_accuracy(of_the_run):
    for name, rows in (("train", 106), ("validation", 22), ("test", 22)):
        counts = np.array(of_the_run["confusion"][name])
        assert counts.sum() == of_the_run["scores"][name]["rows"] == rows
        assert np.trace(counts) / rows == of_the_run["scores"][name]["accuracy"]


def test_copied_elsewhere_with_the_data_the_figures_are_the_same(
    of_the_run, trained, tmp_path, mlp
):
    (tmp_path / "just this.bin").write_bytes(trained.model.read_bytes())
    (tmp_path / "flowers.csv").write_bytes((trained.folder / "iris.csv").read_bytes())
    found = scores(mlp, "just this.bin", "--data", "flowers.csv", cwd=tmp_path)
    assert found.pop("model") == "just this.bin"
    assert found == {key: value for key, value in of_the_run.items() if key != "model"}


def test_one_part_of_it(of_the_run, trained, mlp):
    found = scores(mlp, trained.model, "--split", "validation", cwd=trained.folder)
    assert found["scores"] == {"validation": of_the_run["scores"]["validation"]}


def test_as_a_table_with_a_confusion_matrix(of_the_run, trained, mlp):
    done = mlp("eval", trained.run, cwd=trained.folder)
    assert (done.code, done.err) == (0, "")
    rows = [line.split() for line in done.out.splitlines()]
    test = of_the_run["scores"]["test"]
    assert ["test", "22", *(f"{test[key]:.4g}" for key in list(test)[1:])] in rows
    assert "confusion matrix, test rows: true class down, predicted class across" in done.out
    for name, counts in zip(of_the_run["classes"], of_the_run["confusion"]["test"], strict=True):
        assert [name, *map(str, counts)] in rows


def test_the_training_file_changed(folder, mlp):
    assert mlp("train", "iris.yaml", "-q", "--run-dir", "run", cwd=folder).code == 0
    with (folder / "iris.csv").open("a", encoding="utf-8") as file:
        file.write("5.1,3.5,1.4,0.2,setosa\n")
    done = mlp("eval", "run", cwd=folder)
    assert (done.code, done.out) == (3, "")
    path = (folder / "iris.csv").resolve()
    assert done.err.startswith(f"mlp: {path}: the file has changed since the model was trained")
    assert done.err.endswith(f"name it: --data {path}\n")
    found = scores(mlp, "run", "--data", "iris.csv", cwd=folder)
    assert {name: part["rows"] for name, part in found["scores"].items()} == {"all": 151}


def test_values_that_training_did_not_know_are_noted(tmp_path, mlp):
    rows = [f"{k / 2},{'red' if k % 3 else 'blue'},{2 * k}" for k in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["x,colour,y", *rows]) + "\n", "ascii")
    spec = "data: {path: t.csv, target: y, task: regression}\ntraining: {epochs: 1}\n"
    (tmp_path / "s.yaml").write_text(spec, "ascii")
    assert mlp("train", "s.yaml", "-q", "--run-dir", "run", cwd=tmp_path).code == 0
    (tmp_path / "new.csv").write_text("x,colour,y\n1,green,2\nNA,red,4\n3,pink,6\n", "ascii")
    done = mlp("eval", "run", "--data", "new.csv", cwd=tmp_path)
    lines = done.err.splitlines()
    assert done.code == 0
    assert lines[0].startswith("new.csv: x: 1 missing value set to the training median, ")
    assert lines[1].startswith("new.csv: colour: 2 values are missing or in no category of the")
    assert lines[2:] == [f"new.csv: {NEW_DATA}"]
    table = done.out.splitlines()[2:]
    assert table[0].split()[:2] == ["all", "3"]
    assert table[1:] == ["loss: mse of the scaled target; other figures: in the target's own unit"]
    assert mlp("predict", "run", "new.csv", "-q", cwd=tmp_path).err == ""


# ---------------------------------------------------------------- temperature and reliability

UNSURE = """
data: {path: iris.csv, target: species, split: {validation: 0.4, test: 0.2}}
model: {layers: [{units: 8, activation: tanh}], loss: {name: cross_entropy, label_smoothing: 0.4}}
training: {epochs: 30, optimizer: {name: sgd, learning_rate: 0.1}}
"""


@pytest.fixture(scope="module")
def unsure(trained, tmp_path_factory, mlp):
    folder = tmp_path_factory.mktemp("unsure")
    (folder / "iris.csv").write_bytes((trained.folder / "iris.csv").read_bytes())
    (folder / "s.yaml").write_text(UNSURE, "ascii")
    done = mlp("train", "s.yaml", "--run-dir", "run", "--progress", "none", cwd=folder)
    assert done.code == 0
    return folder, done


def test_the_temperature_is_shown_and_the_probabilities_written_are_those_scored(unsure, mlp):
    folder, done = unsure
    told = json.loads((folder / "run" / "manifest.json").read_text("utf-8"))["result"]
    found = told["calibration"]
    assert found["kept"]
    line = f"temperature {found['fitted']:.3g}: log loss of the 60 validation rows "
    assert f"{line}{found['log_loss']:.4g}, now {found['log_loss_fitted']:.4g}\n" in done.err
    document = scores(mlp, "run", cwd=folder)
    assert document["temperature"] == found["temperature"]
    predicted = json.loads(mlp("predict", "run", "iris.csv", "--json", cwd=folder).out)
    rows = predicted["predictions"]
    lines = (folder / "iris.csv").read_text("ascii").splitlines()[1:]
    right = [
        (row[f"probability_{line.split(',')[-1]}"], row["prediction"] == line.split(",")[-1], row)
        for line, row in zip(lines, rows, strict=True)
    ]
    everything = [document["scores"][name] for name in ("train", "validation", "test")]
    n = [one["rows"] for one in everything]
    mean = np.average([one["log_loss"] for one in everything], weights=n)
    assert -np.mean(np.log([p for p, _, _ in right])) == pytest.approx(mean, rel=1e-6)
    accuracy = np.average([one["accuracy"] for one in everything], weights=n)
    assert np.mean([hit for _, hit, _ in right]) == pytest.approx(accuracy)
    done = mlp("eval", "run", cwd=folder)
    shown = f"at temperature {found['fitted']:.3g}, fitted on the validation rows\n"
    assert shown in done.out
    assert "loss: of smoothed labels; other figures: of the labels\n" in done.out
    assert document["loss_note"] == "loss: of smoothed labels; other figures: of the labels"


def test_reliability_counts_the_rows(unsure, mlp):
    folder, _ = unsure
    document = scores(mlp, "run", cwd=folder)
    for name, bins in document["reliability"].items():
        one = document["scores"][name]
        assert sum(b["rows"] for b in bins) == one["rows"]
        hits = [b["observed"] * b["rows"] for b in bins]
        assert sum(hits) == pytest.approx(one["accuracy"] * one["rows"])
        for b in bins:
            assert b["low"] <= b["predicted"] <= b["high"] == pytest.approx(b["low"] + 0.2)
            assert b["interval"][0] <= b["observed"] <= b["interval"][1]
    done = mlp("eval", "run", cwd=folder)
    assert "reliability, test rows, by the probability of the class predicted\n" in done.out
    rows = [line.split() for line in done.out.splitlines()]
    last = document["reliability"]["test"][-1]
    assert ["0.8", "to", "1.0", str(last["rows"])] in [row[:4] for row in rows]


def test_without_calibration_nothing_is_said_of_it(unsure, mlp):
    folder, _ = unsure
    off = ("--set", "training.calibration=none", "--progress", "none")
    done = mlp("train", "s.yaml", "--run-dir", "none", *off, cwd=folder)
    assert done.code == 0
    assert "temperature" not in done.err + mlp("eval", "none", cwd=folder).out
    assert scores(mlp, "none", cwd=folder)["temperature"] == 1


def test_an_unknown_calibration_is_refused(unsure, mlp):
    folder, _ = unsure
    done = mlp("train", "s.yaml", "--set", "training.calibration=platt", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert "training.calibration: " in done.err
    assert "temperature" in done.err


def test_rows_whose_probability_log_loss_takes_for_a_greater_one_are_counted(tmp_path, mlp):
    rows = [f"{x},{'ab'[x > 0]}" for x in range(-20, 21) if x]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *rows]) + "\n", "ascii")
    spec = """
data: {path: t.csv, target: y, split: {validation: 0, test: 0}}
model: {layers: []}
training: {epochs: 300, optimizer: {name: sgd, learning_rate: 100}}
"""
    (tmp_path / "s.yaml").write_text(spec, "ascii")
    assert mlp("train", "s.yaml", "-q", "--run-dir", "run", cwd=tmp_path).code == 0
    (tmp_path / "new.csv").write_text("x,y\n20,a\n-19,b\n7,b\n", "ascii")
    done = mlp("eval", "run", "--data", "new.csv", cwd=tmp_path)
    assert "in 2 rows log_loss takes p below 2.2e-16 for that, loss as it is\n" in done.out


def test_how_many_rows_the_observation_intervals_hold(tmp_path, mlp):
    rng = np.random.default_rng(0)
    rows = [f"{x!r},{x + e!r}" for x, e in rng.normal(size=(200, 2)).tolist()]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *rows]) + "\n", "ascii")
    spec = """
data: {path: t.csv, target: y}
model: {layers: []}
training: {epochs: 20}
ensemble: {kind: kfold, replicas: 5}
"""
    (tmp_path / "s.yaml").write_text(spec, "ascii")
    assert mlp("train", "s.yaml", "-q", "--run-dir", "run", cwd=tmp_path).code == 0
    document = scores(mlp, "run", cwd=tmp_path)
    assert list(document["coverage"]) == ["validation", "test"]
    assert [one["level"] for one in document["coverage"]["test"]] == [0.9, 0.95]
    done = mlp("eval", "run", cwd=tmp_path)
    at = done.out.splitlines().index("observation intervals: rows inside")
    one = document["coverage"]["test"][0]
    figures = [f"{one[key]:.4g}" for key in ("share", "low", "high")]
    cells = ["test", "90", "%", str(one["rows"]), str(one["inside"]), *figures]
    assert cells in [line.split() for line in done.out.splitlines()[at + 3 : at + 7]]
