"""Whatever way a CSV file is read, the same table comes of it, or the same refusal."""

import gzip
import random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlpcli.data import csv_cells, csv_values, readers
from mlpcli.data.columns import Numbers
from mlpcli.data.readers import CsvReader, ReadOptions, Source
from mlpcli.errors import DataError


@pytest.fixture(scope="module", autouse=True)
def way():
    """Each test here chooses for itself."""


NUMBERS = ["1", "0", "-7", "+5", "007", "2.5", ".5", "1.", "-0", "-0.0", "1e3", "1E-05", "1e-7"]
NUMBERS += ["0.1", "3.3333333333333335", "123456789012345678", "1234567890123456789", "9" * 20]
NUMBERS += ["9" * 30, "9007199254740993", "9007199254740993.5", "1e22", "1e23", "1e308", "1e400"]
NUMBERS += ["5e-324", "18446744073709551615", "9223372036854775808", "0.30000000000000004", "1e+5"]
ODD = [" 1", "1 ", "1_000", "0x1f", "1e", "e5", "--1", "+", "-", ".", "1,5", "nan", "NaN", "inf"]
ODD += ["-inf", "Infinity", "infinity", "1d5", "١", "1\u00a0", "\u00a01", "+-1", "1e5.5", "None"]
TEXTS = ["x", "y", "é", "a b", " x", "x ", "2nd", "info", "nancy", "true", "True", "TRUE", "tRUE"]
TEXTS += ["false", "FALSE", "null", '"q,r"', '"a\nb"', '"s""t"', "'", "#", "N/A"]
GAPS = ["", "NA", '""', '"NA"']
BOOLEANS = ["true", "True", "TRUE", "false", "False", "FALSE"]

column = st.one_of(
    *(st.lists(st.sampled_from(kind), min_size=1, max_size=7) for kind in (
        NUMBERS, NUMBERS + GAPS, TEXTS, TEXTS + GAPS, BOOLEANS, BOOLEANS + GAPS, GAPS,
        ["1", "2", *GAPS], NUMBERS + ODD, NUMBERS + ODD + TEXTS + GAPS, NUMBERS + BOOLEANS,
    ))
)  # fmt: skip
ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n", "\n \n", "", ",\n", "\r", "\n\0"])


@st.composite
def files(draw):
    columns = draw(st.lists(column, min_size=1, max_size=3))
    rows = max(map(len, columns))
    lines = [",".join(c[k % len(c)] for c in columns) for k in range(rows)]
    mark, last = draw(st.sampled_from(["", "", "\ufeff"])), draw(ends)
    between = "\n" if draw(st.booleans()) else draw(st.sampled_from(["\r\n", "\n\n"]))
    text = mark + ",".join("abc"[: len(columns)]) + between + between.join(lines) + last
    return text.encode() + draw(st.sampled_from([b"", b"", b"", b"\xff", b"\xc3"]))


def read(content, options, way, rows=2):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers, "SMALL", 1 << 21 if way == "csv module" else -1)
        patch.setattr(csv_values, "CHUNK_NUMBERS", 1)
        patch.setattr(csv_values, "CHUNK_ROWS", rows)
        if way == "whole":
            patch.setattr(csv_values, "_read_plain", lambda *_: None)
        try:
            table = CsvReader().read(Source("d.csv", None, content), options)
        except DataError as error:
            return str(error)
    return table.sha256, [(n, described(table.column(n))) for n in table.columns]


def described(column):
    if isinstance(column, Numbers):
        return column.values.dtype.kind, column.values.tobytes()
    # Each value is some row's: the classes of a target are the values of its column.
    assert {*column.codes.tolist(), -1} == {-1, *range(len(column.values))}
    return [(type(v).__name__, v) for v in column.to_list()]


OPTIONS = [
    ReadOptions(),
    ReadOptions(missing=()),
    ReadOptions(text=("a",)),
    ReadOptions(missing=("NA", "x"), text=("b", "c")),
    ReadOptions(missing=("-7", "")),
    ReadOptions(decimal=","),
]


@given(files(), st.sampled_from(OPTIONS), st.integers(1, 4))
@settings(max_examples=600)
@example(b"a,b\n1,2\n3,4,5\n6\n", OPTIONS[0], 1)
@example(b"a,b\n1,2\n1,2\n3,4,5\n6\n", OPTIONS[0], 2)
@example(b"a,b\n1,2\n1\n3,4,5\n1,2\n", OPTIONS[0], 2)
@example(b"a,b\n1,2\n3,4\n\n\r\n", OPTIONS[0], 1)
@example(b"\na,b\n1,2\n3,4", OPTIONS[0], 1)  # blank lines are no rows, wherever they stand
@example(b"a,b\n\n1,\xc3\xa9\n3,\n", OPTIONS[0], 1)
def test_all_ways_make_the_same_table_or_say_the_same(content, options, rows):
    expected = read(content, options, "whole")
    assert read(content, options, "csv module") == expected
    assert read(content, options, "chunks", rows) == expected


SHORT_AND_LONG = b"1,2\n3,4,5\n6\n7,8\n"


@pytest.mark.parametrize("rows", range(1, 8))
@pytest.mark.parametrize("before", range(8))
def test_a_long_line_and_a_short_one_do_not_make_up_for_each_other(before, rows):
    """In sum there are as many delimiters as there should be."""
    content = b"a,b\n" + b"0,0\n" * before + SHORT_AND_LONG
    found = read(content, ReadOptions(), "chunks", rows)
    assert found.startswith(f"d.csv:{before + 3}:5: the row is too long: 3 fields")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 64])
def test_pieces_of_any_size_are_counted_alike(size, monkeypatch):
    inner = csv_values._Counted.read
    monkeypatch.setattr(csv_values._Counted, "read", lambda self, n: inner(self, min(n, size)))
    whole = "a,b\r\n1,é\r\n2,λ\r\n3,x\r\n\r\n".encode()
    for content in (whole, whole.rstrip(), whole[:-4] + b"\r\n5\r\n", whole + b"4\r,\xff\n"):
        assert read(content, ReadOptions(), "chunks") == read(content, ReadOptions(), "whole")


def test_a_stream_that_breaks_says_so_itself(tmp_path):
    rng = random.Random(0)
    rows = "".join(f"{rng.random()},{rng.random()}\n" for _ in range(60_000))
    packed = bytearray(gzip.compress(f"a,b\n{rows}".encode(), mtime=0))
    (tmp_path / "d.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="the compressed file ends early"):
        readers.read_table(str(tmp_path / "d.csv.gz"), ReadOptions())


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 20))
def test_numbers_are_the_nearest_ones_whoever_reads_them(number, digits):
    texts = [repr(number), f"{number:.{digits}g}"]
    content = "".join(f"{text},x\n" for text in ["a", *texts]).encode()
    expected = np.array([float(text) for text in texts])
    for way in ("whole", "chunks", "csv module"):
        options = ReadOptions()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readers, "SMALL", 1 << 21 if way == "csv module" else -1)
            table = CsvReader().read(Source("d.csv", None, content), options)
        np.testing.assert_array_equal(table.numbers("a", ""), expected)


def test_plain_files_need_no_pandas(monkeypatch):
    monkeypatch.setattr(csv_values, "read_values", None)
    content = b'a,b,c\n1.5,true,"x,y"\n,false,\n-2e3,NA,z\n'
    table = CsvReader().read(Source("d.csv", None, content), ReadOptions())
    assert table.column("a").to_list() == [1.5, None, -2000]
    assert table.column("b").to_list() == [True, False, None]
    assert table.column("c").to_list() == ["x,y", None, "z"]
    assert csv_cells.NUMBER.fullmatch("1_0") is None
