"""Threads that share out pieces of work: each done once, errors, forks, signals."""

import _thread
import os
import signal
import threading
import time
from contextvars import copy_context
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from mlpcli import workers as workers_module
from mlpcli.workers import Workers


@pytest.fixture(autouse=True)
def never_alone(monkeypatch):
    """Let the threads share out work that they wait for, as where others have the cores."""
    monkeypatch.setattr(workers_module, "LONGEST_ALONE", 0.0)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
@pytest.mark.parametrize("pieces", [0, 1, 2, 5, 16])
def test_each_piece_is_done_once(n, pieces):
    workers, done = Workers(n), []
    for _ in range(50):
        workers.run(done.append, pieces)
    assert sorted(done) == sorted(50 * list(range(pieces)))


@pytest.mark.parametrize("n", [2, 3])
def test_threads_work_at_the_same_time_each_on_its_pieces(n):
    workers, together, done = Workers(n), threading.Barrier(n, timeout=20), {}

    def work(k):
        together.wait()  # nobody gets through unless all are here
        done[k] = threading.get_ident()

    workers.run(work, n)
    first = dict(done)
    assert len(set(first.values())) == n
    assert first[0] == threading.get_ident()
    workers.run(work, n)
    assert done == first


def test_a_thread_that_has_no_core_is_not_waited_for():
    workers, busy, waited = Workers(2), threading.Event(), []
    threads = workers._started(1)
    other = SimpleNamespace(take_part=lambda *_: busy.wait(5) or waited.append(5))
    threads[0].jobs.put((copy_context(), other, 1))
    done = []
    workers.run(done.append, 6)  # the other thread is still at its job
    assert waited == []
    assert done == [0, 2, 4, 1, 3, 5]
    busy.set()


@pytest.mark.parametrize(
    ("seconds", "alone", "expected"),
    [
        (0.021, 0.024, False),  # 0.875 of what this thread would have taken alone
        (0.021, 0.023, True),  # 0.913 of it
        (0.019, 0.015, False),  # too short to tell
    ],
)
def test_where_the_others_have_no_core_it_works_alone_for_some_time(
    monkeypatch, seconds, alone, expected
):
    monkeypatch.setattr(workers_module, "ALONE_SECONDS", 100.0)
    monkeypatch.setattr(workers_module, "LONGEST_ALONE", 100.0)
    workers, found = Workers(2), []
    workers.times = workers_module.WorkerTimes()
    for _ in range(4):  # of a run, a quarter each
        workers._watch(SimpleNamespace(seconds=seconds / 4, alone=alone / 4))
    assert (workers._alone_until > 0) is expected
    for _ in range(20 * expected):
        workers.run(lambda _: found.append(threading.get_ident()), 2)
    assert set(found) <= {threading.get_ident()}
    assert (workers.times.alone, workers.times.runs) == (20 * expected, 0)


def test_what_all_pieces_would_take_it_alone_is_by_those_it_has_done():
    """Two of four are done by another thread: all would take twice its own processor time."""

    def work(_):
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass

    stage = workers_module._Stage(work, 4)
    for piece in (1, 3):
        del stage.unclaimed[piece]
        stage.ended.append((piece, None))
    job = workers_module._Job([stage], 2, None)
    begun = time.thread_time()
    job.take_part(0)
    assert job.alone == pytest.approx(2 * (time.thread_time() - begun), rel=0.1)
    assert job.seconds >= 0.04


def test_it_works_alone_for_longer_each_time_that_the_others_have_no_core_still(monkeypatch):
    monkeypatch.setattr(workers_module, "LONGEST_ALONE", 1.6)
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    workers, found = Workers(2), []
    workers._alone_seconds = 0.1
    for gain in [False] * 6 + [True, False]:
        workers._alone_until = 0.0
        workers._watch(SimpleNamespace(seconds=0.03, alone=0.06 if gain else 0.03))
        found.append(round(workers._alone_until, 3))
    assert found == [0.1, 0.2, 0.4, 0.8, 1.6, 1.6, 0.0, 0.1]


@pytest.mark.parametrize("n_started", [0, 1])
def test_where_no_more_threads_start_it_works_with_those_it_has(monkeypatch, n_started):
    start, left = threading.Thread.start, [None] * n_started

    def limited(thread):
        if not left:
            raise RuntimeError("can't start new thread")
        left.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    workers, done = Workers(4), []
    for _ in range(3):
        workers.run_stages([(done.append, 4), (done.append, 2)])
    assert sorted(done) == sorted(3 * [0, 1, 2, 3, 0, 1])
    assert workers.n == 1 + n_started


def test_it_waits_for_all_pieces():
    workers, slow = Workers(3), threading.Event()
    done = []

    def work(k):
        if k == 1:
            slow.wait(1)
        done.append(k)
        if len(done) == 3:
            slow.set()

    threading.Timer(0.05, slow.set).start()
    workers.run(work, 4)
    assert sorted(done) == [0, 1, 2, 3]


def test_the_error_of_the_first_piece_is_raised_and_work_goes_on_afterwards():
    workers = Workers(3)

    def work(k):
        if k in (1, 2):
            raise ValueError(k)

    for _ in range(2):
        with pytest.raises(ValueError, match="1"):
            workers.run(work, 3)
    done = []
    workers.run(done.append, 3)
    assert sorted(done) == [0, 1, 2]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_an_error_in_a_stage_keeps_the_next_from_beginning_and_is_raised(n):
    workers, done = Workers(n), []

    def first(k):
        if k:
            raise ValueError(k)

    def second(k):
        done.append(k)
        raise TypeError(k)

    for _ in range(20):
        with pytest.raises(ValueError, match="1"):
            workers.run_stages([(first, 3), (second, 3)])
        assert done == []
    with pytest.raises(TypeError, match="0"):
        workers.run_stages([(lambda _: None, 3), (second, 3), (first, 3)])
    assert 0 in done


def test_numpy_errors_are_treated_as_where_the_work_was_given():
    workers, together, found = Workers(2), threading.Barrier(2, timeout=20), []

    def work(_):
        together.wait()  # a piece for each thread
        found.append(np.geterr()["over"])

    with np.errstate(over="ignore"):
        workers.run(work, 2)
    with np.errstate(over="raise"):
        workers.run(work, 2)
    assert found == ["ignore", "ignore", "raise", "raise"]


def test_an_interrupted_run_leaves_nothing_to_the_next_one():
    workers, going = Workers(2), threading.Event()

    def work(k):
        if k == 0:
            raise KeyboardInterrupt
        going.wait(1)

    threading.Timer(0.05, going.set).start()
    with pytest.raises(KeyboardInterrupt):
        workers.run(work, 2)
    done = []
    workers.run(done.append, 2)
    assert sorted(done) == [0, 1]


def test_a_run_interrupted_while_it_waits_begins_nothing_more():
    workers, began, ended, second = Workers(2), threading.Event(), threading.Event(), []

    def work(k):
        if k == 1:  # the other thread's
            began.set()
            time.sleep(0.2)
            ended.set()
        else:
            began.wait(20)

    def interrupt():
        began.wait(20)
        _thread.interrupt_main()

    workers.run(lambda _: None, 2)  # the other thread is there
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        workers.run_stages([(work, 2), (second.append, 2)])
    assert ended.is_set()  # what was under way has ended
    done = []
    workers.run(done.append, 2)
    assert sorted(done) == [0, 1]
    assert second == []


def test_a_stage_begins_when_the_one_before_has_ended():
    for n in (1, 2, 3, 8):
        workers, done = Workers(n), []

        def work(stage, k, done=done):
            time.sleep(0.0005 * ((k + stage) % 3))
            done.append((stage, k))

        stages = [(partial(work, stage), 4) for stage in range(5)]
        for _ in range(3):
            done.clear()
            workers.run_stages(stages)
            assert [stage for stage, _ in done] == [s for s in range(5) for _ in range(4)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_has_threads_of_its_own():
    workers = Workers(2)
    workers.run(lambda _: None, 2)
    child = os.fork()
    if child == 0:
        done = []
        workers.run(done.append, 2)
        os._exit(0 if sorted(done) == [0, 1] else 1)
    signal.alarm(20)
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    assert status == 0


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no signals of threads")
def test_no_worker_takes_a_signal():
    workers, together, masks = Workers(2), threading.Barrier(2, timeout=20), {}

    def work(k):
        together.wait()
        masks[k] = signal.pthread_sigmask(signal.SIG_BLOCK, [])

    workers.run(work, 2)
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1} <= masks[1]
    assert signal.SIGINT not in masks[0]


def test_a_worker_does_not_keep_the_process_alive():
    workers = Workers(2)
    workers.run(lambda _: None, 2)
    others = [thread for thread in threading.enumerate() if thread.name == "mlp worker"]
    assert others
    assert all(thread.daemon for thread in others)
