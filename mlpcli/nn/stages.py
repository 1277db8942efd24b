"""The stages of a pass: each one line of the lecture, bound to arrays made once.

A stage has `forward`, which takes h and returns the next h, and `backward`, which takes dJ/dh of
what it returned and returns dJ/dh of what it took. Both write only into arrays of the stage, or
in place into delta. Arrays are (..., rows, units).
"""

from __future__ import annotations

from typing import Any

from mlpcli.array_types import Array
from mlpcli.nn.activations import NONE, Activation, Tensors
from mlpcli.nn.arrays import column, empty, empty_like, product_for, spread_to
from mlpcli.nn.norms import Normalize
from mlpcli.nn.replay import np

RESOLUTION = 1 << 16  # dropout compares 16 random bits, so p_k is exact to 1/65536


class Affine:
    """u = h W + b; ∂J/∂W = hᵀ δ, ∂J/∂b = Σ_d δ_d, dJ/dh = δ Wᵀ.

    W, dW      (..., fan_in, fan_out) weights and where their gradient goes
    b, db      (..., fan_out) biases and where their gradient goes
    by_column  whether the memory of u, and of the δ to come, has the rows' numbers of one unit
               one after the other
    """

    def __init__(
        self, W: Array, b: Array, dW: Array, db: Array, n_rows: int, *, by_column: bool = False
    ) -> None:
        lead = W.shape[:-2]
        fan_in, fan_out = W.shape[-2:]
        self.product = product_for(lead)
        self.product_into_u = product_for(lead, by_column=by_column)
        self.W, self.W_transposed = W, W.mT
        self.dW = dW
        # One row, (..., 1, fan_out): it broadcasts over the batch, and it is what 1ᵀ δ gives.
        self.b = b[..., np.newaxis, :]
        self.db = db[..., np.newaxis, :]
        # Σ_d δ_d as a product with a row of ones: 0.3 µs against 1.4 µs for np.add.reduce.
        self.ones = np.ones((1, n_rows), W.dtype)
        self.u = empty((*lead, n_rows, fan_out), W.dtype, by_column=by_column)
        self.spread = spread_to(self.u)
        self.delta_below = empty((*lead, n_rows, fan_in), W.dtype)

    def forward(self, h: Array) -> Array:
        """u ← h W + b."""
        self.h = h
        self.product_into_u(h, self.W, self.u)
        return np.add(self.u, self.spread(self.b), out=self.u)

    def parameter_gradients(self, delta: Array) -> None:
        """∂J/∂W ← hᵀ δ, ∂J/∂b ← 1ᵀ δ."""
        self.product(self.h.mT, delta, self.dW)
        self.product(self.ones, delta, self.db)

    def backward(self, delta: Array) -> Array:
        """Write the parameters' gradients; return dJ/dh ← δ Wᵀ."""
        self.parameter_gradients(delta)
        self.product(delta, self.W_transposed, self.delta_below)
        return self.delta_below


class FirstAffine(Affine):
    """The affine stage on the data X, whose own gradient nobody asks for."""

    def __init__(
        self, W: Array, b: Array, dW: Array, db: Array, n_rows: int, *, by_column: bool = False
    ) -> None:
        super().__init__(W, b, dW, db, n_rows, by_column=by_column)
        del self.delta_below

    def backward(self, delta: Array) -> Array:
        """Write the parameters' gradients, and stop there."""
        self.parameter_gradients(delta)
        return delta


class Activate:
    """h = f(u); dJ/du = f'(u) ∗ dJ/dh, in place.

    Where the activation is `in_place`, h is u's array: steps of 784-512-256-10 take 1 % less.

    u           the array that the stage before writes
    own, d_own  the activation's own parameters by name, and where their gradients go
    """

    def __init__(
        self, activation: Activation, u: Array, own: Tensors = NONE, d_own: Tensors = NONE
    ) -> None:
        self.activation, self.u = activation, u
        self.h = u if activation.in_place else empty_like(u)
        self.scratch = activation.scratch(u, own, d_own)

    def forward(self, u: Array) -> Array:
        """h ← f(u)."""
        self.activation.value(u, self.h, self.scratch)
        return self.h

    def backward(self, delta: Array) -> Array:
        """delta ← f'(u) ∗ delta."""
        self.activation.times_derivative(self.u, self.h, delta, self.scratch)
        return delta


class Drop:
    """Dropout: h ∗ M/p_k, M ~ Bernoulli(p_k); the same mask on the way back.

    The mask (..., rows, units) holds 0 or 1/p_k, p_k rounded to a multiple of 1/65536, so that
    its expectation is 1 exactly. `draw` renews it, or whoever puts another in its place; until
    then it stays as it is, all ones at first, and that is how a gradient check freezes it.

    place      the layer whose units it drops, 0 for the data: it has a random stream of its own
    keep_prob  p_k, one number or one a lane (R,)

    Source: the lecture; Srivastava et al., 2014, in its "inverted" form.
    """

    def __init__(self, place: int, keep_prob: Any, like: Array) -> None:
        kept = np.clip(np.round(np.asarray(keep_prob) * RESOLUTION), 1, RESOLUTION)
        self.place = place
        self.last_kept = (kept - 1).astype(np.uint16)
        self.last_kept = self.last_kept.reshape(kept.shape + (1, 1) * bool(kept.ndim))
        self.scale = column(RESOLUTION / kept, like)
        self.mask: Array = np.broadcast_to(np.ones((), like.dtype), like.shape)
        self.h = empty_like(like)

    @property
    def n_bits(self) -> int:
        """How many 16-bit numbers one lane's mask takes."""
        return int(np.prod(self.mask.shape[-2:]))

    def make(self, bits: Array, is_kept: Array, masks: Array) -> None:
        """masks ← 1[bits < 65536 p_k] / p_k, of any number of steps.

        bits     (..., steps, rows · units) of type uint16; is_kept, bool, and masks are like it
        """
        np.less_equal(bits, self.last_kept, out=is_kept)
        # Not out=masks: 16 x 16 take 1.4 µs then, and 1.0 so; NumPy would buffer the conversion.
        np.copyto(masks, is_kept)
        np.multiply(masks, self.scale, out=masks)

    def draw(self, bits: Array) -> None:
        """Take the mask of bits (..., rows · units)."""
        of_steps = bits[..., np.newaxis, :]
        masks = empty(of_steps.shape, self.scale.dtype)
        self.make(of_steps, empty(of_steps.shape, bool), masks)
        self.mask = masks.reshape(self.mask.shape)

    def forward(self, h: Array) -> Array:
        """h ∗ M/p_k."""
        return np.multiply(h, self.mask, out=self.h)

    def backward(self, delta: Array) -> Array:
        """delta ∗ M/p_k."""
        return np.multiply(delta, self.mask, out=delta)


Stage = Affine | Activate | Drop | Normalize
