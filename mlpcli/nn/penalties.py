"""Penalties added to J, weight decay, and a bound on the norm of the weights into a unit.

Biases are free of all of them. Strengths are one number, or one a lane, (R,) or (R, 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import column, empty, empty_like, matmul_for
from mlpcli.nn.network import Network

ALL = slice(None)  # of the parameters


def _weights(network: Network) -> Array:
    return network.theta[..., : network.architecture.layout.n_weights]


class Penalty:
    """A penalty P of the weights, and its gradient.

    strength  one number, or one a lane
    """

    def __init__(self, strength: Any, network: Network) -> None:
        self.weights = _weights(network)
        self.strength = column(strength, self.weights)
        self._by_lane = self.strength[..., 0] if self.strength.ndim else self.strength
        self._term = empty_like(self.weights)

    def value(self) -> Any:
        """Return P for each lane, (...,)."""
        raise NotImplementedError

    def add_gradient(self, grad: Array, part: slice = ALL) -> None:
        """Add ∂P/∂W to the weights' part of grad (..., n_params), or of some parameters alone."""
        raise NotImplementedError


class L2(Penalty):
    """P = α/2 Σ ‖W‖² over all weight matrices, ∂P/∂W = α W.

    With plain SGD the step becomes W ← (1 − λα) W − λ ∂J/∂W: weight decay. Source: the lecture.
    """

    def value(self) -> Any:
        return self._by_lane / 2 * np.vecdot(self.weights, self.weights)

    def add_gradient(self, grad: Array, part: slice = ALL) -> None:
        weights, term = self.weights[..., part], self._term[..., part]
        np.multiply(weights, self.strength, out=term)
        grad_W = grad[..., : self._term.shape[-1]][..., part]
        np.add(grad_W, term, out=grad_W)


class L1(Penalty):
    """P = β Σ |W| over all weights, ∂P/∂W = β sign(W), with 0 at W = 0 for the kink.

    The pull towards 0 does not fade as a weight gets small: many end near 0. A step of descent
    carries them to and fro across 0, never onto it. Source: Tibshirani, 1996; Goodfellow et al.,
    Deep Learning, 2016, 7.1.2.
    """

    def __init__(self, strength: Any, network: Network) -> None:
        super().__init__(strength, network)
        self._ones = np.ones(self.weights.shape[-1], network.dtype)

    def value(self) -> Any:
        np.abs(self.weights, out=self._term)
        return self._by_lane * np.vecdot(self._term, self._ones)

    def add_gradient(self, grad: Array, part: slice = ALL) -> None:
        weights, term = self.weights[..., part], self._term[..., part]
        np.sign(weights, out=term)
        np.multiply(term, self.strength, out=term)
        grad_W = grad[..., : self._term.shape[-1]][..., part]
        np.add(grad_W, term, out=grad_W)


class DecoupledDecay:
    """W ← (1 − λα) W, before the step of an optimizer whose `decoupled_decay` is true.

    Rounded as PyTorch's: in float32 a λα below 3e-8 does nothing.
    Source: Loshchilov and Hutter, 2019, algorithm 2; α times the schedule's λ, as in PyTorch.

    alpha  one number, or one a lane
    rate   λ of the step, without axes or (..., 1): read at each step
    part   of the parameters: its weights alone
    """

    def __init__(self, alpha: Any, network: Network, rate: Array, part: slice = ALL) -> None:
        self.weights, self.rate = _weights(network)[..., part], rate
        self.alpha = column(alpha, self.weights)
        self._keep = empty(np.broadcast_shapes(self.alpha.shape, rate.shape), network.dtype)

    def apply(self) -> None:
        """Shrink the weights in place."""
        np.multiply(self.rate, self.alpha, out=self._keep)
        np.subtract(1.0, self._keep, out=self._keep)
        np.multiply(self.weights, self._keep, out=self.weights)


class MaxNorm:
    """W_j ← W_j min(1, c / ‖W_j‖), W_j a column of W: the weights into unit j, after each step.

    Source: Srivastava et al., Dropout, 2014, 5.1, who found c between 3 and 4 to work well with
    dropout; Srebro and Shraibman, 2005.

    Of members that share weights the limit is on the shared W, and on each head.

    limit  c, one number, or one a lane
    """

    def __init__(self, limit: Any, network: Network) -> None:
        tensors = network.architecture.layout.weights
        lane_shape, dtype = network.lane_shape, network.dtype
        scratch = empty((*lane_shape, max(t.stop - t.start for t in tensors)), dtype)
        self.matrices = []
        for tensor in tensors:
            W = tensor.view(network.theta)
            *heads, fan_in, fan_out = tensor.shape
            squares = scratch[..., : tensor.stop - tensor.start].reshape(W.shape)
            norms = empty((*lane_shape, *heads, 1, fan_out), dtype)
            bound = column(np.reshape(limit, np.shape(limit)[:1]), norms)
            product = matmul_for(W.shape[:-2])
            self.matrices.append((W, squares, np.ones((1, fan_in), dtype), norms, bound, product))

    def apply(self) -> None:
        """Scale back, in place, the columns that are too long; the others keep their bits."""
        for W, squares, ones, norms, limit, matmul in self.matrices:
            np.multiply(W, W, out=squares)
            matmul(ones, squares, norms)
            np.sqrt(norms, out=norms)
            np.maximum(norms, limit, out=norms)
            np.divide(limit, norms, out=norms)
            # Not out=W: in a stack W has gaps between its lanes, and NumPy would copy it first.
            np.multiply(W, norms, out=squares)
            np.copyto(W, squares)
