"""What the schema refuses: each fault's place, its words, what is allowed and the nearest match."""

import time

import pytest

from mlpcli.errors import listing
from mlpcli.family import key_of, settings_of
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES

HIDDEN = [name for name, each in ACTIVATIONS.items() if not each.output_only]


def allowed(family):
    """Every name of a family, in the order of its table."""
    return f"allowed: {listing(family, most=24)}"


def settings(member):
    """The keys of a member's mapping, in alphabetical order."""
    keys = sorted(["name", *(key_of(field) for field in settings_of(member))])
    return f"allowed here: {listing(keys, most=20)}"


DATA = "data: {path: d.csv, target: y}\n"
TOP = "allowed here: data, ensemble, model, regularization, runtime, seed, sweep, training"
IN_TRAINING = (
    "allowed here: batch_size, calibration, early_stopping, epochs, gradient_clipping, metrics, "
    "on_divergence, optimizer, schedule, train_loss, weight_averaging"
)
IN_LAYER = "allowed here: activation, initializer, keep_prob, norm, units"
NAME = "must be a name, or a mapping with a name"

# The second line of a spec, and its one fault, which stands in that line.
SECOND_LINE = [
    # Keys that do not exist.
    ("trainig: {}", f"1: trainig: there is no such key; {TOP}; did you mean training?"),
    ("Seed: 1", f"1: Seed: there is no such key; {TOP}; did you mean seed?"),
    ("lr: 1", f"1: lr: there is no such key; {TOP}"),
    (
        "training: {epoch: 3}",
        f"12: training.epoch: there is no such key; {IN_TRAINING}; did you mean epochs?",
    ),
    (
        "training: {max_iter: 3}",
        f"12: training.max_iter: there is no such key; {IN_TRAINING}; did you mean epochs?",
    ),
    (
        "training: {optimizer: {lr: 0.1}}",
        (
            "24: training.optimizer.lr: there is no such key; "
            f"{settings(OPTIMIZERS['adam'])}; did you mean learning_rate?"
        ),
    ),
    (
        "training: {optimizer: {name: adam, beta_1: 0.1}}",
        (
            "36: training.optimizer.beta_1: there is no such key; "
            f"{settings(OPTIMIZERS['adam'])}; did you mean beta1?"
        ),
    ),
    (
        "training: {schedule: {gamma: 0.9}}",  # without a name it is the constant one
        (f"23: training.schedule.gamma: there is no such key; {settings(SCHEDULES['constant'])}"),
    ),
    (
        "training: {early_stopping: {n_iter_no_change: 3}}",
        (
            "29: training.early_stopping.n_iter_no_change: there is no such key; "
            "allowed here: min_delta, monitor, patience; did you mean patience?"
        ),
    ),
    (
        "model: {layers: [{units: 3}, {units: 4, size: 3}]}",
        f"41: model.layers[1].size: there is no such key; {IN_LAYER}; did you mean units?",
    ),
    (
        "model: {layers: [{units: 3, activation: {name: relu, slope: 1}}]}",
        (
            "54: model.layers[0].activation.slope: there is no such key; "
            f"{settings(ACTIVATIONS['relu'])}"
        ),
    ),
    (
        "regularization: {noise: {inputs: 0}}",
        (
            "26: regularization.noise.inputs: there is no such key; "
            "allowed here: gradients, input, input_multiplicative, labels, weights, "
            "weights_multiplicative; did you mean input?"
        ),
    ),
    # Names that do not exist.
    (
        "training: {optimizer: adan}",
        (
            "23: training.optimizer: 'adan' is not allowed; "
            f"{allowed(OPTIMIZERS)}; did you mean adam?"
        ),
    ),
    (
        "training: {optimizer: {learning_rate: 1, name: adan}}",
        (
            "48: training.optimizer.name: 'adan' is not allowed; "
            f"{allowed(OPTIMIZERS)}; did you mean adam?"
        ),
    ),
    (
        "training: {optimizer: {name: null}}",
        f"30: training.optimizer.name: null is not allowed; {allowed(OPTIMIZERS)}",
    ),
    (
        "training: {optimizer: {name: 3}}",
        "30: training.optimizer.name: 3 is not allowed; allowed: ",
    ),
    ("training: {optimizer: {name: [a]}}", "30: training.optimizer.name: a list is not allowed;"),
    (
        "model: {layers: [{units: 3, activation: ReLU}]}",
        (
            "41: model.layers[0].activation: 'ReLU' is not allowed; "
            f"{allowed(HIDDEN)}; did you mean relu?"
        ),
    ),
    (
        "model: {layers: [{units: 3, initializer: heuniform}]}",
        (
            "42: model.layers[0].initializer: 'heuniform' is not allowed; "
            f"{allowed(INITIALIZERS)}, auto; did you mean he_uniform?"
        ),
    ),
    (
        "model: {loss: crossentropy}",
        (
            "15: model.loss: 'crossentropy' is not allowed; "
            f"{allowed(LOSSES)}, auto; did you mean cross_entropy?"
        ),
    ),
    (
        "runtime: {dtype: float16}",
        (
            "18: runtime.dtype: 'float16' is not allowed; allowed: float32, float64; "
            "did you mean float64?"
        ),
    ),
    (
        "model: {layers: [{units: 3, activation: {slope: 1}}]}",
        ("41: model.layers[0].activation: the name is missing; write {name: …}, or the bare name"),
    ),
    # Types.
    ("model: {layers: 5}", "17: model.layers: must be a list, not 5"),
    ("model: {layers: [10]}", "18: model.layers[0]: must be a mapping of keys and values, not 10"),
    ("model:", "7: model: must be a mapping of keys and values, not null"),
    ("training: {optimizer: null}", f"23: training.optimizer: {NAME}, not null"),
    ("training: {optimizer: [sgd]}", f"23: training.optimizer: {NAME}, not a list"),
    ("training: {optimizer: true}", f"23: training.optimizer: {NAME}, not true"),
    ("training: {epochs: 10.5}", "20: training.epochs: must be a whole number, not 10.5"),
    ("training: {epochs: 1e2}", "20: training.epochs: must be a whole number, not 100.0"),
    ("training: {epochs: '10'}", "20: training.epochs: must be a whole number, not '10'"),
    ("training: {epochs: true}", "20: training.epochs: must be a whole number, not true"),
    (
        "training: {metrics: accuracy}",
        "21: training.metrics: must be a list, or auto, not 'accuracy'",
    ),
    (
        "runtime: {threads: two}",
        "20: runtime.threads: must be a whole number, or auto, not 'two'",
    ),
    (
        "ensemble: {replicas: 5}",
        "11: ensemble.kind: this key is required; allowed: bootstrap, kfold, seeds",
    ),
    ("regularization: {l2: 1e-4x}", "22: regularization.l2: must be a number, not '1e-4x'"),
    ("regularization: {l2: .inf}", "22: regularization.l2: must be a finite number, not inf"),
    ("regularization: {l2: .nan}", "22: regularization.l2: must be a finite number, not nan"),
    ("regularization: {l2: 1e400}", "22: regularization.l2: must be a finite number, not inf"),
    ("regularization: {l2: true}", "22: regularization.l2: must be a number, not true"),
    # Bounds.
    ("seed: -1", "7: seed: must be at least 0, not -1"),
    ("seed: 9223372036854775808", "7: seed: must be at most 9223372036854775807, not 92233720368"),
    ("training: {batch_size: 0}", "24: training.batch_size: must be at least 1, not 0"),
    (
        "training: {batch_size: many}",
        "24: training.batch_size: must be a whole number, or auto, not 'many'",
    ),
    ("model: {layers: [{units: 0}]}", "26: model.layers[0].units: must be at least 1, not 0"),
    (
        "model: {layers: [{units: 1000001}]}",
        ("26: model.layers[0].units: must be at most 1000000, not 1000001"),
    ),
    ("model: {layers: [{units: 2, keep_prob: 0}]}", "40: model.layers[0].keep_prob: must be "),
    (
        "model: {layers: [{units: 2, keep_prob: 1.5}]}",
        ("40: model.layers[0].keep_prob: must be at most 1, not 1.5"),
    ),
    ("runtime: {threads: 0}", "20: runtime.threads: must be at least 1, or auto"),
    ("runtime: {shards: 1025}", "19: runtime.shards: must be at most 1,024, or auto"),
    (
        "training: {early_stopping: {patience: 0}}",
        ("39: training.early_stopping.patience: must be at least 1, not 0"),
    ),
    # What a member says itself of its settings taken together.
    (
        "training: {optimizer: {name: sgd, nesterov: true}}",
        "23: training.optimizer: nesterov needs a momentum greater than 0",
    ),
    (
        "training: {schedule: {name: cosine, growth: 2}}",
        "22: training.schedule: growth needs a period: without one there is a single cycle",
    ),
    (
        "training: {optimizer: {name: sgd, nesterov: 1}}",
        "45: training.optimizer.nesterov: must be true or false, not 1",
    ),
    (
        "training: {schedule: {name: step, every: 2.0}}",
        "42: training.schedule.every: must be a whole number, not 2.0",
    ),
    # Not built yet.
    (
        "ensemble: {kind: bagging, replicas: 2}",
        "18: ensemble.kind: 'bagging' is not allowed; allowed: bootstrap, kfold, seeds",
    ),
    ("ensemble: {kind: seeds, replicas: 1}", "35: ensemble.replicas: must be at least 2, not 1"),
    ("ensemble: bootstrap", "11: ensemble: must be a mapping of keys and values, not 'bootstrap'"),
    (
        "runtime: {memory: 3 apples}",
        "19: runtime.memory: must be a size such as 500MB, 2GiB or a number of bytes, or auto",
    ),
    (
        "regularization: {noise: {input: -0.1}}",
        ("33: regularization.noise.input: must be at least 0, not -0.1"),
    ),
    (
        "runtime: {nodes: 2}",
        (
            "11: runtime.nodes: there is no such key; "
            "allowed here: checkpoint_seconds, dtype, memory, shards, threads"
        ),
    ),
    # Augmentations.
    (
        "regularization: {augmentation: [smot]}",
        (
            "33: regularization.augmentation[0]: 'smot' is not allowed; allowed: shift, flip, "
            "rotate, cutout, mixup, feature_swap, jitter, smote; did you mean smote?"
        ),
    ),
    (
        "regularization: {augmentation: mixup}",
        "32: regularization.augmentation: must be a list, not 'mixup'",
    ),
    (
        "regularization: {augmentation: [{name: mixup, alpha: 0}]}",
        "54: regularization.augmentation[0].alpha: must be at least 0.001, not 0",
    ),
    (
        "regularization: {augmentation: [{name: mixup, α: 1}]}",
        "47: regularization.augmentation[0].α: there is no such key; allowed here: alpha, name, ",
    ),
    (
        "regularization: {augmentation: [{alpha: 1}]}",
        "33: regularization.augmentation[0]: the name is missing; write {name: …}, or the bare ",
    ),
    (
        "regularization: {augmentation: [mixup, shift]}",
        (
            "40: regularization.augmentation[1]: shift is for images, and the spec does not say "
            "what they are; set data.image: {height: …, width: …}"
        ),
    ),
    (
        "regularization: {augmentation: [mixup, smote]}",
        (
            "40: regularization.augmentation[1]: smote adds rows that the others may change: it "
            "comes first"
        ),
    ),
]


@pytest.mark.parametrize(
    ("line", "key", "allowed"),
    [
        ("training: {calibration: {name: none}}", "training.calibration", "temperature, none"),
        ("training: {train_loss: {}}", "training.train_loss", "running, full"),
        ("runtime: {dtype: {a: 1}}", "runtime.dtype", "float32, float64"),
    ],
)
def test_a_mapping_where_a_word_belongs_is_called_one(faults, line, key, allowed):
    (found,) = faults(f"{DATA}{line}\n")
    assert f"{key}: a mapping is not allowed; allowed: {allowed}" in found


@pytest.mark.parametrize(("line", "fault"), SECOND_LINE)
def test_a_fault_says_where_what_and_what_instead(faults, line, fault):
    (found,) = faults(f"{DATA}{line}\n")
    assert found.startswith(f"2:{fault}")


# An image of 4 × 6 pixels, and augmentations that do not fit it.
@pytest.mark.parametrize(
    ("member", "fault"),
    [
        ("{name: flip, horizontal: false}", "flip: neither horizontal nor vertical is true"),
        ("{name: shift, pixels: 4}", "shift: an image of 4 × 6 moved by 4 pixels is out of sight"),
        ("{name: cutout, size: 5}", "cutout: a square of 5 pixels does not fit into 4 × 6"),
        ("{name: flip, horizontal: 1}", "must be true or false, not 1"),
        ("{name: rotate, degrees: 181}", "must be at most 180, not 181"),
    ],
)
def test_what_does_not_fit_an_image(faults, member, fault):
    data = "data: {path: d.csv, target: y, image: {height: 4, width: 6}}\n"
    (found,) = faults(f"{data}regularization: {{augmentation: [{member}]}}\n")
    assert found.startswith("2:")
    assert found.endswith(fault)
    assert "regularization.augmentation[0]" in found


@pytest.mark.parametrize("member", ["{name: shift, pixels: 3}", "{name: cutout, size: 4}"])
def test_what_just_fits_an_image(load, member):
    data = "data: {path: d.csv, target: y, image: {height: 4, width: 6}}\n"
    loaded = load(f"{data}regularization: {{augmentation: [{member}]}}\n")
    assert loaded.spec.data.image.shape == (4, 6, 1)


@pytest.mark.parametrize("key", ["dropout", "Dropout", "dropout_rate", "drop_prob", "drop"])
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{}: 0.5", ""),
        ("model: {{{}: 0.5}}", "model."),
        ("regularization: {{{}: 0.5}}", "regularization."),
        ("model: {{layers: [{{units: 3, {}: }}]}}", "model.layers[0]."),
    ],
)
def test_a_bare_dropout_is_refused_with_a_sentence_about_keep_and_drop(faults, key, text, path):
    line = text.format(key)
    (fault,) = faults(f"{DATA}{line}\n")
    assert fault == (
        f"2:{line.index(key) + 1}: {path}{key}: tools disagree on whether dropout is the "
        "probability to keep or to drop; write keep_prob, the probability to keep a unit: "
        "dropout 0.2 is keep_prob 0.8"
    )


def test_a_rate_is_not_taken_for_dropout(faults):
    assert faults(DATA + "training: {optimizer: {rate: 0.1}}\n") == [
        (
            "2:24: training.optimizer.rate: there is no such key; "
            f"{settings(OPTIMIZERS['adam'])}; did you mean learning_rate?"
        )
    ]


def test_all_faults_at_once_in_the_order_of_the_file(faults):
    text = """\
training:
  epochs: -1
  optimizer: {name: sgd, learning_rate: fast}
  early_stopping:
    patiens: 3
seed: 1.5
model:
  layers:
    - {units: 3, keep_prob: 2}
    - {activation: tanj}
data: {path: 7}
"""
    assert [[part.strip() for part in fault.split(":")[:3]] for fault in faults(text)] == [
        ["2", "11", "training.epochs"],
        ["3", "41", "training.optimizer.learning_rate"],
        ["5", "5", "training.early_stopping.patiens"],
        ["6", "7", "seed"],
        ["9", "29", "model.layers[0].keep_prob"],
        ["10", "7", "model.layers[1].units"],
        ["10", "20", "model.layers[1].activation"],
        ["11", "7", "data.target"],
        ["11", "14", "data.path"],
    ]


def test_a_long_value_is_cut(faults):
    (fault,) = faults(f"{DATA}seed: {'x' * 100_000}\n")
    assert len(fault) < 150


@pytest.mark.parametrize(
    "number", ["9" * 4096, "0x" + "f" * 4096, "-" + "9" * 5000, "1" + "0" * 400]
)
@pytest.mark.parametrize("key", ["seed: {}", "regularization: {{l2: {}}}", "model: {{layers: {}}}"])
def test_a_number_of_thousands_of_digits_is_refused_shortly(faults, number, key):
    (fault,) = faults(f"{DATA}{key.format(number)}\n")
    assert len(fault) < 160


def test_a_thousand_unknown_keys_take_no_time(faults):
    started = time.process_time()
    found = faults(DATA + "".join(f"key_{n}: 1\n" for n in range(1000)))
    assert len(found) == 101  # a hundred, and how many more there are
    assert found[-1] == "… and 900 more faults"
    assert time.process_time() - started < 5  # the schema, 20 ms, is built once, not once a key
