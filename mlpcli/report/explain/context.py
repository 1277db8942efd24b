"""What all parts of an explanation share: the trace, what of it is shown, how it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from mlpcli.array_types import Array
from mlpcli.data.targets import TargetEncoder
from mlpcli.errors import counted
from mlpcli.report.explain.explanation import Line
from mlpcli.report.explain.notation import Letters, subscript
from mlpcli.report.explain.term import Pen, Term
from mlpcli.training.step_trace import StepTrace


@dataclass(frozen=True)
class Part:
    """A layer of the network: hidden.1 … or output.

    below   the array that it sees: X, what the embedding gives, or the layer below's h or h̃
    """

    name: str
    k: int
    letters: Letters
    below: str

    def key(self, word: str) -> str:
        """Return the name of one of its arrays."""
        return f"{self.name}.{word}"


@dataclass
class Context:
    """The numbers of a step, and which of them are shown.

    target  which says what a prediction is in the target's own unit; None: nothing does
    exact   arrays of fractions by the trace's names, and parameters; where there is none, the
            number is not rational, or not known so
    most_rows, most_units  that are shown
    chosen  units that are shown besides, by the part that has them
    differences  the central differences that were taken, by tensor and index
    """

    trace: StepTrace
    pen: Pen
    target: TargetEncoder | None = None
    most_rows: int = 8
    most_units: int = 4
    exact: Mapping[str, Any] = field(default_factory=dict)
    chosen: Mapping[str, int] = field(default_factory=dict)
    differences: dict[str, dict[tuple[int, ...], float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        architecture = self.trace.architecture
        n_hidden, below = len(architecture.hidden), "X"
        dropped = "input.kept" in self.trace.arrays
        if dropped:
            below = "input.kept"
        if "embedding.embedded" in self.trace.arrays:
            below = "embedding.embedded"
        self.parts: list[Part] = []
        for k in range(1, n_hidden + 2):
            name = f"hidden.{k}" if k <= n_hidden else "output"
            self.parts.append(Part(name, k, Letters(k, n_hidden, dropped=dropped), below))
            dropped = f"{name}.kept" in self.trace.arrays
            below = f"{name}.kept" if dropped else f"{name}.h"
        self.theta = self.trace.tensors(self.trace.theta)
        where = self.trace.theta if self.trace.noisy is None else self.trace.noisy
        self.used = self.trace.tensors(where)

    @property
    def arrays(self) -> Mapping[str, Array]:
        """The trace's."""
        return self.trace.arrays

    def has(self, key: str) -> bool:
        """Whether the step has such an array."""
        return key in self.trace.arrays

    @property
    def rows(self) -> range:
        """Numbers of the rows that are shown."""
        return range(min(self.trace.n_rows, self.most_rows))

    def units(self, part: str, n: int) -> list[int]:
        """Return the numbers of the units of a part that are shown, of n."""
        shown = set(range(min(n, self.most_units)))
        if part in self.chosen:
            shown.add(self.chosen[part])
        return sorted(shown)

    def width(self, part: Part) -> int:
        """Return the units of a part."""
        return int(self.arrays[part.key("u")].shape[-1])

    def of(self, part: Part) -> list[int]:
        """Return the units of a layer that are shown."""
        return self.units(part.name, self.width(part))

    def of_below(self, part: Part) -> list[int]:
        """Return the units that are shown of what a layer sees."""
        return self.units(self.name_below(part), self.arrays[part.below].shape[-1])

    def name_below(self, part: Part) -> str:
        """Return the name of what a layer sees: X, embedding or the layer below."""
        if part.k > 1:
            return self.parts[part.k - 2].name
        return "embedding" if self.has("embedding.embedded") else "X"

    # ------------------------------------------------------------ terms

    def at(self, key: str, symbol: str, *index: int) -> Term:
        """Return an entry of one of the step's arrays under its symbol."""
        return self.pen.leaf(
            symbol + subscript(*index), self.arrays[key][index], self.fraction(key, index)
        )

    def parameter(self, name: str, symbol: str, *index: int) -> Term:
        """Return an entry of a parameter as the gradient was taken at it."""
        exact = self.fraction(name, index) if self.trace.noisy is None else None
        return self.pen.leaf(symbol + subscript(*index), self.used[name][index], exact)

    def fraction(self, key: str, index: tuple[int, ...]) -> Fraction | None:
        """Return an entry as a fraction, or None."""
        found = self.exact.get(key)
        return None if found is None else found[index]

    def dot(
        self,
        pairs: Sequence[tuple[Term, Term]],
        of_all: float,
        n: int,
        exact: Fraction | None = None,
    ) -> Term:
        """Return Σ a b of the pairs that are shown, and one number for the others.

        of_all  the whole sum
        n       how many pairs there are
        exact   the whole sum as a fraction
        """
        products = [a * b for a, b in pairs]
        if len(pairs) < n:
            rest = of_all - sum(each.value for each in products)
            left = None
            if exact is not None and all(each.exact is not None for each in products):
                left = exact - sum(each.exact for each in products if each.exact is not None)
            products.append(self.pen.leaf(f"[{n - len(pairs)} more]", rest, left))
        return self.pen.total(products)

    def line(
        self,
        left: str,
        term: Term | None,
        value: float,
        exact: Fraction | None = None,
        *,
        arrow: bool = False,
    ) -> Line:
        """Return a line whose value is the engine's."""
        value = float(value)
        if exact is None and term is not None:
            exact = term.exact
        shown = self.pen.shown(value, exact)
        if "/" in shown:  # the fraction, and what it is in decimals
            shown = f"{shown} = {value:.{self.pen.digits}g}"
        return Line(left, term, shown, value, arrow=arrow)

    def left_out(self, what: str, shown: int, n: int) -> list[str]:
        """Return a note on what is not shown."""
        return [f"{shown} of {counted(n, what)} shown"] if shown < n else []
