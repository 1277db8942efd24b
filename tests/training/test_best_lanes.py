"""How many networks go in one stack: by hand, and beside what benchmarks/stacks.py measured."""

import json
from pathlib import Path

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer
from mlpcli.training.plan import best_lanes

STORED = Path(__file__).parents[2] / "benchmarks" / "stacks.json"


def network(name):
    widths = [int(width) for width in name.split("-")]
    hidden = tuple(Layer(units, ACTIVATIONS["relu"]()) for units in widths[1:-1])
    loss = LOSSES["mse" if widths[-1] == 1 else "cross_entropy"]()
    return Architecture(widths[0], hidden, widths[-1], loss)


@pytest.mark.parametrize(
    ("name", "batch", "dtype", "lanes"),
    [
        ("4-16-3", 16, np.float32, 64),
        ("4-16-3", 16, np.float64, 64),
        # 2 · 68,618 + 64 (256 + 3 · 266) = 204,692 numbers; 4,194,304 bytes hold 5.1 times as many
        ("256-256-10", 64, np.float32, 5),
        ("256-256-10", 64, np.float64, 2),
        # 2 · 2 + 1,000 (1 + 3) = 4,004 numbers, 16,016 bytes
        ("1-1", 1000, np.float32, 64),
        ("1-1", 10_000, np.float32, 26),
        ("784-512-256-10", 128, np.float32, 1),
        ("5000-5000-10", 1, np.float64, 1),
    ],
)
def test_as_many_as_four_megabytes_hold(name, batch, dtype, lanes):
    assert best_lanes(network(name), batch, dtype) == lanes


def test_on_what_was_measured_the_rule_is_near_the_best_and_never_loses():
    measured = json.loads(STORED.read_text("utf-8"))["networks"]
    assert len(measured) == 7
    for each in measured:
        chosen = best_lanes(network(each["network"]), each["batch"])
        shares = {int(n): found["share"] for n, found in each["lanes"].items()} | {1: 1.0}
        share = shares[max(n for n in shares if n <= chosen)]
        assert share <= min(shares.values()) + 0.1, each["network"]
        assert chosen == 1 or share < 0.95, each["network"]
