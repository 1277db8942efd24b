"""What somebody careful who knows a table writes with scikit-learn, by hand, for it.

The pipeline gets the clean columns: dates as such, no value where a code stood for none, without
identifiers and leaks. So nothing that mlp has to find in the file can cost it anything.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from first_tables_form import REGRESSION, Table
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
    TargetEncoder,
)

NETWORK, LINEAR, TREES = "MLP pipeline", "linear pipeline", "HistGradientBoosting"
TOOLS = (NETWORK, LINEAR, TREES)
PIXELS = 256  # as many columns of numbers from 0 to 255 are divided, not standardized
STOPPED = {"early_stopping": True, "n_iter_no_change": 10}
# The grid: (most rows, arguments). On few rows the tenth that early stopping holds out is too small
# to stop by, and the penalty is what regularizes.
SETTINGS: tuple[tuple[float, dict[str, Any]], ...] = (
    (math.inf, {"hidden_layer_sizes": (100,), **STOPPED}),
    (200_000, {"hidden_layer_sizes": (128, 64), "alpha": 1e-3, **STOPPED}),
    (20_000, {"hidden_layer_sizes": (100,), "alpha": 0.3, "max_iter": 300}),
)


@dataclass(frozen=True)
class Predicted:
    """Of the new rows: numbers, or probabilities with the classes in the order of the columns."""

    figures: np.ndarray
    classes: tuple[str, ...]
    seconds: float


def expand_dates(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose dates are numbers: day, month, day of the week, hour."""
    parts = {}
    for name in frame:
        date = frame[name].dt
        parts[f"{name}.day"] = (frame[name] - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
        angle = 2 * np.pi * date.dayofyear / 365.25
        parts[f"{name}.sin"], parts[f"{name}.cos"] = np.sin(angle), np.cos(angle)
        parts[f"{name}.weekday"], parts[f"{name}.hour"] = date.dayofweek, date.hour
    return pd.DataFrame(parts, index=frame.index)


def is_hours(column: pd.Series) -> bool:
    """Return whether all texts are times of day."""
    texts = column.dropna().astype(str)
    return bool(len(texts)) and texts.str.fullmatch(r"\d{1,2}:\d{2}").all()


def to_hours(frame: pd.DataFrame) -> pd.DataFrame:
    """Return times of day as hours since midnight."""
    split = {name: frame[name].str.split(":", expand=True).astype(float) for name in frame}
    return pd.DataFrame({name: parts[0] + parts[1] / 60 for name, parts in split.items()})


class Columns:
    """The columns of a table by what the pipeline makes of them."""

    def __init__(self, table: Table, frame: pd.DataFrame) -> None:
        left_out = {*table.leave_out, table.target}
        names = [name for name in frame if name not in left_out]
        dtypes = pd.api.types
        self.many = [name for name in names if name in table.many]
        names = [name for name in names if name not in self.many]
        self.dates = [name for name in names if dtypes.is_datetime64_any_dtype(frame[name])]
        self.numbers = [name for name in names if dtypes.is_numeric_dtype(frame[name])]
        rest = [name for name in names if name not in {*self.dates, *self.numbers}]
        self.hours = [name for name in rest if is_hours(frame[name])]
        self.categories = [name for name in rest if name not in self.hours]
        self.regression = table.task == REGRESSION

    def texts(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with its categories as texts, missing ones as a word."""
        frame = frame.copy()
        for name in [*self.many, *self.categories]:
            column = frame[name]
            frame[name] = column.astype(object).where(column.notna(), "missing").astype(str)
        return frame

    def transformer(self) -> ColumnTransformer:
        """Return what makes inputs of the columns."""

        def numbers() -> Any:
            pixels = len(self.numbers) >= PIXELS
            scale = MinMaxScaler() if pixels else StandardScaler()
            return make_pipeline(SimpleImputer(strategy="median", add_indicator=not pixels), scale)

        folds = KFold(5, shuffle=True, random_state=0)
        target = "continuous" if self.regression else "auto"
        steps: list[tuple[str, Any, list[str]]] = [
            ("numbers", numbers(), self.numbers),
            ("dates", make_pipeline(FunctionTransformer(expand_dates), numbers()), self.dates),
            ("hours", make_pipeline(FunctionTransformer(to_hours), numbers()), self.hours),
            (
                "categories",
                OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5),
                self.categories,
            ),
            (
                "many",
                make_pipeline(TargetEncoder(target_type=target, cv=folds), StandardScaler()),
                self.many,
            ),
        ]
        return ColumnTransformer([step for step in steps if step[2]], sparse_threshold=0.0)


def networks(columns: Columns, rows: int, seed: int) -> Iterator[Any]:
    """Yield the networks of the grid."""
    kind = MLPRegressor if columns.regression else MLPClassifier
    for most, settings in SETTINGS:
        if rows <= most:
            yield kind(random_state=seed, **settings)


def candidates(tool: str, columns: Columns, rows: int, seed: int) -> Iterator[Any]:
    """Yield the estimators to choose from."""
    if tool == NETWORK:
        yield from networks(columns, rows, seed)
    elif tool == LINEAR:
        grid = np.logspace(-3, 3, 7)
        yield RidgeCV(grid) if columns.regression else LogisticRegression(max_iter=500)
    else:
        kind = (
            HistGradientBoostingRegressor if columns.regression else HistGradientBoostingClassifier
        )
        yield kind(random_state=seed, early_stopping=True)


def pipeline(columns: Columns, estimator: Any) -> Any:
    """Return the whole: inputs, the estimator, and a scaled target for a network."""
    whole = make_pipeline(columns.transformer(), estimator)
    if isinstance(estimator, MLPRegressor):
        return TransformedTargetRegressor(whole, transformer=StandardScaler())
    return whole


def losses_of(model: Any, columns: Columns, X: pd.DataFrame, y: pd.Series) -> float:
    """Return the mean loss by which a setting is chosen."""
    if columns.regression:
        return float(np.mean((model.predict(X) - y) ** 2))
    p = model.predict_proba(X)
    chosen = p[np.arange(len(p)), np.searchsorted(model.classes_, y)]
    return float(-np.log(np.clip(chosen, 1e-7, 1)).mean())


def fit_and_predict(
    tool: str, table: Table, known: pd.DataFrame, chooses: np.ndarray, new: pd.DataFrame, seed: int
) -> Predicted:
    """Choose a setting on some of the known rows, fit it to all of them, predict the new rows.

    chooses  which of the known rows are for the choice
    """
    began = time.process_time()
    columns = Columns(table, known)
    y = known[table.target] if columns.regression else known[table.target].astype(str)
    X, new = columns.texts(known), columns.texts(new)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        estimators = list(candidates(tool, columns, len(X), seed))
        best = 0
        if len(estimators) > 1:
            found = []
            for estimator in estimators:
                model = pipeline(columns, estimator).fit(X[~chooses], y[~chooses])
                found.append(losses_of(model, columns, X[chooses], y[chooses]))
            best = int(np.argmin(found))
        fresh = list(candidates(tool, columns, len(X), seed))[best]
        model = pipeline(columns, fresh).fit(X, y)
        if columns.regression:
            values, classes = model.predict(new), ()
        else:
            values, classes = model.predict_proba(new), tuple(model.classes_)
    return Predicted(np.asarray(values, float), classes, time.process_time() - began)
