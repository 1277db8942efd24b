"""The page of one run: its sections, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mlpcli.errors import listing
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

    rows  whether it may show rows of the data, and where their file lies
    """
    run = replace(run, rows=rows)
    makers = [make for make in SECTIONS if rows or make not in OF_ROWS]
    sections = [section for make in makers if (section := make(run)) is not None]
    title, hidden = Path(run.name).resolve().name, () if rows else _folders(run)
    return Page(title, _subtitle(run), sections, hidden=hidden)


def _folders(run: ReportedRun) -> list[str]:
    """Return the directories of the data's files, the longest first."""
    data, files = run.model.spec.data, (run.manifest.get("data") or {}).get("files") or {}
    own = () if data.split.files is None else data.split.files.model_dump().values()
    paths = [Path(path) for path in (data.path, run.data, *own, *files.values()) if path]
    folders = {str(path.parent) for path in paths if path.is_absolute()}
    return [f"{each}/" for each in sorted(folders - {"/"}, key=len, reverse=True)]


def _subtitle(run: ReportedRun) -> str:
    encoding, data = run.model.encoding, run.model.spec.data
    words = [f"{encoding.task} on {listing(encoding.target.names, most=3)}"]
    if data.path is not None and run.data is None:
        words.append(Path(data.path).name)
    started = str(run.manifest.get("started") or "")[:10]
    return " · ".join([*words, *[f"trained on {started}"] * bool(started)])
