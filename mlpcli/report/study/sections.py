"""The sections of a sweep's page, in their order."""

from __future__ import annotations

from mlpcli.report.blocks import Section
from mlpcli.report.study.history import history
from mlpcli.report.study.importances import importances
from mlpcli.report.study.parallel import parallel
from mlpcli.report.study.reported_study import ReportedStudy
from mlpcli.report.study.slices import slices
from mlpcli.report.study.trials import trials
from mlpcli.report.study.verdict import verdict

SECTIONS = (verdict, trials, parallel, importances, history, slices)


def study_sections(study: ReportedStudy) -> list[Section]:
    """Return the sections that the study has."""
    found = [section(study) for section in SECTIONS]
    return [section for section in found if section is not None]
