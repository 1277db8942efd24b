"""Gradient boosting, of LightGBM or scikit-learn, whichever can be imported.

Source: Friedman, 2001; by histograms: Ke et al., LightGBM, 2017.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array

Predict = Callable[[Array], Array]

LIBRARIES = {"LightGBM": "lightgbm", "scikit-learn": "sklearn.ensemble"}  # the first that is there
TREES, RATE = 100, 0.1  # for each output, and the learning rate: defaults of both libraries
# Of all outputs together, some ms each and, for its histograms, 10 µs a feature: beyond that
MOST_TREES, MOST_HISTOGRAMS = 600, 500_000
LEAST_TREES, MOST_RATE = 10, 0.3  # each output gets fewer trees, and a larger rate
MOST_OUTPUTS = 60
# Of a leaf's value, as XGBoost's default. Without it the leaves of a class of 1 row in 270 grow out
# of bounds in either library: area under the curve 0.76 and 0.82, with it 0.98.
LEAF_L2 = 1.0


def find_library() -> str | None:
    """Return the name of the library that can be imported, or None."""
    for name, module in LIBRARIES.items():
        try:
            importlib.import_module(module)
        except (ImportError, OSError):  # OSError: one of its shared libraries is not there
            continue
        return name
    return None


@dataclass(frozen=True)
class Boosting:
    """How trees are fitted.

    library   a name of LIBRARIES
    link      identity or sigmoid: trees for each column alone; softmax: for all together
    n_trees   for each output
    """

    library: str
    link: str
    n_trees: int
    rate: float
    seed: int

    @staticmethod
    def choose(library: str, link: str, n_features: int, n_outputs: int, seed: int) -> Boosting:
        """Return the libraries' defaults, fewer trees where there are many features or outputs."""
        most = min(MOST_TREES, MOST_HISTOGRAMS // n_features)
        n_trees = min(TREES, max(LEAST_TREES, most // n_outputs))
        return Boosting(library, link, n_trees, min(MOST_RATE, RATE * TREES / n_trees), seed)

    def fit(self, X: Array, y: Array, weight: Array) -> Predict:
        """Return a function from X to ŷ (rows, n_outputs): probabilities of classes, or numbers.

        y       (rows, n_outputs); of classes one-hot, each of which some row has
        weight  (rows,)
        """
        if self.link == "softmax":
            return self._fit_one(X, np.argmax(y, axis=1), weight)
        each = [self._fit_column(X, column, weight) for column in y.T]
        return lambda rows: np.column_stack([predict(rows) for predict in each])

    def _fit_column(self, X: Array, y: Array, weight: Array) -> Predict:
        if (y == y[0]).all():  # such as a label that no row has: there is nothing to tell apart
            return lambda rows: np.full(len(rows), float(y[0]))
        return self._fit_one(X, y, weight)

    def _fit_one(self, X: Array, y: Array, weight: Array) -> Predict:
        fit = self._lightgbm if self.library == "LightGBM" else self._scikit_learn
        return fit(X, y, weight)

    def _lightgbm(self, X: Array, y: Array, weight: Array) -> Predict:
        import lightgbm

        of_link = {"identity": "regression", "sigmoid": "binary", "softmax": "multiclass"}
        settings: dict[str, Any] = {
            "objective": of_link[self.link],
            "num_class": int(y.max()) + 1 if self.link == "softmax" else 1,
            "learning_rate": self.rate,
            "seed": self.seed % 2**31,
            "lambda_l2": LEAF_L2,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        rows = lightgbm.Dataset(X, label=y, weight=weight)
        model = lightgbm.train(settings, rows, num_boost_round=self.n_trees)
        return lambda rows: np.asarray(model.predict(rows))

    def _scikit_learn(self, X: Array, y: Array, weight: Array) -> Predict:
        from sklearn import ensemble

        settings = {
            "max_iter": self.n_trees,
            "learning_rate": self.rate,
            "l2_regularization": LEAF_L2,
            "early_stopping": False,  # it would hold out a tenth of the rows
            "random_state": self.seed % 2**32,
        }
        if self.link == "identity":
            number = ensemble.HistGradientBoostingRegressor(**settings)
            return number.fit(X, y, sample_weight=weight).predict
        model = ensemble.HistGradientBoostingClassifier(**settings)
        model.fit(X, y, sample_weight=weight)
        if self.link == "softmax":
            return model.predict_proba
        return lambda rows: model.predict_proba(rows)[:, 1]
