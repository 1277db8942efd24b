"""Where and why a training diverged, found by training its last epoch again and looking.

Nothing is kept for it while it trains: a training is deterministic, so the epoch can be had again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.errors import MlpError
from mlpcli.spec.load import LoadedSpec, with_values
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Document
from mlpcli.training.divergence_causes import find_causes
from mlpcli.training.divergence_evidence import Evidence, Replay, Stop
from mlpcli.training.divergence_finding import LEARNING_RATE, Advice, Finding
from mlpcli.training.events import Ended, EpochEnded
from mlpcli.training.lanes import Lane
from mlpcli.training.rate_reduction import MOST_REDUCTIONS
from mlpcli.training.step_watch import Place, StepWatch
from mlpcli.training.trainer import never
from mlpcli.training.training import Training

REPLAY_SECONDS = 10.0  # to come to the epoch and to look at it, at most; and as long for advice
MOST_ADVICE = 2
SHOWN_STEPS = 5  # before the one in which a number was no longer finite


def explain(training: Training, stop: Stop = never) -> dict[str, Any] | None:
    """Return where and why the first of a training's lanes to diverge did, as plain data.

    None where none has. What takes longer than REPLAY_SECONDS is left out.
    """
    lost = [
        (ended.last_epoch, lane, ended)
        for lane, ended in enumerate(training.ended)
        if ended is not None and ended.reason == "diverged"
    ]
    if not lost:
        return None
    epoch, lane, ended = min(lost, key=lambda each: each[:2])
    document: dict[str, Any] = {
        "epoch": epoch,
        "grew_from": None,
        "step": None,
        "layer": None,
        "quantity": None,
        "what": f"{ended.cause} was not finite",
        "before": [],
        "cause": None,
        "why": "",
        "numbers": {},
        "try": [],
    }
    if len(training.lanes) > 1:
        document |= {"replica": lane, "replicas": len(lost)}
    try:
        with np.errstate(all="ignore"):
            _look(training, lane, ended, document, stop)
    except (MlpError, MemoryError) as error:
        document["why"] = f"not looked into: {error or 'not enough memory'}"
    return document


def _look(
    training: Training, number: int, ended: Ended, document: dict[str, Any], stop: Stop
) -> None:
    """Train a lane's last epoch again; write into the document what was found."""
    lane = training.lanes[number]
    epoch, in_time = ended.last_epoch, _within(REPLAY_SECONDS, stop)
    if training.reductions.halvings(number) and training.reductions.of_lane(number) is None:
        training, number = _again(training, lane, in_time), 0  # it was in another process
    replay = Replay(lane.spec, training.dataset, [lane])
    replay.go_on_from(training, number, epoch)
    watch = replay.train(epoch, in_time)
    if watch is None:
        document["why"] = f"not looked into: it would take longer than {REPLAY_SECONDS:g} s"
        return
    found = _place(replay, watch)
    document |= _described(replay, watch, found)
    if found is None:
        return
    place, part, rows = found
    earlier = _growing(training, number, epoch, replay, in_time)
    if earlier is not None and earlier.watch is not None:
        replay, watch = earlier, earlier.watch
    document["grew_from"] = replay.first_growth(epoch)
    evidence = Evidence(place, part, rows, watch, replay, in_time)
    trial = Trial(training, lane, ended.last_epoch, _within(REPLAY_SECONDS, stop))
    finding = _likeliest(evidence, trial)
    document |= {"cause": finding.cause, "why": finding.why, "numbers": finding.numbers}
    document["try"] = _tried(finding.advice, trial)
    if finding.cause == "learning_rate" and lane.spec.training.on_divergence == "stop":
        document["try"] += _halving(document["try"], training.optimizer.learning_rate)


def _again(training: Training, lane: Lane, stop: Stop) -> Training:
    """Train a lane again, alone, its rates halved as they were."""
    again = Training(lane.spec, training.dataset, [lane])
    for _ in again.run(stop):
        pass
    return again


def _growing(
    training: Training, number: int, epoch: int, replay: Replay, stop: Stop
) -> Replay | None:
    """Return a replay up to the end of the epoch in which the loss began to grow, if not its own.

    None too where there is no time for it.
    """
    lane = training.lanes[number]
    earlier, began = Replay(lane.spec, training.dataset, [lane]), replay.first_growth(epoch)
    if replay.has_grown_before and not training.reductions.halvings(number):
        watch = earlier.train(epoch, stop, until_growth=True)
    elif began < epoch:
        earlier.go_on_from(training, number, began)
        watch = earlier.train(began, stop)
    else:
        return None
    return None if watch is None else earlier


def _likeliest(evidence: Evidence, trial: Trial) -> Finding:
    """Return the first cause without which the training does not diverge; else the first of all."""
    first: Finding | None = None
    for finding in find_causes(evidence):
        if trial.trains(finding.advice[0].settings) is not False:
            return finding
        first = first or finding
    if first is None:
        raise ValueError("that the cause is unknown is a cause as well")
    return first


def _within(seconds: float, stop: Stop) -> Stop:
    deadline = time.perf_counter() + seconds
    return lambda: time.perf_counter() > deadline or stop()


def _place(replay: Replay, watch: StepWatch) -> tuple[Place, str, Array] | None:
    """Return the first number that is not finite, the part that it is of, and the rows of it."""
    if watch.place is not None:
        return watch.place, "train", watch.rows
    for part in ("validation", "train"):
        if part in replay.dataset.parts:
            bad = replay.bad_rows(part)
            if len(bad):
                return Place(watch.epoch, 0, "output", "loss"), part, bad
    return None


def _described(
    replay: Replay, watch: StepWatch, found: tuple[Place, str, Array] | None
) -> dict[str, Any]:
    """Return where it began, and the norms before, as plain data."""
    last = None if found is None else (found[0].epoch, found[0].step)
    steps = [norms for norms in watch.norms if (norms.epoch, norms.step) != last]
    before = {"before": [norms.to_plain() for norms in steps[-SHOWN_STEPS:]]}
    if found is None:
        return before
    place, part, rows = found
    many = f"{len(rows):,} of {len(replay.dataset.parts[part]):,} {part} rows"
    return before | {
        "step": place.step or None,
        "layer": place.layer,
        "quantity": place.quantity,
        "tensor": place.tensor,
        "what": str(place) if place.step else f"the loss of {many}",
    }


# ---------------------------------------------------------------- advice that was tried


class Trial:
    """Trains a lane with other settings, up to the end of the epoch in which it diverged."""

    def __init__(self, training: Training, lane: Lane, epoch: int, stop: Stop) -> None:
        self.training, self.lane, self.epoch, self.stop = training, lane, epoch, stop
        self.known: dict[str, bool | None] = {}

    def trains(self, settings: dict[str, Any]) -> bool | None:
        """Whether it trains; None where that is not known: data are not read again."""
        key = repr(settings)
        if key not in self.known:
            self.known[key] = self._trains(settings)
        return self.known[key]

    def _trains(self, settings: dict[str, Any]) -> bool | None:
        if any(key.startswith("data.") for key in settings) or self.stop():
            return None
        spec = _with_settings(self.lane.spec, settings)
        if spec is None:
            return False
        other = Lane(spec, self.lane.seed, self.lane.rows, self.lane.held_out)
        one = Training(spec, _as_type(self.training.dataset, spec.runtime.dtype), [other])
        for event in one.run_stack([0], self.stop, never, self.stop):
            if isinstance(event, EpochEnded) and event.epoch == self.epoch:
                break
        reason = one.states[0].reason
        return None if reason == "interrupted" else reason != "diverged"


def _as_type(dataset: Dataset, dtype: str) -> Dataset:
    """Return a data set with the floats of its parts in a type."""
    if all(part.X.dtype == dtype for part in dataset.parts.values()):
        return dataset
    parts = {}
    for name, part in dataset.parts.items():
        y = part.y.astype(dtype) if part.y.dtype.kind == "f" else part.y
        weight = None if part.weight is None else part.weight.astype(dtype)
        parts[name] = replace(part, X=part.X.astype(dtype), y=y, weight=weight)
    return replace(dataset, parts=parts)


def _tried(advice: Sequence[Advice], trial: Trial) -> list[dict[str, Any]]:
    """Return the advice as plain data, up to the first with which the lane trains.

    What diverges again is left out, unless there is nothing else.
    """
    found: list[dict[str, Any]] = []
    lost: list[dict[str, Any]] = []
    for each in advice:
        trains = trial.trains(each.settings)
        options = [f"--set {key}={_text(value)}" for key, value in each.settings.items()]
        plain = {"set": each.settings, "options": " ".join(options), "why": each.why}
        (lost if trains is False else found).append({**plain, "trained": trains})
        if trains or len(found) == MOST_ADVICE:
            break
    return found or lost[-1:]


def _halving(tried: Sequence[dict[str, Any]], rate: float) -> list[dict[str, Any]]:
    """Return the advice to go back with lower rates, where those come down to one that trains."""
    lowest = max((each["set"].get(LEARNING_RATE, 0.0) for each in tried), default=0.0)
    if rate * 0.5**MOST_REDUCTIONS > lowest:
        return []
    option, why = "--on-divergence reduce-lr", "goes back, and on with half the rate"
    settings = {"training.on_divergence": "reduce-lr"}
    return [{"set": settings, "options": option, "why": why, "trained": None}]


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _with_settings(spec: Spec, settings: dict[str, Any]) -> Spec | None:
    document = Document("", spec.model_dump(), {}, {})
    try:
        return with_values(LoadedSpec(spec, document, Path(), ""), settings).spec
    except MlpError:
        return None
