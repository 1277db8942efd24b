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
    rows = [f"{k},{'red' if k % 3 else 'blue'},{2 * k}" for k in range(30)]
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
    assert [line.split()[:2] for line in done.out.splitlines()[2:]] == [["all", "3"]]
    assert mlp("predict", "run", "new.csv", "-q", cwd=tmp_path).err == ""
