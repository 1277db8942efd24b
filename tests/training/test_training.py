"""The loop: its events in order, the weights it ends with, the figures of each epoch."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mlpcli.errors import DataError
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.network import initial_vector
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.training.evaluation import evaluate
from mlpcli.training.events import Ended, EpochEnded, Progress
from mlpcli.training.resolve import resolve
from mlpcli.training.training import Training


def run(training, stop=lambda: False):
    """Run a training; return its epochs, each with the weights it ended with, and its end."""
    epochs = []
    for event in training.run(stop):
        if isinstance(event, EpochEnded):
            assert (event.lanes, event.rows) == ([0], [event.mean])
            epochs.append(SimpleNamespace(**vars(event), theta=training.network.theta.copy()))
    assert isinstance(event, Ended)
    return epochs, event


def column(epochs, name):
    return [epoch.mean[name] for epoch in epochs]


def without_seconds(epochs):
    return [{k: v for k, v in epoch.mean.items() if k != "seconds"} for epoch in epochs]


def logits_by_hand(training, part, theta=None):
    """Return u of the output, from the tensors and the formula h = tanh(x W + b) alone."""
    network = training.network
    theta = network.theta if theta is None else theta
    t = {k: v.astype(float) for k, v in network.architecture.layout.unpack(theta).items()}
    h = np.tanh(training.dataset.parts[part].X @ t["hidden.1.weight"] + t["hidden.1.bias"])
    return h @ t["output.weight"] + t["output.bias"]


def cross_entropy_by_hand(training, part, theta=None):
    u = logits_by_hand(training, part, theta)
    chosen = u[np.arange(len(u)), training.dataset.parts[part].labels]
    return np.mean(np.log(np.exp(u).sum(axis=1)) - chosen)


# ---------------------------------------------------------------- events


def test_events_come_in_this_order(training):
    events = list(training("training.epochs=3").run())
    kinds = [type(event) for event in events]
    assert kinds == [Progress, EpochEnded] * 3 + [Ended]
    assert [e.epoch for e in events[:-1]] == [1, 1, 2, 2, 3, 3]
    assert [(e.rows, e.n_rows) for e in events[:-1:2]] == [(106, 106)] * 3
    assert (events[-1].reason, events[-1].epochs) == ("finished", 3)
    assert events[-1].seconds >= sum(e.mean["seconds"] for e in events[1:-1:2]) > 0


def test_a_long_epoch_tells_of_itself_on_the_way(training, monkeypatch):
    from mlpcli.training import batches

    monkeypatch.setattr(batches, "BLOCK_BYTES", 1)
    advanced = [e for e in training("training.epochs=1").run() if isinstance(e, Progress)]
    assert [e.rows for e in advanced] == [32, 64, 96, 106]


def test_no_epochs_leave_the_random_beginning(training):
    one = training("training.epochs=0")
    epochs, ended = run(one)
    assert epochs == []
    assert (ended.reason, ended.epochs, ended.best_epoch) == ("finished", 0, 0)
    beginning = initial_vector(one.architecture, 0).astype(np.float32)
    np.testing.assert_array_equal(one.network.theta, beginning)


def test_the_rows_are_the_columns(training):
    one = training()
    epochs, _ = run(one)
    for epoch in epochs:
        assert sorted(epoch.mean) == sorted(one.columns)
    assert column(epochs, "epoch") == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("overrides", "columns"),
    [
        ((), "epoch train_loss train_accuracy val_loss val_accuracy learning_rate seconds"),
        (("training.metrics=[]",), "epoch train_loss val_loss learning_rate seconds"),
        (
            ("data.split.validation=0",),
            "epoch train_loss train_accuracy learning_rate seconds",
        ),
        (
            ("training.metrics=[f1]", "training.early_stopping.monitor=val_roc_auc"),
            "epoch train_loss train_f1 train_auc val_loss val_f1 val_auc learning_rate seconds",
        ),
        (
            ("data.target=petal_width_cm", "data.exclude=[species]"),
            "epoch train_loss train_rmse train_r2 val_loss val_rmse val_r2 learning_rate seconds",
        ),
    ],
)
def test_the_columns_of_metrics_csv(overrides, columns, training):
    one = training(*overrides)
    assert one.columns == columns.replace("auc", "roc_auc").split()
    epochs, _ = run(one)
    assert sorted(epochs[0].mean) == sorted(one.columns)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_learning_rate_is_pythons_float(training, name):
    """metrics.csv has its repr, which of NumPy's is np.float64(0.1)."""
    epochs, _ = run(training("training.epochs=2", f"training.schedule={name}"))
    assert [type(rate) for rate in column(epochs, "learning_rate")] == [float, float]


def test_the_learning_rate_is_the_schedules(training):
    epochs, _ = run(training("training.schedule={name: exponential, gamma: 0.5}"))
    assert column(epochs, "learning_rate") == [0.1, 0.05, 0.025, 0.0125]


def test_a_rate_that_changes_in_each_step_is_reported_as_the_last_step_had_it(training):
    # 106 rows in batches of 32: 4 steps an epoch, the warm-up takes 6
    epochs, _ = run(training("training.schedule={name: constant, warmup: 1.5}"))
    rates = np.array([4 / 6, 1, 1, 1]) * 0.1
    np.testing.assert_allclose(column(epochs, "learning_rate"), rates, rtol=1e-15)


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy", "train_loss"])
def test_a_plateau_sees_the_monitored_figure_as_one_that_should_be_small(training, monitor):
    schedule = "training.schedule={name: plateau, patience: 0, threshold: 1000, factor: 0.5}"
    one = training(schedule, f"training.early_stopping.monitor={monitor}")
    epochs, _ = run(one)  # nothing ever improves by 1000, after the first figure
    assert column(epochs, "learning_rate") == [0.1, 0.1, 0.05, 0.025]
    schedule = "training.schedule={name: plateau, patience: 0, threshold: 0, factor: 0.5}"
    epochs, _ = run(training(schedule, f"training.early_stopping.monitor={monitor}"))
    figures = np.array(column(epochs, monitor)) * (-1 if monitor == "val_accuracy" else 1)
    halved = 0
    for epoch in range(1, 4):
        halved += epoch > 1 and figures[epoch - 1] >= figures[: epoch - 1].min()
        assert epochs[epoch].mean["learning_rate"] == 0.1 * 0.5**halved


# ---------------------------------------------------------------- figures


def test_validation_is_a_full_pass_without_dropout(training):
    one = training("model.layers[0].keep_prob=0.5", "training.epochs=3")
    epochs, _ = run(one)
    for epoch in epochs:
        by_hand = cross_entropy_by_hand(one, "validation", epoch.theta)
        np.testing.assert_allclose(epoch.mean["val_loss"], by_hand, rtol=1e-5)
        u = logits_by_hand(one, "validation", epoch.theta)
        right = np.mean(u.argmax(axis=1) == one.dataset.parts["validation"].labels)
        assert epoch.mean["val_accuracy"] == right


def test_the_full_train_loss_is_that_of_the_epochs_last_weights(training):
    one = training("model.layers[0].keep_prob=0.5", "training.train_loss=full")
    epochs, _ = run(one)
    for epoch in epochs:
        by_hand = cross_entropy_by_hand(one, "train", epoch.theta)
        np.testing.assert_allclose(epoch.mean["train_loss"], by_hand, rtol=1e-5)
        u = logits_by_hand(one, "train", epoch.theta)
        right = np.mean(u.argmax(axis=1) == one.dataset.parts["train"].labels)
        assert epoch.mean["train_accuracy"] == right


def test_the_running_train_loss_is_of_the_weights_before_each_step(training):
    # One step an epoch: what it runs on is what the epoch before ended with.
    one = training("training.batch_size=500")
    epochs, _ = run(one)
    before = [initial_vector(one.architecture, 0), *(epoch.theta for epoch in epochs)]
    for epoch, theta in zip(epochs, before, strict=False):
        by_hand = cross_entropy_by_hand(one, "train", theta)
        np.testing.assert_allclose(epoch.mean["train_loss"], by_hand, rtol=1e-5)
        u = logits_by_hand(one, "train", theta)
        right = np.mean(u.argmax(axis=1) == one.dataset.parts["train"].labels)
        assert epoch.mean["train_accuracy"] == right


def test_the_train_loss_does_not_hold_the_penalty(training):
    plain, decayed = training("training.epochs=1"), training("regularization.l2=1e-7")
    (first, _), (second, _) = run(plain), run(decayed)
    losses = [epochs[0].mean["train_loss"] for epochs in (first, second)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    heavy = training("regularization.l2=1.0", "training.train_loss=full")
    epochs, _ = run(heavy)
    by_hand = cross_entropy_by_hand(heavy, "train", epochs[-1].theta)
    np.testing.assert_allclose(epochs[-1].mean["train_loss"], by_hand, rtol=1e-5)


def test_how_the_loss_is_shown_does_not_change_what_is_learned(training):
    _, thetas = zip(
        *(
            (run(one), one.network.theta)
            for one in (training(), training("training.train_loss=full"))
        ),
        strict=True,
    )
    np.testing.assert_array_equal(*thetas)


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("data.target=petal_width_cm", "data.exclude=[species]"),
        ("model.loss=mse", "seed=4", "model.layers[0].keep_prob=0.7"),
        ("training.optimizer=adam", "data.split.validation=0"),
    ],
)
def test_the_resolved_spec_trains_to_the_same_bits(overrides, training):
    one = training(*overrides)
    other = Training(resolve(one.spec, one.dataset), one.dataset)
    (epochs, _), (same, _) = run(one), run(other)
    assert other.columns == one.columns
    np.testing.assert_array_equal(other.network.theta, one.network.theta)
    assert without_seconds(epochs) == without_seconds(same)


def test_another_seed_is_another_training(training):
    thetas = {run(training(f"seed={seed}"))[0][-1].theta.tobytes() for seed in (0, 0, 1, 2)}
    assert len(thetas) == 3


def test_a_score_is_that_of_the_weights_and_counts_each_class(training):
    one = training()
    run(one)
    scores = evaluate(one.network, one.encoding, one.dataset.parts["test"])
    by_hand = cross_entropy_by_hand(one, "test")
    labels = one.dataset.parts["test"].labels
    predicted = logits_by_hand(one, "test").argmax(axis=1)
    counts = [[np.sum((labels == i) & (predicted == j)) for j in range(3)] for i in range(3)]
    assert scores.rows == 22
    np.testing.assert_allclose(scores.metrics["loss"], by_hand, rtol=1e-5)
    assert scores.metrics["accuracy"] == np.mean(labels == predicted)
    np.testing.assert_array_equal(scores.confusion, counts)


# ---------------------------------------------------------------- which weights are kept

FAST = ("training.optimizer.learning_rate=0.5", "training.epochs=60", "model.layers[0].units=40")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_best_epoch_has_the_smallest_validation_loss_and_its_weights_are_kept(seed, training):
    one = training(*FAST, f"seed={seed}", "training.early_stopping.patience=5")
    epochs, ended = run(one)
    losses = column(epochs, "val_loss")
    assert ended.best_epoch == 1 + int(np.argmin(losses))
    np.testing.assert_array_equal(one.network.theta, epochs[ended.best_epoch - 1].theta)
    assert [epoch.best_epoch for epoch in epochs] == [
        1 + int(np.argmin(losses[:k])) for k in range(1, len(losses) + 1)
    ]
    assert [epoch.improved for epoch in epochs] == [e.best_epoch == e.epoch for e in epochs]
    if ended.reason == "patience":
        assert ended.epochs == ended.best_epoch + 5
    else:
        assert ended.epochs == 60


def test_patience_runs_out_after_as_many_epochs_as_it_says(training, monkeypatch):
    one = training("training.early_stopping.patience=3", "training.epochs=50")
    figures = iter([5.0, 4.0, 4.5, 4.0, 3.0, 3.5, 3.0, 9.0])
    monkeypatch.setattr(Evaluation, "loss", lambda *_: next(figures))
    epochs, ended = run(one)
    assert (ended.reason, ended.epochs, ended.best_epoch) == ("patience", 8, 5)
    np.testing.assert_array_equal(one.network.theta, epochs[4].theta)


@pytest.mark.parametrize("early_stopping", ["null", "{patience: null}"])
def test_without_patience_all_epochs_are_run_and_the_best_is_kept(
    early_stopping, training, monkeypatch
):
    one = training("training.epochs=6", f"training.early_stopping={early_stopping}")
    figures = iter([5.0, 4.0, 2.0, 4.0, 3.0, 3.5])
    monkeypatch.setattr(Evaluation, "loss", lambda *_: next(figures))
    epochs, ended = run(one)
    assert (ended.reason, ended.epochs, ended.best_epoch) == ("finished", 6, 3)
    np.testing.assert_array_equal(one.network.theta, epochs[2].theta)


def test_an_improvement_is_by_more_than_min_delta(training, monkeypatch):
    one = training("training.epochs=5", "training.early_stopping={patience: 4, min_delta: 0.5}")
    figures = iter([5.0, 4.5, 4.25, 4.0, 3.75])
    monkeypatch.setattr(Evaluation, "loss", lambda *_: next(figures))
    _, ended = run(one)
    # 4.5 is not below 5 - 0.5; 4.25 is; 3.75 is not below 4.25 - 0.5.
    assert ended.best_epoch == 3


def test_what_is_monitored_may_be_maximized(training):
    one = training(*FAST, "training.early_stopping={monitor: val_accuracy, patience: 8}")
    epochs, ended = run(one)
    accuracies = column(epochs, "val_accuracy")
    assert ended.best_epoch == 1 + int(np.argmax(accuracies))
    assert min(accuracies) < max(accuracies)
    np.testing.assert_array_equal(one.network.theta, epochs[ended.best_epoch - 1].theta)


def test_the_training_loss_may_be_monitored(training):
    one = training("training.early_stopping={monitor: train_loss}", "training.epochs=6")
    epochs, ended = run(one)
    assert ended.best_epoch == 1 + int(np.argmin(column(epochs, "train_loss")))


@pytest.mark.parametrize(
    "overrides", [(), ("training.early_stopping={monitor: val_accuracy, patience: 1}",)]
)
def test_without_validation_rows_the_last_epoch_is_the_model(overrides, training):
    one = training("data.split.validation=0", "training.epochs=20", *overrides)
    epochs, ended = run(one)
    assert (ended.reason, ended.epochs, ended.best_epoch) == ("finished", 20, 20)
    np.testing.assert_array_equal(one.network.theta, epochs[-1].theta)


def test_a_figure_that_is_never_defined_is_refused(training, tmp_path):
    # ROC AUC of validation rows of one class only.
    rows = [f"{k},{k % 2},{'train' if k < 20 else 'val'}" for k in range(20)]
    rows += [f"{k},1,val" for k in range(5)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,part", *rows]) + "\n", encoding="ascii")
    one = training(
        spec="""
data: {path: t.csv, target: y, split: {column: part}}
training: {epochs: 4, early_stopping: {monitor: val_roc_auc}}
"""
    )
    with pytest.raises(DataError, match="val_roc_auc is not defined on these rows"):
        run(one)


def test_the_training_loss_is_watched_without_validation_rows(training):
    one = training(
        "data.split.validation=0",
        "training.epochs=50",
        "training.early_stopping={monitor: train_loss, patience: 2, min_delta: 10}",
    )
    epochs, ended = run(one)
    assert (ended.reason, ended.epochs, ended.best_epoch) == ("patience", 3, 3)
    np.testing.assert_array_equal(one.network.theta, epochs[-1].theta)


# ---------------------------------------------------------------- divergence


ONE_STEP = ("training.batch_size=500", "training.epochs=1")
NUMBERS = ("data.target=sepal_length_cm", "data.exclude=[species]", "data.scale_target=none")


def exploding_from(training, monkeypatch, epoch, *overrides):
    """Return a training on numbers whose learning rate is 1e30 from an epoch on."""
    one = training(*NUMBERS, *overrides)
    course = SimpleNamespace(
        factors=lambda at: 1.0 if at < epoch else 1e30, observe=float, state={}
    )
    monkeypatch.setattr(SCHEDULES["constant"], "start", lambda *_: course)
    return one


def test_diverged_in_the_first_epoch_leaves_the_random_beginning(training, monkeypatch):
    one = exploding_from(training, monkeypatch, 1)
    epochs, ended = run(one)
    assert epochs == []
    assert (ended.reason, ended.epochs, ended.best_epoch) == ("diverged", 0, 0)
    beginning = initial_vector(one.architecture, 0).astype(np.float32)
    np.testing.assert_array_equal(one.network.theta, beginning)


@pytest.mark.parametrize("validation", [0.0, 0.15])
def test_diverged_later_keeps_the_best_epoch_before(validation, training, monkeypatch):
    one = exploding_from(training, monkeypatch, 4, f"data.split.validation={validation}")
    epochs, ended = run(one)
    assert (ended.reason, ended.epochs) == ("diverged", 3)
    best = 1 + int(np.argmin(column(epochs, "val_loss"))) if validation else 3
    assert ended.best_epoch == best
    np.testing.assert_array_equal(one.network.theta, epochs[best - 1].theta)
    assert np.isfinite(one.network.theta).all()


def test_weights_that_become_infinite_in_the_last_step_are_a_divergence(training):
    # One step an epoch: the loss it saw was still finite; ∂J/∂c = -5.8, and float32 ends at 3.4e38.
    one = training(*NUMBERS, *ONE_STEP, "training.optimizer.learning_rate=1e38")
    epochs, ended = run(one)
    assert (epochs, ended.reason, ended.best_epoch) == ([], "diverged", 0)
    assert np.isfinite(one.network.theta).all()


def test_a_validation_loss_that_is_not_finite_is_a_divergence(training):
    one = training(*NUMBERS, *ONE_STEP, "training.optimizer.learning_rate=1e30")
    epochs, ended = run(one)
    assert not np.isfinite(column(epochs, "val_loss")).any()
    assert (ended.reason, ended.best_epoch) == ("diverged", 0)
    beginning = initial_vector(one.architecture, 0).astype(np.float32)
    np.testing.assert_array_equal(one.network.theta, beginning)


# ---------------------------------------------------------------- stopping by hand


class AfterSteps:
    """What a signal does: it is asked after each step, and says yes from the n-th on."""

    def __init__(self, n):
        self.n, self.asked = n, 0

    def __call__(self):
        self.asked += 1
        return self.asked >= self.n


def test_stopped_in_the_first_epoch_the_weights_are_the_last_steps(training):
    one = training()
    stop = AfterSteps(2)
    epochs, ended = run(one, stop)
    assert epochs == []
    assert (ended.reason, ended.epochs) == ("interrupted", 0)
    assert stop.asked == 2
    beginning = initial_vector(one.architecture, 0).astype(np.float32)
    assert not np.array_equal(one.network.theta, beginning)


@pytest.mark.parametrize("validation", [0.0, 0.15])
def test_stopped_later(validation, training):
    # 106 rows are 4 steps (128 are 4 too): the 10th is the second of the third epoch.
    one = training(f"data.split.validation={validation}", "training.epochs=99")
    epochs, ended = run(one, AfterSteps(10))
    assert (ended.reason, ended.epochs) == ("interrupted", 2)
    if validation:
        best = 1 + int(np.argmin(column(epochs, "val_loss")))
        np.testing.assert_array_equal(one.network.theta, epochs[best - 1].theta)
        assert ended.best_epoch == best
    else:  # nothing to compare: the steps that were taken count
        assert not np.array_equal(one.network.theta, epochs[-1].theta)
        assert ended.best_epoch == 2


def test_stopped_in_an_epochs_last_step_the_epoch_counts(training):
    epochs, ended = run(training("training.epochs=99"), AfterSteps(8))
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert (ended.reason, ended.epochs) == ("interrupted", 2)


# ---------------------------------------------------------------- no file, no word

TOUCHES = ("open", "os.", "shutil.", "socket.", "subprocess.", "pathlib.", "tempfile.")
seen = []
listening = False


def listen(event, arguments):
    if listening and event.startswith(TOUCHES):
        seen.append((event, arguments))


sys.addaudithook(listen)  # for good: the interpreter has no way to take it away


def test_the_loop_touches_no_file_and_prints_nothing(training, capfd):
    global listening  # noqa: PLW0603
    run(training())  # what is imported on first use is not the loop's doing
    one = training()
    seen.clear()
    listening = True
    try:
        run(one)
    finally:
        listening = False
    assert seen == []
    assert capfd.readouterr() == ("", "")


EXTREMES = [
    "model.layers[0].initializer={name: normal, std: 3e38}",
    "model.layers[0].initializer={name: uniform, limit: 3e38}",
    "model.layers[0].activation={name: elu, alpha: 3e38}",
    "model.layers[0].norm={name: batch, epsilon: 3e38}",
    "training.optimizer={name: adam, epsilon: 3e38}",
    "training.optimizer={name: sgd, learning_rate: 3e38}",
    "training.gradient_clipping.norm=3e38",
    "training.schedule={name: cosine, period: 1e308}",
    "regularization.max_norm=3e38",
    "regularization.l1=3e38",
    "regularization.noise.input=3e38",
    "regularization.noise.input_multiplicative=3e38",
    "regularization.noise.weights=3e38",
    "regularization.noise.gradients=3e38",
]


@pytest.mark.parametrize("override", EXTREMES)
def test_settings_at_the_limits_of_the_type_end_in_words(training, override):
    _, ended = run(training(override))  # a warning would be an error
    assert ended.reason in ("finished", "diverged")


def test_a_uniform_beginning_as_wide_as_the_type(training):
    override = "model.layers[0].initializer={name: uniform, limit: 1.7e308}"
    vector = training(override, "runtime.dtype=float64").network.vector
    assert np.isfinite(vector).all()
    assert 1e300 < np.abs(vector).max() <= 1.7e308


def test_a_normalization_without_rows_enough_says_where_and_how_many(training, tmp_path):
    (tmp_path / "two.csv").write_text("x,y,part\n1,0.5,train\n2,1.5,test\n", encoding="utf-8")
    spec = (
        "data: {path: two.csv, target: y, split: {column: part}}\n"
        "model: {layers: [{units: 2}, {units: 2, norm: batch}]}\n"
    )
    with pytest.raises(DataError) as caught:
        training(spec=spec)
    assert str(caught.value).endswith(
        "spec.yaml:2:47: model.layers[1].norm: batch normalization needs 2 training rows, not 1"
    )
