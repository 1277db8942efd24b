"""What replicas reach, against scikit-learn and SciPy; held-out rows; simulated coverage."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats
from sklearn.metrics import accuracy_score, log_loss, r2_score

from mlpcli.data.resampling import bootstrap_rows, folds, out_of_bag
from mlpcli.nn.losses import LOSSES
from mlpcli.randomness import replica_seed
from mlpcli.training.evaluation import evaluate_each, evaluate_held_out
from mlpcli.training.spread import spread

SPECIES = """
data: {path: iris.csv, target: species, split: {validation: 0, test: 0}}
model: {layers: [{units: 5, activation: tanh}]}
training: {epochs: 4, batch_size: 8}
ensemble: {kind: bootstrap, replicas: 6}
runtime: {dtype: float64}
"""


def trained(one):
    list(one.run())
    return one


def predicted(network, X):
    """Return softmax(tanh(X W + b) U + c) of each network, written out."""
    t = {name: np.asarray(tensor) for name, tensor in network.tensors().items()}
    h = np.tanh(X @ t["hidden.1.weight"] + t["hidden.1.bias"][:, np.newaxis])
    u = h @ t["output.weight"] + t["output.bias"][:, np.newaxis]
    return special.softmax(u, axis=-1)


@pytest.mark.parametrize("weighted", [False, True])
def test_figures_of_each_are_scikit_learns(weighted, ensemble):
    one = trained(ensemble(spec=SPECIES))
    part = one.dataset.parts["train"]
    weight = np.random.default_rng(0).integers(0, 3, len(part)).astype(float)
    part = replace(part, weight=weight) if weighted else part
    found = evaluate_each(one.network, one.encoding, one.spec, part)
    assert sorted(found) == ["accuracy", "loss"]
    for r, each in enumerate(predicted(one.network, part.X)):
        loss = log_loss(part.y, each, sample_weight=weight if weighted else None)
        assert found["loss"][r] == pytest.approx(loss, rel=1e-12)
        assert found["accuracy"][r] == accuracy_score(part.labels, each.argmax(axis=1))


@pytest.mark.parametrize("kind", ["bootstrap", "kfold"])
def test_held_out_rows_are_judged_by_those_that_left_them_out(kind, ensemble):
    one = trained(ensemble(f"ensemble.kind={kind}", spec=SPECIES))
    part, n = one.dataset.parts["train"], 150
    each = predicted(one.network, part.X)
    if kind == "bootstrap":
        left = [out_of_bag(bootstrap_rows(n, replica_seed(0, r)), n) for r in range(6)]
    else:
        fold = folds(n, 6, 0, part.labels)
        left = [np.flatnonzero(fold == r) for r in range(6)]
    apart = np.array([np.isin(np.arange(n), rows) for rows in left])
    found = evaluate_held_out(one.network, one.dataset, one.spec, one.lanes)
    rows = np.flatnonzero(apart.any(axis=0))
    assert found.rows.tolist() == rows.tolist()
    assert len(rows) == n if kind == "kfold" else len(rows) < n
    together = np.array([each[apart[:, d], d].mean(axis=0) for d in rows])
    np.testing.assert_allclose(found.y_hat, together, rtol=1e-12)
    labels = part.labels[rows]
    loss = log_loss(labels, together)
    assert found.scores.metrics["loss"] == pytest.approx(loss, rel=1e-12)
    assert found.scores.metrics["accuracy"] == accuracy_score(labels, together.argmax(axis=1))
    for r in range(6):
        own = left[r]
        assert found.each["loss"][r] == pytest.approx(
            log_loss(part.labels[own], each[r, own], labels=[0, 1, 2])
        )


def test_seeds_hold_nothing_out(ensemble):
    one = trained(ensemble("ensemble.kind=seeds", spec=SPECIES))
    assert evaluate_held_out(one.network, one.dataset, one.spec, one.lanes) is None


NUMBERS = """
data: {path: numbers.csv, target: y, task: regression, split: {validation: 0, test: 0}}
model: {layers: [], }
training: {epochs: 40, batch_size: 20, optimizer: {name: sgd, learning_rate: 0.05}}
ensemble: {kind: bootstrap, replicas: 20}
"""


def write(tmp_path, columns, names):
    rows = [",".join(map(repr, row)) for row in np.column_stack(columns).tolist()]
    (tmp_path / "numbers.csv").write_text("\n".join([names, *rows]) + "\n", "ascii")


def test_a_sample_that_has_drawn_every_row_leaves_none_out(ensemble, tmp_path):
    write(tmp_path, [[1.0, 2.0], [3.0, 5.0]], "x,y")
    one = trained(ensemble("training.epochs=1", spec=NUMBERS))
    full = [r for r in range(20) if not len(one.lanes[r].held_out)]
    assert 0 < len(full) < 20
    found = evaluate_held_out(one.network, one.dataset, one.spec, one.lanes)
    assert np.flatnonzero(np.isnan(found.each["loss"])).tolist() == full
    assert spread(found.each)["loss"]["method"] == "none"


def test_a_fold_of_one_row_has_a_loss_and_no_r2(ensemble, tmp_path):
    x = np.arange(5.0)
    write(tmp_path, [x, 2 * x], "x,y")
    folds_ = ("ensemble={kind: kfold, replicas: 5}", "training.epochs=1")
    one = trained(ensemble(*folds_, spec=NUMBERS))
    found = evaluate_held_out(one.network, one.dataset, one.spec, one.lanes)
    assert np.isfinite(found.each["loss"]).all()
    assert np.isnan(found.each["r2"]).all()
    target = one.encoding.target
    together = target.decode(found.y_hat)[:, 0]
    assert found.scores.metrics["r2"] == pytest.approx(r2_score(2 * x, together), rel=1e-9)


# ---------------------------------------------------------------- intervals of the figures


def test_the_t_interval_of_a_figure_without_bounds_is_scipys():
    values = np.array([0.91, 0.85, 0.97, 0.88, 0.9])
    found = spread({"loss": values}, 0.9, loss=LOSSES["gaussian_nll"]())["loss"]
    low, high = stats.t.interval(0.9, 4, values.mean(), stats.sem(values))
    assert (found["method"], found["level"]) == ("t", 0.9)
    assert found["mean"] == pytest.approx(values.mean())
    assert found["standard_error"] == pytest.approx(stats.sem(values))
    assert (found["low"], found["high"]) == (pytest.approx(low), pytest.approx(high))


def test_skewed_figures_of_a_few_have_a_t_interval_too():
    """Of five numbers BCa holds the mean of a normal distribution in 80 % of samples, not 95."""
    found = spread({"loss": np.array([0.1, 0.1, 0.1, 0.1, 0.9])})["loss"]
    assert found["method"] == "t"


def test_the_corrected_interval_by_hand():
    values = np.array([1.0, 2.0, 3.0, 6.0])  # mean 3, s² = 14/3
    found = spread({"loss": values}, 0.95, 1 / 3)["loss"]
    error = np.sqrt(14 / 3 * (1 / 4 + 1 / 3))
    assert found["method"] == "corrected resampled t"
    assert found["standard_error"] == pytest.approx(error)
    assert found["high"] == pytest.approx(3 + stats.t.ppf(0.975, 3) * error)
    assert found["low"] == pytest.approx(3 - stats.t.ppf(0.975, 3) * error)


@pytest.mark.parametrize("resampled", [None, 0.5])
def test_figures_without_an_interval(resampled):
    figures = {
        "one": np.array([2.5]),
        "missing": np.array([1.0, np.nan, 2.0]),
        "infinite": np.array([1.0, np.inf]),
        "both": np.array([np.inf, -np.inf]),
        "same": np.array([0.5, 0.5, 0.5]),
        "huge": np.array([1e308, -1e308, 1e308]),
    }
    found = spread(figures, 0.95, resampled)
    assert [found[name]["method"] for name in ("one", "missing", "infinite", "both")] == [
        "none"
    ] * 4
    assert found["one"]["mean"] == 2.5
    assert np.isnan(found["one"]["low"])
    assert np.isnan(found["missing"]["mean"])
    assert found["infinite"]["mean"] == np.inf
    assert found["same"]["method"] == "none"  # not from 0.5 to 0.5, which would be certainty
    assert np.isnan([found["same"]["low"], found["same"]["high"]]).all()
    assert found["same"]["standard_error"] == 0
    assert found["huge"]["standard_error"] > 1e307


# ---------------------------------------------------------------- coverage


@pytest.mark.parametrize("n", [3, 5, 20])
def test_the_coverage_over_replicas(n):
    """Figures of independent replicas: 95 % of the intervals hold their mean."""
    rng, samples = np.random.default_rng(n), 1500
    each = rng.normal(0.8, 0.1, (samples, n))
    found = [spread({"f": values})["f"] for values in each]
    share = np.mean([one["low"] <= 0.8 <= one["high"] for one in found])
    assert share == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / samples))


def coverage(rows_of, n, resampled, samples=400):
    """Return how many intervals hold the true error of "predict the mean of your rows".

    Its mean squared error on N(0, 1) is 1 + 1/m, m rows, of which some may be the same.
    """
    rng, inside = np.random.default_rng(0), 0
    for seed in range(samples):
        y = rng.normal(size=n)
        figures, truth = [], []
        for rows, left in rows_of(seed):
            share = np.bincount(rows, minlength=n) / len(rows)
            figures.append(np.mean((y[left] - share @ y) ** 2))
            truth.append(1 + np.sum(share**2))
        found = spread({"mse": np.array(figures)}, 0.95, resampled)["mse"]
        inside += found["low"] <= np.mean(truth) <= found["high"]
    return inside / samples


def fold_rows(seed):
    fold = folds(60, 5, seed)
    return [(np.flatnonzero(fold != r), np.flatnonzero(fold == r)) for r in range(5)]


def bag_rows(seed):
    samples = [bootstrap_rows(60, replica_seed(seed, r)) for r in range(20)]
    return [(rows, out_of_bag(rows, 60)) for rows in samples]


def test_the_coverage_of_the_corrected_interval_over_folds():
    assert coverage(fold_rows, 60, 1 / 4) >= 0.95


def test_the_coverage_of_the_corrected_interval_out_of_the_bag():
    """The same rows are in many bags: plain t takes them for new ones, and is far too sure."""
    left = (59 / 60) ** 60
    assert coverage(bag_rows, 60, 0.0) < 0.7
    assert coverage(bag_rows, 60, left / (1 - left)) == pytest.approx(0.95, abs=0.04)
