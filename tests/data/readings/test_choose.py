"""Which reading a column gets by itself, what is said of it, and what is refused."""

import pytest

from mlpcli.data.columns import coded, column_of
from mlpcli.data.readings import READINGS
from mlpcli.data.readings.choose import Columns, choose_readings
from mlpcli.data.readings.words import MISSING
from mlpcli.data.table import Table
from mlpcli.errors import DataError

CODES = [f"C{k}" for k in range(60)]


def table_of(decimal=".", **columns):
    data = {name: column_of(values, MISSING) for name, values in columns.items()}
    names = [*data]
    return Table(
        data, "t.csv", "", lambda row, name: f"t.csv:{row + 2}:{names.index(name) + 1}", decimal
    )


def columns(**settings):
    usual = {"given": {}, "targets": [], "task": None, "weight": None, "ignored": (),
             "listed": False, "missing": MISSING}  # fmt: skip
    return Columns(**usual | settings)


def choose(*tables, **settings):
    return choose_readings(tables, columns(**settings))


def refused(*tables, **settings):
    with pytest.raises(DataError) as caught:
        choose(*tables, **settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([1, 2, None], None),
        (["1", "2"], "number"),
        (["$1", "$2"], "number"),
        (["2020-01-01", "2020-01-02"], "date"),
        (["14:30", "9:05"], "time"),
        (["yes", "no"], "boolean"),
        ([True, False], "boolean"),
        (["a", "b"], "text"),
        (["-", "+"], "text"),
        (["none", "mild", "severe"], "text"),
        (["$1", "€2"], "text"),
        (["?", "?"], "text"),
        (["  ", None], "text"),
        ([*map(str, range(40)), *CODES[:10]], "text"),  # 80 % numbers, and ten other texts
    ],
)
def test_the_reading_that_a_column_gets(values, name):
    readings, _ = choose(table_of(x=values))
    assert {n: reading.name for n, reading in readings.items()} == ({"x": name} if name else {})


def test_nothing_is_read_where_the_spec_lists_the_categories_or_ignores_the_column():
    table = table_of(x=["$1"], y=["yes"])
    assert choose(table, listed=True) == ({}, [])
    readings, _ = choose(table, ignored=["x"])
    assert list(readings) == ["y"]
    given = {"x": READINGS["number"]()}
    assert choose(table, listed=True, given=given)[0] == {"x": READINGS["number"](".", "", "$", ())}


def test_a_column_that_the_spec_names_must_be_there():
    problem = refused(table_of(price=["1"]), given={"prise": READINGS["text"]()})
    assert problem.endswith("has no column 'prise'; its columns: price; did you mean 'price'?")


def test_all_tables_decide():
    given = {"targets": []}
    readings, _ = choose(table_of(x=["1,234"]), table_of(x=["1,5"]), **given)
    assert readings["x"] == READINGS["number"](",", "", "", ())
    readings, _ = choose(table_of(x=["1", "2"]), table_of(x=["a", "b", "c"]))
    assert readings["x"].name == "text"


@pytest.mark.parametrize("n_odd", [1, 5])
def test_odd_texts_in_a_column_of_numbers(n_odd):
    words = [f"w{k}" for k in range(n_odd)]
    problem = refused(table_of(y=["1"] * 200, x=[*map(str, range(200 - n_odd)), *words]))
    assert problem == (
        f"t.csv:{202 - n_odd}:2: x: 'w0' is not a number; mend it, or, where it means no value, "
        f"write data.columns: {{x: {{name: number, missing: [{', '.join(words)}]}}}}; to take the "
        "column as texts, write data.columns: {x: text}"
    )


def test_the_advice_to_an_odd_text_helps():
    table = table_of(x=[*map(str, range(99)), "n.k."])
    assert "missing: [n.k.]}}" in refused(table)
    for reading in (READINGS["number"](missing=("n.k.",)), READINGS["text"]()):
        readings, guesses = choose(table, given={"x": reading})
        assert readings["x"].name == reading.name
        assert not guesses


def test_odd_texts_that_are_too_many_to_list():
    problem = refused(table_of(x=[*map(str, range(300)), *CODES[:9]]))
    assert "missing" not in problem
    assert problem.endswith("mend it; to take the column as texts, write data.columns: {x: text}")


def test_where_mistakes_end_and_texts_begin():
    numbers = [*map(str, range(95)), *CODES[:5]]  # 5 % of the cells
    assert "'C0' is not a number" in refused(table_of(x=numbers))
    readings, _ = choose(table_of(x=[*numbers, "C5"]))
    assert readings["x"].name == "text"


def test_an_odd_unit():
    values = [*map(str, range(99)), "5 %"]
    assert refused(table_of(x=values)) == (
        "t.csv:101:1: x: '5 %' is not a number (the units differ: %, none); mend it; to take the "
        "column as texts, write data.columns: {x: text}"
    )


def test_an_odd_date():
    problem = refused(table_of(x=[*(f"2020-01-{k:02}" for k in range(1, 32)), "2021-02-30"]))
    assert problem.startswith("t.csv:33:1: x: '2021-02-30' is not a date; mend it, or")


CLASSES = "a regression target is numbers; for classes, write data.task: multiclass"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"weight": "x"}, "a weight is a number, 0 or more"),
        ({"targets": ["x"], "task": "regression"}, CLASSES),
        ({"targets": ["x"], "task": "multilabel"}, "a label is 0 or 1"),
        ({"targets": ["x", "y"]}, "a regression target is numbers"),
    ],
)
def test_a_column_that_can_be_nothing_but_numbers(settings, why):
    assert refused(table_of(x=["$1", "a", "b"], y=[1, 2, 3]), **settings) == (
        f"t.csv:3:1: x: 'a' is not a number; {why}"
    )


def test_a_target_of_classes_is_never_numbers():
    for task in ("binary", "multiclass"):
        readings, _ = choose(table_of(y=["$1", "$2"]), targets=["y"], task=task)
        assert readings["y"].name == "text"
    readings, _ = choose(table_of(y=["yes", "no"]), targets=["y"], task="multiclass")
    assert readings["y"].name == "text"  # no classes merged
    readings, _ = choose(table_of(y=["yes", "no"]), targets=["y"])
    assert readings["y"].name == "boolean"


def test_a_target_like_numbers_where_nothing_is_read():
    for values, says in (
        (["$1", "$2"], "t.csv: y: '$1' looks like a number; write data.columns: {y: number}"),
        (["1", "2", "x"], "t.csv:4:1: y: 'x' is not a number"),
    ):
        assert refused(table_of(y=values), targets=["y"], listed=True).startswith(says)
    assert choose(table_of(y=["1", "2"]), targets=["y"], listed=True) == ({}, [])


SAID = [
    (
        {"a": ["$40,269.79", "$5"], "b": ["$1,000", "$7"]},
        (
            "a, b: read as numbers (thousands separated by ','; unit $): '$40,269.79' is 40269.79; "
            "if not, write data.columns: {a: text, b: text}"
        ),
    ),
    (
        {"a": ["1.234,5", "7"]},
        (
            "a: read as numbers (thousands separated by '.'; decimal sign ','): '1.234,5' is "
            "1234.5; if not, write data.columns: {a: text}"
        ),
    ),
    (
        {"a b": ["1,234", "7,345"]},
        (
            "a b: read as numbers (thousands separated by ','): '1,234' is 1234; if ',' is the "
            'decimal sign, write data.columns: {"a b": {name: number, decimal: ","}}'
        ),
    ),
    (
        {"a": ["1", "?", "-", "?"], "b": ["2", "3", "5", "-"]},
        (
            "a, b: '?', '-' taken for missing values (4 cells); to keep them as texts, write "
            "data.columns: {a: text, b: text}"
        ),
    ),
    (
        {"day": ["31.12.2020", "01.02.2020"]},
        (
            "day: read as dates, day first: '31.12.2020' is 2020-12-31; if not, write "
            "data.columns: {day: text}"
        ),
    ),
    (
        {"day": ["01/02/2020", "03/04/2020"]},
        (
            "day: read as dates, month first: '01/02/2020' is 2020-01-02; if the day comes first, "
            "write data.columns: {day: {name: date, first: day}}"
        ),
    ),
    (
        {"at": ["14:30", "9:00"]},
        "at: time of day, read as hours: '14:30' is 14.5; if not, write data.columns: {at: text}",
    ),
    (
        {"ok": ["True", "true", "yes", "False"]},
        (
            "ok: read as True and False: 'True', 'true', 'yes' are True; if not, write "
            "data.columns: {ok: text}"
        ),
    ),
    (
        {"a": [" x", "x", "y"]},
        "a: blanks at the ends left out, as ' x' is 'x'",
    ),
    (
        {"a": ["$1", "€2", "$3"]},
        "a: taken as text: the units differ: $, €",
    ),
    (
        {"ticket": [*map(str, range(30)), *CODES[:10]]},
        "ticket: taken as text: 30 of 40 cells are a number, and the others, such as 'C0', are not",
    ),
]


@pytest.mark.parametrize(("given", "sentence"), SAID)
def test_what_is_said(given, sentence):
    n = max(map(len, given.values()))
    _, guesses = choose(table_of(**{k: v + [None] * (n - len(v)) for k, v in given.items()}))
    assert [guess.text for guess in guesses] == [sentence]
    kind = "text" if "taken as text" in sentence else "reading"
    assert guesses[0].kind == ("missing" if "missing" in sentence else kind)
    assert set(guesses[0].columns) == set(given)


@pytest.mark.parametrize("values", [["1", "2"], ["yes", "no"], ["a", "b"], [True, False], [1, 2]])
def test_where_nothing_is_to_be_said(values):
    assert choose(table_of(x=values))[1] == []


def test_another_column_of_dates_tells_which_comes_first():
    table = table_of(a=["01/02/2020", "03/04/2020"], b=["13/02/2020", "03/04/2020"])
    readings, _ = choose(table)
    assert readings["a"].format == readings["b"].format == "%d/%m/%Y"


def test_a_list_of_missing_words_is_the_whole_list():
    table = table_of(x=[*map(str, range(99)), "?"])
    assert "'?' is not a number" in refused(table, missing=("", "NA"))
    assert choose(table)[0]["x"].missing == ("?",)


def test_a_million_different_texts_are_ruled_out_by_a_sample():
    table = Table({"x": coded([f"text {k}" for k in range(10**5)])}, "t.csv", "", lambda *_: "")
    readings, guesses = choose(table)
    assert readings["x"].name == "text"
    assert not guesses
