"""Forward and backward passes over a fixed number of rows, with every array they write.

    h ← f(h W + b) layer by layer, ŷ ← g(h U + c)                     forward
    δ⁽ᵏ⁾ = f'(u⁽ᵏ⁾) ∗ (δ⁽ᵏ⁺¹⁾ W⁽ᵏ⁺¹⁾ᵀ),  ∂J/∂W⁽ᵏ⁾ = h⁽ᵏ⁻¹⁾ᵀ δ⁽ᵏ⁾       backward

What a pass does is decided here, when it is built: an evaluation has no dropout stages, so
nothing has to ask for the mode in each step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpcli.array_types import Array
from mlpcli.nn.activations import Tensors
from mlpcli.nn.arrays import empty, zeros
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import Network
from mlpcli.nn.replay import np
from mlpcli.nn.stages import Activate, Affine, Drop, FirstAffine, Stage


class Pass:
    """The stages of a network, bound to its parameters, a gradient, and a number of rows.

    network   its numbers are read through views: a step of the optimizer is seen at once
    n_rows    rows of every batch of this pass
    grad      (..., n_params) receives the gradient of J; None makes one
    training  with dropout, and normalized by the batch; else as the trained network predicts
    loss      another form of the architecture's loss, such as the one for mixed targets
    weighted  whether the rows have weights: then `weigh` is called before each batch

    share     (), or (R, 1, 1): of each row in J, 1/N
    """

    def __init__(
        self,
        network: Network,
        n_rows: int,
        grad: Array | None = None,
        *,
        training: bool,
        loss: Loss | None = None,
        weighted: bool = False,
    ) -> None:
        architecture = network.architecture
        self.network = network
        self.n_rows = n_rows
        self.grad = zeros(network.theta.shape, network.dtype) if grad is None else grad
        self.loss = loss or architecture.loss
        self.stages: list[Stage] = list(
            _stages(
                network, self.grad, n_rows, training=training, by_column=self.loss.takes_columns
            )
        )
        self.drops = [stage for stage in self.stages if isinstance(stage, Drop)]
        # A mask on the data is before the first layer: nobody asks for the data's gradient.
        first = next(i for i, stage in enumerate(self.stages) if isinstance(stage, Affine))
        self._backward = self.stages[first:][::-1]

        shape = (*network.lead, n_rows, architecture.n_outputs)
        self.delta = empty(shape, network.dtype, by_column=self.loss.takes_columns)
        self.rows = empty(shape[:-1], network.dtype)
        self.share = np.full((*network.lead, 1, 1) if network.lead else (), 1.0, network.dtype)
        np.divide(self.share, n_rows, out=self.share)
        self.weighted = weighted
        self.scale = empty((*shape[:-1], 1), network.dtype) if weighted else self.share
        self.scratch = self.loss.scratch(self.delta)

    def scale_gradient(self, factor: Array) -> None:
        """Let what is written into grad be this factor, () or (R, 1), times the gradient of J."""
        np.divide(factor.reshape(self.share.shape), self.n_rows, out=self.share)

    def weigh(self, weight: Array) -> None:
        """Take the weights of the next batch's rows (..., n_rows); J is then 1/N Σ_d w_d J_d."""
        np.multiply(weight[..., np.newaxis], self.share, out=self.scale)

    def forward(self, X: Array) -> Array:
        """Return the last stage's output, (..., n_rows, n_outputs): what the loss sees.

        X  (n_rows, n_inputs), or (..., n_rows, n_inputs) with the lanes of the network
        """
        h = X
        for stage in self.stages:
            h = stage.forward(h)
        self.output = h
        return h

    def leave_output_in(self, place: Array) -> None:
        """Let forward passes write what the loss sees there, (..., n_rows, n_outputs).

        But not where an output activation is a stage of its own.
        """
        last = self.stages[-1]
        if isinstance(last, Affine):
            last.u = place

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
        return self._mean()

    def value_and_gradient(self, X: Array, target: Array) -> Any:
        """Return J (...,) of one batch, without the penalty, and write its gradient into grad."""
        self.gradient(X, target, self.rows)
        return self._mean()

    def _mean(self) -> Any:
        """Return 1/N Σ_d w_d J_d of the rows' losses, (...,)."""
        if self.weighted:
            return np.vecdot(self.rows, self.scale[..., 0])
        return np.mean(self.rows, axis=-1)

    def share_masks(self, other: Pass) -> None:
        """Use another pass's dropout masks, frozen as they are; they broadcast over our lanes."""
        for mine, theirs in zip(self.drops, other.drops, strict=True):
            mine.mask = theirs.mask

    def predict(self, out: Array) -> Array:
        """Write ŷ of the rows last sent forward into `out` (..., n_rows, n_outputs)."""
        self.loss.predict(self.output, out)
        return out


def _stages(
    network: Network, grad: Array, n_rows: int, *, training: bool, by_column: bool
) -> Iterator[Stage]:
    """Yield the stages from the data to what the loss sees.

    by_column  how the memory of what the loss sees is arranged
    """
    architecture, vector = network.architecture, network.vector
    layout, link = architecture.layout, architecture.loss.link
    lead, dtype = network.lead, network.dtype
    if training and np.any(np.asarray(architecture.input_keep_prob) < 1):
        like = empty((*lead, n_rows, architecture.n_inputs), dtype)
        yield Drop(0, architecture.input_keep_prob, like)
    affine: type[Affine] = FirstAffine
    for k, (weight, bias) in enumerate(zip(layout.weights, layout.biases, strict=True)):
        stage = affine(
            weight.view(vector),
            bias.view(vector),
            weight.view(grad),
            bias.view(grad),
            n_rows,
            by_column=by_column and k == len(architecture.hidden),
        )
        yield stage
        affine, name = Affine, weight.name.removesuffix(".weight")

        def own(part: str, name: str = name) -> tuple[Tensors, Tensors]:
            return layout.of(f"{name}.{part}", vector), layout.of(f"{name}.{part}", grad)

        if k < len(architecture.hidden):
            layer = architecture.hidden[k]
            u = stage.u
            if layer.norm is not None:
                normalized = layer.norm.stage(u, *own("norm"), training=training)
                yield normalized
                u = normalized.y
            yield Activate(layer.activation, u, *own("activation"))
            if training and np.any(np.asarray(layer.keep_prob) < 1):
                yield Drop(k + 1, layer.keep_prob, stage.u)
        elif architecture.output is not None and architecture.output.name != link:
            yield Activate(architecture.output, stage.u, *own("activation"))


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
        # Nobody asks for a gradient here: one zero, read-only, has the shape of one.
        self._no_grad = np.broadcast_to(np.zeros((), network.dtype), network.theta.shape)

    def predict(self, X: Array, out: Array) -> Array:
        """Write ŷ = g(h U + c) of every row into `out` (..., rows, n_outputs).

        X  (rows, n_inputs), or (..., rows, n_inputs)
        """
        for start, stop, one in self._chunks(X.shape[-2]):
            one.forward(X[..., start:stop, :])
            one.predict(out[..., start:stop, :])
        return out

    def loss(self, X: Array, target: Array, out: Array, weight: Array | None = None) -> Any:
        """Return J over all rows, (...,), without dropout or penalty, and write ŷ into `out`.

        weight  (rows,) of each row: then J = Σ_d w_d J_d / Σ_d w_d
        """
        n_rows = X.shape[-2]
        total = np.zeros(self.network.lead)
        columns = () if self.network.architecture.loss.class_index else (slice(None),)
        for start, stop, one in self._chunks(n_rows):
            one.forward(X[..., start:stop, :])
            one.losses(target[(..., slice(start, stop), *columns)], one.rows)
            rows = one.rows if weight is None else one.rows * weight[start:stop]
            total += np.sum(rows, axis=-1, dtype=np.float64)
            one.predict(out[..., start:stop, :])
        return total / (n_rows if weight is None else np.sum(weight, dtype=np.float64))

    def row_losses(self, X: Array, target: Array) -> Array:
        """Return the loss of each row (..., rows), unweighted: `loss` is their (weighted) mean."""
        losses = empty((*self.network.lead, X.shape[-2]))
        columns = () if self.network.architecture.loss.class_index else (slice(None),)
        for start, stop, one in self._chunks(X.shape[-2]):
            one.forward(X[..., start:stop, :])
            one.losses(target[(..., slice(start, stop), *columns)], one.rows)
            losses[..., start:stop] = one.rows
        return losses

    def _chunks(self, n_rows: int) -> Any:
        for start in range(0, n_rows, self.chunk):
            stop = min(start + self.chunk, n_rows)
            if stop - start not in self._passes:
                if (
                    len(self._passes) == self.MAX_PASSES
                ):  # callers with ever new sizes do not fill the memory
                    self._passes.clear()
                self._passes[stop - start] = Pass(
                    self.network, stop - start, self._no_grad, training=False
                )
            yield start, stop, self._passes[stop - start]
