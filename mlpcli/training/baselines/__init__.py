"""Baselines: a constant, a linear model and gradient boosting, fitted to the training rows."""

from mlpcli.training.baselines.fitting import Baselines, BaselineScore, fit_baselines
from mlpcli.training.baselines.names import baseline_names

__all__ = ["BaselineScore", "Baselines", "baseline_names", "fit_baselines"]
