"""When the state of a training is saved, so that saving costs little of its time."""

from __future__ import annotations

import time
from collections.abc import Callable

SHARE = 50  # saving takes at most 1/50 of the time, 2 %


class CheckpointClock:
    """Says when a state is due: so long after the last one, or the start.

    seconds  between two saves, at least; 0: at every chance
    now      the time in seconds
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.perf_counter) -> None:
        self.seconds, self.now = seconds, now
        self.since = now()
        self.cost = 0.0  # of the last save

    def due(self) -> bool:
        """Whether max(seconds, 50 c) have passed since the last save, which took c seconds."""
        if self.seconds == 0:
            return True
        return self.now() - self.since >= max(self.seconds, SHARE * self.cost)

    def time(self, save: Callable[[], None]) -> None:
        """Save, and begin to wait anew; also where it fails, lest it is tried in vain often."""
        begun = self.now()
        try:
            save()
        finally:
            self.since = self.now()
            self.cost = self.since - begun
