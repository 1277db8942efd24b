"""The first thing that differs between a run and its training done again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.runs.metrics_file import cell_text
from mlpcli.runs.names import MODEL
from mlpcli.runs.recorded_run import Cells

MOST_LETTERS = 80  # of a value in a sentence


def said(value: Any) -> str:
    """Return a value for a sentence, cut where it would no longer be read."""
    text = "none" if value is None or value == "" else str(value)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"


@dataclass(frozen=True)
class Difference:
    """What differs first between a run and its training done again.

    kind   data, metrics, replicas, tensor, description or checksum
    where  epoch and column, tensor and index, the file or the key: for programs
    text   the same for people
    then, now  both values, in full digits
    """

    kind: str
    where: dict[str, Any]
    text: str
    then: Any
    now: Any

    def sentence(self) -> str:
        """Return it in a sentence."""
        return f"{self.text}: {said(self.then)} then, {said(self.now)} now"


def row_difference(
    kind: str, file: str, then: Cells | None, now: dict[str, float], where: dict[str, Any]
) -> Difference | None:
    """Return the first column of a row that differs, but for `seconds`, which no two runs share.

    Columns that only one of two versions of mlp writes are not compared.
    """
    row = ", ".join(f"{key} {value}" for key, value in where.items())
    if then is None:
        return Difference(kind, where, f"{row} in {file}", None, "a row")
    for column, value in now.items():
        text = cell_text(value)
        if column != "seconds" and then.get(column, text) != text:
            told = f"{row}: {column} in {file}"
            return Difference(kind, {**where, "column": column}, told, then[column], text)
    return None


def tensor_difference(name: str, then: Array | None, now: Array | None) -> Difference | None:
    """Return the first number that differs between two tensors, bit by bit, and how far."""
    where: dict[str, Any] = {"tensor": name}
    if then is None or now is None or then.shape != now.shape or then.dtype != now.dtype:
        shapes = [None if t is None else f"{t.dtype} {t.shape}" for t in (then, now)]
        return Difference("tensor", where, f"the tensor {name}", *shapes)
    bits = f"u{then.dtype.itemsize}"
    differing = np.argwhere(then.view(bits) != now.view(bits))
    if not len(differing):
        return None
    index = tuple(differing[0].tolist())
    old, new = then[index], now[index]
    told = f"{name}[{', '.join(map(str, index))}]" if index else name
    far = ""
    where |= {"index": list(index), "differing": len(differing), "numbers": then.size}
    if then.dtype.kind == "f":
        where["ulps"] = ulps(old, new)
        far = f", {where['ulps']:,} ulp{'s' * (where['ulps'] != 1)} apart"
    of = f"{len(differing):,} of {then.size:,} numbers differ{far}; {told} in {MODEL}"
    return Difference("tensor", where, of, str(old), str(new))


def ulps(a: Any, b: Any) -> int:
    """Return how many floats of their type lie from one float to another, signed zeros apart.

    >>> ulps(np.float32(1), np.nextafter(np.float32(1), np.float32(2)))
    1
    >>> ulps(np.float32(-0.0), np.float32(0.0))
    1
    """
    return abs(_rank(a) - _rank(b))


def _rank(number: Any) -> int:
    """Return a float's place among all of its type: −0.0 is the one before 0.0."""
    bits = int(number.view(f"i{number.dtype.itemsize}"))
    return bits if bits >= 0 else -1 - (bits + (1 << 8 * number.dtype.itemsize - 1))
