"""The lecture's letters: layers as superscripts, rows and units as subscripts, from 1."""

from __future__ import annotations

LOWER = str.maketrans("0123456789-", "₀₁₂₃₄₅₆₇₈₉₋")
UPPER = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
ONE_DIGIT = 9


def subscript(*indices: int) -> str:
    """Return indices, counted from 0, as a subscript that counts from 1.

    >>> subscript(0, 1), subscript(0, 11)
    ('₁₂', '₁,₁₂')
    """
    numbers = [index + 1 for index in indices]
    between = "," if max(numbers) > ONE_DIGIT else ""
    return between.join(str(number).translate(LOWER) for number in numbers)


def superscript(layer: int) -> str:
    """Return the number of a layer as in h⁽¹⁾."""
    return f"⁽{str(layer).translate(UPPER)}⁾"


class Letters:
    """The letters of one layer, of K hidden ones and the output, which is layer K + 1.

    k         from 1
    n_hidden  K
    dropped   whether the layer below gives h̃, what dropout leaves of h
    """

    def __init__(self, k: int, n_hidden: int, *, dropped: bool = False) -> None:
        upper = superscript(k)
        is_output = k == n_hidden + 1
        self.W, self.b = ("U", "c") if is_output else (f"W{upper}", f"b{upper}")
        self.u, self.h, self.delta = f"u{upper}", f"h{upper}", f"δ{upper}"
        self.kept, self.mask = f"h̃{upper}", f"m{upper}"
        self.u_hat, self.y = f"û{upper}", f"y{upper}"
        self.gamma, self.beta = f"γ{upper}", f"β{upper}"
        lower = superscript(k - 1)
        self.below = f"h̃{lower}" if dropped else "x" if k == 1 else f"h{lower}"
