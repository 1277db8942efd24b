"""The events of a training: rows done, epochs completed, and the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from mlpcli.array_types import Array
from mlpcli.training.stack_state import StackState

# Between two groups sent for one kind of event: sending costs about 0.5 ms in both processes.
SEND_SECONDS = 0.05


@dataclass(frozen=True)
class Progress:
    """Some rows of an epoch are done, in each of so many lanes."""

    epoch: int
    rows: int
    n_rows: int
    lanes: int = 1


@dataclass(frozen=True)
class LanesAdvanced:
    """Some lanes have completed an epoch that others still have to."""

    epoch: int
    lanes: list[int]


@dataclass(frozen=True)
class EpochEnded:
    """The lanes of a stack have completed an epoch; or, of a training, all lanes have.

    lanes       by number, those that trained in it
    rows        the row of metrics of each
    mean        the row of metrics.csv, over all lanes; None of a stack
    improved    whether the mean is the best so far
    best_epoch  by the means so far
    """

    epoch: int
    lanes: list[int]
    rows: list[dict[str, float]]
    mean: dict[str, float] | None = None
    improved: bool = False
    best_epoch: int = 0


@dataclass(frozen=True)
class StateReady:
    """Every event so far is in `Training.state()`, which may be taken and saved now.

    It comes after the blocks of rows and the epochs where a state is due, and once more, whatever
    is due, before the end of an interrupted training.
    """


@dataclass(frozen=True)
class Ended:
    """How a training, or that of one lane, ended.

    reason      finished, patience, interrupted, diverged or pruned
    epochs      how many were completed
    best_epoch  the epoch whose weights the network now has; 0: the initial parameters
    last_epoch  the one in which it ended: one more than epochs where that was not completed
    cause       which loss diverged, where that is the reason
    """

    reason: str
    epochs: int
    best_epoch: int
    seconds: float
    last_epoch: int = 0
    cause: str = ""


@dataclass(frozen=True)
class LanesEnded:
    """Some lanes of a stack have ended.

    vectors  (lanes, n_numbers) of their models
    rows     of metrics, of the epochs that those are of; None where a lane diverged
    """

    lanes: list[int]
    ended: list[Ended]
    vectors: Array
    rows: list[dict[str, float] | None]


@dataclass(frozen=True)
class LanesReduced:
    """Some lanes diverged in an epoch and will go on from an earlier end, with half their λ.

    causes  why, for each of them
    state   where they go on
    """

    epoch: int
    lanes: list[int]
    causes: list[str]
    state: StackState


@dataclass(frozen=True)
class RateReduced:
    """A lane diverged in an epoch: it goes back to the end of another, with half the learning rate.

    back_to        the epoch at whose end it goes on; 0: with the initial parameters
    learning_rate  λ of the optimizer from there on
    cause          what tells that it diverged
    n_lanes        of the training
    """

    epoch: int
    back_to: int
    learning_rate: float
    cause: str
    lane: int
    n_lanes: int


@dataclass(frozen=True)
class StackSaved:
    """The state of a stack in another process, after all events that came before.

    is_last  whether training is interrupted there
    """

    state: StackState
    is_last: bool


Event = Progress | LanesAdvanced | EpochEnded | RateReduced | StateReady | Ended
StackEvent = Progress | EpochEnded | LanesReduced | StateReady | StackSaved | LanesEnded


def grouped(events: Iterator[StackEvent]) -> Iterator[list[StackEvent]]:
    """Yield events as they come or, where they come quickly, several at a time."""
    waiting: list[StackEvent] = []
    sent: dict[type, float] = {}
    for event in events:
        if waiting and isinstance(event, Progress) and isinstance(waiting[-1], Progress):
            waiting.pop()
        waiting.append(event)
        now, before = time.perf_counter(), sent.get(type(event), 0.0)
        if isinstance(event, StackSaved) or now - before >= SEND_SECONDS:
            yield waiting
            waiting, sent[type(event)] = [], now
    if waiting:
        yield waiting
