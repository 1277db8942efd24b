"""Metrics of predictions, by the names and the definitions of scikit-learn."""

# ruff: noqa: F401, I001  each module enters its metrics in the table, in this order
from __future__ import annotations

from mlpcli.training.metrics.metric import METRICS, Metric, Outcome, applicable, greater_is_better
from mlpcli.training.metrics import classes
from mlpcli.training.metrics import calibration
from mlpcli.training.metrics import regression

__all__ = ["METRICS", "Metric", "Outcome", "applicable", "greater_is_better"]
