"""Every activation and its derivative as PyTorch computes them, and PReLU's slopes' gradients.

`pytorch_activations.json` holds PyTorch's numbers in float64 (README.md says how they were made).
They must agree to a relative 1e-12 from ±1e-300 to ±1e4; ABSOLUTE says where one of the two has
fewer digits, and why.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS

STORED = json.loads(
    Path(__file__).with_name("pytorch_activations.json").read_text(encoding="utf-8")
)
U = np.array(STORED["u"])
TOLERANCE = 1e-12
EPS = np.finfo(float).eps

HELD = 1e-303  # ours of sigmoid and silu stay that far from 0 below u = −708

# Absolute errors that are allowed besides.
ABSOLUTE = {
    # h (1 − h) and 1 − h², in PyTorch too: what is left where h rounds to 1 is its last digit.
    ("sigmoid", "derivative"): EPS,
    ("tanh", "derivative"): 2 * EPS,
    # Ours is h + α, PyTorch's is α exp(u).
    ("elu", "derivative"): 2 * EPS,
    ("selu", "derivative"): 2 * EPS,
    # PyTorch's is u (1 + erf(u/√2)) / 2, with no digits left at u = −8: there ours is held to
    # SciPy's in tests/contracts/test_activations.py.
    ("gelu", "h"): 8 * EPS,
    ("gelu", "derivative"): EPS,
    # PyTorch's 1/6 is that of float32, in float64 too; ours is held to 1/6 in tests/contracts.
    ("hard_sigmoid", "derivative"): 5e-9,
}

each_case = pytest.mark.parametrize(
    "case", STORED["cases"], ids=[f"{c['name']}-{c['settings']}" for c in STORED["cases"]]
)


def close(found, expected, name, what):
    absolute = ABSOLUTE.get((name, what), HELD)
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=absolute)


def run(activation, u, delta, params=None):
    """Return h, f'(u) ∗ delta, and the gradients of its own parameters."""
    params = params or {}
    grads = {name: np.full_like(tensor, np.nan) for name, tensor in params.items()}
    scratch = activation.scratch(u, params, grads)
    u, h, delta = u.copy(), np.empty_like(u), delta.copy()
    with np.errstate(all="raise", under="ignore"):
        activation.value(u, h, scratch)
        activation.times_derivative(u, h, delta, scratch)
    return h, delta, grads


@each_case
def test_value_and_derivative_are_those_of_pytorch(case):
    name, u = case["name"], U[:, np.newaxis]
    h, derivative, _ = run(ACTIVATIONS[name](**case["settings"]), u, np.ones_like(u))
    close(h[:, 0], case["h"], name, "h")
    close(derivative[:, 0], case["derivative"], name, "derivative")


def test_softmax_is_that_of_pytorch():
    u, delta, h, below = (np.array(STORED["softmax"][k]) for k in ("u", "delta", "h", "below"))
    found_h, found, _ = run(ACTIVATIONS["softmax"](), u, delta)
    close(found_h, h, "softmax", "h")
    # A row's h (delta − Σ h delta): a difference, with the rounding of its terms.
    np.testing.assert_allclose(found, below, rtol=TOLERANCE, atol=EPS)


def test_prelu_and_the_gradients_of_its_slopes_are_those_of_pytorch():
    u, delta, slope, h, below, d_slope = (
        np.array(STORED["prelu"][k]) for k in ("u", "delta", "slope", "h", "below", "d_slope")
    )
    found_h, found, grads = run(ACTIVATIONS["prelu"](), u, delta, {"slope": slope})
    close(found_h, h, "prelu", "h")
    close(found, below, "prelu", "below")
    close(grads["slope"], d_slope, "prelu", "d_slope")


def test_the_file_has_every_activation_and_the_places_that_matter():
    names = {case["name"] for case in STORED["cases"]} | {"softmax", "prelu"}
    assert names == set(ACTIVATIONS)
    kinks = {kink for member in ACTIVATIONS.values() for kink in member.kinks} - {60.0}
    assert kinks | {-1e4, -40.0, -8.0, -1e-8, 1e-8, 8.0, 40.0, 59.0, 61.0, 1e4} <= set(U)
    assert np.isfinite([case["h"] + case["derivative"] for case in STORED["cases"]]).all()
    assert len(U) > 60
