"""The page of several runs: its sections, in their order."""

from __future__ import annotations

from mlpcli.report.comparison.compared_runs import ComparedRuns
from mlpcli.report.comparison.curves import curves
from mlpcli.report.comparison.differences import differences
from mlpcli.report.comparison.runs_table import runs_table, specs
from mlpcli.report.comparison.verdict import verdict
from mlpcli.report.page import Page

SECTIONS = (verdict, runs_table, differences, specs, curves)


def comparison_page(runs: ComparedRuns) -> Page:
    """Return the page of several runs."""
    found = [section(runs) for section in SECTIONS]
    names = [runs.name(run) for run in runs.runs]
    title = " and ".join(names) if len(names) == 2 else f"{len(names)} runs compared"  # noqa: PLR2004
    encoding = runs.base.model.encoding
    subtitle = f"{encoding.task} on {', '.join(encoding.target.names)}, by {runs.metric}"
    return Page(title, subtitle, [section for section in found if section is not None])
