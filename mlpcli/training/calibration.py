"""A trained model's temperature: fitted on the validation rows, and kept where it helps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Encoding, Part
from mlpcli.nn.arrays import weighted_mean
from mlpcli.nn.calibration import at_temperature, fit_temperature, has_temperature, log_losses
from mlpcli.nn.network import Network
from mlpcli.training.build import loss_target
from mlpcli.training.evaluation import predict

# Standard errors that a gain has to be above 0: the normal distribution's 95 % quantile. One that
# is 0 on other rows is kept once in 20 times then.
BEYOND_CHANCE = 1.645


@dataclass(frozen=True)
class Calibration:
    """What came of fitting a temperature.

    fitted           T that suits the validation rows best
    kept             whether it is the model's
    rows             how many there were
    log_loss         of these rows, as they are weighted, at T = 1
    log_loss_fitted  at the fitted T
    """

    fitted: float
    kept: bool
    rows: int
    log_loss: float
    log_loss_fitted: float

    @property
    def temperature(self) -> float:
        """T of the model: 1 where none is kept."""
        return self.fitted if self.kept else 1.0


def calibrate(network: Network, encoding: Encoding, part: Part) -> Calibration | None:
    """Fit the temperature of a trained network, or of a stack's mean, on validation rows.

    It is kept where it lowers their log loss by more than chance explains: where the differences
    d of the rows' log losses have d̄ > 1.645 s/√n, a paired, one-sided test. Where a row or two
    alone are better by it, T stays 1. None where the loss makes no probabilities.

    part  rows that no parameter was fitted to; those that chose the epoch are
    """
    loss = network.architecture.loss
    if not has_temperature(loss):
        return None
    target = loss_target(encoding, part.y, np.float64)
    with np.errstate(all="ignore"):  # predictions that are not finite have a T of 1
        y_hat = predict(network, part.X)
        fitted = fit_temperature(loss, y_hat, target, part.weight)
        before = log_losses(loss, y_hat, target)
        after = log_losses(loss, at_temperature(loss, y_hat, fitted), target)
        gain = before - after
        if part.weight is not None:
            gain = gain * part.weight / np.mean(part.weight, dtype=np.float64)
        return Calibration(
            fitted,
            _is_shown(gain),
            len(part),
            float(weighted_mean(before, part.weight)),
            float(weighted_mean(after, part.weight)),
        )


def _is_shown(gain: Array) -> bool:
    """Whether the mean of these differences is above 0 by more than chance explains."""
    if len(gain) < 2:  # noqa: PLR2004
        return False
    error = float(np.std(gain, ddof=1)) / math.sqrt(len(gain))
    return bool(0 < float(np.mean(gain)) > BEYOND_CHANCE * error)
