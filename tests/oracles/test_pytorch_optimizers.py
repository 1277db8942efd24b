"""Every optimizer, schedule, clipping and average, beside PyTorch's, alone and as one stack.

`pytorch_optimizers.json` holds what PyTorch computed (README.md says how): 20 steps of softmax
regression. Both run in float64 and differ only in the order in which numbers are rounded.
"""

from __future__ import annotations

import inspect
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from mlpcli.family import stacked
from mlpcli.nn.clipping import ClipByNorm
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Network
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES, Plateau
from mlpcli.nn.training_step import Batch, TrainingStep
from mlpcli.nn.update import Regularization

STORED = json.loads(Path(__file__).with_name("pytorch_optimizers.json").read_text(encoding="utf-8"))
CASES, BATCH_SIZE = STORED["cases"], STORED["batch_size"]
X, TARGET = np.array(STORED["X"]), np.eye(3)[STORED["target"]]
ARCHITECTURE = Architecture(X.shape[1], (), 3, LOSSES["cross_entropy"]())
SWITCHES = {"nesterov": ("sgd", {"nesterov": True})}
SWITCHES["rmsprop_centered"] = ("rmsprop", {"centered": True})
OUTSIDE = ("l2", "clip", "average")  # the settings that are not the optimizer's
TOLERANCE = 1e-12  # of the largest weights, which are near 1

each_case = pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['name']}-{c['settings']}")
of_one_optimizer = defaultdict(list)
for _case in CASES:
    of_one_optimizer[_case["name"]].append(_case)


def member_of(case):
    name, switches = SWITCHES.get(case["name"], (case["name"], {}))
    own = {key: value for key, value in case["settings"].items() if key not in OUTSIDE}
    return OPTIMIZERS[name](**own, **switches)


class Replay:
    """The stored steps again, by the training step: one case, or several of an optimizer as lanes.

    A lane that is not clipped has a limit that it never reaches, one without an average its last θ.
    """

    def __init__(self, *cases, lanes=False):
        members = [member_of(case) for case in cases]
        optimizer, lane_shape = (stacked(members), (len(cases),)) if lanes else (members[0], ())

        def numbers(values):
            return np.array(values) if lanes else values[0]

        def setting(name, otherwise):
            return numbers([case["settings"].get(name, otherwise) for case in cases])

        def limit(kind):
            clips = [case["settings"].get("clip", [None, 0]) for case in cases]
            if all(of != kind for of, _ in clips):
                return None
            return numbers([limit if of == kind else 1e300 for of, limit in clips])

        theta = np.concatenate([np.ravel(STORED["W"]), STORED["b"]])
        network = Network(ARCHITECTURE, np.tile(theta, (*lane_shape, 1)) if lanes else theta)
        strengths = Regularization(
            l2=setting("l2", 0.0),
            clip_norm=limit("norm"),
            clip_value=limit("value"),
            averaging=setting("average", 0.0),
        )
        self.step = TrainingStep(network, optimizer, strengths, [BATCH_SIZE])
        self.theta, self.lane_shape = network.theta, lane_shape
        rates = numbers([member.learning_rate for member in members])
        rate = self.step.update.learning_rate
        rate[...] = np.reshape(rates, rate.shape)

    @property
    def average(self):
        average = self.step.update.average
        return self.theta if average is None else average.average

    def steps(self):
        """Take the steps; yield the number and J of each."""
        u = np.empty((*self.lane_shape, BATCH_SIZE, 3))
        for step in range(1, len(CASES[0]["losses"]) + 1):
            start = (step - 1) * BATCH_SIZE % len(X)
            batch = slice(start, start + BATCH_SIZE)
            x, y = (
                np.array(
                    np.broadcast_to(part[batch], (*self.lane_shape, *part[batch].shape)), order="C"
                )
                for part in (X, TARGET)
            )
            self.step(Batch(BATCH_SIZE, x, y, np.asarray(1 / BATCH_SIZE), u))
            yield step, self.step.loss.value(u, y).mean(axis=-1)


def assert_follows(case, step, value, theta, average):
    assert value == pytest.approx(case["losses"][step - 1], rel=0, abs=TOLERANCE), step
    if step in STORED["stored_steps"]:
        at = STORED["stored_steps"].index(step)
        np.testing.assert_allclose(theta, case["thetas"][at], rtol=0, atol=TOLERANCE)
        if "average" in case["settings"]:
            np.testing.assert_allclose(average, case["averages"][at], rtol=0, atol=TOLERANCE)


@each_case
def test_the_steps_are_pytorchs(case):
    replay = Replay(case)
    for step, value in replay.steps():
        assert_follows(case, step, value, replay.theta, replay.average)


@each_case
def test_the_published_formula_steps_as_pytorch_does(case):
    """Each step of the replay is also taken by `published`, from the same θ and gradient."""
    replay, member, memory = Replay(case), member_of(case), {}
    parts = replay.step.update.parts
    (place,) = (k for k, part in enumerate(parts) if not inspect.ismethod(part))
    bound, grad = parts[place], replay.step.grad

    def optimizer_step():
        theta = replay.theta.copy()  # after decoupled decay
        expected = member.published(theta, grad.copy(), member.learning_rate, memory)
        bound()
        np.testing.assert_allclose(replay.theta, expected, rtol=0, atol=TOLERANCE)
        replay.theta[...] = expected

    parts[place] = optimizer_step
    for step, value in replay.steps():
        assert_follows(case, step, value, replay.theta, replay.average)


@pytest.mark.parametrize("name", of_one_optimizer)
def test_all_settings_of_an_optimizer_as_one_stack(name):
    """Each lane has hyperparameters, decay, clipping and average of its own, and its own bits."""
    cases = of_one_optimizer[name]
    stack, alone = Replay(*cases, lanes=True), [Replay(case) for case in cases]
    for (step, values), *each in zip(stack.steps(), *(a.steps() for a in alone), strict=True):
        for r, (case, (_, value)) in enumerate(zip(cases, each, strict=True)):
            assert_follows(case, step, values[r], stack.theta[r], stack.average[r])
            assert value == values[r]
            np.testing.assert_array_equal(alone[r].theta, stack.theta[r])
            np.testing.assert_array_equal(alone[r].average, stack.average[r])


def test_clipping_is_pytorchs_but_for_what_it_adds_to_the_norm():
    clip = STORED["clip"]
    grad = np.array(clip["gradient"])
    norm = np.sqrt(np.sum(grad**2))
    ClipByNorm(clip["limit"], grad).apply()
    np.testing.assert_allclose(grad * norm / (norm + 1e-6), clip["clipped"], rtol=1e-14)


@pytest.mark.parametrize(
    "stored", STORED["schedules"], ids=lambda s: "-".join(f"{k} {v}" for k, v in s.items())[:60]
)
def test_the_rates_are_pytorchs(stored):
    settings = {k: v for k, v in stored.items() if k not in ("name", "rates")}
    steps = STORED["steps_per_epoch"]
    state = SCHEDULES[stored["name"]](**settings).start(STORED["epochs"], steps)
    rates = []
    for epoch, metric in enumerate(STORED["figures"], 1):
        rates.extend(np.broadcast_to(state.factors(epoch), steps))
        state.observe(metric)
    # PyTorch goes from rate to rate, and so rounds each time.
    np.testing.assert_allclose(rates, stored["rates"], rtol=1e-12, atol=1e-15)


def test_the_file_holds_what_the_replays_are_for():
    """Every optimizer at least three times, no setting at its default, and it moves."""
    named = [SWITCHES.get(case["name"], (case["name"],))[0] for case in CASES]
    assert set(named) == set(OPTIMIZERS)
    assert all(len(cases) >= 3 for cases in of_one_optimizer.values())
    for case in CASES:
        member = member_of(case)
        for key, value in case["settings"].items():
            assert key in OUTSIDE or value != getattr(type(member)(), key), (case["name"], key)
        start = np.concatenate([np.ravel(STORED["W"]), STORED["b"]])
        assert np.max(np.abs(case["thetas"][-1] - start)) > 0.05
        assert np.all(np.ravel(case["thetas"]) != 0)
    assert all(case["settings"]["l2"] > 0 for case in CASES if case["name"] in ("adamw", "lion"))
    clipped = {case["settings"]["clip"][0] for case in CASES if "clip" in case["settings"]}
    assert clipped == {"norm", "value"}
    assert sum("average" in case["settings"] for case in CASES) == 3
    # PyTorch has no schedule that falls as 1/t.
    assert {stored["name"] for stored in STORED["schedules"]} == set(SCHEDULES) - {"inverse_time"}
    assert len(set(next(s for s in STORED["schedules"] if s["name"] == Plateau.name)["rates"])) > 1
