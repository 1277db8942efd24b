"""Make `pytorch_norms.json`: small networks with batch and layer normalization, by PyTorch.

    python -m pip install torch==2.13.0 numpy==2.4.6
    python tests/oracles/make_pytorch_norms.py

Nothing of mlpcli is imported: NumPy draws data and beginnings, PyTorch does everything else, in
float64, and `test_pytorch_norms.py` replays it. Stored are the loss of each of 20 steps, the
tensors after steps 1, 10 and 20, and what the network then predicts in evaluation.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np

SEED, N_ROWS, BATCH_SIZE, N_STEPS = 20183, 30, 8, 20
N_INPUTS, HIDDEN, N_OUTPUTS = 5, (7, 4), 3
KEPT = (1, 10, 20)

# No hyperparameter has its default, so that one which is ignored shows.
NORMS = {
    "batch": [{"epsilon": 1e-3, "momentum": 0.3}, {"epsilon": 0.1, "momentum": 0.05}],
    "layer": [{"epsilon": 1e-3}, {"epsilon": 0.1}],
}


def draw():
    """Return X, class numbers, and the initial tensors; rounded, so that they can be typed in."""
    rng = np.random.default_rng(SEED)
    X, y = rng.normal(size=(N_ROWS, N_INPUTS)).round(3), rng.integers(0, N_OUTPUTS, N_ROWS)
    initial = {}
    widths = (N_INPUTS, *HIDDEN, N_OUTPUTS)
    for name, fan_in, fan_out in zip(
        ("hidden.1", "hidden.2", "output"), widths[:-1], widths[1:], strict=True
    ):
        initial[f"{name}.weight"] = rng.normal(0.0, 1 / np.sqrt(fan_in), (fan_in, fan_out)).round(4)
        initial[f"{name}.bias"] = rng.normal(0.0, 0.3, fan_out).round(4)
        if name != "output":
            initial[f"{name}.norm.weight"] = rng.normal(1.0, 0.2, fan_out).round(4)
            initial[f"{name}.norm.bias"] = rng.normal(0.0, 0.2, fan_out).round(4)
    return X, y, initial


def network(kind, settings, initial):
    """Return the modules by name, and the network as one."""
    import torch

    modules = {}
    for name, size in zip(("hidden.1", "hidden.2"), HIDDEN, strict=True):
        fan_in = initial[f"{name}.weight"].shape[0]
        modules[name] = torch.nn.Linear(fan_in, size, dtype=torch.float64)
        eps = settings["epsilon"]
        modules[f"{name}.norm"] = (
            torch.nn.BatchNorm1d(size, eps, settings["momentum"], dtype=torch.float64)
            if kind == "batch"
            else torch.nn.LayerNorm(size, eps, dtype=torch.float64)
        )
        modules[f"{name}.activation"] = (
            torch.nn.Tanh() if name == "hidden.1" else torch.nn.Sigmoid()
        )
    modules["output"] = torch.nn.Linear(HIDDEN[-1], N_OUTPUTS, dtype=torch.float64)
    with torch.no_grad():
        for name, value in initial.items():
            owner, _, word = name.rpartition(".")
            value = torch.tensor(value)  # noqa: PLW2901
            linear = isinstance(modules[owner], torch.nn.Linear) and word == "weight"
            getattr(modules[owner], word).copy_(value.T if linear else value)
    return modules, torch.nn.Sequential(*modules.values())


def tensors(modules):
    """Return every tensor by our name, as lists."""
    import torch

    found = {}
    for name, module in modules.items():
        if isinstance(module, torch.nn.Linear):
            found[f"{name}.weight"] = module.weight.detach().numpy().T.tolist()
            found[f"{name}.bias"] = module.bias.detach().numpy().tolist()
        elif name.endswith("norm"):
            found[f"{name}.weight"] = module.weight.detach().numpy().tolist()
            found[f"{name}.bias"] = module.bias.detach().numpy().tolist()
            if isinstance(module, torch.nn.BatchNorm1d):
                found[f"{name}.mean"] = module.running_mean.numpy().tolist()
                found[f"{name}.variance"] = module.running_var.numpy().tolist()
    return found


def trajectory(kind, settings, X, y, initial):
    """Return one case: losses, tensors, and the predictions in evaluation."""
    import torch

    modules, whole = network(kind, settings, initial)
    sgd = torch.optim.SGD(whole.parameters(), lr=0.1, momentum=0.5)
    X, y = torch.tensor(X), torch.tensor(y)
    losses, after = [], {}
    starts = range(0, N_ROWS, BATCH_SIZE)
    for step in range(N_STEPS):
        start = starts[step % len(starts)]
        rows = slice(start, start + BATCH_SIZE)
        sgd.zero_grad()
        loss = torch.nn.functional.cross_entropy(whole(X[rows]), y[rows])
        loss.backward()
        sgd.step()
        losses.append(loss.item())
        if step + 1 in KEPT:
            after[step + 1] = tensors(modules)
    whole.eval()
    predicted = torch.softmax(whole(X), dim=1).detach().numpy().tolist()
    return {
        "norm": {"name": kind, **settings},
        "losses": losses,
        "tensors": after,
        "predicted": predicted,
    }


def main():
    """Write the file."""
    import torch

    X, y, initial = draw()
    cases = [
        trajectory(kind, settings, X, y, initial)
        for kind, grid in NORMS.items()
        for settings in grid
    ]
    document = {
        "made_with": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        "batch_size": BATCH_SIZE,
        "learning_rate": 0.1,
        "momentum": 0.5,
        "activations": ["tanh", "sigmoid"],
        "X": X.tolist(),
        "y": y.tolist(),
        "initial": {name: value.tolist() for name, value in initial.items()},
        "cases": cases,
    }
    Path(__file__).with_name("pytorch_norms.json").write_text(
        json.dumps(document) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
