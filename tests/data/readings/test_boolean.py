"""Yes and no in any spelling; texts without the blanks at their ends."""

import pytest

from mlpcli.data.columns import coded
from mlpcli.data.readings import READINGS
from mlpcli.data.readings.apply import evidence_of
from mlpcli.data.readings.boolean import is_boolean
from mlpcli.data.readings.words import MISSING


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["yes", "no"], ["yes", "no"]),
        (["Yes", "YES ", "yes", "yes", "N", "no", "no"], ["yes"] * 4 + ["no"] * 3),
        (["true", "FALSE", "", "t"], [True, False, None, True]),
        (["True", "yes", "Y", "no", "False", "False"], [*[True] * 3, *[False] * 3]),
        (["1", "0", "yes", "no"], ["1", "0", "1", "0"]),
        ([True, False, None], [True, False, None]),
        (["True", "None", "False", "?"], [True, None, False, None]),
        (["True", "maybe", "False"], [True, "maybe", False]),
        (["да", "Нет"], ["да", "Нет"]),
        (["Oui", "non", "OUI", "Oui"], ["Oui", "non", "Oui", "Oui"]),
    ],
)
def test_each_spelling_is_the_commonest(cells, texts, values):
    assert cells("boolean", *texts) == values


@pytest.mark.parametrize(
    ("texts", "is_one"),
    [
        (["yes", "no"], True),
        (["t", "f"], True),
        (["on", "OFF"], True),
        (["ja", "nein", "j"], True),
        (["true", "false", "1", "0", "yes"], True),
        (["M", "F"], False),
        (["yes", "no", "maybe"], False),
        (["y", "n", "t", "f"], False),  # letters of several pairs: perhaps grades
        (["yes", "yes"], False),  # one side of it
        (["si", "no"], True),
        ([True, True], True),
        ([True, "no"], False),
        ([], False),
    ],
)
def test_what_is_yes_and_no(texts, is_one):
    assert is_boolean(evidence_of([coded(texts)], MISSING)) == is_one


def test_words_of_the_spec(cells, fit):
    settings = {"true": "alive", "false": "dead"}
    assert cells("boolean", "alive", "dead", "yes", settings=settings) == ["alive", "dead", "alive"]
    assert fit("boolean", "alive", "dead").odd == ["alive", "dead"]


def test_a_new_word_stays_a_text(fit):
    reading = fit("boolean", "yes", "no").reading
    assert reading == READINGS["boolean"]("yes", "no")
    assert reading.meaning("maybe") is None


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        ([" a", "a ", "a", "b  c", "A"], ["a", "a", "a", "b  c", "A"]),
        (["01", "1"], ["01", "1"]),
        ([" NA ", "  ", "x"], [None, None, "x"]),
        ([1, 2.0, "x"], ["1", "2", "x"]),
    ],
)
def test_texts_without_the_blanks_at_their_ends(cells, texts, values):
    assert cells("text", *texts) == values
