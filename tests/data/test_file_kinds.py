"""Files that are not what their name says: a sentence with what they look like and what to do."""

import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile

import numpy as np
import pandas as pd
import pytest

from mlpcli.data.file_kinds import BINARY, TEXT, kind_of
from mlpcli.data.readers import READERS, ReadOptions, read_table
from mlpcli.errors import DataError

CSV = b"a,b\n1,x\n2,y\n"


def zipped(*names):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name in names:
            file.writestr(name, CSV)
    return stream.getvalue()


def npz():
    stream = io.BytesIO()
    np.savez(stream, a=[1, 2])
    return stream.getvalue()


def npy():
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


def tar():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as file:
        member = tarfile.TarInfo("d.csv")
        member.size = len(CSV)
        file.addfile(member, io.BytesIO(CSV))
    return stream.getvalue()


def database(folder):
    connection = sqlite3.connect(folder / "d.db")
    connection.execute("create table t (a)")
    connection.commit()
    connection.close()
    return (folder / "d.db").read_bytes()


LOOKS = [
    (zipped("d.csv"), "a zip archive; unpack it first, as in: unzip d.csv"),
    (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook; save the sheet as CSV"),
    (npz(), "NumPy's .npz; give it a name that ends in .npz"),
    (npy(), "a NumPy array, .npy; save it with numpy.savez, as .npz"),
    (b"PAR1" + bytes(20) + b"PAR1", "parquet; give it a name that ends in .parquet"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook, .xls; save the sheet as CSV"),
    (b"%PDF-1.7\n%\xe2", "a PDF; save its table as CSV"),
    (
        gzip.compress(gzip.compress(CSV, mtime=0), mtime=0),
        "a file packed twice by gzip; unpack it once, as in: gunz",
    ),
    (bz2.compress(CSV), "a file packed by bzip2; unpack it first, as in: bunzip2 d.csv"),
    (lzma.compress(CSV), "a file packed by xz; unpack it first, as in: unxz d.csv"),
    (tar(), "a tar archive; unpack it first, as in: tar xf d.csv"),
    (gzip.compress(tar(), mtime=0), "a tar archive; unpack it first, as in: tar xf d.csv"),
    (b"<!DOCTYPE html>\n<html>\n", "a web page; download the table, not the page on it"),
    (b"\xef\xbb\xbf\n <HTML lang=en>", "a web page; download the table, not the page on it"),
    (b'<?xml version="1.0"?>\n', "XML; export its table as CSV"),
    (b'[{"a": 1}, {"a": 2}]', "one JSON array; write an object a line, as in: jq -c '.[]' d.csv >"),
    (b'[\n  {"a": 1}\n]', "one JSON array; write an object a line"),
    (b'{"a": 1}\n{"a": 2}\n', "JSON lines; give it a name that ends in .jsonl"),
    (b"seed: 1\ndata:\n  path: d.csv\n", "a spec, not a table; name the table, and the spec where"),
    (b"data: {path: d.csv, target: y}\n", "a spec, not a table; name the table, and the spec"),
]


@pytest.mark.parametrize(("content", "sentence"), LOOKS)
def test_what_is_no_csv_is_told_by_its_first_bytes(refusal, content, sentence):
    assert refusal(content).startswith(f"d.csv: looks like {sentence}")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["d.jsonl", "d.parquet", "d.npz"])
def test_csv_under_another_name(refusal, name, pack):
    assert refusal(pack(CSV), name) == f"{name}: looks like CSV; give it a name that ends in .csv"


def test_other_kinds_under_other_names(refusal, tmp_path):
    assert "looks like NumPy's .npz; give it a name that ends in .npz" in refusal(npz(), "d.jsonl")
    assert "looks like NumPy's .npz" in refusal(npz(), "d.parquet")
    assert "looks like an Excel workbook" in refusal(zipped("xl/workbook.xml"), "d.npz")
    assert "looks like JSON lines" in refusal(b'{"a": 1}\n', "d.npz")
    assert "looks like one JSON array" in refusal(b'[{"a": 1}]', "d.jsonl")
    assert "looks like an SQLite database" in refusal(database(tmp_path), "d.tsv")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("d.xlsx", zipped("xl/workbook.xml"), "looks like an Excel workbook; save the sheet"),
        ("d.zip", zipped("d.csv"), "looks like a zip archive; unpack it first, as in: unzip d.zip"),
        ("d.json", b'[{"a": 1}]', "looks like one JSON array; write an object a line"),
        ("spec.yaml", b"data:\n  path: d.csv\n", "looks like a spec, not a table"),
        ("d.txt", CSV, "not a known kind of file; a data file's name ends in csv, tsv"),
        ("d.dta", b"", "not a known kind of file; a data file's name ends in csv, tsv"),
    ],
)
def test_files_of_no_known_ending_are_looked_at(refusal, name, content, sentence):
    assert refusal(content, name).startswith(f"{name}: {sentence}")


def test_the_advice_works(write):
    """Each file with the name that its sentence asks for is read."""
    pytest.importorskip("pyarrow")
    stream = io.BytesIO()
    pd.DataFrame({"a": [1, 2]}).to_parquet(stream)
    for content in (npz(), stream.getvalue(), b'{"a": 1}\n{"a": 2}\n'):
        with pytest.raises(DataError) as caught:
            read_table(write(content), ReadOptions())
        ending = str(caught.value).rpartition("ends in .")[2]
        assert len(read_table(write(content, f"d.{ending}"), ReadOptions())) == 2


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"a,b\n",
        b"PK,b\n1,2\n",  # a column called PK
        b"par1,b\n",
        b"<5,b\n1,2\n",
        b"[cm],b\n",
        b"{x},b\n",
        b"data,b\n",
        b"data: x,b\n1,2\n",
        b"BZh,b\n",
        b"Rar,b\n",
        b"\xff\xfea\0,\0",
        b"\xef\xbb\xbfa,b\n",
    ],
)
def test_what_may_be_csv_is_not_taken_for_something_else(start):
    assert kind_of(start) is None


def test_every_advice_has_a_reader_or_a_command():
    for _, what, todo in BINARY + TEXT:
        if "ends in ." in todo:
            assert todo.rpartition(".")[2] in READERS, what
