"""One peer on splits of tables: fit, predict the test rows, print one line of JSON for each.

python quality_peer.py FOLDER TOOL < LINES, each line: TABLE SPLIT MOST_CPU_SECONDS

Each line is a process of its own, forked when all is imported: on small tables that takes several
times as long as the rest, and a campaign is hundreds of runs. What each tool gets is in
docs/quality.md. No tool sees a test row before its settings and weights are final.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import root_mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

EPSILON = float(np.finfo(np.float32).eps)
Fitted = Callable[[pd.DataFrame], np.ndarray]  # test rows -> predictions, or probabilities


class Rows:
    """The rows of one split.

    known  train and validation rows, in the file's order; `is_validation` says which are which
    """

    def __init__(self, folder: Path, table: str, split: int) -> None:
        self.about = json.loads((folder / f"{table}.json").read_text("utf-8"))
        self.seed = split
        self.categorical = self.about["categorical"]
        self.is_regression = self.about["task"] == "regression"
        frame = pd.read_csv(
            folder / f"{table}.split{split}.csv",
            keep_default_na=False,
            na_values=[""],
            dtype=dict.fromkeys(self.categorical, str),
        )
        part, target = frame.pop("split"), self.about["target"]
        y = frame.pop(target)
        y = y.astype(float) if self.is_regression else y.astype(str)
        # LightGBM refuses some characters of names; the order is all that counts.
        names = {name: f"x{k}" for k, name in enumerate(frame)}
        self.categorical = [names[name] for name in self.categorical]
        frame = frame.rename(columns=names)
        self.numeric = [name for name in frame if name not in self.categorical]
        frame[self.numeric] = frame[self.numeric].astype(float)
        is_test = part == "test"
        self.known, self.y_known = frame[~is_test], y[~is_test]
        self.is_validation = (part[~is_test] == "validation").to_numpy()
        self.test, self.y_test = frame[is_test], y[is_test].to_numpy()
        self.classes = sorted(set(self.y_known)) if not self.is_regression else []

    def loss(self, predicted: np.ndarray) -> float:
        """RMSE in the target's unit; mean log loss, clipped as scikit-learn's of float32 is.

        mlp's probabilities are float32: with ε of the type of each tool's own, those of float64
        would pay more for a row of which they are wrongly sure.
        """
        predicted = np.asarray(predicted, dtype=np.float64)
        if self.is_regression:
            return float(root_mean_squared_error(self.y_test, predicted.ravel()))
        predicted /= predicted.sum(axis=1, keepdims=True)
        chosen = predicted[np.arange(len(predicted)), np.searchsorted(self.classes, self.y_test)]
        return float(-np.log(np.clip(chosen, EPSILON, 1 - EPSILON)).mean())


def constant(rows: Rows) -> Fitted:
    """The mean, or the share of each class, of the train and validation rows."""
    if rows.is_regression:
        return lambda test: np.full(len(test), rows.y_known.mean())
    shares = rows.y_known.value_counts(normalize=True)[rows.classes].to_numpy()
    return lambda test: np.tile(shares, (len(test), 1))


def scikit_learn(rows: Rows) -> Fitted:
    """Defaults, in the pipeline of a careful user; train and validation rows."""
    return _scikit_learn(rows, np.ones(len(rows.known), bool))


def scikit_learn_train(rows: Rows) -> Fitted:
    """The same, on the train rows alone: as many as mlp's steps see."""
    return _scikit_learn(rows, ~rows.is_validation)


def _scikit_learn(rows: Rows, chosen: np.ndarray) -> Fitted:
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    categories = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore"),
    )
    columns = make_column_transformer((numeric, rows.numeric), (categories, rows.categorical))
    network = MLPRegressor if rows.is_regression else MLPClassifier
    model: Any = make_pipeline(columns, network(random_state=rows.seed))
    if rows.is_regression:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    model.fit(rows.known[chosen], rows.y_known[chosen])
    return model.predict if rows.is_regression else model.predict_proba


def _as_categories(frame: pd.DataFrame, rows: Rows, known: pd.DataFrame) -> pd.DataFrame:
    """Return frame with pandas' categories: those of known, others missing."""
    frame = frame.copy()
    for name in rows.categorical:
        values = sorted(known[name].dropna().unique())
        frame[name] = pd.Categorical(frame[name], categories=values)
    return frame


def lightgbm(rows: Rows, *, stopped: bool = False) -> Fitted:
    """Defaults: 100 trees, train and validation rows; categories by LightGBM itself.

    stopped  up to 2000 trees of the train rows alone, the best by the validation rows' loss
    """
    import lightgbm as lgb

    kind = lgb.LGBMRegressor if rows.is_regression else lgb.LGBMClassifier
    trees = {"n_estimators": 2000} if stopped else {}
    model = kind(random_state=rows.seed, n_jobs=1, verbose=-1, **trees)
    fitted = rows.known[~rows.is_validation] if stopped else rows.known
    known = _as_categories(rows.known, rows, fitted)
    if stopped:
        train, held = ~rows.is_validation, rows.is_validation
        model.fit(
            known[train],
            rows.y_known[train],
            eval_set=[(known[held], rows.y_known[held])],
            callbacks=[lgb.early_stopping(50, verbose=False)],
        )
    else:
        model.fit(known, rows.y_known)
    predict = model.predict if rows.is_regression else model.predict_proba
    return lambda test: predict(_as_categories(test, rows, fitted))


def lightgbm_stopped(rows: Rows) -> Fitted:
    """LightGBM with early stopping."""
    return lightgbm(rows, stopped=True)


def _pytabkit(rows: Rows, regressor: Any, classifier: Any, **for_classes: Any) -> Fitted:
    """One of pytabkit's networks; for classes the best epoch by the validation rows' log loss.

    Denormal numbers are taken for 0: where classes are easy, RealMLP's steps else take two to four
    times as long on a CPU, for the same losses.
    """
    import torch

    torch.set_flush_denormal(True)
    median = rows.known[rows.numeric][~rows.is_validation].median()

    def filled(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.copy()
        frame[rows.numeric] = frame[rows.numeric].fillna(median)  # its networks refuse NaN
        frame[rows.categorical] = frame[rows.categorical].fillna("missing").astype("category")
        return frame

    extra = {} if rows.is_regression else {"val_metric_name": "cross_entropy", **for_classes}
    kind = regressor if rows.is_regression else classifier
    model = kind(device="cpu", random_state=rows.seed, n_threads=1, **extra)
    model.fit(
        filled(rows.known),
        rows.y_known,
        val_idxs=np.flatnonzero(rows.is_validation),
        cat_col_names=rows.categorical,
    )
    predict = model.predict if rows.is_regression else model.predict_proba
    return lambda test: predict(filled(test))


def realmlp_td_s(rows: Rows) -> Fitted:
    """RealMLP-TD-S; for classes as its documentation says where cross-entropy counts."""
    from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

    return _pytabkit(rows, RealMLP_TD_S_Regressor, RealMLP_TD_S_Classifier, use_ls=False)


def tabm(rows: Rows) -> Fitted:
    """TabM_D: 32 members."""
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    return _pytabkit(rows, TabM_D_Regressor, TabM_D_Classifier)


TOOLS: dict[str, tuple[Callable[[Rows], Fitted], str]] = {
    "constant": (constant, "scikit-learn"),
    "scikit-learn": (scikit_learn, "scikit-learn"),
    "scikit-learn-train": (scikit_learn_train, "scikit-learn"),
    "lightgbm": (lightgbm, "lightgbm"),
    "lightgbm-stopped": (lightgbm_stopped, "lightgbm"),
    "realmlp-td-s": (realmlp_td_s, "pytabkit"),
    "tabm-d": (tabm, "pytabkit"),
}


def measure(folder: Path, tool: str, table: str, split: int) -> dict[str, Any]:
    """Fit, predict the test rows, and return the loss."""
    fit, package = TOOLS[tool]
    rows = Rows(folder, table, split)
    began = time.process_time()
    loss = rows.loss(fit(rows)(rows.test))
    took = round(time.process_time() - began, 3)
    name = f"{package} {version(package)}"
    return {"loss": loss, "fit_cpu_seconds": took, "version": name, "test_rows": len(rows.test)}


def in_child(most_cpu_seconds: int, *job: Any) -> dict[str, Any]:
    """Measure in a process of its own; status is `done`, `stopped` (too long) or `failed`."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as file:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                resource.setrlimit(resource.RLIMIT_CPU, (most_cpu_seconds, most_cpu_seconds + 5))
                json.dump(measure(*job), file)
                status = 0
            except BaseException:  # noqa: BLE001  told by the parent
                file.write(traceback.format_exc()[-500:])
            finally:
                file.flush()
                os._exit(status)
        _, status, usage = os.wait4(child, 0)
        file.seek(0)
        said = file.read()
    cpu = usage.ru_utime + usage.ru_stime
    found: dict[str, Any] = {"status": "done", "cpu_seconds": cpu}
    found |= {"seconds": time.perf_counter() - began, "memory_mb": round(usage.ru_maxrss / 1024)}
    if os.WIFSIGNALED(status) and cpu >= most_cpu_seconds - 1:
        return found | {"status": "stopped"}
    if status:
        return found | {"status": "failed", "why": said}
    return found | json.loads(said)


def main() -> None:
    """Do what each line asks; what was imported counts with every run, as if it were alone."""
    warnings.simplefilter("ignore")  # of convergence, and of what the peers call in each other
    folder, tool = Path(sys.argv[1]), sys.argv[2]
    package = TOOLS[tool][1]
    __import__({"scikit-learn": "sklearn"}.get(package, package))
    imports = time.process_time()
    for line in sys.stdin:
        table, split, most_cpu_seconds = line.split()
        found = in_child(int(most_cpu_seconds), folder, tool, table, int(split))
        found["cpu_seconds"] = round(found["cpu_seconds"] + imports, 3)
        found["seconds"] = round(found["seconds"] + imports, 3)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
