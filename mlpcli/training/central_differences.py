"""Central differences of J at single entries of θ, to be shown beside the gradient."""

from __future__ import annotations

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.gradcheck import KINKED_STEP, SMALLEST_STEP, SMOOTH_STEP
from mlpcli.nn.layout import Tensor
from mlpcli.nn.objective import Objective
from mlpcli.nn.perturbations import EntryPerturbations


def central_differences(
    objective: Objective, theta: Array, tensor: Tensor, entries: Array
) -> Array:
    """Return the central difference quotient of J for each entry of a tensor.

    (4 D(η) − D(2η)) / 3 with D(η) = (J(θ + η e) − J(θ − η e)) / 2η, η halved until no
    pre-activation crosses a kink between the four points; NaN where it always does.

    theta    (n_params,)
    entries  (n,) numbers within the tensor

    Source: Nocedal and Wright, Numerical Optimization, 8.1; as in nn/gradcheck.py.
    """
    scale = np.maximum(objective.scale_of(tensor), 0.1).ravel()[entries] * objective.growth
    step = (KINKED_STEP if objective.has_kinks else SMOOTH_STEP) / scale
    smallest = SMALLEST_STEP / scale
    found = np.full(len(entries), np.nan)
    left = np.arange(len(entries))
    perturbations = EntryPerturbations(tensor.start + np.asarray(entries))
    size = max(1, objective.n_at_once // 4)
    while len(left):
        crossing = []
        for start in range(0, len(left), size):
            which = left[start : start + size]
            thetas = perturbations.apply(theta, which, step[which])
            values, crossed = objective.values(thetas)
            plus, minus, plus2, minus2 = values.reshape(-1, 4).T
            eta = step[which]
            quotient = (4 * (plus - minus) / (2 * eta) - (plus2 - minus2) / (4 * eta)) / 3
            found[which[~crossed]] = quotient[~crossed]
            crossing.append(which[crossed])
        left = np.concatenate(crossing)
        step[left] /= 4
        left = left[step[left] >= smallest[left]]
    return found
