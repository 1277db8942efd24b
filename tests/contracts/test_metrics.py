"""Every metric equals scikit-learn's of the same name."""

import numpy as np
import pytest
from sklearn import metrics as sk

from mlpcli.training.metrics import METRICS, Outcome, applicable

N = 200
AVERAGE = {"binary": "binary", "multiclass": "macro", "multilabel": "macro"}


def decisions(outcome):
    if outcome.task == "multiclass":
        return outcome.score.argmax(axis=1)
    decided = (outcome.score > 0.5).astype(int)
    return decided[:, 0] if outcome.task == "binary" else decided


def roc_auc(outcome):
    score = outcome.score[:, 0] if outcome.task == "binary" else outcome.score
    return sk.roc_auc_score(outcome.target, score, average="macro", multi_class="ovr")


def log_loss(outcome):
    score = outcome.score
    both = np.hstack([1 - score, score]) if outcome.task == "binary" else score
    return sk.log_loss(outcome.target, both, labels=range(both.shape[1]))


# A new metric needs its line here: without one its test fails.
ORACLES = {
    "accuracy": lambda o: sk.accuracy_score(o.target, decisions(o)),
    "balanced_accuracy": lambda o: sk.balanced_accuracy_score(o.target, decisions(o)),
    "f1": lambda o: sk.f1_score(o.target, decisions(o), average=AVERAGE[o.task], zero_division=0.0),
    "roc_auc": roc_auc,
    "log_loss": log_loss,
    "mse": lambda o: sk.mean_squared_error(o.target, o.score),
    "rmse": lambda o: sk.root_mean_squared_error(o.target, o.score),
    "mae": lambda o: sk.mean_absolute_error(o.target, o.score),
    "r2": lambda o: sk.r2_score(o.target, o.score),
}


def probabilities(rng, n_classes):
    return rng.dirichlet(np.ones(n_classes), N)


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
]


@pytest.mark.parametrize("name", METRICS)
def test_it_equals_scikit_learn(name):
    compared = 0
    for case in CASES:
        for seed in range(5):
            outcome = case(np.random.default_rng(seed))
            if outcome.task in METRICS[name].tasks:
                found, expected = METRICS[name]().value(outcome), ORACLES[name](outcome)
                assert found == pytest.approx(expected, rel=1e-12), (case.__name__, seed)
                compared += 1
    assert compared >= 10


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
    assert [m.name for m in applicable(task)] == [n for n in METRICS if task in METRICS[n].tasks]
    without = {m.name for m in applicable(task, probability=False)}
    assert not any(METRICS[n].needs_probability for n in without)
    assert any(task in METRICS[n].each_epoch for n in METRICS)
    assert all(set(m.each_epoch) <= set(m.tasks) for m in METRICS.values())
