"""A training's state as arrays and plain data, from its lanes under way, waiting and ended."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.training.stack_state import StackState, joined, rows_to_array
from mlpcli.training.state import TrainingState

if TYPE_CHECKING:
    from mlpcli.training.training import Training


def packed(training: Training) -> TrainingState:
    """Return a copy of a training's state, which `unpacked.restore` reads."""
    stacks = _stacks(training)
    places = [
        {
            "lanes": each.lanes,
            "epoch": each.epoch,
            "rows": each.rows,
            "seconds": each.seconds,
            "epoch_seconds": each.epoch_seconds,
        }
        for each in stacks
    ]
    tensors = {
        f"stacks.{number}.{name}": tensor
        for number, each in enumerate(stacks)
        for name, tensor in each.tensors.items()
    }
    ended = {lane: how for lane, how in enumerate(training.ended) if how is not None}
    means, best = training.means, training.best
    document = {
        "n_lanes": len(training.lanes),
        "columns": list(training.columns),
        "seconds": training.seconds_so_far(),
        "stacks": places,
        "ended": [
            {"lane": lane, **asdict(how), "has_row": means.ended[lane][1] is not None}
            for lane, how in ended.items()
        ],
        "reductions": training.reductions.to_plain(),
        "n_complete": means.n_complete,
        "best_epoch": best.best_epoch,
    }
    rows = [means.ended[lane][1] for lane in ended]
    tensors["ended.vectors"] = training.vectors[list(ended)]
    tensors["ended.rows"] = rows_to_array(rows, training.columns)
    tensors["best.value"] = np.array([best.best])
    return TrainingState(tensors | _waiting(training), document)


def _stacks(training: Training) -> list[StackState]:
    """Return the state of each stack: of those at work, and of those that wait to go on."""
    if training.gathered is not None:
        found = list(training.gathered)
    else:
        found = [training.stack_state()] if training.active else []
    at_work = {lane for each in found for lane in each.lanes}
    for lanes in training.stacks_to_come():
        waiting = [lane for lane in lanes if lane in training.saved and lane not in at_work]
        if waiting:
            found.append(joined([training.saved[lane] for lane in waiting]))
    return found


def _waiting(training: Training) -> dict[str, Array]:
    """Return the rows of metrics of epochs that not all lanes have completed."""
    places: list[tuple[int, int]] = []
    rows: list[Any] = []
    for epoch, by_lane in training.means.waiting.items():
        places += [(epoch, lane) for lane in by_lane]
        rows += by_lane.values()
    return {
        "waiting.places": np.array(places, np.int64).reshape(-1, 2),
        "waiting.rows": rows_to_array(rows, training.columns),
    }
