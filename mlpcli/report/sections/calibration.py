"""Whether so many rows come true as the probabilities say."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.data.targets import ClassTarget
from mlpcli.plain import format_number
from mlpcli.report.blocks import Block, Chart, Section, Table, Text
from mlpcli.report.drawing import MUTED, SERIES, draw, figure
from mlpcli.report.reported_run import ReportedRun


def calibration(run: ReportedRun) -> Section | None:
    """Return the reliability diagram of the judged rows; None where there are no probabilities."""
    bins = run.document["reliability"][run.judged]
    target = run.model.encoding.target
    if not bins or not isinstance(target, ClassTarget):
        return None
    what = f"of {target.classes[1]}" if target.task == "binary" else "of the predicted class"
    inside = sum(each["interval"][0] <= each["predicted"] <= each["interval"][1] for each in bins)
    error = run.document["scores"][run.judged].get("calibration_error")
    text = (
        f"Rows by their probability {what}: in {inside} of {len(bins)} bins the 95 % interval of "
        "the share that came true holds the mean probability. On the dotted line both are equal; "
        "the bars below are the rows."
    )
    if error is not None and error == error:  # noqa: PLR0124
        text += f" The expected calibration error is {format_number(error)}."
    rows: list[list[object]] = [
        [
            f"{each['low']:.3g} to {each['high']:.3g}",
            each["rows"],
            each["predicted"],
            each["observed"],
            *each["interval"],
        ]
        for each in bins
    ]
    header = ["probability", "rows", "mean probability", "share that came true", "low", "high"]
    table = Table(f"Probability {what} and what came true, {run.judged} rows.", header, rows)
    title = f"Predicted and observed shares, {run.judged} rows"
    blocks: list[Block] = [Chart(title, text, _drawn(bins), table)]
    if run.model.temperature != 1:
        fitted = f"{run.model.temperature:.3g}, fitted on the validation rows"
        how = "softened" if run.model.temperature > 1 else "sharpened"
        blocks.append(Text(f"The probabilities are {how} by a temperature of {fitted}."))
    return Section("calibration", "Calibration", blocks)


def _drawn(bins: list[dict[str, Any]]) -> str:
    x = np.array([each["predicted"] for each in bins])
    y = np.array([each["observed"] for each in bins])
    ends = np.array([each["interval"] for each in bins])
    low, high = np.array([each["low"] for each in bins]), np.array([each["high"] for each in bins])
    with figure(380, 380, nrows=2, sharex=True, height_ratios=[4, 1]) as (canvas, (axes, below)):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="dotted")
        reach = np.maximum([y - ends[:, 0], ends[:, 1] - y], 0)
        style = {"capsize": 3, "elinewidth": 1.4, "markersize": 6}
        axes.errorbar(x, y, yerr=reach, fmt="o", color=SERIES[0], **style)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="share that came true")
        rows = [each["rows"] for each in bins]
        below.bar((low + high) / 2, rows, width=0.85 * (high - low), color=SERIES[0], alpha=0.5)
        below.set(xlabel="predicted probability", ylabel="rows")
        below.locator_params(axis="y", nbins=2, integer=True)
        return draw(canvas)
