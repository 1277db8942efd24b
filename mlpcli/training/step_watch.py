"""The steps of a training, every number of them looked at, for the first that is not finite."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.activations import Tensors
from mlpcli.nn.embeddings import Embed
from mlpcli.nn.layers import Activate, Affine, Bias, Dropout, EmbeddedScale, Product, Scale
from mlpcli.nn.training_step import TrainingStep
from mlpcli.training.trainer import Trainer

LEARNS = Affine | Bias | EmbeddedScale | Product | Scale
GROWTH = 10.0  # a gradient so many times the smallest before has begun to grow


@dataclass(frozen=True)
class Place:
    """The first number that was not finite, in the order of a step.

    epoch     from 1, and
    step      of it, from 1; 0: it was in an evaluation after the last one
    layer     as tensors are named: input, hidden.K, output
    quantity  x, u, h, loss, delta, gradient or weight
    tensor    of a gradient or a weight
    """

    epoch: int
    step: int
    layer: str
    quantity: str
    tensor: str | None = None

    def __str__(self) -> str:
        words = {
            "x": "the inputs, as noise and augmentation leave them,",
            "u": f"u = h W + b of {self.layer}",
            "h": f"h = f(u) of {self.layer}",
            "loss": "the loss",
            "delta": f"δ = dJ/du of {self.layer}",
            "gradient": f"the gradient of {self.tensor}",
            "weight": f"{self.tensor} after the step",
        }
        return words[self.quantity]


@dataclass(frozen=True)
class Norms:
    """What one step was like.

    loss      of the batch, before the step
    weights   ‖θ‖ before it
    gradient  ‖∂(J + P)/∂θ‖
    update    ‖Δθ‖; None where the step is not over
    """

    epoch: int
    step: int
    learning_rate: float
    loss: float
    weights: float
    gradient: float
    update: float | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Moment:
    """A step before its update: parameters, batch and gradient, all copied.

    X, y, scale  as in `Batch`
    rows         (n,) of the training part
    """

    norms: Norms
    vector: Array
    X: Array
    y: Array
    scale: Array
    rows: Array
    gradient: Array


def norm(values: Array) -> float:
    """Return ‖x‖₂ over all entries, summed in float64.

    >>> norm(np.full(2, 3e30, np.float32)) > 4e30
    True
    """
    values = np.ravel(values).astype(np.float64)
    return float(np.sqrt(np.dot(values, values)))


class StepWatch:
    """Looks at every number that the steps of a trainer compute from now on.

    The steps are the trainer's own, and keep their bits: layers, loss and update are called
    through.

    trainer  of one network
    epoch    the last one that it has completed

    place   the first that is not finite, or None
    norms   of each step
    largest_u  of the outputs of the last step

    calm    the last step whose gradient had not begun to grow, and
    grown   the first one after it, where its gradient is finite; else None
    """

    def __init__(self, trainer: Trainer, epoch: int = 0) -> None:
        self.trainer, self.step = trainer, trainer.step
        self.layout = trainer.network.architecture.layout
        self.place: Place | None = None
        self.norms: list[Norms] = []
        self.calm: Moment | None = None
        self.grown: Moment | None = None
        self.epoch, self._taken, self._least = epoch, 0, np.inf
        self._watch(self.step)

    def _watch(self, step: TrainingStep) -> None:
        # A step that is cut into shards is watched whole: its sums are rounded in another way.
        wholes = {n: backprop.whole() for n, backprop in step.backprop.items()}
        step.backprop = dict(wholes)
        for backprop in wholes.values():
            named = list(zip(backprop.names, backprop.layers, strict=True))
            below = ["input", *(name for name, _ in named)]
            watched: dict[int, Any] = {
                id(layer): _WatchedLayer(self, layer, name, below[k])
                for k, (name, layer) in enumerate(named)
            }
            first = watched[id(backprop.layers[0])]
            first.is_first = True
            backprop.layers = [watched[id(layer)] for layer in backprop.layers]
            backprop.layers_backward = [watched[id(layer)] for layer in backprop.layers_backward]
        loss: Any = _WatchedLoss(self, step.loss)
        step.loss = loss
        step.update.parts.insert(0, self._before_update)
        step.update.parts.append(self._after_update)

    @property
    def rows(self) -> Array:
        """The rows (n,) of the training part that the last step's batch has."""
        return self.trainer.loader.rows()[self._start : self._start + self.X.shape[-2]]

    # -------------------------------------------------- what the watched parts report

    def see(self, values: Array, layer: str, quantity: str, tensor: str | None = None) -> None:
        """Record the first values that are not finite."""
        if self.place is None and not np.isfinite(values).all():
            self.place = Place(self.epoch, self._taken + 1, layer, quantity, tensor)

    def see_tensors(self, tensors: Tensors, layer: str, quantity: str) -> None:
        """Record the first tensor of a layer, or of all for an empty name, that is not finite."""
        for name, values in tensors.items():
            if name.startswith(layer):
                self.see(values, name.rpartition(".")[0], quantity, name)

    def see_batch(self, X: Array) -> None:
        """Record the inputs of a step that begins."""
        self.X, self._start = X, self.trainer.rows_done
        if self._start == 0:
            self.epoch, self._taken = self.epoch + 1, 0
        self.see(X, "input", "x")

    def see_loss(self, u: Array, losses: Array, y: Array, scale: Array) -> None:
        """Record the outputs u of the batch, its losses, and what they come from."""
        self.losses, self.y, self.scale = losses, y, scale
        self.largest_u = float(np.max(np.abs(u)))
        self.see(losses, "output", "loss")

    def _before_update(self) -> None:
        grad, theta = self.step.grad, self.trainer.network.theta
        self.see_tensors(self.layout.unpack(grad), "", "gradient")
        norms = Norms(
            self.epoch,
            self._taken + 1,
            float(str(self.step.update.learning_rate)),  # 0.1, not float32's 0.10000000149
            float(np.mean(self.losses, dtype=np.float64)),
            norm(theta),
            norm(grad),
        )
        self.norms.append(norms)
        self._theta = theta.copy()
        is_calm = norms.gradient <= GROWTH * self._least
        if np.isfinite(norms.gradient) and (is_calm or self.grown is None):
            self._keep(norms, is_calm=is_calm)
        elif self.calm is None:
            self._keep(norms, is_calm=True)  # not finite in the first step
        self._least = min(self._least, norms.gradient)

    def _keep(self, norms: Norms, *, is_calm: bool) -> None:
        vector, scale = self.trainer.network.vector, np.asarray(self.scale)
        arrays = (vector, self.X, self.y, scale, self.rows, self.step.grad)
        moment = Moment(norms, *(each.copy() for each in arrays))
        if is_calm:
            self.calm, self.grown = moment, None
        else:
            self.grown = moment

    def _after_update(self) -> None:
        network = self.trainer.network
        self.see_tensors(network.tensors(), "", "weight")
        update = norm(network.theta.astype(np.float64) - self._theta)
        before = self.norms[-1]
        self.norms[-1] = Norms(**{**before.to_plain(), "update": update})
        self._taken += 1


class _WatchedLayer:
    """A layer, its outputs and its gradients looked at."""

    def __init__(self, watch: StepWatch, layer: Any, name: str, below: str) -> None:
        self.watch, self.layer, self.name, self.below = watch, layer, name, below
        self.is_first = False
        gives_h = isinstance(layer, Activate | Dropout | Embed)
        self.quantity = "h" if gives_h else "u"
        self.learns = isinstance(layer, LEARNS)

    def forward(self, h: Array) -> Array:
        if self.is_first:
            self.watch.see_batch(h)
        found: Array = self.layer.forward(h)
        if self.name == "input":
            self.watch.see(found, self.name, "x")
        else:
            self.watch.see(found, self.name, self.quantity)
        return found

    def backward(self, delta: Array) -> Array:
        found: Array = self.layer.backward(delta)
        if self.learns:  # ∂J/∂W and ∂J/∂b are there before dJ/dh of the layer below
            tensors = self.watch.layout.unpack(self.watch.step.grad)
            self.watch.see_tensors(tensors, f"{self.name}.", "gradient")
            self.watch.see(found, self.below, "delta")
        else:
            self.watch.see(found, self.name, "delta")
        return found


class _WatchedLoss:
    """A loss, its value and its δ looked at."""

    def __init__(self, watch: StepWatch, loss: Any) -> None:
        self.watch, self.loss = watch, loss

    def value(self, u: Array, y: Array) -> Array:
        found: Array = self.loss.value(u, y)
        return found

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        whole = np.ascontiguousarray(np.broadcast_to(y, (*u.shape[:-1], y.shape[-1])))
        self.watch.see_loss(u, self.loss.value(u, whole), y, scale)
        self.loss.delta(u, y, scale, out, scratch)
        self.watch.see(out, "output", "delta")
