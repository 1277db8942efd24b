"""Rows that belong together: of one customer, patient or machine, in several parts of the split."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlpcli.data.advice import as_yaml
from mlpcli.data.diagnosis.oddity import Oddity
from mlpcli.data.diagnosis.view import DataView
from mlpcli.data.roles import is_id_name

LEAST = 10  # different ones: fewer are kinds, not members of a panel
REPEATS = 2  # rows of each, on average


def repeated_identifiers(view: DataView) -> Iterator[Oddity]:
    """Inputs named as an identifier is, whose values repeat, where the rows are drawn freely."""
    data = view.dataset
    is_free = data.split_key is None and data.split_column is None
    if data.codes is None or not is_free:
        return
    table = view.table("train")
    for name in view.names:
        if not is_id_name(name):
            continue
        codes, _ = table.coded_texts(name)
        n = len(np.unique(codes[codes >= 0]))
        if n >= LEAST and REPEATS * n <= len(table):
            text = f"{name}: {n:,} different ones in {len(table):,} rows, by its name of customers "
            text += "or the like: rows of one are in several parts; to keep them together: "
            yield Oddity("groups", f"{text}data.split: {{group: {as_yaml(name)}}}", (name,))
