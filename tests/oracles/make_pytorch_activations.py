"""Make `pytorch_activations.json`: every activation and its derivative, by PyTorch.

    python -m pip install torch==2.13.0 numpy==2.4.6
    python tests/oracles/make_pytorch_activations.py

The stored file was made with Python 3.11, NumPy 2.4.6 and PyTorch 2.13.0 (CPU build); it names
them itself under `made_with`. Nothing of mlpcli is imported. Everything is in float64; derivatives
are autograd's, of Σ delta ∗ f(u).

Two functions are not called with PyTorch's defaults. `softplus` returns u itself above its
threshold of 20, which is wrong by 1e-10 there: 40 is given. `exponential` has no name in PyTorch
and is spelled out.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
from pathlib import Path

import numpy as np

# PyTorch is imported in the functions: pytest looks into every module of tests/ for doctests,
# and the tests must run where there is no PyTorch.

SEED = 20181
SIZES = (
    *(1e-300, 1e-16, 1e-8, 1e-4, 0.01, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0),
    *(2.5, 2.9, 3.0, 3.1, 4.0, 5.0, 6.5, 8.0, 10.0, 15.0, 19.0, 21.0, 25.0, 30.0, 36.0, 40.0),
    *(59.0, 61.0, 100.0, 1e4),
)
GRID = (*(-size for size in reversed(SIZES)), 0.0, *SIZES)
# Units of PReLU, with a slope each; below zero, and above one too.
SLOPES = (0.25, -0.5, 1.5, 0.0)


def functions():
    """Return (name in a spec, settings, PyTorch's function) of all that work element by element."""
    import torch
    from torch.nn import functional

    def exponential(u):
        top = torch.exp(torch.tensor(60.0, dtype=u.dtype))
        return torch.where(u > 60, top * (u - 59), torch.exp(torch.clamp(u, max=60.0)))

    return [
        ("identity", {}, lambda u: u * 1),
        ("sigmoid", {}, torch.sigmoid),
        ("tanh", {}, torch.tanh),
        ("softsign", {}, functional.softsign),
        ("hard_sigmoid", {}, functional.hardsigmoid),
        ("hard_tanh", {}, functional.hardtanh),
        ("relu", {}, functional.relu),
        ("leaky_relu", {}, functional.leaky_relu),
        ("leaky_relu", {"slope": 0.3}, lambda u: functional.leaky_relu(u, 0.3)),
        ("elu", {}, functional.elu),
        ("elu", {"alpha": 0.3}, lambda u: functional.elu(u, 0.3)),
        ("elu", {"alpha": 2.5}, lambda u: functional.elu(u, 2.5)),
        ("selu", {}, functional.selu),
        ("softplus", {}, lambda u: functional.softplus(u, threshold=40)),
        ("gelu", {}, functional.gelu),
        ("silu", {}, functional.silu),
        ("mish", {}, functional.mish),
        ("exponential", {}, exponential),
    ]


def worked(function, u, delta):
    """Return f(u) and the gradient of Σ delta ∗ f(u) as lists."""
    import torch

    u = torch.tensor(u, dtype=torch.float64, requires_grad=True)
    h = function(u)
    (h * torch.tensor(delta, dtype=torch.float64)).sum().backward()
    return h.detach().numpy().tolist(), u.grad.numpy().tolist()


def softmax_case(rng):
    """Return rows of logits, small and large, with what softmax makes of them."""
    import torch

    u = (rng.normal(size=(6, 4)) * [[0.1], [1], [3], [10], [30], [1000]]).round(3)
    delta = rng.normal(size=u.shape).round(3)
    h, below = worked(lambda u: torch.softmax(u, dim=-1), u.tolist(), delta.tolist())
    return {"u": u.tolist(), "delta": delta.tolist(), "h": h, "below": below}


def prelu_case(rng):
    """Return a batch (rows, units) and what PReLU makes of it, its slopes' gradients too."""
    import torch

    u = (rng.normal(size=(9, len(SLOPES))) * 3).round(3)
    u[0], u[1], u[2] = 0.0, -1e4, 1e4
    delta = rng.normal(size=u.shape).round(3)
    slopes = torch.tensor(SLOPES, dtype=torch.float64, requires_grad=True)
    h, below = worked(lambda u: torch.nn.functional.prelu(u, slopes), u.tolist(), delta.tolist())
    return {
        "u": u.tolist(),
        "delta": delta.tolist(),
        "slope": list(SLOPES),
        "h": h,
        "below": below,
        "d_slope": slopes.grad.numpy().tolist(),
    }


def make():
    """Return everything that is stored."""
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    cases = []
    for name, settings, function in functions():
        h, derivative = worked(function, list(GRID), [1.0] * len(GRID))
        cases.append({"name": name, "settings": settings, "h": h, "derivative": derivative})
    return {
        "made_with": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        "u": list(GRID),
        "cases": cases,
        "softmax": softmax_case(rng),
        "prelu": prelu_case(rng),
    }


def main():
    """Write the file."""
    parser = argparse.ArgumentParser(description="Make what PyTorch gives for every activation.")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).with_name("pytorch_activations.json"),
        help="the file to write (default: pytorch_activations.json beside this script)",
    )
    output = parser.parse_args().output
    text = json.dumps(make(), indent=0)
    # One row of numbers a line: a change is seen in a diff.
    text = re.sub(r"\[([^][{}]*)\]", lambda row: f"[{' '.join(row[1].split())}]", text)
    output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
