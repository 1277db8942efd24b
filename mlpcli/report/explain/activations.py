"""The activations as they are written: value and derivative of one unit."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from mlpcli.nn.activations import Activation
from mlpcli.report.explain.saturated import softplus
from mlpcli.report.explain.term import Pen, Term


def positive_part(u: Any) -> Any:
    """max(0, u), of a float or a fraction."""
    return max(0 * u, u)


def _sigmoid(pen: Pen, u: Term) -> Term:
    one = pen.number(1)
    return one / (one + pen.call("exp", math.exp, -u))


def _relu(pen: Pen, u: Term) -> Term:
    found = pen.call("max", positive_part, u, rational=True)
    return Term(
        f"max(0, {u.symbols})", f"max(0, {u.numbers})", found.value, found.seen, found.exact
    )


def _leaky_relu(pen: Pen, u: Term, slope: float) -> Term:
    product = pen.number(slope) * u
    bigger = u if u.value >= product.value else product
    symbols, numbers = (
        f"max({a}, {b})" for a, b in ((u.symbols, product.symbols), (u.numbers, product.numbers))
    )
    return Term(symbols, numbers, bigger.value, bigger.seen, bigger.exact)


def _is_positive(u: Term) -> Term:
    exact = None if u.exact is None else Fraction(u.exact > 0)
    return Term(f"[{u.symbols} > 0]", f"[{u.numbers} > 0]", u.value > 0, u.seen > 0, exact)


VALUES: dict[str, Callable[[Pen, Term], Term]] = {
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": lambda pen, u: pen.call("tanh", math.tanh, u),
    "softplus": softplus,
    "silu": lambda pen, u: u * _sigmoid(pen, u),
    "softsign": lambda pen, u: u / (pen.number(1) + pen.call("abs", abs, u, rational=True)),
}
SLOPES_OF_H: dict[str, Callable[[Pen, Term], Term]] = {
    "sigmoid": lambda pen, h: h * (pen.number(1) - h),
    "tanh": lambda pen, h: pen.number(1) - h.squared(),
    "softplus": lambda pen, h: pen.number(1) - pen.call("exp", math.exp, -h),
}

FORMULAS = {
    "identity": ("u", "1"),
    "relu": ("max(0, u)", "[u > 0]"),
    "leaky_relu": ("max(u, s u)", "1 where u > 0, else s"),
    "prelu": ("max(u, 0) + a min(u, 0)", "1 where u > 0, else a"),
    "elu": ("u where u > 0, else α (exp(u) - 1)", "1 where u > 0, else h + α"),
    "selu": ("λ u where u > 0, else λ α (exp(u) - 1)", "λ where u > 0, else h + λ α"),
    "sigmoid": ("1 / (1 + exp(-u))", "h (1 - h)"),
    "tanh": ("tanh(u)", "1 - h²"),
    "softsign": ("u / (1 + abs(u))", "1 / (1 + abs(u))²"),
    "hard_sigmoid": ("min(max(u + 3, 0), 6) / 6", "1/6 where abs(u) < 3, else 0"),
    "hard_tanh": ("min(max(u, -1), 1)", "1 where abs(u) < 1, else 0"),
    "softplus": ("log(1 + exp(u))", "1 - exp(-h)"),
    "gelu": ("u Φ(u)", "Φ(u) + u φ(u)"),
    "silu": ("u σ(u)", "σ(u) (1 + h exp(-u))"),
    "mish": ("u tanh(log(1 + exp(u)))", "docs/maths.md, section 2"),
    "exponential": ("exp(u)", "h"),
    "softmax": ("exp(u_j) / Σ_l exp(u_l)", "section 4.5"),
}


def formulas_of(activation: Activation) -> tuple[str, str]:
    """Return f(u) and f'(u) of an activation in letters."""
    name = activation.name
    return FORMULAS.get(name, (f"{name}(u)", f"the derivative of {name}"))


def value_term(pen: Pen, activation: Activation, u: Term) -> Term | None:
    """Return f(u); None where it is not written out."""
    if activation.name == "identity":
        return u
    if activation.name == "leaky_relu":
        return _leaky_relu(pen, u, getattr(activation, "slope", 0.0))
    write = VALUES.get(activation.name)
    return None if write is None else write(pen, u)


def slope_term(pen: Pen, activation: Activation, u: Term, h: Term) -> Term | None:
    """Return f'(u); None where it is not written out."""
    if activation.name == "relu":
        return _is_positive(u)
    write = SLOPES_OF_H.get(activation.name)
    return None if write is None else write(pen, h)


def function_of(activation: Activation, method: str) -> str:
    """Return the name of an activation's method below the package."""
    cls = type(activation)
    owner = next(c for c in cls.__mro__ if method in vars(c))
    return f"{owner.__module__.removeprefix('mlpcli.')}.{owner.__name__}.{method}"
