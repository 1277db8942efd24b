"""Is the gradient right? Backpropagation against central differences, in float64.

The objective is the one that training descends, J(θ) + P(θ), at frozen dropout masks. Each entry
θ_i of a tensor is moved by ±η and ±2η, all the moved networks are one stack, and one forward pass
gives all their J. With D(η) = (J(θ + η e_i) − J(θ − η e_i)) / 2η, the numeric derivative is
(4 D(η) − D(2η)) / 3: Richardson's step removes the η² error, and what is left is rounding.

Where an activation has a kink and a pre-activation changes its side of it between the four
points, the difference quotient is not a derivative. Such entries are not excused: they are drawn
again at a nearby θ with a smaller η, until they are decided or η has become too small.

    relative error = |a − n| / max(|a|, |n|, floor)

The floor is 10⁷ times the rounding error of the quotient, 2 ε (|J| + mean |output|) / η: an entry
smaller than that is compared in absolute terms, to ten times that rounding error.

Source: Nocedal and Wright, Numerical Optimization, 8.1; Press et al., Numerical Recipes, 5.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.nn.arrays import Array, Shape
from mlpcli.nn.layout import Tensor
from mlpcli.nn.moves import DirectionMoves, EntryMoves
from mlpcli.nn.network import Architecture, Network
from mlpcli.nn.passes import Pass
from mlpcli.nn.penalties import L2
from mlpcli.nn.stages import Activate, Affine, MaskBits
from mlpcli.randomness import generator

TOLERANCE = 1e-6
SMOOTH_STEP = 1e-3  # change of a pre-activation: rounding and the η⁴ error are both near 1e-12
KINKED_STEP = 1e-4  # smaller, so that fewer pre-activations cross a kink
SMALLEST_STEP = 1e-8  # below it, rounding would hide what the tolerance is to show
ROUNDS = 24  # of drawing again; each divides η by 2
STACK_BYTES = 64 << 20  # of one stack of moved networks


@dataclass(frozen=True)
class TensorCheck:
    """The verdict on one tensor."""

    name: str
    shape: Shape
    entries: int
    checked: int
    redrawn: int
    worst: float
    where: tuple[int, ...]
    analytic: float
    numeric: float
    undecided: int
    passed: bool


@dataclass(frozen=True)
class DirectionsCheck:
    """The verdict on derivatives along random directions, which move every parameter at once."""

    directions: int
    redrawn: int
    worst: float
    undecided: int
    passed: bool


@dataclass(frozen=True)
class GradientCheck:
    """What `check_gradient` found."""

    tensors: tuple[TensorCheck, ...]
    directions: DirectionsCheck
    tolerance: float
    value: float

    @property
    def passed(self) -> bool:
        """Whether every part passed."""
        return self.directions.passed and all(t.passed for t in self.tensors)


@dataclass
class _Findings:
    """Errors collected over the rounds, by entry (or direction)."""

    error: Array
    analytic: Array
    numeric: Array
    redrawn: int = 0


class _Objective:
    """J(θ) + P(θ) on one batch with frozen masks; for one θ with gradient, for a stack without."""

    def __init__(
        self, architecture: Architecture, X: Array, target: Array, l2: float, seed: int
    ) -> None:
        self.architecture, self.l2 = architecture, l2
        self.X = X.astype(np.float64)
        self.target = target if architecture.loss.class_index else target.astype(np.float64)
        self.theta = np.zeros(architecture.layout.n_params)
        network = Network(architecture, self.theta)
        self.one = Pass(network, len(X), dropout=True)
        self.penalty = L2(l2, network)
        bits = MaskBits((), self.one.n_mask_bits, 1)
        bits.start([generator(seed, "dropout")])
        self.one.draw_masks(bits)
        # A change of a pre-activation grows by 1/p_k where a mask lets it through.
        self.growth = 1 / min([1.0, *(layer.keep_prob for layer in architecture.hidden)])
        self.kinked = any(layer.activation.kinks for layer in architecture.hidden) or bool(
            architecture.output_activation.kinks
        )
        self._stacks: dict[int, tuple[Network, Pass, L2]] = {}

    @property
    def stack_size(self) -> int:
        """Networks in one stack: a multiple of four that keeps to STACK_BYTES."""
        layout = self.architecture.layout
        units = sum(t.shape[1] for t in layout.weights)
        lane_bytes = 8 * (3 * layout.n_params + 5 * units * len(self.X))
        return int(max(4, min(1024, STACK_BYTES // lane_bytes) // 4 * 4))

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Return J + P and its gradient (n_params,) at theta."""
        self.theta[...] = theta
        value = self.one.value_and_gradient(self.X, self.target) + self.penalty.value()
        self.penalty.add_gradient(self.one.grad)
        return float(value), self.one.grad.copy()

    @property
    def output_size(self) -> float:
        """Mean of |u| at the output: J is a difference of such numbers, and rounded as they are."""
        return float(np.mean(np.abs(self.one.output)))

    def input_scale(self, layer: int) -> Array:
        """Return the largest |h| (fan_in,) that meets each row of a layer's W."""
        affine = [stage for stage in self.one.stages if isinstance(stage, Affine)]
        scale: Array = np.max(np.abs(affine[layer].h), axis=0)
        return scale

    def quotients(self, moved: Array) -> tuple[Array, Array]:
        """Return J at every moved theta (P, n_params), and which groups of four cross a kink."""
        network, passed, penalty = self._stack(len(moved))
        network.theta[...] = moved
        passed.forward(self.X)
        values = passed.value(self.target) + penalty.value()
        crossed = np.zeros(len(moved) // 4, bool)
        for stage in passed.stages:
            if isinstance(stage, Activate):
                for kink in stage.activation.kinks:
                    side = (stage.u > kink).reshape(len(crossed), 4, -1)
                    crossed |= np.any(side != side[:, :1], axis=(1, 2))
        return values, crossed

    def _stack(self, size: int) -> tuple[Network, Pass, L2]:
        if size not in self._stacks:
            network = Network(self.architecture, np.zeros((size, self.theta.size)))
            passed = Pass(network, len(self.X), dropout=True)
            passed.share_masks(self.one)
            self._stacks[size] = (network, passed, L2(self.l2, network))
        return self._stacks[size]


def check_gradient(
    architecture: Architecture,
    theta: Array,
    X: Array,
    target: Array,
    *,
    l2: float = 0.0,
    samples: int | None = 256,
    directions: int = 8,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradient with central differences, tensor by tensor and along directions.

    theta      (n_params,) where to look
    X, target  one batch (N, n_inputs), and its targets as the loss takes them
    samples    entries to check in each tensor; smaller tensors are checked whole, None means all
    """
    objective = _Objective(architecture, X, target, l2, seed)
    rng = generator(seed, "gradcheck")
    theta = theta.astype(np.float64)
    value, _ = objective.value_and_gradient(theta)
    layout = architecture.layout
    tensors = []
    with np.errstate(all="ignore"):  # what overflows shows up as an error that is not small
        for tensor in layout.tensors:
            size = tensor.stop - tensor.start
            entries = np.arange(size)
            if samples is not None and samples < size:
                entries = np.sort(rng.choice(size, samples, replace=False))
            scale = _scale_of_entries(objective, theta, tensor, entries)
            found = _check_moves(
                objective, theta, EntryMoves(tensor.start + entries, theta.size), scale, rng
            )
            tensors.append(_tensor_verdict(tensor, entries, found, tolerance))
        moves = DirectionMoves(rng.standard_normal((directions, theta.size)))
        scale = np.full(directions, max(1.0, float(np.max(np.abs(X), initial=0.0))))
        scale *= np.sqrt(architecture.n_inputs)
        found = _check_moves(objective, theta, moves, scale, rng)
    undecided = int(np.isnan(found.error).sum())
    worst = float(np.max(found.error, initial=0.0, where=~np.isnan(found.error)))
    along = DirectionsCheck(
        directions, found.redrawn, worst, undecided, worst <= tolerance and not undecided
    )
    return GradientCheck(tuple(tensors), along, tolerance, value)


def _scale_of_entries(objective: _Objective, theta: Array, tensor: Tensor, entries: Array) -> Array:
    """Return how much each entry's pre-activation changes when the entry changes by one."""
    objective.value_and_gradient(theta)
    if len(tensor.shape) == 1:
        return np.ones(len(entries))
    layer = objective.architecture.layout.weights.index(tensor)
    scale = np.maximum(objective.input_scale(layer), 0.1)
    return scale[np.unravel_index(entries, tensor.shape)[0]]


def _check_moves(
    objective: _Objective,
    theta: Array,
    moves: EntryMoves | DirectionMoves,
    scale: Array,
    rng: np.random.Generator,
) -> _Findings:
    """Check every move; draw those that cross a kink again, nearby and with a smaller step."""
    n = len(moves)
    found = _Findings(np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan))
    scale = scale * objective.growth
    step = (KINKED_STEP if objective.kinked else SMOOTH_STEP) / scale
    left, at = np.arange(n), theta
    for _ in range(ROUNDS):
        left = _one_round(objective, at, moves, step, left, found)
        if not len(left):
            break
        found.redrawn += len(left)
        at = theta + 0.01 * rng.standard_normal(theta.size) * (np.abs(theta) + 0.1)
        step = np.maximum(step / 2, SMALLEST_STEP / scale)
    return found


def _one_round(
    objective: _Objective,
    theta: Array,
    moves: EntryMoves | DirectionMoves,
    step: Array,
    left: Array,
    found: _Findings,
) -> Array:
    """Check the moves `left` at theta; return those that crossed a kink."""
    value, gradient = objective.value_and_gradient(theta)
    crossing = []
    size = objective.stack_size // 4
    for which in np.array_split(left, range(size, len(left), size)):
        eta = step[which]
        values, crossed = objective.quotients(moves.moved(theta, which, eta))
        plus, minus, plus2, minus2 = values.reshape(-1, 4).T
        numeric = (4 * (plus - minus) / (2 * eta) - (plus2 - minus2) / (4 * eta)) / 3
        analytic = moves.along(gradient, which)
        rounding = 2 * np.finfo(float).eps * (abs(value) + objective.output_size) / eta
        error = relative_error(analytic, numeric, 1e7 * rounding)
        kept = which[~crossed]
        # An infinite or undefined quotient is an error as large as can be, not an undecided one.
        found.error[kept] = np.nan_to_num(error[~crossed], nan=np.inf)
        found.analytic[kept], found.numeric[kept] = analytic[~crossed], numeric[~crossed]
        crossing.append(which[crossed])
    return np.concatenate(crossing)


def relative_error(analytic: Array, numeric: Array, floor: Any) -> Array:
    """|a − n| / max(|a|, |n|, floor), 0 where all three are 0.

    >>> float(relative_error(np.array(2.0), np.array(1.0), 0.1))
    0.5
    """
    size = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), floor)
    return np.abs(analytic - numeric) / np.where(size == 0, 1.0, size)


def _tensor_verdict(
    tensor: Tensor, entries: Sequence[int] | Array, found: _Findings, tolerance: float
) -> TensorCheck:
    decided = ~np.isnan(found.error)
    undecided = int((~decided).sum())
    worst = int(np.argmax(np.where(decided, found.error, -1.0)))
    error = float(found.error[worst]) if decided.any() else float("nan")
    return TensorCheck(
        name=tensor.name,
        shape=tensor.shape,
        entries=tensor.stop - tensor.start,
        checked=int(decided.sum()),
        redrawn=found.redrawn,
        worst=error,
        where=tuple(int(i) for i in np.unravel_index(entries[worst], tensor.shape)),
        analytic=float(found.analytic[worst]),
        numeric=float(found.numeric[worst]),
        undecided=undecided,
        passed=error <= tolerance and not undecided,
    )
