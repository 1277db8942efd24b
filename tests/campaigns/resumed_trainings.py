"""Trainings that are saved or interrupted anywhere, and go on: to the bits of one that is not?

What the tests of `Training.state` and the campaign of planted faults have in common: specs, and a
comparison of the rows of metrics, how each lane ended, and the numbers of the model.
"""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.events import Ended, EpochEnded, StateReady
from mlpcli.training.state import TrainingState
from mlpcli.training.training import Training

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"
BLOCK_BYTES = 512  # two batches of 16 rows: an epoch has several blocks, and stops in their midst

SPECIES = {
    "data": {"path": str(IRIS), "target": "species", "split": {"validation": 0.2, "test": 0.1}},
    "model": {"layers": [{"units": 5, "activation": "tanh"}]},
    "training": {"epochs": 4, "batch_size": 16, "early_stopping": None},
}
NUMBERS = {
    "data.target": "sepal_length_cm",
    "data.exclude": ["species"],
}
NOISE = {"input": 0.1, "weights": 0.01, "gradients": 0.01, "labels": 0.1}
SGD = {"name": "sgd", "learning_rate": 0.05}
MOMENTUM = SGD | {"momentum": 0.9}
# What a training may carry from step to step, by the keys that are not as above.
SPECS = {
    "plain sgd": {"training.optimizer": SGD, "training.batch_size": 10},
    "everything at once": {
        "model.input_keep_prob": 0.9,
        "model.layers": [{"units": 5, "activation": "tanh", "keep_prob": 0.8, "norm": "batch"}],
        "training.optimizer": "adam",
        "training.weight_averaging": 0.9,
        "regularization.noise": NOISE,
        "training.gradient_clipping": {"norm": 1.0},
    },
    "momentum and noise on numbers": NUMBERS
    | {
        "training.optimizer": MOMENTUM | {"nesterov": True},
        "regularization.noise": {"labels": 0.2, "weights_multiplicative": 0.1},
        "regularization.max_norm": 1.0,
    },
    "mixup": {
        "training.optimizer": "nadam",
        "regularization.augmentation": [{"name": "mixup"}, {"name": "jitter"}],
    },
    "smote and cutmix": {
        "training.optimizer": {"name": "rmsprop", "momentum": 0.5},
        "regularization.augmentation": [{"name": "smote"}, {"name": "mixup"}],
        "training.epochs": 3,
    },
    "restarts": {
        "training.optimizer": MOMENTUM,
        "training.schedule": {"name": "cosine", "period": 1.5},
        "training.weight_averaging": 0.8,
    },
    "plateau": {
        "training.optimizer": SGD,
        "training.epochs": 7,
        "training.schedule": {"name": "plateau", "patience": 0, "threshold": 0.2, "cooldown": 1},
    },
    "warm-up": {"training.optimizer": "adamw", "training.schedule.warmup": 2.5},
    "weights": {
        "training.optimizer": "amsgrad",
        "data.class_weight": "balanced",
        "training.train_loss": "full",
        "training.batch_size": 8,
        "runtime.dtype": "float64",
    },
    "without validation": {"data.split.validation": 0, "training.optimizer": "lion"},
    "early stopping": {
        "training.optimizer": MOMENTUM,
        "training.epochs": 30,
        "training.early_stopping": {"patience": 4, "min_delta": 0.02},
    },
    "tabm": {
        "ensemble": {"kind": "tabm", "replicas": 3},
        "regularization.noise": {"input": 0.1},
        "model.layers": [{"units": 5, "keep_prob": 0.8}],
    },
    "embedding": {
        "model.embedding": {"name": "periodic"},
        "training.optimizer": "adadelta",
    },
    "bootstrap": {
        "ensemble": {"kind": "bootstrap", "replicas": 8},
        "model.layers": [{"units": 5, "keep_prob": 0.8}],
        "training.optimizer": MOMENTUM,
        "training.epochs": 8,
        "training.early_stopping": {"patience": 2, "min_delta": 0.05},
        "regularization.noise": {"input": 0.1},
    },
    "samples of unequal length": {
        "ensemble": {"kind": "bootstrap", "replicas": 3},
        "regularization.augmentation": [{"name": "smote"}],
        "training.epochs": 2,
    },
    "one of six diverges": NUMBERS
    | {
        "ensemble": {"kind": "seeds", "replicas": 6},
        "model.layers": [{"units": 4, "activation": "relu"}],
        "data.scale_target": "none",
        "training.optimizer": {"name": "sgd", "learning_rate": 0.3, "momentum": 0.9},
        "training.epochs": 3,
    },
    "folds": {
        "ensemble": {"kind": "kfold", "replicas": 3},
        "data.split.validation": 0,
        "training.epochs": 3,
    },
    "seeds": {
        "ensemble": {"kind": "seeds", "replicas": 3},
        "training.weight_averaging": 0.9,
        "training.schedule": {"name": "plateau", "patience": 0, "threshold": 0.05},
        "training.epochs": 5,
        "regularization.augmentation": [{"name": "mixup"}],
    },
}


class Made:
    """The training of a spec, which can be begun again and again.

    keys  of the spec, with dots, that differ from those of SPECIES
    """

    def __init__(self, folder, keys):
        self.folder = folder
        plain = json.loads(json.dumps(SPECIES))
        for key, value in keys.items():
            _set(plain, key.split("."), value)
        (folder / "spec.yaml").write_text(json.dumps(plain), "utf-8")
        self.dataset = load_dataset(load_spec(str(folder / "spec.yaml")))

    def training(self, *overrides):
        """Return the training, at its beginning; overrides change what decides no number."""
        spec = load_spec(str(self.folder / "spec.yaml"), overrides).spec
        return Training(spec, self.dataset)


def _set(plain, parts, value):
    for part in parts[:-1]:
        plain = plain.setdefault(part, {})
    plain[parts[-1]] = value


class Calls:
    """A `stop` or a `due`: true from the n-th call on, or at it alone; None: never."""

    def __init__(self, n, *, once=False):
        self.n, self.once, self.calls = n, once, 0

    def __call__(self):
        self.calls += 1
        if self.n is None:
            return False
        return self.calls == self.n if self.once else self.calls >= self.n


@dataclass
class Session:
    """What a training has told: rows of metrics, and states with the number of rows before each."""

    rows: list
    states: list
    end: Ended
    ended: list
    kept: list
    vector: bytes

    @property
    def result(self):
        """All that must be the same; a list, so that what differs first is seen."""
        return [*self.rows, self.end, *self.ended, self.kept, self.vector]


def run(training, stop=None, due=None, before=()):
    """Train; return what came of it.

    before  rows that were written before
    """
    rows, states, end = list(before), [], None
    for event in training.run(stop or Calls(None), due or Calls(None)):
        if isinstance(event, EpochEnded):
            each = zip(event.lanes, event.rows, strict=True)
            lanes = [(lane, *_but_seconds(row)) for lane, row in each]
            rows.append((event.epoch, _but_seconds(event.mean), lanes, event.improved))
        elif isinstance(event, StateReady):
            states.append((stored(training.state()), list(rows)))
        elif isinstance(event, Ended):
            end = replace(event, seconds=0.0)
    ended = [replace(each, seconds=0.0) for each in training.ended]
    return Session(rows, states, end, ended, training.kept, training.network.vector.tobytes())


def _but_seconds(row):
    return tuple((name, repr(value)) for name, value in row.items() if name != "seconds")


def stored(state):
    """Return a state as it comes out of a file: JSON without NaN, and arrays."""
    file = io.BytesIO()
    np.savez(file, **state.tensors)
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        tensors = {name: arrays[name] for name in arrays.files}
    return TrainingState(tensors, json.loads(json.dumps(state.document, allow_nan=False)))


def resumed(training, saved, stop=None, due=None):
    """Let a new training go on from a state, behind the rows that were written until then."""
    state, rows = saved
    training.restore(state)
    return run(training, stop, due, rows)
