"""Data that can be read once: standard input, named pipes; and headers refused at once."""

import gzip
import hashlib
import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.errors import DataError

CSV = "a,b\n1,x\n2,y\n"


class Endless(io.RawIOBase):
    """A pipe that has these pieces, and then fails a test that goes on reading."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def readable(self):
        return True

    def readinto(self, buffer):
        assert self.pieces, "read beyond what was needed"
        piece = self.pieces.pop(0)
        buffer[: len(piece)] = piece
        return len(piece)


class Stdin:
    def __init__(self, stream):
        self.buffer = stream


@pytest.fixture
def pipe(monkeypatch):
    """Return a function that reads a table from a standard input of these pieces, and no end."""

    def pipe(*pieces, **options):
        monkeypatch.setattr("sys.stdin", Stdin(io.BufferedReader(Endless(*pieces))))
        return read_table("-", ReadOptions(**options))

    return pipe


@pytest.mark.parametrize(
    "pieces",
    [
        [b"a,b\n"],
        [b"a,b\n1,2\n"],
        [b"a", b",", b"b", b"\n"],
        [b"a;b\n"],
        [b"\xef\xbb\xbfa\tb\r\n"],
        [b"sep=|\n", b"a|b\n"],
        [b"\n\n", b"a,b\n"],
        ["a,b\n1".encode("utf-16")],
        ["a,b\n".encode("utf-16-le"), "1,2".encode("utf-16-le")],
        [b'"a","b"\n'],
        ["é,b\n".encode("latin-1")],
    ],
)
def test_a_header_without_a_column_is_refused_while_the_pipe_is_being_written(pipe, pieces):
    with pytest.raises(DataError) as caught:
        pipe(*pieces, required=["b", "income"])
    assert str(caught.value).startswith("<stdin> has no column 'income'; its columns: ")


def test_a_packed_header_is_refused_too(pipe):
    packed = gzip.compress(b"a,b\n" + os.urandom(50_000).hex().encode())
    with pytest.raises(DataError, match=r"^<stdin> has no column 'c'; its columns: a, b$"):
        pipe(packed[:20_000], required=["a", "c"])


@pytest.mark.parametrize("name", ["d.csv", "d.tsv", "d.jsonl", "d.npz", "d.parquet"])
def test_required_columns_in_files_of_every_kind(refusal, name):
    stream = io.BytesIO()
    if name == "d.npz":
        np.savez(stream, age=[1, 2], b=[3, 4])
    elif name == "d.parquet":
        pytest.importorskip("pyarrow")
        import pandas as pd

        pd.DataFrame({"age": [1], "b": [2]}).to_parquet(stream)
    texts = {"d.csv": "age,b\n1,2\nx\n", "d.tsv": "age\tb\n1\n", "d.jsonl": '{"age": 1, "b": 2}\n?'}
    content = texts.get(name) or stream.getvalue()
    assert refusal(content, name, required=["b", "Age", "income"]) == (
        f"{name} has no columns 'Age', 'income'; its columns: age, b; did you mean 'age' for 'Age'?"
    )


def test_all_missing_columns_are_named(refusal):
    names = [f"column {k}" for k in range(30)]
    assert all(repr(name) in refusal("a,b\n1,2\n", required=names) for name in names)


def test_a_header_that_is_data_is_named(refusal):
    assert "the first line looks like data" in refusal("1,2\n3,4\n", required=["a"])


@pytest.fixture
def fifo(tmp_path):
    """Return a function that makes a named pipe into which some bytes are written."""
    threads = []

    def fifo(name, content):
        path = str(tmp_path / name)
        os.mkfifo(path)

        def write():
            Path(path).write_bytes(content)

        threads.append(threading.Thread(target=write))
        threads[-1].start()
        return path

    yield fifo
    for thread in threads:
        thread.join()


BIG = ("a,b\n" + "".join(f"{k},x\n" for k in range(30_000))).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.csv", CSV.encode()),
        ("d", CSV.encode()),  # as a shell names what it writes: /dev/fd/63
        ("d.csv", gzip.compress(CSV.encode(), mtime=0)),
        ("d.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("d.tsv", CSV.replace(",", "\t").encode("utf-16")),
        ("d.jsonl", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
    ],
)
def test_a_named_pipe_is_read_once(fifo, name, content):
    path = fifo(name, content)
    found = read_table(path, ReadOptions())
    assert {n: [found.column(n).cell(k) for k in range(2)] for n in found.columns} == {
        "a": [1, 2],
        "b": ["x", "y"],
    }
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.name == path
    assert found.locate(1, "b").startswith(f"{path}:3" if "jsonl" not in name else f"{path}:2")


@pytest.mark.parametrize("way", ["small"], indirect=True)
def test_a_pipe_longer_than_it_holds(fifo):
    found = read_table(fifo("d.csv", BIG), ReadOptions())
    np.testing.assert_array_equal(found.numbers("a", ""), np.arange(30_000))
    assert found.sha256 == hashlib.sha256(BIG).hexdigest()


def test_gzip_and_other_kinds_on_standard_input(monkeypatch):
    for content in (
        gzip.compress(CSV.encode(), mtime=0),
        CSV.encode("utf-16"),
        b"\xef\xbb\xbf" + CSV.encode(),
    ):
        monkeypatch.setattr("sys.stdin", Stdin(io.BytesIO(content)))
        found = read_table("-", ReadOptions())
        assert found.columns == ["a", "b"]
        assert found.sha256 == hashlib.sha256(content).hexdigest()
    monkeypatch.setattr("sys.stdin", Stdin(io.BytesIO(b"PAR1" + bytes(20))))
    with pytest.raises(DataError, match=r"^<stdin>: looks like parquet; "):
        read_table("-", ReadOptions())
