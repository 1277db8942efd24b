"""Cells as bytes in a matrix: the texts that Python's own formatting and the csv module write."""

import csv
import io
import json

import numpy as np
import pytest

from mlpcli.runs.cell_text import coded_cells, rows_text, spread, text_cells
from mlpcli.runs.float_cells import float_cells

RNG = np.random.default_rng(0)
TIES = np.round(RNG.random(4000), 9) + 5e-10  # to the last of nine digits, nearly
POWERS = 10.0 ** np.arange(-30, 30)
FEW_DIGITS = [1, 2.5, 1.0002, 1.00003, 9.9999, 1.0000002, 1.20000001, 9.99999999]  # zeros between
BORDERS = [0.0, -0.0, np.inf, -np.inf, np.nan, 999999999.5, 999999999.4999, 9.9999999995e-5]
BORDERS += [1e8, 1e9, 1e15, 1e16, 1e17, 5e-324, 1.7e308, 123456789.5, 0.1, 100.0, 1e-4]
NUMBERS = {
    "probabilities": RNG.random(4000),
    "every magnitude": 10.0 ** RNG.uniform(-323, 308, 4000) * RNG.choice([-1, 1], 4000),
    "float32": RNG.normal(size=4000).astype(np.float32).astype(np.float64),
    "integers": RNG.integers(-(10**10), 10**10, 2000).astype(np.float64),
    "ties": np.concatenate([TIES, np.arange(0.5, 500) * 2.0**30]),
    "powers": np.concatenate([POWERS, np.nextafter(POWERS, 0)]),
    "borders": np.array(BORDERS),
    "few digits": np.outer(FEW_DIGITS, 10.0 ** np.arange(-110, 110)).ravel(),
    "zeros": np.where(RNG.random(400) < 0.5, RNG.choice([0.0, -0.0], 400), -RNG.random(400)),
    **{f"exponent {k}": -RNG.uniform(1, 10, 99) * 10.0**k for k in (-105, -44, -5, -4, -1, 0, 8)},
    "none": np.empty(0),
}


def texts(cells):
    return rows_text([b"", b"\n"], [cells]).decode().split("\n")[:-1]


@pytest.mark.parametrize("name", NUMBERS)
def test_nine_digits_as_python_writes_them(name):
    x = NUMBERS[name]
    expected = ["" if np.isnan(v) else f"{v:.9g}" for v in x.tolist()]
    assert texts(float_cells(x)) == expected


@pytest.mark.parametrize("name", NUMBERS)
def test_json_has_what_repr_writes_of_the_rounded_number(name):
    x = NUMBERS[name]
    expected = [json.dumps(float(f"{v:.9g}")) if np.isfinite(v) else "null" for v in x.tolist()]
    assert texts(float_cells(x, as_json=True)) == expected


def test_rows_of_short_and_of_long_cells_are_the_same():
    labels, numbers = [b"a", b"", b'\xc3\xa4"b'], np.array([1.5, -2.0, 1e-9])
    separators = [b"<", b"|", b">\n"]
    short = rows_text(separators, [text_cells(labels), float_cells(numbers)])
    assert short == b'<a|1.5>\n<|-2>\n<\xc3\xa4"b|1e-09>\n'
    long = [*labels[:2], b"x" * 1000]
    expected = short.replace(labels[2], long[2])
    assert rows_text(separators, [text_cells(long), float_cells(numbers)]) == expected


def test_a_zero_byte_in_a_text_stays():
    assert rows_text([b"", b"\n"], [text_cells([b"a\0", b"b"])]) == b"a\0\nb\n"


@pytest.mark.parametrize("long", [False, True])
def test_blank_cells_stand_where_no_row_was_good(long):
    cells = coded_cells(np.array([1, 0, -1]), [b"x" * (99 if long else 1), b"yy", b"none"])
    found = texts(spread(cells, np.array([False, True, True, False, True]), b"null"))
    assert [each[:4] for each in found] == ["null", "yy", "x" * (4 if long else 1), "null", "none"]


def test_what_the_csv_module_reads_back():
    values = ['a "word"', "a,b", "two\nlines", "", "ü"]
    from mlpcli.runs.prediction_files import CsvOutput

    output = CsvOutput.__new__(CsvOutput)
    cells = [output.cell(value) for value in values]
    rows = rows_text([b"", b",", b"\n"], [text_cells(cells), float_cells(np.arange(5.0))])
    assert [row[0] for row in csv.reader(io.StringIO(rows.decode(), newline=""))] == values
