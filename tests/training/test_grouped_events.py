"""Events of a process come several at a time, none lost and in their order."""

from types import SimpleNamespace

import numpy as np
import pytest

from mlpcli.training import events as module
from mlpcli.training.events import EpochEnded, LanesEnded, Progress, grouped


@pytest.mark.parametrize("seconds", [0.001, 0.02, 1.0])
def test_events_that_come_quickly_are_sent_together(seconds, monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    ended = LanesEnded([], [], np.zeros((0, 1)), [])
    events = [
        event
        for epoch in range(1, 101)
        for event in (
            Progress(epoch, 5, 10),
            Progress(epoch, 10, 10),
            EpochEnded(epoch, [0], [{}]),
        )
    ]

    def coming():
        for event in [*events, ended]:
            yield event
            clock.now += seconds / 3

    sent = list(grouped(coming()))
    flat = [event for each in sent for event in each]
    kept = [event for event in flat if isinstance(event, EpochEnded)]
    assert kept == [event for event in events if isinstance(event, EpochEnded)]
    assert flat[-1] is ended
    # Of what is only on the way, the latest of each epoch at least.
    assert [e for e in flat if e in events] == [e for e in events if e in flat]
    assert all(Progress(epoch, 10, 10) in flat for epoch in range(1, 101))
    # An epoch of a second is told at once; 100 of 1 ms in a few times: two kinds, each 0.05 s.
    at_least = {0.001: 2, 0.02: 40, 1.0: 301}[seconds]
    assert at_least <= len(sent) <= max(at_least, 2 * 100 * seconds / 0.05 + 3)


def test_the_last_are_sent_whatever_the_clock_says(monkeypatch):
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    ended = LanesEnded([], [], np.zeros((0, 1)), [])
    assert list(grouped(iter([Progress(1, 5, 10), ended]))) == [[Progress(1, 5, 10), ended]]
