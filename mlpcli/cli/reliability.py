"""What `mlp eval` prints of probabilities and intervals: whether they hold what they say."""

from __future__ import annotations

from typing import Any

from mlpcli.cli.console import print_result, table
from mlpcli.cli.describe import percent
from mlpcli.data.targets import ClassTarget
from mlpcli.runs.model_file import Model
from mlpcli.training.intervals import share_interval
from mlpcli.training.metrics import Outcome
from mlpcli.training.metrics.calibration import reliability

FEW_ROWS = 200  # a part with fewer has half as many bins
MANY_BINS, FEW_BINS = 10, 5


def reliability_rows(seen: Outcome) -> list[dict[str, Any]] | None:
    """Return a document for each bin that has rows; None of a task or model that has none.

    low, high   of the bin
    predicted   its rows' mean probability
    observed    the share of them that came true, with its 95 % interval (Wilson)
    """
    if seen.task not in ("binary", "multiclass") or not seen.probability:
        return None
    bins = reliability(seen, MANY_BINS if len(seen.target) >= FEW_ROWS else FEW_BINS)
    return [
        {
            "low": each.low,
            "high": each.high,
            "rows": each.rows,
            "predicted": each.predicted,
            "observed": each.hits / each.rows,
            "interval": [found.low, found.high],
        }
        for each in bins
        for found in (share_interval(each.hits, each.rows),)
    ]


def print_reliability(model: Model, part: str, bins: list[dict[str, Any]]) -> None:
    """Print the bins of one part as a table."""
    target = model.encoding.target
    assert isinstance(target, ClassTarget)
    what = f"of {target.classes[1]}" if target.task == "binary" else "of the class predicted"
    print_result(f"\nreliability, {part} rows, by the probability {what}")
    rows = [
        [
            f"{each['low']:.1f} to {each['high']:.1f}",
            *(each[key] for key in ("rows", "predicted", "observed")),
            *each["interval"],
        ]
        for each in bins
    ]
    table(["probability", "rows", "predicted", "observed", "95 % from", "to"], rows)


def print_coverage(model: Model, coverage: dict[str, list[dict[str, Any]]]) -> None:
    """Print how many rows of each part the intervals or sets hold."""
    sets = isinstance(model.encoding.target, ClassTarget)
    what = "prediction sets: rows whose class is" if sets else "observation intervals: rows"
    print_result(f"\n{what} inside")
    several = len(model.encoding.target.names) > 1
    header = ["", *["target"] * several, "level", "rows", "inside", "share", "95 % from", "to"]
    rows = [
        [
            part,
            *[one["target"]] * several,
            percent(one["level"]),
            *(one[key] for key in ("rows", "inside", "share", "low", "high")),
            *[one.get("classes")] * sets,
        ]
        for part, found in coverage.items()
        for one in found
    ]
    table([*header, *["classes in a set"] * sets], rows)
