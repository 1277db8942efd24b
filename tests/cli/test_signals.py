"""In a training the first signal asks for an end after the step, and later ones change nothing."""

import signal
import time

import pytest

from mlpcli.cli.signals import StopRequest, end_at_once, end_at_stop_signals, raised, watched
from mlpcli.cli.time_limit import TimeLimit
from mlpcli.nn.evaluation import StoppedError
from mlpcli.stop_signals import STOP_SIGNALS, ignore_stop_signals

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
NUMBERS = [getattr(signal, name) for name in NAMES]


@pytest.fixture(autouse=True)
def handlers():
    """Put every handler back, whatever a test did."""
    before = {number: signal.getsignal(number) for number in (*NUMBERS, signal.SIGALRM)}
    yield before
    for number, handler in before.items():
        signal.signal(number, handler)


def test_there_are_six():
    assert sorted(STOP_SIGNALS) == sorted(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_remembered_and_raises_nothing(number):
    with StopRequest() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert stop()
        assert (stop.signal, stop.exit_code) == (number, 128 + number)
    assert stop.signal == number


@pytest.mark.parametrize("first", NUMBERS[:2])
def test_later_signals_are_counted_and_change_nothing(first):
    with StopRequest() as stop:
        for number in (first, *NUMBERS):
            signal.raise_signal(number)
    assert (stop.signal, stop.count) == (first, 7)


def test_the_handlers_are_put_back(handlers):
    with StopRequest():
        assert all(signal.getsignal(number) != handlers[number] for number in NUMBERS)
    assert {number: signal.getsignal(number) for number in handlers} == handlers


@pytest.mark.parametrize("number", NUMBERS)
def test_an_ignored_signal_stays_ignored(number):
    signal.signal(number, signal.SIG_IGN)
    end_at_stop_signals()
    with StopRequest() as stop:
        signal.raise_signal(number)
        assert not stop()
        assert signal.getsignal(number) is signal.SIG_IGN
    assert signal.getsignal(number) is signal.SIG_IGN


def test_a_signal_that_comes_late_does_not_meet_pythons_own_handler():
    end_at_stop_signals()
    ignore_stop_signals()
    for number in NUMBERS:
        signal.raise_signal(number)


def test_a_training_takes_the_signals_from_the_thread_that_watches():
    end_at_stop_signals()
    with watched():
        fd = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(fd)
        assert fd >= 0
        with StopRequest():
            assert signal.set_wakeup_fd(-1) == -1
        assert signal.set_wakeup_fd(fd) == fd
    assert signal.set_wakeup_fd(-1) == -1


def test_after_a_signal_further_ones_are_counted_until_the_process_ends():
    with watched():
        with StopRequest() as stop:
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)  # while the result is printed
    assert (stop.signal, stop.count) == (signal.SIGTERM, 2)


def test_nothing_watches_a_process_that_is_not_the_commands():
    with watched():
        assert signal.set_wakeup_fd(-1) == -1


def spend(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


def test_what_can_be_left_out_is_given_up_some_time_after_a_signal(monkeypatch):
    monkeypatch.setattr("mlpcli.cli.signals.PATIENCE_SECONDS", 0.05)
    with StopRequest() as stop:
        with stop.patience():
            spend(0.1)
        signal.raise_signal(signal.SIGTERM)
        spend(0.1)  # outside of it nothing is raised
        with pytest.raises(StoppedError), stop.patience():
            spend(20)
        with pytest.raises(StoppedError), stop.patience():
            spend(20)
        spend(0.1)
    assert stop.signal == signal.SIGTERM
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_also_where_the_signal_comes_within_it(monkeypatch):
    monkeypatch.setattr("mlpcli.cli.signals.PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr("mlpcli.cli.time_limit.process_age", lambda: 0.0)
    with TimeLimit("0.4", 99) as limit, StopRequest(limit) as stop:
        with pytest.raises(StoppedError), stop.patience():
            spend(20)
        assert stop.exit_code == 99


def test_a_time_limit_goes_on_after_it(monkeypatch):
    monkeypatch.setattr("mlpcli.cli.time_limit.process_age", lambda: 0.0)
    with TimeLimit("1000", 99) as limit, StopRequest(limit) as stop:
        with stop.patience():
            pass
        assert signal.getitimer(signal.ITIMER_REAL)[0] == pytest.approx(970, abs=20)


@pytest.mark.parametrize("number", NUMBERS)
def test_while_a_file_is_written_a_signal_unwinds(number):
    end_at_stop_signals()
    with pytest.raises(KeyboardInterrupt) as caught, raised():
        signal.raise_signal(number)
    assert caught.value.args == (number,)
    assert signal.getsignal(number) is end_at_once
