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
smaller than that is compared in absolute terms, to ten times that rounding error. Where this is
no small part of dJ/du itself, as with inputs of 1e9 that nobody scaled, a wrong gradient could not
be told from a right one, and the check does not pass.

Source: Nocedal and Wright, Numerical Optimization, 8.1; Press et al., Numerical Recipes, 5.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.nn.layout import Tensor
from mlpcli.nn.moves import DirectionMoves, EntryMoves
from mlpcli.nn.network import Architecture
from mlpcli.nn.objective import Objective, Regularization
from mlpcli.randomness import generator

TOLERANCE = 1e-6
SMOOTH_STEP = 1e-3  # change of a pre-activation: rounding and the η⁴ error are both near 1e-12
KINKED_STEP = 1e-4  # smaller, so that fewer pre-activations cross a kink
BLUNT = 1e-4  # of dJ/du: an error of 0.01 % everywhere is to be seen
SMALLEST_STEP = 1e-8  # below it, rounding would hide what the tolerance is to show
NOTHING = Regularization()
ROUNDS = 24  # of drawing again; each divides η by 2


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
    """What `check_gradient` found.

    value       J + P
    resolution  the error that rounding could hide, as a share of dJ/du
    """

    tensors: tuple[TensorCheck, ...]
    directions: DirectionsCheck
    tolerance: float
    value: float
    resolution: float

    @property
    def is_blunt(self) -> bool:
        """Whether rounding could hide a gradient that is wrong."""
        return self.resolution > BLUNT

    @property
    def passed(self) -> bool:
        """Whether every part passed, and would not have if it were wrong."""
        return self.directions.passed and all(t.passed for t in self.tensors) and not self.is_blunt


@dataclass
class _Findings:
    """Errors collected over the rounds, by entry (or direction)."""

    error: Array
    analytic: Array
    numeric: Array
    redrawn: int = 0


def check_gradient(
    architecture: Architecture,
    theta: Array,
    X: Array,
    target: Array,
    *,
    added: Regularization = NOTHING,
    samples: int | None = 256,
    directions: int = 8,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradient with central differences, tensor by tensor and along directions.

    theta      (n_params,) where to look; a longer vector is looked at as far as it is learned
    X, target  one batch (N, n_inputs), and its targets as the loss takes them
    added      penalties, and weights of the rows
    samples    entries to check in each tensor; smaller tensors are checked whole, None means all
    """
    objective = Objective(architecture, X, target, added, seed)
    rng = generator(seed, "gradcheck")
    layout = architecture.layout
    theta = theta[: layout.n_params].astype(np.float64)
    value, _ = objective.value_and_gradient(theta)
    resolution = _resolution(objective, value)
    tensors = []
    with np.errstate(all="ignore"):  # what overflows shows up as an error that is not small
        for tensor in layout.parameters:
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
    return GradientCheck(tuple(tensors), along, tolerance, value, resolution)


def _first_step(objective: Objective) -> float:
    """Return the change of a pre-activation that the check begins with."""
    return (KINKED_STEP if objective.kinked else SMOOTH_STEP) / objective.growth


def _rounding(size: float, step: Any) -> Any:
    """Return the rounding error of a difference quotient of numbers of this size."""
    return 2 * np.finfo(float).eps * size / step


def _resolution(objective: Objective, value: float) -> float:
    """Return ten rounding errors of dJ/du, where u moves by a step in all rows, as its share.

    Of J alone: a network that is certain, and right, has both near 0, and is seen to.
    """
    slope = objective.output_slope
    hidden = 10 * float(_rounding(abs(value), _first_step(objective)))
    return hidden / slope if slope else 0.0


def _scale_of_entries(objective: Objective, theta: Array, tensor: Tensor, entries: Array) -> Array:
    """Return how much each entry's pre-activation changes when the entry changes by one."""
    objective.value_and_gradient(theta)
    if len(tensor.shape) == 1:
        return np.ones(len(entries))
    layer = objective.architecture.layout.weights.index(tensor)
    scale = np.maximum(objective.input_scale(layer), 0.1)
    return scale[np.unravel_index(entries, tensor.shape)[0]]


def _check_moves(
    objective: Objective,
    theta: Array,
    moves: EntryMoves | DirectionMoves,
    scale: Array,
    rng: np.random.Generator,
) -> _Findings:
    """Check every move; draw those that cross a kink again, nearby and with a smaller step."""
    n = len(moves)
    found = _Findings(np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan))
    step = _first_step(objective) / scale
    left, at = np.arange(n), theta
    for _ in range(ROUNDS):
        left = _one_round(objective, at, moves, step, left, found)
        if not len(left):
            break
        found.redrawn += len(left)
        at = theta + 0.01 * rng.standard_normal(theta.size) * (np.abs(theta) + 0.1)
        step = np.maximum(step / 2, SMALLEST_STEP / objective.growth / scale)
    return found


def _one_round(
    objective: Objective,
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
        analytic = moves.along(gradient, which)
        numeric, error, crossed = _measure(objective, theta, moves, which, eta, analytic, value)
        # The error of the series falls with η⁴, that of a wrong gradient does not fall.
        for smaller in (4, 16):
            again = np.flatnonzero(~(error <= TOLERANCE) & ~crossed)
            if len(again):
                second, better, _ = _measure(
                    objective,
                    theta,
                    moves,
                    which[again],
                    eta[again] / smaller,
                    analytic[again],
                    value,
                )
                finer = better < error[again]
                numeric[again[finer]], error[again[finer]] = second[finer], better[finer]
        kept = which[~crossed]
        # An infinite or undefined quotient is an error as large as can be, not an undecided one.
        found.error[kept] = np.nan_to_num(error[~crossed], nan=np.inf)
        found.analytic[kept], found.numeric[kept] = analytic[~crossed], numeric[~crossed]
        crossing.append(which[crossed])
    return np.concatenate(crossing)


def _measure(
    objective: Objective,
    theta: Array,
    moves: EntryMoves | DirectionMoves,
    which: Array,
    eta: Array,
    analytic: Array,
    value: float,
) -> tuple[Array, Array, Array]:
    """Return the numeric derivative along each move, its relative error, and which cross a kink."""
    values, crossed = objective.quotients(moves.moved(theta, which, eta))
    plus, minus, plus2, minus2 = values.reshape(-1, 4).T
    numeric = (4 * (plus - minus) / (2 * eta) - (plus2 - minus2) / (4 * eta)) / 3
    floor = 1e7 * _rounding(abs(value) + objective.output_size, eta)
    return numeric, relative_error(analytic, numeric, floor), crossed


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
