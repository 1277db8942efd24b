"""The layers of a network, each one line of the lecture, on arrays made once.

`forward` maps a layer's input to its output, `backward` dJ/d(output) to dJ/d(input). Both write
only into arrays of the layer, or in place into delta. Arrays are (..., rows, units).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.activations import NONE, Activation, Tensors
from mlpcli.nn.arrays import column, empty, empty_like, matmul_for
from mlpcli.nn.embeddings import Embed
from mlpcli.nn.norms import Normalize

RESOLUTION = 1 << 16  # dropout compares 16 random bits, so p_k is exact to 1/65536
WORDS = 4096  # drawn at a time: NumPy returns random words in a new array, of 32 KiB at most


class Affine:
    """u = h W + b; ∂J/∂W = hᵀ δ, ∂J/∂b = Σ_d δ_d, dJ/dh = δ Wᵀ.

    W, dW  (..., fan_in, fan_out) weights and where their gradient goes
    b, db  (..., fan_out) biases and where their gradient goes
    """

    def __init__(self, W: Array, b: Array, dW: Array, db: Array, n_rows: int) -> None:
        lane_shape = W.shape[:-2]
        fan_in, fan_out = W.shape[-2:]
        self.matmul = matmul_for(lane_shape)
        self.W, self.W_transposed = W, W.mT
        self.dW = dW
        # One row, (..., 1, fan_out): it broadcasts over the batch, and it is what 1ᵀ δ gives.
        self.b, self.db = b[..., np.newaxis, :], db[..., np.newaxis, :]
        # Σ_d δ_d as a product with a row of ones: 0.3 µs against 1.4 µs for np.add.reduce.
        self.ones = np.ones((1, n_rows), W.dtype)
        self.u = empty((*lane_shape, n_rows, fan_out), W.dtype)
        self.delta_below = empty((*lane_shape, n_rows, fan_in), W.dtype)

    def forward(self, h: Array) -> Array:
        """u ← h W + b."""
        self.h = h
        self.matmul(h, self.W, self.u)
        return np.add(self.u, self.b, out=self.u)

    def backward(self, delta: Array) -> Array:
        """∂J/∂W ← hᵀ δ, ∂J/∂b ← 1ᵀ δ; return dJ/dh ← δ Wᵀ."""
        self.matmul(self.h.mT, delta, self.dW)
        self.matmul(self.ones, delta, self.db)
        self.matmul(delta, self.W_transposed, self.delta_below)
        return self.delta_below


class FirstAffine(Affine):
    """The affine layer on the data X, whose own gradient is not needed."""

    def backward(self, delta: Array) -> Array:
        self.matmul(self.h.mT, delta, self.dW)
        self.matmul(self.ones, delta, self.db)
        return delta


class Activate:
    """h = f(u); dJ/du = f'(u) ∗ dJ/dh, in place.

    Where the activation is `in_place`, h is u's array.

    u              the array that the layer before writes
    params, grads  the activation's learned parameters by name, and where their gradients go
    """

    def __init__(
        self, activation: Activation, u: Array, params: Tensors = NONE, grads: Tensors = NONE
    ) -> None:
        self.activation, self.u = activation, u
        self.h = u if activation.in_place else empty_like(u)
        self.scratch = activation.scratch(u, params, grads)

    def forward(self, u: Array) -> Array:
        """h ← f(u)."""
        self.activation.value(u, self.h, self.scratch)
        return self.h

    def backward(self, delta: Array) -> Array:
        """delta ← f'(u) ∗ delta."""
        self.activation.times_derivative(self.u, self.h, delta, self.scratch)
        return delta


class Dropout:
    """h ∗ M/p_k, M ~ Bernoulli(p_k); the same mask on the way back.

    `mask` (..., rows, units) holds 0 or 1/p_k, p_k rounded to a multiple of 1/65536, so that its
    expectation is 1 exactly. It stays until `draw` renews it: a gradient check can freeze it.

    stream     number of its random stream: the layer whose units it drops, 0 for the data
    keep_prob  p_k, one number or one a lane (R,)

    Source: the lecture; Srivastava et al., 2014, in its "inverted" form.
    """

    def __init__(self, stream: int, keep_prob: Any, like: Array) -> None:
        kept = np.clip(np.round(np.asarray(keep_prob) * RESOLUTION), 1, RESOLUTION)
        self.stream = stream
        self.generators: Sequence[np.random.Generator] = ()  # one a lane
        *lane_shape, n_rows, units = like.shape
        # 64-bit words of four 16-bit numbers each, rounded up: steps do not share a word.
        self.words = empty((int(np.prod(lane_shape)), -(-n_rows * units // 4)), np.uint64)
        bits = self.words.view(np.uint16)[:, : n_rows * units]
        self.bits = bits.reshape(like.shape)
        self.last_kept = column(kept - 1, np.empty((1,) * like.ndim, np.uint16))
        self.scale = column(RESOLUTION / kept, like)
        self.is_kept = empty_like(like, bool)
        self.mask, self.h = empty_like(like), empty_like(like)

    def draw(self) -> None:
        """Draw a new mask: M/p_k ← 1[bits < 65536 p_k] / p_k."""
        for lane, rng in zip(self.words, self.generators, strict=True):
            for start in range(0, lane.size, WORDS):
                part = lane[start : start + WORDS]
                part[...] = rng.bit_generator.random_raw(part.size)
        np.less_equal(self.bits, self.last_kept, out=self.is_kept)
        np.multiply(self.is_kept, self.scale, out=self.mask)

    def forward(self, h: Array) -> Array:
        """h ∗ M/p_k."""
        return np.multiply(h, self.mask, out=self.h)

    def backward(self, delta: Array) -> Array:
        """delta ∗ M/p_k."""
        return np.multiply(delta, self.mask, out=delta)


Layer = Affine | Activate | Dropout | Embed | Normalize
