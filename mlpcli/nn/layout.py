"""Where each tensor of a network lies in the flat vector of its numbers.

All weights first, then all biases, so that "the weights", which alone are decayed, are one slice;
then the other learned parameters, and behind theta the running statistics:

    theta  = [ hidden.1.weight | … | output.weight | hidden.1.bias | … | output.bias | extra … ]
    vector = [ theta | statistics ]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

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
    """The tensors of a network of the given widths.

    widths      n_inputs, then the units of each hidden layer, then n_outputs
    extra       other learned parameters, such as the scale of a normalization: sizes by name
    statistics  running statistics of training, not learned: sizes by name

    weights     W of each layer (fan_in, fan_out), the output's U last
    biases      b of each layer (fan_out,), the output's c last
    """

    def __init__(
        self,
        widths: Sequence[int],
        extra: Mapping[str, int] | None = None,
        statistics: Mapping[str, int] | None = None,
    ) -> None:
        names = [f"hidden.{k}" for k in range(1, len(widths) - 1)] + ["output"]
        fans = list(pairwise(widths))
        self.n_numbers = 0
        self.weights = [self._add(f"{n}.weight", fan) for n, fan in zip(names, fans, strict=True)]
        self.n_weights = self.n_numbers
        self.biases = [self._add(f"{n}.bias", fan[1:]) for n, fan in zip(names, fans, strict=True)]
        self.extra = [self._add(name, (size,)) for name, size in (extra or {}).items()]
        self.n_params = self.n_numbers
        self.statistics = [self._add(name, (size,)) for name, size in (statistics or {}).items()]

    def _add(self, name: str, shape: Shape) -> Tensor:
        start = self.n_numbers
        self.n_numbers += int(np.prod(shape))
        return Tensor(name, shape, start, self.n_numbers)

    @property
    def parameters(self) -> list[Tensor]:
        """The learned tensors, layer by layer: weight, bias, extra parameters."""
        return [t for t in self.tensors if t.stop <= self.n_params]

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors, layer by layer: weight, bias, extra parameters, statistics."""
        found = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            layer = weight.name.removesuffix("weight")
            found += [weight, bias]
            found += [t for t in (*self.extra, *self.statistics) if t.name.startswith(layer)]
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
