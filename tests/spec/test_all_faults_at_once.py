"""Two faults of a spec are two lines, whatever they are: none hides another until it is mended."""

import itertools
from pathlib import Path

import pytest

from mlpcli.errors import SpecError
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.spec.load import load_spec
from mlpcli.spec.schema import OUTPUT_ONLY
from mlpcli.training.metrics import METRICS

# A key, a value that is wrong, and what the fault says.
FAULTS = {
    "data.split.validation": ("1.5", "must be less than 1"),
    "data.split": ("{validation: 0.7, test: 0.6}", "take 1.3 of the rows"),
    "data.split.shuffle": ("true", "there is no such key"),
    "data.encoding": ("uft-8", "utf-8"),
    "data.target": ("5", "must be text"),
    "data.delimiter": ("ab", "must be one ASCII character"),
    "model.layers[0].activation": ("softmax", "for the output only"),
    "model.layers[1].activation": ("rellu", "did you mean relu?"),
    "model.layers[1].norm": ("bach", "did you mean batch?"),
    "model.layers[2]": ("{activation: tanh}", "this key is required"),
    "model.layers[3].units": ("many", "must be a whole number"),
    "model.loss": ("{name: focl}", "did you mean focal?"),
    "training.epochs": ("-1", "must be at least 0"),
    "training.optimizer": ("{name: adm}", "did you mean adam?"),
    "training.schedule": ("{learning_rate: 3}", ""),
    "training.early_stopping.monitor": ("val_acuracy", "did you mean val_accuracy?"),
    "training.metrics": ("[acuracy]", "did you mean accuracy?"),
    "regularization.noise.labels": ("2", "it is a probability, which 2 is not"),
    "regularization.augmentation[0]": ("{name: mixp}", "did you mean mixup?"),
    "regularization.augmentation[1]": ("{name: smote, k: 0}", "must be at least 1"),
    "ensemble": ("{kind: bag}", "'bag' is not allowed"),
    "runtime.dtype": ("float16", "'float16' is not allowed"),
}
SPEC = """
data: {path: d.csv, target: y, task: binary, split: {}}
model: {layers: [{units: 3}, {units: 3}, {units: 3}, {units: 3}]}
training: {early_stopping: {}}
regularization: {noise: {}, augmentation: [mixup, mixup]}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("faults") / "spec.yaml"
    file.write_text(SPEC, "utf-8")
    return str(file)


def faults(path, *keys):
    with pytest.raises(SpecError) as caught:
        load_spec(path, [f"{key}={FAULTS[key][0]}" for key in keys], None, METRICS)
    return caught.value.faults


def contained(key, other):
    return other.startswith(key) or key.startswith(other)


PAIRS = [pair for pair in itertools.combinations(FAULTS, 2) if not contained(*pair)]


@pytest.mark.parametrize("key", FAULTS)
def test_of_two_faults_both_are_said(key, path):
    for pair in [pair for pair in PAIRS if key == pair[0]]:
        found = faults(path, *pair)
        for each in pair:
            of_key = [str(fault) for fault in found if contained(fault.path, each)]
            assert any(FAULTS[each][1] in text for text in of_key), (pair, found)


def test_all_of_them_together(path):
    keys = [key for key in FAULTS if key != "data.split.validation"]
    found = faults(path, *sorted(keys, key=len))
    for key in keys:
        assert any(contained(each.path, key) for each in found), key


def test_a_missing_target_hides_nothing(path):
    file = Path(path).with_name("other.yaml")
    training = "training: {early_stopping: {monitor: val_f2}, epochs: x}"
    file.write_text(f"data: {{path: d.csv}}\n{training}\nseeed: 1\n", "utf-8")
    with pytest.raises(SpecError) as caught:
        load_spec(str(file), (), None, METRICS)
    assert [each.path for each in caught.value.faults] == [
        "data.target",
        "training.early_stopping.monitor",
        "training.epochs",
        "seeed",
    ]


@pytest.mark.parametrize("word", ["softmx", "exponentail", "reluu"])
def test_a_misspelt_hidden_activation_offers_what_a_hidden_layer_takes(word, path):
    with pytest.raises(SpecError) as caught:
        load_spec(path, [f"model.layers[0].activation={word}"])
    (fault,) = caught.value.faults
    offered = fault.allowed.removeprefix("allowed: ").split(", ")
    assert offered == [name for name, each in ACTIVATIONS.items() if not each.output_only]
    assert fault.nearest not in OUTPUT_ONLY
    for name in offered:
        assert load_spec(path, [f"model.layers[0].activation={name}"])


def test_which_activations_are_for_the_output_only():
    assert {name for name, each in ACTIVATIONS.items() if each.output_only} == set(OUTPUT_ONLY)


@pytest.mark.parametrize(
    ("task", "monitor", "allowed"),
    [
        ("regression", "val_acuracy", "val_ or train_ with loss; mse, rmse, mae, r2, "),
        ("binary", "val_mes", "val_ or train_ with loss; accuracy, "),
    ],
)
def test_a_monitor_is_one_of_the_task(task, monitor, allowed, path):
    keys = [f"data.task={task}", f"training.early_stopping.monitor={monitor}"]
    with pytest.raises(SpecError) as caught:
        load_spec(path, keys, None, METRICS)
    (fault,) = caught.value.faults
    assert fault.allowed.startswith(f"allowed: {allowed}")
    other = "accuracy" if task == "regression" else "rmse"
    assert other not in fault.allowed
    assert load_spec(path, keys)  # without the table of metrics names are not looked at
