"""What somebody would write with PyTorch or JAX in the place of `mlp train`: one whole script.

Usage: python peer_script.py ENGINE DATA TARGET LAYERS ACTIVATION BATCH EPOCHS SCALER OUT

Reads a CSV of numbers with a class in one column, splits it 70 : 15 : 15, scales it, trains,
scores the three parts once and saves the weights. ENGINE is pytorch, jax_scan, or scikit_learn,
which is a script of its own.
"""

from __future__ import annotations

import importlib
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any


def with_scikit_learn(*words: str) -> None:
    """Do all of it with scikit-learn."""
    import pickle
    import warnings

    import pandas as pd
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    warnings.simplefilter("ignore", ConvergenceWarning)
    path, target, layers, activation, batch, epochs, scaler, out = words
    table = pd.read_csv(path)
    X, y = table.drop(columns=target), table[target]
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
    X_val, X_test, y_val, y_test = train_test_split(X_test, y_test, test_size=0.5, random_state=0)
    scale = {"standard": StandardScaler, "minmax": MinMaxScaler}[scaler]().fit(X)
    X, X_val, X_test = (scale.transform(part).astype("float32") for part in (X, X_val, X_test))
    net = MLPClassifier(
        tuple(map(int, layers.split(","))),
        activation=activation,
        solver="sgd",
        batch_size=int(batch),
        learning_rate_init=0.1,
        momentum=0.9,
        nesterovs_momentum=False,
        max_iter=int(epochs),
        tol=0.0,
        n_iter_no_change=10**6,
        random_state=0,
    ).fit(X, y)
    with Path(out).open("wb") as file:
        pickle.dump((scale, net), file)
    print(net.score(X, y), net.score(X_val, y_val), net.score(X_test, y_test))


def with_engine(engine: str, *words: str) -> None:
    """Do it with an engine of this folder, and pandas and NumPy for the rest."""
    import numpy as np
    import pandas as pd

    module = importlib.import_module(f"engines.{engine}")
    from engines.task import Task

    path, target, layers, activation, batch, epochs, scaler, out = words
    table = pd.read_csv(path)
    y, classes = pd.factorize(table.pop(target), sort=True)
    X, rng = table.to_numpy(np.float32), np.random.default_rng(0)
    n = len(X)
    order = rng.permutation(n)
    train, validation, test = np.split(order, [round(0.7 * n), round(0.85 * n)])
    shift, width = X[train].mean(axis=0), X[train].std(axis=0)
    if scaler == "minmax":
        shift, width = X[train].min(axis=0), np.ptp(X[train], axis=0)
    X = (X - shift) / np.where(width == 0, 1, width)

    widths = [X.shape[1], *map(int, layers.split(",")), len(classes)]
    initial = []
    for fan_in, fan_out in pairwise(widths):
        bound = (6 / (fan_in + fan_out)) ** 0.5
        W = rng.uniform(-bound, bound, (fan_in, fan_out)).astype(np.float32)
        initial.append((W, np.zeros(fan_out, np.float32)))
    recipe = {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "keep_prob": 1.0}
    recipe |= {"l2": 0.0, "batch": int(batch), "epochs": int(epochs), "seed": 0}
    orders = np.array([rng.permutation(len(train)) for _ in range(int(epochs))])
    recipe["activation"] = activation
    task = Task(X[train], y[train], orders, initial, recipe)
    trained = module.train(task)

    np.savez(out, *(array for layer in trained for array in layer))
    print(*(accuracy(trained, X[part], y[part], activation) for part in (train, validation, test)))


def accuracy(layers: list[Any], X: Any, y: Any, activation: str) -> float:
    """Return the share of rows whose class has the largest output."""
    import numpy as np

    h = X
    for k, (W, b) in enumerate(layers):
        h = h @ W + b
        if k < len(layers) - 1:
            h = np.tanh(h) if activation == "tanh" else np.maximum(h, 0)
    return float((h.argmax(axis=1) == y).mean())


if __name__ == "__main__":
    if sys.argv[1] == "scikit_learn":
        with_scikit_learn(*sys.argv[2:])
    else:
        with_engine(*sys.argv[1:])
