"""Every optimizer, schedule, clipping and average, beside PyTorch's, alone and as one stack.

`pytorch_optimizers.json` holds what PyTorch computed (README.md says how): 20 steps of softmax
regression. Both run in float64 and differ only in the order in which numbers are rounded.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from mlpcli.nn.averaging import WeightAverage
from mlpcli.nn.passes import Pass

from mlpcli.family import stacked
from mlpcli.nn.clipping import ClipByNorm, ClipByValue
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Network
from mlpcli.nn.optimizers import OPTIMIZERS, State
from mlpcli.nn.penalties import L2, DecoupledDecay
from mlpcli.nn.schedules import SCHEDULES, Plateau

STORED = json.loads(Path(__file__).with_name("pytorch_optimizers.json").read_text(encoding="utf-8"))
CASES, BATCH_SIZE = STORED["cases"], STORED["batch_size"]
X, TARGET = np.array(STORED["X"]), np.array(STORED["target"])
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
    """The stored steps again: one case, or several of one optimizer as lanes."""

    def __init__(self, *cases, lanes=False):
        members = [member_of(case) for case in cases]
        optimizer, lead = (stacked(members), (len(cases),)) if lanes else (members[0], ())

        def numbers(values):
            return np.array(values) if lanes else values[0]

        theta = np.concatenate([np.ravel(STORED["W"]), STORED["b"]])
        network = Network(ARCHITECTURE, np.tile(theta, (*lead, 1)) if lanes else theta)
        self.theta, self.batch = network.theta, Pass(network, BATCH_SIZE, training=False)
        self.grad, self.lead = self.batch.grad, lead
        rates = numbers([member.learning_rate for member in members])
        rate = np.reshape(rates, (*lead, 1) if lanes else ())
        self.state = State(optimizer, self.theta)
        self.update = optimizer.bind(self.theta, self.grad, rate, self.state)

        alpha = numbers([case["settings"].get("l2", 0.0) for case in cases])
        decay = DecoupledDecay(alpha, network, rate).apply
        penalty = L2(alpha, network)
        own = optimizer.decoupled_decay
        self.before = [decay] if own else [lambda: penalty.add_gradient(self.grad)]
        for kind, clip in (("norm", ClipByNorm), ("value", ClipByValue)):
            given = [case["settings"].get("clip", [None, 0]) for case in cases]
            limits = [limit if kind == of else np.inf for of, limit in given]
            if np.any(np.isfinite(limits)):
                # A lane that is not clipped has a limit that it never reaches.
                finite = [limit if np.isfinite(limit) else 1e300 for limit in limits]
                self.before.append(clip(numbers(finite), self.grad).apply)
        self.average = WeightAverage(
            numbers([case["settings"].get("average", 0.0) for case in cases]), self.theta
        )

    def steps(self):
        """Take the steps; yield the number and J of each."""
        for step in range(1, len(CASES[0]["losses"]) + 1):
            start = (step - 1) * BATCH_SIZE % len(X)
            batch = slice(start, start + BATCH_SIZE)
            x, y = (
                np.array(np.broadcast_to(part[batch], (*self.lead, *part[batch].shape)), order="C")
                for part in (X, TARGET)
            )
            value = self.batch.value_and_gradient(x, y)
            for part in self.before:
                part()
            self.update()
            self.average.update()
            yield step, value


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
        assert_follows(case, step, value, replay.theta, replay.average.average)


@each_case
def test_the_published_formula_steps_as_pytorch_does(case):
    """Each step of the replay is also taken by `published`, from the same θ and gradient."""
    replay, member, memory = Replay(case), member_of(case), {}

    def update(bound=replay.update):
        theta = replay.theta.copy()  # after decoupled decay
        expected = member.published(theta, replay.grad.copy(), member.learning_rate, memory)
        bound()
        np.testing.assert_allclose(replay.theta, expected, rtol=0, atol=TOLERANCE)
        replay.theta[...] = expected

    replay.update = update
    for step, value in replay.steps():
        assert_follows(case, step, value, replay.theta, replay.average.average)


@pytest.mark.parametrize("name", of_one_optimizer)
def test_all_settings_of_an_optimizer_as_one_stack(name):
    """Each lane has hyperparameters, decay, clipping and average of its own, and its own bits."""
    cases = of_one_optimizer[name]
    stack, alone = Replay(*cases, lanes=True), [Replay(case) for case in cases]
    for (step, values), *each in zip(stack.steps(), *(a.steps() for a in alone), strict=True):
        for r, (case, (_, value)) in enumerate(zip(cases, each, strict=True)):
            assert_follows(case, step, values[r], stack.theta[r], stack.average.average[r])
            assert value == values[r]
            np.testing.assert_array_equal(alone[r].theta, stack.theta[r])
            np.testing.assert_array_equal(alone[r].average.average, stack.average.average[r])


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
