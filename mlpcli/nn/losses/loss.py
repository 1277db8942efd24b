"""The interface of a loss: the loss of each row, and delta = dJ/du at the output layer.

J is the mean over the rows of each row's loss, which is a sum over its outputs. (PyTorch averages
over the outputs too: its values are ours divided by their number.) A loss owns its link, the
output activation g that belongs to it. `value` and `delta` are computed from the pre-activations u
of the output layer, ŷ = g(u): together with the link they are exact where ŷ alone has been rounded
to 0 or 1. Any other output activation is a layer of its own below a loss whose link is the
identity.

Targets y are floats (..., N, targets): one-hot for classes, 0 and 1 for labels, or anything between
where they are smoothed or mixed. Training, evaluation and gradient checks call the same `value` and
`delta`. u may have axes in front that y has not, one entry a network (a lane); each lane then has
the bits that it has alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array
from mlpcli.family import Family, Member
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import column

LOSSES = Family("loss")


class Loss(Member):
    """One loss: value, delta, link, and the tasks it is for."""

    link: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]  # that it may be chosen for
    outputs: ClassVar[tuple[str, ...] | None] = ()  # allowed beside the link; None: any
    threshold: ClassVar[float] = 0.5  # a binary or multilabel ŷ above it means: yes
    standardized: ClassVar[bool] = True  # whether a regression target may be standardized
    target_range: ClassVar[str] = ""  # what `refused` refuses, as in "takes no target …"
    lower: ClassVar[float] = 0.0  # no row's loss is below it; an interval of its mean is above
    mixes: ClassVar[bool] = True  # whether targets may be mixtures of several rows'

    def value(self, u: Array, y: Array) -> Array:
        """Return the loss of each row, (..., N), unweighted.

        u  (..., N, outputs) pre-activations of the output layer; unchanged
        y  (N, targets) or (..., N, targets), floats; unchanged
        """
        raise NotImplementedError

    def delta(self, u: Array, y: Array, scale: Array, out: Array, scratch: Any) -> None:
        """out ← scale · d(row's loss)/du, without allocating anything that grows with N.

        u, y     as for `value`; unchanged
        scale    1/N, so that out is dJ/du, without axes or one a lane (R, 1, 1); or (..., N, 1),
                 each row's weight divided by N
        out      (..., N, outputs); must not alias u
        scratch  what `scratch` returned for an array like out
        """
        raise NotImplementedError

    def scratch(self, out: Array) -> Any:
        """Return the working arrays of `delta` and its constants in out's type; made once."""
        return None

    @property
    def smooths(self) -> bool:
        """Whether `smooth` changes anything."""
        return False

    def smooth(self, y: Array) -> None:
        """Smooth gathered targets in place, once: y ← (1 − ε) y + ε/K. By default nothing."""

    def for_task(self, task: str, *, output: str | None = None) -> Loss:
        """Return the loss to train with: some names stand for two functions.

        task    regression, binary, multiclass or multilabel
        output  the output activation, where the spec names one
        """
        return self

    def to_class(self, cls: type[Loss]) -> Loss:
        """Return the same settings in another of this loss's classes."""
        if type(self) is cls:
            return self
        return cls(**{f.name: getattr(self, f.name) for f in fields(self)})

    def faults(self, task: str | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield problems of the settings beyond their bounds: the path, and a sentence.

        task  None where it is not known yet
        """
        yield from ()

    def n_outputs(self, n_targets: int) -> int:
        """Return how many outputs the network needs for so many target columns (or classes)."""
        return n_targets

    def refused(self, y: Array) -> Array:
        """Return a mask of the targets (rows, targets), in their own unit, outside the domain."""
        return np.zeros(y.shape, bool)

    def predict(self, u: Array, out: Array) -> None:
        """Write ŷ = g(u), the link's value, into `out`."""
        link = ACTIVATIONS[self.link]()
        link.value(u, out, link.scratch(out))

    def outputs_of(self, y_hat: Array) -> Array:
        """Return a u that gives the prediction ŷ: the inverse of `predict`."""
        return ACTIVATIONS[self.link]().inverse(y_hat)

    def average(self, y_hat: Array, share: Array | None = None) -> Array:
        """Return the ensemble's prediction (N, outputs) from R networks' ŷ (R, N, outputs).

        share  (R, N, 1) weights of the networks in each row, their sum 1; None: all equal
        """
        return mean_of(y_hat, share)

    def central(self, y_hat: Array) -> Array:
        """Return the point prediction of each target (rows, n_targets) among the outputs ŷ."""
        return y_hat

    def predictions(self, y_hat: Array) -> Iterator[tuple[str, Array, bool]]:
        """Yield all predicted quantities: a suffix for the name, values, whether it is a width.

        Values are (rows, n_targets). A width is a distance: going back to the target's own unit it
        is scaled, and not shifted. The first is `central`, its suffix is empty.
        """
        yield "", self.central(y_hat), False

    def side(self, u: Array, y: Array) -> Array | None:
        """Return values that change where dJ/du or its derivative jumps, (..., N) or like u.

        A gradient check takes no difference quotient across a jump. None: there are no jumps.
        """
        return None


def mean_of(values: Array, share: Array | None) -> Array:
    """Return the mean over the first axis, or with these weights."""
    return np.mean(values, axis=0) if share is None else np.sum(values * share, axis=0)


class SmoothingLoss(Loss):
    """A loss that smooths its targets by ε = `label_smoothing`, one number or one a lane (R,)."""

    label_smoothing: float

    @property
    def smooths(self) -> bool:
        return bool(np.any(np.asarray(self.label_smoothing) > 0))

    def smooth(self, y: Array) -> None:
        """y ← (1 − ε) y + ε/K, K = 2 where each output is a class of its own, yes or no.

        y  (..., N, targets); with one ε a lane (R, N, targets)
        """
        epsilon = np.asarray(self.label_smoothing, np.float64)
        if epsilon.ndim and y.shape[:-2] != epsilon.shape:
            raise ValueError(
                "lanes that smooth differently need targets of their own, (R, N, targets)"
            )
        n_classes = y.shape[-1] if self.link == "softmax" else 2
        np.multiply(y, column(1 - epsilon, y), out=y)
        np.add(y, column(epsilon / n_classes, y), out=y)
