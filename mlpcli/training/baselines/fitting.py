"""Fit the baselines to the training rows, and score them on rows that they have not seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.data.table import is_constant
from mlpcli.data.targets import ClassTarget, RegressionTarget
from mlpcli.errors import counted
from mlpcli.training.baselines.boosting import MOST_OUTPUTS, Boosting, find_library
from mlpcli.training.baselines.influence import metric_interval
from mlpcli.training.baselines.linear import (
    DEFAULT,
    FOLDS,
    choose_strength,
    deviations,
    fit_linear,
)
from mlpcli.training.baselines.rows import (
    LEAST_ROWS,
    TrainingSample,
    draw_sample,
    few_rows,
    most_rows,
    of_all_classes,
    rows_for_trees,
)
from mlpcli.training.metrics import METRICS, Outcome

Predict = Callable[[Array], Array]

CONSTANT, LINEAR, BOOSTING = "constant", "linear", "gradient_boosting"
LINKS = {
    "regression": "identity",
    "binary": "sigmoid",
    "multilabel": "sigmoid",
    "multiclass": "softmax",
}
# The metric of the constant baseline, and one that it cannot win by the classes' shares alone.
METRICS_OF = {
    "regression": ("rmse", "r2"),
    "binary": ("accuracy", "roc_auc"),
    "multilabel": ("accuracy", "roc_auc"),
    "multiclass": ("accuracy", "balanced_accuracy"),
}
IMBALANCED = 0.8  # share of the most frequent class: beyond, accuracy hardly tells models apart
MOST_CLASSES = 1000  # of a linear model
MISSING = 'no gradient boosting: pip install "mlpcli[baselines]", or lightgbm, adds it'


@dataclass(frozen=True)
class BaselineScore:
    """One metric of one baseline.

    name       constant, linear or gradient_boosting
    part       the part whose rows it is of
    low, high  of the 95 % interval; NaN: there is none
    seconds    that the baseline took
    """

    name: str
    metric: str
    part: str
    value: float
    low: float
    high: float
    seconds: float


@dataclass(frozen=True)
class Baselines:
    """What there is to beat.

    scores  of each baseline its metrics, in the order of `metrics`
    best    the best baseline's score, by the metric that decides; the simpler of equals
    rows    of the part that all are scored on
    notes   what a reader of the scores must know, in sentences
    outcomes  of each baseline, by name: its predictions of these rows
    groups    (rows,) the number of each row's group; None: each row is its own
    """

    scores: tuple[BaselineScore, ...]
    metrics: tuple[str, ...]
    best: BaselineScore
    rows: int
    notes: tuple[str, ...]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    groups: Array | None = None


@dataclass(frozen=True)
class Job:
    """What a baseline is fitted to, and what is to be said of it.

    groups  (training rows,) numbers; None: each row is its own
    """

    dataset: Dataset
    seed: int
    groups: Array | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def link(self) -> str:
        """The link of the target."""
        return LINKS[self.dataset.encoding.task]

    @property
    def shape(self) -> tuple[int, int]:
        """How many features and outputs there are."""
        encoding = self.dataset.encoding
        return encoding.inputs.n_features, encoding.target.n_outputs

    def draw(self, most: int, what: str = "") -> TrainingSample:
        """Return at most so many of the training rows, and note it for `what` where not all."""
        sample = draw_sample(self.dataset, most, self.seed, self.groups, folds=FOLDS)
        if what and len(sample) < sample.of:
            drawn = f"{counted(len(sample), 'row')} drawn from the {sample.of:,} training rows"
            self.notes.append(f"{what}: fitted to {drawn}, to be quick")
        return sample


def fit_baselines(dataset: Dataset, seed: int, group: str | None = None) -> Baselines:
    """Fit the baselines to the training rows; score them on test, or validation, rows.

    seed   of what is drawn at random
    group  a column: rows with the same value are alike, so intervals are by groups
    """
    part = next(name for name in ("test", "validation", "train") if name in dataset.parts)
    groups = {name: _groups(dataset, name, group) for name in ("train", part)}
    metrics = METRICS_OF[dataset.encoding.task]
    job = Job(dataset, seed, groups["train"], [] if part == "test" else [_part_note(part)])
    scores: list[BaselineScore] = []
    outcomes: dict[str, Outcome] = {}
    for name, fit in FITS.items():
        started = time.perf_counter()
        with np.errstate(all="ignore"):
            predict = fit(job)
            if predict is None:
                continue
            outcomes[name] = outcome = _outcome(dataset, part, predict)
            found = {metric: metric_interval(metric, outcome, groups[part]) for metric in metrics}
        seconds = time.perf_counter() - started
        scores += [
            BaselineScore(name, metric, part, one.estimate, one.low, one.high, seconds)
            for metric, one in found.items()
        ]
    best = _best(scores, metrics[_deciding(dataset)])
    n_rows, notes = len(dataset.parts[part]), tuple(job.notes)
    return Baselines(tuple(scores), metrics, best, n_rows, notes, outcomes, groups[part])


def _groups(dataset: Dataset, part: str, column: str | None) -> Array | None:
    """Return the number of each row's group (rows,); a row without a value is one of its own."""
    if column is None:
        return None
    table = dataset.tables.get(part) or dataset.tables["data"]
    numbers, missing = table.coded_texts(column)[0], table.column(column).missing
    alone = len(table) + np.arange(len(table))
    return np.where(missing, alone, numbers)[dataset.parts[part].rows]


def _part_note(part: str) -> str:
    if part == "validation":
        return "there are no test rows: these figures are of the validation rows"
    return (
        "there are training rows alone: these figures are of the rows that the baselines were "
        "fitted to, so too good"
    )


def _deciding(dataset: Dataset) -> int:
    """Return which metric decides: 1, the second, where one class has nearly all training rows."""
    if not isinstance(dataset.encoding.target, ClassTarget):
        return 0
    counts = np.bincount(dataset.parts["train"].labels)
    return int(counts.max() > IMBALANCED * counts.sum())


def _best(scores: list[BaselineScore], metric: str) -> BaselineScore:
    """Return the best score; where the metric is not defined, the first of the other metric."""
    sign = 1 if METRICS[metric].greater_is_better else -1
    found = [score for score in scores if score.metric == metric and np.isfinite(score.value)]
    return max(found, key=lambda score: sign * score.value) if found else scores[0]


def _outcome(dataset: Dataset, part: str, predict: Predict) -> Outcome:
    rows, encoding = dataset.parts[part], dataset.encoding
    y_hat = predict(rows.X)
    score = encoding.target.decode(y_hat)
    return Outcome(encoding.task, rows.labels, score, encoding.task != "regression")


def _fit_constant(job: Job) -> Predict:
    """Return the most frequent class or labels, or the mean, of all training rows alike."""
    dataset = job.dataset
    labels, target = dataset.parts["train"].labels, dataset.encoding.target
    if isinstance(target, ClassTarget):
        one = np.eye(len(target.classes))[np.argmax(np.bincount(labels))]
        one = one[len(one) - target.n_outputs :]
    elif isinstance(target, RegressionTarget):
        mean = np.where(is_constant(labels), labels[0], labels.mean(axis=0))
        one = target.encode(mean[np.newaxis])[0]
    else:
        one = (labels.mean(axis=0) > 0.5).astype(np.float64)  # noqa: PLR2004
    return lambda X: np.repeat(one[np.newaxis], len(X), axis=0)


def _fit_linear(job: Job) -> Predict | None:
    """Return a ridge or logistic regression, its α chosen by cross-validation."""
    n_features, n_outputs = job.shape
    if n_outputs > MOST_CLASSES:
        job.notes.append(f"no linear model: {n_outputs:,} outputs would take too long")
        return None
    sample = job.draw(most_rows(n_features, n_outputs), "linear model")
    link, X = _link(job.link, sample), sample.X.astype(np.float64)
    scale = np.ones(n_features)
    if job.dataset.scale.name == "none":
        scale = deviations(X, sample.weight, job.dataset.encoding.inputs.numeric)
    strength = _choose_strength(job, link, scale)
    model = fit_linear(X, sample.y, sample.weight, link, strength, scale)
    return _of_all_classes(job.dataset, sample, model.predict)


def _choose_strength(job: Job, link: str, scale: Array) -> float:
    """Return α, by as many rows as a few dozen fits take a second or two for."""
    n_rows = few_rows(*job.shape)
    if n_rows < LEAST_ROWS:
        return DEFAULT
    few = job.draw(n_rows)
    X = few.X.astype(np.float64) / scale
    return choose_strength(X, few.y, few.weight, _link(link, few), few.fold)


def _fit_boosting(job: Job) -> Predict | None:
    """Return gradient-boosted trees; None, and a note, where no library for it is there."""
    library, (n_features, n_outputs) = find_library(), job.shape
    if library is None:
        job.notes.append(MISSING)
        return None
    if n_outputs > MOST_OUTPUTS:
        job.notes.append(f"no gradient boosting: {n_outputs:,} outputs would take too long")
        return None
    boosting = Boosting.choose(library, job.link, n_features, n_outputs, job.seed)
    most = rows_for_trees(n_features, boosting.n_trees * n_outputs)
    sample = job.draw(most, "gradient boosting")
    boosting = replace(boosting, link=_link(job.link, sample))
    predict = boosting.fit(sample.X, sample.y, sample.weight)
    return _of_all_classes(job.dataset, sample, predict)


def _link(link: str, sample: TrainingSample) -> str:
    """Return the link for the classes that occur: of one or two there is one column."""
    return "sigmoid" if sample.present is not None and sample.y.shape[1] == 1 else link


def _of_all_classes(dataset: Dataset, sample: TrainingSample, predict: Predict) -> Predict:
    """Return the function's predictions as the target encoder's: a column for every class."""
    target, present = dataset.encoding.target, sample.present
    if not isinstance(target, ClassTarget) or present is None:
        return predict
    n_classes, first = len(target.classes), len(target.classes) - target.n_outputs
    return lambda X: of_all_classes(predict(X), present, n_classes)[:, first:]


FITS: dict[str, Callable[[Job], Predict | None]] = {
    CONSTANT: _fit_constant,
    LINEAR: _fit_linear,
    BOOSTING: _fit_boosting,
}
