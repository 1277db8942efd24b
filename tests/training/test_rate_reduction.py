"""Lanes that diverge go back and on with half λ: to the bits of a training begun there by hand."""

import numpy as np
import pytest

from mlpcli.spec.load import load_spec
from mlpcli.training import plan
from mlpcli.training.build import load_dataset
from mlpcli.training.divergence import explain
from mlpcli.training.events import Ended, EpochEnded, RateReduced, StateReady
from mlpcli.training.lane_state import LaneState, learning_rates
from mlpcli.training.lanes import Lane
from mlpcli.training.rate_reduction import learning_rate_reductions
from mlpcli.training.training import Training

SPEC = """
data: {path: t.csv, target: y, task: regression, scale: standard,
       split: {validation: 0.25, test: 0}}
model: {layers: [{units: 5, activation: relu, keep_prob: 0.9, norm: batch}, {units: 4}]}
training:
  epochs: 8
  batch_size: 16
  on_divergence: reduce-lr
  optimizer: {name: sgd, momentum: 0.5, learning_rate: 1.0e+3}
  schedule: {name: step, every: 3, gamma: 0.5}
  early_stopping: {patience: 8}
regularization: {l2: 0.01, noise: {input: 0.1}}
"""
LINEAR = ("model.layers=[]", "regularization={l2: 0}", "training.schedule=constant")


@pytest.fixture
def make(tmp_path):
    """Return a function that makes the training of the spec, with overrides."""
    rng = np.random.default_rng(0)
    X = np.round(rng.standard_normal((120, 3)), 6)
    y = np.round(30 * X @ [1.0, -2.0, 0.5] + 3 * rng.standard_normal(120), 6)
    lines = [",".join(map(repr, row)) for row in np.column_stack([X, y]).tolist()]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,y", *lines]) + "\n", "ascii")
    (tmp_path / "s.yaml").write_text(SPEC, "utf-8")

    def make(*overrides, lanes=()):
        loaded = load_spec(str(tmp_path / "s.yaml"), overrides)
        dataset = load_dataset(loaded)
        return Training(loaded.spec, dataset, [Lane(loaded.spec, seed) for seed in lanes])

    return make


def rate(value):
    return f"training.optimizer.learning_rate={value}"


class Trained:
    """What a training came to: rows of metrics without their seconds, numbers, reductions, end."""

    def __init__(self, training, events):
        self.rows, self.reduced = [], []
        for event in events:
            if isinstance(event, EpochEnded):
                each = [event.mean, *event.rows]
                self.rows.append([{**row, "seconds": 0.0} for row in each])
            elif isinstance(event, RateReduced):
                self.reduced.append((event.lane, event.epoch, event.learning_rate))
        self.ended = event
        assert isinstance(event, Ended)
        self.vectors = training.vectors.copy()
        self.reductions = learning_rate_reductions(training)

    def agrees_with(self, other):
        np.testing.assert_array_equal(self.vectors, other.vectors)
        assert self.rows == other.rows
        assert self.reductions == other.reductions
        ended = [
            (e.reason, e.epochs, e.best_epoch, e.last_epoch) for e in (self.ended, other.ended)
        ]
        assert ended[0] == ended[1]


def train(training, *arguments):
    return Trained(training, training.run(*arguments))


def epochs_of(trained):
    return [rows[0]["epoch"] for rows in trained.rows]


# ---------------------------------------------------------------- where it goes on


def test_from_the_initial_parameters_it_is_a_training_with_the_lower_rate(make):
    four = (*LINEAR, "training.epochs=4")
    one = train(make(*four, rate(16)))
    assert {epoch for _, epoch, _ in one.reduced} == {1}
    rates = [learning_rate for *_, learning_rate in one.reduced]
    assert rates == [8.0, 4.0, 2.0, 1.0][: len(rates)]
    by_hand = train(make(*four, rate(rates[-1])))
    assert by_hand.reductions == []
    np.testing.assert_array_equal(one.vectors, by_hand.vectors)
    assert one.rows == by_hand.rows
    assert epochs_of(one) == [1, 2, 3, 4]


def test_from_a_later_epoch_it_is_that_epochs_state_with_the_lower_rate(make):
    """Warm-up: λ grows to the rate in five epochs, so that the first of them are sound."""
    growing = (*LINEAR, "training.schedule={name: constant, warmup: 5}")
    one = train(make(*growing, rate(12)))
    epochs = [epoch for _, epoch, _ in one.reduced]
    assert min(epochs) > 1
    training = make(*growing, rate(12))
    rows, lower = [], 12.0
    for epoch, learning_rate in zip(epochs, [6.0, 3.0, 1.5, 0.75], strict=False):
        state = None
        for event in training.run(due=lambda: True):
            if isinstance(event, EpochEnded):
                rows = [*rows[: event.epoch - 1], event.epoch]
            done = training.states[0].epoch == epoch - 1 == training.states[0].last_epoch
            if isinstance(event, StateReady) and done:
                state = training.state()
                break
        state.document["reductions"] = []
        training, lower = make(*growing, rate(learning_rate)), learning_rate
        training.restore(state)
    by_hand = train(training)
    assert by_hand.reductions == []
    np.testing.assert_array_equal(one.vectors, by_hand.vectors)
    assert one.rows[epochs[-1] - 1 :] == by_hand.rows
    assert epochs_of(one) == list(range(1, 9))
    assert one.reductions[-1] == {"epoch": epochs[-1], "learning_rate": lower, "lane": 0}


def test_the_column_of_rates_shows_it(make):
    one = train(make(*LINEAR, rate(16)))
    rates = [rows[0]["learning_rate"] for rows in one.rows]
    for k, (_, epoch, learning_rate) in enumerate(one.reduced):
        until = [*one.reduced, (0, 9, 0.0)][k + 1][1]
        assert rates[epoch - 1 : until - 1] == [learning_rate] * (until - epoch)


def test_five_times_at_most_then_it_has_diverged(make):
    training = make(*LINEAR, rate(1e30))
    one = train(training)
    assert one.ended.reason == "diverged"
    assert [each["learning_rate"] for each in one.reductions] == [1e30 / 2**k for k in range(1, 6)]
    report = explain(training)
    assert report["before"][-1]["learning_rate"] == pytest.approx(1e30 / 32)
    assert report["try"][0]["trained"]


def test_the_report_is_of_the_last_attempt_also_where_that_was_in_another_process(make):
    """Warm-up: it went back in several epochs, and the last attempt began behind them."""
    growing = (*LINEAR, "training.schedule={name: constant, warmup: 5}", "training.batch_size=90")
    steady = ("training.early_stopping=null", "training.epochs=60")
    training = make(*growing, *steady, rate(2e3))
    assert train(training).ended.reason == "diverged"
    report = explain(training)
    good = training.reductions.of_lane(0)
    assert good.epoch == report["epoch"] - 1 > 1
    first = next(each for each in report["before"] if each["epoch"] == report["epoch"])
    vector = good.tensors["vector"][0].astype(float)
    assert first["weights"] == pytest.approx(np.linalg.norm(vector))
    training.reductions.good = None  # as where it was in another process
    assert explain(training) == report


def test_without_the_key_it_stops(make):
    one = train(make(*LINEAR, rate(16), "training.on_divergence=stop", "training.epochs=60"))
    assert (one.ended.reason, one.reductions) == ("diverged", [])


# ---------------------------------------------------------------- lanes

SEEDS = "ensemble={kind: seeds, replicas: 3}"


def of_lane(trained, lane):
    return [rows[1 + lane] for rows in trained.rows]


def test_a_lane_has_the_bits_that_it_has_alone(make):
    settings = (*LINEAR, rate(3.0), "training.early_stopping=null", "training.epochs=5")
    each = [train(make(*settings, lanes=[seed])) for seed in range(4)]
    counts = {len(one.reductions) for one in each}
    assert len(counts) > 1, "all lanes diverge alike: choose another rate"
    stack = train(make(*settings, lanes=range(4)))
    for lane, one in enumerate(each):
        np.testing.assert_array_equal(stack.vectors[lane], one.vectors[0])
        assert of_lane(stack, lane) == of_lane(one, 0)
        mine = [dict(each, lane=0) for each in stack.reductions if each["lane"] == lane]
        assert mine == one.reductions
    assert epochs_of(stack) == [1, 2, 3, 4, 5]


def test_lanes_in_one_stack_may_have_halved_differently_often(make):
    (prepared,) = make(rate(3.0), "training.schedule=constant").prepared
    states = [
        LaneState(prepared, has_validation=False, n_steps=1, halvings=halvings)
        for halvings in (0, 2, 1)
    ]
    rates, last = learning_rates(states)
    assert rates.tolist() == [[3.0], [0.75], [1.5]]
    assert last == [3.0, 0.75, 1.5]


@pytest.mark.parametrize("processes", [1, 2])
def test_no_plan_of_stacks_changes_a_bit(processes, make, monkeypatch):
    settings = (*LINEAR, rate(3.0), SEEDS, "training.epochs=4")
    one = train(make(*settings))
    assert one.reductions
    monkeypatch.setattr(plan, "cores", lambda: processes, raising=False)
    other = make(*settings, f"runtime.threads={processes}")
    other.plan = plan.Plan(**{**vars(other.plan), "stacks": [[0], [1, 2]], "processes": processes})
    train(other).agrees_with(one)


# ---------------------------------------------------------------- interrupted and resumed


def resumed(make_one, when, stopped):
    """Interrupt a training at its n-th state; take it up in another one; return what both did."""
    first, seen = make_one(), 0
    events = []
    asked = [0]

    def stop():
        asked[0] += 1
        return stopped and asked[0] >= when

    state = None
    for event in first.run(stop, lambda: not stopped):
        events.append(event)
        if isinstance(event, StateReady):
            seen += 1
            if stopped or seen == when:
                state = first.state()
                break
    if state is None:
        return None
    second = make_one()
    second.restore(state)
    return Trained(second, [*events, *second.run()])


@pytest.mark.parametrize(
    "settings",
    [
        (rate(3e3),),
        (*LINEAR, rate(3.0), SEEDS, "training.epochs=4"),
        (*LINEAR, rate(3.0), SEEDS, "training.epochs=4", "training.schedule=plateau"),
        (*LINEAR, rate(8.0), "data.scale_target=none"),
    ],
    ids=["one", "stack", "plateau", "unscaled"],
)
@pytest.mark.parametrize("stopped", [False, True], ids=["killed", "stopped"])
def test_interrupted_anywhere_it_goes_on_to_the_same_bits(stopped, settings, make, monkeypatch):
    from mlpcli.training import batches

    monkeypatch.setattr(batches, "MAX_BATCHES", 2)
    whole = train(make(*settings))
    assert whole.reductions
    tried = 0
    for when in range(1, 60, 3 if stopped else 2):
        again = resumed(lambda: make(*settings), when, stopped)
        if again is None:
            break
        again.agrees_with(whole)
        tried += 1
    assert tried >= 8
