"""Runs on tables with rows that lack a target: eval gives the run's own metrics again."""

import json

import numpy as np
import pytest

from mlpcli.data.splitting import LEFT_OUT
from mlpcli.errors import DataError
from mlpcli.runs.compare import load_contender, same_rows
from mlpcli.runs.evaluate import load_parts
from mlpcli.runs.model_file import load_model
from mlpcli.training.evaluation import evaluate

SPEC = """
seed: 5
data: {path: t.csv, target: y}
model: {layers: [{units: 4}]}
training: {epochs: 2}
"""
GONE = [0, 3, 4, 17, 39]  # rows without a target, also the first and the last


def rows(gone=GONE, n=40):
    labels = ("a", "b", "c")
    return "x,y\n" + "".join(
        f"{k % 11},{'' if k in gone else labels[k * 7 % 3]}\n" for k in range(n)
    )


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gaps")
    (folder / "t.csv").write_text(rows(), encoding="ascii")
    return make_run(folder, SPEC)


def scores(model, parts):
    return {name: evaluate(model.network, model.encoding, p).metrics for name, p in parts.items()}


def test_the_training_file_is_split_as_it_was(run):
    model = load_model(run.model)
    parts, _, notes = load_parts(model, None, None)
    assert list(parts) == ["train", "validation", "test"]
    table = run.dataset.tables["data"]
    for name, part in run.dataset.parts.items():
        np.testing.assert_array_equal(parts[name].X, part.X)
        np.testing.assert_array_equal(parts[name].labels, part.labels)
        np.testing.assert_array_equal(parts[name].rows, table.kept[part.rows])
    saved = json.loads((run.directory / "manifest.json").read_text("utf-8"))
    again = scores(model, parts)
    for name, found in saved["result"]["scores"].items():
        assert {key: again[name][key] for key in found if key != "rows"} == pytest.approx(
            {key: value for key, value in found.items() if key != "rows"}, rel=1e-12
        )
    (note,) = notes
    assert note == (
        f"{table.name}: 5 of 40 rows have no y and are left out: line 2, "
        "line 5, line 6, … (5 in all)"
    )


def test_the_manifest_and_the_model_count_the_same_rows(run):
    saved = json.loads((run.directory / "manifest.json").read_text("utf-8"))["data"]
    assert sum(saved["split"]["rows"].values()) == 35
    assert saved["rows_left_out"] == {"data": 5}
    codes = load_model(run.model).codes
    assert np.flatnonzero(codes == LEFT_OUT).tolist() == GONE
    for code, name in ((1, "validation"), (2, "test")):
        assert np.flatnonzero(codes == code).tolist() == saved["split"]["indices"][name]
        assert saved["split"]["rows"][name] == np.count_nonzero(codes == code)


def test_a_new_file_s_rows_without_a_target_are_left_out_too(run, tmp_path):
    (tmp_path / "new.csv").write_text(rows(gone=[1, 2], n=9), encoding="ascii")
    parts, _, notes = load_parts(load_model(run.model), str(tmp_path / "new.csv"), None)
    assert parts["all"].rows.tolist() == [0, 3, 4, 5, 6, 7, 8]
    assert "2 of 9 rows have no y and are left out" in notes[0]


def test_runs_that_leave_out_other_rows_are_not_compared_row_by_row(run, make_run, tmp_path):
    (tmp_path / "t.csv").write_text(rows(), encoding="ascii")
    more = SPEC.replace("target: y", "target: y, missing: ['', a]")
    one, other = (
        load_contender(str(r.directory), None, "test") for r in (run, make_run(tmp_path, more))
    )
    assert same_rows(one, one)
    assert one.source == other.source
    assert not same_rows(one, other)


def test_fail_says_how_to_leave_them_out(make_run, tmp_path):
    (tmp_path / "t.csv").write_text(rows(), encoding="ascii")
    spec = SPEC.replace("target: y", "target: y, missing_target: fail")
    with pytest.raises(DataError, match=r":2:3: y: .*\(5 rows in all\).*missing_target: drop"):
        make_run(tmp_path, spec)
    assert not (tmp_path / "run").exists()


def test_each_file_of_a_split_leaves_out_its_own(make_run, tmp_path):
    (tmp_path / "t.csv").write_text(rows(), encoding="ascii")
    (tmp_path / "v.csv").write_text(rows(gone=[2], n=8), encoding="ascii")
    spec = SPEC.replace(
        "path: t.csv, target: y", "target: y, split: {files: {train: t.csv, validation: v.csv}}"
    )
    model = load_model(make_run(tmp_path, spec).model)
    parts, _, notes = load_parts(model, None, None)
    assert {name: len(part) for name, part in parts.items()} == {"train": 35, "validation": 7}
    assert [note.partition(" and ")[0].rpartition(": ")[2] for note in notes] == [
        "5 of 40 rows have no y",
        "1 of 8 rows has no y",
    ]
    assert parts["validation"].rows.tolist() == [0, 1, 3, 4, 5, 6, 7]
