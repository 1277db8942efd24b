"""Files of every kind, packed or not: the same table, or a sentence with its place."""

import gzip
import hashlib
import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from mlpcli.data.columns import Dates
from mlpcli.data.data_options import DataOptions
from mlpcli.data.loading import load_dataset
from mlpcli.data.readers import READERS
from mlpcli.errors import DataError

CSV = "a,b\n1,x\n2,y\n"


def cells_of(column):
    return [column.cell(row) for row in range(len(column))]


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def values(table):
    return {name: cells_of(table.column(name)) for name in table.columns}


SAME = {
    "d.csv": CSV,
    "d.CSV": CSV,
    "d.tsv": CSV.replace(",", "\t"),
    "d.csv.gz": gzip.compress(CSV.encode(), mtime=0),
    "D.Csv.GZ": gzip.compress(CSV.encode(), mtime=0),
    "two.csv.gz": gzip.compress(b"a,b\n1,x\n", mtime=0)
    + gzip.compress(b"2,y\n", mtime=0),  # gzip allows parts
    "d.jsonl": '{"a": 1, "b": "x"}\n\n{"b": "y", "a": 2}\n',
    "d.jsonl.gz": gzip.compress(b'{"a": 1, "b": "x"}\r\n{"a": 2, "b": "y"}', mtime=0),
    "d.npz": npz(a=[1, 2], b=["x", "y"]),
    "bytes.npz": npz(a=np.array([1, 2], ">i2"), b=np.array([b"x", b"y"])),
    "d.npz.gz": gzip.compress(npz(a=[1, 2], b=["x", "y"]), mtime=0),
}


@pytest.mark.parametrize("name", SAME)
def test_every_kind_of_file_holds_the_same_table(table, name):
    found = table(SAME[name], name)
    assert values(found) == {"a": [1, 2], "b": ["x", "y"]}
    content = SAME[name] if isinstance(SAME[name], bytes) else SAME[name].encode()
    assert found.sha256 == hashlib.sha256(content).hexdigest()


def test_parquet_holds_it_too(table):
    pytest.importorskip("pyarrow")
    stream = io.BytesIO()
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_parquet(stream)
    assert values(table(stream.getvalue(), "d.parquet")) == {"a": [1, 2], "b": ["x", "y"]}


def test_parquet_of_a_filtered_and_of_an_indexed_frame(table):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"id": ["p", "q", "r"], "a": [1, 2, 3], "b": ["x", None, "y"]})
    stream = io.BytesIO()
    frame[frame["a"] > 1].to_parquet(stream)  # keeps its index, 1 and 2
    found = table(stream.getvalue(), "d.parquet")
    assert values(found) == {"id": ["q", "r"], "a": [2, 3], "b": [None, "y"]}
    stream = io.BytesIO()
    frame.set_index("id").to_parquet(stream)
    assert table(stream.getvalue(), "d.parquet").columns == ["id", "a", "b"]


def test_parquet_of_types_that_csv_has_not(table):
    pytest.importorskip("pyarrow")
    import datetime as dt
    import decimal

    frame = pd.DataFrame({
        "whole": pd.array([1, None], dtype="Int64"),
        "flag": pd.array([True, None], dtype="boolean"),
        "category": pd.Categorical(["u", "v"]),
        "money": [decimal.Decimal("1.5"), decimal.Decimal(2)],
        "day": [dt.date(2020, 1, 1), None],
        "time": pd.to_datetime(["2020-01-01", None]),
        "text": ["NA", "x"],
    })  # fmt: skip
    stream = io.BytesIO()
    frame.to_parquet(stream)
    found = table(stream.getvalue(), "d.parquet")
    np.testing.assert_array_equal(found.numbers("whole", ""), [1, np.nan])
    np.testing.assert_array_equal(found.numbers("money", ""), [1.5, 2])
    assert found.texts("flag").tolist() == ["True", None]
    assert found.texts("category").tolist() == ["u", "v"]
    assert found.texts("day").tolist() == ["2020-01-01", None]
    assert found.texts("time").tolist() == ["2020-01-01", None]
    assert isinstance(found.column("day"), Dates)
    assert isinstance(found.column("time"), Dates)
    # As a column of texts, as models of former versions have them.
    as_text = table(stream.getvalue(), "d.parquet", text=["day", "time"])
    assert as_text.texts("day").tolist() == ["2020-01-01", None]
    assert as_text.texts("time").tolist() == ["2020-01-01 00:00:00", None]
    assert found.texts("text").tolist() == [None, "x"]  # data.missing holds here as in CSV


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(50) + b"PAR1"])
def test_what_is_no_parquet(refusal, content):
    assert refusal(content, "d.parquet").startswith(
        ("d.parquet: not a parquet file: ", "d.parquet: reading parquet needs pyarrow: pip install")
    )


PACKED = gzip.compress(("a,b\n" + "1,2\n" * 5000).encode(), mtime=0)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (PACKED[:-5], "the compressed file ends early"),
        (PACKED[: len(PACKED) // 2], "the compressed file ends early"),
        (PACKED[:5], "the compressed file ends early"),
        (PACKED[:-4] + bytes(4), "the compressed file is damaged"),
        (PACKED + b"junk", "the compressed file ends, and something else stands behind it"),
        (PACKED[:20] + b"\xff" * 20 + PACKED[40:], "the compressed file is damaged"),
        (b"", "the file is empty; it needs a header line and rows"),
        (gzip.compress(b"", mtime=0), "the file is empty; it needs a header line and rows"),
    ],
)
def test_packed_files_that_are_not_whole(refusal, content, problem):
    assert refusal(content, "d.csv.gz").startswith(f"d.csv.gz: {problem}")


def test_gzip_is_told_by_its_first_bytes_whatever_the_name(table):
    assert table(PACKED).columns == table(CSV, "d.csv.gz").columns == ["a", "b"]
    assert len(table(PACKED)) == 5000


JSON = [
    ("", "d.jsonl: the file is empty"),
    ("\n \n", "d.jsonl: the file is empty"),
    ("{}", "d.jsonl: the file is empty"),
    ('{"a": 1}\n\n[1]\n', "d.jsonl:3: must be an object, {...}"),
    ('{"a": 1}\n{"a": 2', "d.jsonl:2:8: not valid JSON: Expecting ',' delimiter"),
    ("{'a': 1}", "d.jsonl:1:2: not valid JSON: Expecting property name enclosed in double quotes"),
    ('{"a": 1}\n{"b": 1}', "d.jsonl:2: the keys differ from the first line's: a, b"),
    ('{"a": 1}\n{"a": 1, "b": 2}', "d.jsonl:2: the keys differ from the first line's: b"),
    ('{"a": 1, "a": 2}', "d.jsonl:1: not valid JSON: the key 'a' stands twice"),
    ('{"a": NaN}', "d.jsonl:1: not valid JSON: NaN is not a JSON number"),
    ('{"a": -Infinity}', "d.jsonl:1: not valid JSON: -Infinity is not a JSON number"),
    ('{"a": [1]}', "d.jsonl:1: a: must be a number, text, true, false or null"),
    ('{"a": {}}', "d.jsonl:1: a: must be a number, text, true, false or null"),
    ('{"a": "\\ud800"}', "d.jsonl:1: not valid JSON: 'utf-8' codec can't encode character"),
    (b'{"a": "\xe9\x01"}', "d.jsonl:1:8: not UTF-8 text: this is not a text file"),
    (b'{"\xc3\xa9": "\xe9"}', "d.jsonl:1:8: not UTF-8 text, though the rest of the file is"),
    ('{"a": 1}\x00', "d.jsonl:1:9: not valid JSON: Extra data"),
    ('{"a": ' + "[" * 100_000, "d.jsonl:1: not valid JSON: it is nested too deep"),
    ('{"a": ' + "9" * 5000 + "}", "d.jsonl:1: not valid JSON: Exceeds the limit (4300 digits)"),
]


@pytest.mark.parametrize(("content", "problem"), JSON)
def test_json_lines_that_are_refused(refusal, content, problem):
    assert refusal(content, "d.jsonl").startswith(problem)


@pytest.mark.parametrize(
    ("lines", "column"),
    [
        (["1", "null"], [1, np.nan]),
        (["1", '"NA"'], [1, np.nan]),
        (["1", '""'], [1, np.nan]),
        (["1.5", "2"], [1.5, 2]),
        (["9223372036854775807", "1"], [2**63 - 1, 1]),
        (["9223372036854775808", "1"], [2.0**63, 1]),
        ([f"1{'0' * 100}", "1"], [1e100, 1]),
        (["true", "1"], [1, 1]),
    ],
)
def test_numbers_of_json_lines(table, lines, column):
    content = "\n".join(f'{{"a": {line}}}' for line in lines)
    np.testing.assert_array_equal(table(content, "d.jsonl").numbers("a", ""), column)


def test_a_cell_of_json_lines_has_its_line(table):
    content = '{"a": 1}\n\n\n{"a": "x"}\n'
    with pytest.raises(DataError, match=r"^d\.jsonl:4: a: 'x' is not a number; a hint$"):
        table(content, "d.jsonl").numbers("a", "a hint")


def no_npy():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("readme.txt", "hello")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (npz(a=np.array([1, "x", None], object)), "not a readable .npz: it holds Python objects"),
        (npz(a=np.zeros((3, 2)), y=np.zeros(4)), "the arrays differ in length: [3, 4]"),
        (npz(X=np.zeros((2, 2)), X_0=np.zeros(2)), "two columns are named X_0"),
        (npz(), "there is no row"),
        (npz(a=np.array(3)), "there is no row"),
        (npz(a=np.zeros((0, 2)), y=np.zeros(0)), "there is no row"),
        (npz(a=np.zeros(3))[:-40], "not a readable .npz: "),
        (no_npy(), "not a readable .npz: "),
        (b"", "not an .npz file"),
        (b"\x93NUMPY", "looks like a NumPy array, .npy; save it with numpy.savez, as .npz"),
    ],
)
def test_npz_files_that_are_refused(refusal, content, problem):
    assert refusal(content, "d.npz").startswith(f"d.npz: {problem}")


def test_npz_arrays_become_columns(table):
    content = npz(
        X=np.arange(12).reshape(3, 2, 2), y=np.array([0.5, np.nan, 2]), empty=np.zeros((3, 0))
    )
    found = table(content, "d.npz")
    assert found.columns == ["X_0", "X_1", "X_2", "X_3", "y"]
    assert cells_of(found.column("X_1")) == [1, 5, 9]
    np.testing.assert_array_equal(found.numbers("y", ""), [0.5, np.nan, 2])


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (np.array([True, False]), ["True", "False"]),
        (np.array([1.0, 2.5]), ["1", "2.5"]),
        (np.array([1, 2], np.uint8), ["1", "2"]),
        (np.array([1.0, 2.5], np.float16), ["1", "2.5"]),
        (np.array([1.0, 2.5], ">f8"), ["1", "2.5"]),
        (np.array(["u", ""]), ["u", None]),
        (np.array([b"u", b"\xff"]), ["u", "\ufffd"]),
        (np.array(["2020-01-01", "NaT"], "M8[D]"), ["2020-01-01", None]),
        (np.array(["2020-01-01T09:30"], "M8[m]"), ["2020-01-01T09:30:00"]),
        (np.array([1j, 2]), ["1j", "(2+0j)"]),
        (np.array([(1, 2.0), (3, 4.0)], [("a", "i4"), ("b", "f8")]), ["(1, 2.0)", "(3, 4.0)"]),
    ],
)
def test_npz_arrays_of_any_type_are_numbers_booleans_or_text(table, array, texts):
    assert table(npz(a=array), "d.npz").texts("a").tolist() == texts


def test_dates_are_never_taken_for_numbers(write):
    # As numbers they would be nanoseconds, and a missing one the year 1677.
    days = np.array(["2020-01-01", "2020-01-02"] * 10, "M8[D]")
    write(npz(day=days, y=np.arange(20) % 2), "d.npz")
    encoding = load_dataset(DataOptions(targets=["y"], path="d.npz")).encoding
    assert encoding.inputs.feature_names == ["day.number", "day.day_of_week"]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", " ", ":"])
def test_another_delimiter(table, delimiter):
    content = CSV.replace(",", delimiter)
    assert values(table(content, delimiter=delimiter)) == {"a": [1, 2], "b": ["x", "y"]}


def test_every_reader_has_its_test_here():
    assert {name.split(".")[1].lower() for name in SAME} | {"parquet"} == set(READERS)
