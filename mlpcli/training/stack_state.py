"""The state of a stack between two steps, as arrays whose first axis is the lanes.

So a lane goes on in any stack of lanes that are where it is, in the same epoch and after the same
rows of it. What is drawn anew, given the seeds and the epoch, is no part of it: the order of the
rows, and the beginnings of all random streams.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mlpcli.array_types import Array
from mlpcli.randomness import place_of, set_place

if TYPE_CHECKING:
    from mlpcli.training.lane_state import LaneState
    from mlpcli.training.trainer import Trainer

STREAM = "stream."  # before the names of streams


@dataclass(frozen=True)
class StackState:
    """Where some lanes are, and their arrays.

    lanes          by number
    epoch          the last completed one
    rows           of the next one that are done; 0: it has not begun
    seconds        of training so far, and
    epoch_seconds  of the epoch that has begun
    tensors        (lanes, ...) each
    """

    lanes: list[int]
    epoch: int
    rows: int
    seconds: float
    epoch_seconds: float
    tensors: dict[str, Array]

    @property
    def place(self) -> tuple[int, int]:
        """Equal where lanes can go on in one stack."""
        return self.epoch, self.rows

    def each(self) -> Iterator[StackState]:
        """Yield the state of each lane alone, views."""
        for k, lane in enumerate(self.lanes):
            one = {name: tensor[k : k + 1] for name, tensor in self.tensors.items()}
            yield replace(self, lanes=[lane], tensors=one)


def joined(states: Sequence[StackState]) -> StackState:
    """Return the state of one stack of the lanes of several, all at one place."""
    first = states[0]
    if len(states) == 1:
        return first
    tensors = {
        name: np.concatenate([each.tensors[name] for each in states]) for name in first.tensors
    }
    return StackState(
        [lane for each in states for lane in each.lanes],
        first.epoch,
        first.rows,
        max(each.seconds for each in states),
        max(each.epoch_seconds for each in states),
        tensors,
    )


def stack_state(
    trainer: Trainer,
    lanes: Sequence[int],
    inside: Sequence[int],
    states: Sequence[LaneState],
    columns: Sequence[str],
    begun: tuple[float, float],
) -> StackState:
    """Return a copy of the state of some lanes of a trainer.

    lanes    by number, and
    inside   where the trainer has each of them
    columns  of a row of metrics
    begun    when the stack and the epoch did, by `time.perf_counter`
    """
    now, first = time.perf_counter(), states[0]
    rows = trainer.rows_done if first.last_epoch > first.epoch else 0
    carried = {name: tensor[inside] for name, tensor in trainer_state(trainer, rows).items()}
    tensors = carried | lanes_state(states, columns, carried["vector"][0])
    seconds = now - begun[0], now - begun[1] if rows else 0.0
    return StackState(list(lanes), first.epoch, rows, *seconds, tensors)


# ---------------------------------------------------------------- the trainer


def trainer_state(trainer: Trainer, rows: int) -> dict[str, Array]:
    """Return what a trainer carries from step to step, after so many rows of an epoch.

    The arrays are views, (lanes, ...), but for the random streams.
    """
    streams = trainer.streams() if rows else {}
    places = {
        STREAM + name: np.array([place_of(rng) for rng in lanes], np.uint64)
        for name, lanes in streams.items()
    }
    return _views(trainer) | (_views_in_epoch(trainer, rows) if rows else {}) | places


def restore_trainer(trainer: Trainer, saved: StackState) -> None:
    """Write what a trainer carries from epoch to epoch."""
    _write(_views(trainer), saved.tensors)
    trainer.step.update.state.steps = saved.epoch * trainer.loader.n_steps


def restore_epoch(trainer: Trainer, saved: StackState) -> None:
    """Take a trainer that has begun an epoch to where it was in the midst of it."""
    _write(_views_in_epoch(trainer, saved.rows), saved.tensors)
    for name, lanes in trainer.streams().items():
        for rng, place in zip(lanes, saved.tensors[STREAM + name].tolist(), strict=True):
            set_place(rng, place)
    trainer.rows_done = saved.rows
    start, _ = trainer.loader.block_at(saved.rows)
    trainer.finite[...] = np.isfinite(trainer.losses[..., :start]).all(axis=-1)


def _write(views: Mapping[str, Array], tensors: Mapping[str, Array]) -> None:
    for name, view in views.items():
        view[...] = tensors[name]


def _views(trainer: Trainer) -> dict[str, Array]:
    update = trainer.step.update
    found = {
        "vector": trainer.network.vector,
        "optimizer.vectors": np.moveaxis(update.state.vectors, 0, -2),
        "optimizer.powers": np.moveaxis(update.state.powers, 0, -1),
    }
    if update.average is not None:
        found |= {"average.vector": update.average.average, "average.power": update.average.power}
    return _lanes_first(trainer, found)


def _views_in_epoch(trainer: Trainer, rows: int) -> dict[str, Array]:
    """Return the figures of the rows that are done, and the block of rows under way.

    Of a block whose steps are not all taken its rows are kept too, as they were transformed.
    """
    loader = trainer.loader
    start, stop = loader.block_at(rows)
    found = {"losses": trainer.losses[..., :start]}
    if trainer.outputs is not None:
        found["outputs"] = trainer.outputs[..., :start, :]
    if loader.targets is not None:
        found["targets"] = loader.targets[..., :stop, :]
    if start < rows:
        block = loader.block_of(stop - start)
        found |= {"block.X": block.X, "block.y": block.y}
        found["block.u"] = block.u[..., : rows - start, :]
        if block.scale is not None:
            found["block.scale"] = block.scale
    return _lanes_first(trainer, found)


def _lanes_first(trainer: Trainer, arrays: Mapping[str, Array]) -> dict[str, Array]:
    if trainer.network.lane_shape:
        return dict(arrays)
    return {name: array[np.newaxis] for name, array in arrays.items()}


# ---------------------------------------------------------------- the lanes


def lanes_state(
    states: Sequence[LaneState], columns: Sequence[str], like: Array
) -> dict[str, Array]:
    """Return what each lane carries from epoch to epoch, copied.

    columns  of a row of metrics
    like     (n_numbers,) of the type of a lane's numbers
    """
    best = np.zeros((len(states), len(like)), like.dtype)
    for vector, state in zip(best, states, strict=True):
        if state.vector is not None:
            vector[...] = state.vector
    stopping = [state.stopping for state in states]
    return {
        "best.vector": best,
        "best.value": np.array([each.best for each in stopping]),
        "best.epoch": np.array([each.best_epoch for each in stopping], np.int64),
        "best.waited": np.array([each.waited for each in stopping], np.int64),
        "best.row": rows_to_array([state.row for state in states], columns),
        "latest.row": rows_to_array([state.latest_row for state in states], columns),
        "first_loss": np.array([state.first_loss for state in states]),
        "schedule": np.array([[*state.schedule.state.values()] for state in states], np.float64),
    }


def restore_lane(state: LaneState, saved: StackState, k: int, columns: Sequence[str]) -> None:
    """Take a lane, the k-th of those saved, to the end of an epoch."""
    tensors, epoch = saved.tensors, saved.epoch
    state.epoch = state.last_epoch = epoch
    state.reason = "finished" if epoch >= state.epochs else ""
    stopping = state.stopping
    stopping.best = float(tensors["best.value"][k])
    stopping.best_epoch = int(tensors["best.epoch"][k])
    stopping.waited = int(tensors["best.waited"][k])
    if stopping.best_epoch:
        state.vector = tensors["best.vector"][k].copy()
        state.row = row_of(tensors["best.row"][k], columns)
    if epoch:
        state.latest_row = row_of(tensors["latest.row"][k], columns)
    state.first_loss = float(tensors["first_loss"][k])
    kept = state.schedule.state
    for name, value in zip(kept, tensors["schedule"][k].tolist(), strict=True):
        kept[name] = type(kept[name])(value)


def rows_to_array(rows: Sequence[dict[str, float] | None], columns: Sequence[str]) -> Array:
    """Return rows of metrics as an array (rows, columns), NaN where there is none."""
    found = np.full((len(rows), len(columns)), np.nan)
    for values, row in zip(found, rows, strict=True):
        if row is not None:
            values[...] = [row[name] for name in columns]
    return found


def row_of(values: Array, columns: Sequence[str]) -> dict[str, float]:
    """Return a row of metrics, its epoch a whole number."""
    row = dict(zip(columns, values.tolist(), strict=True))
    return {**row, "epoch": int(row["epoch"])}
