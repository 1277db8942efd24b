"""A model applied to a file of any length, a group of rows at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.blocks import Block, Problem, TableStream
from mlpcli.data.encoders.numeric import NumericColumn
from mlpcli.data.readings.fixed import FixedReadings
from mlpcli.data.table import CellsError, Table
from mlpcli.errors import DataError, UsageError, listing
from mlpcli.runs.evaluate import count_crossings, prediction_columns
from mlpcli.runs.model_file import Model
from mlpcli.runs.prediction_intervals import check_interval
from mlpcli.training.evaluation import Predictor

GROUP_ROWS = 1 << 14  # rows that are predicted and written at once, at least
NUMBERS_AT_ONCE = 1 << 21  # of encoded rows: 8 MiB in float32
LISTED = 5  # bad rows that are told one by one


@dataclass(frozen=True)
class Predicted:
    """Predictions of some rows that follow each other.

    columns  of the rows that could be read, by name
    kept     the values of the file's columns that are kept, of all rows
    good     (rows,) which rows could be read; None: all
    """

    columns: Mapping[str, Any]
    kept: Mapping[str, Sequence[Any]]
    n_rows: int
    good: Array | None = None


@dataclass
class BadRows:
    """What was wrong with rows: how many, and the first of them."""

    n: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        """Count a row."""
        self.n += 1
        if len(self.first) < LISTED:
            self.first.append(_sentence(problem))


class PredictionStream:
    """The predictions of a stream's rows.

    interval    the level of intervals, of an ensemble; None: without
    on_bad_row  fail: a row that cannot be read raises its DataError once the predictions of the
                rows before it are out; skip: it is left out; blank: it has no prediction

    names     of the columns that are predicted
    n_rows    predicted or blank so far
    bad       rows that could not be read
    replaced  for each column how many values were missing or unknown
    crossed   in how many predictions quantiles cross, and of how many
    """

    def __init__(
        self,
        model: Model,
        stream: TableStream,
        interval: float | None = None,
        on_bad_row: str = "fail",
    ) -> None:
        check_interval(model, interval)
        self.model, self.stream, self.interval = model, stream, interval
        self.on_bad_row = on_bad_row
        self.predictor = Predictor(model.network, model.temperature)
        self.readings: FixedReadings | None = None
        self.n_rows, self.n_good, self.bad = 0, 0, BadRows()
        self.replaced: Counter[str] = Counter()
        self.crossed = [0, 0]
        encoders = [c for c in model.encoding.inputs.columns if isinstance(c, NumericColumn)]
        stream.numeric.update({c.name for c in encoders} - model.encoding.readings.keys())
        self.names = [*self._predict(np.empty((0, model.encoding.inputs.n_features)))]
        twice = [name for name in stream.kept if name in self.names]
        if twice:
            raise UsageError(
                f"--keep: {listing(map(repr, twice))} would be there twice: the predictions have "
                f"the columns {listing(self.names)}"
            )

    def __iter__(self) -> Iterator[Predicted]:
        """Yield the predictions. Raises DataError, once those before are out."""
        group = _Group(self._group_rows, self.stream.kept)
        failed: DataError | None = None
        try:
            for block in self.stream.blocks():
                for rows in self._rows(block):
                    group.add(rows)
                while group.is_full:
                    yield self._predicted(group.take())
        except DataError as error:
            failed = error
        while len(group):
            yield self._predicted(group.take())
        if failed is not None:
            raise failed
        if self.bad.n and not self.n_good:
            raise DataError(f"no row could be read; the first: {self.bad.first[0]}")

    @property
    def _group_rows(self) -> int:
        """A multiple of the rows that are predicted at once.

        A file without bad rows is cut where it is cut in memory, so the bits are the same. Of other
        rows around it a row's last digits may differ: BLAS adds in another order in blocks of other
        sizes, about 1e-7 of the value in float32.
        """
        block, width = self.predictor.block, self.model.encoding.inputs.n_features
        n = min(GROUP_ROWS, NUMBERS_AT_ONCE // max(width, 1))
        return max(n // block, 1) * block

    def _rows(self, block: Block) -> Iterator[_Rows]:
        """Yield the rows of a block, encoded. Raises the DataError of a bad one where asked to."""
        table, width = block.table, self.model.encoding.inputs.n_features
        X = np.empty((0, width), self.model.network.dtype)
        problems: dict[int, Problem] = dict(block.bad)
        if table is not None:
            if self.readings is None:
                self.readings = self.model.encoding.fix_readings(table)
            last = min(block.bad, default=len(table)) if self.on_bad_row == "fail" else len(table)
            X, found = self._encoded(table.take(np.arange(last)) if last < len(table) else table)
            problems |= _placed(found, block)
        good = np.ones(block.n_rows, bool)
        good[list(problems)] = False
        if self.on_bad_row == "fail" and problems:
            first = min(problems)
            yield _Rows(X, good[:first], self._kept(block, good[:first]))
            raise DataError(_sentence(problems[first]))
        for place in sorted(problems):
            self.bad.add(problems[place])
        if self.on_bad_row == "skip":
            kept = self._kept(block, good) if problems else block.kept
            yield _Rows(X, good[good], kept)
        else:
            yield _Rows(X, good, self._kept(block, None) if block.bad else block.kept)

    def _kept(self, block: Block, wanted: Array | None) -> dict[str, Sequence[Any]]:
        """Return a block's kept values of the wanted rows; None in rows that are none.

        wanted  (rows,) of the first rows; None: all
        """
        is_row = np.ones(block.n_rows, bool)
        is_row[list(block.bad)] = False
        found: dict[str, Sequence[Any]] = {}
        for name in self.stream.kept:
            each = np.full(block.n_rows, None, object)
            if block.table is not None:  # where all are bad, a block has no values
                each[is_row] = np.fromiter(block.kept[name], object, len(block.kept[name]))
            found[name] = (each if wanted is None else each[: len(wanted)][wanted]).tolist()
        return found

    def _encoded(self, table: Table) -> tuple[Array, dict[int, Problem]]:
        """Return the rows that can be read, encoded, and what is wrong with each of the others.

        An error that says which rows it is about is met once a column, without them; rows with any
        other are halved until each half can be read, or is a row. Where the first bad row is
        enough, what follows it is left out.
        """
        encoding, X = self.model.encoding, []
        problems: dict[int, Problem] = {}
        assert self.readings is not None
        waiting = [np.arange(len(table))]
        while waiting:
            rows = waiting.pop()
            part = table if len(rows) == len(table) else table.take(rows)
            try:
                read = self.readings.apply(part)
                one, replaced = encoding.inputs.encode(read, self.model.network.dtype)
                X.append(one)
                self.replaced.update(replaced)
            except CellsError as error:
                bad = np.flatnonzero(error.rows)
                if self.on_bad_row == "fail":
                    problems = {int(rows[bad[0]]): partial(error.at, int(bad[0]))}
                    waiting = [rows[: bad[0]]]
                    continue
                problems |= {int(rows[row]): partial(error.at, row) for row in bad.tolist()}
                waiting.append(rows[~error.rows])
            except DataError as error:
                if len(rows) == 1:
                    problems[int(rows[0])] = str(error)
                    if self.on_bad_row == "fail":
                        break
                    continue
                middle = len(rows) // 2
                waiting += [rows[middle:], rows[:middle]]
            waiting = [rows for rows in waiting if len(rows)]
        return X[0] if len(X) == 1 else np.concatenate([self._nothing(), *X]), problems

    def _nothing(self) -> Array:
        """Return X of no row."""
        return np.empty((0, self.model.encoding.inputs.n_features), self.model.network.dtype)

    def _predict(self, X: Array) -> dict[str, Any]:
        """Return the columns of the predictions of encoded rows."""
        y_hat = self.predictor.predict(X)
        return prediction_columns(self.model, X, y_hat, self.interval)

    def _predicted(self, rows: _Rows) -> Predicted:
        columns = self._predict(rows.X)
        crossed = count_crossings(self.model, columns)
        self.crossed = [a + b for a, b in zip(self.crossed, crossed, strict=True)]
        self.n_rows += len(rows.good)
        self.n_good += len(rows.X)
        return Predicted(columns, rows.kept, len(rows.good), None if rows.good.all() else rows.good)


@dataclass(frozen=True)
class _Rows:
    """Rows in a file's order.

    X     (good rows, n_features)
    good  (rows,) which could be read
    kept  values of all rows
    """

    X: Array
    good: Array
    kept: Mapping[str, Sequence[Any]]


def _sentence(problem: Problem) -> str:
    return problem if isinstance(problem, str) else problem()


def _placed(found: Mapping[int, Problem], block: Block) -> dict[int, Problem]:
    """Return what was found of a block's table by the rows' numbers in the block."""
    if not found or not block.bad:
        return dict(found)
    is_row = np.ones(block.n_rows, bool)
    is_row[list(block.bad)] = False
    places = np.flatnonzero(is_row)
    return {int(places[row]): problem for row, problem in found.items()}


class _Group:
    """Rows that wait until there are enough of them to be predicted.

    size  how many good rows that are
    """

    def __init__(self, size: int, names: Sequence[str]) -> None:
        self.size, self.n_good = size, 0
        self.X: list[Array] = []
        self.good: list[Array] = []
        self.kept: dict[str, list[Any]] = {name: [] for name in names}

    def __len__(self) -> int:
        return sum(map(len, self.good))

    @property
    def is_full(self) -> bool:
        """Whether there are rows enough."""
        return self.n_good >= self.size

    def add(self, rows: _Rows) -> None:
        """Add rows behind the others."""
        self.X.append(rows.X)
        self.good.append(rows.good)
        self.n_good += len(rows.X)
        for name, values in rows.kept.items():
            self.kept[name] += values

    def take(self) -> _Rows:
        """Return the first `size` good rows and the bad ones among them; or all there are."""
        X = self.X[0] if len(self.X) == 1 else np.concatenate(self.X)
        good = self.good[0] if len(self.good) == 1 else np.concatenate(self.good)
        n, end = self.size, len(good)
        if len(X) > n:
            end = int(np.flatnonzero(good)[n - 1]) + 1
        kept = {name: values[:end] for name, values in self.kept.items()}
        self.X, self.good = [X[n:]], [good[end:]]
        self.kept = {name: values[end:] for name, values in self.kept.items()}
        self.n_good = max(len(X) - n, 0)
        return _Rows(X[:n], good[:end], kept)
