"""What a loss J(ŷ, y) is: each row's loss, and delta = dJ/du at the output layer.

J is the mean over the rows of each row's loss, which is a sum over its outputs. (PyTorch averages
over the outputs too: its values are ours divided by their number.) A loss owns its link, the
output activation g that belongs to it. Value and delta are computed from the pre-activations u of
the output layer, ŷ = g(u), because fused they are exact where ŷ alone has been rounded to 0 or 1.
An output activation other than the link is a stage of its own below a loss whose link is the
identity; the chain rule does the rest (see `passes.py`).

What depends on the task, on settings that may be off, or on whether targets are mixtures is a
class of its own, a *form* of the loss: `for_task` returns it, so that no step has to ask. A form
may have another one for training, `in_chunks`, which leaves to a whole chunk of batches what need
not be done in each step: the same bits with fewer calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, ClassVar

from mlpcli.array_types import Array, Shape
from mlpcli.family import Family, Member
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import empty
from mlpcli.nn.blocks import Batches
from mlpcli.nn.replay import np

LOSSES = Family("loss")


class Chunk:
    """The rows that are gathered at once while training, as the loss's steps need and leave them.

    The loss of each row is written by the steps here. Forms that work for the whole chunk at once
    have a class of their own.

    target  (..., room, targets) or (..., room): where the targets are gathered; then what the
            steps take
    shape   (..., room, outputs) of the outputs of a chunk's rows, and their type
    keep_u  whether what the loss sees is asked for afterwards; a form may need it itself

    notes   (..., room): what the steps write as `rows`
    u       (..., room, outputs): where the steps leave u; None where nobody asks for it
    """

    # Whether u and delta have a column's numbers, those of one output, one after the other in
    # memory: what is taken over a row's outputs is then taken for many rows at a time.
    by_column: ClassVar[bool] = False

    def __init__(self, target: Array, shape: Shape, dtype: Any, *, keep_u: bool = False) -> None:
        self.target, self.notes = target, empty(shape[:-1], dtype)
        self.u = empty(shape, dtype) if keep_u else None
        self.lanes = (slice(None),) * (len(shape) - 2)

    def start(self, batches: Batches) -> None:
        """Get ready for the targets of these batches, that have just been gathered."""

    def of_batch(self, first: int, n: int) -> tuple[Array, Array]:
        """Return target and rows as `rows_and_delta` takes them, of n rows from the given one."""
        batch = (*self.lanes, slice(first, first + n))
        return self.target[batch], self.notes[batch]

    def u_of_batch(self, first: int, n: int) -> Array | None:
        """Return where the step on these rows leaves u, (..., n, outputs)."""
        return None if self.u is None else self.u[(*self.lanes, slice(first, first + n))]

    def kept(self, batches: Batches, out: Array) -> None:
        """Write the u of these batches, the chunk's first, into `out` (..., rows, outputs)."""
        assert self.u is not None
        np.copyto(out, self.u[..., : out.shape[-2], :])

    def row_losses(self, n_rows: int, rows: Array) -> None:
        """Write the loss of each of the chunk's first rows, before its step, into `rows`."""
        np.copyto(rows, self.notes[..., :n_rows])


class Loss(Member):
    """One loss: value, delta, link, and the tasks it is for."""

    link: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]  # that it may be chosen for
    outputs: ClassVar[tuple[str, ...] | None] = ()  # allowed beside the link; None: any
    class_index: ClassVar[bool] = False  # targets are class numbers (rows,), not (rows, outputs)
    threshold: ClassVar[float] = 0.5  # a binary or multilabel ŷ above it means: yes
    standardized: ClassVar[bool] = True  # whether a regression target may be standardized
    target_range: ClassVar[str] = ""  # what `refused` refuses, as in "takes no target …"
    mixes: ClassVar[bool] = True  # whether targets may be mixtures of several rows'
    chunk: ClassVar[type[Chunk]] = Chunk  # what the steps of this form need and leave

    def for_task(self, task: str, *, output: str | None = None, mixed: bool = False) -> Loss:
        """Return the loss that does the work: one class for each form, so that none has to ask.

        task    regression, binary, multiclass or multilabel
        output  the output activation, where the spec names one
        mixed   targets are mixtures of several rows': those of classes are then (rows, outputs),
                between 0 and 1. Asked of a loss only where `mixes` says that it may be
        """
        return self

    @property
    def takes_columns(self) -> bool:
        """Whether the steps of this form are given u and delta by column."""
        return self.chunk.by_column

    def in_chunks(self, n_outputs: int, n_last: int) -> Loss:
        """Return the form that trains.

        n_outputs  of the network
        n_last     numbers of a batch that the last layer takes: its rows times the layer's inputs
        """
        return self

    def form(self, cls: type[Loss]) -> Loss:
        """Return the same settings in another of this loss's classes."""
        if type(self) is cls:
            return self
        return cls(**{f.name: getattr(self, f.name) for f in fields(self)})

    def faults(self, task: str | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield what is wrong with the settings beyond their bounds: where, and a sentence.

        task  None where it is not known yet
        """
        yield from ()

    def n_outputs(self, n_targets: int) -> int:
        """Return how many outputs the network needs for so many target columns (or classes)."""
        return n_targets

    def refused(self, target: Array) -> Array:
        """Return where a target (rows, targets), in its own unit, is none for this loss."""
        return np.zeros(target.shape, bool)

    def predict(self, u: Array, out: Array) -> None:
        """Write ŷ = g(u), the link's value, into `out`."""
        link = ACTIVATIONS[self.link]()
        link.value(u, out, link.scratch(out))

    def outputs_of(self, y_hat: Array) -> Array:
        """Return a u whose prediction ŷ is: what `predict` undoes, for predictions averaged."""
        return ACTIVATIONS[self.link]().inverse(y_hat)

    def average(self, y_hat: Array, share: Array | None = None) -> Array:
        """Return the one prediction (N, outputs) of R networks that predict ŷ (R, N, outputs).

        share  (R, N, 1) of each network in each row, 1 in their sum; None: all the same
        """
        return mean_of(y_hat, share)

    def central(self, y_hat: Array) -> Array:
        """Return the one prediction of each target (rows, n_targets) among the outputs ŷ."""
        return y_hat

    def predictions(self, y_hat: Array) -> Iterator[tuple[str, Array, bool]]:
        """Yield all that ŷ says of the targets: a suffix for the name, values, whether a width.

        Values are (rows, n_targets). A width is a distance: going back to the target's own unit it
        is scaled, and not shifted. The first is `central`, its suffix is empty.
        """
        yield "", self.central(y_hat), False

    def side(self, u: Array, target: Array) -> Array | None:
        """Return numbers that change where dJ/du or its derivative jumps, (..., N) or like u.

        None: they never jump. A gradient check takes no difference quotient across a jump.
        """
        return None

    def scratch(self, delta: Array) -> Any:
        """Return what `rows_and_delta` needs beside this delta, made once per run.

        Arrays to work in, and the hyperparameters in the arrays' type and with their lanes.
        """
        return None

    def rows_and_delta(
        self, u: Array, target: Array, scale: Array, rows: Array, delta: Array, scratch: Any
    ) -> None:
        """Write each row's loss into `rows`, and scale times its derivative into `delta`.

        u        (..., N, outputs) pre-activations of the output layer; unchanged
        target   (N, targets) or (..., N, targets); (N,) or (..., N) class numbers
        scale    1/N, so that delta is that of the mean, without axes or one a lane (R, 1, 1); or
                 (..., N, 1), each row's weight divided by N
        rows     (..., N) receives the loss of each row, unweighted
        delta    (..., N, outputs) receives scale d(rows)/du; must not alias u
        scratch  what `scratch` returned for this delta
        """
        raise NotImplementedError


def mean_of(values: Array, share: Array | None) -> Array:
    """Return the mean over the first axis, or with these shares."""
    return np.mean(values, axis=0) if share is None else np.sum(values * share, axis=0)


def only_without(loss: Loss, value: Any) -> None:
    """Check that a setting which asks for another form is off. ValueError where it is not.

    Without it a smoothed loss of which nobody has called `for_task` would train unsmoothed.
    """
    if np.any(np.asarray(value) != 0):
        raise ValueError(f"{loss!r} is not a form: call its for_task first")


def signs(target: Array, s: Array) -> None:
    """s ← 1 − 2y, for y in {0, 1}: −1 for yes, 1 for no."""
    np.multiply(target, -2.0, out=s)
    np.add(s, 1.0, out=s)
