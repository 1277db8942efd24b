"""A network: what it is made of, its parameters, and its random beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpcli.nn.activations import ACTIVATIONS, Activation
from mlpcli.nn.arrays import Array, Shape
from mlpcli.nn.initializers import INITIALIZERS, Initializer
from mlpcli.nn.layout import Layout
from mlpcli.nn.losses import Loss
from mlpcli.randomness import generator


@dataclass(frozen=True)
class Layer:
    """A hidden layer h = f(h W + b), its units kept with probability p_k while training."""

    units: int
    activation: Activation
    keep_prob: float = 1.0
    initializer: Initializer | None = None  # None: the activation's own


@dataclass(frozen=True)
class Architecture:
    """Everything that fixes a network but its parameters.

    output  None for the loss's own link; any other activation g is a stage of its own, and
            the loss, whose link is then the identity, sees ŷ = g(u)
    """

    n_inputs: int
    hidden: tuple[Layer, ...]
    n_outputs: int
    loss: Loss
    output: Activation | None = None
    output_initializer: Initializer | None = None
    layout: Layout = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay out theta. ValueError where the loss cannot see this output activation."""
        link = self.loss.link
        if self.output is not None and link not in (self.output.name, "identity"):
            raise ValueError(f"{self.loss.name} is defined on {link} outputs")
        widths = [self.n_inputs, *(layer.units for layer in self.hidden), self.n_outputs]
        object.__setattr__(self, "layout", Layout(widths))

    @property
    def output_activation(self) -> Activation:
        """The g of ŷ = g(h U + c)."""
        link: Activation = ACTIVATIONS[self.loss.link]()
        return self.output or link

    @property
    def initializers(self) -> list[Initializer]:
        """The initializer of each weight matrix, defaults filled in."""
        chosen = [(layer.initializer, layer.activation) for layer in self.hidden]
        chosen.append((self.output_initializer, self.output_activation))
        return [own or INITIALIZERS[f.initializer]() for own, f in chosen]

    @property
    def multiply_adds(self) -> int:
        """Multiplications with addition in one row's forward pass: Σ fan_in · fan_out."""
        return self.layout.n_weights


class Network:
    """An architecture with its parameters.

    theta  (..., n_params); leading axes are lanes. Write it with `theta[...] =`: rebinding it
           would leave the layers' views behind.
    """

    def __init__(self, architecture: Architecture, theta: Array) -> None:
        if theta.shape[-1] != architecture.layout.n_params:
            raise ValueError(
                f"theta has {theta.shape[-1]} parameters, not {architecture.layout.n_params}"
            )
        self.architecture = architecture
        self.theta = theta

    @property
    def lead(self) -> Shape:
        """The shape of the leading axes; () for one network."""
        return self.theta.shape[:-1]

    @property
    def dtype(self) -> Any:
        """The type of every array of this network."""
        return self.theta.dtype

    def tensors(self) -> dict[str, Array]:
        """Return weights and biases by name, as views of theta."""
        return self.architecture.layout.unpack(self.theta)


def initial_theta(architecture: Architecture, seed: int) -> Array:
    """Return theta (n_params,), float64: weights from each layer's initializer, biases zero."""
    theta = np.zeros(architecture.layout.n_params)
    rng = generator(seed, "init")
    for tensor, initializer in zip(
        architecture.layout.weights, architecture.initializers, strict=True
    ):
        fan_in, fan_out = tensor.shape
        tensor.view(theta)[...] = initializer.draw(fan_in, fan_out, rng)
    return theta


def initialize(architecture: Architecture, seed: int, dtype: Any = np.float32) -> Network:
    """Return a network at its random beginning."""
    return Network(architecture, initial_theta(architecture, seed).astype(dtype))


def initialize_stack(
    architecture: Architecture, seeds: Sequence[int], dtype: Any = np.float32
) -> Network:
    """Return a stack of networks, lane r at the beginning that seeds[r] would have alone."""
    lanes = [initial_theta(architecture, seed) for seed in seeds]
    return Network(architecture, np.stack(lanes).astype(dtype))
