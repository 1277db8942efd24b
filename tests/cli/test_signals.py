"""The first signal asks for an end after the step; the second does not wait."""

import signal

import pytest

from mlpcli.cli.signals import StopRequest

NUMBERS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def handlers():
    """Put every handler back, whatever a test did."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield before
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_remembered_and_raises_nothing(number):
    with StopRequest() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert stop()
        assert stop.signal == number
    assert stop.signal == number


@pytest.mark.parametrize("first", NUMBERS)
@pytest.mark.parametrize("second", NUMBERS)
def test_the_second_signal_does_not_wait(first, second):
    with StopRequest() as stop:
        signal.raise_signal(first)
        with pytest.raises(KeyboardInterrupt) as caught:
            signal.raise_signal(second)
    assert caught.value.args == (second,)
    assert stop.signal == first


def test_the_handlers_are_put_back(handlers):
    with StopRequest():
        assert all(signal.getsignal(number) != handlers[number] for number in NUMBERS)
    assert {number: signal.getsignal(number) for number in NUMBERS} == handlers


@pytest.mark.parametrize("number", NUMBERS)
def test_an_ignored_signal_stays_ignored(number):
    signal.signal(number, signal.SIG_IGN)
    with StopRequest() as stop:
        signal.raise_signal(number)
        assert not stop()
        assert signal.getsignal(number) is signal.SIG_IGN
    assert signal.getsignal(number) is signal.SIG_IGN
