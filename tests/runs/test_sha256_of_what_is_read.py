"""The SHA-256 of a table is of the bytes that it was parsed from, whatever happens to the file."""

import gzip
import hashlib
import io

import numpy as np
import pytest

from mlpcli.data import source as source_module
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.errors import DataError

CSV = "x,y\n" + "".join(
    f"{k % 7}.5,{k % 3}\n" for k in range(400_000)
)  # more than the csv module reads
MIXED = CSV + "word,1\n"  # the column x is read a second time, as text
LINES = "".join(f'{{"x": {k % 7}.5, "y": {k % 3}}}\n' for k in range(60_000))


def npz():
    stream = io.BytesIO()
    np.savez(stream, x=np.arange(100_000.0), y=np.arange(100_000) % 3)
    return stream.getvalue()


def parquet():
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    stream, x = io.BytesIO(), np.random.default_rng(0).random(200_000)
    pq.write_table(pa.table({"x": x, "y": np.arange(200_000) % 3}), stream)
    return stream.getvalue()


FILES = {
    "t.csv": CSV.encode,
    "mixed.csv": MIXED.encode,
    "t.csv.gz": lambda: gzip.compress(MIXED.encode(), 0),
    "t.jsonl": LINES.encode,
    "t.npz": npz,
    "t.parquet": parquet,
}

TWICE = ("mixed.csv", "t.csv.gz")  # files of which a column is read a second time


@pytest.mark.parametrize("name", FILES)
def test_of_a_file_that_is_replaced_when_it_has_been_read(name, tmp_path, monkeypatch):
    """Another file lies there from the moment on at which the first whole reading is done."""
    path, content = tmp_path / name, FILES[name]()
    assert len(content) > source_module.IN_MEMORY
    path.write_bytes(content)
    other = MIXED.replace("6.5", "7.5").encode()
    other = gzip.compress(other, 0) if name.endswith(".gz") else other
    used = replace_after_reading(path, other, monkeypatch)
    if name in TWICE:
        with pytest.raises(DataError) as caught:
            read_table(str(path), ReadOptions())
        assert str(caught.value) == f"{path}: the file was changed while it was read; try again"
    else:
        table = read_table(str(path), ReadOptions())
        assert table.sha256 == hashlib.sha256(content).hexdigest()
    assert used


def replace_after_reading(path, other, monkeypatch):
    """Replace a file when a stream of it has come to its end; return a list, then not empty."""
    read, used = source_module._Hashed.readinto, []

    def readinto(self, buffer):
        n = read(self, buffer)
        if n == 0 and not used:
            used.append(True)
            path.write_bytes(other)
        return n

    monkeypatch.setattr(source_module._Hashed, "readinto", readinto)
    return used


@pytest.mark.parametrize("name", FILES)
def test_of_a_file_that_stays(name, tmp_path):
    path, content = tmp_path / name, FILES[name]()
    path.write_bytes(content)
    assert read_table(str(path), ReadOptions()).sha256 == hashlib.sha256(content).hexdigest()
