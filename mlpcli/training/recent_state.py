"""States of a stack not long ago, so that its last epochs can be trained again and looked at."""

from __future__ import annotations

import time
from collections.abc import Callable

from mlpcli.training.stack_state import StackState
from mlpcli.training.trainer import Trainer

SECONDS = 1.0  # between two copies: shorter trainings are trained again from the start
SHARE = 0.01  # of the time that copies may take
MOST_BYTES = 64 << 20


class RecentStates:
    """Copies of a stack's state at the ends of epochs, made now and then.

    on      whether there are any
    states  the last two, the older first
    """

    def __init__(self) -> None:
        self.on = False
        self.states: list[StackState] = []
        self._due = time.perf_counter() + SECONDS

    def of_lane(self, lane: int, epoch: int) -> StackState | None:
        """Return a lane's last state up to the end of an epoch; else its oldest one."""
        mine = [one for each in self.states for one in each.each() if one.lanes == [lane]]
        early = [one for one in mine if one.epoch <= epoch]
        return early[-1] if early else mine[0] if mine else None

    def renew(self, trainer: Trainer, copy: Callable[[], StackState]) -> None:
        """Take a copy, where the last one is old and it is small enough."""
        begun = time.perf_counter()
        if not self.on or begun < self._due:
            return
        vectors = 2 * 3 + 2 * len(
            trainer.step.update.state.vectors
        )  # with the best, and an average
        if vectors * trainer.network.vector.nbytes <= MOST_BYTES:
            self.states = [*self.states[-1:], copy()]
        now = time.perf_counter()
        self._due = now + max(SECONDS, (now - begun) / SHARE)
