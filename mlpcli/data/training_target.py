"""The target of the training rows as plain numbers, for what inputs are fitted to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.table import Table
from mlpcli.data.targets import ClassTarget, TargetEncoder


@dataclass(frozen=True)
class TrainingTarget:
    """The training rows' target, looked up when it is first asked for.

    rows  row numbers of the training rows in the table
    """

    target: TargetEncoder
    table: Table
    rows: Array

    @property
    def names(self) -> list[str]:
        """The name of each output: of its class or column; two classes are one output."""
        if isinstance(self.target, ClassTarget):
            first = 1 if self.target.n_outputs == 1 else 0
            return [str(label) for label in self.target.classes[first:]]
        return list(self.target.names)

    def outputs(self) -> Iterator[Array]:
        """Yield the numbers of each output (rows,), float64: 0 and 1 of a class or label."""
        if isinstance(self.target, ClassTarget):
            first = 1 if self.target.n_outputs == 1 else 0
            for number in range(first, len(self.target.classes)):
                yield (self._y == number).astype(np.float64)
        else:
            yield from self._y.astype(np.float64).T

    @cached_property
    def _y(self) -> Array:
        labels = self.target.labels(self.table)[self.rows]
        return self.target.encode(labels)
