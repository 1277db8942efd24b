"""The sentences that a page of several runs begins with."""

from __future__ import annotations

import math
import shlex

from mlpcli.report.blocks import Block, Notice, Section, Text
from mlpcli.report.comparison.compared_runs import ComparedRuns
from mlpcli.report.comparison.differences import interval_text
from mlpcli.report.numbers import number
from mlpcli.runs.compare import Comparison, compare

ODD_ENDS = {"interrupted": "its training was interrupted", "diverged": "its training diverged"}
CAUTION = (
    "This is about these trained networks on these rows: the same spec with another seed may "
    "differ by more. Training each spec with several seeds shows how much."
)


def verdict(runs: ComparedRuns) -> Section:
    """Return which run is best, and whether its rows show it."""
    odd = [(run, ODD_ENDS.get(str(run.model.training.get("reason")))) for run in runs.ranked]
    blocks: list[Block] = [Text(sentence(runs), is_lead=True)]
    blocks += [Notice(f"{runs.name(run)}: {how}.") for run, how in odd if how is not None]
    blocks.append(Text(CAUTION))
    words = ["mlp", "compare", *(run.run for run in runs.runs), "--metric", runs.metric]
    blocks.append(Text(shlex.join(words), code=True))
    return Section("verdict", "Verdict", blocks)


def sentence(runs: ComparedRuns) -> str:
    """Return the best run with its figure, and its difference to the base and the next best."""
    value = runs.value(runs.best)
    if math.isnan(value):
        return f"{runs.metric} is not defined on {runs.rows_text} for any of the runs."
    level = [runs.name(run) for run in runs.ranked if runs.value(run) == value]
    have = "have" if len(level) > 1 else "has"
    best = f"Of {len(runs.runs)} runs, {_joined(level)} {have} the best {runs.metric}"
    return " ".join([f"{best}: {number(value)}, on {runs.rows_text}.", *_shown(runs)])


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _shown(runs: ComparedRuns) -> list[str]:
    """Return what the rows show of the best run, in sentences."""
    if runs.best is runs.base:
        return _of_base(runs)
    found = next(each for each in runs.comparisons if each.run is runs.best)
    sentences = [_against(found, f"{runs.name(runs.base)}, the first named")]
    second = runs.ranked[1]
    if second is not runs.base:
        name = f"{runs.name(second)}, the next best"
        sentences.append(_against(compare(runs.best, second, runs.metric), name))
    return sentences


def _of_base(runs: ComparedRuns) -> list[str]:
    """Return which of the other runs are shown to be worse than the best, in sentences."""
    worse = [each for each in runs.comparisons if each.verdict == "worse"]
    refused = [each for each in runs.comparisons if each.interval is None]
    alike = [each for each in runs.comparisons if each not in worse and each not in refused]
    said = []
    for found, what in (
        (worse, "Shown to be worse than {}: {}."),
        (alike, "No difference to {} is shown: {}."),
        (refused, "Not compared with {}: {}."),
    ):
        if found:
            names = _joined([runs.name(each.run) for each in found])
            said.append(what.format(runs.name(runs.base), names))
    return said


def _against(found: Comparison, other: str) -> str:
    """Return what the best run's difference to another shows."""
    if found.interval is None:
        return f"It is not compared with {other}: {found.verdict.partition(': ')[2]}."
    shown = f"it is shown to be {found.verdict}"
    if found.interval.low <= 0 <= found.interval.high:
        shown = "no difference is shown"
    return f"Its difference to {other}, is {interval_text(found.interval)}: {shown}."
