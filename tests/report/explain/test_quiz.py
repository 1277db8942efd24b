"""Answers are judged by the digits they are given with, and by the numbers that were shown."""

import pytest

from mlpcli.report.explain.explanation import Line
from mlpcli.report.explain.quiz import is_right, parse_answer
from mlpcli.report.explain.term import Pen


def line(value, *factors):
    """Return the line of a product whose factors are shown with three digits."""
    pen = Pen(digits=3)
    term = pen.leaf("a", factors[0])
    for factor in factors[1:]:
        term = term * pen.leaf("b", factor)
    return Line("c", term, pen.shown(value), value)


@pytest.mark.parametrize(
    ("answer", "is_it"),
    [
        ("0.333333", True),
        ("0.333", True),
        ("1/3", True),
        ("0,3333", True),
        ("0.33", False),  # half a unit of its last digit is 1.5 % of the value
        ("0.3", False),
        ("0.335", False),
        ("-0.333", False),
        ("", False),
        ("a third", False),
        ("nan", False),
        ("inf", False),
        ("1/0", False),
        ("1/2/3", False),
        ("9" * 400, False),
    ],
)
def test_an_answer_of_a_third(answer, is_it):
    assert is_right(answer, line(1 / 3, 1 / 3), 3) is is_it


def test_the_numbers_shown_are_what_a_reader_computes_with():
    """0.0012345 · 8.1004 is 0.0100000; from the three digits that are shown 0.00123 · 8.1."""
    asked = line(0.0012345 * 8.1004, 0.0012345, 8.1004)
    assert is_right("0.009963", asked, 3)  # 0.00123 · 8.1
    assert is_right("0.01", asked, 3)
    assert not is_right("0.0098", asked, 3)


def test_zero_is_zero():
    assert is_right("0", line(0.0, 0.0), 3)
    assert not is_right("0.1", line(0.0, 0.0), 3)
    assert not is_right("0", line(0.04, 0.04), 3)


@pytest.mark.parametrize(("text", "value"), [("1e-3", 0.001), (" −2 ", -2.0), ("3/8", 0.375)])
def test_an_answer_is_a_number_as_people_write_it(text, value):
    assert parse_answer(text) == value
