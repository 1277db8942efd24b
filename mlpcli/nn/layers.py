"""The layers of a network, each one line of the lecture, on arrays made once.

`forward` maps a layer's input to its output, `backward` dJ/d(output) to dJ/d(input). Both write
only into arrays of the layer, or in place into delta. Arrays are (..., rows, units).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array, Shape
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
        return self.below(delta)

    def below(self, delta: Array) -> Array:
        """∂J/∂b ← 1ᵀ δ; return dJ/dh ← δ Wᵀ."""
        self.matmul(self.ones, delta, self.db)
        self.matmul(delta, self.W_transposed, self.delta_below)
        return self.delta_below

    @property
    def multiply_adds(self) -> int:
        """Multiplications with addition in h W."""
        return self.u.size * self.W.shape[-2]


class FirstAffine(Affine):
    """The affine layer on the data X, whose own gradient is not needed."""

    def below(self, delta: Array) -> Array:
        """∂J/∂b ← 1ᵀ δ; return δ."""
        self.matmul(self.ones, delta, self.db)
        return delta


class Product:
    """u = h W on the rows of all members, one below the other; ∂J/∂W = hᵀ δ, dJ/dh = δ Wᵀ.

    W, dW   (..., fan_in, fan_out) weights that k members share, and where their gradient goes
    shape   (..., k, n_rows) of the rows; h, u and δ are (..., k, n_rows, columns)
    """

    def __init__(self, W: Array, dW: Array, shape: Shape) -> None:
        *lane_shape, k, n_rows = shape
        fan_in, fan_out = W.shape[-2:]
        self.matmul = matmul_for(tuple(lane_shape))
        self.W, self.W_transposed, self.dW = W, W.mT, dW
        self.rows = (*lane_shape, k * n_rows)
        self.u = empty((*shape, fan_out), W.dtype)
        self.delta_below = empty((*shape, fan_in), W.dtype)
        self._u, self._below = self._flat(self.u), self._flat(self.delta_below)

    def _flat(self, array: Array) -> Array:
        return np.reshape(array, (*self.rows, array.shape[-1]), copy=False)

    def forward(self, h: Array) -> Array:
        """u ← h W."""
        self.h = self._flat(h)
        self.matmul(self.h, self.W, self._u)
        return self.u

    def backward(self, delta: Array) -> Array:
        """∂J/∂W ← hᵀ δ; return dJ/dh ← δ Wᵀ."""
        self.matmul(self.h.mT, self._flat(delta), self.dW)
        return self.below(delta)

    def below(self, delta: Array) -> Array:
        """Return dJ/dh ← δ Wᵀ."""
        self.matmul(self._flat(delta), self.W_transposed, self._below)
        return self.delta_below

    @property
    def multiply_adds(self) -> int:
        """Multiplications with addition in h W."""
        return self.u.size * self.W.shape[-2]


class Scale:
    """u = r ∗ h, r a row of numbers for each member; ∂J/∂r = Σ_d h_d ∗ δ_d, dJ/dh = r ∗ δ.

    r, dr  (..., k, units) scalings, and where their gradient goes
    shape  of h, u and δ, (..., k, n_rows, units)

    Source: Wen, Tran and Ba, BatchEnsemble, 2020, (5), where r scales inputs and s outputs.
    """

    def __init__(self, r: Array, dr: Array, shape: Shape) -> None:
        # One row a member, (..., k, 1, units), which broadcasts over the batch.
        self.r, self.dr = r[..., np.newaxis, :], dr[..., np.newaxis, :]
        self.ones = np.ones((1, shape[-2]), r.dtype)
        self.u, self.work = empty(shape, r.dtype), empty(shape, r.dtype)

    def forward(self, h: Array) -> Array:
        """u ← r ∗ h."""
        self.h = h
        return np.multiply(h, self.r, out=self.u)

    def backward(self, delta: Array) -> Array:
        """∂J/∂r ← 1ᵀ (h ∗ δ); delta ← r ∗ delta in place."""
        self._gradient(delta)
        return np.multiply(delta, self.r, out=delta)

    def _gradient(self, delta: Array) -> None:
        np.multiply(self.h, delta, out=self.work)
        np.matmul(self.ones, self.work, self.dr)


class FirstScale(Scale):
    """u = r ∗ x on the data X, which all members see, and whose own gradient is not needed."""

    def __init__(self, r: Array, dr: Array, shape: Shape) -> None:
        super().__init__(r, dr, shape)
        self.x = empty((*shape[:-3], *shape[-2:]), r.dtype)

    def forward(self, h: Array) -> Array:
        """u ← r ∗ x, X (..., n_rows, n_inputs), copied once: an embedding's has its rows last.

        Of 256 rows of 340 units, 16 members multiply a copy in 1.0 ms, and that itself in 3.2.
        """
        np.copyto(self.x, h)
        return super().forward(self.x[..., np.newaxis, :, :])

    def backward(self, delta: Array) -> Array:
        self._gradient(delta)
        return delta


class EmbeddedScale(FirstScale):
    """u = r ∗ x on a layer below that all members share; dJ/dx = Σ_m r_m ∗ δ_m."""

    def __init__(self, r: Array, dr: Array, shape: Shape) -> None:
        super().__init__(r, dr, shape)
        self.delta_below = empty((*shape[:-3], *shape[-2:]), r.dtype)

    def backward(self, delta: Array) -> Array:
        """∂J/∂r ← 1ᵀ (x ∗ δ); return dJ/dx (..., n_rows, n_inputs)."""
        self._gradient(delta)
        np.multiply(delta, self.r, out=delta)
        return np.add.reduce(delta, axis=-3, out=self.delta_below)


class Bias:
    """u ← u + b in place; ∂J/∂b = Σ_d δ_d.

    b, db  (..., units) and where its gradient goes: of each member, or one for all
    u      (..., k, n_rows, units) the array that the layer before writes
    """

    def __init__(self, b: Array, db: Array, u: Array) -> None:
        self.b, self.db = b[..., np.newaxis, :], db[..., np.newaxis, :]
        # The rows of each member, or those of all, one below the other.
        rows = (*b.shape[:-1], -1, b.shape[-1])
        self.u, self._u = u, np.reshape(u, rows, copy=False)
        self.matmul = matmul_for(b.shape[:-1])
        self.ones = np.ones((1, self._u.shape[-2]), u.dtype)

    def forward(self, u: Array) -> Array:
        """u ← u + b."""
        np.add(self._u, self.b, out=self._u)
        return u

    def backward(self, delta: Array) -> Array:
        """∂J/∂b ← 1ᵀ δ; return δ."""
        self.matmul(self.ones, np.reshape(delta, self._u.shape, copy=False), self.db)
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
    like       array of units (..., rows, units); of members (..., k, rows, units)
    n_lanes    networks, each with a generator: all leading axes, but for that of members

    Source: the lecture; Srivastava et al., 2014, in its "inverted" form.
    """

    def __init__(
        self, stream: int, keep_prob: Any, like: Array, n_lanes: int | None = None
    ) -> None:
        kept = np.clip(np.round(np.asarray(keep_prob) * RESOLUTION), 1, RESOLUTION)
        self.stream, self.keep_prob = stream, keep_prob
        self.generators: Sequence[np.random.Generator] = ()  # one a lane
        lanes = int(np.prod(like.shape[:-2])) if n_lanes is None else n_lanes
        size = like.size // lanes
        # 64-bit words of four 16-bit numbers each, rounded up: steps do not share a word.
        self.words = empty((lanes, -(-size // 4)), np.uint64)
        bits = self.words.view(np.uint16)[:, :size]
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


Layer = Affine | Product | Scale | Bias | Activate | Dropout | Embed | Normalize
