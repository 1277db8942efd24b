"""The rules of `mlp check`, in the order of their lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mlpcli.data.diagnosis import columns, leaks, panel, parts, postal_codes, rows, target, values
from mlpcli.data.diagnosis.oddity import Oddity
from mlpcli.data.diagnosis.view import DataView

RULES: tuple[Callable[[DataView], Iterable[Oddity]], ...] = (
    leaks.leaks,
    columns.split_columns,
    columns.identifiers,
    panel.repeated_identifiers,
    postal_codes.postal_codes,
    columns.constant,
    columns.nearly_constant,
    columns.same_columns,
    columns.many_categories,
    columns.more_features_than_rows,
    values.missing,
    values.sentinels,
    values.no_dates,
    values.outliers,
    columns.variants,
    columns.dates,
    rows.duplicates,
    rows.repeated,
    rows.contradictions,
    target.absent_classes,
    target.few_rows,
    target.perhaps_classes,
    target.constant_target,
    parts.shifts,
    parts.unseen_categories,
)
