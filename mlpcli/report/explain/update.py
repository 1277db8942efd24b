"""The update in numbers: penalties, clipping, the optimizer's state, θ after the step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from mlpcli.array_types import Array
from mlpcli.nn.clipping import ClipByNorm
from mlpcli.report.explain.context import Context
from mlpcli.report.explain.explanation import Chapter, Formula, Line
from mlpcli.report.explain.notation import subscript
from mlpcli.report.explain.optimizers import OptimizerLines
from mlpcli.report.explain.term import Term

Index = tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """One parameter whose update is shown.

    name     of its tensor
    symbol   with its subscript
    number   within theta
    decays   whether it is a weight
    """

    name: str
    symbol: str
    index: Index
    number: int
    decays: bool


def update_chapter(context: Context, entries: list[Entry] | None = None) -> Chapter:
    """Return how ∂J/∂θ becomes the new θ, part by part of the update.

    entries  that are shown; None: those of the units that are
    """
    trace = context.trace
    entries = [*_entries(context)] if entries is None else entries
    found = []
    is_plain = _is_plain_descent(context)
    if not is_plain and trace.P:
        found.append(_penalized(context, entries))
    grad, theta = trace.penalized, trace.theta
    for name, next_grad, next_theta in trace.parts:
        if name == "optimizer":
            lines = OptimizerLines(context, grad, theta, next_theta)
            found += [lines.decaying(entries)] if is_plain else lines.formulas(entries)
            grad, theta = next_grad, next_theta
            continue
        found.append(_part(context, name, entries, (grad, theta), (next_grad, next_theta)))
        grad, theta = next_grad, next_theta
    found.append(_afterwards(context))
    n = trace.architecture.layout.n_params
    return Chapter("The update", found, context.left_out("parameter", len(entries), n))


def _entries(context: Context) -> Iterator[Entry]:
    """Yield the parameters that are shown, in the order of the layers."""
    layout = context.trace.architecture.layout
    by_name = {tensor.name: tensor for tensor in layout.parameters}
    for part in context.parts:
        letters = part.letters
        shown = {
            "weight": (letters.W, [context.of_below(part), context.of(part)]),
            "bias": (letters.b, [context.of(part)]),
            "norm.weight": (letters.gamma, [context.of(part)]),
            "norm.bias": (letters.beta, [context.of(part)]),
        }
        for word, (symbol, axes) in shown.items():
            tensor = by_name.get(part.key(word))
            if tensor is None:
                continue
            for index in product(*axes):
                number = tensor.start + _flat(index, tensor.shape)
                yield Entry(
                    tensor.name,
                    symbol + subscript(*index),
                    index,
                    number,
                    number < layout.n_weights,
                )


def _flat(index: Index, shape: Index) -> int:
    """Return the number of an entry within its tensor."""
    number = 0
    for k, n in zip(index, shape, strict=True):
        number = number * n + k
    return number


def _is_plain_descent(context: Context) -> bool:
    """Whether the step is the lecture's W ← (1 − λα) W − λ ∂J/∂W, or without α."""
    trace = context.trace
    names = [name for name, _, _ in trace.parts]
    plain = trace.optimizer.name == "sgd" and not trace.optimizer.n_vectors
    return plain and names[0] == "optimizer" and not trace.regularization.l1


def _gradient(context: Context, entry: Entry, grad: Array, symbol: str = "g") -> Term:
    trace, exact = context.trace, None
    if grad is trace.gradient:
        exact = context.fraction(f"gradient.{entry.name}", entry.index)
    return context.pen.leaf(f"{symbol}({entry.symbol})", grad[entry.number], exact)


def _penalized(context: Context, entries: list[Entry]) -> Formula:
    """Return g ← ∂J/∂W + α W + β sign(W), of weights alone."""
    pen, trace = context.pen, context.trace
    l2, l1 = (float(x or 0) for x in (trace.regularization.l2, trace.regularization.l1))
    l2 = 0.0 if trace.optimizer.decoupled_decay else l2
    lines, functions = [], []
    for entry in entries:
        if not entry.decays:
            continue
        term = pen.leaf(f"∂J/∂{entry.symbol}", trace.gradient[entry.number])
        W = pen.leaf(entry.symbol, trace.theta[entry.number])
        if l2:
            term = term + pen.number(l2).named("α") * W
        if l1:
            sign = pen.leaf(f"sign({entry.symbol})", (W.value > 0) - (W.value < 0))
            term = term + pen.number(l1).named("β") * sign
        lines.append(context.line(f"g({entry.symbol})", term, trace.penalized[entry.number]))
    texts = ["∂J/∂W"]
    if l2:
        texts.append("α W")
        functions.append("nn.penalties.L2.add_gradient")
    if l1:
        texts.append("β sign(W)")
        functions.append("nn.penalties.L1.add_gradient")
    note = "g of the biases, which are not decayed, is ∂J/∂b"
    section = "8.1" if l2 else "8.2"
    return Formula(f"g = {' + '.join(texts)}", section, tuple(functions), lines, [note])


def _part(
    context: Context,
    name: str,
    entries: list[Entry],
    before: tuple[Array, Array],
    after: tuple[Array, Array],
) -> Formula:
    """Return a part of the update that is not the optimizer's."""
    pen, trace = context.pen, context.trace
    strengths = trace.regularization
    if name == "ClipByNorm":
        return _clipped_by_norm(context, entries, before[0], after[0])
    if name == "ClipByValue":
        c = pen.number(float(strengths.clip_value)).named("c")
        lines = []
        for entry in entries:
            g = _gradient(context, entry, before[0])
            term = Term(
                f"min(max({g.symbols}, -{c.symbols}), {c.symbols})",
                f"min(max({g.numbers}, -{c.numbers}), {c.numbers})",
                min(max(g.value, -c.value), c.value),
                min(max(g.seen, -c.seen), c.seen),
            )
            lines.append(context.line(g.symbols, term, after[0][entry.number], arrow=True))
        return Formula(
            "g_i ← min(max(g_i, -c), c)", "7.4", ("nn.clipping.ClipByValue.apply",), lines
        )
    if name == "DecoupledDecay":
        rate, alpha = _rate(context), pen.number(float(strengths.l2)).named("α")
        keep = pen.number(1) - rate * alpha
        lines = [
            context.line(
                e.symbol,
                keep * pen.leaf(e.symbol, before[1][e.number]),
                after[1][e.number],
                arrow=True,
            )
            for e in entries
            if e.decays
        ]
        functions = ("nn.penalties.DecoupledDecay.apply",)
        return Formula("W ← (1 - λ α) W, before the optimizer", "8.1", functions, lines)
    other = (name, "7.4", ("nn.update.Update.__call__",), "{}", 1)
    text, section, functions, symbol, k = OTHERS.get(name, other)
    lines = [
        context.line(symbol.format(e.symbol), None, after[k][e.number], arrow=True)
        for e in entries
        if after[k][e.number] != before[k][e.number] or name == "WeightAverage"
    ]
    notes = [] if lines else ["nothing that is shown here changes"]
    return Formula(text, section, functions, lines, notes)


# Parts of which the numbers alone are shown: the formula, its section, its function, the symbol of
# an entry, and whether it is one of g (0) or of θ (1).
OTHERS = {
    "GradientNoise": (
        "g ← g + σ n, n standard normal",
        "11",
        ("nn.noise.GradientNoise.apply",),
        "g({})",
        0,
    ),
    "MaxNorm": (
        "W_j ← W_j min(1, c / ‖W_j‖), W_j the weights into a unit",
        "8.3",
        ("nn.penalties.MaxNorm.apply",),
        "{}",
        1,
    ),
    "WeightAverage": (
        "θ̄ ← θ̄ + (1 - d) / (1 - dᵗ) (θ - θ̄), beside θ, which stays",
        "7.4",
        ("nn.weight_averaging.WeightAverage.update",),
        "θ̄({})",
        1,
    ),
}


def _clipped_by_norm(
    context: Context, entries: list[Entry], before: Array, after: Array
) -> Formula:
    pen = context.pen
    c = pen.number(float(context.trace.regularization.clip_norm)).named("c")
    norm = pen.leaf("‖g‖", float(before @ before) ** 0.5)
    lines = [Line("‖g‖", None, norm.numbers, norm.value)]
    factor = c / norm
    for entry in entries:
        g = _gradient(context, entry, before)
        term = g * factor if norm.value > c.value else g
        lines.append(context.line(g.symbols, term, after[entry.number], arrow=True))
    functions = (f"nn.clipping.{ClipByNorm.__name__}.apply",)
    return Formula("g ← g min(1, c / ‖g‖)", "7.4", functions, lines)


def _rate(context: Context) -> Term:
    return context.pen.number(context.trace.learning_rate).named("λ")


def _afterwards(context: Context) -> Formula:
    """Return J and P of the same rows, with the same masks, after the step."""
    trace = context.trace
    lines = [context.line("J", None, trace.J_after)]
    if trace.P or trace.P_after:
        lines.append(context.line("P", None, trace.P_after))
    text = "J of the same rows, with the same masks and noise, at the new parameters"
    return Formula(text, "7.1", ("nn.backprop.Backprop.forward",), lines)
