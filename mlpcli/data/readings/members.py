"""All readings: each module enters its own in the table, in this order."""

# ruff: noqa: F401, I001
from mlpcli.data.readings import number, date, time, boolean, text
