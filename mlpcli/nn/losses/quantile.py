"""Quantiles of the target, several levels at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.losses.loss import LOSSES, Loss


@LOSSES.add("quantile")
class Quantile(Loss):
    """J = 1/N Σ_d Σ_q Σ_j r ([r > 0] − q), r = ŷ_dqj − y_dj; dJ/dŷ = ([r > 0] − q) / N.

    The pinball loss: a prediction too high costs 1 − q for each unit, one too low costs q, and the
    least mean cost is at the q-quantile. The outputs are blocks, one a level, each with an output
    for every target. Nothing keeps predictions at rising levels from falling: `crossings` counts
    them, and they are predicted as they are.
    Source: Koenker and Bassett, 1978, Regression Quantiles; scikit-learn's mean_pinball_loss,
    which averages over the outputs as well.
    """

    link: ClassVar[str] = "identity"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    levels: tuple[float, ...] = setting(
        (0.1, 0.5, 0.9), "q, rising, each between 0 and 1; `prediction` is the nearest to 0.5"
    )

    def faults(self, task: str | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if not self.levels:
            yield ("levels",), "at least one level is needed, such as [0.1, 0.5, 0.9]"
        for k, level in enumerate(self.levels):
            if not 0 < level < 1:
                yield ("levels", k), f"a level lies between 0 and 1, {level:g} does not"
            elif k and level <= self.levels[k - 1]:
                yield ("levels", k), f"levels rise: {level:g} comes after {self.levels[k - 1]:g}"

    def n_outputs(self, n_targets: int) -> int:
        return len(self.levels) * n_targets

    @property
    def median(self) -> int:
        """The number of the level nearest to 0.5; of two as near, the lower."""
        return int(np.argmin(np.abs(np.array(self.levels) - 0.5).round(12)))

    def by_level(self, y_hat: Array) -> Array:
        """Return ŷ as (..., rows, levels, targets), a view."""
        levels = len(self.levels)
        return y_hat.reshape(*y_hat.shape[:-1], levels, y_hat.shape[-1] // levels)

    def central(self, y_hat: Array) -> Array:
        central: Array = self.by_level(y_hat)[..., self.median, :]
        return central

    def predictions(self, y_hat: Array) -> Iterator[tuple[str, Array, bool]]:
        """Yield the quantiles nearest to the median, then those of every level: _q0.1."""
        yield "", self.central(y_hat), False
        for k, level in enumerate(self.levels):
            yield f"_q{level!r}", self.by_level(y_hat)[..., k, :], False

    def side(self, u: Array, y: Array) -> Array | None:
        return self.by_level(u) > y[..., np.newaxis, :]

    def _levels(self, like: Array) -> Array:
        """Return q, (Q, 1)."""
        return np.array(self.levels, like.dtype)[:, np.newaxis]

    def value(self, u: Array, y: Array) -> Array:
        r = self.by_level(u) - y[..., np.newaxis, :]
        return np.sum(r * ((r > 0) - self._levels(u)), axis=(-2, -1))

    def scratch(self, out: Array) -> Any:
        return self._levels(out)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← scale ([r > 0] − q), −q where r is 0."""
        by_level = self.by_level(out)
        np.greater(self.by_level(u), y[..., np.newaxis, :], out=by_level)
        np.subtract(by_level, scratch, out=by_level)
        np.multiply(out, scale, out=out)
