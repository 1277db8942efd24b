"""metrics.csv read back: what was written, up to the first line that is not whole."""

import math

import pytest

from mlpcli.runs.files import Folder
from mlpcli.runs.metrics_file import MetricsFile, read_metrics


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "metrics.csv"
    file = MetricsFile(Folder(path.parent), path.name, ["epoch", "train_loss", "val_loss"])
    file.append({"epoch": 1, "train_loss": 0.1 + 0.2, "val_loss": math.nan})
    file.append({"epoch": 2, "train_loss": math.inf, "val_loss": 1e-300})
    file.close()
    first, second = read_metrics(path)
    assert (first["epoch"], first["train_loss"]) == (1, 0.1 + 0.2)
    assert math.isnan(first["val_loss"])
    assert second == {"epoch": 2, "train_loss": math.inf, "val_loss": 1e-300}


@pytest.mark.parametrize("end", ["2,0.", "2,0.5", "2\n", "2,0.5,3\n", "2,x\n", "\x00\n"])
def test_a_broken_end_ends_it(tmp_path, end):
    path = tmp_path / "metrics.csv"
    path.write_text(f"epoch,train_loss\n1,0.5\n{end}", "utf-8")
    assert read_metrics(path) == [{"epoch": 1, "train_loss": 0.5}]


def test_none_where_there_is_none(tmp_path):
    assert read_metrics(tmp_path / "metrics.csv") == []
    assert read_metrics(tmp_path) == []
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\n")
    assert read_metrics(tmp_path / "b.csv") == []
