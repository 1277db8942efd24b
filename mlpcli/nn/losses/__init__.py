"""Losses J(ŷ, y), each with its delta = dJ/du at the output layer: one module for each kind."""

# ruff: noqa: I001  the order of the table, in which a spec's faults and the reference list them
from __future__ import annotations

from mlpcli.nn.losses.loss import LOSSES, Loss
from mlpcli.nn.losses.residuals import Huber, LogCosh, MeanAbsoluteError, MeanSquaredError
from mlpcli.nn.losses.quantile import Quantile
from mlpcli.nn.losses.gaussian import GaussianNll
from mlpcli.nn.losses.positive import Gamma, Poisson
from mlpcli.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from mlpcli.nn.losses.cross_entropy import CrossEntropy
from mlpcli.nn.losses.focal import Focal
from mlpcli.nn.losses.hinge import Hinge

__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Focal",
    "Gamma",
    "GaussianNll",
    "Hinge",
    "Huber",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "Quantile",
]
