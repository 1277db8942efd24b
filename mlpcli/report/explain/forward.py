"""Forward propagation in numbers: the batch, u, normalization, h, masks, ŷ."""

from __future__ import annotations

from collections.abc import Iterator

from mlpcli.data.dataset import Encoding
from mlpcli.data.targets import ClassTarget, RegressionTarget
from mlpcli.nn.layers import RESOLUTION
from mlpcli.plain import harmless
from mlpcli.report.explain.activations import formulas_of, function_of, value_term
from mlpcli.report.explain.context import Context, Part
from mlpcli.report.explain.explanation import Chapter, Formula, Line
from mlpcli.report.explain.notation import subscript
from mlpcli.report.explain.term import Term
from mlpcli.training.step_trace import StepTrace

LOAD = ("training.batches.BatchLoader.load",)


def batch_chapter(context: Context, encoding: Encoding) -> Chapter:
    """Return the rows of the batch, and the parameters that the step begins with."""
    lines = [*_inputs_and_targets(context, encoding)]
    X, y = context.arrays["X"], context.arrays["y"]
    notes = context.left_out("input", len(context.units("X", X.shape[1])), X.shape[1])
    notes += context.left_out("target", len(context.units("output", y.shape[1])), y.shape[1])
    notes += context.left_out("row", len(context.rows), len(X))
    if context.trace.weight is not None:
        weights = [
            context.pen.leaf(f"w{subscript(d)}", context.trace.weight[d]) for d in context.rows
        ]
        lines += [Line(w.symbols, None, w.numbers, w.value) for w in weights]
        notes.append("w is the row's weight, with mean 1 over the training rows (section 5.6)")
    text = "X, y: the rows of the batch as the network gets them: scaled, one-hot"
    rows = Formula(text, "1", LOAD, lines, notes)
    return Chapter("The batch and the parameters", [rows, *_parameters(context)])


def _inputs_and_targets(context: Context, encoding: Encoding) -> Iterator[Line]:
    """Yield x and y of each row, beside them the column and its value before scaling."""
    X, y, target = context.arrays["X"], context.arrays["y"], encoding.target
    raw, features = encoding.inputs.raw(X), encoding.inputs.feature_names
    scaled_back = target.decode(y) if isinstance(target, RegressionTarget) else y
    names = [str(name) for name in target.names]
    if isinstance(target, ClassTarget):
        names = [str(label) for label in target.classes]
        names = names[1:] if target.task == "binary" else names  # y is 1 for the second class
    for d in context.rows:
        for i in context.units("X", X.shape[1]):
            term = context.at("X", "x", d, i)
            beside = f"{features[i]}: {context.pen.shown(raw[d, i])}"
            yield Line(term.symbols, None, term.numbers, term.value, harmless(beside))
        for j in context.units("output", y.shape[1]):
            term = context.at("y", "y", d, j)
            beside = names[j]
            if isinstance(target, RegressionTarget):
                beside += f": {context.pen.shown(scaled_back[d, j])}"
            yield Line(term.symbols, None, term.numbers, term.value, harmless(beside))


def _parameters(context: Context) -> list[Formula]:
    found = []
    for part in context.parts:
        letters, names = part.letters, (part.key("weight"), part.key("bias"))
        terms = [
            context.parameter(names[0], letters.W, i, j)
            for i in context.of_below(part)
            for j in context.of(part)
        ]
        terms += [context.parameter(names[1], letters.b, j) for j in context.of(part)]
        lines = [Line(each.symbols, None, each.numbers, each.value) for each in terms]
        n = context.used[names[0]].size + context.width(part)
        notes = context.left_out("parameter", len(lines), n)
        if context.trace.noisy is not None:
            notes.append("with the noise of this step, at which the gradient is taken (section 11)")
        text = f"{letters.W}, {letters.b}: {names[0]}, {names[1]}"
        functions = ("nn.layout.Tensor.view", "nn.network.initial_vector")
        found.append(Formula(text, "1", functions, lines, notes))
    return found


def forward_chapter(context: Context) -> Chapter:
    """Return u, h and masks of each layer, up to u of the output."""
    found = []
    if context.has("input.mask"):
        found.append(_dropped(context, "input", "x", "x̃", "m⁽⁰⁾", "X"))
    if context.has("embedding.embedded"):
        found.append(_embedded(context))
    for part in context.parts:
        found.append(_pre_activations(context, part))
        if context.has(part.key("u_hat")):
            found += _normalized(context, part)
        if part.name != "output":
            found.append(_activations(context, part))
            if context.has(part.key("mask")):
                letters = part.letters
                dropped = letters.h, letters.kept, letters.mask
                found.append(_dropped(context, part.name, *dropped, part.key("h")))
    return Chapter("Forward propagation", found)


def _embedded(context: Context) -> Formula:
    values = context.arrays["embedding.embedded"]
    columns = context.units("embedding", values.shape[1])
    terms = [context.at("embedding.embedded", "x", d, i) for d in context.rows for i in columns]
    lines = [Line(each.symbols, None, each.numbers, each.value) for each in terms]
    return Formula(
        "h⁽⁰⁾ = [X | e(x₁) | e(x₂) | …], written x from here on",
        "2.1",
        ("nn.embeddings.embedding.Embed.forward",),
        lines,
        context.left_out("component", len(columns), values.shape[1]),
    )


def _pre_activations(context: Context, part: Part) -> Formula:
    letters = part.letters
    units, below = context.of(part), context.of_below(part)
    key, weight, bias = part.key("u"), part.key("weight"), part.key("bias")
    lines = []
    for d in context.rows:
        for j in units:
            b = context.parameter(bias, letters.b, j)
            pairs = [
                (
                    context.at(part.below, letters.below, d, i),
                    context.parameter(weight, letters.W, i, j),
                )
                for i in below
            ]
            value, exact = context.arrays[key][d, j], context.fraction(key, (d, j))
            whole = None if exact is None or b.exact is None else exact - b.exact
            n = context.arrays[part.below].shape[-1]
            term = context.dot(pairs, value - b.value, n, whole) + b
            lines.append(context.line(letters.u + subscript(d, j), term, value))
    below_letter = "X" if letters.below == "x" else letters.below
    return Formula(
        f"{letters.u} = {below_letter} {letters.W} + 1 {letters.b}",
        "2",
        ("nn.layers.Affine.forward",),
        lines,
        context.left_out("unit", len(units), context.width(part)),
    )


def _normalized(context: Context, part: Part) -> list[Formula]:
    """Return the moments, û and y of a normalization."""
    letters, trace = part.letters, context.trace
    norm = trace.architecture.hidden[part.k - 1].norm
    assert norm is not None
    of_rows = norm.name == "batch"
    mean, variance = (part.key(word) for word in ("mean", "variance"))
    moments, values = [], []
    for d, j in moments_shown(context, part, of_rows=of_rows):
        index = (0, j) if of_rows else (d, 0)
        sub = subscript(j if of_rows else d)
        for word, symbol in ((mean, "m"), (variance, "q")):
            value = context.arrays[word][index]
            moments.append(context.line(symbol + sub, None, value))
    for d in context.rows:
        for j in context.of(part):
            index = (0, j) if of_rows else (d, 0)
            sub = subscript(j if of_rows else d)
            m = context.pen.leaf(f"m{sub}", context.arrays[mean][index])
            z = spread_term(context, part, d, j)
            u = context.at(part.key("u"), letters.u, d, j)
            u_hat, y = (context.arrays[part.key(word)][d, j] for word in ("u_hat", "y"))
            values.append(context.line(letters.u_hat + subscript(d, j), (u - m) / z, u_hat))
            gamma = context.parameter(part.key("norm.weight"), letters.gamma, j)
            beta = context.parameter(part.key("norm.bias"), letters.beta, j)
            term = gamma * context.at(part.key("u_hat"), letters.u_hat, d, j) + beta
            values.append(context.line(letters.y + subscript(d, j), term, y))
    what = "of each unit over the rows" if of_rows else "of each row over its units"
    functions = ("nn.norms.Normalize.forward",)
    return [
        Formula(f"m, q: mean and variance {what}", "10", functions, moments),
        Formula(
            f"{letters.u_hat} = ({letters.u} - m) / √(q + ε), "
            f"{letters.y} = γ ∗ {letters.u_hat} + β",
            "10",
            functions,
            values,
        ),
    ]


def moments_shown(context: Context, part: Part, *, of_rows: bool) -> list[tuple[int, int]]:
    """Return a row and a unit for each moment that is shown."""
    if of_rows:
        return [(0, j) for j in context.of(part)]
    return [(d, 0) for d in context.rows]


def spread_term(context: Context, part: Part, d: int, j: int) -> Term:
    """Return z = √(q + ε) of a row and unit."""
    norm = context.trace.architecture.hidden[part.k - 1].norm
    assert norm is not None
    of_rows = norm.name == "batch"
    q = context.arrays[part.key("variance")][(0, j) if of_rows else (d, 0)]
    inside = context.pen.leaf(f"q{subscript(j if of_rows else d)}", q)
    inside += context.pen.number(getattr(norm, "epsilon", 0.0)).named("ε")
    return context.pen.call("√", lambda x: x**0.5, inside)


def _activations(context: Context, part: Part) -> Formula:
    letters, trace = part.letters, context.trace
    activation = trace.architecture.hidden[part.k - 1].activation
    key, symbol = argument_of(context, part)
    lines = []
    for d in context.rows:
        for j in context.of(part):
            term = value_term(context.pen, activation, context.at(key, symbol, d, j))
            value = context.arrays[part.key("h")][d, j]
            lines.append(context.line(letters.h + subscript(d, j), term, value))
    return Formula(
        f"{letters.h} = f({symbol}), f(u) = {formulas_of(activation)[0]}",
        "2",
        ("nn.layers.Activate.forward", function_of(activation, "value")),
        lines,
    )


def argument_of(context: Context, part: Part) -> tuple[str, str]:
    """Return the array that an activation sees, y of a normalization or u, and its letter."""
    if context.has(part.key("y")):
        return part.key("y"), part.letters.y
    return part.key("u"), part.letters.u


def _dropped(context: Context, name: str, h: str, kept: str, m: str, of: str) -> Formula:
    lines: list[Line] = []
    units = context.units("X" if name == "input" else name, context.arrays[of].shape[1])
    for d in context.rows:
        for j in units:
            mask = context.at(f"{name}.mask", m, d, j)
            lines.append(Line(mask.symbols, None, mask.numbers, mask.value))
            term = context.at(of, h, d, j) * mask
            value = context.arrays[f"{name}.kept"][d, j]
            lines.append(context.line(kept + subscript(d, j), term, value))
    return Formula(
        f"{kept} = {h} ∗ {m}, {m} = M / p_k, M = 1 with p_k = {_keep(context.trace, name)}, else 0",
        "9",
        ("nn.layers.Dropout.draw", "nn.layers.Dropout.forward"),
        lines,
    )


def _keep(trace: StepTrace, name: str) -> str:
    """Return p_k as it is drawn: a multiple of 1/65536."""
    architecture = trace.architecture
    p = architecture.input_keep_prob
    if name != "input":
        p = architecture.hidden[int(name.rpartition(".")[2]) - 1].keep_prob
    drawn = min(max(round(float(p) * RESOLUTION), 1), RESOLUTION) / RESOLUTION
    return f"{drawn:.7g}"
