"""When a temperature is kept, and which rows it is fitted to."""

import numpy as np
import pytest
from scipy import optimize, special, stats

from mlpcli.nn.losses import LOSSES
from mlpcli.training.calibration import calibrate
from mlpcli.training.evaluation import evaluate, predict, row_losses
from mlpcli.training.metrics.classes import held_above_0

SPEC = """
data: {path: iris.csv, target: species, scale: standard, split: {validation: 0.4, test: 0.2}}
model: {layers: [{units: 8, activation: tanh}], output_initializer: glorot_uniform}
training: {epochs: 3, optimizer: {name: sgd, learning_rate: 0.1}}
runtime: {dtype: float64}
"""
BINARY = """
data: {path: two.csv, target: y, scale: standard, split: {validation: 0.4, test: 0.2}}
model: {layers: [{units: 6, activation: tanh}], output_initializer: glorot_uniform}
training: {epochs: 6, optimizer: {name: sgd, learning_rate: 0.1}}
runtime: {dtype: float64}
"""


@pytest.fixture
def trained(training, tmp_path):
    """Return a function that trains a spec, its output weights multiplied by a number."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2))
    y = (rng.random(600) < 1 / (1 + np.exp(-2 * x[:, 0]))).astype(int)
    w = rng.integers(1, 4, 600)
    rows = [f"{a!r},{b!r},{c},{d}" for a, b, c, d in zip(*x.T.tolist(), y, w, strict=True)]
    (tmp_path / "two.csv").write_text("\n".join(["a,b,y,w", *rows]) + "\n", "ascii")

    def make(*overrides, spec=SPEC, sharper=1.0):
        one = training(*overrides, spec=spec)
        list(one.run())
        for name, tensor in one.network.tensors().items():
            if name.startswith("output"):
                tensor[...] = sharper * tensor
        return one

    return make


def fitted(one, part):
    return calibrate(one.network, one.encoding, part)


def best(u, y, weight=None):
    """Return T by SciPy: y smoothed as by one row more whose class is not known."""
    n, n_classes = u.shape
    y = np.eye(n_classes)[y] * n / (n + 1) + 1 / (n + 1) / n_classes

    def loss(log_t):
        losses = -np.sum(y * special.log_softmax(u / np.exp(log_t), axis=1), axis=1)
        return np.average(losses, weights=weight)

    found = optimize.minimize_scalar(
        loss, bounds=(-4.5, 4.5), method="bounded", options={"xatol": 1e-10}
    )
    return np.exp(found.x)


def outputs(one, part):
    """Return u with a column a class, of a tanh layer, written out."""
    t = {name: np.asarray(tensor) for name, tensor in one.network.tensors().items()}
    h = np.tanh(part.X @ t["hidden.1.weight"] + t["hidden.1.bias"])
    u = h @ t["output.weight"] + t["output.bias"]
    return np.hstack([np.zeros_like(u), u]) if u.shape[1] == 1 else u


@pytest.mark.parametrize("sharper", [0.3, 1.0, 10.0])
@pytest.mark.parametrize("spec", [SPEC, BINARY])
def test_it_is_fitted_on_the_rows_given_and_kept_by_a_paired_test(spec, sharper, trained):
    one = trained(spec=spec, sharper=sharper)
    for part in one.dataset.parts.values():
        found, u = fitted(one, part), outputs(one, part)
        assert found.fitted == pytest.approx(best(u, part.labels), rel=1e-6)
        rows = np.arange(len(u)), part.labels
        before = -special.log_softmax(u, axis=1)[rows]
        after = -special.log_softmax(u / found.fitted, axis=1)[rows]
        statistic = stats.ttest_rel(before, after).statistic
        assert found.kept == (statistic > stats.norm.ppf(0.95))
        assert found.temperature == (found.fitted if found.kept else 1.0)
        assert (found.rows, found.log_loss) == (len(part), pytest.approx(before.mean()))
        assert found.log_loss_fitted == pytest.approx(after.mean())
    if sharper == 10:
        assert fitted(one, one.dataset.parts["validation"]).kept


def test_rows_count_as_they_are_weighted(trained):
    one = trained("data.sample_weight=w", spec=BINARY, sharper=5.0)
    part = one.dataset.parts["validation"]
    u, weight = outputs(one, part), part.weight
    found = fitted(one, part)
    assert found.fitted == pytest.approx(best(u, part.labels, weight), rel=1e-6)
    rows = np.arange(len(u)), part.labels
    before = -special.log_softmax(u, axis=1)[rows]
    after = -special.log_softmax(u / found.fitted, axis=1)[rows]
    assert found.log_loss == pytest.approx(np.average(before, weights=weight))
    assert found.log_loss_fitted == pytest.approx(np.average(after, weights=weight))
    statistic = stats.ttest_1samp((before - after) * weight, 0).statistic
    assert found.kept == (statistic > stats.norm.ppf(0.95))


def test_one_row_shows_nothing(trained):
    one = trained(sharper=20.0)
    part = one.dataset.parts["validation"]
    assert not fitted(one, part.take(np.array([0]))).kept


def test_rows_alike_that_gain_alike_show_something(trained):
    """A difference without any spread is none of chance."""
    one = trained(sharper=0.1)
    part = one.dataset.parts["validation"]
    right = np.flatnonzero(predict(one.network, part.X).argmax(axis=1) == part.labels)[:1]
    assert fitted(one, part.take(np.repeat(right, 5))).kept


def test_a_network_without_numbers_keeps_1(trained):
    one = trained(sharper=np.nan)
    found = fitted(one, one.dataset.parts["validation"])
    assert (found.kept, found.temperature) == (False, 1.0)


@pytest.mark.parametrize(
    ("loss", "has_one"),
    [("cross_entropy", True), ("focal", True), ("hinge", False), ("mse", False)],
)
def test_losses_whose_own_link_is_a_probability_have_one(loss, has_one, trained):
    one = trained(f"model.loss={loss}")
    assert (fitted(one, one.dataset.parts["validation"]) is not None) == has_one


# ---------------------------------------------------------------- what it is applied to


@pytest.mark.parametrize("spec", [SPEC, BINARY])
def test_evaluation_is_of_the_scaled_probabilities_and_decides_alike(spec, trained):
    one = trained(spec=spec)
    part = one.dataset.parts["test"]
    plain = evaluate(one.network, one.encoding, part)
    found = evaluate(one.network, one.encoding, part, 2.5)
    p = special.softmax(outputs(one, part) / 2.5, axis=1)
    losses = -np.log(p[np.arange(len(p)), part.labels])
    assert found.metrics["loss"] == pytest.approx(losses.mean(), rel=1e-12)
    assert found.metrics["log_loss"] == pytest.approx(losses.mean(), rel=1e-12)
    np.testing.assert_allclose(row_losses(one.network, one.encoding, part, 2.5), losses, rtol=1e-9)
    for name in ("accuracy", "balanced_accuracy", "f1"):
        assert found.metrics[name] == plain.metrics[name]
    np.testing.assert_array_equal(found.confusion, plain.confusion)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sharper", [1.0, 5.0, 1000.0])
@pytest.mark.parametrize("spec", [SPEC, BINARY])
def test_loss_and_log_loss_are_one_number_but_where_p_is_held_above_0(
    spec, sharper, dtype, trained
):
    """scikit-learn's log_loss takes a p below ε, 2.2e-16, for ε; the loss does not."""
    one = trained(f"runtime.dtype={dtype}", spec=spec, sharper=sharper)
    few = 0
    for part in one.dataset.parts.values():
        for temperature in (1.0, 0.5, 3.0):
            scores = evaluate(one.network, one.encoding, part, temperature)
            found, n_held = scores.metrics, held_above_0(scores.outcome)
            p = scores.outcome.score
            p = np.hstack([1 - p, p]) if p.shape[1] == 1 else p
            p = p[np.arange(len(p)), part.labels]
            assert n_held == np.count_nonzero(p < 2.0**-52)
            few += n_held
            if n_held:
                assert np.isfinite(found["loss"])
                assert found["log_loss"] < found["loss"] - 0.6 * n_held / len(p)
            else:
                assert found["log_loss"] == pytest.approx(found["loss"], rel=1e-12, abs=1e-15)
    assert (few > 0) == (sharper == 1000)


@pytest.mark.parametrize("loss", ["{name: cross_entropy, label_smoothing: 0.2}", "focal"])
def test_where_they_differ_log_loss_is_of_the_labels(loss, trained):
    one = trained(f"model.loss={loss}")
    part = one.dataset.parts["test"]
    u = outputs(one, part)
    expected = -special.log_softmax(u, axis=1)[np.arange(len(u)), part.labels].mean()
    found = evaluate(one.network, one.encoding, part).metrics
    assert found["log_loss"] == pytest.approx(expected, rel=1e-12)
    assert abs(found["loss"] - expected) > 0.01


@pytest.mark.parametrize("name", [n for n in LOSSES if "regression" in LOSSES[n].tasks])
def test_regressions_have_none(name, trained, tmp_path):
    x = np.linspace(0, 1, 60)
    rows = [f"{a!r},{b!r}" for a, b in zip(x.tolist(), (1 + x**2).tolist(), strict=True)]
    (tmp_path / "line.csv").write_text("\n".join(["x,y", *rows]) + "\n", "ascii")
    spec = "data: {path: line.csv, target: y, task: regression}\ntraining: {epochs: 1}\n"
    one = trained(f"model.loss={name}", spec=spec)
    assert fitted(one, one.dataset.parts["validation"]) is None
