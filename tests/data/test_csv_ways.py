"""A CSV file gives the same table or the same refusal, whether it is read as small or as large."""

import gzip
import random
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlpcli.data import csv_structure, csv_values, readers
from mlpcli.data.columns import Numbers
from mlpcli.data.readers import CsvReader, ReadOptions, Source
from mlpcli.errors import DataError


def cells_of(column):
    return [column.cell(row) for row in range(len(column))]


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


def read(content, options, way, rows=2, block=4):
    """Return what comes of a file; as a large one, rows at a time, checked in blocks of bytes."""
    with pytest.MonkeyPatch.context() as patch:
        if way == "large":
            patch.setattr(readers, "SMALL", -1)
            patch.setattr(csv_values, "SAMPLE_ROWS", 1)
            patch.setattr(csv_values, "BLOCK_CELLS", 1)
            patch.setattr(csv_values, "BLOCK_ROWS", rows)
            patch.setattr(csv_structure, "BLOCK_BYTES", block)
            patch.setattr(csv_structure, "BLOCK_RECORDS", rows)
        try:
            table = CsvReader().read(Source("d.csv", None, content), options)
        except DataError as error:
            return str(error)
    return table.sha256, [(n, described(table.column(n))) for n in table.columns]


def described(column):
    if isinstance(column, Numbers):
        # Plus 0: pandas reads a block of integers with −0 in it as integers, which have no −0.
        return column.values.dtype.kind, (column.values + 0).tobytes()
    # Each value is some row's: the classes of a target are the values of its column.
    assert {*column.codes.tolist(), -1} == {-1, *range(len(column.values))}
    return [(type(v).__name__, v) for v in cells_of(column)]


OPTIONS = [
    ReadOptions(),
    ReadOptions(missing=()),
    ReadOptions(text=("a",)),
    ReadOptions(missing=("NA", "x"), text=("b", "c")),
    ReadOptions(missing=("-7", "")),
    ReadOptions(decimal=","),
]


@given(files(), st.sampled_from(OPTIONS), st.integers(1, 4), st.integers(1, 16))
@settings(max_examples=600)
@example(b"a,b\n1,2\n3,4,5\n6\n", OPTIONS[0], 1, 1)
@example(b"a,b\n1,2\n1,2\n3,4,5\n6\n", OPTIONS[0], 2, 16)
@example(b"a,b\n1,2\n1\n3,4,5\n1,2\n", OPTIONS[0], 2, 16)
@example(b"a,b\n1,2\n3,4\n\n\r\n", OPTIONS[0], 1, 8)
@example(b"\na,b\n1,2\n3,4", OPTIONS[0], 1, 4)  # blank lines are no rows, wherever they stand
@example(b"a,b\n\n1,\xc3\xa9\n3,\n", OPTIONS[0], 1, 4)
@example(b"a,b\n5,x\n18446744073709551615,y\n", OPTIONS[0], 1, 4)  # 64 bits without a sign
@example(b"a,b\n1,x\n 007,true\ntrue,1\n", OPTIONS[0], 1, 4)  # text below numbers, as it is
def test_a_large_file_is_read_as_a_small_one(content, options, rows, block):
    assert read(content, options, "large", rows, block) == read(content, options, "small")


EXPECTED = [
    (["1", "-7", "+5", "007"], [1, -7, 5, 7], "i"),
    (["9223372036854775808", "1"], [2**63, 1], "u"),
    (["9223372036854775808", "-1"], [2.0**63, -1], "f"),
    (["9" * 20, "1"], [1e20, 1], "f"),
    (["1", "", "3"], [1, None, 3], "f"),
    (["", "NA"], [None, None], "f"),
    (["2.5", ".5", "1.", "1E-05", " 1", "1e400"], [2.5, 0.5, 1, 1e-5, 1, float("inf")], "f"),
    (["1", "1_000"], ["1", "1_000"], "text"),
    (["1", "nan", "NaN", "null", "N/A", "#N/A"], [1, *[None] * 5], "f"),
    (["1", "NAN"], ["1", "NAN"], "text"),
    (["007", "x"], ["007", "x"], "text"),
    (["1", "١"], ["1", "١"], "text"),
    (["true", "FALSE", "NA"], [True, False, None], "text"),
    (["true", "FALSE", "x"], ["true", "FALSE", "x"], "text"),
    (["True", "1"], ["True", "1"], "text"),
]


@pytest.mark.parametrize("way", ["small", "large"])
@pytest.mark.parametrize(("cells", "values", "kind"), EXPECTED)
def test_what_cells_become(cells, values, kind, way):
    content = "a,b\n" + "".join(f"{cell},x\n" for cell in cells)
    _, ((_, column), _) = read(content.encode(), ReadOptions(), way, 1)
    if kind == "text":
        assert column == [(type(value).__name__, value) for value in values]
    else:
        dtype = {"i": np.int64, "u": np.uint64, "f": np.float64}[kind]
        expected = np.array([np.nan if v is None else v for v in values], dtype)
        assert column == (kind, expected.tobytes())


@pytest.mark.parametrize("way", ["small", "large"])
def test_a_missing_number_is_missing_in_every_spelling(way):
    content = b"a,b\n1,-9\n-9.0,1\n2,-09\n"
    _, ((_, a), (_, b)) = read(content, ReadOptions(missing=("-9",)), way, 1)
    assert a == ("f", np.array([1, np.nan, 2]).tobytes())
    assert b == ("f", np.array([np.nan, 1, np.nan]).tobytes())


SHORT_AND_LONG = b"1,2\n3,4,5\n6\n7,8\n"


@pytest.mark.parametrize("rows", range(1, 8))
@pytest.mark.parametrize("before", range(8))
def test_a_long_line_and_a_short_one_do_not_make_up_for_each_other(before, rows):
    """In sum there are as many delimiters as there should be."""
    content = b"a,b\n" + b"0,0\n" * before + SHORT_AND_LONG
    found = read(content, ReadOptions(), "large", rows, 64)
    assert found.startswith(f"d.csv:{before + 3}:5: the row is too long: 3 fields")


@pytest.mark.parametrize("width", [257, 258, 300, 65_538])
def test_a_row_of_very_many_fields_is_counted_as_it_is(width):
    """258 fields have as many delimiters as 2, counted in 8 bits."""
    content = f"a,b\n1,2\n{','.join('1' * width)}\n".encode()
    for way in ("small", "large"):
        found = read(content, ReadOptions(), way, 2, 1 << 18)
        assert found.startswith(f"d.csv:3:5: the row is too long: {width} fields")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 64])
def test_blocks_of_any_size_are_checked_alike(size):
    whole = "a,b\r\n1,é\r\n2,λ\r\n3,x\r\n\r\n".encode()
    for content in (whole, whole.rstrip(), whole[:-4] + b"\r\n5\r\n", whole + b"4\r,\xff\n"):
        found = read(content, ReadOptions(), "large", 2, size)
        assert found == read(content, ReadOptions(), "small")


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
    for way in ("small", "large"):
        options = ReadOptions()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readers, "SMALL", 1 << 21 if way == "small" else -1)
            table = CsvReader().read(Source("d.csv", None, content), options)
        np.testing.assert_array_equal(table.numbers("a", ""), expected)


def test_small_files_need_no_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    content = b'a,b,c,d\n1.5,true,"x,y",1\n,false,,x\n-2e3,NA,z,1_0\n'
    table = CsvReader().read(Source("d.csv", None, content), ReadOptions())
    assert cells_of(table.column("a")) == [1.5, None, -2000]
    assert cells_of(table.column("b")) == [True, False, None]
    assert cells_of(table.column("c")) == ["x,y", None, "z"]
    with pytest.raises(DataError, match="'x' is not a number"):
        table.numbers("d", "")
