"""Where and why a training diverged: cases whose cause is known, found again by hand."""

import math

import numpy as np
import pytest

from mlpcli.nn.network import initial_vector
from mlpcli.spec.load import load_spec
from mlpcli.training import divergence, recent_state
from mlpcli.training.build import load_dataset
from mlpcli.training.divergence import explain
from mlpcli.training.divergence_evidence import Replay
from mlpcli.training.events import Ended
from mlpcli.training.step_watch import StepWatch
from mlpcli.training.training import Training

N = 120
SPEC = """
data: {path: t.csv, target: y, task: regression, scale: none, scale_target: none,
       split: {validation: 0, test: 0}}
model: {layers: []}
training: {epochs: 150, batch_size: 120, early_stopping: null, optimizer: {name: sgd}}
"""


def table(**changes):
    """Return X (N, 2) and y (N,), with some cells changed: x_ROW or y_ROW = value."""
    rng = np.random.default_rng(0)
    X = np.round(rng.standard_normal((N, 2)), 6)
    y = np.round(X @ [1.0, -2.0] + 0.1 * rng.standard_normal(N), 6)
    for name, value in changes.items():
        which, row = name.split("_")
        if which == "x":
            X[int(row), 1] = value
        else:
            y[int(row)] = value
    return X, y


@pytest.fixture
def make(tmp_path):
    """Return a function that makes the training of the spec on a table, with overrides."""

    def make(*overrides, **changes):
        X, y = table(**changes)
        lines = [f"{a!r},{b!r},{t!r}" for a, b, t in zip(*X.T.tolist(), y.tolist(), strict=True)]
        (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *lines]) + "\n", "ascii")
        (tmp_path / "s.yaml").write_text(SPEC, "utf-8")
        loaded = load_spec(str(tmp_path / "s.yaml"), overrides)
        return Training(loaded.spec, load_dataset(loaded))

    return make


@pytest.fixture
def found(make):
    """Return a function: the report on a training that diverges; its first advice, followed."""

    def found(*overrides, **changes):
        one = make(*overrides, **changes)
        assert end_of(one).reason == "diverged"
        report = explain(one)
        advice = report["try"][0]
        settings = [option.removeprefix("--set ") for option in advice["options"].split(" --set ")]
        assert end_of(make(*overrides, *settings, **changes)).reason == "finished", advice
        return report

    return found


def end_of(training):
    ended = list(training.run())[-1]
    assert isinstance(ended, Ended)
    return ended


def rate(value):
    return f"training.optimizer.learning_rate={value}"


def hessian(X):
    """Return ∂²J/∂(w, b)² of J = 1/(2N) Σ (x w + b − y)²."""
    with_one = np.column_stack([X, np.ones(len(X))])
    return with_one.T @ with_one / len(X)


def descent_by_hand(X, y, theta, learning_rate):
    """Yield of each full step in float32: loss, ‖θ‖ before, ‖g‖, ‖Δθ‖, until one is not finite."""
    X, y = X.astype(np.float32), y.astype(np.float32)
    w, b = theta[:2].astype(np.float32), np.float32(theta[2])
    with np.errstate(all="ignore"):
        while True:
            error = X @ w + b - y
            losses = np.float32(0.5) * error * error
            grad = np.append(X.T @ error, error.sum()).astype(np.float32) / np.float32(len(X))
            step = np.float32(learning_rate) * grad
            before = np.append(w, b)
            loss = losses.astype(float).mean()
            yield loss, *(float(np.linalg.norm(v.astype(float))) for v in (before, grad, step))
            if not np.isfinite(losses).all():
                return
            w, b = w - step[:2], b - step[2]


# ---------------------------------------------------------------- the learning rate


def test_a_rate_above_two_over_the_largest_curvature(found):
    largest = np.linalg.eigvalsh(hessian(table()[0]))[-1]
    report = found(rate(2.5 / largest))
    assert report["cause"] == "learning_rate"
    assert report["numbers"]["curvature"] == pytest.approx(largest, rel=1e-2)
    assert report["numbers"]["limit"] == pytest.approx(2 / largest, rel=1e-2)
    tried = report["try"][0]["set"]["training.optimizer.learning_rate"]
    assert tried < 2 / largest < report["numbers"]["learning_rate"]


def test_epoch_step_layer_and_norms_are_those_of_a_loop_by_hand(make):
    one = make(rate(6))
    end_of(one)
    report = explain(one)
    initial = initial_vector(one.architecture, 0)
    steps = list(descent_by_hand(*table(), initial, 6))
    # One step an epoch: the last one's loss is not finite, its u = X w + b is.
    assert (report["epoch"], report["step"]) == (len(steps), 1)
    assert (report["layer"], report["quantity"], report["what"]) == ("output", "loss", "the loss")
    assert [norms["epoch"] for norms in report["before"]] == list(range(len(steps) - 5, len(steps)))
    names = ("loss", "weights", "gradient", "update")
    shown = [[norms[name] for name in names] for norms in report["before"]]
    np.testing.assert_allclose(shown, steps[-6:-1], rtol=1e-2)


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        (("training.optimizer.momentum=0.9",), 3.8),
        (("training.optimizer.momentum=0.9", "training.optimizer.nesterov=true"), 3.8 / 2.8),
    ],
)
def test_with_momentum_the_limit_is_another(settings, limit, found):
    largest = np.linalg.eigvalsh(hessian(table()[0]))[-1]
    report = found(rate(1.5 * limit / largest), "training.epochs=400", *settings)
    assert report["numbers"]["limit"] == pytest.approx(limit / largest, rel=1e-2)


def test_adam_has_no_such_limit_but_a_step_that_throws_the_weights_away(found):
    report = found(rate(1e25), "training.optimizer.name=adam")
    assert report["cause"] == "learning_rate"
    assert "curvature" not in report["numbers"]
    # Adam's first step is λ in each of three parameters.
    first = report["before"][0]
    assert first["update"] == pytest.approx(1e25 * math.sqrt(3), rel=1e-4)


def test_the_advice_to_halve_the_rate_is_sound(found, make):
    report = found(rate(6))
    assert [each["options"] for each in report["try"]][1:] == ["--on-divergence reduce-lr"]
    assert end_of(make(rate(6), "training.on_divergence=reduce-lr")).reason == "finished"
    assert len(found(rate(600))["try"]) == 1  # 600 / 32 is too large as well


# ---------------------------------------------------------------- rows


def test_a_row_far_out_is_named_with_its_line(found):
    X, _ = table(x_17=46.0)
    with_row = np.linalg.eigvalsh(hessian(X))[-1]
    without = np.linalg.eigvalsh(hessian(np.delete(X, 17, axis=0)))[-1]
    assert 0.5 * without < 2 < 0.5 * with_row
    report = found(rate(0.5), x_17=46.0)
    others = np.delete(X[:, 1], 17)
    assert report["cause"] == "far_input"
    assert report["numbers"]["column"] == "b"
    assert report["numbers"]["value"] == pytest.approx(46.0)
    deviations = (46.0 - others.mean()) / others.std()
    assert report["numbers"]["deviations"] == pytest.approx(deviations, rel=1e-3)
    assert "t.csv:19:" in report["why"]  # a header, and 17 rows before
    assert report["try"][0]["set"]["data.scale"] == "asinh"


def test_a_row_far_out_is_not_to_blame_where_the_rate_is_too_large_for_the_others(found):
    assert found(rate(5), x_17=46.0)["cause"] == "learning_rate"


def test_an_impossible_target_is_named_with_its_line(found):
    report = found(rate(0.1), "training.batch_size=40", y_30=1e30)
    assert report["cause"] == "extreme_target"
    assert report["numbers"]["value"] == pytest.approx(1e30)
    assert "t.csv:32:" in report["why"]
    assert "y: the target 1e+30" in report["why"]


def test_an_impossible_target_among_the_validation_rows(make):
    for seed in range(10):
        one = make(f"seed={seed}", "data.split.validation=0.3", rate(0.1), y_30=1e30)
        if 30 in one.dataset.parts["validation"].rows:
            break
    assert end_of(one).cause == "the validation loss"
    report = explain(one)
    assert (report["epoch"], report["step"]) == (1, None)
    assert report["what"] == "the loss of 1 of 36 validation rows"
    assert report["cause"] == "extreme_target"
    assert "t.csv:32:" in report["why"]


# ---------------------------------------------------------------- what the spec says


def test_weight_decay_that_turns_the_weights_over(found):
    report = found(rate(0.1), "regularization.l2=30")
    assert report["cause"] == "weight_decay"
    assert report["numbers"] == {"learning_rate": 0.1, "l2": 30.0, "limit": 2.0}
    assert "1 − λ α = -2" in report["why"]  # by hand: 1 − 0.1 · 30


def test_decoupled_decay_turns_them_over_too(found):
    report = found(rate(0.1), "training.optimizer.name=adamw", "regularization.l2=30")
    assert report["cause"] == "weight_decay"


DEEP = ", ".join(["{units: 16, activation: relu, initializer: {name: normal, std: 0.6}}"] * 12)


def test_a_deep_network_without_normalization(found):
    head = "model.output_initializer=he_normal"
    report = found(rate(0.1), f"model.layers=[{DEEP}]", head)
    assert report["cause"] == "exploding_gradient"
    assert report["numbers"]["layers"] == 12
    assert "training.gradient_clipping.norm" in report["try"][0]["set"]


def test_initial_weights_that_are_too_large(found):
    layer = "{units: 16, initializer: {name: normal, std: 30}}"
    report = found(rate(0.1), f"model.layers=[{layer}]")
    assert report["cause"] == "large_initial_weights"
    assert report["numbers"]["tensor"] == "hidden.1.weight"
    # fan_in 2: √(2/2) = 1, so about 30 times as large.
    assert report["numbers"]["ratio"] == pytest.approx(30, rel=0.3)


def test_noise_that_is_larger_than_the_inputs(found):
    report = found(rate(0.1), "model.layers=[{units: 16}]", "regularization.noise.input=30")
    assert report["cause"] == "strong_noise"
    X, _ = table()
    assert report["numbers"]["ratio"] == pytest.approx(30 / np.sqrt(np.mean(X**2)), rel=1e-3)


def test_numbers_beyond_float32(found):
    """A target of 1e20 for all: (1e20)²/2 is beyond float32, and nothing has grown."""
    every = {f"y_{row}": (-1) ** row * 1e20 for row in range(N)}
    report = found(rate(0.1), "training.epochs=3", **every)
    assert report["cause"] == "float_range"
    assert report["before"] == []
    assert [each["set"] for each in report["try"]] == [
        {"data.scale_target": "standard"},
        {"runtime.dtype": "float64"},
    ]


# ---------------------------------------------------------------- how it looks


def test_the_steps_that_are_looked_at_keep_their_bits(make):
    settings = (
        "training.batch_size=32",
        "training.optimizer.name=adam",
        "model.layers=[{units: 5, keep_prob: 0.7, norm: batch}, {units: 4, activation: tanh}]",
        "regularization={l2: 0.01, noise: {input: 0.1, weights: 0.1, gradients: 0.1}}",
    )
    vectors = []
    for watched in (False, True):
        one = make(*settings)
        one.inside = [0]
        trainer = one._begin(None)
        watch = StepWatch(trainer) if watched else None
        for epoch in (1, 2):
            list(trainer.epoch(epoch, 0.01))
        vectors.append(one.network.vector.copy())
    np.testing.assert_array_equal(*vectors)
    assert watch.place is None
    assert [(each.epoch, each.step) for each in watch.norms] == [
        (epoch, step) for epoch in (1, 2) for step in (1, 2, 3, 4)
    ]


def test_a_long_training_is_looked_at_from_a_state_not_long_ago(make, monkeypatch):
    whole = make(rate(6))
    end_of(whole)
    monkeypatch.setattr(recent_state, "SECONDS", 0.0)
    monkeypatch.setattr(recent_state, "SHARE", 1e9)
    one = make(rate(6))
    ended = end_of(one)
    assert [each.epoch for each in one.recent.states] == [
        ended.last_epoch - 2,
        ended.last_epoch - 1,
    ]
    asked = []
    monkeypatch.setattr(Replay, "_watch_from", lambda _, epoch: asked.append(epoch))
    explain(one)
    assert min(asked) == ended.last_epoch - 2  # nothing before was trained again
    monkeypatch.undo()
    report, expected = explain(one), explain(whole)
    assert (report["epoch"], report["step"]) == (expected["epoch"], expected["step"])
    assert report["before"] == expected["before"][-1:]
    assert report["cause"] == expected["cause"]


def test_asked_to_stop_it_stops_looking(make):
    one = make(rate(6))
    end_of(one)
    asked = []

    def stop():
        asked.append(True)
        return len(asked) > 3

    report = explain(one, stop)
    assert (report["step"], report["try"]) == (None, [])
    assert len(asked) < 20


def test_where_there_is_no_time_it_says_what_is_known(make, monkeypatch):
    one = make(rate(6))
    ended = end_of(one)
    monkeypatch.setattr(divergence, "REPLAY_SECONDS", -1.0)
    report = explain(one)
    assert (report["epoch"], report["step"]) == (ended.last_epoch, None)
    assert "would take longer" in report["why"]
    assert report["try"] == []


def test_a_training_that_did_not_diverge_has_no_report(make):
    one = make(rate(0.1), "training.epochs=2")
    end_of(one)
    assert explain(one) is None


def test_of_an_ensemble_the_first_replica_is_reported(make):
    one = make(rate(0.5), "ensemble={kind: kfold, replicas: 3}", x_17=46.0)
    end_of(one)
    lost = [r for r, ended in enumerate(one.ended) if ended.reason == "diverged"]
    epochs = {r: one.ended[r].last_epoch for r in lost}
    first = min(lost, key=lambda r: epochs[r])
    report = explain(one)
    assert (report["replica"], report["replicas"]) == (first, 2)
    assert report["epoch"] == epochs[first]
    assert report["cause"] == "far_input"


def test_growth_before_the_state_it_goes_on_from_is_looked_for_from_the_start(make, monkeypatch):
    """Eight steps an epoch: the loss grows in the first, and the state kept is of a later one."""
    steep = (rate(2.4), "training.batch_size=15", "training.epochs=60")
    whole = make(*steep)
    assert end_of(whole).last_epoch > 4
    monkeypatch.setattr(recent_state, "SECONDS", 0.0)
    monkeypatch.setattr(recent_state, "SHARE", 1e9)
    one = make(*steep)
    end_of(one)
    report, expected = explain(one), explain(whole)
    assert report == expected
    assert report["grew_from"] < report["epoch"] - 2
    assert report["cause"] == "learning_rate"
