"""Baselines: a constant, a linear model and gradient boosting, fitted to the training rows."""

from mlpcli.training.baselines.fitting import Baselines, BaselineScore, fit_baselines

__all__ = ["BaselineScore", "Baselines", "fit_baselines"]
