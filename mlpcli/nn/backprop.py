"""Forward propagation and backpropagation of a network on a fixed number of rows.

    h ← f(h W + b) layer by layer, ŷ ← g(h U + c)                     forward
    δ⁽ᵏ⁾ = f'(u⁽ᵏ⁾) ∗ (δ⁽ᵏ⁺¹⁾ W⁽ᵏ⁺¹⁾ᵀ),  ∂J/∂W⁽ᵏ⁾ = h⁽ᵏ⁻¹⁾ᵀ δ⁽ᵏ⁾       backward

Whether it is for training is decided when the layers are made: an evaluation has no dropout
layers and normalizes by the running moments, so no step has to ask.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.activations import Tensors
from mlpcli.nn.arrays import empty, zeros
from mlpcli.nn.embeddings import Embed
from mlpcli.nn.layers import Activate, Affine, Dropout, FirstAffine, Layer
from mlpcli.nn.network import Network


class Backprop:
    """The layers of a network, bound to its parameters, a gradient, and a number of rows.

    network   its parameters are read through views: an update is seen at once
    n_rows    rows of every batch
    grad      (..., n_params) receives the gradient of J; None allocates one
    training  with dropout, and normalized by the batch; else as the trained network predicts

    u         (..., n_rows, n_outputs) what the loss sees of the batch last sent forward
    delta     (..., n_rows, n_outputs) dJ/du, which the loss writes before `backward`
    """

    def __init__(
        self, network: Network, n_rows: int, grad: Array | None = None, *, training: bool
    ) -> None:
        self.network, self.n_rows = network, n_rows
        self.grad = zeros(network.theta.shape, network.dtype) if grad is None else grad
        self.layers: list[Layer] = list(_layers(network, self.grad, n_rows, training=training))
        self.dropouts = [layer for layer in self.layers if isinstance(layer, Dropout)]
        # A mask on the data is before the first layer that learns: X needs no gradient.
        first = next(
            i
            for i, layer in enumerate(self.layers)
            if isinstance(layer, Affine) or (isinstance(layer, Embed) and layer.learns)
        )
        self.layers_backward = self.layers[first:][::-1]
        shape = (*network.lane_shape, n_rows, network.architecture.n_outputs)
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

    def backward(self) -> None:
        """Write ∂J/∂θ into grad, from delta = dJ/du at the output down to the data."""
        delta = self.delta
        for layer in self.layers_backward:
            delta = layer.backward(delta)


def _layers(network: Network, grad: Array, n_rows: int, *, training: bool) -> Iterator[Layer]:
    """Yield the layers from the data to what the loss sees."""
    architecture, vector = network.architecture, network.vector
    layout, link = architecture.layout, architecture.loss.link
    lane_shape, dtype = network.lane_shape, network.dtype
    if training and np.any(np.asarray(architecture.input_keep_prob) < 1):
        like = empty((*lane_shape, n_rows, architecture.n_inputs), dtype)
        yield Dropout(0, architecture.input_keep_prob, like)
    is_first = True  # whether nothing below learns
    if architecture.embedding is not None:
        tensors = (layout.tensors_of("embedding", array) for array in (vector, grad))
        embed = architecture.embedding.layer(lane_shape, n_rows, dtype, *tensors)
        yield embed
        is_first = not embed.learns
    for k, (weight, bias) in enumerate(zip(layout.weights, layout.biases, strict=True)):
        parameters = weight.view(vector), bias.view(vector)
        gradients = weight.view(grad), bias.view(grad)
        affine = (FirstAffine if is_first else Affine)(*parameters, *gradients, n_rows)
        yield affine
        is_first = False
        u, name = affine.u, weight.name.removesuffix(".weight")

        def extra(part: str, name: str = name) -> tuple[Tensors, Tensors]:
            part = f"{name}.{part}"
            return layout.tensors_of(part, vector), layout.tensors_of(part, grad)

        if k < len(architecture.hidden):
            layer = architecture.hidden[k]
            if layer.norm is not None:
                norm = layer.norm.layer(u, *extra("norm"), training=training)
                yield norm
                u = norm.y
            yield Activate(layer.activation, u, *extra("activation"))
            if training and np.any(np.asarray(layer.keep_prob) < 1):
                yield Dropout(k + 1, layer.keep_prob, u)
        elif architecture.output is not None and architecture.output.name != link:
            yield Activate(architecture.output, u, *extra("activation"))
