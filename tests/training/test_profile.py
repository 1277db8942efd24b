"""The clock that a profile is made with, and what it is put around."""

import os
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from mlpcli import machine
from mlpcli.spec.load import load_spec
from mlpcli.training import profile
from mlpcli.training.build import load_dataset
from mlpcli.training.profile import Clock, Entry, ProfiledTraining, profile_of
from mlpcli.training.training import Training

EVERYTHING = """
data: {path: iris.csv, target: species, split: {validation: 0.2, test: 0}}
model:
  input_keep_prob: 0.9
  layers:
    - {units: 8, activation: tanh, keep_prob: 0.8, norm: batch}
    - {units: 6, activation: relu}
training:
  epochs: 3
  batch_size: 32
  optimizer: {name: adamw, learning_rate: 0.01}
  gradient_clipping: {norm: 1.0}
  weight_averaging: 0.9
regularization:
  l2: 0.01
  max_norm: 2.0
  noise: {weights: 0.01, gradients: 0.01, input: 0.1, labels: 0.1}
  augmentation: [mixup]
"""
ENSEMBLE = ("ensemble={kind: seeds, replicas: 3}", "runtime.threads=1")


@pytest.fixture
def hands(monkeypatch):
    """Return the hands of every clock: time stands still unless a test moves them."""
    hands = SimpleNamespace(now=100.0)
    monkeypatch.setattr(profile, "time", SimpleNamespace(perf_counter=lambda: hands.now))
    return hands


def seconds(clock):
    found = {}
    for entry in clock.entries:
        key = (entry.row, entry.layer) if entry.layer else entry.row
        found[key] = found.get(key, 0.0) + entry.seconds
    return found


def test_time_is_the_innermost_part_s_alone(hands):
    clock = Clock(90.0)  # ten seconds of start
    clock.enter(clock.entry("other"))

    def inner(x, *, y):
        hands.now += 3
        return x + y

    inner_timed = clock.around(clock.entry("loss"), inner)

    def outer():
        hands.now += 1
        found = inner_timed(1, y=2)
        hands.now += 5
        return found

    assert clock.around(clock.entry("files"), outer)() == 3
    hands.now += 0.5
    clock.stop()
    hands.now += 1000  # after the end
    assert seconds(clock) == {"start-up": 10.0, "other": 0.5, "files": 6.0, "loss": 3.0}
    assert clock.ended - clock.begun == 19.5


def test_a_layer_lasts_until_the_next_one_and_the_last_until_the_pass_ends(hands):
    clock = Clock()
    clock.enter(clock.entry("other"))

    def layer(seconds):
        hands.now += seconds

    first = clock.from_here(clock.entry("forward", "hidden.1"), layer)
    last = clock.from_here(clock.entry("forward", "output"), layer)

    def forward():
        hands.now += 0.25
        first(1)
        layer(2)  # an activation, of the layer under way
        last(4)
        layer(8)

    clock.around(clock.entry("forward"), forward)()
    layer(16)
    clock.stop()
    of = {("forward", "hidden.1"): 3.0, ("forward", "output"): 12.0}
    assert seconds(clock) == {"start-up": 0.0, "other": 16.0, "forward": 0.25, **of}
    line = next(line for line in profile_of(clock).lines if line.row == "forward")
    assert (line.seconds, line.calls) == (15.25, 1)  # its layers' with it


def test_a_generator_is_timed_while_it_runs_and_not_while_it_waits(hands):
    clock = Clock()
    clock.enter(clock.entry("other"))

    def epoch(n):
        for k in range(n):
            hands.now += 1
            yield k

    found = []
    for k in clock.through("loop over steps", epoch)(3):
        hands.now += 10
        found.append(k)
    clock.stop()
    assert found == [0, 1, 2]
    assert seconds(clock) == {"start-up": 0.0, "other": 30.0, "loop over steps": 3.0}


def test_what_fails_was_timed_and_the_part_around_it_goes_on(hands):
    clock = Clock()
    outer = Entry("other")
    clock.enter(outer)

    def fails():
        hands.now += 2
        raise KeyError("x")

    with pytest.raises(KeyError):
        clock.around(clock.entry("files"), fails)()
    assert clock.inside is outer
    assert seconds(clock)["files"] == 2.0


def test_shares_are_of_the_whole_and_rates_of_a_second(hands):
    clock = Clock(92.0)  # eight seconds of start
    passed = clock.around(clock.entry("forward", "", 500), lambda: setattr(hands, "now", 104.0))
    passed()
    clock.stop()
    found = {line.row: line for line in profile_of(clock).lines}
    assert (found["start-up"].share, found["forward"].share) == (8 / 12, 4 / 12)
    assert found["forward"].multiply_adds_per_second == 125.0
    assert found["forward"].microseconds_per_step == 4e6
    assert found["start-up"].microseconds_per_step is None
    assert found["loss"].multiply_adds_per_second is None


@pytest.fixture
def trained(tmp_path, training):
    """Return a function that trains a spec with a clock, or without; of one or an ensemble."""

    def run(*overrides, clock=None, spec=EVERYTHING):
        training()  # puts iris there
        (tmp_path / "spec.yaml").write_text(spec, "utf-8")
        loaded = load_spec(str(tmp_path / "spec.yaml"), overrides)
        make = Training if clock is None else partial(ProfiledTraining, clock)
        made = make(loaded.spec, load_dataset(loaded))
        events = list(made.run())
        return made, events

    return run


@pytest.mark.parametrize("overrides", [(), ENSEMBLE], ids=["one", "ensemble"])
def test_a_profiled_training_has_the_same_bits(trained, overrides):
    plain, events = trained(*overrides)
    timed, timed_events = trained(*overrides, clock=Clock())
    np.testing.assert_array_equal(plain.network.vector, timed.network.vector)
    assert len(events) == len(timed_events)
    for one, other in zip(events, timed_events, strict=True):
        if hasattr(one, "mean"):
            same = {k: v for k, v in one.mean.items() if k != "seconds"}
            assert same == {k: v for k, v in other.mean.items() if k != "seconds"}


@pytest.mark.parametrize(("overrides", "lanes"), [((), 1), (ENSEMBLE, 3)], ids=["one", "ensemble"])
def test_every_part_of_every_step_is_on_its_row(trained, overrides, lanes):
    clock = Clock()
    clock.enter(clock.entry("other"))
    trained(*overrides, clock=clock)
    clock.stop()
    found = profile_of(clock)
    lines = {(line.row, line.layer): line for line in found.lines}
    # 150 rows, 30 of them for validation: batches of 32, 32, 32, 24 in three epochs.
    assert found.steps == 12
    # Beside δ in each step, the losses of each block's rows: one block an epoch here.
    for row, calls in {"forward": 12, "loss": 12 + 3, "backward": 12}.items():
        assert lines[row, ""].calls == calls, row
    # Running means of batch norm copied from the noisy network, clipping, decay, the step,
    # max_norm, the mean of the weights; noise is another row's.
    assert lines["update", ""].calls == 6 * 12
    # In each step masks of the data and of hidden.1, the noisy copy, the gradient's noise; in each
    # epoch the beginnings of the step's streams, and of labels, mixup and inputs, which are applied
    # once to each lane: the rows are gathered at once.
    assert lines["noise and masks", ""].calls == 4 * 12 + 3 * (1 + 3 + 3 * lanes)
    assert lines["shuffle and gather", ""].calls == 2 * 3
    assert {layer for row, layer in lines if row == "forward"} == {
        *("", "input", "hidden.1", "hidden.2", "output")
    }
    assert {layer for row, layer in lines if row == "backward"} == {
        *("", "hidden.1", "hidden.2", "output")
    }
    rows = 3 * 120 * lanes
    forward = {"hidden.1": 4 * 8, "hidden.2": 8 * 6, "output": 6 * 3}
    backward = {"hidden.1": 4 * 8, "hidden.2": 2 * 8 * 6, "output": 2 * 6 * 3}
    for row, work in (("forward", forward), ("backward", backward)):
        for layer, each in {**work, "": sum(work.values())}.items():
            line = lines[row, layer]
            assert line.multiply_adds_per_second * line.seconds == pytest.approx(rows * each)
            assert line.calls == 12
            inner = sum(other.seconds for (r, k), other in lines.items() if r == row and k)
        assert 0 < inner < lines[row, ""].seconds


@pytest.mark.parametrize("overrides", [(), ENSEMBLE], ids=["one", "ensemble"])
def test_rows_sum_to_the_whole(trained, overrides):
    clock = Clock()
    clock.enter(clock.entry("other"))
    trained(*overrides, clock=clock)
    clock.stop()
    found = profile_of(clock)
    whole = [line for line in found.lines if not line.layer]
    assert [line.row for line in whole] == list(profile.ROWS)
    assert sum(line.seconds for line in whole) == pytest.approx(found.seconds, rel=1e-9)
    assert sum(line.share for line in whole) == pytest.approx(1, rel=1e-9)
    assert all(line.seconds >= 0 for line in found.lines)
    assert 0 < found.clock_seconds < 1e-4
    assert found.clock_calls == sum(entry.calls for entry in clock.entries)


def test_lanes_that_leave_a_stack_are_timed_on(trained):
    clock = Clock()
    sets = ("training.early_stopping={patience: 1}", "training.epochs=40", *ENSEMBLE)
    made, _ = trained(*sets, clock=clock)
    clock.stop()
    epochs = [one.epochs for one in made.ended]
    assert len(set(epochs)) > 1  # so there were stacks of several sizes
    assert profile_of(clock).steps == 4 * max(epochs)


def test_without_a_clock_nothing_is_wrapped(training):
    made = training()
    list(made.run())
    trainer = made.trainer(made.network, [0])
    step = trainer.step
    for owner in (trainer, trainer.loader, step, step.update, *step.backprop.values()):
        assert not {"epoch", "load", "start", "draw", "forward", "backward"} & set(vars(owner))
    assert type(step.loss).__name__ == "CrossEntropy"


def test_a_process_knows_its_age(tmp_path, monkeypatch):
    script = "import time; time.sleep(0.4); from mlpcli.machine import process_age as age; "
    done = subprocess.run(
        [sys.executable, "-c", script + "print(age())"], capture_output=True, text=True, check=True
    )
    assert 0.39 < float(done.stdout) < 20
    monkeypatch.setattr(machine, "STAT", tmp_path / "stat")
    # The 22nd field, of a process whose name looks like the end of a name: 900 s after the start.
    ticks = 900 * os.sysconf("SC_CLK_TCK")
    (tmp_path / "stat").write_text("1 (a) b) S " + "7 " * 18 + f"{ticks} 7 7")
    with monkeypatch.context() as patch:
        patch.setattr(machine.time, "clock_gettime", lambda _: 1000.0)
        for computed, age in ((12.5, 100.0), (100.5, 100.5)):  # a long run of tests computes more
            patch.setattr(machine.time, "process_time", lambda computed=computed: computed)
            assert machine.process_age() == age
    (tmp_path / "stat").unlink()
    for text in (None, "", "1 (a) b) S 2", "1 (a) S " + "x " * 30):
        if text is not None:
            (tmp_path / "stat").write_text(text)
        monkeypatch.setattr(machine.time, "process_time", lambda: 12.5)
        assert machine.process_age() == 12.5
