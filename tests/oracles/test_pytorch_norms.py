"""Batch and layer normalization, trained by PyTorch and by us: losses, tensors, predictions.

`pytorch_norms.json` holds what PyTorch computed (README.md says how), in float64. Where this was
written no number differed by more than 3e-15.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mlpcli.family import stacked
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import Sgd
from mlpcli.training.trainer import Trainer

STORED = json.loads(Path(__file__).with_name("pytorch_norms.json").read_text(encoding="utf-8"))
CASES = STORED["cases"]
X, Y = np.array(STORED["X"]), np.array(STORED["y"])
TOLERANCE, N_STEPS = 1e-12, 20


def norm_of(case):
    settings = dict(case["norm"])
    return NORMS[settings.pop("name")](**settings)


def trainer_of(norm, lane_shape=()):
    initial = STORED["initial"]
    hidden = tuple(
        Layer(len(initial[f"hidden.{k}.bias"]), ACTIVATIONS[name](), norm=norm)
        for k, name in enumerate(STORED["activations"], 1)
    )
    architecture = Architecture(X.shape[1], hidden, 3, LOSSES["cross_entropy"]())
    network = Network(architecture, np.zeros((*lane_shape, architecture.layout.n_numbers)))
    for name, tensor in network.tensors().items():
        tensor[...] = initial.get(name, architecture.initial_values.get(name))
    trainer = Trainer(
        network,
        Sgd(momentum=STORED["momentum"]),
        X,
        Y,
        batch_size=STORED["batch_size"],
        seeds=range(lane_shape[0] if lane_shape else 1),
    )
    trainer.step.update.learning_rate[...] = STORED["learning_rate"]
    return trainer


def predictions(network):
    out = np.empty((*network.lane_shape, len(X), 3))
    return Evaluation(network).predict(X, out)


@pytest.mark.parametrize("case", CASES, ids=[str(case["norm"]) for case in CASES])
def test_trajectories_are_pytorchs(case, replay):
    trainer = trainer_of(norm_of(case))
    for step, value in enumerate(replay(trainer, N_STEPS), 1):
        assert value == pytest.approx(case["losses"][step - 1], rel=TOLERANCE)
        stored = case["tensors"].get(str(step), {})
        for name, tensor in stored.items():
            found = trainer.network.tensors()[name]
            np.testing.assert_allclose(found, tensor, rtol=0, atol=TOLERANCE, err_msg=name)
    np.testing.assert_allclose(predictions(trainer.network), case["predicted"], rtol=TOLERANCE)


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_a_stack_with_a_setting_for_each_lane_has_the_bits_of_each_alone(kind, replay):
    norms = [norm_of(case) for case in CASES if case["norm"]["name"] == kind]
    together = trainer_of(stacked(norms), (len(norms),))
    losses = np.array(list(replay(together, N_STEPS)))
    for r, norm in enumerate(norms):
        alone = trainer_of(norm)
        np.testing.assert_array_equal(list(replay(alone, N_STEPS)), losses[:, r])
        np.testing.assert_array_equal(alone.network.vector, together.network.vector[r])
        np.testing.assert_array_equal(predictions(alone.network), predictions(together.network)[r])
