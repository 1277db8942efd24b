"""A second input beside a number or a date: whether the value is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.encoders.encoder import ColumnEncoder
from mlpcli.data.table import Table

LEAST_ROWS = 10  # with a value, and without
LEAST_SHARE = 0.01  # of rows without
P_VALUE = 0.001  # below which missing says something of the target


@dataclass(frozen=True)
class MissingIndicator(ColumnEncoder):
    """1 where the column has no value, else 0."""

    kind: ClassVar[str] = "missing"
    is_numeric: ClassVar[bool] = False

    @property
    def feature_names(self) -> list[str]:
        """`name.missing`."""
        return [f"{self.name}.missing"]

    def source(self, table: Table) -> Array:
        """Return whether each row has no value: (rows,) bool."""
        return table.column(self.name).missing

    def write(self, source: Array, out: Array) -> int:
        out[:, 0] = source
        return 0


def enough_missing(missing: Array) -> bool:
    """Whether so many rows (rows,) are missing, and so many not, that they can be compared."""
    n, n_missing = len(missing), int(np.count_nonzero(missing))
    return n_missing >= max(LEAST_ROWS, LEAST_SHARE * n) and n - n_missing >= LEAST_ROWS


def tells(missing: Array, outputs: Iterator[Array], n_outputs: int) -> bool:
    """Whether the target is another where a value is missing, beyond chance, in some output.

    p < P_VALUE / n_outputs (Bonferroni) for one of the outputs.

    missing  (rows,) bool
    outputs  (rows,) each, of the training rows: numbers, or 0 and 1 of a class
    """
    bound = P_VALUE / n_outputs
    return any(difference_p(y[missing], y[~missing]) < bound for y in outputs)


def difference_p(a: Array, b: Array) -> float:
    """Return the two-sided p of a difference between the means of two samples of numbers.

    Shares, of 0 and 1:  z = (|p_a − p_b| − (1/n_a + 1/n_b) / 2) / √(p (1 − p) (1/n_a + 1/n_b)),
                         p the share of both together, with Yates' correction
    numbers:             t = (ā − b̄) / √(s_a²/n_a + s_b²/n_b), Welch's, of
                         ν = (s_a²/n_a + s_b²/n_b)² / (s_a⁴/(n_a² (n_a−1)) + s_b⁴/(n_b² (n_b−1)))
                         z = (8ν + 1) / (8ν + 3) · √(ν ln(1 + t²/ν)), Wallace's normal deviate
    p = erfc(|z| / √2)

    Source: Fleiss, Statistical Methods for Rates and Proportions, 1981, 2.2; Welch, 1947;
    Wallace, Bounds on Normal Approximations to Student's and the Chi-Square Distributions, 1959.

    >>> difference_p(np.array([0.0] * 30), np.array([1.0] * 30)) < 1e-12
    True
    """
    n_a, n_b = len(a), len(b)
    difference = abs(float(a.mean()) - float(b.mean()))
    if ((a == 0) | (a == 1)).all() and ((b == 0) | (b == 1)).all():
        share = (float(a.sum()) + float(b.sum())) / (n_a + n_b)
        unit = 1 / n_a + 1 / n_b
        error, difference = math.sqrt(share * (1 - share) * unit), difference - unit / 2
        z = max(difference, 0.0) / error if error else 0.0
    else:
        z = _welch_deviate(difference, (float(a.var(ddof=1)), n_a), (float(b.var(ddof=1)), n_b))
    return math.erfc(z / math.sqrt(2))


def _welch_deviate(difference: float, *samples: tuple[float, int]) -> float:
    """Return z of a difference of means, given each sample's variance and rows."""
    parts = [variance / n for variance, n in samples]
    total = sum(parts)
    if not total:
        return math.inf if difference else 0.0
    degrees = total**2 / sum(p**2 / (n - 1) for p, (_, n) in zip(parts, samples, strict=True))
    root = math.sqrt(degrees * math.log1p(difference**2 / total / degrees))
    return (8 * degrees + 1) / (8 * degrees + 3) * root
