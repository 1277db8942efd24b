"""Which columns are inputs: one test for each rule, and for what each must not take."""

import uuid

import numpy as np
import pytest

from mlpcli.data import roles
from mlpcli.data.columns import Numbers, column_of
from mlpcli.data.readings.number import Number
from mlpcli.data.readings.text import Text
from mlpcli.data.roles import Candidate, choose_inputs
from mlpcli.data.table import Table
from mlpcli.errors import DataError

N = 60
WORDS = ["red", "green", "blue", "old", "new", "fast", "slow", "long", "short", "heavy"]


def make_table(columns):
    data = {
        name: Numbers(values) if isinstance(values, np.ndarray) else column_of(list(values))
        for name, values in columns.items()
    }
    return Table(data, "t.csv", "", lambda row, name: f"t.csv:{row + 2}:{name}")


def found(rule, values, name="x"):
    """Return what a rule says of a column."""
    return rule(Candidate(make_table({name: values}), name))


def texts(n, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 7)) + f" {k}" for k in range(n)]


def test_a_column_without_a_value():
    assert found(roles.no_value, [None] * 5) == ""
    assert found(roles.no_value, np.full(5, np.nan)) == ""
    assert found(roles.no_value, [None, None, 0.5]) is None


def test_a_column_of_one_text():
    assert found(roles.one_text, ["EU"] * 5) == "'EU'"
    assert found(roles.one_text, ["EU", None, "EU"]) is None  # whether there is one may tell
    assert found(roles.one_text, ["EU", "US", "EU"]) is None
    assert found(roles.one_text, np.ones(5)) is None  # said to be constant, as ever


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.arange(N), f"from 0 to {N - 1}"),
        (np.arange(1.0, N + 1), f"from 1 to {N}"),
        (np.random.default_rng(0).permutation(N), f"from 0 to {N - 1}"),
        (np.delete(np.arange(N), [3, 30, 31]), f"from 0 to {N - 1}"),  # rows without a target
        (np.arange(N) + 2, None),  # from 2: odd, but kept
        (np.arange(0, 2 * N, 2), None),
        (np.arange(N) + 0.5, None),
        (np.arange(N) // 2, None),
        (np.arange(19), None),
        (np.append(np.arange(N - 1), np.nan), f"from 0 to {N - 2}"),
        (np.append(np.arange(N // 2), np.full(N // 2, np.nan)), None),
    ],
)
def test_a_column_that_numbers_the_rows(values, expected):
    assert found(roles.numbering, values) == expected


@pytest.mark.parametrize("name", ["time", "t", "Month", "elapsedDays", "day_of_study"])
def test_a_trend_does_not_number_the_rows(name):
    assert found(roles.numbering, np.arange(1, N + 1), name) is None


DIFFERENT = np.random.default_rng(0).permutation(10_000)[:N] + 10_000


@pytest.mark.parametrize(
    ("name", "is_id"),
    [(name, True) for name in ("id", "ID", "customer_id", "PassengerId", "uuid", "index", "", "Id ",
                               "Unnamed: 0", "order no", "invoiceNumber", "rownames", "idNum")]
    + [(name, False) for name in ("zip", "postal_code", "year", "price", "paid", "grid", "width",
                                  "heat_index", "house_number", "population", "humid")],
)  # fmt: skip
def test_numbers_that_are_identifiers_by_their_name(name, is_id):
    assert (found(roles.numeric_id, DIFFERENT, name) is not None) == is_id
    assert found(roles.numeric_id, DIFFERENT + 0.5, name) is None  # no whole numbers
    assert found(roles.numeric_id, DIFFERENT % 50, name) is None  # not all different
    assert (found(roles.numeric_id, np.append(DIFFERENT, np.nan), name) is not None) == is_id


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda k: f"name{k}@example.org", "e-mail addresses"),
        (lambda k: f"https://example.org/{k}?a=b", "web addresses"),
        (lambda k: str(uuid.UUID(int=k * 12345678901234567890)), "UUIDs"),
        (lambda k: f"{k * 98765432109876543210987:x}a1".zfill(40), "hashes"),
        (lambda k: f"+49 (30) {1000 + k}-77", "phone numbers"),
        (lambda k: f"555-{k:03}-1234", "phone numbers"),
        (lambda k: f"{2000 + k}-{1 + k % 12:02}-01", None),  # a date
        (lambda k: f"room {k}", None),
    ],
)
def test_addresses(make, what):
    values = [make(k) for k in range(1, N)]
    assert found(roles.address, values) == what
    if what:
        assert found(roles.address, values[:6] * 9) is None  # a category: each nine times
        assert found(roles.address, [*values, "none of these"]) is None


def test_free_text():
    values = texts(N)
    words = np.mean([len(text.split()) for text in values])
    assert found(roles.free_text, values) == f"{words:.0f} words on average, such as {values[0]!r}"
    assert found(roles.free_text, [f"{k} Main Street" for k in range(N)]) is None  # three words
    assert found(roles.free_text, [f"a b c {k}" for k in range(N)]) is None  # short
    assert found(roles.free_text, values[:20] * 3) is None  # answers to choose from


@pytest.mark.parametrize(
    ("n_different", "n_rows", "is_identifier"),
    [
        (20, 20, True),
        (19, 19, False),  # a small table: as many categories
        (27, 30, True),
        (26, 30, False),
        (49, 60, False),
        (50, 99, True),
        (50, 100, False),
        (5000, 15_000, False),  # towns
        (5000, 9999, True),
    ],
)
def test_where_text_identifiers_begin(n_different, n_rows, is_identifier):
    values = [f"w{k % n_different}" for k in range(n_rows)]
    expected = f"{n_different} different texts in {n_rows} rows, such as 'w0'"
    assert found(roles.text_identifier, values) == (expected if is_identifier else None)


def test_text_identifiers_in_a_few_rows_by_their_name():
    values = [f"C{k}" for k in range(5)]
    assert found(roles.text_identifier, values, "customer_id") is not None
    assert found(roles.text_identifier, values, "customer") is None
    assert found(roles.text_identifier, [*values, "C0"], "customer_id") is None
    assert found(roles.text_identifier, values[:4], "customer_id") is None


def test_booleans_are_no_texts():
    for rule in (roles.address, roles.free_text, roles.text_identifier):
        assert found(rule, [True, False] * 30) is None


def test_texts_that_look_like_numbers_may_name_the_rows():
    assert found(roles.text_identifier, [*map(str, range(N)), "x"]) is not None


def people(**more):
    rng = np.random.default_rng(0)
    return make_table({"age": rng.integers(18, 80, N), **more})


NAMES, KEEP = ("name", "mick"), "to keep it: data.columns: "


def test_one_line_for_all_columns_with_the_same_fate_says_how_to_keep_one():
    table = people(**{
        "Unnamed: 0": np.arange(N), "name": [f"N{k}" for k in range(N)],
        "mick": [f"M{k}" for k in range(N)], "empty": [None] * N, "EU": ["yes"] * N,
    })  # fmt: skip
    names, guesses = choose_inputs(table, table.columns)
    assert names == ["age"]
    assert {guess.kind for guess in guesses} == {"left_out"}
    of_names = [f"{n} ({N} different texts in {N} rows, such as '{n[0].upper()}0')" for n in NAMES]
    assert {guess.columns: guess.text for guess in guesses} == {
        ("empty",): "left out, no value at all: empty",
        ("EU",): f"left out, one and the same text in every row: EU ('yes'); {KEEP}{{EU: text}}",
        ("Unnamed: 0",): f"left out, an identifier: all different whole numbers, and the name: "
        f'Unnamed: 0 (from 0); {KEEP}{{"Unnamed: 0": number}}',
        NAMES: f"left out, an identifier: mostly different texts: {of_names[0]}, {of_names[1]}; "
        "to keep one: data.columns: {name: text}",
    }
    names, _ = choose_inputs(table, table.columns, named={"mick", "Unnamed: 0"})
    assert names == ["age", "Unnamed: 0", "mick"]


def test_quantities_that_are_all_different_are_inputs():
    rng = np.random.default_rng(0)
    table = people(
        zip=rng.permutation(90_000)[:N] + 10_000,
        year=np.arange(1950, 1950 + N),
        price=np.round(rng.normal(size=N), 9),
        town=[f"T{k % 20}" for k in range(N)],
    )
    assert choose_inputs(table, table.columns) == (table.columns, [])


def test_no_input_is_left():
    table = make_table({"id": DIFFERENT, "note": texts(N)})
    with pytest.raises(DataError) as caught:
        choose_inputs(table, table.columns)
    assert str(caught.value) == (
        "t.csv: no input is left: 'id' is left out, an identifier: all different whole numbers, "
        "and the name, 'note' is left out, free text; to keep a column: "
        "data.columns: {id: number}"
    )
    assert caught.value.exit_code == 3


def test_what_numbers_the_rows_is_an_input_where_nothing_else_is():
    table = make_table({"x": np.arange(N), "note": texts(N)})
    assert choose_inputs(table, table.columns)[0] == ["x"]


# ---------------------------------------------------------------- in a data set


CONTENT = "id,age,name,y\n" + "".join(f"{k},{k % 7},n{k},{k % 5}.5\n" for k in range(100, 160))


def test_nothing_is_left_out_where_somebody_has_decided(dataset):
    found = dataset(CONTENT, validation=0, test=0)
    assert found.encoding.inputs.feature_names == ["age"]
    found = dataset(CONTENT, validation=0, test=0, categorical=["name"])
    assert found.encoding.inputs.n_features == 62
    assert found.guesses == ()


def test_a_column_that_the_spec_names_stays(dataset):
    found = dataset(CONTENT, validation=0, test=0, columns={"id": Number()})
    assert found.encoding.inputs.feature_names == ["id", "age"]
    found = dataset(CONTENT, validation=0, test=0, columns={"name": Text()})
    assert "name" in found.encoding.inputs.names


def test_a_file_to_predict_needs_none_of_the_columns_left_out(dataset, table):
    encoding = dataset(CONTENT, validation=0, test=0, scale="none").encoding
    X, _ = encoding.inputs.encode(table("age\n3\n", "e.csv"), "float64")
    assert X.tolist() == [[3]]
