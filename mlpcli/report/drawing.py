"""Drawings: matplotlib figures as SVG whose colours are variables of the page's style."""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

WIDTH, HEIGHT = 420, 260  # of a usual chart in CSS pixels: on a phone it shrinks to 328
LONGEST_LABEL = 24  # characters
FEW_DECADES = 100  # an axis whose ends differ by less has ticks at 1, 2 and 5

# A colour is drawn as a placeholder that nothing else uses; the page's style says what it looks
# like in the light, in the dark and on paper. Mix none of them and take none from a colour map:
# shades are one colour with an alpha.
INK = "#f00d01"  # text, the most important line
MUTED = "#f00d02"  # ticks, axes, notes
GRID = "#f00d03"
SURFACE = "#f00d04"  # the page behind it
GOOD = "#f00d05"
BAD = "#f00d06"
SERIES = [f"#f00d1{k}" for k in range(1, 9)]

COLOURS = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    SURFACE: "--surface",
    GOOD: "--good",
    BAD: "--bad",
    **{colour: f"--series-{k}" for k, colour in enumerate(SERIES, 1)},
}

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text, in the page's font
    "svg.hashsalt": "mlp",  # the same ids in each run
    "text.parse_math": False,  # a class may be called $a$
    "text.color": INK,
    "font.family": ["DejaVu Sans"],  # comes with matplotlib and is wide: others fit in its place
    "font.size": 12,
    "figure.dpi": 72,  # a point is a pixel
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "axes.facecolor": "none",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "patch.linewidth": 0,
    "legend.frameon": False,
    "legend.fontsize": 11.5,
    "legend.handlelength": 1.4,
}


@contextmanager
def _style() -> Iterator[None]:
    """Draw in the page's style, whatever the user's own matplotlibrc says."""
    from cycler import cycler
    from matplotlib.style import context

    own = {**_STYLE, "axes.prop_cycle": cycler(color=SERIES)}
    # Letters that DejaVu lacks are measured as boxes; the page has fonts for them.
    with context(["default", own]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


@contextmanager
def figure(width: float = WIDTH, height: float = HEIGHT, **grid: Any) -> Iterator[tuple[Any, Any]]:
    """Make a figure and its axes to draw into, in the page's style; then `draw` it.

        with figure() as (canvas, axes):
            axes.plot(epochs, losses)
            svg = draw(canvas)

    width, height  in CSS pixels of a wide page
    grid           as for `Figure.subplots`: nrows, ncols, sharex, …; then there are several axes
    """
    from matplotlib.figure import Figure

    with _style():
        canvas = Figure(figsize=(width / 72, height / 72))
        yield canvas, canvas.subplots(**grid)


def draw(canvas: Any) -> str:
    """Return a figure as an <svg> element to stand in a page.

    It has a viewBox and no size, text in the page's font, colours as `var(--ink)`, and ids that
    no other drawing has. The same figure gives the same bytes.
    """
    drawn = io.StringIO()
    with _style():
        canvas.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return _for_a_page(drawn.getvalue())


def log_scale(axes: Any, which: Literal["x", "y"]) -> None:
    """Give an axis a logarithmic scale, its ticks written as 0.001 and 1e-05; after plotting.

    matplotlib's own labels of such an axis are formulas, which are not read here.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < FEW_DECADES * low else (1,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def few_ticks(axes: Any, n: int = 5) -> None:
    """Give the axis below at most so many ticks: long numbers would run into each other."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(n))


def label(text: object, longest: int = LONGEST_LABEL) -> str:
    r"""Return a name of the data as a drawing can show it: one line, cut where it is long.

    >>> label("a\tname that is much too long for any axis")
    'a name that is much too…'
    """
    shown = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in str(text))
    return shown if len(shown) <= longest else shown[: longest - 1].rstrip() + "…"


def _for_a_page(svg: str) -> str:
    body = svg[svg.index("<svg") :]
    view = re.search(r'viewBox="[^"]*"', body)
    assert view is not None
    body = re.sub(r"<svg[^>]*>", f"<svg {view[0]}>", body, count=1)
    for what in _LEFT_OUT:
        body = what.sub("", body)
    body = body.replace("xlink:href", "href")
    body = re.sub(r"font: (?:(\w+) )?([\d.]+px) [^;\"]*", _font, body)
    body = re.sub("<[^>]*>", _shorter_tag, body)  # what stands between tags is the user's text
    body = re.sub(r"\s*\n\s*", " ", re.sub(r">\s+<", "><", body)).strip()
    body = _POINTS.sub(_styled_once, body)
    return _with_own_ids(_without_bare_groups(body))


# What a page does not need: comments, metadata, the font's name, turns by nothing, empty frames.
_LEFT_OUT = [
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"<!--.*?-->",
        r"<metadata>.*?</metadata>",
        r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>",
        r" font-family: [^;\"]*;",
        r' transform="rotate\(-?0 [^"]*\)"',
        r'<path d="[^"]*"\s+style="fill: none"/>',
    )
]


# Points of one kind, each with its style: they share one, which halves the bytes.
_POINTS = re.compile(r'<use [^>]*(?P<style> style="[^"]*")/>(?:<use [^>]*(?P=style)/>)+')


def _styled_once(found: re.Match[str]) -> str:
    style = found["style"]
    return f"<g{style}>{found[0].replace(style, '')}</g>"


def _font(found: re.Match[str]) -> str:
    weight = f"font-weight: {found[1]}; " if found[1] else ""
    return f"{weight}font-size: {found[2]}"


def _shorter_tag(tag: re.Match[str]) -> str:
    text = re.sub(r"-?\d+\.\d{3,}", _rounded, tag[0])
    return re.sub("#f00d[01][0-9]", lambda found: f"var({COLOURS[found[0]]})", text)


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


def _without_bare_groups(svg: str) -> str:
    """Drop groups that hold no attribute of their own, ids that nothing refers to first."""
    used = set(re.findall(_REFERENCE, svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
    kept: list[bool] = []  # of the groups that are open

    def replace(found: re.Match[str]) -> str:
        tag = found[0]
        if tag.endswith("/>"):
            return ""
        if tag == "</g>":
            return tag * kept.pop()
        kept.append(tag != "<g>")
        return tag * kept[-1]

    return re.sub(r"<g[^>]*>|</g>", replace, svg)


_REFERENCE = r"(?:url\(#|href=\"#)([^)\"]+)"


def _with_own_ids(svg: str) -> str:
    """Number the ids and begin them with a digest of the drawing."""
    prefix = "d" + hashlib.sha256(svg.encode()).hexdigest()[:8]
    for k, name in enumerate(re.findall(r' id="([^"]*)"', svg)):
        svg = re.sub(rf'(id="|url\(#|href="#){re.escape(name)}(?=[")])', rf"\g<1>{prefix}-{k}", svg)
    return svg
