"""Every loss as PyTorch computes it: values, derivatives, and a network trained by them.

`pytorch_losses.json` holds what PyTorch computed in float64 (README.md says how): for each loss
and setting a batch near 0, and one with pre-activations of up to 10,000 and more. What is left is
the rounding of the two orders of summation, and where PyTorch forms 1 − p, of that difference.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mlpcli.family import key_of, settings_of
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network

STORED = json.loads(Path(__file__).with_name("pytorch_losses.json").read_text(encoding="utf-8"))
CASES = STORED["cases"]
DRAWN = {name: np.array(values) for name, values in STORED["drawn"].items()}
BATCH_SIZE = STORED["batch_size"]
TOLERANCE = 1e-12


def label(case):
    settings = "-".join(f"{key}={value}" for key, value in case["settings"].items())
    mixed = "mixed" if case["mixed"] else ""
    return "-".join(filter(None, [case["task"], mixed, case["loss"], case["output"], settings]))


def cases_with(part):
    chosen = [case for case in CASES if part in case]
    return pytest.mark.parametrize("case", chosen, ids=map(label, chosen))


def loss_of(case):
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in case["settings"].items()}
    member = LOSSES[case["loss"]]
    names = {key_of(f): f.name for f in settings_of(member)}
    loss = member(**{names[key]: value for key, value in settings.items()})
    return loss.for_task(case["task"], output=case["output"])


def target_of(case, loss):
    """Return all stored targets as the loss takes them: one-hot, and smoothed."""
    stored = DRAWN[case["targets"]]
    if stored.ndim == 1:
        stored = np.eye(len(DRAWN["near"][0]))[stored]
    y = stored[:, : case["columns"]].astype(np.float64)
    loss.smooth(y)
    return y


def compare(case, part):
    loss, u = loss_of(case), DRAWN[part]
    y = target_of(case, loss)[: len(u)]
    delta = np.empty_like(u)
    loss.delta(u, y, np.asarray(1.0), delta, loss.scratch(delta))
    rows = loss.value(u, y)
    np.testing.assert_allclose(rows, case[part]["rows"], rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(delta, case[part]["delta"], rtol=TOLERANCE, atol=TOLERANCE)


@cases_with("near")
def test_values_and_gradients_near_0(case):
    compare(case, "near")


@cases_with("far")
def test_values_and_gradients_at_ten_thousand(case):
    compare(case, "far")


@cases_with("trajectory")
def test_twenty_steps_of_descent(case):
    loss = loss_of(case)
    X, target = DRAWN["X"], target_of(case, loss)
    hidden = (Layer(DRAWN["hidden.1.bias"].size, ACTIVATIONS["tanh"]()),)
    architecture = Architecture(X.shape[1], hidden, DRAWN["near"].shape[1], loss)
    network = Network(architecture, np.zeros(architecture.layout.n_params))
    for name, tensor in network.tensors().items():
        tensor[...] = DRAWN[name]
    batch = Backprop(network, BATCH_SIZE, training=False)
    scratch = loss.scratch(batch.delta)
    kept = dict(zip(STORED["kept"], case["trajectory"]["theta"], strict=True))
    for step, expected in enumerate(case["trajectory"]["losses"], 1):
        start = (step - 1) * BATCH_SIZE % len(X)
        rows = slice(start, start + BATCH_SIZE)
        u, y = batch.forward(X[rows]), target[rows]
        loss.delta(u, y, np.asarray(1 / BATCH_SIZE), batch.delta, scratch)
        batch.backward()
        value = loss.value(u, y).mean()
        assert value == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE), step
        network.theta[...] -= STORED["learning_rate"] * batch.grad
        if step in kept:
            np.testing.assert_allclose(network.theta, kept[step], rtol=0, atol=TOLERANCE)


def test_the_file_holds_what_these_tests_are_for():
    for part in ("near", "trajectory"):
        assert {case["loss"] for case in CASES if part in case} == set(LOSSES)
    assert {case["loss"] for case in CASES if "far" in case} == set(LOSSES) - {"focal"}
    tested = {type(loss_of(case)) for case in CASES}
    chosen = {
        type(member().for_task(task, output=output))
        for member in LOSSES.values()
        for task in member.tasks
        for output in [None, *(member.outputs or ())]
    }
    assert chosen == tested
    assert np.abs(DRAWN["far"]).max() > 1e4
    begun = [DRAWN[n].ravel() for n in ("hidden.1.weight", "output.weight")]
    for case in CASES:
        if "trajectory" in case:
            theta = np.array(case["trajectory"]["theta"])
            moved = np.abs(theta[-1][: sum(map(len, begun))] - np.concatenate(begun))
            assert moved.max() > 0.01
