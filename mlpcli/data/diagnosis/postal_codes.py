"""Odd columns of numbers: postal codes, which name places and measure nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from mlpcli.data.advice import as_yaml
from mlpcli.data.diagnosis.oddity import Oddity
from mlpcli.data.diagnosis.view import DataView

NAME = re.compile(
    r"(.*[\W_])?(zip|zip[\W_]?codes?|post[\W_]?codes?|postal([\W_]?codes?)?|plz|postleitzahl|"
    r"code[\W_]postal|fips)([\W_].*)?",
    re.IGNORECASE,
)
FIRST, LAST = 100, 1e9  # of a code: 2 is a count


def postal_codes(view: DataView) -> Iterator[Oddity]:
    """Numeric inputs with the name of a postal code that hold whole numbers from 100 to 1e9."""
    for name in view.numeric:
        if not NAME.fullmatch(name.strip()):
            continue
        values = view.numbers("train", name)
        values = values[~np.isnan(values)]
        whole = (values == np.floor(values)) & (values >= FIRST) & (values < LAST)
        if len(values) and whole.all():
            text = f"{name}: postal codes taken for amounts, as {values[0]:.0f}; as the names of "
            text += f"places that they are: data.columns: {{{as_yaml(name)}: text}}"
            yield Oddity("postal_code", text, (name,))
