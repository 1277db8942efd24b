"""What benchmarks/scaling.py measures. The standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "scaling.md"
STORED = ROOT / "benchmarks" / "scaling.json"
ROUNDS = 3

ROWS, STEPS, BY_ROWS, BY_PARAMETERS = "rows", "steps", "memory by rows", "memory by parameters"
THREADS, CALLS = "threads", "calls of a step"
TABLES = (ROWS, STEPS, BY_ROWS, BY_PARAMETERS, THREADS, CALLS)
WIDTHS, BATCH = (8, 64, 64, 1), 64  # of the network whose rows per second are measured
REFERENCE_ROWS = 100_000  # whose rows per second the others are divided by, round by round
WITHIN = 0.1
FEATURES = 32  # of the data whose rows take memory
SECONDS = 2.0  # of training in each process, at least
CUT_INPUTS, CUT_OUTPUTS, CUT_BATCH = 512, 10, 256  # of the networks whose step is cut
CUT_WIDTHS = (128, 256, 512, 1024, 1536)
FORETOLD = ((512, 1024),)  # width and batch, measured beside what the model says, and not fitted


@dataclass(frozen=True)
class Case:
    """One process.

    table  of the page that it is for
    x      where it stands on the plot's axis, as text: rows, or the width of the hidden layers
    work   of scaling_child.py, and what it is given
    """

    table: str
    x: str
    series: str
    work: str
    about: dict[str, Any]


def _cases() -> list[Case]:
    found = []
    for rows in (10_000, 30_000, REFERENCE_ROWS, 300_000, 1_000_000, 3_000_000, 10_000_000):
        about = {"rows": rows, "widths": WIDTHS, "batch": BATCH, "seconds": SECONDS}
        found.append(Case(ROWS, str(rows), "", "steps", about))
    for width in (8, 16, 32, 64, 128, 256, 512, 1024):
        rows = BATCH * (200 if width <= 256 else 30)
        about = {"rows": rows, "widths": (8, width, width, 1), "batch": BATCH, "seconds": SECONDS}
        found.append(Case(STEPS, str(width), "", "steps", about))
    for rows in (250_000, 500_000, 1_000_000, 2_000_000, 4_000_000):
        about = {"rows": rows, "widths": (FEATURES, 16, 1), "batch": 1000, "optimizer": "sgd"}
        found.append(Case(BY_ROWS, str(rows), "sgd", "memory", about))
    for optimizer in ("sgd", "adam"):
        for width in (256, 512, 1024, 1448, 2048):
            about = {"rows": 4096, "widths": (8, width, width, 1), "batch": 32}
            about["optimizer"] = optimizer
            found.append(Case(BY_PARAMETERS, str(width), optimizer, "memory", about))
    return found + _cut_cases()


def _cut_cases() -> list[Case]:
    """Return those of a step that is cut into shards; the series is the batch."""
    found = []
    for width, batch in (*((width, CUT_BATCH) for width in CUT_WIDTHS), *FORETOLD):
        steps = 4 if width * batch >= 1 << 18 else 16
        widths = (CUT_INPUTS, width, width, CUT_OUTPUTS)
        about = {"rows": steps * batch, "widths": widths, "batch": batch, "seconds": 2 * SECONDS}
        found.append(Case(THREADS, str(width), str(batch), "threads", about))
    tiny = {"rows": 4096, "widths": (8, 8, 8, CUT_OUTPUTS), "batch": 64, "seconds": SECONDS / 2}
    return [*found, Case(CALLS, "8", "64", "calls", tiny)]


CASES = tuple(_cases())
