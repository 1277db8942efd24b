"""mlp's own engine; and the data, initial parameters and row orders that all engines are given."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.task import Task
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network, initialize, initialize_stack
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.update import Regularization
from mlpcli.randomness import generator
from mlpcli.training.shards import auto_shards
from mlpcli.training.trainer import Trainer
from mlpcli.workers import Workers


def architecture_of(
    widths: list[int], activation: str, keep_prob: float, *, is_regression: bool
) -> Architecture:
    """Return the network."""
    he, glorot = INITIALIZERS["he_uniform"](), INITIALIZERS["glorot_uniform"]()
    inner = he if activation == "relu" else glorot  # what the stored figures were measured with
    hidden = tuple(Layer(n, ACTIVATIONS[activation](), keep_prob, inner) for n in widths[1:-1])
    loss = LOSSES["mse" if is_regression else "cross_entropy"]()
    return Architecture(widths[0], hidden, widths[-1], loss, output_initializer=glorot)


def initial(architecture: Architecture, seed: int, lanes: int) -> Network:
    """Return the network with its initial parameters; with lanes, a stack of as many."""
    if not lanes:
        return initialize(architecture, seed)
    return initialize_stack(architecture, range(seed, seed + lanes))


def prepare(
    path: str, widths: list[int], rows: int, epochs: int, seed: int, lanes: int = 0
) -> None:
    """Write the data, the initial parameters and the order of the rows in every epoch.

    The targets are those of a linear map of the inputs, with noise: something can be learned, and
    not everything. Lanes share the data; each has parameters and orders of its own.
    """
    rng = np.random.default_rng(seed)
    is_regression = widths[-1] == 1
    X = rng.standard_normal((rows, widths[0]), np.float32)
    score = X @ rng.standard_normal((widths[0], widths[-1]), np.float32) / widths[0] ** 0.5
    score += 0.3 * rng.standard_normal(score.shape, np.float32)
    architecture = architecture_of(widths, "relu", 1.0, is_regression=is_regression)
    network = initial(architecture, seed, lanes)
    seeds = range(seed, seed + max(1, lanes))
    orders = np.array(
        [
            [generator(each, "shuffle", epoch).permutation(rows) for each in seeds]
            for epoch in range(1, epochs + 1)
        ],
        np.int64,
    )
    arrays = {}
    for k, (W, b) in enumerate(layers_of(network)):
        arrays[f"W{k}"], arrays[f"b{k}"] = W, b
    y = score if is_regression else score.argmax(axis=1)
    np.savez(path, X=X, y=y, orders=orders if lanes else orders[:, 0], **arrays)


def layers_of(network: Network) -> list[Any]:
    """Return the weights and biases."""
    layout = network.architecture.layout
    pairs = zip(layout.weights, layout.biases, strict=True)
    return [(W.view(network.theta), b.view(network.theta)) for W, b in pairs]


def network_of(task: Task) -> Network:
    """Return the network with the task's weights."""
    widths = [task.layers[0][0].shape[-2], *(b.shape[-1] for _, b in task.layers)]
    keep_prob = task.recipe["keep_prob"]
    architecture = architecture_of(
        widths, task.activation, keep_prob, is_regression=task.is_regression
    )
    network = initial(architecture, task.recipe["seed"], task.lanes)
    for (W, b), (W0, b0) in zip(layers_of(network), task.layers, strict=True):
        W[...], b[...] = W0, b0
    return network


def trainer_of(task: Task, network: Network) -> Trainer:
    """Return its trainer, which shuffles the rows as in `prepare`, by the same seeds."""
    recipe, threads = task.recipe, task.recipe.get("threads", 1)
    momentum = {"momentum": recipe["momentum"]} if recipe["optimizer"] == "sgd" else {}
    return Trainer(
        network,
        OPTIMIZERS[recipe["optimizer"]](learning_rate=recipe["learning_rate"], **momentum),
        task.X,
        task.y,
        batch_size=recipe["batch"],
        seeds=range(recipe["seed"], recipe["seed"] + max(1, task.lanes)),
        regularization=Regularization(l2=recipe["l2"]),
        shards=auto_shards(network.architecture, recipe["batch"], threads),
        workers=Workers(threads),
    )


def train(task: Task) -> list[Any]:
    """Run the trainer's epochs."""
    network = network_of(task)
    trainer = trainer_of(task, network)
    task.lap()
    for epoch in range(1, task.epochs + 1):
        for _rows in trainer.epoch(epoch, task.recipe["learning_rate"]):
            pass
        task.lap()
    return layers_of(network)


def evaluate(task: Task) -> Any:
    """Predict every row."""
    evaluation = Evaluation(network_of(task))
    out = np.empty((len(task.X), len(task.layers[-1][1])), np.float32)
    task.lap()
    for _ in range(task.epochs):
        evaluation.predict(task.X, out)
        task.lap()
    return out
