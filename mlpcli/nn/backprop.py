"""Forward propagation and backpropagation of a network on a fixed number of rows.

    h ← f(h W + b) layer by layer, ŷ ← g(h U + c)                     forward
    δ⁽ᵏ⁾ = f'(u⁽ᵏ⁾) ∗ (δ⁽ᵏ⁺¹⁾ W⁽ᵏ⁺¹⁾ᵀ),  ∂J/∂W⁽ᵏ⁾ = h⁽ᵏ⁻¹⁾ᵀ δ⁽ᵏ⁾       backward

Whether it is for training is decided when the layers are made: an evaluation has no dropout
layers and normalizes by the running moments, so no step has to ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.activations import Tensors
from mlpcli.nn.arrays import empty, zeros
from mlpcli.nn.embeddings import Embed
from mlpcli.nn.layers import (
    Activate,
    Affine,
    Bias,
    Dropout,
    EmbeddedScale,
    FirstAffine,
    FirstScale,
    Layer,
    Product,
    Scale,
)
from mlpcli.nn.network import Network

MATRIX = 2  # axes of weights that are not each member's own


class Backprop:
    """The layers of a network, bound to its parameters, a gradient, and a number of rows.

    network   its parameters are read through views: an update is seen at once
    n_rows    rows of every batch
    grad      (..., n_params) receives the gradient of J; None allocates one
    training  with dropout, and normalized by the batch; else as the trained network predicts

    layers    from the data to what the loss sees, and
    names     of each: input, embedding, hidden.K or output
    u         (..., n_rows, n_outputs) what the loss sees of the batch last sent forward
    delta     (..., n_rows, n_outputs) dJ/du, which the loss writes before `backward`

    Between the lanes and the rows, where the network has members, is their axis: (..., k, n_rows,
    columns) in all arrays but the data.
    """

    def __init__(
        self, network: Network, n_rows: int, grad: Array | None = None, *, training: bool
    ) -> None:
        self.network, self.n_rows = network, n_rows
        self.grad = zeros(network.theta.shape, network.dtype) if grad is None else grad
        named = list(_layers(network, self.grad, n_rows, training=training))
        self.names = [name for name, _ in named]
        self.layers: list[Layer] = [layer for _, layer in named]
        self.dropouts = [layer for layer in self.layers if isinstance(layer, Dropout)]
        # A mask on the data is before the first layer that learns: X needs no gradient.
        first = next(i for i, named_layer in enumerate(named) if _learns(*named_layer))
        self.layers_backward = self.layers[first:][::-1]
        architecture = network.architecture
        shape = (
            *network.lane_shape,
            *architecture.member_shape,
            n_rows,
            architecture.n_outputs,
        )
        self.delta = empty(shape, network.dtype)

    def forward(self, X: Array) -> Array:
        """Return u of the output layer, (..., n_rows, n_outputs).

        X  (n_rows, n_inputs), or (..., n_rows, n_inputs) with the lanes of the network
        """
        h = X
        for layer in self.layers:
            h = layer.forward(h)
        self.u = h
        return h

    def whole(self) -> Backprop:
        """Return itself; see `ShardedBackprop`."""
        return self

    def backward(self) -> None:
        """Write ∂J/∂θ into grad, from delta = dJ/du at the output down to the data."""
        delta = self.delta
        for layer in self.layers_backward:
            delta = layer.backward(delta)


def _learns(name: str, layer: Layer) -> bool:
    """Whether a layer has parameters, given its name."""
    return layer.learns if isinstance(layer, Embed) else name != "input"


def _layers(
    network: Network, grad: Array, n_rows: int, *, training: bool
) -> Iterator[tuple[str, Layer]]:
    """Yield the layers from the data to what the loss sees, each with its name."""
    architecture, vector = network.architecture, network.vector
    layout, link = architecture.layout, architecture.loss.link
    n_lanes, dtype = prod(network.lane_shape), network.dtype
    if training and np.any(np.asarray(architecture.input_keep_prob) < 1):
        like = empty((*network.lane_shape, n_rows, architecture.n_inputs), dtype)
        yield "input", Dropout(0, architecture.input_keep_prob, like)
    is_first = True  # whether nothing below learns
    if architecture.embedding is not None:
        tensors = (layout.tensors_of("embedding", array) for array in (vector, grad))
        embed = architecture.embedding.layer(network.lane_shape, n_rows, dtype, *tensors)
        yield "embedding", embed
        is_first = not embed.learns
    for k, weight in enumerate(layout.weights):
        name = weight.name.removesuffix(".weight")

        def extra(part: str, name: str = name) -> tuple[Tensors, Tensors]:
            part = f"{name}.{part}"
            return layout.tensors_of(part, vector), layout.tensors_of(part, grad)

        for affine in _affine_layers(network, grad, k, n_rows, is_first=is_first):
            yield name, affine
            u = affine.u
        is_first = False
        if k < len(architecture.hidden):
            layer = architecture.hidden[k]
            if layer.norm is not None:
                norm = layer.norm.layer(u, *extra("norm"), training=training)
                yield name, norm
                u = norm.y
            yield name, Activate(layer.activation, u, *extra("activation"))
            if training and np.any(np.asarray(layer.keep_prob) < 1):
                yield name, Dropout(k + 1, layer.keep_prob, u, n_lanes)
        elif architecture.output is not None and architecture.output.name != link:
            yield name, Activate(architecture.output, u, *extra("activation"))


def _affine_layers(
    network: Network, grad: Array, k: int, n_rows: int, *, is_first: bool
) -> Iterator[Affine | Product | Scale | Bias]:
    """Yield u = h W + b, or of members that share W the parts of u = s ∗ ((r ∗ h) W) + b.

    k         number of the layer, from 0
    is_first  whether nothing below it learns
    """
    architecture, vector = network.architecture, network.vector
    layout = architecture.layout
    weight, bias = layout.weights[k], layout.biases[k]
    W, b, dW, db = (tensor.view(array) for array in (vector, grad) for tensor in (weight, bias))
    shared = architecture.members is not None and len(weight.shape) == MATRIX
    if not shared:  # one network, or heads: of each member its own W, as if it were a lane
        yield (FirstAffine if is_first else Affine)(W, b, dW, db, n_rows)
        return
    rows = (*network.lane_shape, *architecture.member_shape, n_rows)
    name, (fan_in, fan_out) = weight.name.removesuffix(".weight"), weight.shape
    r, dr = layout.tensors_of(name, vector), layout.tensors_of(name, grad)
    if "input_scale" in r:
        scale = Scale if k else FirstScale if is_first else EmbeddedScale
        yield scale(r["input_scale"], dr["input_scale"], (*rows, fan_in))
    product = Product(W, dW, rows)
    yield product
    u = product.u
    if "output_scale" in r:
        outer = Scale(r["output_scale"], dr["output_scale"], (*rows, fan_out))
        yield outer
        u = outer.u
    yield Bias(b, db, u)
