"""The same networks, trained by scikit-learn while the test runs: losses, weights, predictions.

MLPClassifier and MLPRegressor begin at our weights and take the rows as they stand, without
shuffling; so does our trainer, by whole epochs of its own. What scikit-learn computes, read from
`_multilayer_perceptron.py` and `_base.py` of its `neural_network` (1.9):

penalty   The gradient of a batch of n rows is (Σ_d δ_d hᵀ + alpha W) / n, biases left out, and
          its loss has alpha / (2n) Σ‖W‖² added. So our α is alpha / n: `l2 = alpha / batch_size`.
          A short last batch is thus decayed more strongly by scikit-learn, where our α is the
          same for all batches. So alpha > 0 is tried with rows that fill their batches, and a
          short batch with alpha = 0.
loss      `loss_curve_` is the mean over an epoch's rows of their batches' loss, penalty
          included, each before its step. Log losses are summed over the outputs, as ours.
          Squared errors are averaged over the outputs, though the gradient is that of the sum:
          with two outputs the data's part of its loss is half of our J.
momentum  v ← μ v − λ g, W ← W + v. Ours has λ outside v, which is the same at a constant λ.

Both run in float64. Where this was written they differed by at most 3e-15 in a weight, 2e-15 in
a loss, 4e-14 in a predicted value and 5e-15 in a probability.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network
from mlpcli.nn.optimizers import Sgd
from mlpcli.nn.update import Regularization
from mlpcli.training.metrics import Outcome
from mlpcli.training.trainer import Trainer

N_INPUTS, HIDDEN = 6, (7, 4)
BATCH_SIZE, N_EPOCHS, LEARNING_RATE = 8, 6, 0.05
TOLERANCE = 1e-12


class Task(NamedTuple):
    """A task, our loss for it, and over how many outputs scikit-learn averages its own."""

    name: str
    n_outputs: int
    loss: str
    averaged: int = 1


TASKS = (
    Task("regression", 1, "mse"),
    Task("regression", 2, "mse", averaged=2),
    Task("binary", 1, "binary_cross_entropy"),
    Task("multilabel", 3, "binary_cross_entropy"),
    Task("multiclass", 4, "cross_entropy"),
)
PENALTIES = (pytest.param(30, 0.0, id="short-last-batch"), pytest.param(32, 0.1, id="l2"))


class InOrder:
    """Makes a trainer take the rows as they stand; adds up the penalties before its steps."""

    def __init__(self, trainer):
        self.loader, self.step = trainer.loader, trainer.step
        self.compute_gradient = self.step.compute_gradient
        self.loader.start, self.step.compute_gradient = self.start, self.add_penalty

    def start(self, _seeds, _epoch):
        self.loader.order[...] = np.arange(self.loader.n_rows)
        self.mean_penalty = 0.0

    def add_penalty(self, batch):
        for penalty in self.step.penalties:
            self.mean_penalty += penalty.value() * batch.n / self.loader.n_rows
        self.compute_gradient(batch)


def draw_rows(task, n_rows):
    """Return X, the target as scikit-learn takes it, and as our loss takes it."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(n_rows, N_INPUTS))
    response = X @ rng.normal(size=(N_INPUTS, task.n_outputs))
    if task.name == "regression":
        return X, response if task.n_outputs > 1 else response[:, 0], response
    if task.name == "multiclass":
        y = np.argmax(response, axis=1)
        return X, y, y
    marked = (response > 0).astype(int)
    return X, marked[:, 0] if task.name == "binary" else marked, marked.astype(float)


def draw_network(task, activation):
    """Return a network with random weights and biases, in float64."""
    hidden = tuple(Layer(units, ACTIVATIONS[activation]()) for units in HIDDEN)
    architecture = Architecture(N_INPUTS, hidden, task.n_outputs, LOSSES[task.loss]())
    theta = np.random.default_rng(11).normal(0.0, 0.5, architecture.layout.n_params)
    return Network(architecture, theta)


def peer_of(task, network, activation, alpha, momentum):
    """Return scikit-learn's estimator, which will begin at the network's weights."""
    peer = (MLPRegressor if task.name == "regression" else MLPClassifier)(
        hidden_layer_sizes=HIDDEN,
        activation={"sigmoid": "logistic"}.get(activation, activation),
        solver="sgd",
        alpha=alpha,
        batch_size=BATCH_SIZE,
        learning_rate="constant",
        learning_rate_init=LEARNING_RATE,
        shuffle=False,
        momentum=momentum,
        nesterovs_momentum=False,
    )
    tensors = iter([tensor.copy() for tensor in network.tensors().values()])
    peer._init_coef = lambda *_shape_and_type: (next(tensors), next(tensors))
    return peer


def learn_epoch(peer, task, X, y):
    """Run one epoch there; `partial_fit` keeps weights and velocities from the last."""
    if task.name == "regression":
        peer.partial_fit(X, y)
    else:
        peer.partial_fit(X, y, classes=np.arange(max(2, task.n_outputs)))


@pytest.mark.parametrize(("n_rows", "alpha"), PENALTIES)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "identity"])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.name}-{task.n_outputs}")
def test_epochs_give_what_scikit_learn_gives(task, activation, momentum, n_rows, alpha):
    X, y, target = draw_rows(task, n_rows)
    network = draw_network(task, activation)
    peer = peer_of(task, network, activation, alpha, momentum)
    optimizer, l2 = Sgd(LEARNING_RATE, momentum), alpha / BATCH_SIZE
    trainer = Trainer(
        network,
        optimizer,
        X,
        target,
        batch_size=BATCH_SIZE,
        seeds=[0],
        regularization=Regularization(l2=l2),
    )
    in_order = InOrder(trainer)
    for epoch in range(1, N_EPOCHS + 1):
        assert list(trainer.epoch(epoch, LEARNING_RATE)) == [n_rows]
        learn_epoch(peer, task, X, y)
        loss = trainer.loss / task.averaged + in_order.mean_penalty
        assert loss == pytest.approx(peer.loss_curve_[-1], rel=0, abs=TOLERANCE), epoch
        compare_weights(peer, network)

    assert len(peer.loss_curve_) == N_EPOCHS
    compare_predictions(peer, task, network)


def compare_weights(peer, network):
    theirs = [part for pair in zip(peer.coefs_, peer.intercepts_, strict=True) for part in pair]
    for (name, tensor), their in zip(network.tensors().items(), theirs, strict=True):
        np.testing.assert_allclose(tensor, their, rtol=0, atol=TOLERANCE, err_msg=name)


def compare_predictions(peer, task, network):
    """Compare values or probabilities, and decisions, of rows that neither has seen."""
    X = np.random.default_rng(13).normal(0.0, 3.0, (50, N_INPUTS))
    ours = Evaluation(network).predict(X, np.empty((50, task.n_outputs)))
    if task.name == "regression":
        theirs = peer.predict(X).reshape(ours.shape)
    else:
        probability = peer.predict_proba(X)
        theirs = probability[:, 1:] if task.name == "binary" else probability
        decided = Outcome(task.name, np.zeros(50), ours).predicted
        np.testing.assert_array_equal(decided, peer.predict(X))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)
