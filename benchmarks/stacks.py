#!/usr/bin/env python3
"""For which networks training side by side, as one stack, is quicker than one after the other.

Usage::

    python benchmarks/stacks.py            # a table; writes benchmarks/stacks.json
    python benchmarks/stacks.py 64-128-10  # of the networks so named; writes nothing

Shown is the time of one step of a stack as a share of as many steps of one network alone: below
100 % stacking gains. Each network has a process of its own, pinned to one core, in which stack and
single train an epoch in turns; it is the median of the ratios of neighbours. The time is the
core's, of whole epochs, shuffling and gathering in them. `training/plan.py` has the rule that
follows, docs/decisions/0028 the figures.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

from performance_runs import machine, pin, work
from performance_settings import ROOT, Shape

STORED = ROOT / "benchmarks" / "stacks.json"
LANES = (1, 2, 4, 8, 16, 32, 64)
ROUNDS = 5
SHAPES = (
    Shape((4, 16, 3), 16, 256, ROUNDS),
    Shape((10, 32, 1), 32, 256, ROUNDS),
    Shape((64, 128, 10), 32, 64, ROUNDS),
    Shape((64, 64, 10), 32, 64, ROUNDS),
    Shape((8, 64, 64, 1), 64, 64, ROUNDS),
    Shape((256, 256, 10), 64, 24, ROUNDS),
    Shape((784, 512, 256, 10), 128, 4, ROUNDS),
)


def measure(shape: Shape) -> dict[str, Any]:
    """Return what is measured of one network."""
    widths, lanes = list(shape.widths), list(LANES)
    about = {"widths": widths, "batch": shape.batch, "steps": shape.steps, "rounds": shape.epochs}
    said, _ = work(sys.executable, "stacked_steps", lanes=lanes, **about)
    alone = [said["0"][k : k + shape.epochs] for k in range(0, len(said["0"]), shape.epochs)]
    found = {}
    for n, single in zip(LANES, alone, strict=True):
        stack = said[str(n)]
        ratios = [s / (n * one) for s, one in zip(stack, single, strict=True)]
        found[str(n)] = {"step": statistics.median(stack), "share": statistics.median(ratios)}
    multiply_adds = shape.batch * sum(fan_in * fan_out for fan_in, fan_out in shape.products)
    return {
        "network": shape.name,
        "batch": shape.batch,
        "multiply_adds": multiply_adds,
        "alone": statistics.median(said["0"]),
        "lanes": found,
    }


def table(found: list[dict[str, Any]]) -> str:
    """Return the table, a network a line."""
    titles = ["network, batch", "multiply-adds", "alone, µs", *map(str, LANES)]
    lines = [titles]
    for each in found:
        shares = [f"{each['lanes'][str(n)]['share']:.0%}" for n in LANES]
        name = f"{each['network']}, {each['batch']}"
        lines.append([name, f"{each['multiply_adds']:,}", f"{each['alone']:.1f}", *shares])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
        for line in lines
    )


def main() -> None:
    """Measure, store and print."""
    wanted = [shape for shape in SHAPES if shape.name in sys.argv[1:]] or SHAPES
    pin()
    found = []
    for shape in wanted:
        print(f"{shape.name}, {shape.batch}", file=sys.stderr, flush=True)
        found.append(measure(shape))
    if wanted is SHAPES:
        document = {"machine": machine(), "networks": found}
        STORED.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(table(found))


if __name__ == "__main__":
    main()
