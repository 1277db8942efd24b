"""The rows of metrics.csv: means over the lanes, once all of them have completed an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mlpcli.training.events import EpochEnded, LanesEnded


class EpochMeans:
    """Keeps the rows of lanes until all have completed an epoch.

    A lane that has ended keeps contributing the metrics of its selected epoch, in no time; one that
    diverged contributes nothing.

    columns  of metrics.csv
    """

    def __init__(self, columns: Sequence[str], n_lanes: int) -> None:
        self.columns, self.n_lanes = columns, n_lanes
        self.waiting: dict[int, dict[int, dict[str, float]]] = {}  # epoch -> lane -> row
        self.ended: dict[int, tuple[int, dict[str, float] | None]] = {}  # lane -> epochs, row
        self.n_complete = 0

    def add(self, event: EpochEnded) -> None:
        """Record the rows of some lanes; of lanes that are trained again nothing is new."""
        if event.epoch <= self.n_complete:
            return
        rows = zip(event.lanes, event.rows, strict=True)
        self.waiting.setdefault(event.epoch, {}).update(rows)

    def end(self, event: LanesEnded) -> None:
        """Record that lanes have ended."""
        for lane, ended, row in zip(event.lanes, event.ended, event.rows, strict=True):
            self.ended[lane] = ended.epochs, None if row is None else {**row, "seconds": 0.0}

    def completed(self) -> Iterator[tuple[int, dict[int, dict[str, float]], dict[str, float]]]:
        """Yield each epoch that all lanes have now completed.

        With the rows of the lanes that trained in it, in their order, and the mean over all lanes.
        """
        while self.n_complete + 1 in self.waiting:
            epoch = self.n_complete + 1
            rows = self.waiting[epoch]
            gone = {lane: row for lane, (epochs, row) in self.ended.items() if epochs < epoch}
            if len(gone) + len(rows) < self.n_lanes:
                return
            del self.waiting[epoch]
            self.n_complete = epoch
            trained = {lane: rows[lane] for lane in sorted(rows)}
            rows |= {lane: row for lane, row in gone.items() if row is not None}
            mean = self._mean([rows[lane] for lane in sorted(rows)])
            yield epoch, trained, {**mean, "epoch": epoch}

    def _mean(self, rows: list[dict[str, float]]) -> dict[str, float]:
        """Return the mean of each column; of `seconds` the sum."""
        if self.n_lanes == 1:
            return rows[0]
        values = np.array([[row[name] for name in self.columns] for row in rows])
        with np.errstate(all="ignore"):
            # From the first lane's row on: where all are equal, that is the mean.
            mean = values[0] + np.mean(values - values[0], axis=0)
        seconds = float(values[:, self.columns.index("seconds")].sum())
        means = dict(zip(self.columns, mean.tolist(), strict=True))
        return {**means, "seconds": seconds}
