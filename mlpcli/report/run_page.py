"""The page of one run: its sections, in their order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlpcli.report.blocks import Section
from mlpcli.report.page import Page
from mlpcli.report.reported_run import ReportedRun
from mlpcli.report.sections import SECTIONS as OF_PREDICTIONS
from mlpcli.report.sections.curves import curves
from mlpcli.report.sections.data import data
from mlpcli.report.sections.layers import layers
from mlpcli.report.sections.network import network
from mlpcli.report.sections.reproduce import reproduce
from mlpcli.report.sections.verdict import verdict
from mlpcli.report.sections.worst_rows import worst_rows

SECTIONS: tuple[Callable[[ReportedRun], Section | None], ...] = (
    verdict,
    network,
    curves,
    *OF_PREDICTIONS,
    layers,
    data,
    reproduce,
)
OF_ROWS: tuple[Callable[[ReportedRun], Section | None], ...] = (
    worst_rows,
)  # show rows of the data


def run_page(run: ReportedRun, *, rows: bool = True) -> Page:
    """Return the page of a run.

    rows  whether it may show rows of the data
    """
    makers = [make for make in SECTIONS if rows or make not in OF_ROWS]
    sections = [section for make in makers if (section := make(run)) is not None]
    encoding = run.model.encoding
    name = Path(run.name).resolve().name
    return Page(name, f"{encoding.task} on {', '.join(encoding.target.names)}", sections)
