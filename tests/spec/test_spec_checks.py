"""What a spec must satisfy beyond the types of its keys; what the data's task adds to it."""

import itertools

import pytest

from mlpcli.errors import DataError, SpecError
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.spec.checks import DEFAULT_LOSS, check_task, loss_name
from mlpcli.training.metrics import METRICS, applicable

DATA = "data: {path: d.csv, target: y}\n"
TASKS = ("regression", "binary", "multiclass", "multilabel")

# By hand, from the losses' definitions: mse takes any output, the others need a probability.
PAIRS = {
    "mse": set(ACTIVATIONS),
    "binary_cross_entropy": {"sigmoid"},
    "cross_entropy": {"softmax"},
}
FITTING = {
    "regression": ["mse"],
    "binary": ["mse", "binary_cross_entropy"],
    "multiclass": ["mse", "cross_entropy"],
    "multilabel": ["mse", "binary_cross_entropy"],
}


def test_the_tables_of_this_test_are_whole():
    assert set(PAIRS) == set(LOSSES)
    assert set(FITTING) == set(TASKS) == set(DEFAULT_LOSS)


@pytest.mark.parametrize(("loss", "output"), [*itertools.product(LOSSES, ACTIVATIONS)])
def test_which_output_goes_with_which_loss(spec, faults, loss, output):
    text = f"model: {{loss: {loss}, output: {output}}}\n"
    if output in PAIRS[loss]:
        assert spec(text).model.output.name == output
    else:
        link = LOSSES[loss].link
        assert faults(DATA + text) == [
            (
                f"2:{text.index('output: ') + 9}: model.output: {loss} is defined on {link} "
                f"outputs, not on {output}; allowed: auto, {link}; any other output goes with mse"
            )
        ]


@pytest.mark.parametrize(("task", "loss"), [*itertools.product(TASKS, LOSSES)])
def test_which_loss_goes_with_which_task(load, faults, task, loss):
    text = f"data: {{path: d.csv, target: y, task: {task}}}\nmodel: {{loss: {loss}}}\n"
    if loss in FITTING[task]:
        assert load(text).spec.model.loss.name == loss
    else:
        assert faults(text) == [
            (
                f"2:15: model.loss: {loss} does not fit the task, {task}; "
                f"allowed: {', '.join(FITTING[task])}"
            )
        ]


@pytest.mark.parametrize("task", TASKS)
def test_the_default_loss_of_a_task_fits_it(spec, task):
    chosen = loss_name(spec(), task)
    assert chosen in FITTING[task]
    assert chosen != "mse" or task == "regression"
    assert loss_name(spec("model: {loss: mse}"), task) == "mse"


def test_softmax_is_no_hidden_activation(faults):
    assert faults(DATA + "model: {layers: [{units: 3}, {units: 3, activation: softmax}]}\n") == [
        (
            "2:53: model.layers[1].activation: softmax is for the output only; "
            "allowed: identity, sigmoid, tanh, relu, leaky_relu"
        )
    ]


def problems(load, text, task):
    """Return what does not fit the task, as the command would say it once the data is read."""
    loaded = load(DATA + text)
    found = check_task(loaded.spec, task, [metric.name for metric in applicable(task)])
    return str(loaded.error(found)).replace("spec.yaml:", "").split("\n") if found else []


def test_a_task_that_the_data_decides_is_checked_like_one_the_spec_says(load):
    assert problems(load, "model: {loss: cross_entropy}\n", "multiclass") == []
    assert problems(load, "model: {loss: cross_entropy}\n", "regression") == [
        "2:15: model.loss: cross_entropy does not fit the task, regression; allowed: mse"
    ]
    assert problems(load, "model: {output: relu}\n", "regression") == []
    assert problems(load, "model: {output: relu}\n", "multiclass") == [
        (
            "2:17: model.output: cross_entropy is defined on softmax outputs, not on relu; "
            "allowed: auto, softmax; any other output goes with mse"
        )
    ]


MULTICLASS = "accuracy, balanced_accuracy, f1, roc_auc, log_loss"


def test_a_metric_of_another_task_or_of_none(load):
    text = "training: {metrics: [acuracy, r2, f1]}\n"
    assert problems(load, text, "multiclass") == [
        (
            f"2:22: training.metrics[0]: 'acuracy' is not a metric of this task; "
            f"allowed: {MULTICLASS}; did you mean accuracy?"
        ),
        f"2:31: training.metrics[1]: 'r2' is not a metric of this task; allowed: {MULTICLASS}",
    ]


@pytest.mark.parametrize("task", TASKS)
def test_every_metric_of_the_task_can_be_asked_for_and_monitored(load, task):
    names = [metric.name for metric in applicable(task)]
    assert problems(load, f"training: {{metrics: [{', '.join(names)}]}}\n", task) == []
    for name in ("loss", *names):
        for part in ("val", "train"):
            text = f"training: {{early_stopping: {{monitor: {part}_{name}}}}}\n"
            assert problems(load, text, task) == []
    for name in set(METRICS) - set(names):
        text = f"training: {{early_stopping: {{monitor: val_{name}}}}}\n"
        assert f"'val_{name}' is not a column of metrics.csv" in problems(load, text, task)[0]


@pytest.mark.parametrize(
    ("monitor", "meant"),
    [("val_acc", "val_accuracy"), ("validation_loss", "val_loss"), ("loss", "val_loss"),
     ("Val_Loss", "val_loss"), ("train_accurcy", "train_accuracy")],
)  # fmt: skip
def test_a_monitor_has_its_nearest_match(load, monitor, meant):
    text = f"training: {{early_stopping: {{monitor: {monitor}}}}}\n"
    (problem,) = problems(load, text, "binary")
    assert problem.startswith("2:38: training.early_stopping.monitor: ")
    assert problem.endswith(f"; did you mean {meant}?")


def test_an_error_of_the_data_takes_the_place_of_the_key_it_comes_from(load):
    loaded = load("data:\n  path: d.csv\n  target: y\n  exclude: [id]\n")
    error = loaded.located(DataError("d.csv has no column 'id'", ("data", "exclude")))
    assert (str(error), error.exit_code) == (
        "spec.yaml:4:12: data.exclude: d.csv has no column 'id'",
        3,
    )
    assert str(loaded.located(DataError("d.csv:3:1: too long"))) == "d.csv:3:1: too long"


def test_a_loss_of_hard_targets_takes_no_mixtures(load, monkeypatch):
    text = (
        "data: {path: d.csv, target: y}\n"
        "model: {loss: mse}\n"
        "regularization: {augmentation: [jitter, mixup, feature_swap]}\n"
    )
    load(text)  # a loss takes them unless it says otherwise
    monkeypatch.setattr(LOSSES["mse"], "hard_targets", True, raising=False)
    with pytest.raises(SpecError) as caught:
        load(text)
    assert [str(fault).removeprefix("spec.yaml:") for fault in caught.value.faults] == [
        "3:41: regularization.augmentation[1]: mixup mixes targets, which mse does not take",
        "3:48: regularization.augmentation[2]: feature_swap mixes targets, which mse does not take",
    ]


def test_so_does_the_loss_that_the_task_chooses(load, monkeypatch):
    found = load(DATA + "regularization: {augmentation: [mixup]}\n").spec
    metrics = ["accuracy"]
    assert check_task(found, "multiclass", metrics) == []
    monkeypatch.setattr(LOSSES["cross_entropy"], "hard_targets", True, raising=False)
    assert [problem.problem for problem in check_task(found, "multiclass", metrics)] == [
        "mixup mixes targets, which cross_entropy does not take"
    ]
    assert check_task(found, "binary", metrics) == []


@pytest.mark.parametrize("task", TASKS)
def test_smote_and_class_weights_are_for_classes(load, task):
    text = "regularization: {augmentation: [smote]}\n"
    whole = load("data: {path: d.csv, target: y, class_weight: balanced}\n" + text).spec
    found = [problem.path for problem in check_task(whole, task, [])]
    fits = task in ("binary", "multiclass")
    expected = [("data", "class_weight"), ("regularization", "augmentation", 0)]
    assert [path for path in found if path[0] != "training"] == ([] if fits else expected)
