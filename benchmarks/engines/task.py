"""What every engine is given: data, initial parameters, the order of the rows, the recipe."""

from __future__ import annotations

import time
from typing import Any

import numpy as np


class Task:
    """One training, of one network or of a stack of networks, its lanes.

    X, y       (rows, inputs) float32; classes (rows,), or (rows, 1) float32 for a regression
    orders     (epochs, rows) of the rows; with lanes (epochs, lanes, rows)
    layers     [(W (fan_in, fan_out), b (fan_out,)), …] initial, float32; with lanes one axis more
    lanes      how many networks the stack has; 0: one network without the axis
    recipe     batch, optimizer, learning_rate, momentum, keep_prob, l2, seed, epochs
    activation of the hidden layers
    cpu, wall  seconds of each epoch: of this process on its core, and by the clock
    """

    def __init__(
        self, X: Any, y: Any, orders: Any, layers: list[Any], recipe: dict[str, Any]
    ) -> None:
        self.X, self.y, self.orders, self.layers, self.recipe = X, y, orders, layers, recipe
        self.is_regression = y.ndim == 2
        self.activation = recipe.get("activation", "relu")
        self.lanes = len(layers[0][0]) if layers[0][0].ndim == 3 else 0
        self.epochs = recipe["epochs"]
        self.n_steps = len(X) // recipe["batch"]
        self.cpu: list[float] = []
        self.wall: list[float] = []
        self._last: tuple[float, float] | None = None

    @classmethod
    def load(cls, path: str, recipe: dict[str, Any]) -> Task:
        """Read what `engines.mlp.prepare` has written."""
        with np.load(path) as file:
            arrays = dict(file)
        layers = []
        while f"W{len(layers)}" in arrays:
            k = len(layers)
            layers.append((arrays[f"W{k}"], arrays[f"b{k}"]))
        return cls(arrays["X"], arrays["y"], arrays["orders"], layers, recipe)

    def lap(self) -> None:
        """Note the time since the last lap; the first time, begin."""
        now = time.process_time(), time.perf_counter()
        if self._last is not None:
            self.cpu.append(now[0] - self._last[0])
            self.wall.append(now[1] - self._last[1])
        self._last = time.process_time(), time.perf_counter()

    def losses(self, layers: list[Any]) -> list[float]:
        """Return J of all rows with these weights, of each lane: by NumPy, for every engine."""
        if not self.lanes:
            return [self._loss(layers)]
        return [self._loss([(W[k], b[k]) for W, b in layers]) for k in range(self.lanes)]

    def _loss(self, layers: list[Any]) -> float:
        total = 0.0
        for start in range(0, len(self.X), 256):
            h, target = self.X[start : start + 256], self.y[start : start + 256]
            for k, (W, b) in enumerate(layers):
                h = h @ W + b
                h = np.maximum(h, 0) if k < len(layers) - 1 else h.astype(np.float64)
            if self.is_regression:
                total += float(((h - target) ** 2).sum()) / 2
            else:
                h -= h.max(axis=1, keepdims=True)
                picked = h[np.arange(len(h)), target]
                total += float((np.log(np.exp(h).sum(axis=1)) - picked).sum())
        return total / len(self.X)
