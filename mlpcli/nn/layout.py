"""Where each tensor of a network lies in the flat vector of its numbers.

All weights first, then all biases, so that "the weights", which alone are decayed, are one slice;
then the other learned parameters, and behind theta what is fitted or measured, not learned:

    theta  = [ hidden.1.weight | … | output.weight | hidden.1.bias | … | output.bias | extra … ]
    vector = [ theta | statistics ]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from mlpcli.array_types import Array, Shape


@dataclass(frozen=True)
class Tensor:
    """One named tensor: its shape and its slice of the vector."""

    name: str
    shape: Shape
    start: int
    stop: int

    def view(self, vector: Array) -> Array:
        """Return the tensor as a view of `vector` (..., n_numbers); never a copy."""
        lanes = vector.shape[:-1]
        return np.reshape(vector[..., self.start : self.stop], (*lanes, *self.shape), copy=False)


class Layout:
    """The tensors of a network, each by name and shape, in the order in which they lie.

    weights     W of each layer, (fan_in, fan_out), the output's U last
    biases      b of each layer, (fan_out,), the output's c last
    extra       other learned parameters, such as the scale of a normalization
    statistics  numbers that are fitted or measured, not learned, such as running means
    """

    def __init__(
        self,
        weights: Mapping[str, Shape],
        biases: Mapping[str, Shape],
        extra: Mapping[str, Shape] | None = None,
        statistics: Mapping[str, Shape] | None = None,
    ) -> None:
        self.n_numbers = 0
        self.weights = self._add(weights)
        self.n_weights = self.n_numbers
        self.biases = self._add(biases)
        self.extra = self._add(extra or {})
        self.n_params = self.n_numbers
        self.statistics = self._add(statistics or {})

    def _add(self, shapes: Mapping[str, Shape]) -> list[Tensor]:
        tensors = []
        for name, shape in shapes.items():
            start = self.n_numbers
            self.n_numbers += prod(shape)
            tensors.append(Tensor(name, shape, start, self.n_numbers))
        return tensors

    @property
    def parameters(self) -> list[Tensor]:
        """The learned tensors, layer by layer: weight, bias, extra parameters."""
        return [t for t in self.tensors if t.stop <= self.n_params]

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors, the embedding's first, then layer by layer: weight, bias, the others."""
        others = [*self.extra, *self.statistics]
        found = [t for t in others if t.name.startswith("embedding.")]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            layer = weight.name.removesuffix("weight")
            found += [weight, bias]
            found += [t for t in others if t.name.startswith(layer)]
        return found

    def tensors_of(self, part: str, vector: Array) -> dict[str, Array]:
        """Return the tensors of a part such as `hidden.1.norm` by their last word, as views.

        vector  of theta's length, for parameters and gradients, or of all numbers
        """
        length = vector.shape[-1]
        return {
            tensor.name.rpartition(".")[2]: tensor.view(vector)
            for tensor in (*self.extra, *self.statistics)
            if tensor.name.rpartition(".")[0] == part and tensor.stop <= length
        }

    def unpack(self, vector: Array) -> dict[str, Array]:
        """Return every tensor by name, as views of `vector`; of theta, those that it has.

        vector  (..., n_params), such as a gradient, or (..., n_numbers)
        """
        tensors = self.parameters if vector.shape[-1] == self.n_params else self.tensors
        return {tensor.name: tensor.view(vector) for tensor in tensors}
