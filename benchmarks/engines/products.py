"""The floor: the matrix products of a step and nothing else, epoch by epoch in turns with mlp's.

Both run in one process, since what a step does beside its products takes less time than two
processes differ by. The products are those with the weights: h W, hᵀ δ and, but for the first
layer, δ Wᵀ, in the memory order of `mlpcli.nn.layers.Affine`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from engines.mlp import layers_of, network_of, trainer_of
from engines.task import Task
from mlpcli.nn.arrays import copy_of, empty_like, zeros


def products_of(task: Task) -> list[Any]:
    """Return the products of one step, bound to arrays of their own."""
    n, forward, backward = task.recipe["batch"], [], []
    for k, (weights, _) in enumerate(task.layers):
        W = copy_of(weights)
        fan_in, fan_out = W.shape
        h, u, delta = (zeros((n, units), np.float32) for units in (fan_in, fan_out, fan_out))
        h[...] = delta[...] = 1
        forward.append(functools.partial(np.dot, h, W, u))
        backward.append(functools.partial(np.dot, h.T, delta, empty_like(W)))
        if k:
            backward.append(functools.partial(np.dot, delta, W.T, empty_like(h)))
    return forward + backward[::-1]


def train(task: Task) -> list[Any]:
    """Time mlp's epochs and as many steps' products, one after the other."""
    network = network_of(task)
    trainer, products = trainer_of(task, network), products_of(task)
    task.lap()
    for epoch in range(1, task.epochs + 1):
        for _rows in trainer.epoch(epoch, task.recipe["learning_rate"]):
            pass
        task.lap()
        for _ in range(task.n_steps):
            for product in products:
                product()
        task.lap()
    return layers_of(network)
