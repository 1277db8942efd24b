"""Readings: how the texts of one column become values; one class for each, in a file of its own.

`reading.py` has the interface; `choose.py` says which reading a column has, `apply.py` applies it.
"""

# ruff: noqa: F401, I001  each module enters its reading in the table, in this order
from mlpcli.data.readings.reading import READINGS, Reading
from mlpcli.data.readings import number, date, time, boolean, text

__all__ = ["READINGS", "Reading"]
