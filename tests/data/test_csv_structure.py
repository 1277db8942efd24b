"""The structure of CSV files: what is refused has its line and column, whatever is quoted."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlpcli.data import csv_structure
from mlpcli.data.readers import CsvReader, ReadOptions, Source
from mlpcli.errors import DataError

COMMA = "(the delimiter is a comma)"
LONG = f"the row is too long: 3 fields where the header has 2 {COMMA}"
SHORT = f"the row is too short: 1 fields where the header has 2 {COMMA}"
NO_ROW = "there is a header line, and no row below it"
EMPTY = "the file is empty; it needs a header line and rows"
NOT_UTF8 = (
    "not UTF-8 text, though the rest of the file is; mend that byte, or name the encoding, such "
    "as data.encoding: cp1252"
)
NOT_TEXT = "not UTF-8 text: this is not a text file"
RETURN = "a carriage return stands within the line"
ZERO = "there is a zero byte: this is not a text file"

REFUSED = [
    # Rows of another length than the header: where the first extra field begins, or the row ends.
    ("a,b\n1,2,3\n", f"2:5: {LONG}"),
    ("a,b\n1,2\n3,4,\n", f"3:5: {LONG}"),
    ("a,b\n10,200\n\n\n1,2,3\n", f"5:5: {LONG}"),
    ("a,b\n1\n", f"2:2: {SHORT}"),
    ("a,b\n1,2\n345", f"3:4: {SHORT}"),
    ("a,b\r\n1,2\r\n345\r\n", f"3:4: {SHORT}"),
    ("a,b\nä,2\nöü,3,4\n", f"3:6: {LONG}"),
    ("a,b\n1,2\n \n3,4\n", f"3:2: {SHORT}"),
    ("\ufeffa,b\n1\n", f"2:2: {SHORT}"),
    # The same behind quotes: delimiters and line ends within them do not count.
    ('a,b\n"x,1",2\n3,4,5\n', f"3:5: {LONG}"),
    ('a,b\n"x\ny",2\n3,4,5\n', f"4:5: {LONG}"),
    ('a,b\r\n"x\r\n\r\ny",2\r\n3\r\n', f"5:2: {SHORT}"),
    ('a,b\n"x""y",2\n"p,q","r""s",3\n', f"3:14: {LONG}"),
    ('a,b\n"1","2","3"\n', f"2:9: {LONG}"),  # quotes that were not needed are counted too
    ('a,b\n"1\n2","3",4\n', f"3:8: {LONG}"),  # the row begins in line 2, its third field in line 3
    ('a,b\n"one\ntwo"\n', f"3:5: {SHORT}"),
    ("a,b\n'x,1',2\n", f"2:7: {LONG}"),  # only " quotes
    ('a,b\n "x,1",2\n', f"2:8: {LONG}"),  # and only where the field begins
    # The header.
    ("a,a\n1,2\n", "1:3: columns 1 and 2 are both named 'a'"),
    ('"a","b","a"\n1,2,3\n', "1:9: columns 1 and 3 are both named 'a'"),
    ("\ufeffa,b,a\n1,2,3\n", "1:5: columns 1 and 3 are both named 'a'"),
    ("0,1,0\n1,2,3\n", "1:5: columns 1 and 3 are both named '0'; is there a header line?"),
    ("a,\n1,2\n", "1:3: column 2 has no name"),
    ("a,\n1,\n1,2\n", "1:3: column 2 has no name"),
    ("a,,\n1,,\n1,,2\n", "1:4: column 3 has no name"),
    ("a,,b\n1,,\n", "1:3: column 2 has no name"),
    (",\n1,2\n", "1:1: column 1 has no name"),
    ("a, ,b\n1,2,3\n", "1:3: column 2 has no name"),
    ("\n\na,b,b\n1,2,3\n", "3:5: columns 2 and 3 are both named 'b'"),
    # The wrong delimiter.
    (
        "a;b\n1\n",
        (
            "1: there is one column, named 'a;b'; is the delimiter a semicolon? set "
            'data.delimiter: ";"'
        ),
    ),
    ("a;b\n1;2\n3;4;5\n", f"3:5: {LONG.replace('comma', 'semicolon')}"),
    # Files that are no tables of text.
    ("a,b\n1,2\n3\r4,5\n", f"3:2: {RETURN}"),
    ('a,b\n"1",2\n3\r4,5\n', f"3:2: {RETURN}"),
    ("a,b\n1,2\x00\n", f"2:4: {ZERO}"),
    ("a,b\nä\x00,2\n", f"2:2: {ZERO}"),
    ('a,b\n"1",2\n3\x00,4\n', f"3:2: {ZERO}"),
    ('a,b\n1,"2\x00"\n', f"2:5: {ZERO}"),
    ('a,b\n"x\r\ny",2\n"1",3\r4,5\n', f"4: {RETURN}"),  # the quotes may hold others
    ("a,b\nλ,".encode() + b"\xff\n", f"2:3: {NOT_UTF8}"),
    (b"\xef\xbb\xbfa,\xff\n1,2\n", f"1:3: {NOT_UTF8}"),
    (b'a,b\n1,"\xff\xc3\xa9"\n', f"2:4: {NOT_UTF8}"),
    (b"a,b\n1,\xe9\x01\n", f"2:3: {NOT_TEXT}"),
    (
        'a,b\n1,2\n"x,3\n4,5\n',
        "3: not valid CSV: a quote is opened here and never closed",
    ),
    (
        'a,b\n"1",2\n"' + "1,2\n" * (17 << 18),  # too long for a field of csv
        "3: not valid CSV: a quote is opened here and never closed",
    ),
    ('a,b\n"x"y,2\n', "2: not valid CSV: ',' expected after '\"'"),
    (
        'a,b\n"1",2\n"' + "x" * (17 << 20) + '",3\n',
        ("3: not valid CSV: field larger than field limit (16777216)"),
    ),
    ("a\n1\n \n2\n", "3: there is nothing in the line but spaces"),  # pandas would skip the line
    ('a\n"1"\n\t\n', "3: there is nothing in the line but spaces"),
]

NOTHING = [
    *[(text, EMPTY) for text in ("", "\n", "\r\n\r\n", "\ufeff", "\ufeff\n")],
    *[(text, NO_ROW) for text in ("a,b", "a,b\n", "a,b\r\n", "a,b\n\n\n", '"a",b\n', "\ufeffa\n")],
]


def cells_of(column):
    return [column.cell(row) for row in range(len(column))]


@pytest.mark.parametrize(("content", "problem"), REFUSED)
def test_a_fault_has_its_place(refusal, content, problem):
    assert refusal(content) == f"d.csv:{problem}"


@pytest.mark.parametrize(("content", "problem"), NOTHING)
def test_a_file_without_a_row(refusal, content, problem):
    assert refusal(content) == f"d.csv: {problem}"


@pytest.mark.parametrize("block", [1, 2, 3, 5, 7, 64])
@pytest.mark.parametrize(("content", "problem"), REFUSED + NOTHING)
def test_the_place_does_not_depend_on_how_the_file_is_cut_into_blocks(
    refusal, monkeypatch, content, problem, block
):
    if len(content) < 1000:
        monkeypatch.setattr(csv_structure, "BLOCK_BYTES", block)
        assert refusal(content).endswith(problem)


READ = [
    ("a,b\n1,2\n3,4\n", [["1", "2"], ["3", "4"]]),
    ("a,b\n1,2\n3,4", [["1", "2"], ["3", "4"]]),
    ("a,b\r\n1,2\r\n3,4\r\n", [["1", "2"], ["3", "4"]]),
    ("\ufeffa,b\n1,2\n", [["1", "2"]]),
    ('\ufeff"a",b\n1,2\n', [["1", "2"]]),
    ("a,b\r1,2\r3,4\r", [["1", "2"], ["3", "4"]]),  # a Mac's line ends of before 2001
    ("a,b\n1,é\n".encode("latin-1"), [["1", "é"]]),
    ("a,b\n1,2\n".encode("utf-16"), [["1", "2"]]),
    ("\n\na,b\n\n1,2\n\r\n\n3,4\n\n\n", [["1", "2"], ["3", "4"]]),
    ("a,b\n,\n", [["", ""]]),
    ('a,b\n"",""\n', [["", ""]]),
    ('a,b\n"x,y","p\nq"\n"r\r\ns","t""u"\n', [["x,y", "p\nq"], ["r\r\ns", 't"u']]),
    ("a,b\n5\" pipe,it's\n", [['5" pipe', "it's"]]),
    ("a,b\n x , y \n", [[" x ", " y "]]),
    ("a,b\nλ,😀\n", [["λ", "😀"]]),
    ("a;b,c\n1;2,3\n", [["1;2", "3"]]),
    ('"a\nb","c,d"\n1,2\n', [["1", "2"]]),
    ("a\n1\n\n2\n", [["1"], ["2"]]),
]


def rows_of(table):
    columns = [cells_of(table.column(name)) for name in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize(("content", "rows"), READ)
@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_files_as_programs_write_them(table, monkeypatch, content, rows, block):
    monkeypatch.setattr(csv_structure, "BLOCK_BYTES", block)
    names = ("a", "b", "c", "a;b", "a\nb", "c,d")
    found = table(content, missing=(), text=names)
    assert rows_of(found) == rows


def test_a_million_characters_in_a_field_and_five_thousand_columns(table):
    text = "x" * 1_000_000
    for cell in (text, f'"{text}"'):
        assert cells_of(table(f"a,b\n{cell},1\n").column("a")) == [text]
    names = [f"c{j}" for j in range(5000)]
    wide = table(f"{','.join(names)}\n{','.join(['1'] * 5000)}\n{','.join(['2'] * 5000)}\n")
    assert wide.columns == names
    assert cells_of(wide.column("c4999")) == [1, 2]


PLACES = [
    ("a,b\n1,2\nx,y\n", 1, "a", "3:1"),
    ("a,b\n1,2\nx,y\n", 1, "b", "3:3"),
    ("a,b\n\n1,2\n\r\nxyz,y\n", 1, "b", "5:5"),
    ('"a","b"\n"1","2"\n"xyz","y"\n', 1, "b", "3:7"),  # as R writes: everything quoted
    ('a,b\n"p,q",2\n"x""y",y\n', 1, "b", "3:8"),
    ('a,b\n"p\nq",2\n3,y\n', 0, "b", "3:4"),  # the cell's own line, not the record's
    ('a,b\n"p\nq",2\n3,y\n', 1, "b", "4:3"),
    ("a,b\nλλ,y\n", 0, "b", "2:4"),
    ("\ufeffa,b\n1,y\n", 0, "b", "2:3"),
    ("a,b\n1,\n", 0, "b", "2:3"),
]


@pytest.mark.parametrize(("content", "row", "column", "place"), PLACES)
def test_a_cell_has_its_place(table, content, row, column, place):
    assert table(content).locate(row, column) == f"d.csv:{place}"


def test_a_cell_has_its_place_whatever_the_delimiter(table):
    content = "a;b\n1,5;2\n1,5;x\n"
    assert table(content, delimiter=";").locate(1, "b") == "d.csv:3:5"


def test_bytes_that_are_no_text_far_behind_a_row_that_is_too_long(refusal):
    # The header is read in pieces: the row is found before the bytes are decoded.
    rows = "1,2\n" * 5000
    content = f"a,b\n{rows}1,2,3\n".encode() + b"\xff,1\n"
    assert refusal(content) == f"d.csv:5002:5: {LONG}"


cells = st.sampled_from(
    [
        "1",
        "",
        " ",
        "x ",
        " y",
        '"q"',
        '"a""b"',
        '"a\nb"',
        '"a\r\nb"',
        '""',
        'z"z',
        "é",
        "\t",
        '","',
        '";"',
        " 1 ",
        "'",
        "\\",
        "#",
        '"\t"',
    ],
)
lines = st.builds(",".join, st.lists(cells, min_size=1, max_size=3)) | st.text(
    '1 ,;"\t\r\nx', max_size=5
)
ends = st.sampled_from(["\n", "\r\n", " \n", ""])
files = st.builds(
    lambda width, pairs: ",".join("abc"[:width]) + "\n" + "".join(a + b for a, b in pairs),
    st.integers(1, 3),
    st.lists(st.tuples(lines, ends), max_size=4),
)


@given(files, st.sampled_from([",", ";", "\t", " "]), st.integers(1, 8))
@example("a\n1\n \n2\n", ",", 1)
def test_what_is_not_refused_is_read_by_pandas_as_by_the_csv_module(text, delimiter, block):
    """The rows that are counted and located are the rows whose values are used."""
    source = Source("d.csv", None, text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_structure, "BLOCK_BYTES", block)
        try:
            table = CsvReader().read(source, ReadOptions((), delimiter, ("a", "b", "c")))
        except DataError:
            return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header, *rows = [fields for fields in reader if fields]
    assert table.columns == header
    assert rows_of(table) == rows


def test_the_error_of_a_pipe_names_the_pipe():
    with pytest.raises(DataError, match=r"^<stdin>:2:2: the row is too short"):
        CsvReader().read(Source("<stdin>", None, b"a,b\n1\n"), ReadOptions())
