"""Stacks in processes: their events, what they raise, how they are stopped, and none left over."""

import os
import signal
import time

import numpy as np
import pytest

from mlpcli.errors import DataError, FileError
from mlpcli.training.follower import Ended
from mlpcli.training.processes import StackEnded, run_stacks
from mlpcli.training.stack import Advanced

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no processes to fork")


class Steps:
    """What `run_stacks` asks of a stack: it counts to n, and says in which process."""

    def __init__(self, number, n=3, before=None):
        self.number, self.n, self.before = number, n, before
        self.ended, self.vectors = [], np.full((1, 2), np.nan)

    def run(self, stop):
        for k in range(1, self.n + 1):
            if self.before is not None:
                self.before(k)
            yield Advanced(k, os.getpid(), 10)
            if stop():
                break
        self.ended = [Ended("interrupted" if k < self.n else "finished", k, k, 0.0)]
        self.vectors[...] = self.number


def never():
    return False


def no_child_is_left():
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize(("n", "processes"), [(1, 1), (1, 4), (4, 1), (4, 2), (3, 3), (5, 9)])
def test_every_event_of_every_stack_in_its_order(n, processes):
    events = list(run_stacks(Steps, n, processes, never))
    pids = set()
    for number in range(n):
        *steps, last = [event for stack, event in events if stack == number]
        # How far an epoch is goes untold where the next one is there already.
        told = [step.epoch for step in steps]
        assert set(told) <= {1, 2, 3}
        assert told == sorted(set(told))
        assert told[-1] == 3
        pids |= {step.rows for step in steps}
        assert isinstance(last, StackEnded)
        assert last.ended == [Ended("finished", 3, 3, 0.0)]
        assert last.vectors.tolist() == [[number, number]]
    alone = min(n, processes) == 1
    assert (pids == {os.getpid()}) == alone
    assert len(pids) == (1 if alone else n)
    no_child_is_left()


def test_no_more_at_a_time_than_asked_for():
    def make(number):
        return Steps(number, 3, lambda _: time.sleep(0.05))  # longer than a process takes to begin

    running, most = set(), 0
    for number, event in run_stacks(make, 6, 2, never):
        running.add(number)
        most = max(most, len(running))
        if isinstance(event, StackEnded):
            running.remove(number)
    assert most == 2


def test_all_stop_when_asked_to():
    asked = []

    def make(number):
        return Steps(number, 10**9, lambda _: time.sleep(0.002))

    found = {}
    for number, event in run_stacks(make, 3, 2, lambda: bool(asked)):
        if isinstance(event, StackEnded):
            found[number] = event.ended[0]
        elif event.epoch >= 3:
            asked.append(True)
    assert {ended.reason for ended in found.values()} == {"interrupted"}
    assert sorted(found) == [0, 1, 2]
    assert found[2].epochs == 1  # it had not begun: one step, and it is asked
    no_child_is_left()


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_stack_raises_is_raised_here(processes):
    def make(number):
        def before(k):
            if number == 1 and k == 2:
                raise DataError("not defined", ("ensemble", "kind"))

        return Steps(number, 10**6 if number == 0 and processes == 2 else 3, before)

    with pytest.raises(DataError, match="not defined") as caught:
        list(run_stacks(make, 3, processes, never))
    assert caught.value.key == ("ensemble", "kind")
    no_child_is_left()


def test_a_killed_process_is_not_waited_for():
    def make(number):
        def before(k):
            if number == 1 and k == 3:
                os.kill(os.getpid(), signal.SIGKILL)

        return Steps(number, 10**6, before)

    begun = time.monotonic()
    with pytest.raises(FileError, match=r"killed, as for want of memory; a smaller runtime.memory"):
        list(run_stacks(make, 2, 2, never))
    assert time.monotonic() - begun < 5
    no_child_is_left()


def test_whoever_stops_listening_leaves_no_process():
    found = run_stacks(lambda number: Steps(number, 10**9), 4, 2, never)
    for _ in range(10):
        next(found)
    found.close()
    no_child_is_left()


def test_a_signal_to_all_is_the_parents_alone():
    """Ctrl-C in a terminal reaches every process of its group."""

    def make(number):
        def before(k):
            if k == 2:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGTERM)

        return Steps(number, 3, before)

    ended = [e for _, e in run_stacks(make, 2, 2, never) if isinstance(e, StackEnded)]
    assert [e.ended[0].reason for e in ended] == ["finished", "finished"]
