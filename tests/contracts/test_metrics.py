"""Every metric equals scikit-learn's of the same name."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from mlpcli.training.metrics import METRICS, Outcome, applicable
from mlpcli.training.metrics.calibration import Bin, reliability

N = 200
AVERAGE = {"binary": "binary", "multiclass": "macro", "multilabel": "macro"}


def decisions(outcome):
    if outcome.task == "multiclass":
        return outcome.score.argmax(axis=1)
    decided = (outcome.score > outcome.threshold).astype(int)
    return decided[:, 0] if outcome.task == "binary" else decided


def roc_auc(outcome):
    score = outcome.score[:, 0] if outcome.task == "binary" else outcome.score
    return sk.roc_auc_score(outcome.target, score, average="macro", multi_class="ovr")


def log_loss(outcome):
    score = outcome.score
    both = np.hstack([1 - score, score]) if outcome.task == "binary" else score
    return sk.log_loss(outcome.target, both, labels=range(both.shape[1]))


def calibration_error(outcome):
    """scikit-learn's calibration curve has the means of each bin that has rows, not how many."""
    if outcome.task == "binary":
        chance, hit = outcome.score[:, 0], outcome.target
    else:
        chance, hit = outcome.score.max(axis=1), outcome.score.argmax(axis=1) == outcome.target
    observed, predicted = calibration_curve(hit, chance, n_bins=15, strategy="uniform")
    edges = np.linspace(0, 1, 16)
    rows = [np.sum((chance > a) & (chance <= b)) for a, b in itertools.pairwise(edges)]
    rows[0] += np.sum(chance == 0)
    return np.sum(np.abs(observed - predicted) * [n for n in rows if n]) / len(chance)


# A new metric needs its line here: without one its test fails.
ORACLES = {
    "accuracy": lambda o: sk.accuracy_score(o.target, decisions(o)),
    "balanced_accuracy": lambda o: sk.balanced_accuracy_score(o.target, decisions(o)),
    "f1": lambda o: sk.f1_score(o.target, decisions(o), average=AVERAGE[o.task], zero_division=0.0),
    "roc_auc": roc_auc,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
    "mse": lambda o: sk.mean_squared_error(o.target, o.score),
    "rmse": lambda o: sk.root_mean_squared_error(o.target, o.score),
    "mae": lambda o: sk.mean_absolute_error(o.target, o.score),
    "r2": lambda o: sk.r2_score(o.target, o.score),
    "pinball": lambda o: np.mean(
        [
            sk.mean_pinball_loss(o.target, o.quantiles[:, k], alpha=level)
            for k, level in enumerate(o.levels)
        ]
    ),
    # scikit-learn has none: counted one by one
    "crossings": lambda o: np.mean(
        [list(row) != sorted(row) for rows in o.quantiles for row in rows.T]
    ),
    "poisson_deviance": lambda o: sk.mean_poisson_deviance(o.target.ravel(), o.score.ravel()),
    "gamma_deviance": lambda o: sk.mean_gamma_deviance(o.target.ravel(), o.score.ravel()),
}


def probabilities(rng, n_classes):
    return rng.dirichlet(np.ones(n_classes), N)


def margins(rng):
    # scores that are no probabilities: above 0 is yes
    score = rng.normal(size=(N, 1))
    return Outcome("binary", rng.integers(0, 2, N), score, probability=False, threshold=0.0)


def margins_of_labels(rng):
    score = rng.integers(-2, 3, (N, 3)).astype(float)
    target = rng.integers(0, 2, (N, 3))
    return Outcome("multilabel", target, score, probability=False, threshold=0.0)


def quantiles(rng):
    y = rng.normal(size=(N, 2)) * [1.0, 50.0]
    found = np.array([[-1.0], [0.0], [1.0]]) * [1.0, 50.0] + rng.normal(size=(N, 3, 2))
    return Outcome("regression", y, found[:, 1], levels=(0.1, 0.5, 0.75), quantiles=found)


def counts(rng):
    return Outcome("regression", rng.poisson(2.0, (N, 2)).astype(float), rng.random((N, 2)) + 0.1)


def amounts(rng):
    return Outcome("regression", rng.gamma(2.0, 3.0, (N, 1)), rng.random((N, 1)) + 0.1)


def binary(rng):
    return Outcome("binary", rng.integers(0, 2, N), rng.random((N, 1)))


def binary_ties(rng):
    # scores 0, 0.1, … 1: many tied, some exactly at the threshold, some exactly 0 and 1
    return Outcome("binary", rng.integers(0, 2, N), rng.integers(0, 11, (N, 1)) / 10)


def binary_rare(rng):
    return Outcome("binary", (np.arange(N) == 3).astype(int), rng.random((N, 1)) / 2)


def multiclass(rng):
    return Outcome("multiclass", rng.integers(0, 4, N), probabilities(rng, 4))


def multiclass_ties(rng):
    counts = rng.multinomial(4, np.ones(4) / 4, N)  # quarters: the largest is often not alone
    return Outcome("multiclass", rng.integers(0, 4, N), counts / 4)


def multilabel(rng):
    return Outcome("multilabel", rng.integers(0, 2, (N, 3)), rng.random((N, 3)))


def multilabel_ties(rng):
    return Outcome("multilabel", rng.integers(0, 2, (N, 3)), rng.integers(0, 5, (N, 3)) / 4)


def regression(rng):
    y = rng.normal(size=(N, 1))
    return Outcome("regression", 50 + 9 * y, 50 + 9 * y + rng.normal(size=y.shape))


def regression_many(rng):
    y = rng.normal(size=(N, 3)) * [1.0, 10.0, 100.0]
    return Outcome("regression", y, y + rng.normal(size=y.shape) * [0.1, 20.0, 5.0])


def regression_constant(rng):
    y = np.full((N, 2), [2.5, -4.0])
    return Outcome("regression", y, y + rng.normal(size=(N, 1)) * [0.0, 1.0])


CASES = [
    *(binary, binary_ties, binary_rare, multiclass, multiclass_ties),
    *(multilabel, multilabel_ties, regression, regression_many, regression_constant),
    *(margins, margins_of_labels, quantiles, counts, amounts),
]
# What a metric of one loss alone is made for.
ALONE = {
    "pinball": [quantiles],
    "crossings": [quantiles],
    "poisson_deviance": [counts, amounts],
    "gamma_deviance": [amounts],
}


@pytest.mark.parametrize("name", METRICS)
def test_it_equals_scikit_learn(name):
    compared = 0
    for case in ALONE.get(name, CASES):
        for seed in range(10 if name in ALONE else 5):
            outcome = case(np.random.default_rng(seed))
            chances = outcome.probability or not METRICS[name].needs_probability
            if outcome.task in METRICS[name].tasks and chances:
                found, expected = METRICS[name]().value(outcome), ORACLES[name](outcome)
                assert found == pytest.approx(expected, rel=1e-12), (case.__name__, seed)
                compared += 1
    assert compared >= 10


# What a metric's values lie between, by its definition; a new metric needs its line here too.
ERROR, SHARE = (0.0, np.inf), (0.0, 1.0)
BOUNDS = {
    "accuracy": SHARE,
    "balanced_accuracy": SHARE,
    "f1": SHARE,
    "roc_auc": SHARE,
    "log_loss": ERROR,
    "mse": ERROR,
    "rmse": ERROR,
    "mae": ERROR,
    "r2": (-np.inf, 1.0),
    "pinball": ERROR,
    "crossings": SHARE,
    "poisson_deviance": ERROR,
    "gamma_deviance": ERROR,
    "calibration_error": SHARE,
}


def perfect(outcome):
    """Return the outcome of a model that knows the targets."""
    target = outcome.target.astype(float)
    score = np.eye(4)[outcome.target] if outcome.task == "multiclass" else target
    score = score.reshape(outcome.score.shape)
    if outcome.quantiles is None:
        if outcome.task == "regression":  # the mean of a count is above 0
            score = np.where(score == 0, 1e-300, score)
        return replace(outcome, score=score)
    return replace(outcome, score=score, quantiles=np.repeat(score[:, np.newaxis], 3, axis=1))


@pytest.mark.parametrize("name", METRICS)
def test_its_bounds_are_those_of_its_definition(name):
    """An interval of its mean lies between them: one that is missing lets it leave the range."""
    metric = METRICS[name]()
    assert (metric.lower, metric.upper) == BOUNDS[name]
    reached = metric.upper if metric.greater_is_better else metric.lower
    for case in ALONE.get(name, CASES):
        outcome = case(np.random.default_rng(0))
        if outcome.task in metric.tasks and (outcome.probability or not metric.needs_probability):
            assert metric.lower <= metric.value(outcome) <= metric.upper
            assert metric.value(perfect(outcome)) == pytest.approx(reached, abs=1e-12)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("name", [n for n in METRICS if "multiclass" in METRICS[n].tasks])
@pytest.mark.parametrize("ever_predicted", [False, True])
def test_a_class_without_rows(name, ever_predicted):
    rng = np.random.default_rng(0)
    score = probabilities(rng, 4)
    if not ever_predicted:
        score[:, 2] = 0.0
        score /= score.sum(axis=1, keepdims=True)
    outcome = Outcome("multiclass", rng.choice([0, 1, 3], N), score)
    found = METRICS[name]().value(outcome)
    if name == "roc_auc":
        assert np.isnan(found)  # no pair of rows to compare
    else:
        assert found == pytest.approx(ORACLES[name](outcome), rel=1e-12)


def test_auc_by_hand_with_ties():
    # pairs (1 above 0): 0.4 > 0.1, 0.4 = 0.4, 0.8 > 0.1, 0.8 > 0.4: (1 + 1/2 + 1 + 1) / 4
    outcome = Outcome("binary", np.array([0, 0, 1, 1]), np.array([[0.1], [0.4], [0.4], [0.8]]))
    assert METRICS["roc_auc"]().value(outcome) == 3.5 / 4


def test_a_probability_of_one_half_is_not_above_one_half():
    outcome = Outcome("binary", np.array([0, 1]), np.array([[0.5], [0.5]]))
    assert METRICS["accuracy"]().value(outcome) == 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_loss_of_a_certain_mistake_is_finite(dtype):
    outcome = Outcome("binary", np.array([0]), np.array([[1.0]], dtype))
    assert METRICS["log_loss"]().value(outcome) == pytest.approx(-np.log(np.finfo(dtype).eps))


def test_calibration_by_hand():
    # an edge belongs to the bin below it, 0 to the first
    score = np.array([0.0, 0.1, 0.2, 0.5, 0.5, 0.9])[:, np.newaxis]
    seen = Outcome("binary", np.array([0, 1, 1, 1, 0, 1]), score)
    assert reliability(seen, 2) == [
        Bin(0.0, 0.5, 5, pytest.approx(1.3 / 5), 3),
        Bin(0.5, 1.0, 1, 0.9, 1),
    ]
    # 15 bins: {0}, {0.1}, {0.2}, {0.5, 0.5} and {0.9} miss by 0, 0.9, 0.8, 0 and 0.1 rows
    assert METRICS["calibration_error"]().value(seen) == pytest.approx(1.8 / 6)


def test_calibration_of_many_classes_is_that_of_the_class_predicted():
    score = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8], [0.4, 0.4, 0.2]])
    seen = Outcome("multiclass", np.array([1, 1, 0, 0]), score)
    assert reliability(seen, 2) == [
        Bin(0.0, 0.5, 2, pytest.approx(0.45), 1),  # the first of two classes alike is predicted
        Bin(0.5, 1.0, 2, pytest.approx(0.8), 1),
    ]


def test_calibration_of_what_is_no_number_is_not_defined():
    seen = Outcome("binary", np.array([0, 1]), np.array([[0.5], [np.nan]]))
    assert np.isnan(METRICS["calibration_error"]().value(seen))


def test_confusion_by_hand():
    score = np.eye(3)[[0, 1, 1, 2, 0]]
    outcome = Outcome("multiclass", np.array([0, 0, 1, 2, 2]), score)
    np.testing.assert_array_equal(outcome.confusion, [[1, 1, 0], [0, 1, 0], [1, 0, 1]])


@pytest.mark.parametrize(("error", "r2"), [(0, 1), (0.01, 0)])
def test_r2_of_a_constant_target_that_its_mean_misses_by_rounding(error, r2):
    y = np.full((7, 1), 0.1)  # the mean of seven 0.1 is not 0.1
    assert METRICS["r2"]().value(Outcome("regression", y, y + error)) == r2


def test_r2_of_one_row_is_not_defined():
    y = np.ones((1, 1))
    assert np.isnan(METRICS["r2"]().value(Outcome("regression", y, y)))


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass", "multilabel"])
def test_metrics_of_a_task(task):
    fitting = [n for n in METRICS if task in METRICS[n].tasks]
    alone = [n for n in fitting if METRICS[n].losses]
    assert [m.name for m in applicable(task)] == [n for n in fitting if n not in alone]
    assert set(alone) == (set(ALONE) if task == "regression" else set())
    for name in alone:
        (loss,) = METRICS[name].losses
        assert name in [m.name for m in applicable(task, loss=loss)]
        assert name not in [m.name for m in applicable(task, loss="mae")]
    without = {m.name for m in applicable(task, probability=False)}
    assert not any(METRICS[n].needs_probability for n in without)
    assert any(task in METRICS[n].each_epoch for n in METRICS)
    assert all(set(m.each_epoch) <= set(m.tasks) for m in METRICS.values())


def test_crossings_and_pinball_by_hand():
    # levels 1/4, 1/2: the second row's quantiles cross
    q = np.array([[[1.0], [3.0]], [[5.0], [4.0]]])
    seen = Outcome("regression", np.array([[2.0], [4.0]]), q[:, 1], levels=(0.25, 0.5), quantiles=q)
    assert METRICS["crossings"]().value(seen) == 0.5
    # 1/4 (2 − 1), 1/2 (3 − 2), 3/4 (5 − 4), 0
    assert METRICS["pinball"]().value(seen) == 1.5 / 4


def test_the_poisson_deviance_of_no_count():
    seen = Outcome("regression", np.array([[0.0]]), np.array([[0.5]]))
    assert METRICS["poisson_deviance"]().value(seen) == 1.0  # 2 (0 + 0.5 − 0)


@pytest.mark.parametrize("name", ["poisson_deviance", "gamma_deviance"])
def test_a_deviance_is_not_defined_where_the_mean_is_0(name):
    assert np.isnan(METRICS[name]().value(Outcome("regression", np.ones((1, 1)), np.zeros((1, 1)))))
