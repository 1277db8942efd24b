"""Ensembles that share weights, by the TabM authors' package and by us.

`pytorch_sharing.json` holds what PyTorch computed (README.md says how), in float64: members'
outputs, the mean of their losses, its gradient, ten steps of descent, and the mean prediction.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network
from mlpcli.nn.optimizers import Sgd
from mlpcli.nn.sharing import SHARINGS, Members
from mlpcli.training.trainer import Trainer

STORED = json.loads(Path(__file__).with_name("pytorch_sharing.json").read_text(encoding="utf-8"))
CASES = STORED["cases"]
X = np.array(STORED["X"])
TOLERANCE = 1e-12

each_case = pytest.mark.parametrize(
    "case", CASES, ids=[f"{case['kind']}-{case['loss']}" for case in CASES]
)


def network_of(case):
    initial = {name: np.array(value) for name, value in case["initial"].items()}
    units = initial["hidden.1.weight"].shape[1]
    layer = Layer(units, ACTIVATIONS[STORED["activation"]]())
    k, n_outputs = initial["output.bias"].shape
    members = Members(k, SHARINGS[case["kind"]]())
    architecture = Architecture(
        X.shape[1], (layer, layer), n_outputs, LOSSES[case["loss"]](), members=members
    )
    network = Network(architecture, np.zeros(architecture.layout.n_numbers))
    tensors = network.tensors()
    assert tensors.keys() == initial.keys()
    for name, tensor in tensors.items():
        tensor[...] = initial[name]
    return network


def trainer_of(case):
    target = np.array(STORED["targets"][case["loss"]])
    return Trainer(
        network_of(case), Sgd(), X, target, batch_size=len(X), seeds=[0], keep_outputs=True
    )


def close(found, stored, name=""):
    np.testing.assert_allclose(found, stored, rtol=0, atol=TOLERANCE, err_msg=name)


@each_case
def test_outputs_and_predictions_are_the_packages(case):
    network = network_of(case)
    u = Backprop(network, len(X), training=False).forward(X)
    close(u, case["outputs"])
    close(Evaluation(network).predict(X, np.empty_like(u[0])), case["predicted"])


@each_case
def test_losses_gradient_and_tensors_are_the_packages(case):
    trainer = trainer_of(case)
    gradient = []
    trainer.step.update.parts.insert(0, lambda: gradient.append(trainer.step.grad.copy()))
    for step, loss in enumerate(case["losses"], 1):
        list(trainer.epoch(step, STORED["learning_rate"]))
        close(trainer.loss, loss)
        if step == 1:
            order = trainer.loader.order
            close(trainer.outputs, np.array(case["predicted"])[order])
    found = trainer.network.architecture.layout.unpack(gradient[0])
    for name, stored in case["gradient"].items():
        close(found[name], stored, name)
    for name, stored in case["after"].items():
        close(trainer.network.tensors()[name], stored, name)
