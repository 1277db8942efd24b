"""Data sets of a few columns, and what is odd in them."""

import numpy as np
import pytest

from mlpcli.data.diagnosis import oddities


@pytest.fixture(scope="module", autouse=True)
def way():
    """Read files in the one way that small files are read; the other has tests of its own."""


@pytest.fixture
def odd(dataset):
    """Return a function from columns and options to the texts of the oddities of one kind."""

    def odd(kind, columns, **options):
        cells = [["" if v is None or v != v else str(v) for v in c] for c in columns.values()]  # noqa: PLR0124
        lines = [",".join(columns), *map(",".join, zip(*cells, strict=True))]
        found = oddities(dataset("\n".join(lines) + "\n", **options))
        return [oddity.text for oddity in found if oddity.kind == kind]

    return odd


@pytest.fixture
def plain():
    """Return a function that makes two columns without any oddity, and a target, of n rows."""

    def plain(n=300, **more):
        rng = np.random.default_rng(0)
        a, b = rng.normal(50, 10, (2, n)).round(4)
        y = (a - b + rng.normal(0, 5, n)).round(4)
        return {"a": a.tolist(), "b": b.tolist(), "y": y.tolist(), **more}

    return plain
