"""A network: its architecture, its parameters, and their initial values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.family import numbers, stacked
from mlpcli.nn.activations import ACTIVATIONS, Activation
from mlpcli.nn.arrays import copy_of
from mlpcli.nn.embeddings import EmbeddedColumns
from mlpcli.nn.initializers import INITIALIZERS, Initializer, InitialValue, Normal
from mlpcli.nn.layout import Layout
from mlpcli.nn.losses import Loss
from mlpcli.nn.norms import Norm
from mlpcli.nn.sharing import Members
from mlpcli.randomness import generator

# U begins small: outputs near 0 are each class alike, or the mean of scaled targets, whatever the
# inputs; so the first steps are not spent on unlearning what was drawn. docs/decisions/0030.
OUTPUT_INITIALIZER = Normal(std=0.01)


@dataclass(frozen=True)
class Layer:
    """A hidden layer h = f(norm(h W + b)), its units kept with probability p_k while training."""

    units: int
    activation: Activation
    keep_prob: Any = 1.0  # one number, or one a lane (R,)
    initializer: Initializer | None = None  # None: the activation's default
    norm: Norm | None = None


@dataclass(frozen=True)
class Architecture:
    """The widths, functions and loss of a network; everything but its parameters.

    output           None for the link of the loss; any other activation g is a layer of its own,
                     and the loss, whose link is then the identity, sees ŷ = g(u)
    input_keep_prob  p_k of the dropout on X; one number, or one a lane (R,)
    embedding        of some of the inputs, before the first layer; None: there is none
    members          of an ensemble in this one network, which share weights; None: there are none
    """

    n_inputs: int
    hidden: tuple[Layer, ...]
    n_outputs: int
    loss: Loss
    output: Activation | None = None
    output_initializer: Initializer | None = None
    input_keep_prob: Any = 1.0
    embedding: EmbeddedColumns | None = None
    members: Members | None = None
    layout: Layout = field(init=False, repr=False, compare=False)
    initial_values: dict[str, InitialValue] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay out theta.

        ValueError where the loss cannot see this output activation, or where members have no
        hidden layer to share.
        """
        link = self.loss.link
        if self.output is not None and link not in (self.output.name, "identity"):
            raise ValueError(f"{self.loss.name} is defined on {link} outputs")
        if self.members is not None and not self.hidden:
            raise ValueError(f"{self.members.sharing.name} shares hidden layers: there are none")
        names = [f"hidden.{k}" for k in range(1, len(self.hidden) + 1)] + ["output"]
        widths = [self.fan_in, *(layer.units for layer in self.hidden), self.n_outputs]
        fans = dict(zip(names, pairwise(widths), strict=True))
        weights: dict[str, Shape] = {f"{name}.weight": fan for name, fan in fans.items()}
        biases: dict[str, Shape] = {f"{name}.bias": fan[1:] for name, fan in fans.items()}
        extra: dict[str, Shape] = {}
        statistics: dict[str, Shape] = {}
        initial: dict[str, InitialValue] = {}
        if self.members is not None:
            extra, initial = self.members.lay_out(weights, biases)
        if self.embedding is not None:
            parameters, fitted = self.embedding.parameters, self.embedding.statistics
            extra |= {name: shape for name, (shape, _) in parameters.items()}
            statistics |= {name: shape for name, (shape, _) in fitted.items()}
            initial |= {name: value for name, (_, value) in (parameters | fitted).items()}
        for name, units, part in self._parts():
            shape = (*self.member_shape, units)
            extra |= {f"{name}.{word}": shape for word in part.parameters}
            initial |= {f"{name}.{word}": value for word, value in part.parameters.items()}
            if isinstance(part, Norm):
                statistics |= {f"{name}.{word}": shape for word in part.statistics}
                initial |= {f"{name}.{word}": value for word, value in part.statistics.items()}
        layout = Layout(weights, biases, extra, statistics)
        object.__setattr__(self, "layout", layout)
        object.__setattr__(self, "initial_values", initial)

    def _parts(self) -> Iterator[tuple[str, int, Norm | Activation]]:
        """Yield name, units and member of each part that may have parameters beside W and b."""
        for k, layer in enumerate(self.hidden, 1):
            if layer.norm is not None:
                yield f"hidden.{k}.norm", layer.units, layer.norm
            yield f"hidden.{k}.activation", layer.units, layer.activation
        if self.output is not None:
            yield "output.activation", self.n_outputs, self.output

    @property
    def fan_in(self) -> int:
        """What the first layer sees: the inputs, or with their embedding."""
        return self.n_inputs if self.embedding is None else self.embedding.units

    @property
    def member_shape(self) -> Shape:
        """The axis of the members in arrays of rows, behind the lanes: (k,); () without any."""
        return () if self.members is None else (self.members.k,)

    @property
    def embedded_numbers(self) -> int:
        """How many numbers the embedding holds for a row; 0 where there is none."""
        return 0 if self.embedding is None else self.embedding.numbers_a_row

    @property
    def output_activation(self) -> Activation:
        """The g of ŷ = g(h U + c)."""
        link: Activation = ACTIVATIONS[self.loss.link]()
        return self.output or link

    @property
    def initializers(self) -> list[Initializer]:
        """The initializer of each weight matrix, defaults filled in."""
        hidden: list[Initializer] = [
            layer.initializer or INITIALIZERS[layer.activation.initializer]()
            for layer in self.hidden
        ]
        return [*hidden, self.output_initializer or OUTPUT_INITIALIZER]

    @property
    def least_rows(self) -> int:
        """The fewest rows that a batch of training can have."""
        return max([1, *(layer.norm.least_rows for layer in self.hidden if layer.norm)])

    @property
    def multiply_adds(self) -> int:
        """Multiplications with addition in one row's forward pass: Σ fan_in · fan_out.

        Of members those of each, whose heads are one tensor.
        """
        k = 1 if self.members is None else self.members.k
        layers = sum(k * tensor.shape[-2] * tensor.shape[-1] for tensor in self.layout.weights)
        return layers + (0 if self.embedding is None else self.embedding.multiply_adds)


def stack_architectures(architectures: Sequence[Architecture]) -> Architecture:
    """Return one architecture for a stack of networks, given each lane's own.

    Numbers may differ from lane to lane and become arrays (R,): settings of activations, norms and
    the loss, keep probabilities. Everything else must be the same, or ValueError is raised; the
    initializers of the first stand for all.
    """
    first = architectures[0]
    hidden = tuple(
        replace(
            layers[0],
            activation=stacked([layer.activation for layer in layers]),
            keep_prob=numbers([layer.keep_prob for layer in layers]),
            norm=None if layers[0].norm is None else stacked([layer.norm for layer in layers]),
        )
        for layers in zip(*(each.hidden for each in architectures), strict=True)
    )
    return replace(
        first,
        hidden=hidden,
        loss=stacked([each.loss for each in architectures]),
        output=None if first.output is None else stacked([a.output for a in architectures]),
        input_keep_prob=numbers([each.input_keep_prob for each in architectures]),
    )


class Network:
    """An architecture with its numbers.

    vector      (..., n_numbers); leading axes are lanes. Write it, and its parts, with
                `theta[...] =`: rebinding would leave the layers' views behind.
    theta       (..., n_params) the learned parameters, the vector's first part
    statistics  (..., n_numbers − n_params) running statistics of normalizations
    """

    def __init__(self, architecture: Architecture, vector: Array) -> None:
        layout = architecture.layout
        if vector.shape[-1] != layout.n_numbers:
            raise ValueError(f"theta has {vector.shape[-1]} parameters, not {layout.n_numbers}")
        self.architecture = architecture
        self.vector = vector
        # Without statistics theta is the vector itself, contiguous for all lanes.
        whole = layout.n_params == layout.n_numbers
        self.theta = vector if whole else vector[..., : layout.n_params]
        self.statistics = vector[..., layout.n_params :]

    @property
    def lane_shape(self) -> Shape:
        """The shape of the leading axes; () for one network."""
        return self.vector.shape[:-1]

    @property
    def dtype(self) -> Any:
        """The type of every array of this network."""
        return self.vector.dtype

    def tensors(self) -> dict[str, Array]:
        """Return every tensor by name, as views of the vector."""
        return self.architecture.layout.unpack(self.vector)


def initial_vector(architecture: Architecture, seed: int) -> Array:
    """Return the initial vector (n_numbers,) of a network, float64.

    Weights from each layer's initializer, biases zero, the others at their initial values.
    """
    layout = architecture.layout
    vector = np.zeros(layout.n_numbers)
    rng = generator(seed, "init")
    with np.errstate(over="ignore"):  # the first loss is then infinite too, which ends the run
        for tensor, initializer in zip(layout.weights, architecture.initializers, strict=True):
            fan_in, fan_out = tensor.shape[-2:]
            for W in tensor.view(vector).reshape(-1, fan_in, fan_out):  # one, or one a head
                W[...] = initializer.draw(fan_in, fan_out, rng)
    for tensor in (*layout.extra, *layout.statistics):
        value = architecture.initial_values[tensor.name]
        tensor.view(vector)[...] = value(tensor.shape, rng) if callable(value) else value
    return vector


def initialize(architecture: Architecture, seed: int, dtype: Any = np.float32) -> Network:
    """Return a network with its initial parameters."""
    with np.errstate(over="ignore"):
        return Network(architecture, copy_of(initial_vector(architecture, seed).astype(dtype)))


def initialize_stack(
    architecture: Architecture, seeds: Sequence[int], dtype: Any = np.float32
) -> Network:
    """Return a stack of networks, lane r with the initial parameters of seeds[r] alone."""
    lanes = [initial_vector(architecture, seed) for seed in seeds]
    return Network(architecture, copy_of(np.stack(lanes).astype(dtype)))
