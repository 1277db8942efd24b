"""CSV as pandas writes it."""

import numpy as np
import pandas as pd
import pytest

from mlpcli.cli.csv_text import csv_text

TEXTS = ["", "plain", 'a "word"', "a,b", "two\nlines", "ü\r", " ", "NA"]
COLUMNS = {
    "number": np.array([1.5, np.nan, np.inf, -0.0, 1e-300, 1 / 3, 1e22, 7.0]),
    "single": np.array([0.1, np.nan, 2.0, 3.5, 1e-40, 1 / 3, -1.0, 16777216.0], np.float32),
    "count": np.arange(8),
    'a "name", quoted': np.array(TEXTS, dtype=object),
    "label": np.array([0.5, 2, "x", True, 1.25, 3, "", False], dtype=object),
}


@pytest.mark.parametrize("digits", ["%.6g", "%.9g", "%.17g"])
def test_the_same_as_pandas(digits):
    frame = pd.DataFrame(COLUMNS)
    expected = frame.to_csv(index=False, lineterminator="\n", float_format=digits)
    assert csv_text(COLUMNS.items(), digits) == expected


def test_one_empty_cell_is_not_an_empty_line():
    assert csv_text([("y", np.array([""], dtype=object))], "%.9g") == 'y\n""\n'


def test_two_columns_may_share_a_name():
    one, two = np.array([1]), np.array([2.0])
    assert csv_text([("y", one), ("y", two)], "%.9g") == "y,y\n1,2\n"
