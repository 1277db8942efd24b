"""Longer trials of a few learning rates: the spec's own training, judged by rows it has not seen.

Each rate is trained once for each fold of the training rows, with the spec's schedule, validation
rows and early stopping, as lanes. The rows of its fold, which chose nothing, judge it. So every
training row has its say, where the validation rows may be few, and have chosen the epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.data.resampling import most_folds
from mlpcli.nn.network import Network
from mlpcli.randomness import generator, replica_seed
from mlpcli.spec.schema import Spec
from mlpcli.training.build import batch_size_of
from mlpcli.training.cost import memory_of
from mlpcli.training.evaluation import row_losses
from mlpcli.training.events import Ended, EpochEnded, LanesEnded
from mlpcli.training.lanes import Lane, fold_rows
from mlpcli.training.plan import (
    WORTH_A_PROCESS,
    Plan,
    best_lanes,
    even_runs,
    memory_for,
    seconds_of,
)
from mlpcli.training.processes import run_tasks
from mlpcli.training.rate_choice import Lead, Trial, lead_of
from mlpcli.training.shards import threads_of
from mlpcli.training.training import Training

FOLDS = 5
LEAST_ROWS = 4  # of each fold
MOST_STEPS = 10_000  # of each network
LEAST_STEPS = 500
MULTIPLY_ADDS = 1e11  # of all networks, some 10 seconds; but LEAST_STEPS are always taken
LEAST_EPOCHS = 8  # in these steps: of more rows so many are drawn
MAX_HELD_OUT = 4096  # rows of each fold
STACK_BYTES = 256 << 20  # of all that the networks of one stack need


@dataclass
class Course:
    """The loss of one network from epoch to epoch, and what became of it.

    steps     after each epoch, and
    losses    the validation loss then; the training loss where there are no such rows
    ended     how its training ended
    held_out  (rows,) losses of the rows of its fold
    """

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    ended: Ended | None = None
    held_out: Array = field(default_factory=lambda: np.empty(0))

    @property
    def reason(self) -> str:
        """Why its training ended."""
        return "" if self.ended is None else self.ended.reason

    def catch_up(self, all_steps: int) -> float:
        """Return what may still be gained in the steps left out, at the last doubling's pace.

        A loss falls by less with each doubling of the steps: so it is rather too much.
        """
        if self.reason != "interrupted":
            return 0.0
        until_half = [
            loss
            for step, loss in zip(self.steps, self.losses, strict=True)
            if 2 * step <= self.steps[-1]
        ]
        if not until_half:
            return math.inf
        gained = min(until_half) - min(self.losses)
        return max(0.0, gained) * max(0.0, math.log2(all_steps / self.steps[-1]))


def compare(
    training: Training, rates: Sequence[float], stop: Callable[[], bool]
) -> list[Trial] | None:
    """Train at each rate on each fold; return how they did. None where `stop` became true.

    training  the spec's, which is not run
    rates     the first one is the spec's
    Returns no trial at all where there are too few rows for it.
    """
    spec, dataset = training.spec, training.dataset
    most_steps = steps_of_trial(training, len(rates) * FOLDS)
    folds = make_folds(training, most_steps)
    if not folds:
        return []
    lanes = [
        Lane(each, replica_seed(spec.seed, k), *fold)
        for each in (with_rate(spec, rate) for rate in rates)
        for k, fold in enumerate(folds)
    ]
    shared = share_out(training, len(lanes), len(folds[0][0]), most_steps)

    def train(stack: Sequence[int], stop: Callable[[], bool]) -> list[Course]:
        return _train(dataset, [lanes[k] for k in stack], most_steps, stop)

    found = run_tasks(train, shared.stacks, shared.processes, stop)
    if stop():
        return None
    courses: list[Course] = [course for some in found for course in some]
    _weigh(courses, folds, dataset.parts["train"].weight)
    each = [courses[start : start + len(folds)] for start in range(0, len(courses), len(folds))]
    all_steps = spec.training.epochs * _steps_of_epoch(training, training.prepared[0].n_rows)
    catch_up = float(np.mean([course.catch_up(all_steps) for course in each[0]]))
    return [
        _trial(rate, each[0], some, catch_up if rate > rates[0] else 0.0)
        for rate, some in zip(rates, each, strict=True)
    ]


def with_rate(spec: Spec, rate: float) -> Spec:
    """Return the spec with another learning rate, and without an ensemble."""
    member: Any = spec.training.optimizer
    optimizer = member.model_copy(update={"learning_rate": rate})
    training = spec.training.model_copy(update={"optimizer": optimizer})
    return spec.model_copy(update={"training": training, "ensemble": None})


def make_folds(training: Training, most_steps: int) -> list[tuple[Array, Array]]:
    """Return for each fold the rows to train on and those held out, as many for each fold.

    Of many rows so many are drawn that `most_steps` are LEAST_EPOCHS epochs. Empty where there are
    too few rows, or where those of a fold have no weight.
    """
    spec, train = training.spec, training.dataset.parts["train"]
    n_rows, epoch_steps = len(train), most_steps // LEAST_EPOCHS
    if most_folds(n_rows, training.dataset.split_key) < FOLDS:
        return []
    folds = fold_rows(training.dataset, FOLDS, spec.seed)
    n_train = min(*(len(others) for others, _ in folds), epoch_steps * batch_of(training))
    n_held = min(*(len(held) for _, held in folds), MAX_HELD_OUT)
    if n_held < LEAST_ROWS or n_train < training.architecture.least_rows:
        return []
    found = []
    for k, (others, held) in enumerate(folds):
        rng = generator(spec.seed, "bootstrap", 0, 2, k)
        drawn = [rng.choice(x, n, replace=False) for x, n in ((others, n_train), (held, n_held))]
        found.append((np.sort(drawn[0]), np.sort(drawn[1])))
    weight = train.weight
    if weight is not None and not all(weight[a].any() and weight[b].any() for a, b in found):
        return []
    return found


def steps_of_trial(training: Training, n_networks: int) -> int:
    """Return how many steps each network may take."""
    each = 3 * batch_of(training) * training.architecture.multiply_adds * n_networks
    return int(min(MOST_STEPS, max(LEAST_STEPS, MULTIPLY_ADDS // each)))


def share_out(training: Training, n_networks: int, n_rows: int, steps: int) -> Plan:
    """Return how networks of the spec, on so many rows, for so many steps each, are trained.

    No process of its own for short work; and no more of them than the memory has room for.
    """
    spec, batch = training.spec, batch_of(training)
    each = _bytes_per_network(training, n_rows)
    memory = max(memory_for(spec), each)
    processes = min(threads_of(spec), n_networks, memory // each)
    if seconds_of(training.architecture, batch, n_networks * steps) < WORTH_A_PROCESS:
        processes = 1
    best = best_lanes(training.architecture, batch, spec.runtime.dtype)
    width = max(1, min(best, STACK_BYTES // each, memory // processes // each))
    # As many for each process, so that none waits for another's last stack.
    rounds = -(-n_networks // (width * processes))
    stacks = even_runs(range(n_networks), min(n_networks, rounds * processes))
    return Plan(stacks, processes, processes * width * each)


def _bytes_per_network(training: Training, n_rows: int) -> int:
    """Return what a network of the spec takes that is trained on so many rows."""
    spec, dataset = training.spec, training.dataset
    parts = {name: part.take(np.arange(len(part))[:n_rows]) for name, part in dataset.parts.items()}
    small = replace(dataset, parts=parts)
    return memory_of(spec, training.architecture, small, batch_of(training)).per_network


def batch_of(training: Training) -> int:
    """Return the rows of a batch."""
    n_train = len(training.dataset.parts["train"])
    return min(batch_size_of(training.spec, n_train), n_train)


def _steps_of_epoch(training: Training, n_rows: int) -> int:
    return -(-n_rows // batch_of(training))


def _train(
    dataset: Dataset, lanes: list[Lane], most_steps: int, stop: Callable[[], bool]
) -> list[Course]:
    """Train for so many steps; return the course of each lane."""
    training = Training(lanes[0].spec, dataset, lanes)
    courses = [Course() for _ in lanes]
    watched = "val_loss" if training.has_validation else "train_loss"
    by_shape: dict[object, list[int]] = {}
    for lane, prepared in enumerate(training.prepared):
        by_shape.setdefault(prepared.shape, []).append(lane)
    for stack in by_shape.values():
        n_steps = _steps_of_epoch(training, training.prepared[stack[0]].n_rows)
        for event in training.run_stack(stack, _Limit(most_steps, stop)):
            if isinstance(event, EpochEnded):
                for lane, row in zip(event.lanes, event.rows, strict=True):
                    courses[lane].steps.append(event.epoch * n_steps)
                    courses[lane].losses.append(row[watched])
            elif isinstance(event, LanesEnded):
                for k, lane in enumerate(event.lanes):
                    courses[lane].ended = event.ended[k]
                    rows = lanes[lane].held_out
                    courses[lane].held_out = _held_out_losses(training, event.vectors[k], rows)
    return courses


def _held_out_losses(training: Training, vector: Array, rows: Any) -> Array:
    network = Network(training.architecture, vector)
    part = training.dataset.parts["train"].take(rows)
    with np.errstate(all="ignore"):  # of a network that has diverged
        return row_losses(network, training.encoding, part).astype(np.float64)


class _Limit:
    """Says after each step whether training is to end: after so many, or where `stop` says so."""

    def __init__(self, steps: int, stop: Callable[[], bool]) -> None:
        self.left, self.stop = steps, stop

    def __call__(self) -> bool:
        self.left -= 1
        return self.stop() or self.left <= 0


def _weigh(courses: list[Course], folds: list[tuple[Array, Array]], weight: Array | None) -> None:
    """Multiply the losses by the weights of their rows, scaled to a mean of 1."""
    if weight is None:
        return
    weights = [weight[held].astype(np.float64) for _, held in folds]
    mean = np.mean(np.concatenate(weights))
    for k, course in enumerate(courses):
        course.held_out *= weights[k % len(folds)] / mean


def _trial(rate: float, spec: list[Course], courses: list[Course], catch_up: float) -> Trial:
    """Return how a rate did beside the spec's."""
    diverged = sum(course.reason == "diverged" for course in courses)
    losses = [course.held_out for course in courses]
    with np.errstate(all="ignore"):
        mean = float(np.mean(np.concatenate(losses)))
        lead = lead_of([course.held_out for course in spec], losses)
    if diverged or not math.isfinite(mean):
        mean = math.inf
    if math.isinf(mean) or any(course.reason == "diverged" for course in spec):
        lead = Lead()
    return Trial(rate, mean, diverged, lead.mean, lead.least, lead.error, catch_up)
