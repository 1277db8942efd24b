"""Cross-entropy of yes and no: one output for two classes, or one a label."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import setting
from mlpcli.nn.activations.sigmoidal import exponent_limit
from mlpcli.nn.arrays import empty_like
from mlpcli.nn.losses.loss import LOSSES, SmoothingLoss


@LOSSES.add("binary_cross_entropy")
class BinaryCrossEntropy(SmoothingLoss):
    """J = −1/N Σ_d Σ_j [ y log ŷ + (1 − y) log(1 − ŷ) ], ŷ = σ(u), nats; dJ/du = (ŷ − y) / N.

    With the link put in, −log ŷ = softplus(−u) and −log(1 − ŷ) = softplus(u), and both contain
    log(1 + exp(−|u|)): no logarithm of 0 and no overflow at any u. The derivative is computed as
    (1 − y) σ(u) − y σ(−u), the same number without the cancellation of σ(u) − y, with
    σ(u) = 1 / (1 + exp(−u)) and σ(−u) = exp(−u) σ(u). y lies anywhere from 0 to 1.

    Smoothed, y ← (1 − ε) y + ε/2, in the validation loss too. An output that can be 0 or 1
    (hard_sigmoid) is not allowed: J would be infinite there.
    Source: the lecture, exercise on two classes; Bishop, PRML, 4.3.2; smoothing as in Keras's
    BinaryCrossentropy. PyTorch's BCEWithLogitsLoss averages over j as well.
    """

    link: ClassVar[str] = "sigmoid"
    tasks: ClassVar[tuple[str, ...]] = ("binary", "multilabel")

    label_smoothing: float = setting(0.0, "ε of y ← (1 − ε) y + ε/2", ge=0.0, lt=1.0)

    def value(self, u: Array, y: Array) -> Array:
        """Return Σ_j (1 − y) softplus(u) + y softplus(−u)."""
        linear = (1 - y) * np.maximum(u, 0) + y * np.maximum(-u, 0)
        return np.sum(linear + np.log1p(np.exp(-np.abs(u))), axis=-1)

    def scratch(self, out: Array) -> Any:
        """Return two arrays like out, for exp(−u) and y exp(−u), and the largest exponent."""
        return empty_like(out), empty_like(out), exponent_limit(out)

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← scale (1 − y − y exp(−u)) / (1 + exp(−u)), which is (1 − y) σ(u) − y σ(−u)."""
        power, product, limit = scratch
        np.negative(u, out=power)
        np.minimum(power, limit, out=power)
        np.exp(power, out=power)
        np.multiply(power, y, out=product)
        np.subtract(1.0, y, out=out)
        np.subtract(out, product, out=out)
        np.add(power, 1.0, out=power)
        np.divide(out, power, out=out)
        np.multiply(out, scale, out=out)
