"""`--stop-after`: which times there are, and when the end begins."""

import signal
import time
from pathlib import Path

import pytest

from mlpcli.cli.signals import StopRequest
from mlpcli.cli.time_limit import TimeLimit, seconds_from
from mlpcli.cli.training_run import RunOptions, train_into
from mlpcli.errors import UsageError
from mlpcli.spec.load import load_spec
from mlpcli.stop_signals import STOP_SIGNALS
from mlpcli.training.build import load_dataset

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"


@pytest.fixture(autouse=True)
def handlers():
    """Put every handler back: after a signal a `StopRequest` leaves its own."""
    before = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGALRM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("55m", 3300),
        ("3300s", 3300),
        ("3300", 3300),
        ("1h30m", 5400),
        ("0.5h", 1800),
        (".5h", 1800),
        ("1.5", 1.5),
        ("1d2h3m4s", 86400 + 7200 + 180 + 4),
        ("9" * 400, 1e8),
    ],
)
def test_times(text, seconds):
    assert seconds_from(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "0", "0m", "-5", "+5", "5 m", "m", "1m1h", "1h1h", "1e3", "nan", "inf", "55M"],
)
def test_anything_else_is_refused(text):
    with pytest.raises(UsageError, match=r"must be a time such as 55m, 1h30m"):
        TimeLimit(text, 75)


@pytest.mark.parametrize(
    ("limit", "save", "seconds"),
    [(2.0, 0.0, 0.5), (10.0, 0.0, 1.0), (3600.0, 0.0, 108.0), (60.0, 2.0, 6.0)],
)
def test_the_end_begins_so_long_before(limit, save, seconds):
    found = TimeLimit(None, 75)
    found.saved(save)  # without a limit nothing comes of it
    assert found.slowest_save == 0
    found.slowest_save = save
    assert found.reserve(limit) == pytest.approx(seconds)


@pytest.fixture
def young(monkeypatch):
    """Let the process have begun just now."""
    begun = time.monotonic()
    monkeypatch.setattr("mlpcli.cli.time_limit.process_age", lambda: time.monotonic() - begun)


def waited(stop, most=20.0):
    end = time.monotonic() + most
    while not stop() and time.monotonic() < end:
        time.sleep(0.005)
    return stop()


@pytest.mark.usefixtures("young")
def test_the_time_counts_as_a_signal_with_a_code_of_its_own():
    begun = time.monotonic()
    with TimeLimit("0.2", 99) as limit, StopRequest(limit) as stop:
        assert waited(stop)
        assert time.monotonic() - begun >= 0.149
        assert (stop.signal, stop.exit_code) == (signal.SIGALRM, 99)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_before_a_training_begins_the_process_ends(monkeypatch):
    told = []
    monkeypatch.setattr("mlpcli.cli.time_limit.process_age", lambda: 1e6)
    monkeypatch.setattr("mlpcli.cli.time_limit.end_process", lambda *how: told.append(how))
    with TimeLimit("55m", 99):
        assert waited(lambda: told)
    advice = "a longer --stop-after is needed to train anything"
    assert told == [(99, f"stopped in time, before anything more was trained: {advice}")]


@pytest.mark.usefixtures("young")
def test_slow_saves_begin_the_end_earlier():
    with TimeLimit("100", 75) as limit:
        at_first = signal.getitimer(signal.ITIMER_REAL)[0]
        limit.saved(10.0)
        later = signal.getitimer(signal.ITIMER_REAL)[0]
        limit.saved(1.0)
        assert signal.getitimer(signal.ITIMER_REAL)[0] == pytest.approx(later, abs=2)
    assert at_first == pytest.approx(97, abs=2)
    assert later == pytest.approx(70, abs=2)


def test_a_signal_before_counts():
    with TimeLimit("1000", 75) as limit, StopRequest(limit) as stop:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGALRM)
    assert stop.exit_code == 128 + signal.SIGTERM


def test_a_training_tells_what_its_saves_take(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(StopRequest, "leave_time", lambda _, seconds: told.append(seconds))
    (tmp_path / "spec.yaml").write_text(
        f"data: {{path: {IRIS}, target: species}}\n"
        "training: {epochs: 2}\nruntime: {checkpoint_seconds: 0}\n"
    )
    loaded = load_spec(str(tmp_path / "spec.yaml"))
    options = RunOptions("s", str(tmp_path / "run"))
    train_into(loaded, load_dataset(loaded), options, StopRequest())
    assert max(told) > 0
