"""Backpropagation in numbers: δ of each layer and the gradients, from the output down."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from mlpcli.nn.layout import Tensor
from mlpcli.report.explain.activations import formulas_of, function_of, slope_term
from mlpcli.report.explain.context import Context, Part
from mlpcli.report.explain.explanation import Chapter, Formula, Line
from mlpcli.report.explain.forward import argument_of, moments_shown, spread_term
from mlpcli.report.explain.loss import output_delta
from mlpcli.report.explain.notation import subscript
from mlpcli.report.explain.term import Term
from mlpcli.training.central_differences import central_differences

Index = tuple[int, ...]


def backward_chapter(context: Context) -> Chapter:
    """Return δ and the gradients, layer by layer, from the output down to the data."""
    found = []
    for part in reversed(context.parts):
        if part.name == "output":
            found.append(output_delta(context, part))
        else:
            found.append(_slopes(context, part))
            found += _delta(context, part)
        shown = [context.of_below(part), context.of(part)]
        found += [weight_gradient(context, part, shown), _of_biases(context, part)]
    found += [_of_extra(context, tensor) for tensor in context.trace.architecture.layout.extra]
    note = "beside each gradient the central difference of J, by forward propagation alone"
    return Chapter("Backpropagation", found, [f"{note} (section 15)"])


def _slopes(context: Context, part: Part) -> Formula:
    activation = context.trace.architecture.hidden[part.k - 1].activation
    key, symbol = argument_of(context, part)
    lines = []
    for d in context.rows:
        for j in context.of(part):
            u = context.at(key, symbol, d, j)
            h = context.at(part.key("h"), part.letters.h, d, j)
            term = slope_term(context.pen, activation, u, h)
            value = context.arrays[part.key("slope")][d, j]
            lines.append(context.line(f"f'({u.symbols})", term, value))
    return Formula(
        f"f'({symbol}), f'(u) = {formulas_of(activation)[1]}",
        "2",
        (function_of(activation, "times_derivative"),),
        lines,
    )


def _delta(context: Context, part: Part) -> list[Formula]:
    """Return δ of a hidden layer; with a normalization first ∂J/∂y, then δ below it."""
    letters, above = part.letters, context.parts[part.k]
    normalized = context.has(part.key("u_hat"))
    key = part.key("delta_y" if normalized else "delta")
    left = f"∂J/∂{letters.y}" if normalized else letters.delta
    lines = []
    for d in context.rows:
        for j in context.of(part):
            term = delta_term(context, part, d, j)
            value = context.arrays[key][d, j]
            lines.append(context.line(left + subscript(d, j), term, value))
    is_dropped = context.has(part.key("mask"))
    mask = f" ∗ {letters.mask}" if is_dropped else ""
    argument = argument_of(context, part)[1]
    functions = ["nn.layers.Affine.backward", "nn.layers.Activate.backward"]
    if is_dropped:
        functions.insert(1, "nn.layers.Dropout.backward")
    found = [
        Formula(
            f"{left} = f'({argument}){mask} ∗ ({above.letters.delta} {above.letters.W}ᵀ)",
            "9" if is_dropped else "4.1",
            tuple(functions),
            lines,
        )
    ]
    return [*found, _below_norm(context, part)] if normalized else found


def delta_term(context: Context, part: Part, d: int, j: int) -> Term:
    """Return f'(u_dj) m_dj (δ Wᵀ)_dj, the sum over the units above written out."""
    letters, above = part.letters, context.parts[part.k]
    symbol = argument_of(context, part)[1]
    pairs = [
        (
            context.at(above.key("delta"), above.letters.delta, d, unit),
            context.parameter(above.key("weight"), above.letters.W, j, unit),
        )
        for unit in context.of(above)
    ]
    of_all = context.arrays[part.key("delta_h")][d, j]
    exact = context.fraction(part.key("delta_h"), (d, j))
    back = context.dot(pairs, of_all, context.width(above), exact)
    slope = context.at(part.key("slope"), "", d, j).named(f"f'({symbol}{subscript(d, j)})")
    if context.has(part.key("mask")):
        slope = slope * context.at(part.key("mask"), letters.mask, d, j)
    return slope * back


def _below_norm(context: Context, part: Part) -> Formula:
    """Return ∂J/∂u below a normalization, with its means ā and the mean of a û."""
    letters, pen = part.letters, context.pen
    norm = context.trace.architecture.hidden[part.k - 1].norm
    assert norm is not None
    of_rows = norm.name == "batch"
    a = context.arrays[part.key("delta_y")] * context.used[part.key("norm.weight")]
    axis = 0 if of_rows else 1
    means = {"ā": a.mean(axis), "a̅û": (a * context.arrays[part.key("u_hat")]).mean(axis)}
    lines: list[Line] = []
    for d, j in moments_shown(context, part, of_rows=of_rows):
        k = j if of_rows else d
        lines += [context.line(name + subscript(k), None, mean[k]) for name, mean in means.items()]
    for d in context.rows:
        for j in context.of(part):
            k = j if of_rows else d
            gamma = context.parameter(part.key("norm.weight"), letters.gamma, j)
            delta = context.at(part.key("delta_y"), f"∂J/∂{letters.y}", d, j)
            a_bar, product_bar = (pen.leaf(n + subscript(k), m[k]) for n, m in means.items())
            u_hat = context.at(part.key("u_hat"), letters.u_hat, d, j)
            term = gamma * delta - a_bar - u_hat * product_bar
            value = context.arrays[part.key("delta")][d, j]
            term = term / spread_term(context, part, d, j)
            lines.append(context.line(letters.delta + subscript(d, j), term, value))
    return Formula(
        f"{letters.delta} = (a - ā - {letters.u_hat} a̅û) / √(q + ε), a = γ ∗ ∂J/∂{letters.y}",
        "10",
        ("nn.norms.Normalize.backward",),
        lines,
    )


def weight_gradient(context: Context, part: Part, shown: list[list[int]]) -> Formula:
    """Return ∂J/∂W of a layer, of the units below and above that are shown."""
    letters, trace = part.letters, context.trace
    name, n = part.key("weight"), trace.n_rows
    gradient = trace.tensors(trace.gradient)[name]

    def term(index: Index) -> Term:
        i, j = index
        pairs = [
            (
                context.at(part.below, letters.below, d, i),
                context.at(part.key("delta"), letters.delta, d, j),
            )
            for d in context.rows
        ]
        exact = context.fraction(f"gradient.{name}", index)
        return context.dot(pairs, gradient[index], n, exact)

    below = "X" if letters.below == "x" else letters.below
    lines = _gradients(context, name, letters.W, term, shown)
    notes = context.left_out("gradient", len(lines), gradient.size)
    text = f"∂J/∂{letters.W} = {below}ᵀ {letters.delta}"
    return Formula(text, "4.2", ("nn.layers.Affine.backward",), lines, notes)


def _of_biases(context: Context, part: Part) -> Formula:
    letters, trace = part.letters, context.trace
    name = part.key("bias")
    gradient = trace.tensors(trace.gradient)[name]
    one = context.pen.number(1).named("")

    def term(index: Index) -> Term:
        (j,) = index
        terms = [context.at(part.key("delta"), letters.delta, d, j) for d in context.rows]
        if len(terms) == trace.n_rows:
            return context.pen.total(terms)
        pairs = [(one, each) for each in terms]
        return context.dot(pairs, gradient[index], trace.n_rows)

    lines = _gradients(context, name, letters.b, term, [context.of(part)])
    notes = context.left_out("gradient", len(lines), gradient.size)
    text = f"∂J/∂{letters.b} = 1ᵀ {letters.delta}"
    return Formula(text, "4.3", ("nn.layers.Affine.backward",), lines, notes)


def _of_extra(context: Context, tensor: Tensor) -> Formula:
    """Return the gradient of γ, β and the other learned parameters."""
    trace, name = context.trace, tensor.name
    part, _, word = name.rpartition(".")
    layer = part.removesuffix(".norm")
    known = {each.name: each for each in context.parts}
    shape = [context.units(layer if layer in known else part, n) for n in tensor.shape]
    if part.endswith(".norm"):
        letters, u_hat = known[layer].letters, word == "weight"
        symbol = letters.gamma if u_hat else letters.beta

        def term(index: Index) -> Term | None:
            (j,) = index
            if len(context.rows) < trace.n_rows:
                return None
            deltas = [
                context.at(f"{layer}.delta_y", f"∂J/∂{letters.y}", d, j) for d in context.rows
            ]
            if not u_hat:
                return context.pen.total(deltas)
            hats = [context.at(f"{layer}.u_hat", letters.u_hat, d, j) for d in context.rows]
            return context.pen.total([a * b for a, b in zip(deltas, hats, strict=True)])

        text = f"∂J/∂{symbol} = Σ_d ∂J/∂{letters.y}" + (f" ∗ {letters.u_hat}" if u_hat else "")
        lines = _gradients(context, name, symbol, term, shape)
        return Formula(text, "10", ("nn.norms.Normalize.backward",), lines)
    section, function = "2.1", "nn.embeddings.embedding.Embed.backward"
    if part.endswith(".activation"):
        section, function = "2", "nn.activations.rectified.Prelu.times_derivative"
    lines = _gradients(context, name, name, lambda _: None, shape)
    notes = context.left_out("gradient", len(lines), tensor.stop - tensor.start)
    return Formula(f"∂J/∂θ of {name}", section, (function,), lines, notes)


def _gradients(
    context: Context,
    name: str,
    symbol: str,
    term: Callable[[Index], Term | None],
    shown: list[list[int]],
) -> list[Line]:
    """Return a line for each entry of a tensor's gradient that is shown, with the difference."""
    trace = context.trace
    tensor = next(t for t in trace.architecture.layout.parameters if t.name == name)
    gradient = trace.tensors(trace.gradient)[name]
    entries = [*product(*shown)]
    numbers = np.array([np.ravel_multi_index(index, tensor.shape) for index in entries])
    differences = central_differences(trace.objective, trace.theta, tensor, numbers)
    lines = []
    for index, difference in zip(entries, differences, strict=True):
        left = f"∂J/∂{symbol}{subscript(*index)}"
        exact = context.fraction(f"gradient.{name}", index)
        line = context.line(left, term(index), gradient[index], exact)
        lines.append(
            Line(line.left, line.term, line.value, line.number, _difference(context, difference))
        )
        context.differences.setdefault(name, {})[index] = float(difference)
    return lines


def _difference(context: Context, value: float) -> str:
    if np.isnan(value):
        return "central difference: none, a kink is too near"
    return f"central difference {context.pen.shown(value)}"
