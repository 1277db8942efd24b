"""In a training the first signal asks for an end after the step, and later ones change nothing."""

import signal

import pytest

from mlpcli.cli.signals import StopRequest, end_at_stop_signals, watched
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
