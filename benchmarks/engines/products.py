"""The floor: the matrix products of a step and nothing else, epoch by epoch in turns with mlp's.

In one process, since what is left of a step beside them is less than what two processes differ
by. The products are those of the weights: h W, hᵀ δ and, but for the first layer, δ Wᵀ, of arrays
that are arranged in memory as mlp's are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engines.mlp import layers_of, network_of, trainer_of
from engines.task import Task
from mlpcli.nn.arrays import copy_of, empty, empty_like, zeros


def products_of(task: Task) -> list[Any]:
    """Return the products of one step, bound to arrays of their own, placed as mlp's are."""
    n = task.recipe["batch"]
    forward, backward = [], []
    for k, (weights, _) in enumerate(task.layers):
        W = copy_of(weights)
        fan_in, fan_out = W.shape
        h, dW = zeros((n, fan_in), np.float32), zeros(W.shape, np.float32)
        u, delta = (empty((n, fan_out), np.float32) for _ in range(2))
        h[...] = delta[...] = 1
        forward.append(functools.partial(np.dot, h, W, u))
        backward.append(functools.partial(np.dot, h.T, delta, dW))
        if k:
            backward.append(functools.partial(np.dot, delta, W.T, empty_like(h)))
    return forward + backward[::-1]


def train(task: Task) -> list[Any]:
    """Note the seconds of mlp's epochs and of as many products, one after the other."""
    return in_turns(task, products_of(task))


def in_turns(task: Task, calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Note the seconds of mlp's epochs and of as many times these calls, one after the other."""
    network = network_of(task)
    trainer = trainer_of(task, network)
    task.lap()
    for epoch in range(1, task.epochs + 1):
        for _rows in trainer.epoch(epoch, task.recipe["learning_rate"]):
            pass
        task.lap()
        for _ in range(task.n_steps):
            for call in calls:
                call()
        task.lap()
    return layers_of(network)
