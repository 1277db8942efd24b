"""Columns of texts, read; the tests here do not depend on how a file is read."""

import pytest

from mlpcli.data.columns import coded
from mlpcli.data.readings import READINGS
from mlpcli.data.readings.apply import apply_readings, evidence_of
from mlpcli.data.readings.words import MISSING
from mlpcli.data.table import Table


@pytest.fixture(scope="session", autouse=True)
def way():
    """Each test here reads one way."""


def table_of(**columns):
    """Return a table of columns of texts, or of other values."""
    data = {name: coded(values) for name, values in columns.items()}
    return Table(data, "t.csv", "", lambda row, name: f"t.csv:{row + 2}:{[*data].index(name) + 1}")


@pytest.fixture(scope="session")
def fit():
    """Return a function that fits a reading to texts."""

    def fit(name, *texts, settings=None, **more):
        evidence = evidence_of([coded(texts)], MISSING, **more)
        return READINGS[name](**(settings or {})).fit(evidence)

    return fit


@pytest.fixture(scope="session")
def cells():
    """Return a function that gives the values of texts under a reading found from them."""

    def cells(name, *texts, settings=None, **more):
        evidence = evidence_of([coded(texts)], MISSING, **more)
        found = READINGS[name](**(settings or {})).fit(evidence).reading
        table = apply_readings(table_of(x=texts), {"x": found}, MISSING)
        return [table.column("x").cell(row) for row in range(len(texts))]

    return cells
