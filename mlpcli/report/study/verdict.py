"""The sentence a page of a sweep begins with."""

from __future__ import annotations

from mlpcli.errors import counted
from mlpcli.report.blocks import Block, Section, Text
from mlpcli.report.numbers import number
from mlpcli.report.settings import setting
from mlpcli.report.study.reported_study import ReportedStudy

MOST_KEYS = 6  # in the sentence


def verdict(study: ReportedStudy) -> Section:
    """Return which trial is best, by how much, and what its figure does not say."""
    blocks: list[Block] = [Text(sentence(study), is_lead=True), Text(_counts(study))]
    if study.complete:
        blocks.append(Text(_caution(study)))
        blocks.append(Text("mlp sweep SPEC --best > best.yaml && mlp train best.yaml", code=True))
    return Section("verdict", "Verdict", blocks)


def sentence(study: ReportedStudy) -> str:
    """Return the best trial with its figure and settings, and how many others are as good."""
    if not study.complete:
        return "No trial has come to a figure yet."
    best = study.complete[0]
    settings = ", ".join(
        f"{study.short[key]} {setting(best.parameters[key])}" for key in study.keys[:MOST_KEYS]
    )
    settings += ", …" if len(study.keys) > MOST_KEYS else ""
    of = f"the best of {counted(len(study.complete), 'complete trial')}"
    found = f"Trial {best.trial} is {of}: {study.metric} {study.figure(best)}, with {settings}."
    return f"{found} {_near(study)}".rstrip()


def _near(study: ReportedStudy) -> str:
    """Return how many trials lie within the best one's standard error."""
    best, others = study.complete[0], study.values[1:]
    if best.error is None or best.value is None or not others:
        return ""
    near = sum(abs(value - best.value) <= best.error for value in others)
    if not near:
        return "No other trial lies within its standard error."
    lie, them = ("lies", "it") if near == 1 else ("lie", "them")
    close = f"{counted(near, 'other trial')} {lie} within its standard error"
    return f"{close}: the search does not tell it from {them}."


def _counts(study: ReportedStudy) -> str:
    states = [row.state for row in study.rows]
    counts = [f"{states.count(s):,} {s}" for s in ("complete", "pruned", "failed", "running")]
    better = "greater is better" if study.maximizes else "less is better"
    error = ", with its standard error" if study.sweep.n_lanes > 1 else ""
    return (
        f"{counted(len(states), 'trial')} by the method {study.sweep.method}: "
        f"{', '.join(c for c in counts if not c.startswith('0 '))}. Each figure is {study.metric} "
        f"of {study.over}{error}; {better}."
    )


def _caution(study: ReportedStudy) -> str:
    median = study.values[len(study.values) // 2]
    of_many = f" The median trial has {number(median)}." if len(study.values) > 1 else ""
    return (
        "The best of many trials looks better than it is. The sweep has left the test rows alone: "
        f"train the winner to see what it does on them.{of_many}"
    )
