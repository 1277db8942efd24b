"""The mean prediction of a stack of networks, or of the members of one.

Source: the lecture, bootstrap; Breiman, Bagging predictors, 1996.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.calibration import at_temperature
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.network import Network

BLOCK_NUMBERS = 1 << 20  # of predictions of all networks at a time: 8 MB
GROUP = 64  # networks evaluated side by side: each has arrays of up to 1 MB for its activations


class EnsembleMean:
    """The predictions of R networks, and their mean.

    network  a stack of R networks, one leading axis; or one with R members that share weights
    """

    def __init__(self, network: Network) -> None:
        self.network, self.loss = network, network.architecture.loss
        self.n_networks = prod(network.lane_shape or network.architecture.member_shape)
        self.evaluation = (
            self._evaluation(slice(0, GROUP)) if network.lane_shape else Evaluation(network)
        )

    def _evaluation(self, lanes: slice) -> Evaluation:
        return Evaluation(Network(self.network.architecture, self.network.vector[lanes]))

    def each(self, X: Array) -> Iterator[tuple[slice, Array]]:
        """Yield rows of X (rows, n_inputs), and the predictions of each network for them.

        Predictions are (R, some rows, n_outputs), float64; to be used before the next ones.
        """
        n_lanes, n_outputs = self.n_networks, self.network.architecture.n_outputs
        # Whole blocks of an evaluation, so that the bits are those of all rows at once.
        block = self.evaluation.block
        n = max(1, BLOCK_NUMBERS // (n_lanes * n_outputs * block)) * block
        predictions = np.empty((n_lanes, min(n, len(X)), n_outputs))
        for start in range(0, len(X), n):
            rows = slice(start, min(start + n, len(X)))
            y_hat = predictions[:, : rows.stop - start]
            with np.errstate(all="ignore"):  # what is not finite is a prediction like any other
                if not self.network.lane_shape:
                    self.evaluation.predict_each(X[rows], y_hat)
                    yield rows, y_hat
                    continue
                self.evaluation.predict(X[rows], y_hat[:GROUP])
                # The arrays of each further group are freed: all at once may be too many.
                for first in range(GROUP, n_lanes, GROUP):
                    lanes = slice(first, first + GROUP)
                    self._evaluation(lanes).predict(X[rows], y_hat[lanes])
            yield rows, y_hat

    def predict(self, X: Array, out: Array) -> Array:
        """Write the prediction of all networks together into `out` (rows, n_outputs)."""
        for rows, y_hat in self.each(X):
            with np.errstate(all="ignore"):
                out[rows] = self.loss.average(y_hat)
        return out

    def quantiles(self, X: Array, levels: tuple[float, ...], temperature: float = 1.0) -> Array:
        """Return quantiles over the networks' predictions, (levels, rows, n_outputs).

        temperature  that each network's predictions are taken at, as their mean is
        """
        found = np.empty((len(levels), len(X), self.network.architecture.n_outputs))
        for rows, y_hat in self.each(X):
            with np.errstate(all="ignore"):
                scaled = at_temperature(self.loss, y_hat, temperature)
                found[:, rows] = np.quantile(scaled, levels, axis=0)
        return found
