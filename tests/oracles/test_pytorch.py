"""The same networks, trained by PyTorch and by us: every tensor after every step.

`pytorch.json` holds what PyTorch computed (README.md says how). It is replayed by the trainer's
own steps. Both run in float64, and differ only in the order in which
sums are rounded: by at most 2.3e-16 in a weight and 4.5e-16 in a loss, where this was written.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.update import Regularization
from mlpcli.training.trainer import Trainer

STORED = json.loads(Path(__file__).with_name("pytorch.json").read_text(encoding="utf-8"))
CASES = STORED["cases"]
X = np.array(STORED["X"])
BATCH_SIZE = STORED["batch_size"]
TOLERANCE = 1e-12

each_case = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])


def architecture_of(case):
    initial = STORED["initial"][case["loss"]]
    hidden = tuple(
        Layer(len(initial[f"hidden.{k}.bias"]), ACTIVATIONS[name]())
        for k, name in enumerate(case["activations"], 1)
    )
    return Architecture(X.shape[1], hidden, len(initial["output.bias"]), LOSSES[case["loss"]]())


def targets_of(case):
    """Return class numbers for cross-entropy, and floats otherwise."""
    target = np.array(STORED["targets"][case["loss"]])
    return target if case["loss"] == "cross_entropy" else target.astype(float)


def trainer_of(case, lane_shape=()):
    """A trainer at the stored beginning, in every lane."""
    architecture = architecture_of(case)
    network = Network(architecture, np.zeros((*lane_shape, architecture.layout.n_params)))
    for name, tensor in network.tensors().items():
        tensor[...] = STORED["initial"][case["loss"]][name]
    settings = {key: value for key, value in case["optimizer"].items() if key != "name"}
    optimizer = OPTIMIZERS[case["optimizer"]["name"]](**settings)
    trainer = Trainer(
        network,
        optimizer,
        X,
        targets_of(case),
        batch_size=BATCH_SIZE,
        seeds=range(lane_shape[0] if lane_shape else 1),
        regularization=Regularization(l2=case["l2"]),
    )
    trainer.step.update.learning_rate[...] = optimizer.learning_rate
    return trainer


def deviation(ours, stored):
    """Return the largest difference in any tensor; NaN where there is one."""
    assert ours.keys() == stored.keys()
    return np.max([np.max(np.abs(ours[name] - np.array(stored[name]))) for name in stored])


@each_case
def test_every_step_gives_the_weights_and_the_loss_of_pytorch(case, replay):
    trainer = trainer_of(case)
    for step, value in enumerate(replay(trainer, len(case["steps"]))):
        assert value == pytest.approx(case["losses"][step], rel=0, abs=TOLERANCE), step
        assert deviation(trainer.network.tensors(), case["steps"][step]) < TOLERANCE, step


@each_case
def test_a_lane_among_others_gives_them_too(case, replay):
    """The lanes beside it begin elsewhere and go elsewhere."""
    trainer = trainer_of(case, lane_shape=(3,))
    trainer.network.theta[0] *= -1.0
    trainer.network.theta[2] += 0.5
    for step, value in enumerate(replay(trainer, len(case["steps"]))):
        middle = {name: tensor[1] for name, tensor in trainer.network.tensors().items()}
        assert value[1] == pytest.approx(case["losses"][step], rel=0, abs=TOLERANCE), step
        assert deviation(middle, case["steps"][step]) < TOLERANCE, step


def test_the_file_holds_what_the_replays_are_for():
    """Without cases, or without steps in them, the replays would pass."""
    assert len({(case["loss"], *case["activations"]) for case in CASES}) == 9
    assert {len(case["steps"]) for case in CASES} == {len(case["losses"]) for case in CASES} == {10}
    assert all(case["l2"] > 0 for case in CASES)
    assert 0 < len(X) % BATCH_SIZE < BATCH_SIZE < len(X)
    moved = [deviation(trainer_of(c).network.tensors(), c["steps"][-1]) for c in CASES]
    assert min(moved) > 0.1
