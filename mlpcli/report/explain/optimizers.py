"""The optimizers' steps in numbers: what each carries, and θ after it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Protocol

from mlpcli.array_types import Array
from mlpcli.report.explain.context import Context
from mlpcli.report.explain.explanation import Formula, Line
from mlpcli.report.explain.term import Term

Index = tuple[int, ...]


class Updated(Protocol):
    """A parameter whose update is shown: see `update.Entry`."""

    @property
    def name(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def index(self) -> Index: ...
    @property
    def number(self) -> int: ...
    @property
    def decays(self) -> bool: ...


class OptimizerLines:
    """The lines of an optimizer's step.

    grad, theta  (n_params,) that it gets, and
    after        θ that it leaves
    """

    def __init__(self, context: Context, grad: Array, theta: Array, after: Array) -> None:
        self.context, self.pen, self.trace = context, context.pen, context.trace
        self.grad, self.theta, self.after = grad, theta, after
        self.optimizer: Any = self.trace.optimizer
        self.rate = self.pen.number(self.trace.learning_rate).named("λ")
        self.one = self.pen.number(1)
        self.exact: dict[tuple[str, int], Fraction | None] = {}  # of what is carried, after it

    # ------------------------------------------------------------ what the formulas are made of

    def gradient(self, entry: Updated) -> Term:
        """Return g: ∂J/∂θ, where nothing has been added to it."""
        value = self.grad[entry.number]
        exact, symbol = None, f"g({entry.symbol})"
        if value == self.trace.gradient[entry.number]:
            symbol = f"∂J/∂{entry.symbol}"
            exact = self.context.fraction(f"gradient.{entry.name}", entry.index)
        return self.pen.leaf(symbol, value, exact)

    def parameter(self, entry: Updated) -> Term:
        """Return θ before the step."""
        exact = None
        if self.theta is self.trace.theta:
            exact = self.context.fraction(entry.name, entry.index)
        return self.pen.leaf(entry.symbol, self.theta[entry.number], exact)

    def carried(self, name: str, entry: Updated, *, after: bool = False) -> Term:
        """Return an entry of one of the optimizer's vectors, before the step or after it."""
        key = f"{'after' if after else 'before'}.{name}"
        value = self.trace.state[key][entry.number]
        exact = self.exact.get((name, entry.number)) if after else None
        if not after and not value:
            exact = Fraction(0)  # as before the first step
        return self.pen.leaf(f"{name}({entry.symbol})", value, exact)

    def setting(self, name: str, symbol: str) -> Term:
        """Return a setting of the optimizer under its symbol."""
        return self.pen.number(float(getattr(self.optimizer, name))).named(symbol)

    def new(self, name: str, entry: Updated, term: Term) -> Line:
        """Return the line of one of the optimizer's vectors after the step."""
        value = self.trace.state[f"after.{name}"][entry.number]
        self.exact[name, entry.number] = term.exact
        return self.context.line(f"{name}({entry.symbol})", term, value, arrow=True)

    def moved(self, entry: Updated, term: Term) -> Line:
        """Return the line of θ after the step."""
        return self.context.line(entry.symbol, term, self.after[entry.number], arrow=True)

    # ------------------------------------------------------------ the step

    def decaying(self, entries: Sequence[Updated]) -> Formula:
        """Return the lecture's step: W ← (1 − λα) W − λ ∂J/∂W, b ← b − λ ∂J/∂b."""
        alpha = float(self.trace.regularization.l2 or 0)
        lines = []
        for entry in entries:
            exact = self.context.fraction(f"gradient.{entry.name}", entry.index)
            gradient = self.trace.gradient[entry.number]
            g = self.pen.leaf(f"∂J/∂{entry.symbol}", gradient, exact)
            theta = self.parameter(entry)
            if alpha and entry.decays:
                theta = (self.one - self.rate * self.pen.number(alpha).named("α")) * theta
            lines.append(self.moved(entry, theta - self.rate * g))
        functions: tuple[str, ...] = ("nn.optimizers.momentum.Sgd.bind",)
        if not alpha:
            return Formula("θ ← θ - λ ∂J/∂θ", "7.1", functions, lines)
        functions = ("nn.penalties.L2.add_gradient", *functions)
        text = "W ← (1 - λ α) W - λ ∂J/∂W, b ← b - λ ∂J/∂b"
        return Formula(text, "8.1", functions, lines)

    def formulas(self, entries: Sequence[Updated]) -> list[Formula]:
        """Return the optimizer's state and θ after the step, entry by entry."""
        write = STEPS.get(self.optimizer.name)
        lines = [line for e in entries for line in (write or _numbers_alone)(self, e)]
        function = f"{type(self.optimizer).__module__.removeprefix('mlpcli.')}."
        owner = next(c for c in type(self.optimizer).__mro__ if "bind" in vars(c))
        function += f"{owner.__name__}.bind"
        t = f", t = {self.trace.number}" if self.optimizer.n_powers else ""
        text = f"{self.optimizer.name}: θ ← {self.optimizer.formula}{t}".replace("−", "-")
        notes = []
        if write is None:
            notes.append("the numbers alone: section 7.2 has the formulas")
        return [Formula(text, "7.2", (function,), lines, notes)]


def _sgd(of: OptimizerLines, entry: Updated) -> list[Line]:
    g, theta = of.gradient(entry), of.parameter(entry)
    if not of.optimizer.n_vectors:
        return [of.moved(entry, theta - of.rate * g)]
    mu = of.setting("momentum", "μ")
    first = of.new("v", entry, mu * of.carried("v", entry) + g)
    v = of.carried("v", entry, after=True)
    if of.optimizer.nesterov:
        return [first, of.moved(entry, theta - of.rate * (g + mu * v))]
    return [first, of.moved(entry, theta - of.rate * v)]


def _mean(of: OptimizerLines, name: str, entry: Updated, beta: Term, new: Term) -> Line:
    """Return the line of a running mean: β m + (1 − β) new."""
    return of.new(name, entry, beta * of.carried(name, entry) + (of.one - beta) * new)


def _root(of: OptimizerLines, term: Term) -> Term:
    return of.pen.call("√", math.sqrt, term)


def _adam(of: OptimizerLines, entry: Updated) -> list[Line]:
    """m, v, their corrections m̂ and v̂, and θ; of amsgrad w = max(w, v) in place of v."""
    g, t = of.gradient(entry), of.trace.number
    beta1, beta2 = of.setting("beta1", "β₁"), of.setting("beta2", "β₂")
    lines = [_mean(of, "m", entry, beta1, g), _mean(of, "v", entry, beta2, g.squared())]
    second = "v"
    if "after.w" in of.trace.state:
        second = "w"
        lines.append(of.context.line(f"w({entry.symbol})", None, _after(of, "w", entry)))
    hats = []
    for name, beta, letter in (("m", beta1, "β₁"), (second, beta2, "β₂")):
        power = of.pen.leaf(f"{letter}ᵗ", beta.value**t)
        term = of.carried(name, entry, after=True) / (of.one - power)
        left = f"{name}̂({entry.symbol})"
        lines.append(of.context.line(left, term, term.value))
        hats.append(of.pen.leaf(left, term.value))
    m_hat, v_hat = hats
    step = of.rate * (m_hat / (_root(of, v_hat) + of.setting("epsilon", "ε")))
    return [*lines, of.moved(entry, of.parameter(entry) - step)]


def _after(of: OptimizerLines, name: str, entry: Updated) -> float:
    return float(of.trace.state[f"after.{name}"][entry.number])


def _adagrad(of: OptimizerLines, entry: Updated) -> list[Line]:
    g = of.gradient(entry)
    first = of.new("v", entry, of.carried("v", entry) + g.squared())
    below = _root(of, of.carried("v", entry, after=True)) + of.setting("epsilon", "ε")
    return [first, of.moved(entry, of.parameter(entry) - of.rate * (g / below))]


def _rmsprop(of: OptimizerLines, entry: Updated) -> list[Line]:
    if of.optimizer.centered or of.optimizer.momentum:
        return _numbers_alone(of, entry)
    g, rho = of.gradient(entry), of.setting("rho", "ρ")
    first = _mean(of, "v", entry, rho, g.squared())
    below = _root(of, of.carried("v", entry, after=True)) + of.setting("epsilon", "ε")
    return [first, of.moved(entry, of.parameter(entry) - of.rate * (g / below))]


def _lion(of: OptimizerLines, entry: Updated) -> list[Line]:
    g, beta1, beta2 = of.gradient(entry), of.setting("beta1", "β₁"), of.setting("beta2", "β₂")
    inside = beta1 * of.carried("m", entry) + (of.one - beta1) * g
    sign = of.pen.call("sign", lambda x: (x > 0) - (x < 0), inside)
    theta = of.moved(entry, of.parameter(entry) - of.rate * sign)
    return [theta, _mean(of, "m", entry, beta2, g)]


def _numbers_alone(of: OptimizerLines, entry: Updated) -> list[Line]:
    g = of.gradient(entry)
    lines = [Line(g.symbols, None, g.numbers, g.value)]
    for key in of.trace.state:
        when, _, name = key.partition(".")
        if when == "after":
            left = f"{name}({entry.symbol})"
            lines.append(of.context.line(left, None, _after(of, name, entry)))
    return [*lines, of.context.line(entry.symbol, None, of.after[entry.number])]


STEPS: dict[str, Callable[[OptimizerLines, Updated], list[Line]]] = {
    "sgd": _sgd,
    "adam": _adam,
    "amsgrad": _adam,
    "adamw": _adam,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "lion": _lion,
}
