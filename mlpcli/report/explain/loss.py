"""ŷ, the loss of each row, J and P in numbers, and δ at the output."""

from __future__ import annotations

import math
from dataclasses import replace

from mlpcli.data.targets import RegressionTarget
from mlpcli.nn.losses import Loss
from mlpcli.plain import harmless
from mlpcli.report.explain.activations import formulas_of, function_of, value_term
from mlpcli.report.explain.context import Context, Part
from mlpcli.report.explain.explanation import Chapter, Formula, Line
from mlpcli.report.explain.notation import subscript
from mlpcli.report.explain.saturated import (
    is_saturated,
    saturated_loss,
    softmax,
    softmax_note,
)
from mlpcli.report.explain.term import Term

SECTIONS = {"mse": "3", "binary_cross_entropy": "4.4", "cross_entropy": "4.5"}
ROWS = {
    "mse": "ℓ_d = ½ Σ_j (ŷ_dj - y_dj)²",
    "binary_cross_entropy": "ℓ_d = -Σ_j (y_dj log ŷ_dj + (1 - y_dj) log(1 - ŷ_dj))",
    "cross_entropy": "ℓ_d = -Σ_j y_dj log ŷ_dj",
    "mae": "ℓ_d = Σ_j |ŷ_dj - y_dj|",
    "huber": "ℓ_d = Σ_j c (r - c/2), r = ŷ_dj - y_dj, c = min(max(r, -δ), δ)",
    "log_cosh": "ℓ_d = Σ_j log cosh(ŷ_dj - y_dj)",
}
FEW_WEIGHTS = 12  # so many squares of P are written out


def loss_chapter(context: Context) -> Chapter:
    """Return the prediction, each row's loss, J and, where there is one, P."""
    found = [_prediction(context), _row_losses(context), _mean(context)]
    if context.trace.P:
        found.append(_penalty(context))
    return Chapter("Prediction and loss", found)


def _outputs(context: Context) -> list[int]:
    return context.units("output", context.arrays["y_hat"].shape[1])


def _prediction(context: Context) -> Formula:
    architecture, output = context.trace.architecture, context.parts[-1]
    g = architecture.output_activation
    predict = function_of_loss(architecture.loss, "predict")
    is_link = predict.endswith(".Loss.predict")  # else ŷ is not g(u), but a mean and a spread
    lines = []
    for d in context.rows:
        for j in _outputs(context):
            u = context.at("output.u", output.letters.u, d, j)
            value = context.arrays["y_hat"][d, j]
            term = None
            if is_link:
                if g.name == "softmax":
                    term = softmax(context, d, j, _outputs(context))
                else:
                    term = value_term(context.pen, g, u)
            line = context.line(f"ŷ{subscript(d, j)}", term, value)
            lines.append(replace(line, beside=_in_its_unit(context, d, j)))
    owns = architecture.output is None
    functions: tuple[str, ...] = (predict,)
    text = f"ŷ = the prediction of {architecture.loss.name} from {output.letters.u}"
    if is_link:
        functions = (predict, function_of(g, "value"))
        text = f"ŷ = g({output.letters.u}), g(u) = {formulas_of(g)[0]}"
    notes = context.left_out("output", len(_outputs(context)), context.arrays["y_hat"].shape[1])
    if is_link and g.name == "softmax":
        notes += softmax_note(context)
    return Formula(
        text,
        SECTIONS.get(architecture.loss.name, "2") if owns else "4.6",
        functions,
        lines,
        notes,
    )


def _in_its_unit(context: Context, d: int, j: int) -> str:
    """Return the prediction of a number as the file has it, where it is scaled."""
    target, y_hat = context.target, context.arrays["y_hat"]
    if not isinstance(target, RegressionTarget) or y_hat.shape[1] != target.n_outputs:
        return ""
    value = target.decode(y_hat[d])[j]
    if value == y_hat[d, j]:
        return ""
    return harmless(f"{target.names[j]}: {context.pen.shown(value)}")


def _row_losses(context: Context) -> Formula:
    loss = context.trace.architecture.loss
    lines = [
        context.line(f"ℓ{subscript(d)}", _row_loss(context, loss, d), context.arrays["losses"][d])
        for d in context.rows
    ]
    notes = []
    if loss.smooths:
        notes.append("y is smoothed (section 5.4), as the batch has it")
    if any(_is_of_u(context, loss, d) for d in context.rows):
        notes.append("where ŷ rounds to 0 or 1, its logarithm is written with u, as in the engine")
    return Formula(
        ROWS.get(loss.name, f"ℓ_d of {loss.name}: docs/maths.md, section 5"),
        SECTIONS.get(loss.name, "5"),
        (function_of_loss(loss, "value"),),
        lines,
        notes,
    )


def _is_of_u(context: Context, loss: Loss, d: int) -> bool:
    """Whether a row's loss is written with u: ŷ is the link's, and rounds to 0 or 1."""
    output = context.trace.architecture.output
    return (output is None or output.name == loss.link) and is_saturated(context, d, loss.name)


def _row_loss(context: Context, loss: Loss, d: int) -> Term | None:
    """Return ℓ_d written out, for the three losses of the lecture where all outputs are shown."""
    pen, n = context.pen, context.arrays["y_hat"].shape[1]
    if loss.name not in SECTIONS or len(_outputs(context)) < n:
        return None
    if _is_of_u(context, loss, d):
        return saturated_loss(context, d, loss.name)
    one, terms = pen.number(1), []
    for j in range(n):
        y_hat, y = context.at("y_hat", "ŷ", d, j), context.at("y", "y", d, j)
        if loss.name == "mse":
            terms.append((y_hat - y).squared())
            continue
        log = pen.call("log", math.log, y_hat)
        if loss.name == "cross_entropy":
            if y.value:  # 0 log ŷ is 0, whatever ŷ is
                terms.append(y * log)
        else:
            terms += [y * log] * bool(y.value)
            terms += [(one - y) * pen.call("log", math.log, one - y_hat)] * bool(y.value != 1)
    if not terms:
        return None
    total = pen.total(terms)
    return total / pen.number(2) if loss.name == "mse" else -total


def _mean(context: Context) -> Formula:
    trace, pen = context.trace, context.pen
    losses, weights = trace.arrays["losses"], trace.weight
    whole = losses if weights is None else losses * weights
    terms = []
    for d in context.rows:
        exact = context.fraction("losses", (d,))
        term = pen.leaf(f"ℓ{subscript(d)}", losses[d], exact)
        if weights is not None:
            term = pen.leaf(f"w{subscript(d)}", weights[d]) * term
        terms.append(term)
    if len(terms) < len(losses):
        rest = float(whole.sum()) - sum(each.value for each in terms)
        terms.append(pen.leaf(f"[{len(losses) - len(terms)} more]", rest))
    n = pen.number(len(losses)).named("N")
    text = "J = 1/N Σ_d ℓ_d" if weights is None else "J = 1/N Σ_d w_d ℓ_d"
    lines = [context.line("J", pen.total(terms) / n, trace.J)]
    section = "3" if weights is None else "5.6"
    return Formula(text, section, ("nn.arrays.weighted_mean",), lines)


def _penalty(context: Context) -> Formula:
    """Return P of L2 and L1."""
    pen, trace = context.pen, context.trace
    l2, l1 = (float(x or 0) for x in (trace.regularization.l2, trace.regularization.l1))
    layout = trace.architecture.layout
    weights = trace.theta[: layout.n_weights]
    term, functions, texts = None, [], []
    if l2 and not trace.optimizer.decoupled_decay:
        total = pen.leaf("Σ W²", float(weights @ weights))
        if layout.n_weights <= FEW_WEIGHTS and context.most_units >= max(
            max(tensor.shape) for tensor in layout.weights
        ):
            total = pen.total([each.squared() for each in _weights(context)])
        term = pen.number(l2).named("α") / pen.number(2) * total
        functions.append("nn.penalties.L2.value")
        texts.append("α/2 Σ W²")
    if l1:
        more = pen.number(l1).named("β") * pen.leaf("Σ |W|", float(abs(weights).sum()))
        term = more if term is None else term + more
        functions.append("nn.penalties.L1.value")
        texts.append("β Σ |W|")
    line = context.line("P", term, trace.P)
    return Formula(f"P = {' + '.join(texts)}", "8.1" if l2 else "8.2", tuple(functions), [line])


def _weights(context: Context) -> list[Term]:
    """Return every weight, as the penalty sees it: without noise."""
    return [
        context.pen.leaf(
            part.letters.W + subscript(i, j), W[i, j], context.fraction(part.key("weight"), (i, j))
        )
        for part in context.parts
        for W in [context.theta[part.key("weight")]]
        for i in range(W.shape[0])
        for j in range(W.shape[1])
    ]


def output_delta(context: Context, part: Part) -> Formula:
    """Return δ at the output: (ŷ - y) / N of the lecture's three pairs, or the loss's own."""
    architecture, letters = context.trace.architecture, part.letters
    loss, key = architecture.loss, part.key("delta")
    general = architecture.output is not None and architecture.output.name != loss.link
    lines: list[Line] = []
    for d in context.rows:
        for j in context.of(part):
            term = None
            if loss.name in SECTIONS and not general:
                term = _difference(context, d, j)
            elif loss.name == "mse" and part.key("slope") in context.arrays:
                slope = context.at(part.key("slope"), "g'(u)", d, j)
                term = slope * _difference(context, d, j)
            lines.append(
                context.line(letters.delta + subscript(d, j), term, context.arrays[key][d, j])
            )
    text = "(ŷ - y) / N" if loss.name in SECTIONS else f"∂J/∂{letters.u}"
    if context.trace.weight is not None and loss.name in SECTIONS:
        text = "(ŷ - y) w / N"
    if general:
        text = f"g'({letters.u}) ∗ {text}"
    functions = [function_of_loss(loss, "delta")]
    if general:
        functions.append("nn.layers.Activate.backward")
    section = "4.6" if general else SECTIONS.get(loss.name, "5")
    notes = context.left_out("output", len(context.of(part)), context.width(part))
    return Formula(f"{letters.delta} = {text}", section, tuple(functions), lines, notes)


def _difference(context: Context, d: int, j: int) -> Term:
    y_hat, y = context.at("y_hat", "ŷ", d, j), context.at("y", "y", d, j)
    n = context.pen.number(context.trace.n_rows).named("N")
    if context.trace.weight is None:
        return (y_hat - y) / n
    return (y_hat - y) * context.pen.leaf(f"w{subscript(d)}", context.trace.weight[d]) / n


def function_of_loss(loss: Loss, method: str) -> str:
    """Return the name of a loss's method below the package."""
    owner = next(c for c in type(loss).__mro__ if method in vars(c))
    return f"{owner.__module__.removeprefix('mlpcli.')}.{owner.__name__}.{method}"
