"""A plot of points and lines as SVG, readable on light and on dark pages. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 40, 52
TICKS = 5  # of an axis that is not logarithmic, about
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.axis { stroke: #57606a; fill: none }
.grid { stroke: #d0d7de; stroke-width: 0.7 }
.s0 { stroke: #0969da; fill: #0969da } .s1 { stroke: #bc4c00; fill: #bc4c00 }
.s2 { stroke: #1a7f37; fill: #1a7f37 }
.line { fill: none; stroke-width: 1.6 } .dashed { fill: none; stroke-dasharray: 5 4 }
text.s0, text.s1, text.s2 { stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .axis { stroke: #8d96a0 } .grid { stroke: #3d444d }
  .s0 { stroke: #58a6ff; fill: #58a6ff } .s1 { stroke: #f0883e; fill: #f0883e }
  .s2 { stroke: #56d364; fill: #56d364 } .line, .dashed { fill: none }
}
"""


@dataclass(frozen=True)
class Axis:
    """What is along one side, from `low` to `high`; each tick of a logarithmic one is a decade."""

    title: str
    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """Return where a value lies between low, 0, and high, 1."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """Return the values that are written beside the axis, round ones.

        >>> Axis("", 0, 0.47).ticks()
        [0.0, 0.1, 0.2, 0.3, 0.4]
        >>> Axis("", 50, 2000, log=True).ticks()
        [100.0, 1000.0]
        """
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            return [10.0**k for k in range(first, last + 1)]
        rough = (self.high - self.low) / TICKS
        decade = 10.0 ** math.floor(math.log10(rough))
        step = next(m * decade for m in (1, 2, 5, 10) if m * decade >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [float(f"{k * step:.12g}") for k in range(first, last + 1)]

    def label(self, value: float) -> str:
        """Return a tick as text: a power of ten where the axis is logarithmic.

        >>> Axis("", 1, 1e4, log=True).label(1e4), Axis("", 0, 1).label(0.25)
        ('10⁴', '0.25')
        """
        if not self.log:
            return f"{value:,.12g}"
        digits = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
        return "10" + str(round(math.log10(value))).translate(digits)


@dataclass(frozen=True)
class Series:
    """Points, joined or not: `kind` is points, line, dashed, or both (points and a line)."""

    title: str
    points: Sequence[tuple[float, float]]
    kind: str = "points"
    colour: int = 0


def plot(title: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """Return the picture as the text of an SVG file."""

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across = LEFT + x.share(point[0]) * (WIDTH - LEFT - RIGHT)
        up = HEIGHT - BOTTOM - y.share(point[1]) * (HEIGHT - TOP - BOTTOM)
        return round(across, 1), round(up, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>',
    ]
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for value in x.ticks():
        at = place((value, y.low))[0]
        parts.append(f'<path class="grid" d="M{at} {TOP}V{bottom}"/>')
        parts.append(_text(at, bottom + 18, x.label(value), "middle"))
    for value in y.ticks():
        at = place((x.low, value))[1]
        parts.append(f'<path class="grid" d="M{LEFT} {at}H{right}"/>')
        parts.append(_text(LEFT - 8, at + 4, y.label(value), "end"))
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>')
    parts.append(_text((LEFT + right) / 2, HEIGHT - 10, x.title, "middle"))
    parts.append(
        f'<text transform="translate(16 {(TOP + bottom) / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(y.title)}</text>'
    )
    for each in series:
        places = [place(point) for point in each.points]
        if each.kind != "points":
            kind = "dashed" if each.kind == "dashed" else "line"
            path = "L".join(f"{across} {up}" for across, up in places)
            parts.append(f'<path class="s{each.colour} {kind}" d="M{path}"/>')
        if each.kind in ("points", "both"):
            parts += [
                f'<circle class="s{each.colour}" cx="{a}" cy="{u}" r="3.5"/>' for a, u in places
            ]
    titled = [each for each in series if each.title]
    for k, each in enumerate(titled):
        parts.append(
            f'<text class="s{each.colour}" x="{LEFT + 14}" y="{TOP + 18 + 18 * k}">'
            f"{escape(each.title)}</text>"
        )
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
