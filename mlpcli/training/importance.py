"""Permutation importance: how much worse a metric gets where the values of a column are shuffled.

The columns are those of the file: the one-hot inputs of a category, the parts of a date, a number
and the mark that it is missing are shuffled together, so that each row's value stays whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Encoding, Part
from mlpcli.nn.evaluation import losses_of
from mlpcli.nn.network import Network
from mlpcli.randomness import generator
from mlpcli.training.build import loss_target
from mlpcli.training.evaluation import outcome, predict
from mlpcli.training.intervals import LEVEL, Interval, student_quantile
from mlpcli.training.metrics import METRICS, Metric, Outcome

REPEATS = 10  # shuffles of a column
FEWEST_REPEATS = 3
MOST_ROWS, FEWEST_ROWS = 5000, 200
FEWEST_COLUMNS = 5
MOST_COLUMNS = 50  # where all of them, with FAIR_ROWS rows each, are beyond the budget
FAIR_ROWS = 1000
GROUPS = 20  # of the jackknife: t of 19 degrees of freedom is 7 % wider than the normal's
MULTIPLY_ADDS = 3e10  # of all predictions: about 3 s on one core
MOST_SCREENED = 4  # times the budget, for one shuffle of each column
OVERHEAD = 2000.0  # multiply-adds that a row's prediction costs beside the matrix products
FIRST = {"regression": "rmse", "binary": "roc_auc", "multiclass": "accuracy"}
FIRST |= {"multilabel": "roc_auc"}


@dataclass(frozen=True)
class ColumnImportance:
    """How much worse the metric is, in its own unit, with a column shuffled.

    interval  holds the mean over all rows like these and all shuffles in 95 % of samples; limits
              are NaN where the metric of some of the rows is not defined
    repeats   shuffles
    """

    name: str
    interval: Interval
    repeats: int


@dataclass(frozen=True)
class Importance:
    """The columns of the file, the most important first.

    metric   its name
    value    of the rows as they are
    n_rows   that were predicted, of n_all: of many, a random sample
    columns  with as many repeats as `repeats` says
    screened  columns that mattered less than those in one shuffle of few rows, to the loss
    """

    metric: str
    value: float
    n_rows: int
    n_all: int
    repeats: int
    columns: list[ColumnImportance]
    screened: list[str]


def importance_metric(encoding: Encoding, seen: Outcome) -> Metric:
    """Return the metric whose change is measured: the first that is defined for these rows.

    ROC AUC of two classes and of labels, accuracy of more classes, RMSE of a number, R² of several.
    """
    name = FIRST[encoding.task]
    if encoding.task == "regression" and len(encoding.target.names) > 1:
        name = "r2"  # their units may differ
    metric: Metric = METRICS[name]()
    if name == "roc_auc" and not math.isfinite(metric.value(seen)):
        return METRICS["accuracy"]()  # a class is missing
    return metric


@np.errstate(all="ignore")
def permutation_importance(
    network: Network,
    encoding: Encoding,
    part: Part,
    *,
    seed: int,
    temperature: float = 1.0,
    groups: Mapping[str, Array] | None = None,
) -> Importance | None:
    """Return the importance of each input column for the rows of a part.

    change = metric(rows as they are) − mean over repeats of metric(column shuffled),
    with the opposite sign for a metric of which less is better.

    Its cost is bounded: of many rows a sample is taken, then each column is shuffled less often,
    then only those are that matter most in one shuffle. None where there are too many for that,
    or fewer than two rows.

    groups  features (n_features,) numbers by name; None: those of each column of the file
    Source: Breiman, 2001, Random forests, 10; Fisher, Rudin and Dominici, 2019. The interval is a
    delete-a-group jackknife over rows: Kott, 2001; Shao and Tu, 1995, The jackknife, 2.3.
    """
    if len(part) < 2:  # noqa: PLR2004
        return None
    if groups is None:
        groups = feature_groups(encoding)
    plan = _Plan.within_budget(network, len(part), len(groups))
    if plan is None:
        return None
    shuffles = _Shuffles(network, encoding, part, seed, temperature)
    screened: list[str] = []
    if plan.n_columns < len(groups):
        screened = shuffles.sample(FEWEST_ROWS).screen(groups)[plan.n_columns :]
        left_out = {*screened}
        groups = {name: some for name, some in groups.items() if name not in left_out}
    chosen = shuffles.sample(plan.n_rows)
    columns = [
        chosen.measure(name, features, plan.repeats, k)
        for k, (name, features) in enumerate(groups.items())
    ]
    columns.sort(key=lambda column: -column.interval.estimate)
    return Importance(
        chosen.metric.name,
        chosen.metric.value(chosen.seen),
        len(chosen.part),
        len(part),
        plan.repeats,
        columns,
        screened,
    )


def feature_groups(encoding: Encoding) -> dict[str, Array]:
    """Return the features of each column of the file, by its name."""
    number = encoding.inputs.column_numbers
    return {name: np.flatnonzero(number == k) for k, name in enumerate(encoding.inputs.names)}


@dataclass(frozen=True)
class _Plan:
    """How many rows, repeats and columns fit into the budget."""

    n_rows: int
    repeats: int
    n_columns: int

    @staticmethod
    def within_budget(network: Network, n_rows: int, n_columns: int) -> _Plan | None:
        members = prod(network.lane_shape) * prod(network.architecture.member_shape)
        each = members * (network.architecture.layout.n_numbers + OVERHEAD)
        affordable = MULTIPLY_ADDS / each  # predictions of a row
        if n_columns * min(n_rows, FEWEST_ROWS) > MOST_SCREENED * affordable:
            return None
        least = min(n_rows, FEWEST_ROWS)
        most = min(n_rows, MOST_ROWS)
        if n_columns * REPEATS * min(most, FAIR_ROWS) > affordable:
            n_columns = min(n_columns, MOST_COLUMNS)
        rows = int(min(most, max(least, affordable / (n_columns * REPEATS))))
        repeats = int(min(REPEATS, max(FEWEST_REPEATS, affordable / (n_columns * rows))))
        columns = int(min(n_columns, max(FEWEST_COLUMNS, affordable / (repeats * rows))))
        return _Plan(rows, repeats, columns)


class _Shuffles:
    """Shuffles columns of some rows and computes the metric."""

    def __init__(
        self, network: Network, encoding: Encoding, part: Part, seed: int, temperature: float
    ) -> None:
        self.network, self.encoding, self.part = network, encoding, part
        self.seed, self.temperature = seed, temperature
        self.X = part.X.copy()
        self.seen = self._outcome(self._predict(part.X))
        self.metric = importance_metric(encoding, self.seen)
        self.sign = 1.0 if self.metric.greater_is_better else -1.0
        order = generator(seed, "importance").permutation(len(part))
        self.group = order % min(len(part), GROUPS)
        self.base = self._jackknife(self.seen)

    def sample(self, n_rows: int) -> _Shuffles:
        """Return the same of a random sample of the rows."""
        if n_rows >= len(self.part):
            return self
        rows = generator(self.seed, "importance", 0, 1).permutation(len(self.part))[:n_rows]
        part = self.part.take(np.sort(rows))
        return _Shuffles(self.network, self.encoding, part, self.seed, self.temperature)

    def screen(self, groups: Mapping[str, Array]) -> list[str]:
        """Return the columns, the ones first whose shuffle raises the loss most."""
        raised = {}
        for k, (name, features) in enumerate(groups.items()):
            (y_hat,) = self._shuffled(features, 1, len(groups) + k)
            raised[name] = float(np.nan_to_num(np.mean(self._losses(y_hat)), nan=np.inf))
        return sorted(raised, key=lambda name: -raised[name])

    def _losses(self, y_hat: Array) -> Array:
        target = loss_target(self.encoding, self.part.y, np.float64)
        return losses_of(self.network.architecture.loss, y_hat, target)

    def measure(self, name: str, features: Array, repeats: int, k: int) -> ColumnImportance:
        """Return the importance of one column."""
        shuffled = [self._outcome(y_hat) for y_hat in self._shuffled(features, repeats, k)]
        # Differences first: a column that changes nothing has exactly 0.
        change = self.sign * np.mean([self.base - self._jackknife(s) for s in shuffled], axis=0)
        return ColumnImportance(name, _jackknife_interval(change), repeats)

    def _shuffled(self, features: Array, repeats: int, k: int) -> Sequence[Array]:
        """Return what is predicted with some features shuffled, several times."""
        found, kept = [], self.X[:, features]
        for repeat in range(repeats):
            order = generator(self.seed, "importance", repeat + 1, k).permutation(len(kept))
            self.X[:, features] = kept[order]
            found.append(self._predict(self.X))
        self.X[:, features] = kept
        return found

    def _predict(self, X: Array) -> Array:
        return predict(self.network, X, self.temperature)

    def _outcome(self, y_hat: Array) -> Outcome:
        return outcome(self.network.architecture, self.encoding, self.part.labels, y_hat)

    def _jackknife(self, seen: Outcome) -> Array:
        """Return the metric (1 + groups,) of all rows, then without each group of rows."""
        n_groups = int(self.group.max()) + 1
        without = [np.flatnonzero(self.group != g) for g in range(n_groups)]
        each = [seen, *(seen.take(rows) for rows in without)]
        return np.array([self.metric.value(one) for one in each])


def _jackknife_interval(values: Array) -> Interval:
    """θ ± t √((G − 1)/G Σ (θ_g − θ̄)²), t the quantile of G − 1 degrees of freedom.

    values  (1 + G,) θ of all rows, then θ_g without each group
    """
    estimate, left = float(values[0]), values[1:]
    n = len(left)
    error = math.sqrt((n - 1) / n * float(np.sum((left - left.mean()) ** 2)))
    reach = student_quantile(0.5 + LEVEL / 2, n - 1) * error
    return Interval(estimate, estimate - reach, estimate + reach, "jackknife", LEVEL)
