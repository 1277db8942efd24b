"""Is the gradient right? Backpropagation against central differences, in float64.

The gradient is the one that a trainer's first step left in its buffer, that of J(θ) + P(θ) on the
first batch; the masks and the noise of that step stay frozen. Each entry θ_i of a tensor is
perturbed by ±η and ±2η, the perturbed networks are one stack, and one forward pass gives all J.
With D(η) = (J(θ + η e_i) − J(θ − η e_i)) / 2η, the numeric derivative is (4 D(η) − D(2η)) / 3:
Richardson's step removes the η² error, and rounding is left. Random directions, which move every
entry at once, are measured at θ and at a θ nearby, where no parameter is 0 or 1 by its initializer.

Where a pre-activation crosses a kink of its activation between the four points, the difference
quotient is not a derivative: such entries are checked again at a nearby θ with a smaller η, until
they are decided or η has become too small.

    relative error = |a − n| / max(|a|, |n|, floor)

The floor is 10⁷ times the rounding error of the quotient, 2 ε (|J| + mean |output|) / η: an entry
smaller than that is compared in absolute terms, to ten times that rounding error. Where this is
not small beside dJ/du, as with unscaled inputs of 1e9, the check is inconclusive and fails.

Source: Nocedal and Wright, Numerical Optimization, 8.1; Press et al., Numerical Recipes, 5.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.nn.layout import Tensor
from mlpcli.nn.objective import Objective
from mlpcli.nn.perturbations import DirectionPerturbations, EntryPerturbations, Perturbations
from mlpcli.randomness import generator

TOLERANCE = 1e-6
SMOOTH_STEP = 1e-3  # change of a pre-activation: rounding and the η⁴ error are both near 1e-12
KINKED_STEP = 1e-4  # smaller, so that fewer pre-activations cross a kink
INCONCLUSIVE = 1e-4  # of dJ/du: an error of 0.01 % everywhere is to be seen
SMALLEST_STEP = 1e-8  # below it, rounding would hide what the tolerance is to show
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
    """The verdict on a gradient.

    value       J + P
    resolution  the error that rounding could hide, as a share of dJ/du
    """

    tensors: tuple[TensorCheck, ...]
    directions: DirectionsCheck
    tolerance: float
    value: float
    resolution: float

    @property
    def inconclusive(self) -> bool:
        """Whether rounding could hide a gradient that is wrong."""
        return self.resolution > INCONCLUSIVE

    @property
    def passed(self) -> bool:
        """Whether every part passed, and a wrong gradient would not have."""
        return (
            self.directions.passed and all(t.passed for t in self.tensors) and not self.inconclusive
        )


@dataclass
class _Findings:
    """Errors collected over the rounds, by perturbation: an entry or a direction."""

    perturbations: Perturbations
    error: Array
    analytic: Array
    numeric: Array
    redrawn: int = 0


def check_gradient(
    objective: Objective,
    theta: Array,
    gradient: Array,
    *,
    samples: int | None = 256,
    directions: int = 8,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradient with central differences, tensor by tensor and along directions.

    theta     (n_params,) where to look
    gradient  (n_params,) that the trainer's step left there
    samples   entries to check in each tensor; smaller tensors are checked whole, None means all
    """
    rng = generator(seed, "gradcheck")
    layout = objective.architecture.layout
    check = _Check(objective, theta, gradient, rng)
    tensors = []
    with np.errstate(all="ignore"):  # what overflows shows up as an error that is not small
        for tensor in layout.parameters:
            size = tensor.stop - tensor.start
            entries = np.arange(size)
            if samples is not None and samples < size:
                entries = np.sort(rng.choice(size, samples, replace=False))
            scale = _scale_of_entries(objective, tensor, entries)
            found = check.run(EntryPerturbations(tensor.start + entries), scale, theta)
            tensors.append(_tensor_verdict(tensor, entries, found, tolerance))
        along = _check_directions(check, directions, tolerance)
    return GradientCheck(tuple(tensors), along, tolerance, check.value, check.resolution)


def _check_directions(check: _Check, directions: int, tolerance: float) -> DirectionsCheck:
    """Check directions at θ and at a θ nearby: γ of a norm is 1 at first, and hides its product."""
    objective = check.objective
    random = DirectionPerturbations(check.rng.standard_normal((directions, check.theta.size)))
    largest = max(1.0, float(np.max(np.abs(objective.batch.X), initial=0.0)))
    scale = np.full(directions, largest * np.sqrt(objective.architecture.n_inputs))
    found = [check.run(random, scale, at) for at in (check.theta, check.nearby(0.1))]
    if not any(np.any(each.analytic) or np.any(each.numeric) for each in found):
        check.resolution = np.inf  # 0 against 0 along every direction says nothing of the code
    error = np.maximum(*(each.error for each in found))
    undecided = int(np.isnan(error).sum())
    worst = float(np.max(error, initial=0.0, where=~np.isnan(error)))
    passed = worst <= tolerance and not undecided
    redrawn = sum(each.redrawn for each in found)
    return DirectionsCheck(directions, redrawn, worst, undecided, passed)


def _first_step(objective: Objective) -> float:
    """Return the change of a pre-activation that the check begins with."""
    return (KINKED_STEP if objective.has_kinks else SMOOTH_STEP) / objective.growth


def _rounding(size: float, step: Any) -> Any:
    """Return the rounding error of a difference quotient of numbers of this size."""
    return 2 * np.finfo(float).eps * size / step


def _scale_of_entries(objective: Objective, tensor: Tensor, entries: Array) -> Array:
    """Return how much each entry's pre-activation changes when the entry changes by one."""
    return np.maximum(objective.scale_of(tensor), 0.1).ravel()[entries]


class _Check:
    """The trainer's gradient against central differences, at θ and where needed nearby.

    value       J + P at θ
    resolution  ten rounding errors of dJ/du, where u changes by a step in all rows, as its share;
                of J alone: a network that is certain, and right, has both near 0
    """

    def __init__(
        self, objective: Objective, theta: Array, gradient: Array, rng: np.random.Generator
    ) -> None:
        self.objective, self.theta, self.rng = objective, theta, rng
        self.left_by_step = gradient
        objective.gradient(theta)
        slope = objective.output_slope
        self.value = self._value(theta)
        hidden = 10 * float(_rounding(abs(self.value), _first_step(objective)))
        self.resolution = hidden / slope if slope else 0.0

    def _value(self, theta: Array) -> float:
        return float(self.objective.values(np.tile(theta, (4, 1)))[0][0])

    def nearby(self, share: float) -> Array:
        """Return a random θ, each entry moved by about this share of it."""
        size = np.abs(self.theta) + 0.1
        return self.theta + share * self.rng.standard_normal(size.size) * size

    def run(self, perturbations: Perturbations, scale: Array, at: Array) -> _Findings:
        """Check every perturbation; redraw those that cross a kink, nearby, with a smaller step.

        at  the first θ: at the trainer's own the gradient is the one that its step has left
        """
        n = len(perturbations)
        found = _Findings(perturbations, *np.full((3, n), np.nan))
        growth = self.objective.growth
        step = _first_step(self.objective) / scale
        undecided = np.arange(n)
        gradient = self.left_by_step if at is self.theta else self.objective.gradient(at)
        for _ in range(ROUNDS):
            self.size = abs(self._value(at)) + self.objective.output_size
            undecided = self._round(at, gradient, step, undecided, found)
            if not len(undecided):
                break
            found.redrawn += len(undecided)
            at = self.nearby(0.01)
            gradient = self.objective.gradient(at)
            step = np.maximum(step / 2, SMALLEST_STEP / growth / scale)
        self.objective.gradient(self.theta)  # back to θ, for the scale of the next entries
        return found

    def _round(
        self, theta: Array, gradient: Array, step: Array, undecided: Array, found: _Findings
    ) -> Array:
        """Check the undecided perturbations at theta; return those that crossed a kink."""
        crossing = []
        size = self.objective.n_at_once // 4
        for which in np.array_split(undecided, range(size, len(undecided), size)):
            eta = step[which]
            analytic = found.perturbations.derivative(gradient, which)
            thetas = found.perturbations.apply(theta, which, eta)
            numeric, error, crossed = self._measure(thetas, eta, analytic)
            # The error of the series falls with η⁴, that of a wrong gradient does not fall.
            for smaller in (4, 16):
                again = np.flatnonzero(~(error <= TOLERANCE) & ~crossed)
                if len(again):
                    eta2 = eta[again] / smaller
                    thetas = found.perturbations.apply(theta, which[again], eta2)
                    second, better, _ = self._measure(thetas, eta2, analytic[again])
                    finer = better < error[again]
                    numeric[again[finer]], error[again[finer]] = second[finer], better[finer]
            kept = which[~crossed]
            # An infinite or undefined quotient is an error as large as can be, not undecided.
            found.error[kept] = np.nan_to_num(error[~crossed], nan=np.inf)
            found.analytic[kept], found.numeric[kept] = analytic[~crossed], numeric[~crossed]
            crossing.append(which[crossed])
        return np.concatenate(crossing)

    def _measure(self, thetas: Array, eta: Array, analytic: Array) -> tuple[Array, Array, Array]:
        """Return each numeric derivative, its relative error, and which cross a kink."""
        values, crossed = self.objective.values(thetas)
        plus, minus, plus2, minus2 = values.reshape(-1, 4).T
        numeric = (4 * (plus - minus) / (2 * eta) - (plus2 - minus2) / (4 * eta)) / 3
        floor = 1e7 * _rounding(self.size, eta)
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
