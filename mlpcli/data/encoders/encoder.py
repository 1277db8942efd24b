"""The interface of encoders: how one column of a table becomes one or more inputs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.table import Table


@dataclass(frozen=True)
class ColumnEncoder:
    """How one column becomes inputs; a column can have several encoders.

    name        of the table's column
    kind        of the encoder, as model files name it
    is_numeric  whether the inputs are scaled numbers, not 0 and 1
    is_text     whether the column is to be read as text
    """

    kind: ClassVar[str]
    is_numeric: ClassVar[bool] = True
    is_text: ClassVar[bool] = False
    name: str

    @property
    def width(self) -> int:
        """How many inputs there are."""
        return 1

    @property
    def feature_names(self) -> list[str]:
        """The name of each input."""
        raise NotImplementedError

    @property
    def scaling(self) -> tuple[Array, Array, Array]:
        """Shift, scale and width of each input's scaling (see `Scaling`); none of 0 and 1."""
        return np.zeros(self.width), np.ones(self.width), np.zeros(self.width)

    @property
    def embeds(self) -> bool:
        """Whether `columns: auto` of an embedding means these inputs: numbers of many values."""
        return self.is_numeric

    def source(self, table: Table) -> Array:
        """Return what `write` takes of each row: (rows,). Raises DataError where it does not fit.

        Columns are found by name.
        """
        raise NotImplementedError

    def write(self, source: Array, out: Array) -> int:
        """Write the inputs of some rows of the source into out (rows, width).

        Return how many values were missing or unknown.
        """
        raise NotImplementedError

    def replacement(self, n: int) -> str:
        """Return what became of n values that were missing or unknown, in a sentence."""
        raise NotImplementedError

    @property
    def missing_rule(self) -> str:
        """What becomes of a missing value, in words."""
        raise NotImplementedError

    def check(self, table: Table, dtype: Any) -> None:
        """Raise DataError at the first value that is too large for the dtype, once it is scaled."""
        source = self.source(table)
        out = np.empty((len(source), self.width), dtype)
        with np.errstate(over="ignore"):
            self.write(source, out)
        wrong: Array = np.asarray(~np.isfinite(out).all(axis=1))
        if wrong.any():
            problem = f"is too large for {out.dtype}, scaled as the training rows are"
            raise table.cells_error(
                wrong, self.name, lambda row: f"{self.shown(source[row])} {problem}"
            )

    def shown(self, value: Any) -> str:
        """Return a value of the source as messages show it."""
        return f"{value:g}"

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, for a model file, without the fields that have nothing to say."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        nothing = {f.name for f in fields(self) if f.default in (None, ())}
        told = {k: v for k, v in values.items() if v not in (None, ()) or k not in nothing}
        return {"kind": self.kind, **told}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return what `to_plain` wrote; other fields are ignored."""
        values = {f.name: plain[f.name] for f in fields(cls) if f.name in plain}
        return cls(**{name: _as_tuple(value) for name, value in values.items()})


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value
