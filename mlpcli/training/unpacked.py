"""A training's state read back: everything is checked before anything is written.

Imported only where a training goes on: pydantic takes a few ms to build these classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlpcli.array_types import Array
from mlpcli.nn.arrays import empty
from mlpcli.nn.network import Network
from mlpcli.training.build import keeps_outputs
from mlpcli.training.events import Ended
from mlpcli.training.lane_state import LaneState
from mlpcli.training.lanes import build_trainer
from mlpcli.training.rate_reduction import GOOD
from mlpcli.training.stack_state import (
    StackState,
    lanes_state,
    restore_lane,
    row_of,
    trainer_state,
)
from mlpcli.training.state import TrainingState

if TYPE_CHECKING:
    from mlpcli.training.trainer import Trainer
    from mlpcli.training.training import Training

Count = Annotated[int, Field(ge=0, lt=1 << 53)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Stack(_Part):
    lanes: list[Count] = Field(min_length=1)
    epoch: Count
    rows: Count
    seconds: Seconds
    epoch_seconds: Seconds


class _Ended(_Part):
    lane: Count
    reason: Literal["finished", "patience", "diverged", "pruned"]
    epochs: Count
    best_epoch: Count
    seconds: Seconds
    last_epoch: Count
    cause: str = Field(max_length=200)
    has_row: bool

    def ended(self) -> Ended:
        """Return how the lane ended."""
        return Ended(**self.model_dump(exclude={"lane", "has_row"}))


class _Reduction(_Part):
    lane: Count
    epoch: Count


class _Document(_Part):
    n_lanes: Count
    columns: list[str]
    seconds: Seconds
    stacks: list[_Stack]
    ended: list[_Ended]
    reductions: list[_Reduction]
    n_complete: Count
    best_epoch: Count


def restore(training: Training, state: TrainingState) -> None:
    """Let a training go on from a state. Raises ValueError, and changes nothing, where it cannot.

    Lanes that had finished, where the spec now has more epochs, and are no part of any stack, are
    trained again from the start, to the same bits.
    """
    document, tensors = _document(training, state), dict(state.tensors)
    stacks = list(_stacks(training, document, tensors))
    ended_rows = _rows(training, tensors, "ended.rows", len(document.ended))
    vectors = _take(tensors, "ended.vectors", (len(document.ended), *training.vectors.shape[1:]))
    _check_type(vectors, training.vectors.dtype, "ended.vectors")
    places = _take(tensors, "waiting.places", (None, 2))
    _check_type(places, np.int64, "waiting.places")
    waiting_rows = _rows(training, tensors, "waiting.rows", len(places))
    best = _take(tensors, "best.value", (1,))
    if tensors:
        raise ValueError(f"the state has an unexpected tensor: {min(tensors)}")
    try:
        is_whole = [True] * len(places)
        waiting = _parsed(training, waiting_rows, is_whole)
        rows = _parsed(training, ended_rows, [each.has_row for each in document.ended])
    except (ValueError, OverflowError):
        raise ValueError("the state has rows of metrics without an epoch") from None
    n_lanes = len(training.lanes)
    if np.any(places[:, 0] <= document.n_complete) or np.any(places[:, 1] >= n_lanes):
        raise ValueError("the state has rows of metrics of lanes or epochs that do not wait")

    training.seconds = document.seconds
    training.saved = {one.lanes[0]: one for each in stacks for one in each.each()}
    for each, vector, row in zip(document.ended, vectors, rows, strict=True):
        spec = training.prepared[each.lane].lane.spec
        if each.reason != "finished" or each.epochs >= spec.training.epochs:
            training.ended[each.lane] = each.ended()
            training.vectors[each.lane] = vector
            training.means.ended[each.lane] = each.epochs, row
    for reduction in document.reductions:
        if reduction.lane in training.saved or training.ended[reduction.lane] is not None:
            training.reductions.add(reduction.lane, reduction.epoch)
    training.means.n_complete = document.n_complete
    for (epoch, lane), row in zip(places.tolist(), waiting, strict=True):
        if row is not None:
            training.means.waiting.setdefault(epoch, {})[lane] = row
    training.best.best, training.best.best_epoch = float(best[0]), document.best_epoch


def _document(training: Training, state: TrainingState) -> _Document:
    """Return the document of a state, which fits this training."""
    try:
        document = _Document.model_validate(state.document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its document"
        raise ValueError(f"the state is not one of a training: {where}: {first['msg']}") from None
    n_lanes = len(training.lanes)
    if (document.n_lanes, document.columns) != (n_lanes, training.columns):
        raise ValueError(
            f"the state is of {document.n_lanes} networks with the columns "
            f"{', '.join(document.columns)}; this training has {n_lanes} with "
            f"{', '.join(training.columns)}"
        )
    lanes = [lane for each in document.stacks for lane in each.lanes]
    lanes += [each.lane for each in document.ended]
    if len(set(lanes)) < len(lanes) or max(lanes, default=0) >= n_lanes:
        raise ValueError(f"the state has other networks than the {n_lanes} of this training")
    for reduction in document.reductions:
        if reduction.lane >= n_lanes:
            raise ValueError(f"the state has another network than the {n_lanes} of this training")
    for each in document.ended:
        epochs = training.prepared[each.lane].lane.spec.training.epochs
        _check_epochs(each.epochs, epochs)
    return document


def _check_epochs(epoch: int, epochs: int) -> None:
    if epoch > epochs:
        raise ValueError(f"the state is of epoch {epoch:,}, and this training has {epochs:,}")


def _stacks(
    training: Training, document: _Document, tensors: dict[str, Array]
) -> Iterator[StackState]:
    """Yield the state of each stack; take its tensors out of all."""
    probes: dict[object, Trainer] = {}
    for number, each in enumerate(document.stacks):
        shapes = {training.prepared[lane].shape for lane in each.lanes}
        if len(shapes) > 1:
            raise ValueError("the state has a stack of networks of several shapes")
        for lane in each.lanes:
            epochs = training.prepared[lane].lane.spec.training.epochs
            _check_epochs(each.epoch + (each.rows > 0), epochs)
        (shape,) = shapes
        if shape not in probes:
            probes[shape] = _probe(training, each.lanes[0])
        probe, found = probes[shape], {}
        for name, like in _example(training, probe, each).items():
            whole = f"stacks.{number}.{name}"
            found[name] = _take(tensors, whole, (len(each.lanes), *like.shape[1:]))
            _check_type(found[name], like.dtype, whole)
        saved = StackState(**each.model_dump(), tensors=found)
        _check_lanes(training, saved, probe.loader.n_steps)
        yield saved


def _probe(training: Training, lane: int) -> Trainer:
    """Return a trainer of one lane, at the beginning of an epoch, to take shapes from."""
    prepared = training.prepared[lane]
    vector = empty((prepared.architecture.layout.n_numbers,), training.vectors.dtype)
    vector[...] = training.vectors[lane]
    network = Network(prepared.architecture, vector)
    keep = keeps_outputs(prepared.lane.spec, training.encoding.task)
    trainer = build_trainer([prepared], training.dataset, network, keep_outputs=keep)
    trainer.loader.start(trainer.seeds, 1)
    trainer.step.start(trainer.seeds, 1)
    return trainer


def _example(training: Training, probe: Trainer, each: _Stack) -> Mapping[str, Array]:
    """Return tensors as the state of one lane at this place has them."""
    lane = _lane_state(training, each.lanes[0], probe.loader.n_steps)
    try:
        carried = trainer_state(probe, each.rows)
    except ValueError as error:
        raise ValueError(f"the state was saved in the middle of a batch: {error}") from None
    lanes = lanes_state([lane], training.columns, probe.network.vector)
    if not each.rows or training.spec.training.on_divergence != "reduce-lr":
        return carried | lanes
    at_end = trainer_state(probe, 0) | lanes
    return carried | lanes | {GOOD + name: like for name, like in at_end.items()}


def _lane_state(training: Training, lane: int, n_steps: int) -> LaneState:
    has_validation = training.has_validation
    return LaneState(training.prepared[lane], has_validation=has_validation, n_steps=n_steps)


def _check_lanes(training: Training, saved: StackState, n_steps: int) -> None:
    """Restore each lane into one that is thrown away."""
    for k, lane in enumerate(saved.lanes):
        state = _lane_state(training, lane, n_steps)
        try:
            restore_lane(state, saved, k, training.columns)
        except (ValueError, OverflowError):
            raise ValueError(
                f"the state of network {lane} has values that are not numbers"
            ) from None
        stopping = state.stopping
        if not 0 <= stopping.best_epoch <= saved.epoch or not 0 <= stopping.waited <= saved.epoch:
            raise ValueError(f"the state of network {lane} has its best epoch after its last one")


def _take(tensors: dict[str, Array], name: str, shape: tuple[int | None, ...]) -> Array:
    """Take a tensor of this shape, None being any number, out of those of a state."""
    if name not in tensors:
        raise ValueError(f"the state has no tensor {name}")
    found = tensors.pop(name)
    fits = len(found.shape) == len(shape) and all(
        n is None or n == m for n, m in zip(shape, found.shape, strict=True)
    )
    if not fits:
        wanted = tuple("any" if n is None else n for n in shape)
        raise ValueError(f"the state's tensor {name} has the shape {found.shape}, not {wanted}")
    return found


def _check_type(tensor: Array, dtype: object, name: str) -> None:
    if tensor.dtype != dtype:
        raise ValueError(f"the state's tensor {name} has the type {tensor.dtype}, not {dtype}")


def _rows(training: Training, tensors: dict[str, Array], name: str, n: int) -> Array:
    found = _take(tensors, name, (n, len(training.columns)))
    _check_type(found, np.float64, name)
    return found


def _parsed(training: Training, rows: Array, has_row: list[bool]) -> list[dict[str, float] | None]:
    """Return rows of metrics, None where there is none."""
    return [
        row_of(row, training.columns) if one else None
        for row, one in zip(rows, has_row, strict=True)
    ]
