"""The cells of some rows, letter by letter, and where the rows stand in the file."""

import gzip
import json
import os

import numpy as np
import pytest

from mlpcli.runs.evaluate import load_parts
from mlpcli.runs.file_cells import FileCells, file_cells
from mlpcli.runs.model_file import load_model

SPEC = """
data: {{{data}, target: y, split: {split}}}
model: {{layers: []}}
training: {{epochs: 1}}
"""
ROWS = [(f"{k % 11},50", f"0{k}", k % 2) for k in range(60)]  # decimal commas, leading zeros


def made(make_run, folder, data, split="{validation: 0.2, test: 0.2}"):
    spec = SPEC.format(data=data, split=split)
    return load_model(make_run(folder, spec).model)


def test_lines_are_those_of_an_editor_and_cells_are_not_rounded(make_run, tmp_path):
    # The line of Excel, a blank line, and a value on two lines: a row's line is not its number.
    lines = [f"{x};{code};{y}" for x, code, y in ROWS]
    lines[30] = lines[30].replace("030", '"0\n30"')
    text = "\n".join(["sep=;", "x;code;y", *lines[:10], "", *lines[10:]]) + "\n"
    (tmp_path / "t.csv").write_text(text)
    model = made(make_run, tmp_path, "path: t.csv, columns: {code: text}")
    rows = np.array([0, 9, 10, 30, 31, 59])
    found = file_cells(model, None, "test", rows, ["code", "x"])
    assert found.unit == "line"
    assert found.places == [3, 12, 14, 34, 36, 64]
    assert found.cells == [
        ["00", "0,50"], ["09", "9,50"], ["010", "10,50"], ["0\n30", "8,50"], ["031", "9,50"],
        ["059", "4,50"],
    ]  # fmt: skip
    early = file_cells(model, None, "test", np.array([3, 1]), ["code"])
    assert early == FileCells([6, 4], "line", [["03"], ["01"]])


def test_parts_have_their_own_files_and_rows_of_a_part_are_found(make_run, tmp_path):
    for name, shift in (("train", 0), ("test", 100)):
        table = [f"{k + shift},{k % 2}" for k in range(40)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["x,y", *table]))
    files = "{files: {train: train.csv, test: test.csv}}"
    model = made(make_run, tmp_path, "scale: standard", files)
    found = file_cells(model, None, "test", np.array([0, 5]), ["x"])
    assert found == FileCells([2, 7], "line", [["100"], ["105"]])
    other = str(tmp_path / "train.csv")
    assert file_cells(model, other, "all", np.array([5]), ["x"]).cells == [["5"]]


def test_rows_of_packed_json_have_lines(make_run, tmp_path):
    with gzip.open(tmp_path / "t.jsonl.gz", "wt") as file:
        for k in range(40):
            file.write(json.dumps({"x": k / 4, "s": None if k == 7 else "ab"[k % 2], "y": k % 2}))
            file.write("\n\n" if k == 3 else "\n")
    model = made(make_run, tmp_path, "path: t.jsonl.gz")
    found = file_cells(model, None, "test", np.array([2, 7]), ["x", "s"])
    assert found == FileCells([3, 9], "line", [["0.5", "a"], ["1.75", ""]])


def test_rows_of_arrays_are_numbered(make_run, tmp_path):
    np.savez(tmp_path / "t.npz", X=np.arange(80.0).reshape(40, 2), y=np.arange(40) % 2)
    model = made(make_run, tmp_path, "path: t.npz")
    found = file_cells(model, None, "test", np.array([3]), ["X_1"])
    assert found == FileCells([3], "row", [["7"]])


@pytest.mark.parametrize("what", ["gone", "shorter", "pipe", "stdin"])
def test_a_file_that_cannot_be_read_again_has_no_cells(what, make_run, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["x,y", *(f"{k},{k % 2}" for k in range(40))]))
    model = made(make_run, tmp_path, "path: t.csv")
    rows = load_parts(model, None, "test")[0]["test"].rows
    path.unlink()
    if what == "shorter":
        path.write_text("x,y\n1,0\n")
    elif what == "pipe":
        os.mkfifo(path)
    data = "-" if what == "stdin" else None
    assert file_cells(model, data, "test", rows, ["x"]) is None
