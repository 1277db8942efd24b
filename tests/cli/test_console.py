"""Results, notes and tables: which stream, which width, which digits."""

import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlpcli.cli import console


def test_results_and_notes_have_streams_of_their_own(capsys):
    console.print_result("result")
    console.print_note("note")
    console.print_error("two\nlines")
    assert capsys.readouterr() == ("result\n", "note\nmlp: two\nmlp: lines\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.97224, "0.9722"),
        (1.0, "1"),
        (123.456, "123.5"),
        (1000.04, "1000.0"),
        (-12345.678, "-12345.7"),
        (1e7, "1e+07"),
        (1.2e-7, "1.2e-07"),
        (math.nan, "–"),
        (None, "–"),
        (math.inf, "inf"),
        (12345, "12,345"),
        ("text", "text"),
    ],
)
def test_figures_have_four_digits(value, text):
    assert console.format_number(value) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a: b\x1b[2J\x07", "a: b\\x1b[2J\\x07"),
        ("one\ntwo\r", "one\ntwo\\r"),
        ("λ\u2028\x85", "λ\\u2028\\x85"),
        ("é ≥ 日本", "é ≥ 日本"),
    ],
)
def test_a_name_in_a_note_or_an_error_does_nothing_to_the_terminal(text, shown, capsys):
    console.print_note(text)
    console.print_result(text)
    assert capsys.readouterr() == (shown + "\n", shown + "\n")
    console.print_error(text)
    assert capsys.readouterr().err == "".join(f"mlp: {line}\n" for line in shown.split("\n"))


def test_what_a_program_reads_is_as_it_is(capsys):
    console.print_raw("a\x1b[2J\r")
    console.print_json({"a\x1b": "λ\u2028"})
    out = capsys.readouterr().out
    assert out.startswith("a\x1b[2J\r\n")
    assert json.loads(out.removeprefix("a\x1b[2J\r\n")) == {"a\x1b": "λ\u2028"}
    assert out.removeprefix("a\x1b").isascii()


def test_on_a_terminal_not_even_that_does_anything(monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr("sys.stdout", stream)
    console.print_raw("prediction\na\x1b[2J\x9b2J\r")
    assert stream.getvalue() == "prediction\na\\x1b[2J\\x9b2J\\r\n"


def test_a_table_in_a_pipe_has_one_line_a_row_and_no_escape_codes(capsys):
    long = "x" * 500
    console.table(["name", "value"], [[long, 0.5], ["[bold]b[/bold]", 12345]])
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert "\x1b" not in out
    assert [line.split() for line in lines if "─" not in line] == [
        ["name", "value"],
        [long, "0.5"],
        ["[bold]b[/bold]", "12,345"],
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "utf8"])
def test_json_is_json_in_any_encoding(encoding, monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding, errors="backslashreplace")
    monkeypatch.setattr("sys.stdout", stream)
    document = {"é": "日本", "nan": [math.nan, -math.inf, 0.1], "name": "caf\udce9"}
    console.print_json(document)
    stream.flush()
    told = json.loads(raw.getvalue().decode(encoding))
    assert told == {"é": "日本", "nan": [None, None, 0.1], "name": "caf\udce9"}
    assert raw.getvalue().isascii()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_stream_is_no_error(stream, monkeypatch, capfd):
    monkeypatch.setattr(f"sys.{stream}", None)
    console.print_result("result")
    console.print_json({})
    console.table(["a"], [[1]])
    console.print_note("note")
    console.print_error("complaint")
    out, err = capfd.readouterr()
    assert (out == "") == (stream == "stdout")
    assert (err == "") == (stream == "stderr")


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text):
        raise OSError(28, "No space left on device")


def test_notes_that_cannot_be_written_are_given_up_and_results_are_not(monkeypatch):
    monkeypatch.setattr("sys.stderr", Full())
    monkeypatch.setattr("sys.stdout", Full())
    console.print_note("note")
    console.print_error("complaint")
    with pytest.raises(OSError, match="No space"):
        console.print_result("result")


@pytest.mark.parametrize(
    ("tty", "term", "expected"),
    [(True, "xterm", True), (True, "dumb", False), (True, None, True), (False, "xterm", False)],
)
def test_a_terminal_that_understands_more_than_lines(tty, term, expected, monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: tty
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    assert console.on_terminal(stream) is expected
    assert console.on_terminal(None) is False


def drawn_by_rich(header, rows, numeric):
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name, right in zip(header, numeric, strict=True):
        shown.add_column(Text(name), justify="right" if right else "left")
    for row in rows:
        shown.add_row(*map(Text, row))
    console = Console(file=io.StringIO(), width=10_000, highlight=False)
    console.print(shown)
    return console.file.getvalue()


LETTERS = st.text(st.sampled_from("ab[漢字]é−—0.5"), max_size=8)
NAMES = st.text(st.sampled_from("ab[漢字]é−—0.5"), min_size=1, max_size=8)  # none is empty


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.tuples(
            st.lists(NAMES, min_size=n, max_size=n),
            st.lists(st.lists(LETTERS, min_size=n, max_size=n), min_size=1, max_size=4),
            st.lists(st.booleans(), min_size=n, max_size=n),
        )
    )
)
def test_a_table_in_a_pipe_is_the_one_that_rich_draws(drawn):
    header, rows, numeric = drawn
    expected = drawn_by_rich(header, rows, numeric)
    assert console._drawn([header, *rows], numeric) + "\n" == expected


def test_what_would_break_a_line_of_a_table_is_escaped(capsys):
    console.table(["a\nb", "c"], [["d\te", 1.0]])
    assert capsys.readouterr().out.splitlines() == ["a\\nb   c", "────────", "d\\te   1"]


@pytest.fixture
def terminal(monkeypatch):
    """Return a function that prints a table on a terminal so many columns wide; its lines."""

    def shown(columns, *table):
        stream = io.StringIO()
        stream.isatty = lambda: True
        monkeypatch.setattr("sys.stdout", stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", str(columns))
        console.table(*table)
        return stream.getvalue().splitlines()

    return shown


WIDE = ["tensor", "worst error", "backpropagation"], [["output.weight", 1.5e-8, 0.05911441]]


def test_a_table_that_fits_a_terminal_stays_whole(terminal):
    assert terminal(13 + 3 + 11 + 3 + 15, *WIDE) == [
        "tensor          worst error   backpropagation",
        "─────────────────────────────────────────────",
        "output.weight       1.5e-08           0.05911",
    ]


def test_on_a_narrower_one_its_columns_stand_below_each_other(terminal):
    assert terminal(13 + 3 + 11 + 3 + 14, *WIDE) == [
        "tensor          worst error",
        "───────────────────────────",
        "output.weight       1.5e-08",
        "",
        "tensor          backpropagation",
        "───────────────────────────────",
        "output.weight           0.05911",
    ]


@pytest.mark.parametrize("columns", [1, 20])
def test_no_number_is_ever_broken(columns, terminal):
    words = " ".join(terminal(columns, *WIDE)).split()
    assert words.count("output.weight") == 2
    assert {"1.5e-08", "0.05911"} <= set(words)


def test_a_table_of_one_column_is_one_group(terminal):
    assert terminal(3, ["name"], [["output.weight"]])[0] == "name         "


@given(st.lists(st.text("ab日é", min_size=1, max_size=9), max_size=20), st.integers(1, 40))
def test_a_wrapped_text_keeps_its_words_and_its_width(words, width):
    text = " ".join(words)
    lines = console.wrapped(text, width, hang=2).split("\n")
    assert " ".join([lines[0], *(line.removeprefix("  ") for line in lines[1:])]) == text
    for line in lines:  # only a word too long for a line of its own is longer
        assert console.width_of(line) <= width or " " not in line.strip()


def test_a_wrapped_text_by_hand():
    assert console.wrapped("odd: a b", 8, hang=5) == "odd: a b"
    assert console.wrapped("odd: ab cd", 8, hang=5) == "odd: ab\n     cd"
    assert console.wrapped("日本 日本", 8) == "日本\n日本"  # 9 cells
    assert console.wrapped("", 8) == ""
    assert console.wrapped("   a b c", 6, hang=4) == "   a b\n    c"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("        rows    loss", 20, ["        rows    loss"]),  # as a table's header begins
        ("        rows    loss", 16, ["        rows   ", "loss"]),
        ("a path/that/is/longer/than/that", 10, ["a", "path/that/is/longer/than/that"]),
        ("begin: mlp a b; or so", 14, ["begin: mlp a", "b; or so"]),
        ("first: mlp a; then: mlp b c d", 14, ["first: mlp a;", "then:", "mlp b c d"]),
        ("", 10, [""]),
    ],
)
def test_lines_are_broken_between_words_and_commands_are_whole(text, width, lines):
    assert console.wrapped(text, width).split("\n") == lines
