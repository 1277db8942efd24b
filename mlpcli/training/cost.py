"""The cost of a training: parameters, memory, arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from mlpcli.data.dataset import Dataset
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.network import Architecture, Layer
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.batches import batch_starts, block_rows
from mlpcli.training.build import batch_size_of
from mlpcli.training.shards import shards_of, threads_of
from mlpcli.training.speed_up import expected_speed_up


@dataclass(frozen=True)
class LayerCost:
    """One layer of the network."""

    name: str
    fan_in: int
    fan_out: int
    activation: str
    norm: str | None
    initializer: str
    keep_prob: float
    parameters: int


@dataclass(frozen=True)
class Memory:
    """Memory of a training, in bytes.

    shared       by all networks: the data
    per_network  parameters, gradient, optimizer, one batch's arrays, and arrays with an entry a
                 row: order, losses and outputs of an epoch, predictions, the rows gathered
    """

    shared: int
    per_network: int


@dataclass(frozen=True)
class Cost:
    """A whole training.

    batch_rows               of a step
    shards                   S, the pieces that it is cut into
    threads                  that take them
    speed_up                 to expect of them: rows a second, over those of one and an uncut step
    memory_bytes             data, parameters, gradient, optimizer, and one batch's arrays
    multiply_adds_per_epoch  forward, and twice as many backward, less the first layer's delta
    """

    layers: list[LayerCost]
    memory_bytes: int
    batch_rows: int
    shards: int
    threads: int
    speed_up: float
    steps_per_epoch: int
    multiply_adds_per_epoch: int


def cost_of(
    spec: Spec, architecture: Architecture, dataset: Dataset, n_rows: int | None = None
) -> Cost:
    """Return the cost of training this network on this data.

    n_rows  of an epoch, where augmentation adds some to the training rows
    """
    layout = architecture.layout
    n_train = n_rows or len(dataset.parts["train"])
    batch = min(batch_size_of(spec, len(dataset.parts["train"])), n_train)
    memory = memory_of(spec, architecture, dataset, batch)
    shards = min(shards_of(spec, architecture, len(dataset.parts["train"])), batch)
    threads = min(shards, threads_of(spec))
    below = architecture.embedding
    first = architecture.fan_in * layout.weights[0].shape[-1]
    # Where an embedding learns, or members scale their inputs, the first layer returns a delta.
    if architecture.members is not None or (below and below.parameters):
        first = 0
    return Cost(
        layers_of(architecture),
        memory.shared + memory.per_network,
        batch,
        shards,
        threads,
        expected_speed_up(architecture, batch, shards, threads),
        len(batch_starts(n_train, batch, architecture.least_rows)),
        n_train * (3 * architecture.multiply_adds - first),
    )


def layers_of(architecture: Architecture) -> list[LayerCost]:
    """Return the layers of a network, an embedding before the first."""
    layout = architecture.layout
    output = Layer(architecture.n_outputs, architecture.output_activation)
    return _embedding(architecture) + [
        LayerCost(
            name=weight.name.removesuffix(".weight"),
            fan_in=weight.shape[-2],
            fan_out=weight.shape[-1],
            activation=layer.activation.name,
            norm=layer.norm.name if layer.norm else None,
            initializer=initializer.name,
            keep_prob=layer.keep_prob,
            parameters=sum(
                t.stop - t.start
                for t in layout.parameters
                if t.name.startswith(weight.name.removesuffix("weight"))
            ),
        )
        for weight, layer, initializer in zip(
            layout.weights, (*architecture.hidden, output), architecture.initializers, strict=True
        )
    ]


def _embedding(architecture: Architecture) -> list[LayerCost]:
    """Return the embedding as a layer, if there is one."""
    columns = architecture.embedding
    if columns is None:
        return []
    parameters = [t for t in architecture.layout.parameters if t.name.startswith("embedding.")]
    return [
        LayerCost(
            name="embedding",
            fan_in=architecture.n_inputs,
            fan_out=columns.units,
            activation=columns.member.name,
            norm=None,
            initializer="",
            keep_prob=1.0,
            parameters=sum(t.stop - t.start for t in parameters),
        )
    ]


def memory_of(spec: Spec, architecture: Architecture, dataset: Dataset, batch: int) -> Memory:
    """Return an upper estimate of the memory that training needs."""
    layout = architecture.layout
    item = 4 if spec.runtime.dtype == "float32" else 8
    carried = build(OPTIMIZERS, spec.training.optimizer).n_vectors
    vectors = 2 + carried
    vectors += (spec.regularization.l2 > 0) + (spec.regularization.l1 > 0)
    vectors += "validation" in dataset.parts  # the best weights
    vectors += 2 * (spec.training.weight_averaging is not None)
    noise = spec.regularization.noise
    sigmas = (noise.weights, noise.weights_multiplicative, noise.gradients)
    vectors += 2 * sum(sigma > 0 for sigma in sigmas)
    per_row: float = sum(2 * w.shape[-1] + w.shape[-2] for w in layout.weights)
    per_row -= sum(layer.units for layer in architecture.hidden if layer.activation.in_place)
    shards = shards_of(spec, architecture, len(dataset.parts["train"]))
    if shards > 1:
        per_row += _numbers_of_shards(architecture)
    per_row += architecture.embedded_numbers
    per_row += sum(2.5 * layer.units for layer in architecture.hidden if layer.keep_prob < 1)
    per_row += sum(3 * layer.units for layer in architecture.hidden if layer.norm)
    per_row += sum(layer.units for layer in architecture.hidden)  # activations' scratch
    if architecture.members is not None:  # each with arrays of its own, two more of a scaling
        scaled = [t.shape[-1] for t in layout.extra if t.name.endswith("_scale")]
        per_row = architecture.members.k * (per_row + 2 * sum(scaled))
    # While the model is written there are its bytes, and the tensors side by side.
    training = item * ((vectors + 2) * layout.n_params + batch * per_row)
    # Before that, initial parameters are drawn in float64, the largest matrix once more.
    initial = (8 + item) * layout.n_params + 8 * max(t.stop - t.start for t in layout.weights)
    rows = len(dataset.parts["train"])
    inputs, target = architecture.n_inputs * item, architecture.n_outputs * item
    # A block's rows, u of the output layer, and two arrays like it for the loss.
    gathered = block_rows(rows, batch, max(inputs, target), shards=shards)
    k = prod(architecture.member_shape)
    gathered *= inputs + target + 3 * k * item * architecture.n_outputs
    evaluated = max(len(part) for part in dataset.parts.values()) * per_row * item
    by_row: float = _bytes_by_row(architecture, dataset, item) + gathered
    if spec.regularization.augmentation:  # may mix targets: they are kept as trained on
        by_row += rows * target
    by_row += min(evaluated, 2 * Evaluation.BLOCK_BYTES)
    shared = _data_bytes(architecture, dataset, item) + (2 << 20)
    return Memory(shared, int(max(training, initial)) + int(by_row))


def _numbers_of_shards(architecture: Architecture) -> int:
    """Return the numbers a row of h and δ that all shards leave to the products hᵀ δ.

    Where the first layer sees the data as they are, its h is the batch itself.
    """
    kept = sum(w.shape[-1] + w.shape[-2] for w in architecture.layout.weights)
    changed = architecture.embedding is not None or architecture.members is not None
    if not changed and np.all(np.asarray(architecture.input_keep_prob) == 1):
        kept -= architecture.fan_in
    return kept


def _data_bytes(architecture: Architecture, dataset: Dataset, item: int) -> int:
    """Return the bytes of the parts, and of their targets as the loss takes them."""
    arrays = [
        array
        for part in dataset.parts.values()
        for array in (part.X, part.y, part.labels, part.rows, part.weight)
        if array is not None
    ]
    each = {id(array): array.nbytes for array in arrays}  # labels may be y itself
    rows = sum(len(part) for part in dataset.parts.values())
    # A class number, or one float an output.
    target = 8 if dataset.encoding.task == "multiclass" else item * architecture.n_outputs
    return sum(each.values()) + rows * target


def _bytes_by_row(architecture: Architecture, dataset: Dataset, item: int) -> int:
    """Return the bytes of a network's arrays with an entry for each row of the data.

    Training rows: index in the order (8), loss, output; evaluated rows: ŷ in float64, and while
    metrics are computed label, error, and two arrays of predictions.
    """
    train, n_outputs = len(dataset.parts["train"]), architecture.n_outputs
    validation = len(dataset.parts.get("validation", ()))
    kept = 8 + item + item * n_outputs
    predicted = 1 if dataset.encoding.task == "multiclass" else n_outputs
    metrics = max(train, validation) * (8 + 8 + 2 * 8 * predicted)
    return train * kept + (train + validation) * 8 * n_outputs + metrics
