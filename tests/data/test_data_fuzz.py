"""No file, however broken, gives anything but a DataError or FileError; and no warning."""

import gzip
import io
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpcli.data.loading import load_dataset
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.data.target_rows import rows_with_target
from mlpcli.errors import DataError, FileError

CSV = """\
id,age,income,flag,city,when,part,y
1,34,12.5,true,Rome,2020-01-01,train,yes
2,,1e3,false,"New York, NY",2020-01-02,train,no
3,51,-4.25,true,"a ""b""
c",,test,yes
4,NA,0,,Köln,2020-01-03,validation,no
5,28,77.125,false,Rome,2020-01-01,train,no
6,60,3,true,,2020-01-05,train,yes
"""
JSONL = '{"age": 3, "flag": true, "city": null, "part": "train", "y": "yes"}\n' * 3
PIECES = [
    *[
        "",
        ",",
        ",,",
        '"',
        '""',
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        " ",
        "\t",
        ";",
        "|",
        "\x00",
        "\ufeff",
        "é",
    ],
    *["nan", "NaN", "inf", "-Infinity", "1e400", "1e308", "-1e308", "1e-320", "9" * 30, "9" * 400],
    *["true", "TRUE", "null", "None", "1_000", '"1,000"', "0x1f", "--", "1e", "😀", "#", "'", "\\"],
    *["train", "test", "yes", "y", "2147483648", "9223372036854775808", "\x1a", "\x85", "\u2028"],
]


def npz():
    stream = io.BytesIO()
    np.savez(stream, X=np.zeros((4, 2)), y=np.arange(4), city=np.array(["a", "b", "c", "d"]))
    return stream.getvalue()


@pytest.fixture(scope="module")
def only_refused(tmp_path_factory, data_options):
    """Return a function that reads a file and makes data sets of it: done, or refused in words.

    Warnings are errors in these tests, so there is none either.
    """
    folder = tmp_path_factory.mktemp("fuzz")

    def read(content, name="d.csv", **options):
        path = str(folder / name)
        (folder / name).write_bytes(content)
        given = {"targets": ["y"], "exclude": [], "path": path, "validation": 0.3, "test": 0.2}
        for more in ({}, {"task": "regression"}, {"split_column": "part", "scale": "minmax"}):
            try:
                found = load_dataset(data_options(given | more | options))
            except (DataError, FileError) as refusal:
                error = refusal
            else:
                for part in found.parts.values():
                    assert np.isfinite(part.X).all()
                    assert np.isfinite(part.y).all()
                    assert part.weight is None or np.isfinite(part.weight).all()
                table = found.encoding.read_columns(read_table(path, found.encoding.read))
                table, _ = rows_with_target(table, ["y"], "drop")
                again, _ = found.encoding.encode(table, "float32")
                train = found.parts["train"]
                np.testing.assert_array_equal(again.X[train.rows], train.X)
                np.testing.assert_array_equal(again.y[train.rows], train.y)
                continue
            assert str(error)
            assert len(str(error)) < 2000

    return read


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_any_bytes_under_any_ending(only_refused, content):
    for name in ("d.csv", "d.tsv", "d.jsonl", "d.npz", "d.csv.gz"):
        only_refused(content, name)
    only_refused(gzip.compress(content), "d.csv.gz")


@given(
    st.text(st.sampled_from('ay1,."\n\r \t;é'), max_size=60), st.sampled_from([",", ";", "\t", " "])
)
@settings(max_examples=100)
def test_any_text_of_the_letters_that_matter(only_refused, text, delimiter):
    content = f"x{delimiter}y\n{text}".encode()
    only_refused(content, read=ReadOptions(delimiter=delimiter))


cells = st.sampled_from(
    [
        *["", "NA", "1", "2.5", "-3e5", "yes", "no", "true", "nan", "inf", "1e300", "1e308"],
        *["-1e308", "5e-324", "9" * 25, "x", "01", '"a,b"', '" "'],
    ]
)
options = [{}, {"scale": "none"}, {"categorical": ["a"]}, {"categorical": []}, {"stratify": False}]
options += [{"sample_weight": "b"}, {"class_weight": "balanced"}, {"image": (1, 2, 1)}]
options += [{"sample_weight": "b", "class_weight": {"yes": 1e300, "no": 0}, "image": (1, 1, 1)}]


@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=12), st.sampled_from(options))
@settings(max_examples=100)
def test_any_cells(only_refused, rows, options):
    content = "a,b,y\n" + "".join(",".join(row) + "\n" for row in rows)
    only_refused(content.encode(), **options)


def mutations(content, pieces, seed, n):
    dice = random.Random(seed)
    for _ in range(n):
        text = content
        for _ in range(dice.randint(1, 3)):
            i, j = sorted(dice.randrange(len(text) + 1) for _ in range(2))
            j = min(j, i + 20)
            piece = dice.choice(pieces)
            text = dice.choice(
                [
                    text[:i] + text[j:],
                    text[:j] + text[i:],
                    text[:i] + piece + text[i:],
                    text[:i] + piece + text[j:],
                    text[:i],
                ]
            )
        yield text


@pytest.mark.parametrize("seed", range(10))
def test_a_csv_file_with_pieces_cut_doubled_and_put_in(only_refused, seed):
    for text in mutations(CSV, PIECES, seed, 20):
        only_refused(text.encode(), exclude=["id"])


@pytest.mark.parametrize("seed", range(5))
def test_json_lines_with_pieces_cut_doubled_and_put_in(only_refused, seed):
    pieces = [*PIECES, "{", "}", "[", "]", ":", "\\u0000", "\\ud83d", '"a": 1, ']
    for text in mutations(JSONL, pieces, seed, 20):
        only_refused(text.encode(), "d.jsonl")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["d.npz", "d.csv.gz"])
def test_packed_files_with_bytes_changed(only_refused, seed, name):
    dice = random.Random(seed)
    whole = npz() if name == "d.npz" else gzip.compress(CSV.encode())
    for _ in range(20):
        content = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        length = dice.randint(1, len(content)) if dice.random() < 0.2 else len(content)
        only_refused(bytes(content[:length]), name)
