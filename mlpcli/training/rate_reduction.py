"""Lanes that diverged go back to the end of their last epoch, and on with half the learning rate.

Which lane goes back, to where, and with which λ depends on that lane alone. The others go on, and
it is trained behind them, in a stack of its own: so it has the bits that it would have alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlpcli.training.events import EpochEnded, LanesReduced
from mlpcli.training.stack_state import StackState, joined

if TYPE_CHECKING:
    from mlpcli.training.lane_state import LaneState

MOST_REDUCTIONS = 5  # of one lane; then it has diverged
# Times the first batch's loss, at least 1: finite, but weights that come from there are of no use.
GROWN = 100.0
BATCH_GROWN = 1000.0  # of the epoch's last batch, which a single row may have made large
GOOD = "good."  # before the names of tensors of the last epoch's end, in a state within an epoch


class RateReductions:
    """The lanes of a training that went back, and where those that still train would go back to.

    epochs  in which each lane diverged and went back, by lane
    on      whether lanes that diverge go back: else they end
    good    the state of a stack at the end of its last epoch
    """

    def __init__(self) -> None:
        self.on = False
        self.epochs: dict[int, list[int]] = {}
        self.good: StackState | None = None

    def halvings(self, lane: int) -> int:
        """Return how many times a lane's λ was halved."""
        return len(self.epochs.get(lane, ()))

    def of_lane(self, lane: int) -> StackState | None:
        """Return a lane's state at the end of its last epoch; None where it is not here."""
        good = [] if self.good is None else self.good.each()
        return next((each for each in good if each.lanes == [lane]), None)

    def cause(self, state: LaneState) -> str:
        """Return why a lane has to go back; empty where it goes on, or may not go back."""
        if not self.on or state.halvings >= MOST_REDUCTIONS:
            return ""
        if state.reason == "diverged":
            return f"{state.cause} is no longer a finite number"
        row, first = state.latest_row, max(1.0, abs(state.first_loss))
        if row is None or state.epoch < state.last_epoch:
            return ""
        if row["train_loss"] > GROWN * first:
            return f"the training loss has grown to {row['train_loss']:.3g}"
        if state.last_loss > BATCH_GROWN * first:
            return f"the loss of a batch has grown to {state.last_loss:.3g}"
        return ""

    def go_back(self, epoch: int, causes: Mapping[int, str]) -> LanesReduced:
        """Return where lanes, which diverged in an epoch, go on, given the cause of each."""
        if self.good is None:
            raise ValueError("no epoch's end was kept")
        state = joined([each for each in self.good.each() if each.lanes[0] in causes])
        return LanesReduced(epoch, state.lanes, [causes[lane] for lane in state.lanes], state)

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


def without_lanes(ended: EpochEnded | None, lanes: Sequence[int]) -> EpochEnded | None:
    """Return an epoch, if it has ended, without the rows of some lanes."""
    if ended is None:
        return None
    kept = [k for k, lane in enumerate(ended.lanes) if lane not in lanes]
    lanes, rows = [ended.lanes[k] for k in kept], [ended.rows[k] for k in kept]
    return replace(ended, lanes=lanes, rows=rows)


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
