"""Numbers with units, thousands, decimal commas, brackets and words for no value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.data.columns import coded
from mlpcli.data.readings import READINGS
from mlpcli.data.readings.apply import apply_readings, evidence_of
from mlpcli.data.readings.words import MISSING
from mlpcli.data.table import Table
from mlpcli.errors import DataError

NB, NARROW, THIN = "\u00a0", "\u202f", "\u2009"
VALUES = [
    (["$40,269.79", "$5"], [40269.79, 5]),
    (["1.234,56 €", "12,5 €"], [1234.56, 12.5]),
    (["12 %", "5.5%", "−3 %"], [12, 5.5, -3]),
    (["(1,234.50)", "7"], [-1234.5, 7]),
    (["$(1,234.50)", "($7)"], [-1234.5, -7]),
    (["1 234,5", "12 345 678"], [1234.5, 12345678]),
    ([f"1{NB}234,5", f"1{NARROW}234{NARROW}567", f"7{THIN}000"], [1234.5, 1234567, 7000]),
    (["USD 12", "USD 1,000"], [12, 1000]),
    (["1'234.50", "1’234’567.5"], [1234.5, 1234567.5]),
    (["-$5", "$-6", "- 7", "+8", "9-", "$10-"], [-5, -6, -7, 8, -9, -10]),
    (["5,00- €", "6,00 €-"], [-5, -6]),
    (["12,34,567.89", "1,23,456", "99,999"], [1234567.89, 123456, 99999]),
    (["1.5E+03", "2e-1", "3"], [1500, 0.2, 3]),
    (["  5 ", f"{NB}6", "7"], [5, 6, 7]),
    (["1,5", "2,25", "1.234"], [1.5, 2.25, 1234]),
    (["1,234", "2.5"], [1234, 2.5]),
    (["1,234", "1,234,567"], [1234, 1234567]),
    (["1.234", "1.234.567"], [1234, 1234567]),
    (["0,123", "1,234"], [0.123, 1.234]),
    (["1,234", "1234,5"], [1.234, 1234.5]),
    (["$5", "6", "US$ 7", "8 USD"], [5, 6, 7, 8]),
    (["kr 5", "6 kr."], [5, 6]),
    (["1", "?", "-", " NA ", "", "Unknown", "2"], [1, None, None, None, None, None, 2]),
    ([True, 5, "6,5"], [1, 5, 6.5]),
    (["inf", "-Infinity", "5"], [float("inf"), float("-inf"), 5]),
]


@pytest.mark.parametrize(("texts", "values"), VALUES)
def test_numbers_as_they_are_written(cells, texts, values):
    assert cells("number", *texts) == pytest.approx(values, abs=0)


@pytest.mark.parametrize(
    ("texts", "decimal", "values"),
    [
        (["1,234", "56,789"], ".", [1234, 56789]),  # thousands, where the file has points
        (["1,234", "56,789"], ",", [1.234, 56.789]),
        (["1.234", "56.789"], ".", [1.234, 56.789]),
        (["1.234", "56.789"], ",", [1234, 56789]),
        (["1,5"], ".", [1.5]),  # the column itself tells
        (["1.5"], ",", [1.5]),
    ],
)
def test_the_file_decides_where_the_column_does_not(fit, cells, texts, decimal, values):
    assert cells("number", *texts, decimal=decimal) == values
    assert fit("number", *texts, decimal=decimal).open == (len(texts) == 2)


@pytest.mark.parametrize(
    "text",
    ["", "$", "1.2.3", "192.168.1.1", "1,2,3", "12,34", "5 kg", "0x10", "1_000", "--5", "(5", "5)",
     "(-5)", "1 2", "01 234", "1,23,45", "5 5", "$5 €", "12-34", "1e5e5", "١", "1,234,56",
     "5 % %", "-5-"],
)  # fmt: skip
def test_what_is_no_number(fit, text):
    odd = fit("number", "1,5", "7", "8.000,5", text).odd
    assert odd == ([text] if text and text != "12,34" else [])


@pytest.mark.parametrize(
    ("texts", "odd", "note"),
    [
        (["$5", "$6", "€7"], ["€7"], "the units differ: $, €"),
        (["5 %", "6 %", "0.05"], ["0.05"], "the units differ: %, none"),
        (["5", "6", "7", "8 %"], ["8 %"], "the units differ: %, none"),
        (["$5", "€6", "words", "more", "of", "them"], ["€6", "words", "more", "of", "them"], ""),
    ],
)
def test_one_unit_in_a_column(fit, texts, odd, note):
    found = fit("number", *texts)
    assert (found.odd, found.note) == (odd, note)


def test_the_settings_that_are_found(fit):
    found = fit("number", "1.234,50 €", "7 €", "EUR 8", "k.A.").reading
    assert found == READINGS["number"](",", ".", "€", ("k.A.",))
    assert fit("number", "5", "6.5").reading == READINGS["number"](".", "", "", ())
    assert fit("number", "5", "k.A.", words=False).odd == ["k.A."]
    given = fit("number", "5", "nix", settings={"missing": ("nix",)})
    assert not given.odd
    assert given.n == 1


def test_settings_of_the_spec_hold(cells, fit):
    assert cells("number", "1.234", "5", settings={"decimal": ","}) == [1234, 5]
    assert fit("number", "1.5", settings={"decimal": ","}).odd == ["1.5"]
    assert fit("number", "$5", settings={"unit": "€"}).odd == ["$5"]
    assert fit("number", "1,000", settings={"decimal": ".", "thousands": ""}).odd == ["1,000"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"unit": "kg"}, "'kg' is not a unit: % or a currency, such as € or EUR"),
        ({"decimal": ",", "thousands": ","}, "decimal and thousands are both ','"),
        ({"unit": "", "decimal": ","}, None),
    ],
)
def test_settings_that_contradict_each_other(settings, problem):
    assert READINGS["number"](**settings).problem() == problem


def adapted(reading, texts, decimal=None):
    column = coded(texts)
    found = reading.adapted(evidence_of([column], MISSING, decimal=decimal))
    table = Table({"x": column}, "t.csv", "", lambda row, _: f"t.csv:{row + 2}:1")
    read = apply_readings(table, {"x": found}, MISSING).column("x")
    return [read.cell(row) for row in range(len(texts))]


EUROS = READINGS["number"](",", ".", "€", ())


@pytest.mark.parametrize(
    ("texts", "decimal", "values"),
    [
        (["1234.56"], None, [1234.56]),
        (["1.234,56 €"], None, [1234.56]),
        (["1.234"], None, [1234]),  # nothing shows: as in training
        (["1.234"], ".", [1.234]),  # other columns of the file show a point
        (["1,234.56"], None, [1234.56]),
        (["EUR 1.234"], None, [1234]),
        (["1234", "?"], None, [1234, None]),
    ],
)
def test_another_way_of_writing_at_prediction(texts, decimal, values):
    assert adapted(EUROS, texts, decimal) == values


@pytest.mark.parametrize("text", ["$5", "5 %", "five", "1.23.4"])
def test_what_a_model_of_euros_does_not_take(text):
    with pytest.raises(DataError, match=r"^t\.csv:3:1: x: '.*' is not a number in €"):
        adapted(EUROS, ["5 €", text])


styles = st.tuples(
    st.sampled_from([(".", ""), (".", ","), (".", "'"), (".", " "), (",", ""), (",", "."),
                     (",", " "), (",", NARROW)]),
    st.sampled_from(["{}", "${}", "{} €", "EUR {}", "{}%", "{} %", "£ {}"]),
    st.sampled_from(["-{}", "({})", "{}-", "−{}"]),
)  # fmt: skip


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1), st.integers(0, 4), styles)
def test_numbers_written_in_any_style_come_back(wholes, places, style):
    (decimal, thousands), unit, sign = style
    texts = []
    for whole in wholes:
        text = f"{abs(whole) / 10**places:,.{places}f}"
        text = text.replace(",", "T").replace(".", decimal).replace("T", thousands)
        text = unit.format(text)
        texts.append(sign.format(text) if whole < 0 else text)
    found = READINGS["number"]().fit(evidence_of([coded(texts)], MISSING, decimal=decimal))
    assert not found.odd
    table = Table({"x": coded(texts)}, "t.csv", "", lambda _row, _name: "")
    read = found.reading.read(table, "x").values
    assert read.tolist() == [float(f"{whole / 10**places:.{places}f}") for whole in wholes]
