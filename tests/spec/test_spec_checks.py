"""What a spec must satisfy beyond the types of its keys; what the data's task adds to it."""

import itertools

import pytest

from mlpcli.errors import DataError, SpecError
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.spec.checks import DEFAULT_LOSS, check_task, loss_name
from mlpcli.spec.checks.augmentation import check_mixing
from mlpcli.training.build import fitting_metrics
from mlpcli.training.metrics import METRICS, applicable

DATA = "data: {path: d.csv, target: y}\n"
TASKS = ("regression", "binary", "multiclass", "multilabel")

# By hand, from the losses' definitions: on which outputs they are defined; None is any.
PAIRS = {
    "mse": None,
    "mae": None,
    "huber": None,
    "log_cosh": None,
    "quantile": ["identity"],
    "gaussian_nll": ["identity"],
    "poisson": ["exponential", "softplus"],
    "gamma": ["exponential", "softplus"],
    "binary_cross_entropy": ["sigmoid"],
    "cross_entropy": ["softmax"],
    "focal": ["sigmoid", "softmax"],
    "hinge": ["identity"],
}
NUMBERS = "mse, mae, huber, log_cosh, quantile, gaussian_nll, poisson, gamma"
FITTING = {
    "regression": NUMBERS.split(", "),
    "binary": ["mse", "binary_cross_entropy", "focal", "hinge"],
    "multiclass": ["mse", "cross_entropy", "focal", "hinge"],
    "multilabel": ["mse", "binary_cross_entropy", "focal", "hinge"],
}


def test_the_tables_of_this_test_are_whole():
    assert set(PAIRS) == set(LOSSES)
    assert set(FITTING) == set(TASKS) == set(DEFAULT_LOSS)


@pytest.mark.parametrize(("loss", "output"), [*itertools.product(LOSSES, ACTIVATIONS)])
def test_which_output_goes_with_which_loss(spec, faults, loss, output):
    text = f"model: {{loss: {loss}, output: {output}}}\n"
    allowed = PAIRS[loss]
    if allowed is None or output in allowed:
        assert spec(text).model.output.name == output
    else:
        assert faults(DATA + text) == [
            (
                f"2:{text.index('output: ') + 9}: model.output: {loss} is defined on "
                f"{' or '.join(allowed)} outputs, not on {output}; "
                f"allowed: auto, {', '.join(allowed)}; any other output goes with mse"
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
    found = faults(DATA + "model: {layers: [{units: 3}, {units: 3, activation: softmax}]}\n")
    assert [fault[:115] for fault in found] == [
        (
            "2:53: model.layers[1].activation: softmax is for the output only; "
            "allowed: identity, relu, leaky_relu, prelu, elu, "
        )
    ]


def problems(load, text, task):
    """Return what does not fit the task, as the command would say it once the data is read."""
    loaded = load(DATA + text)
    fitting = [metric.name for metric in fitting_metrics(loaded.spec, task)]
    found = check_task(loaded.spec, task, fitting)
    return str(loaded.error(found)).replace("spec.yaml:", "").split("\n") if found else []


def test_a_task_that_the_data_decides_is_checked_like_one_the_spec_says(load):
    assert problems(load, "model: {loss: cross_entropy}\n", "multiclass") == []
    assert problems(load, "model: {loss: cross_entropy}\n", "regression") == [
        (
            "2:15: model.loss: cross_entropy does not fit the task, regression; "
            f"allowed: {NUMBERS}; or data.task: multiclass, where that is what the target is"
        )
    ]
    assert problems(load, "model: {output: relu}\n", "regression") == []
    assert problems(load, "model: {output: relu}\n", "multiclass") == [
        (
            "2:17: model.output: cross_entropy is defined on softmax outputs, not on relu; "
            "allowed: auto, softmax; any other output goes with mse"
        )
    ]


MULTICLASS = "accuracy, balanced_accuracy, f1, roc_auc, log_loss, calibration_error"
NOT_OURS = "is not a metric of multiclass with cross_entropy on softmax outputs"


def test_a_metric_of_another_task_or_of_none(load):
    text = "training: {metrics: [acuracy, r2, f1]}\n"
    assert problems(load, text, "multiclass") == [
        (
            f"2:22: training.metrics[0]: 'acuracy' {NOT_OURS}; "
            f"allowed: {MULTICLASS}; did you mean accuracy?"
        ),
        f"2:31: training.metrics[1]: 'r2' {NOT_OURS}; allowed: {MULTICLASS}",
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
    ("model", "task"),
    [
        ("{loss: hinge}", "binary"),
        ("{loss: hinge}", "multiclass"),
        ("{loss: mse}", "binary"),
        ("{loss: mse, output: tanh}", "multiclass"),
    ],
)
def test_log_loss_needs_probabilities(load, model, task):
    for text, said in [
        ("{metrics: [log_loss]}", "'log_loss' is not a metric of"),
        ("{early_stopping: {monitor: val_log_loss}}", "'val_log_loss' is not a column"),
    ]:
        (problem,) = problems(load, f"model: {model}\ntraining: {text}\n", task)
        assert said in problem
        assert "log_loss" not in problem.partition("allowed: ")[2]
    assert problems(load, f"model: {model}\ntraining: {{metrics: [roc_auc, f1]}}\n", task) == []
    sigmoid = "model: {loss: mse, output: sigmoid}\ntraining: {metrics: [log_loss]}\n"
    assert problems(load, sigmoid, task) == []


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        ("quantile", "crossings"),
        ("quantile", "pinball"),
        ("poisson", "poisson_deviance"),
        ("gamma", "gamma_deviance"),
    ],
)
def test_a_metric_of_one_loss_goes_with_that_loss_alone(load, loss, metric):
    text = f"training: {{metrics: [{metric}], early_stopping: {{monitor: val_{metric}}}}}\n"
    assert problems(load, f"model: {{loss: {loss}}}\n{text}", "regression") == []
    both = problems(load, f"model: {{loss: mae}}\n{text}", "regression")
    assert "not a metric of regression with mae on identity outputs" in both[0]
    assert len(both) == 2


@pytest.mark.parametrize(
    ("levels", "at", "expected"),
    [
        ("[]", 0, ": at least one level is needed, such as [0.1, 0.5, 0.9]"),
        ("[0.1, 1]", 6, "[1]: a level lies between 0 and 1, 1 does not"),
        ("[0, 0.5]", 1, "[0]: a level lies between 0 and 1, 0 does not"),
        ("[0.5, 0.5]", 6, "[1]: levels rise: 0.5 comes after 0.5"),
        ("[0.5, 0.1]", 6, "[1]: levels rise: 0.1 comes after 0.5"),
        ("0.5", 0, ": must be a list of numbers, not 0.5"),
        ("[0.1, x]", 6, "[1]: must be a number, not 'x'"),
        ("[0.1, .nan]", 6, "[1]: must be a finite number, not nan"),
    ],
)
def test_levels_of_quantiles_rise_between_0_and_1(faults, levels, at, expected):
    text = f"model: {{loss: {{name: quantile, levels: {levels}}}}}\n"
    column = text.index("levels: ") + len("levels: ") + 1 + at
    assert faults(DATA + text) == [f"2:{column}: model.loss.levels{expected}"]


def test_every_level_that_is_wrong_is_told(faults):
    assert len(faults(DATA + "model: {loss: {name: quantile, levels: [-1, 0.5, 2]}}\n")) == 2


def test_alpha_weighs_two_classes_not_more(load, faults):
    text = "model: {loss: {name: focal, alpha: 0.25}}\n"
    fault = "2:36: model.loss.alpha: alpha weighs yes against no, and multiclass has neither: set"
    assert problems(load, text, "binary") == []
    assert problems(load, text, "multiclass")[0].startswith(fault)
    with_task = f"data: {{path: d.csv, target: y, task: multiclass}}\n{text}"
    assert faults(with_task)[0].startswith(fault)
    assert problems(load, "model: {loss: {name: focal, alpha: null}}\n", "multiclass") == []


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_a_positive_target_is_not_standardized(spec, faults, loss):
    data = "data: {path: d.csv, target: y, scale_target: standard}\n"
    assert faults(data + f"model: {{loss: {loss}}}\n") == [
        (
            f"1:46: data.scale_target: {loss} takes positive targets, and standardized ones are "
            "not; mean, none, or auto"
        )
    ]
    assert spec(f"model: {{loss: {loss}}}\n").data.scale_target is None
    data = data.replace("standard", "log")
    assert faults(data + f"model: {{loss: {loss}}}\n") == [
        (
            f"1:46: data.scale_target: {loss} takes positive targets, and standardized logarithms "
            "are not; mean, none, or auto"
        )
    ]


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("sigmoid", "sigmoid lies between 0 and 1, the target's standardized logarithm does not"),
        ("exponential", "predictions go back by exp already"),
    ],
)
def test_outputs_that_are_no_logarithms(faults, load, output, problem):
    data = "data: {path: d.csv, target: y, task: regression, scale_target: log}\n"
    (fault,) = faults(data + f"model: {{loss: mse, output: {output}}}\n")
    assert fault.startswith(f"2:28: model.output: {problem}")
    assert load(data.replace("log", "none") + f"model: {{loss: mse, output: {output}}}\n")


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_classes_have_no_logarithm(load, faults, task):
    data = "data: {path: d.csv, target: y, scale_target: log}\n"
    told = f"data.scale_target: the task is {task}: there is no number to take the logarithm of"
    assert [p.problem for p in check_task(load(data).spec, task, ["r2", "accuracy"])] == [
        told.partition(": ")[2]
    ]
    (fault,) = faults(data.replace("target: y", f"target: y, task: {task}"))
    assert told in fault


@pytest.mark.parametrize(
    ("loss", "told"), [("poisson", "one below 0, which poisson"), ("gamma", "one of 0 or below, ")]
)
def test_noise_may_not_make_a_target_that_is_refused(spec, faults, loss, told):
    noise = "regularization: {noise: {labels: 0.1}}\n"
    (fault,) = faults(DATA + f"model: {{loss: {loss}}}\n{noise}")
    assert fault.startswith(f"3:34: regularization.noise.labels: can make a target {told}")
    assert spec(f"model: {{loss: mae}}\n{noise}").regularization.noise.labels == 0.1


@pytest.mark.parametrize(
    ("loss", "other"), [("gaussian_nll", "y_std"), ("{name: quantile, levels: [0.1]}", "y_q0.1")]
)
def test_a_target_named_like_a_prediction_of_another(faults, load, loss, other):
    text = f"data: {{path: d.csv, target: [y, {other}]}}\nmodel: {{loss: {loss}}}\n"
    (fault,) = faults(text)
    assert fault.startswith(
        f"1:{text.index(other) + 1}: data.target[1]: the predictions of 'y' have"
    )
    assert load(text.replace(f"[y, {other}]", other)).spec.data.targets == [other]


def test_a_link_is_taken_with_its_default_settings(faults, monkeypatch):
    monkeypatch.setattr(LOSSES["hinge"], "link", "leaky_relu")
    text = DATA + "model: {loss: hinge, output: {name: leaky_relu, slope: 0.5}}\n"
    (fault,) = faults(text)
    assert "hinge is computed together with leaky_relu, with its default settings" in fault


@pytest.mark.parametrize("task", TASKS)
def test_who_can_make_something_of_mixed_targets(spec, task):
    path = ("data", "path")
    for loss in FITTING[task]:
        found = check_mixing(spec(f"model: {{loss: {loss}}}\n"), task, path, "mixup")
        assert [problem.path for problem in found] == [path] * (loss == "hinge")
    assert list(check_mixing(spec(), task, path, "mixup")) == []


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


def test_a_loss_of_hard_targets_takes_no_mixtures(load):
    text = (
        "data: {path: d.csv, target: y, task: binary}\n"
        "model: {loss: hinge}\n"
        "regularization: {augmentation: [jitter, mixup, feature_swap]}\n"
    )
    load(text.replace("hinge", "focal"))
    with pytest.raises(SpecError) as caught:
        load(text)
    of = "the targets of rows, of which hinge can make nothing; a loss among: "
    assert [str(fault).removeprefix("spec.yaml:") for fault in caught.value.faults] == [
        f"3:41: regularization.augmentation[1]: mixup mixes {of}mse, binary_cross_entropy, focal",
        (
            f"3:48: regularization.augmentation[2]: feature_swap mixes {of}"
            "mse, binary_cross_entropy, focal"
        ),
    ]


def test_the_loss_that_the_task_chooses_takes_them(load):
    found = load(DATA + "regularization: {augmentation: [mixup]}\n").spec
    for task in TASKS:
        assert check_task(found, task, ["accuracy"]) == []


@pytest.mark.parametrize("task", TASKS)
def test_smote_and_class_weights_are_for_classes(load, task):
    text = "regularization: {augmentation: [smote]}\n"
    whole = load("data: {path: d.csv, target: y, class_weight: balanced}\n" + text).spec
    found = [problem.path for problem in check_task(whole, task, [])]
    fits = task in ("binary", "multiclass")
    expected = [("data", "class_weight"), ("regularization", "augmentation", 0)]
    assert [path for path in found if path[0] != "training"] == ([] if fits else expected)


def test_selu_with_ordinary_dropout_is_worth_a_word_and_no_fault(load):
    layers = "[{units: 3, activation: selu, keep_prob: 0.9}, {units: 3, activation: selu}]"
    (remark,) = load(DATA + f"model: {{layers: {layers}}}\n").remarks()
    assert remark.startswith("spec.yaml:2:")
    assert "model.layers[0].keep_prob: selu keeps the mean and variance" in remark
    assert "alpha dropout" in remark
    assert load(DATA).remarks() == []


@pytest.mark.parametrize(("task", "faulty"), [("regression", False), ("binary", True)])
def test_noise_on_labels_is_a_probability_where_there_are_classes(load, task, faulty):
    found = load(DATA + "regularization: {noise: {labels: 1.5}}\n").spec
    problems = [p.problem for p in check_task(found, task, ["accuracy"])]
    assert (f"for {task} it is a probability, which 1.5 is not" in problems) == faulty


@pytest.mark.parametrize(
    ("layer", "batch_size", "fault"),
    [
        ("{units: 3, norm: batch}", 1, "batch normalization over a batch of 1 row leaves 0"),
        ("{units: 1, norm: layer}", 8, "layer normalization over 1 unit leaves 0"),
        ("{units: 3, norm: batch}", 2, None),
        ("{units: 2, norm: layer}", 1, None),
    ],
)
def test_a_normalization_needs_something_to_average_over(spec, faults, layer, batch_size, fault):
    text = f"model: {{layers: [{layer}]}}\ntraining: {{batch_size: {batch_size}}}\n"
    if fault is None:
        assert spec(text).model.layers[0].norm is not None
    else:
        (found,) = faults(DATA + text)
        assert f"model.layers[0].norm: {fault}" in found


def test_a_text_that_no_file_can_have_is_no_word_for_a_missing_value(faults):
    (fault,) = faults('data: {path: d.csv, target: y, missing: ["NA", "\\uD800"]}\n')
    assert fault == "1:48: data.missing[1]: no file can have this text: half a character"


def test_a_warm_up_longer_than_the_training_is_worth_a_word(load):
    text = DATA + "training: {epochs: 3, schedule: {name: cosine, warmup: %s}}\n"
    (remark,) = load(text % 3.5).remarks()
    assert remark.startswith("spec.yaml:2:")
    assert "training.schedule.warmup: the warm-up is longer than the training, 3 epochs" in remark
    assert load(text % 3).remarks() == []
    assert load(text % 3.5, "training.epochs=0").remarks() == []


TOO_LARGE = [
    ("regularization: {l2: 1e39}", "regularization.l2"),
    ("regularization: {max_norm: 1e300}", "regularization.max_norm"),
    ("regularization: {noise: {input: 1e39}}", "regularization.noise.input"),
    ("model: {loss: {name: huber, delta: 1e39}}", "model.loss.delta"),
    ("model: {layers: [{units: 2, norm: {name: layer, epsilon: 1e39}}]}", "epsilon"),
    ("training: {optimizer: {name: adam, learning_rate: 1e39}}", "training.optimizer."),
    ("training: {gradient_clipping: {norm: 1e39}}", "training.gradient_clipping.norm"),
]


@pytest.mark.parametrize(("text", "where"), TOO_LARGE)
def test_numbers_that_the_type_of_the_network_does_not_hold(load, faults, text, where):
    (fault,) = faults(DATA + text + "\n")
    assert where in fault
    number = "1e+300" if "1e300" in text else "1e+39"
    assert fault.endswith(
        f"{number} is too large for float32; at most 3.4e+38, or set runtime.dtype to float64"
    )
    load(DATA + text + "\n", "runtime.dtype=float64")
    load(DATA + text.replace("1e300", "3e38").replace("1e39", "3e38") + "\n")


def test_numbers_that_are_never_rounded_may_be_as_large_as_they_like(load):
    load(DATA + "training: {schedule: {name: one_cycle, final_div: 1e300}}\n")
    load(DATA + "training: {early_stopping: {min_delta: 1e300}}\n")
