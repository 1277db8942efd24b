"""Gradients of networks of any shape: right, the same in a stack, and a mean over rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network, initialize_stack
from mlpcli.nn.optimizers import Sgd
from mlpcli.nn.training_step import Batch, TrainingStep
from mlpcli.nn.update import Regularization

SEEDS = st.integers(0, 2**32)
DTYPES = st.sampled_from([np.float32, np.float64])


def activations(*, output):
    names = [name for name, member in ACTIVATIONS.items() if output or not member.output_only]
    return st.sampled_from(names).map(lambda name: ACTIVATIONS[name]())


@st.composite
def architectures(draw):
    """Draw networks of up to three hidden layers, of every loss and activation."""
    hidden = draw(
        st.lists(
            st.builds(
                Layer,
                st.integers(1, 6),
                activations(output=False),
                st.sampled_from([1.0, 0.8, 0.5]),
            ),
            max_size=3,
        )
    )
    member = LOSSES[draw(st.sampled_from(list(LOSSES)))]()
    loss = member.for_task(draw(st.sampled_from(member.tasks)))
    free = loss.outputs is None  # any output activation may stand below
    output = draw(st.none() | activations(output=True)) if free else None
    few = 2 if loss.link == "softmax" or type(loss).__name__ == "HingeOfClasses" else 1  # classes
    n_outputs = loss.n_outputs(draw(st.integers(few, 5)))
    return Architecture(draw(st.integers(1, 5)), tuple(hidden), n_outputs, loss, output)


def batch_of(architecture, n_rows, seed, draw_target, dtype=np.float64):
    """Return rows, and targets as the loss takes them: mixtures, where it takes those, or not."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, architecture.n_inputs)).astype(dtype)
    shape, mixed = (n_rows, architecture.n_outputs), bool(seed % 2)
    return X, draw_target(architecture.loss, rng, shape, dtype, mixed=mixed)


def gradient_of(network, seeds, X, target):
    """Return each row's loss and the gradient of J, with the dropout masks of each lane's seed."""
    n, dtype = X.shape[-2], network.dtype
    step = TrainingStep(network, Sgd(), Regularization(), [n])
    step.start(seeds, 1)
    for dropout in step.backprop[n].dropouts:
        dropout.draw()
    u = np.empty((*network.lane_shape, n, network.architecture.n_outputs), dtype)
    step.compute_gradient(Batch(n, X, target, np.asarray(1 / n, dtype), u))
    return network.architecture.loss.value(u, target), step.grad


@given(
    architecture=architectures(),
    n_rows=st.integers(1, 9),
    lanes=st.integers(1, 4),
    dtype=DTYPES,
    seed=SEEDS,
)
def test_gradients_of_a_stack_are_the_gradients_alone(
    draw_target, *, architecture, n_rows, lanes, dtype, seed
):
    X, target = batch_of(architecture, n_rows, seed, draw_target, dtype)
    seeds = [seed + r for r in range(lanes)]
    stack = initialize_stack(architecture, seeds, dtype)
    values, grads = gradient_of(stack, seeds, X, target)
    for r in range(lanes):
        alone = Network(architecture, stack.theta[r].copy())
        value, grad = gradient_of(alone, seeds[r : r + 1], X, target)
        np.testing.assert_array_equal(value, values[r])
        np.testing.assert_array_equal(grad, grads[r])


@given(architectures(), st.integers(1, 9), st.sampled_from([0.0, 1e-4, 0.1]), SEEDS)
def test_the_gradient_is_right(draw_target, check_step, architecture, n_rows, l2, seed):
    X, target = batch_of(architecture, n_rows, seed, draw_target)
    theta = initialize_stack(architecture, [seed], np.float64).theta[0]
    added = Regularization(l2=l2)
    result = check_step(architecture, theta, X, target, regularization=added, seed=seed % 1000)
    assert result.passed, result


@given(architectures(), st.integers(1, 9), SEEDS)
def test_j_and_its_gradient_are_means_over_the_rows(
    draw_target, loss_and_gradient, architecture, n_rows, seed
):
    X, target = batch_of(architecture, n_rows, seed, draw_target)
    theta = initialize_stack(architecture, [seed], np.float64).theta[0]
    network = Network(architecture, theta)
    whole = Backprop(network, n_rows, training=False)
    value, one = loss_and_gradient(whole, X, target), Backprop(network, 1, training=False)
    values, grads = [], []
    for d in range(n_rows):
        values.append(loss_and_gradient(one, X[d : d + 1], target[d : d + 1]))
        grads.append(one.grad.copy())
    assert value == pytest.approx(np.mean(values), rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(whole.grad, np.mean(grads, axis=0), rtol=1e-9, atol=1e-13)


@given(
    architecture=architectures(),
    n_rows=st.integers(1, 200),
    lanes=st.integers(1, 3),
    dtype=DTYPES,
    seed=SEEDS,
)
def test_a_row_is_predicted_alike_in_any_company(
    draw_target, *, architecture, n_rows, lanes, dtype, seed
):
    X, target = batch_of(architecture, n_rows, seed, draw_target, dtype)
    network = initialize_stack(architecture, range(lanes), dtype)
    together = np.empty((lanes, n_rows, architecture.n_outputs), dtype)
    loss = Evaluation(network).loss(X, target, together)
    assert np.isfinite(loss).all()
    last = np.empty((lanes, 1, architecture.n_outputs), dtype)
    Evaluation(network).predict(X[-1:], last)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(last[:, 0], together[:, -1], rtol=100 * eps, atol=100 * eps)
