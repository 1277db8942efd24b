"""Losses J(ŷ, y), each with its delta = dJ/du at the output layer: one module for each kind."""

# ruff: noqa: F401, I001  each module enters its losses in the table, in this order
from __future__ import annotations

from mlpcli.nn.losses.loss import LOSSES, Loss
from mlpcli.nn.losses import residuals
from mlpcli.nn.losses.quantile import Quantile
from mlpcli.nn.losses import gaussian, positive
from mlpcli.nn.losses import binary_cross_entropy, cross_entropy, focal, hinge

__all__ = ["LOSSES", "Loss", "Quantile"]
