"""Lanes that diverged go back to the end of their last epoch, and on with half the learning rate.

Which lane goes back, to where, and with which λ depends on that lane alone. The others go on, and
it is trained behind them, in a stack of its own: so it has the bits that it would have alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mlpcli.training.events import EpochEnded, LanesReduced
from mlpcli.training.stack_state import StackState, joined

MOST_REDUCTIONS = 5  # of one lane; then it has diverged
GOOD = "good."  # before the names of tensors of the last epoch's end, in a state within an epoch


class RateReductions:
    """The lanes of a training that went back, and where those that still train would go back to.

    epochs  in which each lane diverged and went back, by lane
    good    the state of a stack at the end of its last epoch; None: lanes that diverge end
    """

    def __init__(self) -> None:
        self.epochs: dict[int, list[int]] = {}
        self.good: StackState | None = None

    def halvings(self, lane: int) -> int:
        """Return how many times a lane's λ was halved."""
        return len(self.epochs.get(lane, ()))

    def go_back(self, lanes: Sequence[int], epoch: int, causes: Sequence[str]) -> LanesReduced:
        """Return where these lanes, which diverged in an epoch, go on."""
        if self.good is None:
            raise ValueError("no epoch's end was kept")
        state = joined([each for each in self.good.each() if each.lanes[0] in lanes])
        return LanesReduced(epoch, list(lanes), list(causes), state)

    def record(self, event: LanesReduced) -> None:
        """Record that lanes went back."""
        for lane in event.lanes:
            self.add(lane, event.epoch)

    def add(self, lane: int, epoch: int) -> None:
        """Record that a lane diverged in an epoch, and went back."""
        self.epochs.setdefault(lane, []).append(epoch)

    def to_plain(self) -> list[dict[str, int]]:
        """Return the lane and the epoch of each time, as plain data."""
        return [
            {"lane": lane, "epoch": epoch}
            for lane in sorted(self.epochs)
            for epoch in self.epochs[lane]
        ]


def with_good(state: StackState, good: StackState | None) -> StackState:
    """Return a stack's state with that at the end of its last epoch, where it is in the next."""
    if good is None or not state.rows:
        return state
    index = [good.lanes.index(lane) for lane in state.lanes]
    tensors = {GOOD + name: tensor[index] for name, tensor in good.tensors.items()}
    return replace(state, tensors=state.tensors | tensors)


def good_of(state: StackState) -> StackState:
    """Return the state at the end of the last epoch that a state has with it, or is."""
    if not state.rows:
        return state
    tensors = {
        name.removeprefix(GOOD): tensor
        for name, tensor in state.tensors.items()
        if name.startswith(GOOD)
    }
    return replace(state, rows=0, epoch_seconds=0.0, tensors=tensors)


def without_lanes(ended: EpochEnded, lanes: Sequence[int]) -> EpochEnded:
    """Return an epoch without the rows of some lanes."""
    kept = [k for k, lane in enumerate(ended.lanes) if lane not in lanes]
    return replace(ended, lanes=[ended.lanes[k] for k in kept], rows=[ended.rows[k] for k in kept])


def learning_rate_reductions(training: Any) -> list[dict[str, Any]]:
    """Return each reduction of a training: its epoch, the λ from there on, and the lane."""
    found = []
    for lane, epochs in training.reductions.epochs.items():
        rate = training.prepared[lane].lane.spec.training.optimizer.learning_rate
        found += [
            {"epoch": epoch, "learning_rate": rate * 0.5**k, "lane": lane}
            for k, epoch in enumerate(epochs, 1)
        ]
    return sorted(found, key=lambda each: (each["lane"], -each["learning_rate"]))
