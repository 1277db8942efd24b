"""What `mlp eval` prints of probabilities and intervals: whether they hold what they say."""

from __future__ import annotations

from typing import Any

from mlpcli.cli.console import print_result, table
from mlpcli.cli.describe import percent
from mlpcli.data.targets import ClassTarget
from mlpcli.runs.model_file import Model


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
