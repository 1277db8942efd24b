"""Axes of a sweep's charts: of its figure, and of each key that is searched."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlpcli.report.drawing import label
from mlpcli.report.numbers import number
from mlpcli.report.settings import setting
from mlpcli.spec.sweep import ParameterSpec

LOG_FROM = 10.0  # the ratio of the largest to the smallest figure from which their scale is a log
FEW_DECADES = 100.0  # below that ratio of the ends, 2 and 5 have ticks too
N_TICKS = 5
MOST_TICKS = 8  # of values that are named one by one


@dataclass(frozen=True)
class Scale:
    """Where values stand on an axis from 0 to 1.

    ticks  their positions, and
    names  what is written there
    """

    low: float
    high: float
    log: bool
    options: list[Any] | None
    ticks: list[float]
    names: list[str]

    def position(self, value: Any) -> float:
        """Return where a value stands."""
        if self.options is not None:
            n = len(self.options)
            return self.options.index(value) / (n - 1) if n > 1 else 0.5
        return _share(float(value), self.low, self.high, log=self.log)


def key_scale(parameter: ParameterSpec) -> Scale:
    """Return the axis of a key: values of a list side by side, a range on its own scale."""
    if parameter.choice is not None or parameter.values is not None:
        options = list(parameter.choice or parameter.values or [])
        last, every = max(1, len(options) - 1), math.ceil(len(options) / MOST_TICKS)
        ticks = [k / last if len(options) > 1 else 0.5 for k in range(0, len(options), every)]
        return Scale(0, 1, log=False, options=options, ticks=ticks, names=_names(options[::every]))
    low, high = (parameter.uniform or parameter.log_uniform or parameter.int or [0, 1])[:2]
    return number_scale(low, high, log=parameter.log_uniform is not None)


def _names(options: Sequence[Any]) -> list[str]:
    return [label(setting(each), 12) for each in options]


def figure_scale(values: Sequence[float]) -> Scale:
    """Return the axis of the figures."""
    return number_scale(min(values), max(values), log=is_log(values))


def number_scale(low: float, high: float, *, log: bool) -> Scale:
    """Return an axis of numbers, its ticks at round ones."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if not high > low:
        return Scale(low, high, log=False, options=None, ticks=[0.5], names=[number(low)])
    subs = (1, 2, 5) if high < FEW_DECADES * low else (1,)
    locator = LogLocator(subs=subs, numticks=N_TICKS) if log else MaxNLocator(N_TICKS - 1)
    inside = [float(x) for x in locator.tick_values(low, high) if low <= x <= high]
    if len(inside) < 2:  # noqa: PLR2004
        inside = [low, high]
    ticks = [_share(x, low, high, log=log) for x in inside]
    return Scale(low, high, log, None, ticks, [f"{x:.4g}" for x in inside])


def _share(value: float, low: float, high: float, *, log: bool) -> float:
    if not high > low:
        return 0.5
    if log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def is_log(values: Sequence[float]) -> bool:
    """Whether figures are shown on a logarithmic scale: they are far apart."""
    low, high = min(values), max(values)
    return low > 0 and high / low >= LOG_FROM
