"""Processes: the events of stacks, what they raise, how they are stopped, and none left over."""

import errno
import os
import select
import signal
import time

import numpy as np
import pytest

from mlpcli.errors import DataError, FileError
from mlpcli.training import processes
from mlpcli.training.events import Ended, LanesEnded, Progress
from mlpcli.training.processes import Pool, run_tasks
from mlpcli.training.stack_processes import run_in_processes

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no processes to fork")


def counting(n=3, before=lambda _number, _k: None):
    """Return a stand-in for a training's `run_stack`: it counts to n, and says in which process."""

    def run_stack(lanes, stop, _due):
        (lane,) = lanes
        for k in range(1, n + 1):
            before(lane, k)
            yield Progress(k, os.getpid(), 10)
            if stop():
                break
        ended = Ended("interrupted" if k < n else "finished", k, k, 0.0)
        yield LanesEnded([lane], [ended], np.full((1, 2), lane), [None])

    return run_stack


def stacks(n):
    return [[lane] for lane in range(n)]


def never():
    return False


def no_child_is_left():
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize(("n", "processes"), [(1, 1), (1, 4), (4, 2), (3, 3), (5, 9)])
def test_every_event_of_every_stack_in_its_order(n, processes):
    events = list(run_in_processes(counting(), stacks(n), processes, never))
    pids = set()
    for number in range(n):
        *steps, last = [event for stack, event in events if stack == number]
        # How far an epoch is goes untold where the next one is there already.
        told = [step.epoch for step in steps]
        assert set(told) <= {1, 2, 3}
        assert told == sorted(set(told))
        assert told[-1] == 3
        pids |= {step.rows for step in steps}
        assert isinstance(last, LanesEnded)
        assert last.ended == [Ended("finished", 3, 3, 0.0)]
        assert last.vectors.tolist() == [[number, number]]
    assert os.getpid() not in pids
    assert len(pids) <= min(n, processes)
    no_child_is_left()


def test_no_more_at_a_time_than_asked_for():
    slow = counting(3, lambda *_: time.sleep(0.05))  # longer than a process takes to begin
    running, most = set(), 0
    for number, event in run_in_processes(slow, stacks(6), 2, never):
        running.add(number)
        most = max(most, len(running))
        if isinstance(event, LanesEnded):
            running.remove(number)
    assert most == 2


def test_all_stop_when_asked_to():
    asked = []
    endless = counting(10**9, lambda *_: time.sleep(0.002))
    found = {}
    for number, event in run_in_processes(endless, stacks(3), 2, lambda: bool(asked)):
        if isinstance(event, LanesEnded):
            found[number] = event.ended[0]
        elif isinstance(event, list):
            assert event == []  # stand-ins have no states
        elif event.epoch >= 3:
            asked.append(True)
    assert {ended.reason for ended in found.values()} == {"interrupted"}
    assert sorted(found) == [0, 1, 2]
    assert found[2].epochs == 1  # it had not begun: one step, and it is asked
    no_child_is_left()


def test_what_a_stack_raises_is_raised_here():
    def before(number, k):
        if number == 1 and k == 2:
            raise DataError("not defined", ("ensemble", "kind"))
        if number == 0:
            time.sleep(0.01)

    with pytest.raises(DataError, match="not defined") as caught:
        list(run_in_processes(counting(10**6, before), stacks(3), 2, never))
    assert caught.value.key == ("ensemble", "kind")
    (note,) = caught.value.__notes__  # for --debug: where it was in that process
    assert "in before" in note
    no_child_is_left()


def test_where_no_process_can_be_started_it_says_what_limits_them(monkeypatch):
    def refused():
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    monkeypatch.setattr(os, "fork", refused)
    with pytest.raises(FileError, match=r"`ulimit -u` limits .* runtime\.threads 1 none is needed"):
        list(run_in_processes(counting(), stacks(3), 2, never))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    no_child_is_left()


def test_a_killed_process_is_not_waited_for():
    def before(number, k):
        if number == 1 and k == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    begun = time.monotonic()
    with pytest.raises(FileError, match=r"killed, as for want of memory; a smaller runtime.memory"):
        list(run_in_processes(counting(10**6, before), stacks(2), 2, never))
    assert time.monotonic() - begun < 5
    no_child_is_left()


def test_whoever_stops_listening_leaves_no_process():
    found = run_in_processes(counting(10**9), stacks(4), 2, never)
    for _ in range(10):
        next(found)
    found.close()
    no_child_is_left()


def test_a_signal_to_all_is_the_parents_alone():
    """Ctrl-C in a terminal reaches every process of its group."""

    def before(_number, k):
        if k == 2:
            for one in ("INT", "TERM", "HUP", "USR1", "USR2", "XCPU"):
                os.kill(os.getpid(), getattr(signal, f"SIG{one}"))

    events = [event for _, event in run_in_processes(counting(3, before), stacks(2), 2, never)]
    ended = [event for event in events if isinstance(event, LanesEnded)]
    assert [event.ended[0].reason for event in ended] == ["finished", "finished"]


# ---------------------------------------------------------------- the pool


def answers(pool, n):
    """Return n messages, by the task that they are of."""
    found = {}
    while sum(map(len, found.values())) < n:
        for worker, message in pool.receive(1.0):
            found.setdefault(worker.task, []).append(message)
    return found


def test_a_process_may_ask_and_is_answered():
    def work(task, ask, _stop):
        yield ask(f"{task}?")

    with Pool(work, 1) as pool:
        worker = pool.give("a")
        assert pool.give("b") is None  # it is at work
        assert answers(pool, 1) == {"a": ["a?"]}
        worker.send("a!")
        assert answers(pool, 1) == {"a": ["a!"]}
        while pool.busy:
            pool.receive(1.0)
        assert pool.give("b") is worker  # the same process goes on
        assert answers(pool, 1) == {"b": ["b?"]}
    no_child_is_left()


def test_a_killed_process_is_reaped_and_replaced():
    def work(task, _ask, _stop):
        if task == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        yield task

    with Pool(work, 1) as pool:
        worker = pool.give("dies")
        assert pool.receive(10.0) == [(worker, None)]
        assert pool.reap(worker) == signal.SIGKILL
        other = pool.give("lives")
        assert other.pid != worker.pid
        assert answers(pool, 1) == {"lives": ["lives"]}
    no_child_is_left()


def test_leaving_the_pool_waits_for_no_process_at_work():
    def work(_task, _ask, _stop):
        yield "begun"
        time.sleep(60)

    begun = time.monotonic()
    with Pool(work, 2) as pool:
        pool.give(1)
        pool.give(2)
        assert answers(pool, 2) == {1: ["begun"], 2: ["begun"]}
    assert time.monotonic() - begun < 10
    no_child_is_left()


def test_a_worker_ends_whose_parent_was_killed_before_it_began(monkeypatch):
    reading, writing = os.pipe()
    parent = os.fork()
    if not parent:
        killed, ignore = os.getpid(), processes.ignore_stop_signals

        def work(_task, _ask, stop):
            while not stop():  # it sends nothing, so no broken pipe ends it
                time.sleep(0.01)
            yield from ()

        def begin_late():
            while os.getppid() == killed:
                time.sleep(0.01)
            ignore()

        monkeypatch.setattr(processes, "ignore_stop_signals", begin_late)
        Pool(work, 1).give("a")
        os.kill(killed, signal.SIGKILL)
    os.waitpid(parent, 0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], 20)
    assert ready  # at its end: no process has the other one open
    assert os.read(reading, 1) == b""
    os.close(reading)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_results_of_tasks_come_in_the_order_of_the_tasks(n):
    def work(task, stop):
        assert not stop()
        time.sleep(0.05 * (task == 10))  # the first one ends last
        return None if task == 30 else (task, os.getpid())

    found = run_tasks(work, [10, 20, 30, 40], n, never)
    assert [each and each[0] for each in found] == [10, 20, None, 40]
    pids = {each[1] for each in found if each}
    assert (pids == {os.getpid()}) == (n == 1)
    no_child_is_left()


@pytest.mark.parametrize("n", [1, 2])
def test_what_a_task_raises_is_raised(n):
    def work(task, _stop):
        if task == 2:
            raise DataError("no such row")
        return task

    with pytest.raises(DataError, match="no such row"):
        run_tasks(work, [1, 2, 3], n, never)
    no_child_is_left()


@pytest.mark.parametrize("n", [1, 2])
def test_once_stopped_tasks_are_asked_to_end_and_no_other_begins(n):
    begun = time.monotonic()

    def stop():
        return time.monotonic() > begun + 0.1

    def work(task, asked):
        while not asked():
            time.sleep(0.01)
        return task

    assert (
        run_tasks(work, [1, 2, 3, 4], n, stop) == [[1, None, None, None], [1, 2, None, None]][n - 1]
    )
    no_child_is_left()


def test_a_killed_process_ends_all_tasks():
    def work(task, _stop):
        if task == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    with pytest.raises(FileError, match="was killed, as for want of memory"):
        run_tasks(work, [1, 2, 3], 2, never)
    no_child_is_left()
