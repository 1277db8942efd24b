"""Forward and backward passes over a fixed number of rows, with every array they write.

    h ← f(h W + b) layer by layer, ŷ ← g(h U + c)                     forward
    δ⁽ᵏ⁾ = f'(u⁽ᵏ⁾) ∗ (δ⁽ᵏ⁺¹⁾ W⁽ᵏ⁺¹⁾ᵀ),  ∂J/∂W⁽ᵏ⁾ = h⁽ᵏ⁻¹⁾ᵀ δ⁽ᵏ⁾       backward

What a pass does is decided here, when it is built: an evaluation has no dropout stages, so
nothing has to ask for the mode in each step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array
from mlpcli.nn.network import Architecture, Network
from mlpcli.nn.stages import Activate, Affine, Drop, FirstAffine, MaskBits, Stage


class Pass:
    """The stages of a network, bound to its parameters, a gradient, and a number of rows.

    network  its theta is read through views: a step of the optimizer is seen at once
    n_rows   rows of every batch of this pass
    grad     (..., n_params) receives the gradient of J; None makes one
    dropout  whether the dropout stages are built in
    """

    def __init__(
        self, network: Network, n_rows: int, grad: Array | None = None, *, dropout: bool
    ) -> None:
        architecture = network.architecture
        self.network = network
        self.n_rows = n_rows
        self.grad = np.zeros_like(network.theta) if grad is None else grad
        self.stages: list[Stage] = list(
            _stages(architecture, network, self.grad, n_rows, dropout=dropout)
        )
        self.drops = [stage for stage in self.stages if isinstance(stage, Drop)]
        self._backward = self.stages[::-1]

        shape = (*network.lead, n_rows, architecture.n_outputs)
        self.loss = architecture.loss
        self.delta = np.empty(shape, network.dtype)
        self.rows = np.empty(shape[:-1], network.dtype)
        self.scale = np.asarray(1.0 / n_rows, network.dtype)
        self.scratch = self.loss.scratch(self.delta)

    def forward(self, X: Array) -> Array:
        """Return the last stage's output, (..., n_rows, n_outputs): what the loss sees.

        X  (n_rows, n_inputs), or (..., n_rows, n_inputs) with the lanes of the network
        """
        h = X
        for stage in self.stages:
            h = stage.forward(h)
        self.output = h
        return h

    def losses(self, target: Array, rows: Array) -> None:
        """Write the loss of each row last sent forward into `rows` (..., n_rows); set delta."""
        self.loss.rows_and_delta(self.output, target, self.scale, rows, self.delta, self.scratch)

    def backward(self) -> None:
        """Write dJ/dtheta into grad, from delta down to the data."""
        delta = self.delta
        for stage in self._backward:
            delta = stage.backward(delta)

    def gradient(self, X: Array, target: Array, rows: Array) -> None:
        """Write the gradient of J on one batch into grad, and each row's loss into `rows`."""
        self.forward(X)
        self.losses(target, rows)
        self.backward()

    def value(self, target: Array) -> Any:
        """Return J of the rows last sent forward, (...,), and set delta = dJ/d(output)."""
        self.losses(target, self.rows)
        return np.mean(self.rows, axis=-1)

    def value_and_gradient(self, X: Array, target: Array) -> Any:
        """Return J (...,) of one batch, without the penalty, and write its gradient into grad."""
        self.gradient(X, target, self.rows)
        return np.mean(self.rows, axis=-1)

    @property
    def n_mask_bits(self) -> int:
        """How many 16-bit numbers the masks of one step take, in each lane."""
        return sum(drop.n_bits for drop in self.drops)

    def draw_masks(self, bits: MaskBits) -> None:
        """Draw new masks, first layer first, from one step's bits."""
        one_step, start = bits.next(), 0
        for drop in self.drops:
            drop.draw(one_step[..., start : start + drop.n_bits])
            start += drop.n_bits

    def share_masks(self, other: Pass) -> None:
        """Use another pass's dropout masks, frozen as they are; they broadcast over our lanes."""
        for mine, theirs in zip(self.drops, other.drops, strict=True):
            mine.mask = theirs.mask

    def predict(self, out: Array) -> Array:
        """Write ŷ of the rows last sent forward into `out` (..., n_rows, n_outputs)."""
        self.loss.predict(self.output, out)
        return out


def _stages(
    architecture: Architecture, network: Network, grad: Array, n_rows: int, *, dropout: bool
) -> Any:
    """Yield the stages from the data to what the loss sees."""
    layout, theta = architecture.layout, network.theta
    affine: type[Affine] = FirstAffine
    for k, (weight, bias) in enumerate(zip(layout.weights, layout.biases, strict=True)):
        stage = affine(
            weight.view(theta), bias.view(theta), weight.view(grad), bias.view(grad), n_rows
        )
        yield stage
        affine = Affine
        if k < len(architecture.hidden):
            layer = architecture.hidden[k]
            yield Activate(layer.activation, stage.u)
            if dropout and layer.keep_prob < 1:
                yield Drop(layer.keep_prob, stage.u)
        elif architecture.output is not None and architecture.output.name != architecture.loss.link:
            yield Activate(architecture.output, stage.u)


class Evaluation:
    """Predictions of any number of rows, a fixed number of them at a time.

    The arrays are those of one chunk, whatever the number of rows; the last, shorter chunk runs
    in a pass of its own.
    """

    CHUNK_BYTES = 1 << 20  # of activations: a chunk's arrays stay in the second-level cache
    MAX_PASSES = 8

    def __init__(self, network: Network) -> None:
        self.network = network
        # Of one lane, however many there are: the same chunks, so the same bits, as alone.
        units = sum(t.shape[1] for t in network.architecture.layout.weights)
        row_bytes = 2 * units * network.theta.itemsize
        self.chunk = int(min(4096, max(64, self.CHUNK_BYTES // row_bytes)))
        self._passes: dict[int, Pass] = {}

    def predict(self, X: Array, out: Array) -> Array:
        """Write ŷ = g(h U + c) of every row into `out` (..., rows, n_outputs).

        X  (rows, n_inputs), or (..., rows, n_inputs)
        """
        for start, stop, one in self._chunks(X.shape[-2]):
            one.forward(X[..., start:stop, :])
            one.predict(out[..., start:stop, :])
        return out

    def loss(self, X: Array, target: Array, out: Array) -> Any:
        """Return J over all rows, (...,), without dropout or penalty, and write ŷ into `out`."""
        n_rows = X.shape[-2]
        total = np.zeros(self.network.lead)
        columns = () if self.network.architecture.loss.class_index else (slice(None),)
        for start, stop, one in self._chunks(n_rows):
            one.forward(X[..., start:stop, :])
            one.losses(target[(..., slice(start, stop), *columns)], one.rows)
            total += np.sum(one.rows, axis=-1, dtype=np.float64)
            one.predict(out[..., start:stop, :])
        return total / n_rows

    def _chunks(self, n_rows: int) -> Any:
        for start in range(0, n_rows, self.chunk):
            stop = min(start + self.chunk, n_rows)
            if stop - start not in self._passes:
                if (
                    len(self._passes) == self.MAX_PASSES
                ):  # callers with ever new sizes do not fill the memory
                    self._passes.clear()
                self._passes[stop - start] = Pass(self.network, stop - start, dropout=False)
            yield start, stop, self._passes[stop - start]
