"""Where each tensor of a network lies in the flat vector theta.

All weights first, then all biases, so that "the weights", which alone are decayed, are one slice:

    theta = [ hidden.1.weight | … | output.weight | hidden.1.bias | … | output.bias ]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mlpcli.nn.arrays import Array, Shape


@dataclass(frozen=True)
class Tensor:
    """One named tensor: its shape and its place in theta."""

    name: str
    shape: Shape
    start: int
    stop: int

    def view(self, vector: Array) -> Array:
        """Return the tensor as a view of `vector` (..., n_params); never a copy."""
        lanes = vector.shape[:-1]
        return np.reshape(vector[..., self.start : self.stop], (*lanes, *self.shape), copy=False)


class Layout:
    """The tensors of a network of the given widths.

    widths    n_inputs, then the units of each hidden layer, then n_outputs
    weights   W of each layer (fan_in, fan_out), the output's U last
    biases    b of each layer (fan_out,), the output's c last
    """

    def __init__(self, widths: Sequence[int]) -> None:
        names = [f"hidden.{k}" for k in range(1, len(widths) - 1)] + ["output"]
        fans = list(pairwise(widths))
        self.n_params = 0
        self.weights = [self._place(f"{n}.weight", fan) for n, fan in zip(names, fans, strict=True)]
        self.n_weights = self.n_params
        self.biases = [
            self._place(f"{n}.bias", fan[1:]) for n, fan in zip(names, fans, strict=True)
        ]

    def _place(self, name: str, shape: Shape) -> Tensor:
        start = self.n_params
        self.n_params += int(np.prod(shape))
        return Tensor(name, shape, start, self.n_params)

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors, layer by layer, weight before bias."""
        return [t for pair in zip(self.weights, self.biases, strict=True) for t in pair]

    def unpack(self, vector: Array) -> dict[str, Array]:
        """Return every tensor by name, as views of `vector` (..., n_params)."""
        return {tensor.name: tensor.view(vector) for tensor in self.tensors}
