"""--stop-after: the time after which a process has ended, of itself and in good order."""

from __future__ import annotations

import re
import signal
from types import FrameType
from typing import Self

from mlpcli.cli.signals import end_process
from mlpcli.errors import UsageError
from mlpcli.machine import process_age

UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
PATTERN = "".join(f"(?:{NUMBER}{unit})?" for unit in UNITS)
# Time to save and to end: at least a second, of short limits a quarter; 3 % of long ones; and
# three times what the last save took, since a disk is not always as quick.
LEAST_SECONDS, LEAST_PART, PART, SAVES = 1.0, 0.25, 0.03, 3.0
LONGEST = 1e8  # seconds, three years: timers take no more everywhere


def seconds_from(text: str) -> float:
    """Return a time in seconds: a number of them, or days, hours, minutes and seconds.

    >>> [seconds_from(text) for text in ("90", "55m", "1h30m", "0.5h", "1d", "1.5")]
    [90.0, 3300.0, 5400.0, 1800.0, 86400.0, 1.5]

    Raises UsageError for anything else, and for 0.
    """
    plain = re.fullmatch(NUMBER, text, re.ASCII)
    found = re.fullmatch(PATTERN, text, re.ASCII)
    parts = ["0", "0", "0", plain[1]] if plain else found.groups(default="0") if found else []
    seconds = sum(float(n) * unit for n, unit in zip(parts, UNITS.values(), strict=False))
    if seconds <= 0:
        allowed = "a time such as 55m, 1h30m, 0.5h or 3300 (seconds)"
        raise UsageError(f"--stop-after {text!r}: must be {allowed}")
    return min(seconds, LONGEST)


class TimeLimit:
    """Ends the process in time while it is entered; a `StopRequest` within it waits for the step.

    text  the time since the process began by which it is to have ended; None: there is no limit
    code  its exit code then
    Raises UsageError where the text is no time.
    """

    def __init__(self, text: str | None, code: int) -> None:
        self.seconds = None if text is None else seconds_from(text)
        self.code = code
        self.slowest_save = 0.0
        self._before: object = None

    def __enter__(self) -> Self:
        if self.seconds is not None:
            self._before = signal.signal(signal.SIGALRM, self._end)
            self._set_timer(self.seconds)
        return self

    def __exit__(self, *_: object) -> None:
        if self.seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)  # type: ignore[arg-type]

    def saved(self, seconds: float) -> None:
        """Leave as much time as a save has taken."""
        if self.seconds is not None and seconds > self.slowest_save:
            self.slowest_save = seconds
            self._set_timer(self.seconds)

    def reserve(self, limit: float) -> float:
        """Return how many seconds before its limit the process begins to end."""
        least = max(min(LEAST_SECONDS, LEAST_PART * limit), PART * limit)
        return max(least, SAVES * self.slowest_save)

    def _set_timer(self, limit: float) -> None:
        left = limit - self.reserve(limit) - process_age()
        signal.setitimer(signal.ITIMER_REAL, max(left, 1e-3))  # 0 would be never

    def _end(self, number: int, frame: FrameType | None) -> None:
        advice = "a longer --stop-after is needed to train anything"
        end_process(self.code, f"stopped in time, before anything more was trained: {advice}")
