"""Stacks: a lane trained among others, whatever they are, has the bits it has alone."""

from dataclasses import replace

import numpy as np
import pytest

from mlpcli.spec.schema import Spec
from mlpcli.training import stack_training
from mlpcli.training.events import EpochEnded, LanesEnded
from mlpcli.training.lanes import Lane, prepare_lanes
from mlpcli.training.training import Training

NUMBERS = """
data: {path: numbers.csv, target: y, task: regression}
model: {layers: [{units: 6, activation: elu}]}
training: {epochs: 6, batch_size: 7}
"""
SPECIES = """
data: {path: iris.csv, target: species}
model: {layers: [{units: 6, activation: elu}]}
training: {epochs: 6, batch_size: 16}
"""
# Numbers that a lane may have for itself, and what they may be.
NUMBERS_OF_A_LANE = {
    "model.input_keep_prob": [1.0, 0.9],
    "model.layers.0.keep_prob": [1.0, 0.8, 0.5],
    "model.layers.0.activation.alpha": [1.0, 0.5],
    "training.optimizer.learning_rate": [0.1, 0.01, 0.03, 1e6],
    "regularization.l2": [0.0, 0.01],
    "regularization.l1": [0.0, 0.01],
    "regularization.noise.input": [0.0, 0.1],
    "regularization.noise.weights": [0.0, 0.01],
    "training.epochs": [1, 3, 6],
    "training.early_stopping.patience": [1, 2, None],
    "training.schedule": [
        {"name": "constant"},
        {"name": "exponential", "gamma": 0.5},
        {"name": "constant", "warmup": 1.5},
        {"name": "one_cycle"},
    ],
}
# What all lanes of a stack have in common.
SHARED = {
    "training.optimizer": [
        {"name": "sgd"},
        {"name": "sgd", "momentum": 0.9, "nesterov": True},
        {"name": "adam"},
        {"name": "rmsprop", "momentum": 0.5},
        {"name": "adamw"},
        {"name": "nadam"},
        {"name": "adadelta"},
    ],
    "training.train_loss": ["running", "full"],
    "training.weight_averaging": [None, 0.9],
    "training.gradient_clipping": [{}, {"norm": 1.0}],
    "regularization.augmentation": [[], [{"name": "jitter"}]],
    "model.layers.0.norm": [None, {"name": "batch"}, {"name": "layer"}],
}


def changed(plain, path, value):
    """Set one key of plain data, in place."""
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("."))
    for key in parents:
        plain = plain[key]
    plain[last] = value


def trained_for(spec, epochs):
    plain = spec.model_dump()
    plain["training"]["epochs"] = epochs
    return Spec.model_validate(plain)


def drawn(spec, rng, keys):
    plain = spec.model_dump()
    for key, values in keys.items():
        if rng.random() < 0.6:
            changed(plain, key, values[rng.integers(len(values))])
    return Spec.model_validate(plain)


def drawn_lanes(spec, n_rows, rng):
    """Return lanes that can be one stack: bootstrap samples, a fold, or all rows."""
    spec = drawn(spec, rng, SHARED)
    n, kind = int(rng.integers(2, 7)), rng.integers(3)
    lanes = []
    for _ in range(n):
        rows = rng.integers(0, n_rows, n_rows) if kind == 0 else rng.permutation(n_rows)[:-5]
        own = drawn(spec, rng, NUMBERS_OF_A_LANE)
        lanes.append(Lane(own, int(rng.integers(99)), None if kind == 2 else rows))
    return lanes


def stack_of(dataset, lanes):
    return Training(lanes[0].spec, dataset, lanes)


def run(stack):
    """Return for each lane its rows of metrics, without the seconds."""
    rows = [[] for _ in stack.ended]
    for event in stack.run():
        if isinstance(event, EpochEnded):
            for lane, row in zip(event.lanes, event.rows, strict=True):
                rows[lane].append({k: v for k, v in row.items() if k != "seconds"})
    return rows


def how(ended):
    return replace(ended, seconds=0.0)


@pytest.mark.parametrize("text", [NUMBERS, SPECIES], ids=["numbers", "species"])
@pytest.mark.parametrize("seed", range(16))
def test_a_lane_in_any_stack_has_the_bits_it_has_alone(seed, text, training, monkeypatch, tmp_path):
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(stack_training, "LEAVING", rng.choice([1e-9, 0.5, 1.0]))
    table = rng.normal(size=(60, 4))
    lines = [",".join(map(repr, row)) for row in table.tolist()]
    (tmp_path / "numbers.csv").write_text("\n".join(["a,b,c,y", *lines]), encoding="utf-8")
    one = training(spec=text)
    lanes = drawn_lanes(one.spec, len(one.dataset.parts["train"]), rng)
    together = stack_of(one.dataset, lanes)
    rows = run(together)
    for r, lane in enumerate(lanes):
        alone = stack_of(one.dataset, [lane])
        assert run(alone) == [rows[r]]
        assert how(alone.ended[0]) == how(together.ended[r])
        np.testing.assert_array_equal(alone.vectors[0], together.vectors[r])


def test_lanes_of_one_spec_whose_figures_decide_their_rates_have_rates_of_their_own(training):
    keys = ["training.epochs=12", "training.schedule={name: plateau, patience: 0, threshold: 0.02}"]
    one = training(*keys)
    lanes = [Lane(one.spec, seed) for seed in range(6)]
    rows = run(stack_of(one.dataset, lanes))
    assert len({tuple(row["learning_rate"] for row in each) for each in rows}) > 1
    assert [run(stack_of(one.dataset, [lane])) for lane in lanes] == [[each] for each in rows]


def test_lanes_that_have_ended_leave_the_stack(training, monkeypatch):
    monkeypatch.setattr(stack_training, "LEAVING", 0.3)
    spec = training().spec
    lanes = [Lane(trained_for(spec, epochs), epochs) for epochs in (1, 2, 2, 4)]
    stack = stack_of(training().dataset, lanes)
    ended = (event for event in stack.run() if isinstance(event, EpochEnded) and event.lanes)
    widths = [(event.epoch, event.lanes, stack.network.lane_shape) for event in ended]
    # One of four is too few to leave; with three of four gone the last one goes on alone.
    assert widths == [(1, [0, 1, 2, 3], (4,)), (2, [1, 2, 3], (4,)), (3, [3], ()), (4, [3], ())]
    assert [ended.epochs for ended in stack.ended] == [1, 2, 2, 4]


def test_a_dropped_lane_ends_where_it_was(training):
    one = training()
    stack, ended = stack_of(one.dataset, [Lane(one.spec, seed) for seed in (0, 1)]), {}
    for event in stack.run_stack([0, 1]):
        if isinstance(event, EpochEnded) and event.epoch == 2 and 1 in event.lanes:
            stack.drop(1)
        if isinstance(event, LanesEnded):
            ended |= zip(event.lanes, event.ended, strict=True)
    assert [ended[lane].reason for lane in (0, 1)] == ["finished", "pruned"]
    assert [ended[lane].epochs for lane in (0, 1)] == [4, 2]


def test_lanes_of_other_shapes_cannot_be_stacked(training):
    one, other = training(), training("training.optimizer=adam")
    with pytest.raises(ValueError, match="one shape"):
        list(stack_of(one.dataset, [Lane(one.spec, 0), Lane(other.spec, 0)]).run())


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("training.optimizer.learning_rate=0.3", True),
        ("training.epochs=9", True),
        ("training.schedule=cosine", True),
        ("training.early_stopping=null", True),
        ("model.layers[0].keep_prob=0.5", True),
        ("regularization.l2=0.1", True),
        ("model.layers[0].initializer=glorot_normal", True),
        ("model.layers[0].activation=relu", False),
        ("model.layers[0].units=9", False),
        ("training.optimizer=adam", False),
        ("training.batch_size=9", False),
        ("training.gradient_clipping.norm=1", False),
        ("runtime.dtype=float64", False),
        ("model.loss={name: cross_entropy, label_smoothing: 0.1}", False),
        ("training.metrics=[f1]", False),
    ],
)
def test_what_decides_the_shape(override, same, training):
    one, other = training(), training(override)
    shapes = {
        each.shape for each in prepare_lanes([Lane(one.spec, 0), Lane(other.spec, 0)], one.dataset)
    }
    assert (len(shapes) == 1) == same
