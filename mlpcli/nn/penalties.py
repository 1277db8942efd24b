"""Penalties on the weights, added to J; biases are not penalized."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array, column
from mlpcli.nn.network import Network


class L2:
    """P = α/2 Σ ‖W‖² over all weight matrices, ∂P/∂W = α W.

    With plain SGD the step becomes W ← (1 − λα) W − λ ∂J/∂W: weight decay. Source: the lecture.

    alpha  one number, or one a lane, (R,)
    """

    def __init__(self, alpha: Any, network: Network) -> None:
        n_weights = network.architecture.layout.n_weights
        self.weights = network.theta[..., :n_weights]
        self.alpha = column(alpha, self.weights)
        self._term = np.empty_like(self.weights)

    def value(self) -> Any:
        """Return P for each lane, (...,)."""
        alpha = self.alpha[..., 0] if self.alpha.ndim else self.alpha
        return alpha / 2 * np.vecdot(self.weights, self.weights)

    def add_gradient(self, grad: Array) -> None:
        """Add ∂P/∂W = α W to the weights' part of grad (..., n_params)."""
        np.multiply(self.weights, self.alpha, out=self._term)
        of_weights = grad[..., : self._term.shape[-1]]
        np.add(of_weights, self._term, out=of_weights)
