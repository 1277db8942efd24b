"""Readings: how the texts of one column become values; one class for each, in a file of its own.

`reading.py` has the interface; `choose.py` says which reading a column has, `apply.py` applies it.
"""

from mlpcli.data.readings.reading import READINGS, Reading

__all__ = ["READINGS", "Reading"]
