"""What keeps the weights small: penalties added to J, and two bounds on the weights themselves.

Biases are free of all of them. Strengths are one number, or one a lane, (R,) or (R, 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.arrays import column, empty, empty_like, matmul_for
from mlpcli.nn.network import Network


def _weights_of(network: Network) -> Array:
    return network.theta[..., : network.architecture.layout.n_weights]


class L2:
    """P = α/2 Σ ‖W‖² over all weight matrices, ∂P/∂W = α W.

    With plain SGD the step becomes W ← (1 − λα) W − λ ∂J/∂W: weight decay. Source: the lecture.

    alpha  one number, or one a lane
    """

    def __init__(self, alpha: Any, network: Network) -> None:
        self.weights = _weights_of(network)
        self.alpha = column(alpha, self.weights)
        self._term = empty_like(self.weights)

    def value(self) -> Any:
        """Return P for each lane, (...,)."""
        alpha = self.alpha[..., 0] if self.alpha.ndim else self.alpha
        return alpha / 2 * np.vecdot(self.weights, self.weights)

    def add_gradient(self, grad: Array) -> None:
        """Add ∂P/∂W = α W to the weights' part of grad (..., n_params)."""
        np.multiply(self.weights, self.alpha, out=self._term)
        of_weights = grad[..., : self._term.shape[-1]]
        np.add(of_weights, self._term, out=of_weights)


class L1:
    """P = β Σ |W| over all weights, ∂P/∂W = β sign(W), with 0 at W = 0 for the kink.

    The pull towards 0 does not fade as a weight gets small: many end near 0. A step of descent
    carries them to and fro across 0, never onto it. Source: Tibshirani, 1996; Goodfellow et al.,
    Deep Learning, 2016, 7.1.2.

    beta  one number, or one a lane
    """

    def __init__(self, beta: Any, network: Network) -> None:
        self.weights = _weights_of(network)
        self.beta = column(beta, self.weights)
        self._term = empty_like(self.weights)
        self._ones = np.ones(self.weights.shape[-1], network.dtype)

    def value(self) -> Any:
        """Return P for each lane, (...,)."""
        beta = self.beta[..., 0] if self.beta.ndim else self.beta
        np.abs(self.weights, out=self._term)
        return beta * np.vecdot(self._term, self._ones)

    def add_gradient(self, grad: Array) -> None:
        """Add ∂P/∂W = β sign(W) to the weights' part of grad (..., n_params)."""
        np.sign(self.weights, out=self._term)
        np.multiply(self._term, self.beta, out=self._term)
        of_weights = grad[..., : self._term.shape[-1]]
        np.add(of_weights, self._term, out=of_weights)


class DecoupledDecay:
    """W ← (1 − λα) W, before the step of an optimizer whose `decoupled_decay` is true.

    Rounded as PyTorch's: in float32 a λα below 3e-8 does nothing.
    Source: Loshchilov and Hutter, 2019, algorithm 2; α times the schedule's λ, as in PyTorch.

    alpha  one number, or one a lane
    rate   λ of the step, without axes or (..., 1): read at each step
    """

    def __init__(self, alpha: Any, network: Network, rate: Array) -> None:
        self.weights, self.rate = _weights_of(network), rate
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

    limit  c, one number, or one a lane
    """

    def __init__(self, limit: Any, network: Network) -> None:
        tensors = network.architecture.layout.weights
        self.weights = [tensor.view(network.theta) for tensor in tensors]
        widest = max(W.shape[-2] * W.shape[-1] for W in self.weights)
        scratch = empty((*network.lane_shape, widest), network.dtype)
        self._squares = [
            scratch[..., : W.shape[-2] * W.shape[-1]].reshape(W.shape) for W in self.weights
        ]
        self._ones = [np.ones((1, W.shape[-2]), network.dtype) for W in self.weights]
        self._norms = [
            empty((*network.lane_shape, 1, W.shape[-1]), network.dtype) for W in self.weights
        ]
        self.limit = column(np.reshape(limit, np.shape(limit)[:1]), self._norms[0])
        self._matmul = matmul_for(network.lane_shape)

    def apply(self) -> None:
        """Scale back, in place, the columns that are too long; the others keep their bits."""
        limit = self.limit
        for W, squares, ones, norms in zip(
            self.weights, self._squares, self._ones, self._norms, strict=True
        ):
            np.multiply(W, W, out=squares)
            self._matmul(ones, squares, norms)
            np.sqrt(norms, out=norms)
            np.maximum(norms, limit, out=norms)
            np.divide(limit, norms, out=norms)
            # Not out=W: in a stack W has gaps between its lanes, and NumPy would copy it first.
            np.multiply(W, norms, out=squares)
            np.copyto(W, squares)
