"""The map ReLU(z V + a) of each column's components, in the layout of an embedding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import empty, empty_like
from mlpcli.nn.embeddings.embedding import Tensors

PER_COLUMN = 3  # axes of V, columns among them


def uniform(fan_in: int) -> Callable[[Shape, np.random.Generator], Array]:
    """Return a function that draws U(−1/√fan_in, 1/√fan_in), PyTorch's `Linear`."""
    limit = fan_in**-0.5
    return lambda shape, rng: rng.uniform(-limit, limit, shape)


class ColumnLinear:
    """h = ReLU(u), u = Vᵀ z + a; ∂J/∂V = z δᵀ, ∂J/∂a = δ 1, dJ/dz = V δ, with the rows last.

    z      (..., columns, components, rows), which the encoding writes
    h      (..., columns, units, rows), written here
    V, a   `weight` and `bias` of params: (..., columns, components, units), (..., columns, units);
           or without the axis of columns, shared by all of them
    relu   whether there is a ReLU
    """

    def __init__(self, z: Array, h: Array, params: Tensors, grads: Tensors, *, relu: bool) -> None:
        self.z, self.h = z, h
        self.shared = params["weight"].ndim < z.ndim
        V, a, dV, da = (
            tensors[name][..., np.newaxis, :, :]
            if self.shared and name == "weight"
            else tensors[name]
            for tensors in (params, grads)
            for name in ("weight", "bias")
        )
        if self.shared:
            a, da = a[..., np.newaxis, :], da[..., np.newaxis, :]
        self.V, self.V_transposed, self.a = V, V.mT, a[..., np.newaxis]
        self.dV, self.da = dV, da[..., np.newaxis]
        self.delta, self.ones = empty_like(h), np.ones((z.shape[-1], 1), z.dtype)
        # Of each column, summed where V is shared.
        self.dV_columns, self.da_columns = self.dV, self.da
        if self.shared:
            self.dV_columns = empty((*z.shape[:-1], h.shape[-2]), z.dtype)
            self.da_columns = empty((*h.shape[:-1], 1), z.dtype)
        self.relu = ACTIVATIONS["relu"]() if relu else None
        self.scratch = None if self.relu is None else self.relu.scratch(h)

    def forward(self) -> None:
        """H ← ReLU(Vᵀ z + a)."""
        np.matmul(self.V_transposed, self.z, self.h)
        np.add(self.h, self.a, out=self.h)
        if self.relu is not None:
            self.relu.value(self.h, self.h, self.scratch)

    def backward(self, delta: Array) -> None:
        """Write ∂J/∂V and ∂J/∂a; self.delta ← dJ/du, given dJ/dh."""
        np.copyto(self.delta, delta)
        if self.relu is not None:
            self.relu.times_derivative(self.h, self.h, self.delta, self.scratch)
        np.matmul(self.z, self.delta.mT, self.dV_columns)
        np.matmul(self.delta, self.ones, self.da_columns)
        if self.shared:
            np.add.reduce(self.dV_columns, axis=-3, out=self.dV, keepdims=True)
            np.add.reduce(self.da_columns, axis=-3, out=self.da, keepdims=True)

    def delta_below(self, out: Array) -> None:
        """Out ← dJ/dz (..., columns, components, rows), after `backward`."""
        np.matmul(self.V, self.delta, out)

    @property
    def multiply_adds(self) -> int:
        """Multiplications with addition in Vᵀ z."""
        return self.h.size * self.z.shape[-2]

    def sides(self) -> Iterator[Array]:
        """Yield on which side of the kink each u is."""
        if self.relu is not None:
            yield self.h > 0

    def scale_of(self, name: str) -> Any:
        """Return how much a unit changes at most when an entry of V or a changes by one."""
        if name == "bias":
            return 1.0
        largest = np.max(np.abs(self.z), axis=-1, keepdims=True)
        return np.max(largest, axis=-3) if self.shared else largest
