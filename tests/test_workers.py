"""Threads that share out pieces of work: each done once, errors, forks, signals."""

import os
import signal
import threading
import time
from contextvars import copy_context
from queue import SimpleQueue
from types import SimpleNamespace

import numpy as np
import pytest

from mlpcli import workers as workers_module
from mlpcli.workers import Workers


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
    workers, busy = Workers(2), threading.Event()
    threads = workers._started(1)
    threads[0].jobs.put(
        (
            copy_context(),
            SimpleNamespace(take_part=lambda *_: busy.wait(20), ended=SimpleQueue()),
            1,
        )
    )
    done = []
    workers.run(done.append, 6)  # the other thread is still at its job
    assert not busy.is_set()
    assert done == [0, 2, 4, 1, 3, 5]
    busy.set()


def test_it_works_alone_for_some_time_where_the_others_have_no_core(monkeypatch):
    monkeypatch.setattr(workers_module, "ALONE_SECONDS", 100.0)
    main, found = threading.get_ident(), []

    def work(k):
        is_main = threading.get_ident() == main
        found.append((k, is_main))
        # The other thread's piece takes six times as long, as if a neighbour had its core.
        time.sleep(0.002 if is_main else 0.012)

    workers = Workers(2)
    for _ in range(20):
        workers.run(work, 2)
    assert (1, False) in found[:4]  # shared at first
    assert found[-4:] == [(0, True), (1, True)] * 2
    workers._alone_until = 0.0  # the time is over
    found.clear()
    workers.run(work, 2)
    assert (1, False) in found


def test_where_all_have_cores_it_does_not_work_alone():
    workers = Workers(2)
    for _ in range(30):
        workers.run(lambda _: time.sleep(0.002), 2)
    assert workers._alone_until == 0.0


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


def test_numpy_errors_are_treated_as_where_the_work_was_given():
    workers, found = Workers(2), []

    def work(_):
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
