"""The sections of a page of several runs, in their order."""

from __future__ import annotations

from mlpcli.report.blocks import Section
from mlpcli.report.comparison.compared_runs import ComparedRuns
from mlpcli.report.comparison.curves import curves
from mlpcli.report.comparison.differences import differences
from mlpcli.report.comparison.runs_table import runs_table, specs
from mlpcli.report.comparison.verdict import verdict

SECTIONS = (verdict, runs_table, differences, specs, curves)


def comparison_sections(runs: ComparedRuns) -> list[Section]:
    """Return the sections that the runs have."""
    found = [section(runs) for section in SECTIONS]
    return [section for section in found if section is not None]
