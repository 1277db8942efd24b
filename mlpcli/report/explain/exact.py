"""The step once more in fractions, as far as its numbers are rational.

Every given number is the decimal that its float is written as: 0.1 is 1/10. Sums, products and the
activations that are straight lines or quotients stay fractions; what follows from tanh, exp, a
logarithm or a root is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.activations import Activation
from mlpcli.nn.layers import RESOLUTION
from mlpcli.report.explain.notation import superscript
from mlpcli.training.step_trace import StepTrace

MOST_PRODUCTS = 200_000  # of one pass; a fraction takes some microseconds
Exact = dict[str, Array]  # object arrays of fractions
Function = Callable[[Fraction, Activation], Fraction]


def _clipped(u: Fraction, low: int, high: int) -> Fraction:
    return min(max(u, Fraction(low)), Fraction(high))


def _slope_of(f: Activation) -> Fraction:
    return fraction(getattr(f, "slope", 0.0))


VALUES: dict[str, Function] = {
    "identity": lambda u, _: u,
    "relu": lambda u, _: max(u, Fraction(0)),
    "leaky_relu": lambda u, f: max(u, _slope_of(f) * u),
    "hard_tanh": lambda u, _: _clipped(u, -1, 1),
    "hard_sigmoid": lambda u, _: _clipped(u + 3, 0, 6) / 6,
    "softsign": lambda u, _: u / (1 + abs(u)),
}
SLOPES: dict[str, Function] = {
    "identity": lambda _u, _f: Fraction(1),
    "relu": lambda u, _: Fraction(u > 0),
    "leaky_relu": lambda u, f: Fraction(1) if u > 0 else _slope_of(f),
    "hard_tanh": lambda u, _: Fraction(abs(u) < 1),
    "hard_sigmoid": lambda u, _: Fraction(abs(u) < 3, 6),  # noqa: PLR2004  as in its formula
    "softsign": lambda u, _: 1 / (1 + abs(u)) ** 2,
}


def fraction(number: float) -> Fraction:
    """Return the fraction of a float's shortest decimal."""
    return Fraction(repr(float(number)))


def exact_step(trace: StepTrace) -> tuple[Exact, str]:
    """Return the arrays of a step in fractions, by the names of the trace, and where they end.

    Gradients are `gradient.NAME`, parameters have their own names.
    """
    architecture = trace.architecture
    if not np.isfinite(trace.arrays["X"]).all() or not np.isfinite(trace.theta).all():
        return {}, "numbers that are not finite are no fractions"
    if 3 * trace.n_rows * architecture.layout.n_weights > MOST_PRODUCTS:
        return {}, "this network is too large for fractions"
    if trace.noisy is not None or architecture.embedding is not None:
        return {}, "noise on the weights and embeddings are not rational"
    found: Exact = {"X": _exact(trace.arrays["X"]), "y": _exact(trace.arrays["y"])}
    found |= {name: _exact(tensor) for name, tensor in trace.tensors(trace.theta).items()}
    end = _forward(trace, found)
    if not end:
        end = _backward(trace, found)
    return found, end


def _exact(array: Any) -> Array:
    """Return an array's numbers as fractions."""
    made = np.empty(array.shape, object)
    for index in np.ndindex(array.shape):
        made[index] = fraction(array[index])
    return made


def _each(function: Function, activation: Activation, of: Any) -> Array:
    made = np.empty(of.shape, object)
    for index in np.ndindex(of.shape):
        made[index] = function(of[index], activation)
    return made


def _masked(trace: StepTrace, name: str, keep_prob: float) -> Array | None:
    """Return a mask: 0, or 65536 over the number of 16-bit numbers that keep a unit."""
    mask = trace.arrays.get(f"{name}.mask")
    if mask is None:
        return None
    kept = min(max(round(keep_prob * RESOLUTION), 1), RESOLUTION)
    made = np.empty(mask.shape, object)
    for index in np.ndindex(mask.shape):
        made[index] = Fraction(RESOLUTION, kept) if mask[index] else Fraction(0)
    return made


def _forward(trace: StepTrace, found: Exact) -> str:
    """Add u, h, masks and ŷ; return where the fractions end, or nothing."""
    architecture = trace.architecture
    h: Array = found["X"]
    mask = _masked(trace, "input", architecture.input_keep_prob)
    if mask is not None:
        found["input.mask"], found["input.kept"] = mask, h * mask
        h = found["input.kept"]
    for k, layer in enumerate(architecture.hidden, 1):
        name, upper = f"hidden.{k}", superscript(k)
        u = found[f"{name}.u"] = h @ found[f"{name}.weight"] + found[f"{name}.bias"]
        if layer.norm is not None:
            return f"û{upper} is not rational (a root), nor is what follows from it"
        f = layer.activation
        if f.name not in VALUES:
            return f"h{upper} is not rational ({f.name}), nor is what follows from it"
        h = found[f"{name}.h"] = _each(VALUES[f.name], f, u)
        found[f"{name}.slope"] = _each(SLOPES[f.name], f, u)
        mask = _masked(trace, name, layer.keep_prob)
        if mask is not None:
            found[f"{name}.mask"] = mask
            h = found[f"{name}.kept"] = h * mask
    found["output.u"] = h @ found["output.weight"] + found["output.bias"]
    g = architecture.output_activation
    if g.name != "identity":
        return f"ŷ is not rational ({g.name}), nor is what follows from it"
    found["y_hat"] = found["output.u"]
    return ""


def _backward(trace: StepTrace, found: Exact) -> str:
    """Add the losses, δ and the gradients; return where the fractions end, or nothing."""
    architecture = trace.architecture
    if architecture.loss.name != "mse":
        return f"the loss ({architecture.loss.name}) is not written as fractions"
    difference = found["y_hat"] - found["y"]
    found["losses"] = (difference**2).sum(axis=1) / 2
    scale: Any = Fraction(1, trace.n_rows)
    if trace.weight is not None:
        scale = _exact(trace.weight)[:, np.newaxis] / trace.n_rows
    delta = found["output.delta"] = difference * scale
    for k in range(len(architecture.hidden), -1, -1):
        name = "output" if k == len(architecture.hidden) else f"hidden.{k + 1}"
        found[f"gradient.{name}.weight"] = _below(found, k).T @ delta
        found[f"gradient.{name}.bias"] = delta.sum(axis=0)
        if k == 0:
            break
        back = found[f"hidden.{k}.delta_h"] = delta @ found[f"{name}.weight"].T
        delta = found[f"hidden.{k}.slope"] * back
        if f"hidden.{k}.mask" in found:
            delta = delta * found[f"hidden.{k}.mask"]
        found[f"hidden.{k}.delta"] = delta
    return ""


def _below(found: Exact, k: int) -> Array:
    """Return what layer k + 1 sees."""
    part = f"hidden.{k}" if k else "input"
    if f"{part}.kept" in found:
        return found[f"{part}.kept"]
    return found[f"{part}.h"] if k else found["X"]
