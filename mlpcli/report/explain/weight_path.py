"""One weight followed through a step: forward, back along every path, its gradient, its update."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product

from mlpcli.errors import UsageError, nearest
from mlpcli.report.explain.backward import weight_gradient
from mlpcli.report.explain.context import Context, Part
from mlpcli.report.explain.explanation import Chapter, Formula, Line
from mlpcli.report.explain.forward import argument_of
from mlpcli.report.explain.notation import subscript
from mlpcli.report.explain.term import Term
from mlpcli.report.explain.update import Entry, update_chapter

FORM = re.compile(r"(hidden\.[0-9]+|output)(?:\.weight)?\[([0-9]+),\s*([0-9]+)\]")
MOST_PATHS = 16  # of a row that are written out, the largest


@dataclass(frozen=True)
class FollowedWeight:
    """W_ij of a layer, counted from 0."""

    part: Part
    i: int
    j: int


def parse_weight(text: str, context: Context) -> FollowedWeight:
    """Return the weight that a text such as hidden.1[2,3] names. Raises UsageError."""
    parts = {part.name: part for part in context.parts}
    found = FORM.fullmatch(text.strip())
    if found is None:
        near = nearest(text.partition("[")[0], parts)
        raise UsageError(
            f"--weight {text}: is not LAYER[i,j], as in {near or 'output'}[1,1]: the weight from "
            f"unit i of the layer below to unit j, from 1; the layers: {', '.join(parts)}"
        )
    name, i, j = found[1], int(found[2]), int(found[3])
    if name not in parts:
        raise UsageError(
            f"--weight {text}: there is no layer {name}; the layers: {', '.join(parts)}"
        )
    fan_in, fan_out = context.theta[f"{name}.weight"].shape
    if not (1 <= i <= fan_in and 1 <= j <= fan_out):
        raise UsageError(f"--weight {text}: {name} has weights from [1,1] to [{fan_in},{fan_out}]")
    return FollowedWeight(parts[name], i - 1, j - 1)


def weight_chapters(context: Context, weight: FollowedWeight) -> list[Chapter]:
    """Return the chapters about one weight."""
    part, j = weight.part, weight.j
    symbol = part.letters.W + subscript(weight.i, j)
    chapters = [Chapter(f"{symbol} forward", [_forward(context, weight)])]
    back = []
    if part.name != "output":
        norms = [p for p in context.parts[part.k - 1 :] if context.has(p.key("u_hat"))]
        if norms:
            note = f"{norms[0].name} is normalized, which mixes rows or units (section 10)"
            back.append(_delta(context, weight, f"paths are not written out: {note}"))
        else:
            back += [_paths(context, part, d, j) for d in context.rows]
    else:
        back.append(_delta(context, weight))
    back.append(weight_gradient(context, part, [[weight.i], [j]]))
    chapters.append(Chapter(f"{symbol} backward, along every path from the loss to it", back))
    layout = context.trace.architecture.layout
    tensor = next(t for t in layout.weights if t.name == part.key("weight"))
    number = tensor.start + weight.i * tensor.shape[1] + j
    entry = Entry(tensor.name, symbol, (weight.i, j), number, decays=True)
    chapters.append(update_chapter(context, [entry]))
    return chapters


def _forward(context: Context, weight: FollowedWeight) -> Formula:
    """Return the share that the weight has in u of each row."""
    part, i, j = weight.part, weight.i, weight.j
    letters = part.letters
    lines: list[Line] = []
    for d in context.rows:
        h = context.at(part.below, letters.below, d, i)
        term = h * context.parameter(part.key("weight"), letters.W, i, j)
        u = context.at(part.key("u"), letters.u, d, j)
        line = context.line(f"share of {u.symbols}", term, term.value)
        lines.append(Line(line.left, term, line.value, line.number, f"of {u.numbers}"))
    text = f"{letters.u}_dj = Σ_i {letters.below}_di {letters.W}_ij + {letters.b}_j"
    return Formula(text, "2", ("nn.layers.Affine.forward",), lines)


def _delta(context: Context, weight: FollowedWeight, note: str = "") -> Formula:
    part = weight.part
    lines = [
        context.line(
            part.letters.delta + subscript(d, weight.j),
            None,
            context.arrays[part.key("delta")][d, weight.j],
        )
        for d in context.rows
    ]
    functions = ("nn.training_step.TrainingStep.compute_gradient",)
    text = f"{part.letters.delta} = ∂J/∂{part.letters.u}"
    return Formula(text, "4.1", functions, lines, [note] if note else [])


def _paths(context: Context, part: Part, d: int, j: int) -> Formula:
    """Return δ of a row and unit as the sum over all paths from the outputs to the unit."""
    above = context.parts[part.k :]
    paths = [
        (units, _product(context, part, d, (j, *units)))
        for units in product(*(context.of(each) for each in above))
    ]
    paths.sort(key=lambda path: -abs(path[1].value))
    n_paths = 1
    for each in above:
        n_paths *= context.width(each)
    lines = []
    for units, term in paths[:MOST_PATHS]:
        names = " → ".join(str(unit + 1) for unit in (j, *units))
        lines.append(context.line(f"path {names}", term, term.value))
    value = context.arrays[part.key("delta")][d, j]
    exact = context.fraction(part.key("delta"), (d, j))
    total = _sum(context, lines, float(value), n_paths)
    lines.append(context.line(part.letters.delta + subscript(d, j), total, value, exact))
    letters = part.letters
    return Formula(
        f"{letters.delta}{subscript(d, j)} = Σ over paths of f' W f' W … δ at the output",
        "4.1",
        ("nn.layers.Affine.backward", "nn.layers.Activate.backward"),
        lines,
        context.left_out("path", min(len(paths), MOST_PATHS), n_paths),
    )


def _sum(context: Context, lines: list[Line], value: float, n: int) -> Term:
    """Return the sum of the paths that are shown, and one number for the others."""
    terms = [
        context.pen.leaf(line.left, line.number, None if line.term is None else line.term.exact)
        for line in lines
    ]
    if len(terms) < n:
        rest = value - sum(term.value for term in terms)
        terms.append(context.pen.leaf(f"[{n - len(terms)} more]", rest))
    return context.pen.total(terms)


def _product(context: Context, part: Part, d: int, units: tuple[int, ...]) -> Term:
    """Return f'(u) m W f'(u) m W … δ along a path of units, one of each layer from `part` on."""
    found: Term | None = None
    for k, unit in enumerate(units[:-1]):
        layer, above = context.parts[part.k - 1 + k], context.parts[part.k + k]
        symbol = argument_of(context, layer)[1]
        slope = context.at(layer.key("slope"), "", d, unit)
        factor = slope.named(f"f'({symbol}{subscript(d, unit)})")
        if context.has(layer.key("mask")):
            factor = factor * context.at(layer.key("mask"), layer.letters.mask, d, unit)
        factor = factor * context.parameter(
            above.key("weight"), above.letters.W, unit, units[k + 1]
        )
        found = factor if found is None else found * factor
    output = context.parts[-1]
    delta = context.at(output.key("delta"), output.letters.delta, d, units[-1])
    return delta if found is None else found * delta
