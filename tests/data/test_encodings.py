"""Text files in any encoding: the same table, the encoding said, and faults with their place."""

import codecs
import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlpcli.data import encodings
from mlpcli.data.encodings import encoding_problem, shown
from mlpcli.data.readers import READERS, ReadOptions, Source

TEXT = "größe,b\n1,é\n2,ø\n3,naïve\n"
JSON = '{"größe": 1, "b": "é"}\n{"größe": 2, "b": "ø"}\n{"größe": 3, "b": "naïve"}\n'
ROWS = {"größe": [1, 2, 3], "b": ["é", "ø", "naïve"]}


def rows(table):
    return {
        name: [table.column(name).cell(row) for row in range(len(table))] for name in table.columns
    }


FOUND = [
    (TEXT.encode(), "utf-8", 0),
    (codecs.BOM_UTF8 + TEXT.encode(), "utf-8", 0),
    (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "utf-16", 1),
    (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16", 1),
    (TEXT.encode("utf-16-le"), "utf-16-le", 1),
    (TEXT.encode("utf-16-be"), "utf-16-be", 1),
    (codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"), "utf-32", 1),
    (codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"), "utf-32", 1),
    (TEXT.encode("latin-1"), "cp1252", 1),
    (TEXT.encode("latin-1") + b"4,\x81\n", "latin-1", 1),  # no letter of Windows-1252
]


@pytest.mark.parametrize(("content", "encoding", "n_guesses"), FOUND)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_encoding_is_found(table, content, encoding, n_guesses, pack):
    found = table(pack(content), "d.csv")
    assert found.dialect.encoding == encoding
    assert [guess.kind for guess in found.guesses] == ["encoding"] * n_guesses
    assert {name: cells[:3] for name, cells in rows(found).items()} == ROWS
    # What was found, written into a spec, reads the same file.
    assert rows(table(pack(content), "d.csv", encoding=encoding)) == rows(found)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1"])
def test_json_lines_have_encodings_too(table, encoding):
    found = table(JSON.encode(encoding), "d.jsonl")
    assert rows(found) == ROWS
    assert bool(found.guesses) == (not encoding.startswith("utf-8"))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("cp1251", "имя,b\nдом,1\n"), ("shift_jis", "名前,b\n家,1\n"), ("cp037", "a,b\nx,1\n")],
)
def test_an_encoding_can_be_named(table, encoding, text):
    found = table(text.encode(encoding), encoding=encoding)
    name, word = text.split(",")[0], text.split("\n")[1].split(",")[0]
    assert rows(found) == {name: [word], "b": [1]}
    assert found.guesses == ()


def test_the_guess_shows_a_word_and_says_what_to_write(table):
    (guess,) = table("stadt,y\nKöln,1\n".encode("cp1252")).guesses
    assert guess.text == (
        "d.csv: not UTF-8, so read as Windows-1252, as in 'Köln'; where that is wrong, name the "
        "encoding, such as data.encoding: cp1250"
    )


ADVICE = "mend that byte, or name the encoding, such as data.encoding: cp1252"
REFUSED = [
    # Mostly UTF-8: the byte is broken, the file is not of another encoding.
    ("ä,ö\nü,ß\n".encode() + b"\xff,1\n", {}, f"3:1: not UTF-8 text, though the rest {ADVICE}"),
    ("ä,b\nüü\xe9,1\n".encode() + b"\xc3", {}, f"3:1: not UTF-8 text, though the rest {ADVICE}"),
    (codecs.BOM_UTF8 + b"a,b\n1,\xe9\n", {}, f"2:3: not UTF-8 text, though the rest {ADVICE}"),
    (b"a,b\n1,\xe9\x02\n", {}, "2:3: not UTF-8 text: this is not a text file"),
    # A named encoding that it is not: characters are counted, not bytes.
    ("a,b\nö,é\n".encode("latin-1"), {"encoding": "utf-8"}, "2:1: not UTF-8 text, as data.encod"),
    (b"a,b\n\xe9\xe9\x81,1\n", {"encoding": "cp1252"}, "2:3: not cp1252 text: byte 0x81: "),
    ("a,b\n1,é\n".encode(), {"encoding": "ascii"}, "2:3: not ascii text: byte 0xc3: "),
    ("a,b\n1,é\n".encode("utf-16-le")[:-1], {"encoding": "utf-16-le"}, "2:4: not utf-16-le text"),
    ("a,b\nééé,\ud800\n".encode("utf-16-le", "surrogatepass"), {"encoding": "utf-16-le"}, "2:5: "),
]


@pytest.mark.parametrize(("content", "options", "problem"), REFUSED)
@pytest.mark.parametrize("block", [1, 7, 1 << 16])
def test_what_is_not_in_its_encoding_has_its_place(
    refusal, monkeypatch, content, options, problem, block
):
    monkeypatch.setattr(encodings, "BLOCK", block)
    text = refusal(content, **options)
    start, _, end = problem.partition(" though the rest ")
    assert text.startswith(f"d.csv:{start}")
    assert text.endswith(end)


def test_a_fault_behind_many_blocks_has_its_place(refusal, monkeypatch):
    monkeypatch.setattr(encodings, "BLOCK", 64)
    content = ("é,b\n" + "é,1\n" * 2000).encode("utf-16") + "x\n".encode("utf-16-le")
    assert refusal(content).startswith("d.csv:2002:2: the row is too short")


@pytest.mark.parametrize("content", ["a,b\n1,22\0\n", "ab\0", "a\0b\0c", "\0", "a,\0b\n1,2\n"])
def test_zero_bytes_are_not_taken_for_utf_16(refusal, content):
    assert "zero byte" in refusal(content)


NAMES = [
    "utf-8",
    "UTF_16",
    "Latin-1",
    "cp1252",
    "windows-1252",
    "shift_jis",
    "gb18030",
    "mac-roman",
]
NO_NAMES = ["utf-99", "base64", "rot13", "hex", "zip", "idna", "undefined", "", "a\0", "é" * 100]


def test_names_of_encodings():
    assert not any(encoding_problem(name) for name in NAMES)
    assert all(encoding_problem(name) for name in NO_NAMES)
    assert encoding_problem("unicode_escape")  # a way to write text, not what files are in


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30),
    st.sampled_from(["utf-16-le", "utf-16-be"]),
    st.integers(1, 5),
)
@example("é", "utf-16-le", 1)
def test_utf_16_without_a_mark_is_shown_by_the_digits(word, encoding, n):
    plain = "x,y\n" + "12.5,1\n" * 3 * len(word) + f"1,{word[:5]}\n" * n
    assert shown(plain.encode(encoding)) == encoding
    assert shown(plain.encode()) is None


@given(st.binary(max_size=200))
def test_any_bytes_show_an_encoding_that_python_has(content):
    found = shown(content)
    assert found is None or not encoding_problem(found)


def test_other_encodings_are_read_in_constant_memory(write):
    """By a stream: 8 MB of UTF-16 take a few blocks, beside the values."""
    line = "1.5," + "é" * 200 + "\n"
    path = write(("a,b\n" + line * 20_000).encode("utf-16"), "d.csv")
    text = encodings.TextFile(Source(path, path), "utf-16")
    tracemalloc.start()
    with text.open() as stream:
        n = sum(1 for _ in stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 20_001
    assert peak < 2 << 20


def test_valid_utf_8_is_opened_as_it_is():
    """No decoding beside that of the lines: reading it costs what it cost before."""
    source = Source("d.csv", None, TEXT.encode())
    with encodings.TextFile(source).open() as stream:
        assert type(stream) is type(source.open())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encodings, "fallback", None)
        patch.setattr(encodings, "_Recoded", None)
        table = READERS["csv"]().read(source, ReadOptions())
    np.testing.assert_array_equal(table.numbers("größe", ""), [1, 2, 3])
