"""SIGINT and SIGTERM: the first one ends training after the current step."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Self


class StopRequest:
    """Listens for SIGINT and SIGTERM while it is entered; call it to ask whether one has come.

    A second signal does not wait for the step: it raises KeyboardInterrupt with its number. A
    signal that the shell ignores for background jobs stays ignored.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, object] = {}

    def __call__(self) -> bool:
        return self.signal != 0

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal:
            raise KeyboardInterrupt(number)
        self.signal = number
