"""Plain scalars mean what YAML 1.2's core schema says, not what YAML 1.1 said."""

import math

import pytest

from mlpcli.spec.yaml_reader import MAX_SCALAR, read_yaml, resolve_scalar

# https://yaml.org/spec/1.2.2/#1032-tag-resolution
SCALARS = [
    *[(text, None) for text in ("", "~", "null", "Null", "NULL")],
    *[(text, True) for text in ("true", "True", "TRUE")],
    *[(text, False) for text in ("false", "False", "FALSE")],
    *[("0", 0), ("-0", 0), ("+12", 12), ("-19", -19), ("010", 10), ("0o14", 12), ("0xFf", 255)],
    *[("1e-3", 0.001), ("1e3", 1000.0), ("-.5", -0.5), ("5.", 5.0), ("+12e03", 12000.0)],
    *[(".inf", math.inf), ("+.Inf", math.inf), ("-.INF", -math.inf), ("1e400", math.inf)],
    # Text: what YAML 1.1 would take for booleans, octal, binary, sexagesimal, dates and commas.
    *[(text, text) for text in ("no", "yes", "on", "off", "y", "n", "NO", "tRUE", "nULL", "none")],
    *[(text, text) for text in ("0b11", "1_000", "12:30:45", "2020-01-01", "1,5", "-0x1", "0o8")],
    *[(text, text) for text in ("e3", ".", "-", "+", "1e", "0x", "inf", "nan", "١", "1 ")],
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_a_plain_scalar_is_what_the_core_schema_says(text, value):
    found = resolve_scalar(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number_is_a_number(text):
    assert math.isnan(resolve_scalar(text))


@pytest.mark.parametrize("text", ["5", "true", "null", "~", "1e3", ""])
def test_a_quoted_scalar_is_text(text):
    assert read_yaml(f"a: '{text}'\nb: \"{text}\"\nc: |-\n  {text}", "f").data == {
        "a": text,
        "b": text,
        "c": text,
    }


def test_the_longest_number_can_be_written_out_again():
    # Python refuses to turn whole numbers of more than 4300 digits into text, or back.
    for number in ("9" * MAX_SCALAR, "0x" + "f" * (MAX_SCALAR - 2)):
        value = resolve_scalar(number)
        assert isinstance(value, int)
        assert str(value)


def test_what_is_too_long_for_a_number_is_text():
    assert resolve_scalar("9" * (MAX_SCALAR + 1)) == "9" * (MAX_SCALAR + 1)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: {b: [1, {c: 2}]}", {"a": {"b": [1, {"c": 2}]}}),
        ("a:\n- 1\n- - 2\n  - x: 3\n", {"a": [1, [2, {"x": 3}]]}),
        ("1: a\ntrue: b\n~: c\n1.5: d", {"1": "a", "true": "b", "~": "c", "1.5": "d"}),
        ("a: >\n  two\n  lines\nb: |\n  two\n  lines\n", {"a": "two lines\n", "b": "two\nlines\n"}),
        ('a: "λ \\u03bb \\x41"', {"a": "λ λ A"}),
        ("a:\nb: ''", {"a": None, "b": ""}),
        ("# nothing\n", None),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ('"a b": c#d  # comment\n', {"a b": "c#d"}),
    ],
)
def test_collections_and_styles(text, data):
    assert read_yaml(text, "f").data == data
