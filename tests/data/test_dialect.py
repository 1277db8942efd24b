"""How a CSV file is written, found from its first lines: delimiter, decimal sign, header."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpcli.data import csv_structure, csv_values, readers
from mlpcli.data.decimal_sign import shown_sign
from mlpcli.data.dialect import DELIMITERS
from mlpcli.data.readers import READERS, CsvReader, ReadOptions, Source


def rows(table):
    columns = [table.column(name) for name in table.columns]
    return [[column.cell(row) for column in columns] for row in range(len(table))]


FOUND = [
    # content, name, delimiter, decimal, columns, first row
    ("a,b\n1,2\n3,4\n", "d.csv", ",", ".", ["a", "b"], [1, 2]),
    ("a;b\n1;2\n3;4\n", "d.csv", ";", ".", ["a", "b"], [1, 2]),
    ("a\tb\n1\t2\n3\t4\n", "d.csv", "\t", ".", ["a", "b"], [1, 2]),
    ("a|b\n1|2\n3|4\n", "d.csv", "|", ".", ["a", "b"], [1, 2]),
    ("a\tb\n1,5\t2\n", "d.tsv", "\t", ",", ["a", "b"], [1.5, 2]),
    ("a,b\n1,2\n3,4\n", "d.tsv", ",", ".", ["a", "b"], [1, 2]),
    ("a;b\n1,5;2,25\n2;3\n", "d.csv", ";", ",", ["a", "b"], [1.5, 2.25]),
    ("a;b\n1,5;2,25\n2,5;3,5\n", "d.csv", ";", ",", ["a", "b"], [1.5, 2.25]),
    ("a;b\n1.5;2\n2;3\n", "d.csv", ";", ".", ["a", "b"], [1.5, 2]),
    ("a;b\n1.234,5;x\n2.345,75;y\n", "d.csv", ";", ",", ["a", "b"], ["1.234,5", "x"]),
    ('a,b\n"1,5",2\n"2,5",3\n', "d.csv", ",", ",", ["a", "b"], [1.5, 2]),
    ('a,b\n"1,234",2.5\n"2,345",3\n', "d.csv", ",", ".", ["a", "b"], ["1,234", 2.5]),
    # Delimiters within quotes do not count; nor do others within plain text.
    ('a;b\n"x;y";1\n"z,w";2\n', "d.csv", ";", ".", ["a", "b"], ["x;y", 1]),
    ('"a;b",c\n"1;2",3\n"x",4\n', "d.csv", ",", ".", ["a;b", "c"], ["1;2", 3]),
    ("text,y\nja; nein,1\nso | so,2\n", "d.csv", ",", ".", ["text", "y"], ["ja; nein", 1]),
    # The usual one is taken where it works, the other one where it alone leaves numbers.
    ("a;b,c\n1;2,3\n", "d.csv", ",", ".", ["a;b", "c"], ["1;2", 3]),
    ("l, cm;b\n1,5;2\n2,5;3\n3,5;4\n4,5;5\n", "d.csv", ";", ",", ["l, cm", "b"], [1.5, 2]),
    ("id,a;b\n1,x;y\n2,z;w\n3,u;v\n4,s;t\n", "d.csv", ",", ".", ["id", "a;b"], [1, "x;y"]),
    # One column, or nothing to go by.
    ("a\n1\n2\n", "d.csv", ",", ".", ["a"], [1]),
    ("a b\n1\n2\n", "d.csv", ",", ".", ["a b"], [1]),
    ("\n\na;b\n1;2\n", "d.csv", ";", ".", ["a", "b"], [1, 2]),
    # Excel's own first line.
    ("sep=;\na;b\n1;2\n", "d.csv", ";", ".", ["a", "b"], [1, 2]),
    ("\ufeffsep=|\r\na|b\r\n1,5|2\r\n", "d.csv", "|", ",", ["a", "b"], [1.5, 2]),
    ('"sep=\t"\na\tb\n1\t2\n', "d.csv", "\t", ".", ["a", "b"], [1, 2]),
    # Line ends.
    ("a;b\r\n1,5;2\r\n", "d.csv", ";", ",", ["a", "b"], [1.5, 2]),
    ("a;b\r1,5;2\r", "d.csv", ";", ",", ["a", "b"], [1.5, 2]),
]


@pytest.mark.parametrize(("content", "name", "delimiter", "decimal", "columns", "first"), FOUND)
def test_the_dialect_is_found(table, content, name, delimiter, decimal, columns, first):
    found = table(content, name)
    assert (found.dialect.delimiter, found.dialect.decimal) == (delimiter, decimal)
    assert found.columns == columns
    assert rows(found)[0] == first
    # What was found, written into a spec, reads the same table, and leaves nothing to guess.
    again = table(content, name, delimiter=delimiter, decimal=decimal, encoding="utf-8")
    assert rows(again) == rows(found)
    assert {guess.kind for guess in again.guesses} <= {"header"}


def test_a_guess_is_made_where_it_is_not_the_usual(table):
    assert table("a,b\n1,2\n").guesses == ()
    assert table("a\tb\n1\t2\n", "d.tsv").guesses == ()
    delimiter, decimal = [guess.text for guess in table("a;b\n1;2,5\n").guesses]
    assert delimiter == (
        "d.csv: the delimiter is a semicolon, as its first lines show; where that is wrong, set "
        'data.delimiter: ","'
    )
    assert decimal == (
        "d.csv: the decimal sign is a comma, as '2,5' shows; where that is wrong, set "
        'data.decimal: "."'
    )


def test_the_lines_of_a_file_with_a_first_line_of_excel_are_counted_from_it(table, refusal):
    content = "sep=;\na;b\n1;2\nx;3\n"
    assert table(content).locate(1, "b") == "d.csv:4:3"
    assert refusal(content + "5\n").startswith("d.csv:5:2: the row is too short: 1 fields")


SIGNS = [
    *[(text, ",") for text in ("1,5", "0,125", ",5", "1234,5", "1.234,56", "12,5 %", "-1,25 €")],
    *[(text, ",") for text in ("1.234.567", "1 234,5", "1'234,50 CHF", "EUR 12,50", "1,5e3")],
    *[(text, ".") for text in ("1.5", "0.125", "$40,269.79", "1,234,567", "1,23,456.78", "-2.5%")],
    *[(text, ".") for text in ("USD 12.50", "1'234.50", "1 234.5", "(1,234.50)", "1.5E-3")],
    *[(text, None) for text in ("1,234", "12.345", "15", "", "x", "1,2,3", "31.12.2020", "a,b")],
    *[
        (text, None)
        for text in ("1.5.2", "10:30", "1,5-2,5", "v1.2 and v1.3", ".", ",", "1,", "5.")
    ],
]


@pytest.mark.parametrize(("text", "sign"), SIGNS)
def test_the_sign_that_a_text_shows(text, sign):
    assert shown_sign(text) == sign


DECIDED = [
    (["1,5", "2,5"], ["x", "y"], ","),
    (["1,234", "2,345"], ["1", "2"], "."),  # thousands or decimals: a point, unless shown
    (["1,234", "2,5"], ["1", "2"], ","),
    (["1,5", "2,5"], ["1.5", "2.5"], "."),  # as many columns for the one as for the other
    (["1,5", "2.5"], ["3,5", "4,5"], ","),  # a column that shows both counts for neither
    (["1", "2"], ["3", "4"], "."),
]


@pytest.mark.parametrize(("a", "b", "decimal"), DECIDED)
def test_columns_decide_the_decimal_sign(table, a, b, decimal):
    content = "a;b\n" + "".join(f"{x};{y}\n" for x, y in zip(a, b, strict=True))
    assert table(content).dialect.decimal == decimal


@pytest.mark.parametrize("n", [1, 99, 100, 101, 300])
def test_decimals_that_come_late_are_found(table, n):
    found = table("a;b\n" + "1;2\n" * n + "1,5;3\n")
    assert found.dialect.decimal == ","
    np.testing.assert_array_equal(found.numbers("a", ""), [1] * n + [1.5])
    assert "as '1,5' shows" in found.guesses[-1].text


def test_points_that_come_late_overrule_a_comma(table):
    """Three columns against one, though the first hundred lines show the one alone."""
    found = table("a;b;c;d\n" + "1,5;2;3;4\n" * 100 + "1,5;2.5;3.5;4.5\n")
    assert found.dialect.decimal == "."
    assert found.numbers("d", "")[-1] == 4.5


def test_the_usual_sign_counts_where_the_file_shows_none(table):
    usual = {"usual_decimal": ","}
    assert table("a;b\n1;2\n", **usual).dialect.decimal == ","
    assert rows(table("a;b\n1,234;2\n", **usual)) == [[1.234, 2]]
    assert rows(table("a;b\n1.5;2\n", **usual)) == [[1.5, 2]]  # it shows a point
    assert rows(table("a,b\n1.234,2\n", **usual)) == [[1.234, 2]]  # commas cut it into cells
    (guess,) = table("a;b\n1;2\n", delimiter=";", **usual).guesses
    assert "as in the training rows" in guess.text


TITLES = [
    ("Quarterly report\na,b\n1,2\n3,4\n", 1, "'Quarterly report'", 2),
    ("Report, 2020\n\na,b,c\n1,2,3\n4,5,6\n", 1, "'Report, 2020'", 3),
    ("Bericht\nvon gestern\na;b\n1,5;2\n3;4\n", 1, "'Bericht'", 3),
    ("# made by x\na,b\n1,2\n", 1, "'# made by x'", 2),
    ("# made by x, in 2020\na,b\n1,2\n3,4\n", 1, "'# made by x, in 2020'", 2),
    ("# one, two\n# three\na,b\n1,2\n3,4\n", 1, "'# one, two'", 3),
]


@pytest.mark.parametrize(("content", "line", "text", "header"), TITLES)
def test_lines_above_the_header_are_named(refusal, table, content, line, text, header):
    assert refusal(content) == (
        f"d.csv:{line}: {text} stands above the header, which seems to be line {header}; remove "
        f"what is above it, as in: tail -n +{header} d.csv > d-table.csv"
    )
    assert table("".join(content.splitlines(keepends=True)[header - 1 :])).columns[0] == "a"


@pytest.mark.parametrize(
    "content",
    ["# a,b\n1,2\n3,4\n", "#,b\n1,x\n2,y\n", "#,b\nx,y\nz,w\n", "a,b\nx,y\n1,2\n"],
)
def test_a_header_is_not_taken_for_a_title(table, content):
    assert len(table(content)) == 2


def test_spaces_between_columns_are_named(refusal, table):
    assert refusal("a b c\n1 2 3\n4 5 6\n") == (
        "d.csv:1: the columns seem to be separated by spaces; write data.delimiter: ' '"
    )
    assert table("a b c\n1 2 3\n4 5 6\n", delimiter=" ").columns == ["a", "b", "c"]
    assert refusal("a   b\n1   2\n10  3\n").endswith("write commas in their place")


HEADERS = [
    (" a , b\n1,2\n", ["a", "b"], 1),
    ("\ta,b \n1,2\n", ["a", "b"], 1),
    ('" a","b"\n1,2\n', ["a", "b"], 1),
    (",a\n0,2\n1,3\n", ["Unnamed: 0", "a"], 1),
    (" ,a\n0,2\n", ["Unnamed: 0", "a"], 1),
    ('"","a"\n"1",2\n', ["Unnamed: 0", "a"], 1),
    ("a,a \n1,2\n", ["a", "a "], 0),  # blanks tell them apart
    ("a,b,\n1,2,\n3,4,\n", ["a", "b"], 1),
    ("a,b,\n1,2, \n3,4,\n", ["a", "b"], 1),
    ("a,b,,,\n1,2,,,\n3,4,,,\n", ["a", "b"], 1),
    (",a,\n0,1,\n", ["Unnamed: 0", "a"], 2),
]


@pytest.mark.parametrize(("content", "columns", "n_guesses"), HEADERS)
def test_names_of_columns(table, content, columns, n_guesses):
    found = table(content)
    assert found.columns == columns
    assert [guess.kind for guess in found.guesses] == ["header"] * n_guesses


def test_names_that_a_spec_spells_with_blanks_keep_them(table):
    content = "x, age,y \n1,2,3\n"
    assert table(content, spelt=[" age"]).columns == ["x", " age", "y"]
    assert table(content, text=["y "]).columns == ["x", "age", "y "]
    assert table(content, required=[" age"]).columns == ["x", " age", "y"]
    found = table(content)
    assert found.column(" age").cell(0) == 2
    assert rows(table("x,age\n01,02\n", text=[" age"])) == [[1, "02"]]


def test_pandas_calls_an_index_the_same():
    assert pd.read_csv(io.StringIO(",a\n0,2\n")).columns.tolist() == ["Unnamed: 0", "a"]


cells = st.one_of(
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text("aé ß;,|\t\"'ÿ", max_size=6).filter(lambda s: s == s.strip()),
)


@st.composite
def tables(draw):
    """Columns of numbers, of which one has decimals; and a column of words."""
    n = draw(st.integers(2, 6))
    floats = draw(st.lists(st.integers(-9999, 9999), min_size=n, max_size=n))
    whole = draw(st.lists(st.integers(-99, 99), min_size=n, max_size=n))
    word = st.text("aé ß;,|\t\"'ÿb", min_size=1, max_size=6)
    words = draw(st.lists(word.map(lambda s: f"w{s}w"), min_size=n, max_size=n))
    return [list(row) for row in zip((k + 0.5 for k in floats), whole, words, strict=True)]


@given(
    tables(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]),
    st.sampled_from(list(DELIMITERS)),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([".", ","]),
    st.booleans(),
)
@settings(max_examples=300)
def test_a_table_reads_the_same_however_it_is_written(
    data, encoding, delimiter, quoting, end, decimal, is_large
):
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerow(["größe", "n", "wort"])
    writer.writerows([str(x).replace(".", decimal), n, word] for x, n, word in data)
    content = stream.getvalue().encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        if is_large:
            patch.setattr(readers, "SMALL", -1)
            patch.setattr(csv_values, "BLOCK_ROWS", 2)
            patch.setattr(csv_values, "BLOCK_CELLS", 1)
            patch.setattr(csv_structure, "BLOCK_BYTES", 16)
        found = CsvReader().read(Source("d.csv", None, content), ReadOptions())
    assert found.columns == ["größe", "n", "wort"]
    assert rows(found) == data


def test_every_ending_has_its_usual_delimiter():
    usual = {READERS[name].delimiter for name in ("csv", "tsv")}
    assert usual == {",", "\t"}
    assert usual < set(DELIMITERS)
