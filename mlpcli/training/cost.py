"""What a training will take: parameters, memory, arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from mlpcli.data.dataset import Dataset
from mlpcli.nn.network import Architecture
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec


@dataclass(frozen=True)
class LayerCost:
    """One layer of the network."""

    name: str
    fan_in: int
    fan_out: int
    activation: str
    initializer: str
    keep_prob: float
    parameters: int


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


def cost_of(spec: Spec, architecture: Architecture, dataset: Dataset, n_rows: int) -> Cost:
    """Return what training this network on this data will take.

    n_rows  of an epoch: the training rows, and those that an augmentation adds
    """
    layout = architecture.layout
    activations = [layer.activation for layer in architecture.hidden]
    activations.append(architecture.output_activation)
    keep = [*(layer.keep_prob for layer in architecture.hidden), 1.0]
    layers = [
        LayerCost(
            name=weight.name.removesuffix(".weight"),
            fan_in=weight.shape[0],
            fan_out=weight.shape[1],
            activation=activation.name,
            initializer=initializer.name,
            keep_prob=keep_prob,
            parameters=sum(
                t.stop - t.start
                for t in layout.parameters
                if t.name.startswith(weight.name.removesuffix("weight"))
            ),
        )
        for weight, activation, initializer, keep_prob in zip(
            layout.weights, activations, architecture.initializers, keep, strict=True
        )
    ]
    batch = min(spec.training.batch_size, n_rows)
    item = 4 if spec.runtime.dtype == "float32" else 8
    vectors = 2 + build(OPTIMIZERS, spec.training.optimizer).n_vectors
    vectors += spec.regularization.l2 > 0
    vectors += "validation" in dataset.parts  # the best weights
    per_row: float = sum(3 * w.shape[1] + w.shape[0] for w in layout.weights)
    per_row += sum(2.5 * layer.units for layer in architecture.hidden if layer.keep_prob < 1)
    data = sum(part.X.nbytes + part.y.nbytes for part in dataset.parts.values())
    outputs = sum(len(part) for part in dataset.parts.values()) * architecture.n_outputs
    memory = data + item * (vectors * layout.n_params + batch * per_row + 2 * outputs) + (2 << 20)
    first = architecture.n_inputs * layout.weights[0].shape[1]
    return Cost(
        layers,
        int(memory),
        -(-n_rows // batch),
        n_rows * (3 * architecture.multiply_adds - first),
    )
