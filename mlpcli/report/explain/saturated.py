"""Outputs so large that exp overflows or log sees 0: written with the shifts of the engine."""

from __future__ import annotations

import math

from mlpcli.report.explain.context import Context
from mlpcli.report.explain.notation import subscript
from mlpcli.report.explain.term import Pen, Term

LARGE = 100.0  # of a u: up to there exp(u) is written as the lecture has it; at 709 it overflows
SURE = 15.0  # of a u: from there on 1 - ŷ of a sigmoid has too few digits for its logarithm
LEAST = 1e-290  # of a ŷ, below which its logarithm is not taken


def exp(pen: Pen, of: Term) -> Term:
    """Return e to the power of a term."""
    return pen.call("exp", math.exp, of)


def softplus(pen: Pen, u: Term) -> Term:
    """Return softplus, log(1 + exp(u)); of a large u the same as u + log(1 + exp(-u))."""
    if u.value > LARGE:
        return u + pen.call("log", math.log, pen.number(1) + exp(pen, -u))
    return pen.call("log", math.log, pen.number(1) + exp(pen, u))


def softmax(context: Context, d: int, j: int, shown: list[int]) -> Term:
    """Return softmax, exp(u_j) / Σ_l exp(u_l); of large u with their maximum subtracted."""
    row = context.arrays["output.u"][d]
    m = _maximum(context, d) if abs(row).max() > LARGE else None
    powers = [exp(context.pen, _shifted(context, d, k, m)) for k in shown]
    if len(shown) < len(row):
        rest = sum(
            exp(context.pen, _shifted(context, d, k, m)).value
            for k in range(len(row))
            if k not in shown
        )
        powers.append(context.pen.leaf(f"[{len(row) - len(shown)} more]", rest))
    return exp(context.pen, _shifted(context, d, j, m)) / context.pen.total(powers)


def softmax_note(context: Context) -> list[str]:
    """Say what is subtracted, where it is."""
    u = context.arrays["output.u"][list(context.rows)]
    if not abs(u).max() > LARGE:
        return []
    return ["m_d is the largest u of row d: subtracted, it changes no quotient, and exp is finite"]


def _maximum(context: Context, d: int) -> Term:
    return context.pen.leaf(f"m{subscript(d)}", context.arrays["output.u"][d].max())


def _shifted(context: Context, d: int, k: int, m: Term | None) -> Term:
    u = context.at("output.u", context.parts[-1].letters.u, d, k)
    return u if m is None else u - m


def is_saturated(context: Context, d: int, name: str) -> bool:
    """Whether a row's logarithms of ŷ would have no digits, of a cross-entropy."""
    if name == "binary_cross_entropy":
        return bool(abs(context.arrays["output.u"][d]).max() > SURE)
    if name == "cross_entropy":
        y, y_hat = context.arrays["y"][d], context.arrays["y_hat"][d]
        return bool(y_hat[y > 0].min(initial=1) < LEAST)
    return False


def saturated_loss(context: Context, d: int, name: str) -> Term:
    """Return ℓ_d from u, not from ŷ (docs/maths.md 4.4 and 4.5), all outputs shown."""
    n = context.arrays["y_hat"].shape[1]
    if name == "binary_cross_entropy":
        return context.pen.total([_binary(context, d, j) for j in range(n)])
    pen, m = context.pen, _maximum(context, d)
    shifted = [_shifted(context, d, k, m) for k in range(n)]
    found = pen.call("log", math.log, pen.total([exp(pen, each) for each in shifted]))
    for j, each in enumerate(shifted):
        y = context.at("y", "y", d, j)
        if y.value:
            found = found - y * each
    return found


def _binary(context: Context, d: int, j: int) -> Term:
    """Return (1 - y) log(1 + exp(u)) + y log(1 + exp(-u))."""
    pen, y = context.pen, context.at("y", "y", d, j)
    u = context.at("output.u", context.parts[-1].letters.u, d, j)
    terms = []
    if y.value != 1:
        terms.append((pen.number(1) - y) * softplus(pen, u))
    if y.value:
        terms.append(y * softplus(pen, -u))
    return pen.total(terms)
