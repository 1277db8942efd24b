"""metrics.csv: the order of the columns, the bits of the numbers, lines whole as they come."""

import csv
import math
import os
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.errors import FileError
from mlpcli.runs.files import Folder
from mlpcli.runs.metrics_file import MetricsFile

COLUMNS = ["epoch", "train_loss", "val_loss", "learning_rate", "seconds"]


def written(path, *rows):
    file = MetricsFile(Folder(path.parent), path.name, COLUMNS)
    for row in rows:
        file.append(row)
    file.close()
    return path.read_text(encoding="ascii")


def row_of(*figures):
    return dict(zip(COLUMNS, figures, strict=True))


def test_the_columns_are_in_the_order_that_was_given_not_the_rows(tmp_path):
    row = row_of(1, 0.5, 0.25, 0.1, 2.0)
    backwards = dict(reversed(row.items())) | {"not a column": 9.0}
    assert written(tmp_path / "m.csv", backwards) == (
        "epoch,train_loss,val_loss,learning_rate,seconds\n1,0.5,0.25,0.1,2.0\n"
    )


def test_nan_is_an_empty_cell_and_infinity_reads_back(tmp_path):
    text = written(tmp_path / "m.csv", row_of(1, math.nan, math.inf, -math.inf, 1e-300))
    assert text.splitlines()[1] == "1,,inf,-inf,1e-300"


@given(st.lists(st.floats(allow_nan=False), min_size=4, max_size=4))
def test_a_number_reads_back_with_the_same_bits(figures):
    with TemporaryDirectory() as folder:
        text = written(Path(folder) / "m.csv", row_of(7, *figures))
    (row,) = csv.DictReader(text.splitlines())
    assert row["epoch"] == "7"
    for name, figure in zip(COLUMNS[1:], figures, strict=True):
        assert struct.pack("d", float(row[name])) == struct.pack("d", figure)


def test_it_can_be_followed_while_it_grows(tmp_path):
    file = MetricsFile(Folder(tmp_path), "m.csv", COLUMNS)
    for epoch in (1, 2, 3):
        file.append(row_of(epoch, 1.0, 1.0, 0.1, 0.0))
        lines = (tmp_path / "m.csv").read_text(encoding="ascii").splitlines()
        assert [line.split(",")[0] for line in lines] == ["epoch", "1", "2", "3"][: epoch + 1]
    file.close()


def test_a_line_is_one_call_of_the_system(tmp_path, monkeypatch):
    # Killed between two calls, half a line would stand in the file.
    calls, real = [], os.write
    monkeypatch.setattr(
        os, "write", lambda fd, content: (calls.append(content), real(fd, content))[1]
    )
    written(tmp_path / "m.csv", row_of(1, 0.5, 0.25, 0.1, 2.0))
    assert calls == [
        b"epoch,train_loss,val_loss,learning_rate,seconds\n",
        b"1,0.5,0.25,0.1,2.0\n",
    ]


def test_an_older_file_is_begun_anew(tmp_path):
    (tmp_path / "m.csv").write_text("something longer than what comes\n" * 9, encoding="ascii")
    assert written(tmp_path / "m.csv") == "epoch,train_loss,val_loss,learning_rate,seconds\n"


def test_a_column_that_is_missing_is_a_bug_not_a_hole(tmp_path):
    with pytest.raises(KeyError, match="val_loss"):
        written(tmp_path / "m.csv", {"epoch": 1, "train_loss": 0.5})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_where_it_cannot_be_written():
    with pytest.raises(FileError) as caught:
        MetricsFile(Folder(Path("/dev")), "full", COLUMNS)
    assert str(caught.value) == "/dev/full: No space left on device"
    assert caught.value.exit_code == 6


def test_half_a_line_is_a_full_disk_and_is_cut_off_again(tmp_path, monkeypatch):
    file = MetricsFile(Folder(tmp_path), "m.csv", COLUMNS)
    real = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, content: real(fd, content[:3]))
        with pytest.raises(FileError, match="No space left"):
            file.append(row_of(1, 0.5, 0.25, 0.1, 2.0))
    header = ",".join(COLUMNS) + "\n"
    assert (tmp_path / "m.csv").read_text("ascii") == header
    file.append(row_of(2, 0.5, 0.25, 0.1, 2.0))
    file.close()
    assert (tmp_path / "m.csv").read_text("ascii") == header + "2,0.5,0.25,0.1,2.0\n"


def test_it_goes_on_after_the_bytes_that_are_to_be_kept(tmp_path):
    text = written(tmp_path / "m.csv", row_of(1, 0.5, 0.25, 0.1, 2.0), row_of(2, 9, 9, 9, 9))
    kept = len(text) - len("2,9,9,9,9\n")
    file = MetricsFile(Folder(tmp_path), "m.csv", COLUMNS, kept)
    assert file.file.length == kept
    file.append(row_of(2, 0.25, 0.25, 0.1, 4.0))
    assert (tmp_path / "m.csv").read_text("ascii") == text[:kept] + "2,0.25,0.25,0.1,4.0\n"
    with pytest.raises(FileError, match="but 1000 were written"):
        MetricsFile(Folder(tmp_path), "m.csv", COLUMNS, 1000)
