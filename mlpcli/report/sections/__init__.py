"""The sections of a run's page, in their order: a section is one function in one file.

Each takes a `ReportedRun` and returns a `Section`, or None where it has nothing to show.
"""

from mlpcli.report.sections.calibration import calibration
from mlpcli.report.sections.confusion import confusion
from mlpcli.report.sections.importance import importance
from mlpcli.report.sections.intervals import intervals
from mlpcli.report.sections.ranking import ranking
from mlpcli.report.sections.residuals import residuals
from mlpcli.report.sections.worst_rows import worst_rows

SECTIONS = (
    confusion,
    ranking,
    calibration,
    residuals,
    intervals,
    importance,
    worst_rows,
)
