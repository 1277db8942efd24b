"""Names of classes and columns beside a drawing: short, and still different."""

from __future__ import annotations

from collections.abc import Sequence

from mlpcli.report.drawing import label


def distinct_labels(names: Sequence[str], longest: int) -> list[str]:
    """Return names of at most so many characters; those that begin alike are cut in the middle.

    >>> distinct_labels(["species of Adelie", "species of Gentoo", "other"], 10)
    ['speci…elie', 'speci…ntoo', 'other']
    """
    whole = [label(name, max(len(name), 1)) for name in names]
    cut = [label(name, longest) for name in whole]
    alike = {short for short in cut if cut.count(short) > 1}
    tail = (longest - 1) // 2
    return [
        f"{name[: longest - 1 - tail]}…{name[-tail:]}"
        if short in alike and short != name
        else short
        for name, short in zip(whole, cut, strict=True)
    ]
