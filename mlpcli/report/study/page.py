"""The page of a sweep: its sections, in their order."""

from __future__ import annotations

from mlpcli.errors import counted
from mlpcli.report.page import Page
from mlpcli.report.study.history import history
from mlpcli.report.study.importances import importances
from mlpcli.report.study.parallel import parallel
from mlpcli.report.study.reported_study import ReportedStudy
from mlpcli.report.study.slices import slices
from mlpcli.report.study.trials import trials
from mlpcli.report.study.verdict import verdict
from mlpcli.sweep.study_file import LOG

SECTIONS = (verdict, trials, parallel, importances, history, slices)


def study_page(study: ReportedStudy) -> Page:
    """Return the page of a study."""
    found = [section(study) for section in SECTIONS]
    path = study.stored.path.resolve()
    title = path.parent.name if path.name == LOG else path.name
    keys = ", ".join(study.short.values())
    subtitle = f"{counted(len(study.rows), 'trial')} of {keys}, by {study.metric}"
    return Page(title, subtitle, [section for section in found if section is not None])
