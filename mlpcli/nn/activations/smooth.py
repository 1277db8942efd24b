"""Activations that are smooth everywhere and grow like u: softplus, gelu, silu, mish."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.activations.activation import ACTIVATIONS, NONE, Activation, Tensors
from mlpcli.nn.activations.sigmoidal import exponent_limit
from mlpcli.nn.arrays import empty_like
from mlpcli.nn.normal_cdf import normal_cdf

MISH_LIMIT = 40.0  # mish(u) = u to rounding above 19; exp(2 · 40) is still a float32


@ACTIVATIONS.add("softplus")
class Softplus(Activation):
    """f(u) = log(1 + exp(u)), f'(u) = 1 / (1 + exp(−u)) = 1 − exp(−h).

    Exact to rounding, small values too. Source: Dugas et al., 2001.
    """

    def scratch(self, u: Array, params: Tensors = NONE, grads: Tensors = NONE) -> Any:
        return empty_like(u)

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← max(u, 0) + log1p(exp(−|u|)), which cannot overflow."""
        np.abs(u, out=h)
        np.negative(h, out=h)
        np.exp(h, out=h)
        np.log1p(h, out=h)
        np.maximum(u, 0.0, out=scratch)
        np.add(h, scratch, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← −expm1(−h) ∗ delta."""
        np.negative(h, out=u)
        np.expm1(u, out=u)
        np.negative(u, out=u)
        np.multiply(delta, u, out=delta)

    def inverse(self, h: Array) -> Array:
        """Return h + log(1 − exp(−h)), h held above 0."""
        held = np.maximum(h, np.finfo(h.dtype).tiny)
        return held + np.log(-np.expm1(-held))


@ACTIVATIONS.add("gelu")
class Gelu(Activation):
    """f(u) = u Φ(u), f'(u) = Φ(u) + u φ(u), φ and Φ the normal density and distribution function.

    The exact one, not its approximation by tanh. Source: Hendrycks and Gimpel, 2016, 2.
    """

    def scratch(self, u: Array, params: Tensors = NONE, grads: Tensors = NONE) -> Any:
        """Return Φ bound to arrays like u, and an array for Φ(u)."""
        return normal_cdf(u), empty_like(u)

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← u Φ(u); Φ(u) is kept."""
        normal, cdf = scratch
        normal(u, cdf)
        np.multiply(u, cdf, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← (Φ(u) + u exp(−u²/2) / √(2π)) ∗ delta."""
        normal, cdf = scratch
        density = normal.density(u)
        np.multiply(u, density, out=u)
        np.add(u, cdf, out=u)
        np.multiply(delta, u, out=delta)


@ACTIVATIONS.add("silu")
class Silu(Activation):
    """f(u) = u σ, f'(u) = σ (1 + h exp(−u)), where σ = 1 / (1 + exp(−u)).

    Also called swish. The usual f' = σ + h (1 − σ) loses the digits of 1 − σ where u is large.

    Source: Elfwing et al., 2018, (13); Hendrycks and Gimpel, 2016.
    """

    def scratch(self, u: Array, params: Tensors = NONE, grads: Tensors = NONE) -> Any:
        """Return the largest exponent, and arrays for exp(−u) and σ."""
        return exponent_limit(u), empty_like(u), empty_like(u)

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← u σ; exp(−u) and σ are kept."""
        limit, w, sigma = scratch
        np.negative(u, out=w)
        np.minimum(w, limit, out=w)
        np.exp(w, out=w)
        np.add(w, 1.0, out=sigma)
        np.reciprocal(sigma, out=sigma)
        np.multiply(u, sigma, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← σ (1 + h exp(−u)) ∗ delta."""
        _, w, sigma = scratch
        np.multiply(h, w, out=w)
        np.add(w, 1.0, out=w)
        np.multiply(w, sigma, out=w)
        np.multiply(delta, w, out=delta)


@ACTIVATIONS.add("mish")
class Mish(Activation):
    """f(u) = u tanh(log(1 + exp(u))), f'(u) = [n + 4 h (1 + w) / (2 + w)] / (n + 2).

    Here w = exp(u) and n = w (w + 2), so that f(u) = u n / (n + 2): the hyperbolic tangent of
    s = log(1 + w) is (e²ˢ − 1) / (e²ˢ + 1), and e²ˢ = (1 + w)² = n + 1. One exp does it all.

    Source: Misra, Mish: A Self Regularized Non-Monotonic Activation Function, 2020, (1).
    """

    def scratch(self, u: Array, params: Tensors = NONE, grads: Tensors = NONE) -> Any:
        """Return arrays for w and n."""
        return empty_like(u), empty_like(u)

    def value(self, u: Array, h: Array, scratch: Any) -> None:
        """h ← u n / (n + 2); w and n are kept."""
        w, n = scratch
        np.minimum(u, MISH_LIMIT, out=w)
        np.exp(w, out=w)
        np.add(w, 2.0, out=n)
        np.multiply(n, w, out=n)
        np.add(n, 2.0, out=h)
        np.divide(n, h, out=h)
        np.multiply(h, u, out=h)

    def times_derivative(self, u: Array, h: Array, delta: Array, scratch: Any) -> None:
        """delta ← [n + 4 h (1 + w) / (2 + w)] / (n + 2) ∗ delta."""
        w, n = scratch
        np.add(w, 1.0, out=u)
        np.add(w, 2.0, out=w)
        np.divide(u, w, out=u)
        np.multiply(u, h, out=u)
        np.multiply(u, 4.0, out=u)
        np.add(u, n, out=u)
        np.add(n, 2.0, out=n)
        np.divide(u, n, out=u)
        np.multiply(delta, u, out=delta)
