"""The curvature of J + P on one batch, and the learning rates that are stable on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import Optimizer, Sgd
from mlpcli.nn.training_step import Batch, TrainingStep
from mlpcli.training.step_watch import Moment, norm
from mlpcli.training.trainer import Trainer, never

EPSILON = 1e-6  # of ‖θ‖ + 1, how far gradients are taken apart: J need not be quadratic
MOST_ITERATIONS = 100
ENOUGH = 1e-4  # relative change of an eigenvalue at which it is taken


class BatchGradient:
    """∂(J + P)/∂θ of one batch in float64, with masks and noise as an epoch's first step has them.

    trainer  whose step it is
    moment   the batch, and the parameters that running statistics are taken from
    rows     of the batch that count, (n,) of True and False; None: all
    """

    def __init__(self, trainer: Trainer, moment: Moment, rows: Array | None = None) -> None:
        step, architecture = trainer.step, trainer.network.architecture
        self.network = Network(architecture, moment.vector.astype(np.float64))
        n = moment.X.shape[-2]
        self.step = TrainingStep(self.network, step.update.optimizer, step.regularization, {n})
        self.step.start(trainer.seeds, moment.norms.epoch)
        for dropout in self.step.backprop[n].dropouts:
            dropout.draw()
        if self.step.noisy_weights is not None:
            self.step.noisy_weights.draw()
        self.offset: Any = 0.0  # the noise that was drawn
        if self.step.noisy_weights is not None:
            self.offset = self.step.backprop[n].network.theta - self.network.theta
        scale = moment.scale.astype(np.float64)
        if rows is not None:
            scale = np.broadcast_to(scale, (n, 1)) * rows[:, np.newaxis]
        X, y = moment.X.astype(np.float64), moment.y.astype(np.float64)
        u = np.empty_like(self.step.backprop[n].delta)
        self.batch = Batch(n, X, y, scale, u)

    @property
    def theta(self) -> Array:
        """The parameters of the moment (n_params,), float64."""
        return self.network.theta.copy()

    def __call__(self, theta: Array) -> Array:
        """Return the gradient (n_params,) at theta."""
        before = self.network.theta.copy()
        self.network.theta[...] = theta
        if self.step.noisy_weights is not None:
            self.step.backprop[self.batch.n].network.theta[...] = theta + self.offset
        self.step.compute_gradient(self.batch)
        self.network.theta[...] = before
        return self.step.grad.copy()


def largest_curvature(gradient: BatchGradient, stop: Callable[[], bool] = never) -> float:
    """Return the largest eigenvalue of ∂²(J + P)/∂θ², NaN where it is not finite or not found.

    Power iteration on H v = (∇J(θ + ε v) − ∇J(θ − ε v)) / 2ε; where the eigenvalue furthest from 0
    is negative, once more on H shifted by it. Source: Pearlmutter, 1994; LeCun, Simard and
    Pearlmutter, Automatic Learning Rate Maximization, 1993.
    """
    theta = gradient.theta
    epsilon = EPSILON * (1.0 + norm(theta))

    def product(v: Array) -> Array:
        ahead, behind = gradient(theta + epsilon * v), gradient(theta - epsilon * v)
        return (ahead - behind) / (2 * epsilon)

    with np.errstate(all="ignore"):
        start = np.random.default_rng(0).standard_normal(theta.shape)
        found = _extreme(product, start, 0.0, stop)
        if found < 0:
            return found + _extreme(product, start, -found, stop)
    return found


def _extreme(product: Any, v: Array, shift: float, stop: Callable[[], bool]) -> float:
    """Return the eigenvalue of H + shift that is furthest from 0."""
    found = 0.0
    for _ in range(MOST_ITERATIONS):
        length = norm(v)
        if not 0 < length < np.inf or stop():
            return 0.0 if length == 0 else float("nan")
        v = v / length
        image = product(v) + shift * v
        before, found = found, float(v @ image)
        if abs(found - before) <= ENOUGH * abs(found):
            break
        v = image
    return found


def stability_limit(optimizer: Optimizer) -> float | None:
    """Return c of λ h < c, below which steps along a curvature h do not grow; None: not known.

    2 of gradient descent; with momentum μ 2 (1 + μ), of Nesterov's 2 (1 + μ) / (1 + 2μ).
    Source: Polyak, 1964; Cohen et al., Gradient Descent Typically Occurs at the Edge of Stability,
    2021, 5.1.

    >>> stability_limit(Sgd(momentum=0.9))
    3.8
    """
    if not isinstance(optimizer, Sgd):
        return None
    mu = float(np.max(optimizer.momentum))
    return 2 * (1 + mu) / (1 + 2 * mu) if optimizer.nesterov else 2 * (1 + mu)
