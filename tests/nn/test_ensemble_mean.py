"""The averaged predictions of a stack: by hand, in blocks and groups of any size."""

import numpy as np
import pytest
from scipy import special

from mlpcli.nn import ensemble_mean
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.ensemble_mean import EnsembleMean
from mlpcli.nn.evaluation import losses_of
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network


def stack(n_lanes, loss="mse", n_outputs=2, dtype=np.float64, scale=1.0):
    layers = (Layer(4, ACTIVATIONS["tanh"]()),)
    task = {"cross_entropy": "multiclass", "binary_cross_entropy": "binary"}.get(loss, "regression")
    architecture = Architecture(3, layers, n_outputs, LOSSES[loss]().for_task(task))
    rng = np.random.default_rng(0)
    vector = rng.normal(0, scale, (n_lanes, architecture.layout.n_numbers))
    return Network(architecture, vector.astype(dtype))


def outputs(network, X):
    """Return u of the output layer (R, rows, outputs), written out."""
    t = {name: np.asarray(tensor) for name, tensor in network.tensors().items()}
    h = np.tanh(X @ t["hidden.1.weight"] + t["hidden.1.bias"][:, np.newaxis])
    return h @ t["output.weight"] + t["output.bias"][:, np.newaxis]


X = np.random.default_rng(1).normal(size=(500, 3))
LINKS = {
    "mse": lambda u: u,
    "cross_entropy": lambda u: special.softmax(u, axis=-1),
    "binary_cross_entropy": special.expit,
    "poisson": np.exp,
}


@pytest.mark.parametrize("loss", LINKS)
def test_the_mean_of_what_each_predicts(loss):
    network = stack(5, loss)
    each = LINKS[loss](outputs(network, X))
    found = EnsembleMean(network).predict(X, np.empty((500, 2)))
    np.testing.assert_allclose(found, each.mean(axis=0), rtol=1e-12)
    levels = (0.05, 0.95)
    quantiles = EnsembleMean(network).quantiles(X, levels)
    np.testing.assert_allclose(quantiles, np.quantile(each, levels, axis=0), rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("group", "numbers"), [(1, 1), (2, 5000), (64, 1), (7, 1 << 20)])
def test_any_blocks_and_groups_have_the_same_bits(group, numbers, dtype, monkeypatch):
    network = stack(7, dtype=dtype)
    rows = np.tile(X, (20, 1)).astype(dtype)
    whole = EnsembleMean(network).predict(rows, np.empty((10_000, 2)))
    low = EnsembleMean(network).quantiles(rows, (0.1,))
    monkeypatch.setattr(ensemble_mean, "GROUP", group)
    monkeypatch.setattr(ensemble_mean, "BLOCK_NUMBERS", numbers)
    seen = np.zeros(10_000, int)
    for some, y_hat in EnsembleMean(network).each(rows):
        seen[some] += 1
        assert y_hat.shape == (7, some.stop - some.start, 2)
    assert (seen == 1).all()
    assert (EnsembleMean(network).predict(rows, np.empty((10_000, 2))) == whole).all()
    assert (EnsembleMean(network).quantiles(rows, (0.1,)) == low).all()


def test_more_networks_than_a_group():
    network = stack(150)
    found = EnsembleMean(network).predict(X, np.empty((500, 2)))
    np.testing.assert_allclose(found, outputs(network, X).mean(axis=0), rtol=1e-10, atol=1e-13)


def test_what_is_not_finite_is_a_prediction_without_a_warning():
    network = stack(3, dtype=np.float32, scale=1e38)
    found = EnsembleMean(network).predict(X[:2].astype("f4"), np.empty((2, 2)))
    assert not np.isfinite(found).all()


def test_activations_of_all_networks_are_never_side_by_side(peak_bytes):
    """Those of 1024 networks take 0.6 GB; their predictions of a block of 4000 rows, 64 MB."""
    network, rows = stack(1024), np.tile(X, (8, 1))
    peak = peak_bytes(lambda: EnsembleMean(network).predict(rows, np.empty((4000, 2))))
    assert peak < 200e6


def test_losses_of_predictions_that_no_network_made():
    y_hat = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]])
    found = losses_of(LOSSES["cross_entropy"]().for_task("multiclass"), y_hat, np.array([0, 1, 2]))
    assert found[0] == pytest.approx(-np.log(0.7), rel=1e-14)
    assert found[1] == pytest.approx(0.0, abs=1e-300)
    # certain, and wrong: a large number, and finite
    assert found[2] == pytest.approx(-np.log(np.finfo(float).tiny) + np.log(1.0))
    sure = np.array([[1.0], [0.25]])
    binary = losses_of(
        LOSSES["binary_cross_entropy"]().for_task("binary"), sure, np.array([[0.0], [1.0]])
    )
    assert binary[0] == pytest.approx(53 * np.log(2))  # 1 − p is held at 2⁻⁵³
    assert binary[1] == pytest.approx(np.log(4))
    squares = losses_of(LOSSES["mse"](), np.array([[3.0, 1.0]]), np.array([[1.0, 2.0]]))
    assert squares.tolist() == [2.5]
    nll = losses_of(LOSSES["gaussian_nll"](), np.array([[1.0, 2.0]]), np.array([[4.0]]))
    assert nll[0] == pytest.approx((np.log(4) + 9 / 4) / 2)
