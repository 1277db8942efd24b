"""scikit-learn's MLPClassifier and MLPRegressor. No dropout; it shuffles the rows itself."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from engines.task import Task

warnings.simplefilter("ignore", ConvergenceWarning)


def lapping(net: Any, task: Task) -> Any:
    """Have the time noted where an epoch ends: the one thing that is called there."""
    inner = net._update_no_improvement_count  # noqa: SLF001

    def noted(*arguments: Any) -> None:
        inner(*arguments)
        task.lap()

    net._update_no_improvement_count = noted  # noqa: SLF001
    return net


def net_of(task: Task) -> Any:
    """Return the network with the task's weights: a warm start keeps them."""
    recipe = task.recipe
    kind = MLPRegressor if task.is_regression else MLPClassifier
    net = kind(
        hidden_layer_sizes=tuple(len(b) for _, b in task.layers[:-1]),
        activation=task.activation,
        solver=recipe["optimizer"],
        alpha=recipe["l2"],
        batch_size=recipe["batch"],
        learning_rate_init=recipe["learning_rate"],
        momentum=recipe["momentum"],
        nesterovs_momentum=False,
        max_iter=task.epochs,
        tol=0.0,
        n_iter_no_change=10**6,
        random_state=recipe["seed"],
    )
    few = slice(recipe["batch"])
    if task.is_regression:
        net.partial_fit(task.X[few], task.y[few, 0])
    else:
        net.partial_fit(task.X[few], task.y[few], classes=np.unique(task.y))
    net.warm_start = True  # from now on: a warm start refuses few rows that lack a class
    net.coefs_ = [W.copy() for W, _ in task.layers]
    net.intercepts_ = [b.copy() for _, b in task.layers]
    return net


def train(task: Task) -> list[Any]:
    """Fit."""
    net = lapping(net_of(task), task)
    y = task.y[:, 0] if task.is_regression else task.y
    task.lap()
    net.fit(task.X, y)
    return list(zip(net.coefs_, net.intercepts_, strict=True))


def evaluate(task: Task) -> Any:
    """Predict all rows."""
    net = net_of(task)
    task.lap()
    for _ in range(task.epochs):
        out = net.predict(task.X) if task.is_regression else net.predict_proba(task.X)
        task.lap()
    return out
