"""Make `pytorch.json`: trajectories of small networks, trained by PyTorch.

    python -m pip install torch==2.13.0 numpy==2.4.6
    python tests/oracles/make_pytorch.py

The stored file was made with Python 3.11, NumPy 2.4.6 and PyTorch 2.13.0 (CPU build); it names
them itself under `made_with`. Nothing of mlpcli is imported: NumPy draws the data and the
initial weights, PyTorch does everything else, in float64, and `test_pytorch.py` replays it.

What PyTorch computes is J as the lecture writes it, so its losses are spelled out where their
defaults differ (means over the outputs). α acts on weight matrices alone, as `weight_decay` of a
parameter group that leaves the biases out; `Adam` takes it as a term of the gradient.
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

SEED = 20180
N_ROWS, BATCH_SIZE, N_STEPS = 30, 8, 10  # batches of 8, 8, 8 and 6 rows, over and over
N_INPUTS, HIDDEN = 5, (7, 4)
N_OUTPUTS = {"mse": 2, "binary_cross_entropy": 3, "cross_entropy": 4}

# No hyperparameter has its default, so that one which is ignored shows. ε is large enough for
# its place, outside the root, to matter.
OPTIMIZERS = {
    "sgd": ({"name": "sgd", "learning_rate": 0.3, "momentum": 0.0}, 0.05),
    "momentum": ({"name": "sgd", "learning_rate": 0.08, "momentum": 0.9}, 0.02),
    "adam": (
        {"name": "adam", "learning_rate": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4},
        0.1,
    ),
}

# A Latin square: every loss and every optimizer meets every pair, every function every layer.
PAIRS = (("tanh", "relu"), ("relu", "sigmoid"), ("sigmoid", "tanh"))


def draw():
    """Return X, the targets of each loss, and the initial tensors of each loss.

    Rounded, so that the numbers in the file are the numbers and can be typed in elsewhere.
    Biases are drawn too: at zero, a decay of the biases would not show in the first step.
    """
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(N_ROWS, N_INPUTS)).round(3)
    targets = {
        "mse": rng.normal(size=(N_ROWS, 2)).round(3),
        "binary_cross_entropy": rng.integers(0, 2, (N_ROWS, 3)),
        "cross_entropy": rng.integers(0, 4, N_ROWS),
    }
    initial = {}
    for loss, n_outputs in N_OUTPUTS.items():
        widths = (N_INPUTS, *HIDDEN, n_outputs)
        initial[loss] = {}
        for name, fan_in, fan_out in zip(
            ("hidden.1", "hidden.2", "output"), widths[:-1], widths[1:], strict=True
        ):
            weight = rng.normal(0.0, 1 / np.sqrt(fan_in), (fan_in, fan_out)).round(4)
            initial[loss][f"{name}.weight"] = weight
            initial[loss][f"{name}.bias"] = rng.normal(0.0, 0.3, fan_out).round(4)
    return X, targets, initial


def trajectory(loss, activations, optimizer, l2, *, X, target, initial):
    """Return J of each batch before its step, and the tensors after each step."""
    import torch

    functions = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid}
    linear = {
        name: torch.nn.Linear(*initial[f"{name}.weight"].shape, dtype=torch.float64)
        for name in ("hidden.1", "hidden.2", "output")
    }
    first, second = (functions[name]() for name in activations)
    network = torch.nn.Sequential(
        linear["hidden.1"], first, linear["hidden.2"], second, linear["output"]
    )
    with torch.no_grad():
        for name, layer in linear.items():
            layer.weight.copy_(torch.from_numpy(initial[f"{name}.weight"].T))  # (out, in)
            layer.bias.copy_(torch.from_numpy(initial[f"{name}.bias"]))

    descent = bind(optimizer, linear.values(), l2)
    rows = torch.from_numpy(X)
    wanted = torch.from_numpy(target)
    losses, steps = [], []
    for step in range(N_STEPS):
        start = step * BATCH_SIZE % (-(-N_ROWS // BATCH_SIZE) * BATCH_SIZE)
        batch = slice(start, min(start + BATCH_SIZE, N_ROWS))
        descent.zero_grad()
        value = objective(loss, network(rows[batch]), wanted[batch])
        value.backward()
        descent.step()
        losses.append(value.item())
        steps.append(tensors(linear))
    return losses, steps


def bind(optimizer, layers, l2):
    """Return PyTorch's optimizer, which decays the weights and not the biases."""
    import torch

    groups = [
        {"params": [layer.weight for layer in layers], "weight_decay": l2},
        {"params": [layer.bias for layer in layers], "weight_decay": 0.0},
    ]
    if optimizer["name"] == "sgd":
        return torch.optim.SGD(
            groups, lr=optimizer["learning_rate"], momentum=optimizer["momentum"]
        )
    return torch.optim.Adam(
        groups,
        lr=optimizer["learning_rate"],
        betas=(optimizer["beta1"], optimizer["beta2"]),
        eps=optimizer["epsilon"],
    )


def objective(loss, output, target):
    """Return J: sums over the outputs, means over the rows."""
    import torch

    if loss == "mse":
        return ((output - target) ** 2).sum() / (2 * len(target))
    if loss == "binary_cross_entropy":
        each = torch.nn.BCEWithLogitsLoss(reduction="none")(output, target.double())
        return each.sum(dim=1).mean()
    return torch.nn.CrossEntropyLoss()(output, target)


def tensors(linear):
    """Return weights (fan_in, fan_out) and biases (fan_out,) as lists of numbers, by name."""
    found = {}
    for name, layer in linear.items():
        found[f"{name}.weight"] = layer.weight.detach().numpy().T.tolist()
        found[f"{name}.bias"] = layer.bias.detach().numpy().tolist()
    return found


def make():
    """Return everything that is stored."""
    import torch

    torch.set_num_threads(1)
    X, targets, initial = draw()
    cases = []
    for i, loss in enumerate(N_OUTPUTS):
        for j, (name, (optimizer, l2)) in enumerate(OPTIMIZERS.items()):
            activations = PAIRS[(i + j) % len(PAIRS)]
            losses, steps = trajectory(
                loss,
                activations,
                optimizer,
                l2,
                X=X,
                target=targets[loss],
                initial=initial[loss],
            )
            cases.append(
                {
                    "name": f"{loss}-{name}-{'-'.join(activations)}",
                    "loss": loss,
                    "activations": activations,
                    "optimizer": optimizer,
                    "l2": l2,
                    "losses": losses,
                    "steps": steps,
                }
            )
    return {
        "made_with": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        "batch_size": BATCH_SIZE,
        "X": X.tolist(),
        "targets": {loss: target.tolist() for loss, target in targets.items()},
        "initial": {
            loss: {name: tensor.tolist() for name, tensor in of_loss.items()}
            for loss, of_loss in initial.items()
        },
        "cases": cases,
    }


def main():
    """Write the file."""
    parser = argparse.ArgumentParser(description="Make the trajectories that PyTorch computes.")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).with_name("pytorch.json"),
        help="the file to write (default: pytorch.json beside this script)",
    )
    output = parser.parse_args().output
    text = json.dumps(make(), indent=0)
    # One row of numbers a line: a change is seen in a diff.
    text = re.sub(r"\[([^][{}]*)\]", lambda row: f"[{' '.join(row[1].split())}]", text)
    output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
