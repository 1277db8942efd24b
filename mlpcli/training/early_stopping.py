"""Early stopping: remember the best epoch, and stop when patience has run out."""

from __future__ import annotations

import math

from mlpcli.array_types import Array


class EarlyStopping:
    """The best parameters so far, and how many epochs have passed without a better one.

    patience           epochs without improvement before training stops; None never stops
    min_delta          an improvement is a change by more than this
    greater_is_better  whether the monitored figure is to be maximized

    The weights of the last improvement are kept whether or not patience runs out.
    Source: the lecture; Prechelt, Early stopping, but when?, 1998.
    """

    def __init__(self, patience: int | None, min_delta: float, *, greater_is_better: bool) -> None:
        self.patience = patience
        self.min_delta = min_delta
        self.sign = -1.0 if greater_is_better else 1.0
        self.best = math.inf
        self.best_epoch = 0
        self.vector: Array | None = None
        self.waited = 0

    def improved(self, epoch: int, figure: float, vector: Array) -> bool:
        """Take an epoch's figure; copy the network's vector where it is the best so far."""
        if self.sign * figure < self.best - self.min_delta:
            self.best, self.best_epoch, self.waited = self.sign * figure, epoch, 0
            if self.vector is None:
                self.vector = vector.copy()
            else:
                self.vector[...] = vector
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.waited >= self.patience
