"""One step of a training with everything in it: u, h, masks, ŷ, J, each δ, gradients, the update.

The step is taken by the trainer that `mlp train` would build, in float64; recorders around its
layers and the parts of its update copy what they see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.embeddings import Embed
from mlpcli.nn.layers import Activate, Affine, Dropout
from mlpcli.nn.network import Architecture
from mlpcli.nn.norms import Normalize
from mlpcli.nn.objective import Objective
from mlpcli.nn.optimizers import Optimizer
from mlpcli.nn.training_step import Batch, TrainingStep
from mlpcli.nn.update import Regularization
from mlpcli.training.reach_step import ReachedStep

Arrays = dict[str, Array]


@dataclass
class StepTrace:
    """A step that was taken.

    arrays     by name, PART.WORD: see `_Recorder`; X, y, y_hat and losses without a part
    weight     (n,) of the rows, with mean 1 over the training rows; None: all are 1
    theta      (n_params,) before the step, and
    after      after it
    noisy      (n_params,) where the gradient was taken; None: at theta
    gradient   (n_params,) ∂J/∂θ, and
    penalized  ∂(J + P)/∂θ
    J, P       before the step, with its masks and noise; J_after, P_after with the same after it
    parts      of the update in their order: a name, the gradient and θ after it; of the average
               of the weights that in place of θ
    state      of the optimizer by name, before and after: `before.m`, `after.m`, …
    powers     (n_powers,) of the optimizer, after the step
    number     of the optimizer's steps, this one included
    objective  J of this batch, its masks and noise frozen, at θ before the step
    """

    architecture: Architecture
    optimizer: Optimizer
    regularization: Regularization
    arrays: Arrays
    weight: Array | None
    theta: Array
    after: Array
    noisy: Array | None
    gradient: Array
    penalized: Array
    J: float
    P: float
    J_after: float
    P_after: float
    learning_rate: float
    parts: list[tuple[str, Array, Array]]
    state: Arrays
    powers: list[float]
    number: int
    objective: Objective = field(repr=False)

    @property
    def n_rows(self) -> int:
        """Rows of the batch."""
        return len(self.arrays["X"])

    def tensors(self, vector: Array) -> Arrays:
        """Return the parameters' part of a vector like theta by tensor."""
        return self.architecture.layout.unpack(vector[: self.architecture.layout.n_params])


def cut(batch: Batch, step: TrainingStep, n_rows: int) -> Batch:
    """Return the first rows of a batch as a batch of its own, whose J is the mean over them.

    The step gets arrays for so many rows; its masks are the first rows of those of the whole batch.
    """
    n = min(max(n_rows, step.network.architecture.least_rows), batch.n)
    if n == batch.n:
        return batch
    share = np.asarray(1.0 / n)
    if batch.scale.ndim:
        share = batch.scale[:n] * batch.n / n
    whole = step.backprop[batch.n].whole()
    made = Backprop(whole.network, n, step.grad, training=True)
    for mine, theirs in zip(made.dropouts, whole.dropouts, strict=True):
        mine.generators = theirs.generators
    step.backprop[n] = made
    step.scratch[n] = step.loss.scratch(made.delta)
    X, y, u = (np.ascontiguousarray(each[:n]) for each in (batch.X, batch.y, batch.u))
    return Batch(n, X, y, share, u)


def take_step(reached: ReachedStep, n_rows: int | None) -> StepTrace:
    """Take the step on the first rows of its batch, and return what was in it.

    n_rows  of the batch that are used; None: all
    """
    with np.errstate(all="ignore"):  # what overflows is shown as it is
        step = _whole(reached.trainer.step)
        batch = cut(reached.batch, step, reached.batch.n if n_rows is None else n_rows)
        return _traced(step, batch, reached.number)


def _whole(step: Any) -> TrainingStep:
    """Return a training step without what counts its calls."""
    found: TrainingStep = getattr(step, "step", step)
    return found


def _traced(step: TrainingStep, batch: Batch, number: int) -> StepTrace:
    network, backprop, state = step.network, step.backprop[batch.n].whole(), step.update.state
    vector = network.vector.copy()
    names = _state_names(step.update.optimizer, len(state.vectors))
    before = {f"before.{n}": v.copy() for n, v in zip(names, state.vectors, strict=True)}
    arrays: Arrays = {"X": batch.X.copy(), "y": batch.y.copy()}
    layers, backward = backprop.layers, backprop.layers_backward
    recorders = {
        id(x): _Recorder(x, n, arrays) for n, x in zip(backprop.names, layers, strict=True)
    }
    recorded: list[Any] = [recorders[id(layer)] for layer in layers]
    recorded_backward: list[Any] = [recorders[id(layer)] for layer in backward]
    backprop.layers, backprop.layers_backward = recorded, recorded_backward
    hooks = _Hooks(step)
    step(batch)
    hooks.remove()
    backprop.layers, backprop.layers_backward = layers, backward
    after = network.theta.copy()
    state_after = {f"after.{n}": v.copy() for n, v in zip(names, state.vectors, strict=True)}
    arrays["y_hat"] = np.empty_like(batch.u)
    step.loss.predict(batch.u, arrays["y_hat"])
    arrays["losses"] = step.loss.value(batch.u, batch.y)
    weight = batch.scale.ravel() * batch.n if batch.scale.ndim else None
    J = float(np.mean(arrays["losses"] if weight is None else arrays["losses"] * weight))
    P_after = float(sum(penalty.value() for penalty in step.penalties))
    noisy = None if step.noisy_weights is None else step.noisy_weights.network.theta.copy()
    network.vector[...] = vector
    _add_slopes(backprop, arrays)
    objective = Objective(_without_penalties(step), batch, weight)
    J_after = float(objective.values(np.tile(after, (4, 1)))[0][0])
    return StepTrace(
        network.architecture,
        step.update.optimizer,
        step.regularization,
        arrays,
        weight,
        network.theta.copy(),
        after,
        noisy,
        hooks.gradient,
        hooks.penalized,
        J,
        hooks.P,
        J_after,
        P_after,
        float(np.ravel(step.update.learning_rate)[0]),
        hooks.parts,
        before | state_after,
        state.powers.ravel().tolist(),
        number,
        objective,
    )


def _without_penalties(step: TrainingStep) -> TrainingStep:
    """Return the step as one whose objective is J alone."""
    found = copy(step)
    found.regularization = replace(step.regularization, l1=0.0, l2=0.0)
    found.penalties = []
    return found


def _state_names(optimizer: Optimizer, n_vectors: int) -> list[str]:
    """Return the names of the vectors that an optimizer carries: those of its published form."""
    memory: dict[str, Any] = {}
    optimizer.published(np.zeros(1), np.ones(1), 0.1, memory)
    names = [name for name, value in memory.items() if isinstance(value, np.ndarray)]
    return names[:n_vectors]


class _Recorder:
    """A layer that copies what passes through it.

    NAME.WORD in `arrays`, NAME of the layer's part of the network:

        u, h         pre-activations, and activations h = f(u)
        u_hat, y     of a normalization, between the two, with its mean and variance
        mask, kept   M/p_k, and the activations times it; of the part `input` those of the data
        embedded     of the part `embedding`
        delta        ∂J/∂u, delta_y ∂J/∂y
        delta_h      ∂J/∂h, before the mask's derivative where there is a mask: δ Wᵀ of above
        below        δ Wᵀ, what the part gives to the one below it
    """

    def __init__(self, layer: Any, name: str, arrays: Arrays) -> None:
        self.layer, self.name, self.arrays = layer, name, arrays

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)

    def _keep(self, word: str, array: Array) -> None:
        self.arrays[f"{self.name}.{word}"] = np.array(array, order="C")

    def forward(self, h: Array) -> Array:
        """Go forward; keep the result."""
        found: Array = self.layer.forward(h)
        layer = self.layer
        if isinstance(layer, Affine):
            self._keep("u", found)
        elif isinstance(layer, Normalize):
            for word in ("u_hat", "mean", "variance"):
                self._keep(word, getattr(layer, word))
            self._keep("y", found)
        elif isinstance(layer, Activate):
            self._keep("h", found)
        elif isinstance(layer, Dropout):
            self._keep("mask", layer.mask)
            self._keep("kept", found)
        elif isinstance(layer, Embed):
            self._keep("embedded", found)
        return found

    def backward(self, delta: Array) -> Array:
        """Go backward; keep the derivatives."""
        layer = self.layer
        if isinstance(layer, Affine):
            self._keep("delta", delta)
        elif isinstance(layer, Normalize):
            self._keep("delta_y", delta)
        elif isinstance(layer, Activate | Dropout) and f"{self.name}.delta_h" not in self.arrays:
            self._keep("delta_h", delta)  # a mask comes first
        found: Array = layer.backward(delta)
        if isinstance(layer, Affine):
            self._keep("below", found)
        return found


def _add_slopes(backprop: Backprop, arrays: Arrays) -> None:
    """Add f'(u) of each activation that works unit by unit, as NAME.slope."""
    for name, layer in zip(backprop.names, backprop.layers, strict=True):
        if not isinstance(layer, Activate) or layer.activation.name == "softmax":
            continue
        u = arrays.get(f"{name}.y", arrays[f"{name}.u"]).copy()
        params = backprop.network.architecture.layout.tensors_of(
            f"{name}.activation", backprop.network.vector
        )
        made = Activate(layer.activation, u, params, {k: v.copy() for k, v in params.items()})
        made.forward(u)
        arrays[f"{name}.slope"] = made.backward(np.ones_like(u))


class _Hooks:
    """Copies of the gradient and of θ between the parts of a step, while it is taken."""

    def __init__(self, step: TrainingStep) -> None:
        self.step, self.penalties, self.update = step, step.penalties, list(step.update.parts)
        self.parts: list[tuple[str, Array, Array]] = []
        self.P = 0.0
        before: Any = self  # the first penalty: it adds nothing
        step.penalties = [before, *self.penalties]
        step.update.parts[:] = [self._penalized, *self._each()]

    def add_gradient(self, grad: Array) -> None:
        """Keep ∂J/∂θ, and P."""
        self.gradient = grad.copy()
        self.P = float(sum(penalty.value() for penalty in self.penalties))

    def _penalized(self) -> None:
        self.penalized = self.step.grad.copy()

    def _each(self) -> Iterator[Callable[[], None]]:
        for part in self.update:
            owner = getattr(part, "__self__", None)
            name = "optimizer" if owner is None else type(owner).__name__
            yield part
            yield self._recorder(name)

    def _recorder(self, name: str) -> Callable[[], None]:
        def record() -> None:
            step = self.step
            theta = step.network.theta
            if name == "WeightAverage" and step.update.average is not None:
                theta = step.update.average.average[: theta.size]
            self.parts.append((name, step.grad.copy(), theta.copy()))

        return record

    def remove(self) -> None:
        """Leave the step as it was."""
        self.step.penalties = self.penalties
        self.step.update.parts[:] = self.update
