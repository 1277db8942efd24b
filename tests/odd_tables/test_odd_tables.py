"""Every odd table: what `mlp check` makes of it, that it trains, and that its resolved spec does.

A line about the data is one that `check` prints: a guess (`found:`), an oddity (`odd:`), a remark.
"""

import re

import numpy as np
import pytest
import yaml
from case import CASES
from commands import outcome, run

from mlpcli.data.columns import Numbers
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset

NUMBER_READINGS = {"number", "money", "percent", "amount", "unit"}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
SHORT = ("--set", "training.epochs=2", "--run-dir", "run", "-q")


def source_of(feature, columns):
    """Return the column that an input comes from: NAME, NAME=category, NAME.part, …"""
    found = [name for name in columns if re.match(re.escape(name) + r"($|[=.: ])", feature)]
    return max(found, key=len, default=f"{feature}, of no column")


def inputs_of(document, case):
    """Return the columns that are inputs; `case.columns` and `case.unused` are known names."""
    known = case.columns | case.unused
    return {source_of(feature, known) for feature in document["features"]}


def as_expected(found, expected):
    return {key: found.get(key) for key in expected}


@each_case
def test_exit_code(case, checked):
    found = checked(case)
    assert found.code == case.code, found.lines


@each_case
def test_what_is_said(case, checked):
    lines = checked(case).lines
    for pattern in case.says:
        assert any(re.search(pattern, line, re.IGNORECASE | re.DOTALL) for line in lines), lines
    for pattern in case.never:
        assert not [line for line in lines if re.search(pattern, line, re.IGNORECASE)]


@each_case
def test_a_refusal_is_one_sentence(case, checked):
    found = checked(case)
    if found.code == 0:
        return
    [text] = found.lines
    assert len(text.splitlines()) == 1
    assert text.startswith("mlp: ")
    assert len(text) < 700


@each_case
def test_what_is_trained(case, checked):
    document = checked(case).document
    if document is None:
        assert case.code != 0, checked(case).lines
        return
    data = document["spec"]["data"]
    if case.task is not None:
        assert document["task"] == case.task
    if case.columns is not None:
        assert inputs_of(document, case) == case.columns
    assert not case.features - set(document["features"])
    assert case.most is None or len(document["features"]) <= case.most
    assert as_expected(data["split"], case.split) == case.split
    assert as_expected(document["rows"], case.rows) == case.rows
    assert as_expected(data, case.resolved) == case.resolved
    if case.n_rows is not None:
        assert sum(document["rows"].values()) == case.n_rows - case.left_out


@each_case
def test_how_texts_are_read(case, checked):
    document = checked(case).document
    if not case.read or document is None:
        assert case.code != 0 or not case.read, checked(case).lines
        return
    columns = document["spec"]["data"]["columns"]
    for name, kind in case.read.items():
        reading = columns[name]["name"]
        assert reading == kind or (kind == "number" and reading in NUMBER_READINGS)


@each_case
@pytest.mark.usefixtures("here")
def test_numbers_are_what_they_say(case):
    if not case.values:
        return
    table = load_dataset(load_spec("spec.yaml")).tables["data"]
    for name, expected in case.values.items():
        column = table.column(name)
        assert isinstance(column, Numbers), column.values[:3]
        wanted = [np.nan if value is None else value for value in expected]
        np.testing.assert_allclose(column.values[: len(wanted)], wanted, rtol=1e-9)


@each_case
@pytest.mark.usefixtures("here")
def test_it_trains(case, checked):
    found = checked(case)
    done = run("train", "spec.yaml", *SHORT, "--force")
    assert done.code == found.code, done.err
    if found.code:
        assert done.err == found.lines[0]


@each_case
@pytest.mark.usefixtures("here")
def test_its_resolved_spec_is_the_same(case, checked):
    """What is resolved leaves nothing open: it says the same of every column, row and class."""
    document = checked(case).document
    if document is None or not case.again:
        return
    with open("resolved.yaml", "w", encoding="utf-8") as file:  # noqa: PTH123
        yaml.safe_dump(document["spec"], file, allow_unicode=True)
    again = outcome("resolved.yaml")
    assert again.code == 0, again.lines
    same = ("task", "classes", "rows", "features", "layers", "scale")
    assert as_expected(again.document, same[:-1]) == as_expected(document, same[:-1])
    assert again.document["spec"] == document["spec"]
