"""Where data come from: paths that lead nowhere, and standard input."""

import hashlib
import io

import pytest

from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.errors import DataError, FileError

CSV = "a,b\n1,x\n2,y\n"


def cells_of(column):
    return [column.cell(row) for row in range(len(column))]


@pytest.mark.parametrize(
    ("path", "kind", "problem"),
    [
        ("nowhere.csv", DataError, "nowhere.csv: there is no such file"),
        ("folder.csv", DataError, "folder.csv: is a folder, not a file"),
        (".", DataError, ".: is a folder, not a file"),
        ("d.csv/x.csv", FileError, "d.csv/x.csv: Not a directory"),
        ("a\0.csv", DataError, "'a\\x00.csv' is not the name of a file"),
        ("n" * 300 + ".csv", FileError, "n" * 300 + ".csv: File name too long"),
        *[
            (
                name,
                DataError,
                (
                    f"{name}: not a known kind of file; a data file's name ends in csv, "
                    "tsv, jsonl, parquet, npz, with or without .gz"
                ),
            )
            for name in ("d.txt", "d.data", "d", "n" * 300, "d.gz", "a.csv/d", "d.zip", "d.xlsx")
        ],
    ],
)
def test_paths_that_lead_nowhere(write, tmp_path, path, kind, problem):
    write(CSV)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(kind) as caught:
        read_table(path, ReadOptions())
    assert str(caught.value) == problem


def test_a_file_without_permission_is_the_system_s_refusal(write, monkeypatch):
    from pathlib import Path

    write(CSV)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileError, match=r"^d\.csv: Permission denied$"):
        read_table("d.csv", ReadOptions())


class Stdin:
    def __init__(self, content):
        self.buffer = io.BytesIO(content)


def test_standard_input_is_csv(monkeypatch):
    monkeypatch.setattr("sys.stdin", Stdin(CSV.encode()))
    found = read_table("-", ReadOptions())
    assert {n: cells_of(found.column(n)) for n in found.columns} == {"a": [1, 2], "b": ["x", "y"]}
    assert found.sha256 == hashlib.sha256(CSV.encode()).hexdigest()
    assert found.locate(1, "b") == "<stdin>:3:3"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "<stdin>: the file is empty"),
        (b"a,b\n1\n", "<stdin>:2:2: the row is too short"),
        (b"a\n\xff\x01\n", "<stdin>:2:1: not UTF-8 text"),
    ],
)
def test_standard_input_that_is_refused(monkeypatch, content, problem):
    monkeypatch.setattr("sys.stdin", Stdin(content))
    with pytest.raises(DataError) as caught:
        read_table("-", ReadOptions())
    assert str(caught.value).startswith(problem)
