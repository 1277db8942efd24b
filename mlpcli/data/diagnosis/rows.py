"""Odd rows: those of a part that are training rows, repeated ones, and contradictions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlpcli.data.diagnosis.oddity import Oddity
from mlpcli.data.diagnosis.view import DataView
from mlpcli.errors import counted

FEW_ROWS = 100  # of a table: all that is repeated is said
BY_CHANCE = 20  # times as many as there would be were the columns independent
SOME_SHARE = 0.02  # of the training rows


def duplicates(view: DataView) -> Iterator[Oddity]:
    """Rows of validation and test whose inputs and target are those of a training row.

    Where that is no chance: of few columns with few values each many rows are alike.
    """
    train = np.sort(view.whole_rows("train"))
    for name in view.parts:
        if name == "train":
            continue
        rows = view.whole_rows(name)
        n = int(
            np.count_nonzero(train[np.minimum(train.searchsorted(rows), len(train) - 1)] == rows)
        )
        if n and not _few_values(view, n / len(rows), len(train)):
            text = f"{n} of the {len(rows)} {name} rows are training rows too, value for value"
            yield Oddity("duplicate", text)


def repeated(view: DataView) -> Iterator[Oddity]:
    """Training rows that occur more than once, where that is no chance."""
    rows = np.sort(view.whole_rows("train"))
    n = int(np.count_nonzero(rows[1:] == rows[:-1]))
    share = n / len(rows)
    if share >= SOME_SHARE and not _few_values(view, share, len(rows)):
        text = f"{n} of the {len(rows)} training rows repeat another, value for value; drawn into "
        yield Oddity("repeated_rows", text + "two parts, a row is learned by heart and then asked")


def contradictions(view: DataView) -> Iterator[Oddity]:
    """Training rows with the inputs of another and a different target, where that is no chance.

    Numbers differ by more than their standard deviation.
    """
    inputs, targets = view.input_rows["train"], view.labels("train", sample=False)
    spread = targets.std(axis=0) if view.dataset.encoding.task == "regression" else 0
    order = np.argsort(inputs, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(inputs[order]) != 0))
    low, high = (edge.reduceat(targets[order], starts) for edge in (np.minimum, np.maximum))
    differ = (high - low > spread).any(axis=1)
    n = int(np.diff(np.append(starts, len(inputs)))[differ].sum())
    share = n / len(inputs)
    if share >= SOME_SHARE and not _few_values(view, share, len(inputs), targets=False):
        text = f"{counted(n, 'training row')} of {len(inputs):,} have the inputs of another, and "
        yield Oddity("contradiction", text + "another target: no model can tell them apart")


def _few_values(view: DataView, share: float, n_train: int, *, targets: bool = True) -> bool:
    """Whether so many rows may well be alike without being copies.

    Were the columns independent, a row would be like a given other with the chance
    Π_j Σ_k p_jk², p_jk the share of value k in column j.
    """
    if n_train < FEW_ROWS:
        return False
    columns = [view.numbers("train", name) for name in view.numeric]
    columns += [view.codes("train", name) for name in view.textual]
    columns += list(view.labels("train").T) if targets else []
    alike = 1.0
    for values in columns:
        counts = np.unique(values, return_counts=True)[1]
        alike *= ((counts / len(values)) ** 2).sum()
    return share < BY_CHANCE * (1 - np.exp(-n_train * alike))
