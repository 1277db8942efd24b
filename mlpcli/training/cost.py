"""What a training will take: parameters, memory, arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from mlpcli.data.dataset import Dataset
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.network import Architecture
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.batches import block_rows


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
    """What a training takes, in bytes.

    shared   by all networks: the data
    network  of each network: parameters, gradient, optimizer, one batch's arrays
    of_rows  of each network beside that: the order of its rows, losses and outputs of an
             epoch, predictions for its metrics, and the rows gathered
    """

    shared: int
    network: int
    of_rows: int

    @property
    def of_one(self) -> int:
        """Of one network, trained alone."""
        return self.shared + self.of_each

    @property
    def of_each(self) -> int:
        """Of each network, the data aside."""
        return self.network + self.of_rows


@dataclass(frozen=True)
class Cost:
    """A whole training.

    memory_bytes             data, parameters, gradient, optimizer, and one batch's arrays
    multiply_adds_per_epoch  forward, and twice as many backward, less the first layer's delta
    """

    layers: list[LayerCost]
    memory_bytes: int
    steps_per_epoch: int
    multiply_adds_per_epoch: int


def cost_of(
    spec: Spec, architecture: Architecture, dataset: Dataset, n_rows: int | None = None
) -> Cost:
    """Return what training this network on this data will take.

    n_rows  of an epoch, where augmentation adds some to the training rows
    """
    layout = architecture.layout
    n_train = n_rows or len(dataset.parts["train"])
    batch = min(spec.training.batch_size, n_train)
    steps, rest = divmod(n_train, batch)
    steps += rest >= architecture.least_rows if rest else 0  # a shorter rest joins the last batch
    first = architecture.n_inputs * layout.weights[0].shape[1]
    return Cost(
        _layers(architecture),
        memory_of(spec, architecture, dataset, batch).of_one,
        steps,
        n_train * (3 * architecture.multiply_adds - first),
    )


def _layers(architecture: Architecture) -> list[LayerCost]:
    layout = architecture.layout
    activations = [layer.activation for layer in architecture.hidden]
    activations.append(architecture.output_activation)
    norms = [*(layer.norm.name if layer.norm else None for layer in architecture.hidden), None]
    keep = [*(layer.keep_prob for layer in architecture.hidden), 1.0]
    return [
        LayerCost(
            name=weight.name.removesuffix(".weight"),
            fan_in=weight.shape[0],
            fan_out=weight.shape[1],
            activation=activation.name,
            norm=norm,
            initializer=initializer.name,
            keep_prob=keep_prob,
            parameters=sum(
                t.stop - t.start
                for t in layout.parameters
                if t.name.startswith(weight.name.removesuffix("weight"))
            ),
        )
        for weight, activation, initializer, keep_prob, norm in zip(
            layout.weights, activations, architecture.initializers, keep, norms, strict=True
        )
    ]


def memory_of(spec: Spec, architecture: Architecture, dataset: Dataset, batch: int) -> Memory:
    """Return what training takes at most, in bytes; an estimate."""
    layout = architecture.layout
    item = 4 if spec.runtime.dtype == "float32" else 8
    carried = build(OPTIMIZERS, spec.training.optimizer).n_vectors
    vectors = 2 + carried
    vectors += (spec.regularization.l2 > 0) + (spec.regularization.l1 > 0)
    vectors += "validation" in dataset.parts  # the best weights
    vectors += 2 * (spec.training.weight_averaging is not None)
    noise = spec.regularization.noise
    disturbed = (noise.weights, noise.weights_multiplicative, noise.gradients)
    vectors += 2 * sum(sigma > 0 for sigma in disturbed)
    per_row: float = sum(2 * w.shape[1] + w.shape[0] for w in layout.weights)
    per_row -= sum(layer.units for layer in architecture.hidden if layer.activation.in_place)
    per_row += sum(2.5 * layer.units for layer in architecture.hidden if layer.keep_prob < 1)
    per_row += sum(3 * layer.units for layer in architecture.hidden if layer.norm)
    per_row += sum(layer.units for layer in architecture.hidden)  # activations' scratch
    # While the model is written there are its bytes, and the tensors side by side.
    training = item * ((vectors + 2) * layout.n_params + batch * per_row)
    # Before that, the beginning is drawn in float64: all of it, and its largest matrix once more.
    beginning = (8 + item) * layout.n_params + 8 * max(t.stop - t.start for t in layout.weights)
    rows = len(dataset.parts["train"])
    inputs, target = architecture.n_inputs * item, architecture.n_outputs * item
    # Of a block: its rows, and what the loss has of them, u and two arrays like it.
    gathered = block_rows(rows, batch, max(inputs, target))
    gathered *= inputs + target + 3 * item * architecture.n_outputs
    evaluated = max(len(part) for part in dataset.parts.values()) * per_row * item
    of_rows: float = _of_rows(architecture, dataset, item) + gathered
    if spec.regularization.augmentation:  # which may mix targets: they are kept as trained on
        of_rows += rows * target
    of_rows += min(evaluated, 2 * Evaluation.BLOCK_BYTES)
    shared = _of_data(architecture, dataset, item) + (2 << 20)
    return Memory(int(shared), int(max(training, beginning)), int(of_rows))


def _of_data(architecture: Architecture, dataset: Dataset, item: int) -> int:
    """Return the bytes of the parts, and of their targets as the loss takes them."""
    arrays = [
        array
        for part in dataset.parts.values()
        for array in (part.X, part.y, part.labels, part.rows, part.weight)
        if array is not None
    ]
    each = {id(array): array.nbytes for array in arrays}  # labels may be y itself
    rows = sum(len(part) for part in dataset.parts.values())
    return sum(each.values()) + rows * _of_target(architecture, dataset, item)


def _of_target(architecture: Architecture, dataset: Dataset, item: int) -> int:
    """Return the bytes of a row's stored target: a class number, or one float an output."""
    return 8 if dataset.encoding.task == "multiclass" else item * architecture.n_outputs


def _of_rows(architecture: Architecture, dataset: Dataset, item: int) -> int:
    """Return the bytes that a network takes for each row of the data.

    Of training rows: index in the order (8), loss, output; of all that are evaluated ŷ in
    float64, and while metrics are computed label, error, and twice what is predicted.
    """
    train, n_outputs = len(dataset.parts["train"]), architecture.n_outputs
    validation = len(dataset.parts.get("validation", ()))
    kept = 8 + item + item * n_outputs
    # The class, or each number.
    predicted = 1 if dataset.encoding.task == "multiclass" else n_outputs
    metrics = max(train, validation) * (8 + 8 + 2 * 8 * predicted)
    return train * kept + (train + validation) * 8 * n_outputs + metrics
