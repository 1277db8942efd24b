"""Make `pytorch_optimizers.json`: trajectories of a small model under every optimizer of ours.

    python -m pip install torch==2.13.0 numpy==2.4.6
    python tests/oracles/make_pytorch_optimizers.py

The stored file was made with Python 3.11, NumPy 2.4.6 and PyTorch 2.13.0 (CPU build); it names
them itself under `made_with`. Nothing of mlpcli is imported. In float64, PyTorch computes

- 20 steps of softmax regression, for each optimizer with several settings: J of each batch before
  its step, and θ after steps 1, 10 and 20. Some decay the weights, clip the gradient, or average θ;
- the learning rate of every step under each schedule, warm-up included;
- a gradient clipped by its norm with PyTorch's own function, which adds 1e-6 to the norm.

Lion is not in torch.optim: `lion` is the paper's algorithm 2 on PyTorch's tensors.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import numpy as np

# PyTorch is imported in the functions: pytest looks into every module of tests/ for doctests,
# and the tests must run where there is no PyTorch.

SEED = 20181
N_ROWS, BATCH_SIZE, N_STEPS = 18, 6, 20
N_INPUTS, N_CLASSES = 4, 3
STORED_STEPS = (1, 10, 20)

# No hyperparameter has its default, so that one which is ignored shows; ε is large enough for its
# place, inside or outside the root, to matter. `l2` is α on the weights: a term of the gradient,
# but for adamw and lion, where it is a decay. `clip` and `average` stand outside the optimizer.
SETTINGS = {
    "sgd": [
        {"learning_rate": 0.3},
        {"learning_rate": 0.2, "momentum": 0.6},
        {"learning_rate": 0.05, "momentum": 0.95, "l2": 0.03},
        {"learning_rate": 0.4, "l2": 0.1, "clip": ["norm", 0.2]},
        {"learning_rate": 0.25, "momentum": 0.5, "clip": ["value", 0.05], "average": 0.8},
    ],
    "nesterov": [
        {"learning_rate": 0.15, "momentum": 0.9},
        {"learning_rate": 0.3, "momentum": 0.4, "l2": 0.05},
        {"learning_rate": 0.2, "momentum": 0.7, "average": 0.95},
    ],
    "adagrad": [
        {"learning_rate": 0.2, "epsilon": 1e-3},
        {"learning_rate": 0.5, "epsilon": 0.1},
        {"learning_rate": 0.1, "epsilon": 1e-6, "l2": 0.04},
    ],
    "rmsprop": [
        {"learning_rate": 0.05, "rho": 0.9, "epsilon": 1e-3},
        {"learning_rate": 0.02, "rho": 0.7, "epsilon": 0.05, "momentum": 0.8},
        {"learning_rate": 0.03, "rho": 0.95, "epsilon": 1e-2, "momentum": 0.3, "l2": 0.06},
    ],
    "rmsprop_centered": [
        {"learning_rate": 0.04, "rho": 0.8, "epsilon": 1e-2},
        {"learning_rate": 0.02, "rho": 0.6, "epsilon": 0.02, "momentum": 0.7},
        {"learning_rate": 0.03, "rho": 0.93, "epsilon": 3e-3, "l2": 0.05},
    ],
    "adadelta": [
        {"learning_rate": 0.8, "rho": 0.8, "epsilon": 1e-3},
        {"learning_rate": 2.0, "rho": 0.95, "epsilon": 1e-4},
        {"learning_rate": 1.5, "rho": 0.6, "epsilon": 1e-2, "l2": 0.02},
    ],
    "adam": [
        {"learning_rate": 0.05, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
        {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.9, "epsilon": 0.1, "l2": 0.1},
        {
            "learning_rate": 0.03, "beta1": 0.95, "beta2": 0.99, "epsilon": 1e-6,
            "clip": ["norm", 0.3], "average": 0.6,
        },
    ],
    "amsgrad": [
        {"learning_rate": 0.05, "beta1": 0.8, "beta2": 0.6, "epsilon": 1e-3},
        {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.7, "epsilon": 0.05},
        {"learning_rate": 0.03, "beta1": 0.95, "beta2": 0.5, "epsilon": 1e-5, "l2": 0.05},
    ],
    "adamw": [
        {"learning_rate": 0.05, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "l2": 0.1},
        {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.9, "epsilon": 0.1, "l2": 0.5},
        {"learning_rate": 0.03, "beta1": 0.95, "beta2": 0.99, "epsilon": 1e-6, "l2": 1.5},
    ],
    "nadam": [
        {
            "learning_rate": 0.05, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3,
            "momentum_decay": 0.05,
        },
        {
            "learning_rate": 0.1, "beta1": 0.5, "beta2": 0.9, "epsilon": 0.1,
            "momentum_decay": 1.0, "l2": 0.05,
        },
        {
            "learning_rate": 0.03, "beta1": 0.95, "beta2": 0.99, "epsilon": 1e-6,
            "momentum_decay": 0.2,
        },
    ],
    "lion": [
        {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.95, "l2": 0.3},
        {"learning_rate": 0.05, "beta1": 0.5, "beta2": 0.7, "l2": 1.0},
        {"learning_rate": 0.01, "beta1": 0.95, "beta2": 0.9, "l2": 2.0},
    ],
}  # fmt: skip

# Of trainings of EPOCHS epochs of STEPS steps. `warmup` is in epochs.
EPOCHS, STEPS = 9, 4
SCHEDULES = [
    {"name": "constant", "warmup": 1.5},
    {"name": "step", "every": 2, "gamma": 0.3},
    {"name": "step", "every": 3, "gamma": 0.5, "warmup": 2},
    {"name": "exponential", "gamma": 0.8},
    {"name": "exponential", "gamma": 0.6, "warmup": 1},
    {"name": "cosine", "floor": 0.1},
    {"name": "cosine", "floor": 0.05, "warmup": 1.25},
    {"name": "cosine", "period": 2, "floor": 0.2},
    {"name": "cosine", "period": 1.5, "growth": 2, "floor": 0.01},
    {"name": "cosine", "period": 1, "growth": 3, "warmup": 0.5},
    {"name": "one_cycle", "rise": 0.25, "div": 10.0, "final_div": 100.0},
    {"name": "one_cycle", "rise": 0.4, "div": 5.0, "final_div": 1000.0, "warmup": 1.75},
    {"name": "plateau", "factor": 0.5, "patience": 1, "threshold": 0.05},
    {"name": "plateau", "factor": 0.3, "patience": 0, "threshold": 0.2, "cooldown": 1},
    {"name": "plateau", "factor": 0.2, "patience": 0, "threshold": 0.01, "floor": 0.1},
]
FIGURES = [3.0, 2.9, 2.87, 2.88, 2.6, 2.61, 2.58, 2.7, 2.7]  # of each epoch, for a plateau


def draw():
    """Return X, the classes, and the initial W and b; rounded, so that they can be typed in."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(N_ROWS, N_INPUTS)).round(3)
    target = rng.integers(0, N_CLASSES, N_ROWS)
    W = rng.normal(0.0, 0.5, (N_INPUTS, N_CLASSES)).round(4)
    b = rng.normal(0.0, 0.3, N_CLASSES).round(4)
    return X, target, W, b


def optimizer_of(name, settings, W, b):
    """Return PyTorch's optimizer; it decays the weights and not the biases."""
    from torch import optim

    groups = [
        {"params": [W], "weight_decay": settings.get("l2", 0.0)},
        {"params": [b], "weight_decay": 0.0},
    ]
    theirs = {"learning_rate": "lr", "epsilon": "eps", "rho": "rho", "momentum": "momentum"}
    theirs["momentum_decay"] = "momentum_decay"
    given = {theirs[key]: value for key, value in settings.items() if key in theirs}
    if "beta1" in settings:
        given["betas"] = (settings["beta1"], settings["beta2"])
    if name == "lion":
        return lion(groups, given["lr"], given["betas"])
    if name.startswith("rmsprop"):
        given["alpha"] = given.pop("rho")
    classes = {
        "sgd": optim.SGD,
        "nesterov": optim.SGD,
        "adagrad": optim.Adagrad,
        "rmsprop": optim.RMSprop,
        "rmsprop_centered": optim.RMSprop,
        "adadelta": optim.Adadelta,
        "adam": optim.Adam,
        "amsgrad": optim.Adam,
        "adamw": optim.AdamW,
        "nadam": optim.NAdam,
    }
    switches = {"nesterov": "nesterov", "rmsprop_centered": "centered", "amsgrad": "amsgrad"}
    if name in switches:
        given[switches[name]] = True
    return classes[name](groups, **given)


def lion(groups, eta, betas):
    """Chen et al., 2023, algorithm 2, its names: η the rate, λ the decay."""
    from types import SimpleNamespace

    import torch

    means = {parameter: torch.zeros_like(parameter) for g in groups for parameter in g["params"]}

    @torch.no_grad()
    def step():
        for group in groups:
            for theta in group["params"]:
                m, g = means[theta], theta.grad
                c = betas[0] * m + (1 - betas[0]) * g
                theta.sub_(eta * (torch.sign(c) + group["weight_decay"] * theta))
                m.copy_(betas[1] * m + (1 - betas[1]) * g)

    return SimpleNamespace(step=step)


def clip(kind, limit, parameters):
    """Clip by the norm, without the 1e-6 that clip_grad_norm_ adds to it, or by value."""
    import torch

    if kind == "value":
        torch.nn.utils.clip_grad_value_(parameters, limit)
        return
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
    for parameter in parameters:
        parameter.grad.mul_(min(1.0, limit / norm.item()))


def trajectory(name, settings):
    """Return J of each batch before its step, θ after some steps, and the averages of θ there.

    The average is PyTorch's, of a θ that begins at zero, divided by 1 − dᵗ.
    """
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    X, target, W, b = draw()
    model = torch.nn.ParameterDict({"W": torch.from_numpy(W), "b": torch.from_numpy(b)})
    W, b = model["W"], model["b"]
    descent = optimizer_of(name, settings, W, b)
    decay = settings.get("average")
    if decay is not None:
        zeros = {key: torch.zeros_like(value) for key, value in model.items()}
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
        average.update_parameters(torch.nn.ParameterDict(zeros))  # the first is copied
    rows, wanted = torch.from_numpy(X), torch.from_numpy(target)
    losses, thetas, averages = [], [], []
    for step in range(1, N_STEPS + 1):
        start = (step - 1) * BATCH_SIZE % N_ROWS
        batch = slice(start, start + BATCH_SIZE)
        W.grad = b.grad = None
        value = torch.nn.functional.cross_entropy(rows[batch] @ W + b, wanted[batch])
        value.backward()
        if "clip" in settings:
            clip_with_penalty(settings, descent, W, b)
        descent.step()
        losses.append(value.item())
        if decay is not None:
            average.update_parameters(model)
        if step in STORED_STEPS:
            thetas.append(flat(W, b))
            if decay is not None:
                mean = np.array(flat(*average.module.values()))
                averages.append((mean / (1 - decay**step)).tolist())
    return losses, thetas, averages


def clip_with_penalty(settings, descent, W, b):
    """Clip ∂J/∂θ + αW: the penalty's gradient is part of what is clipped.

    PyTorch would add it later, in the step; so here it is added by hand, and not there.
    """
    for group in descent.param_groups:
        group["weight_decay"] = 0.0
    W.grad.add_(W.detach(), alpha=settings.get("l2", 0.0))
    clip(*settings["clip"], [W, b])


def flat(W, b):
    """Return all weights, then all biases."""
    return [*W.detach().flatten().tolist(), *b.detach().tolist()]


def rates(schedule):
    """Return the learning rate of every step, for λ = 1."""
    import torch
    from torch.optim import lr_scheduler as of

    descent = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    name, n_warm = schedule["name"], round(schedule.get("warmup", 0) * STEPS)
    n_steps = EPOCHS * STEPS - n_warm
    if name == "plateau":
        return plateau_rates(schedule, descent, of)
    floor = schedule.get("floor", 0.0)
    if name == "constant":
        own = of.ConstantLR(descent, factor=1.0)
    elif name == "step":
        own = of.StepLR(descent, schedule["every"] * STEPS, gamma=schedule["gamma"])
    elif name == "exponential":  # γ once an epoch
        own = of.StepLR(descent, STEPS, gamma=schedule["gamma"])
    elif name == "cosine" and "period" not in schedule:
        own = of.CosineAnnealingLR(descent, n_steps, eta_min=floor)
    elif name == "cosine":
        own = of.CosineAnnealingWarmRestarts(
            descent,
            round(schedule["period"] * STEPS),
            T_mult=schedule.get("growth", 1),
            eta_min=floor,
        )
    else:
        own = of.OneCycleLR(
            descent,
            max_lr=1.0,
            total_steps=n_steps,
            pct_start=schedule["rise"],
            div_factor=schedule["div"],
            final_div_factor=schedule["final_div"],
            cycle_momentum=False,
        )
    found = [descent.param_groups[0]["lr"]]
    for _ in range(n_steps - 1):
        descent.step()
        own.step()
        found.append(descent.param_groups[0]["lr"])
    return warm_up(n_warm, of) + found


def warm_up(n_warm, of):
    """Return LinearLR's rates from 1/n to 1; none for n = 0."""
    import torch

    if not n_warm:
        return []
    descent = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    linear = of.LinearLR(descent, start_factor=1 / n_warm, total_iters=max(1, n_warm - 1))
    found = []
    for _ in range(n_warm):
        found.append(descent.param_groups[0]["lr"])
        descent.step()
        linear.step()
    return found


def plateau_rates(schedule, descent, of):
    """Return ReduceLROnPlateau's rates, which sees one figure an epoch."""
    own = of.ReduceLROnPlateau(
        descent,
        mode="min",
        factor=schedule["factor"],
        patience=schedule["patience"],
        threshold=schedule["threshold"],
        threshold_mode="abs",
        cooldown=schedule.get("cooldown", 0),
        min_lr=schedule.get("floor", 0.0),
    )
    found = []
    for figure in FIGURES:
        found += [descent.param_groups[0]["lr"]] * STEPS
        own.step(figure)
    return found


def clipped_by_pytorch():
    """Return a gradient, a limit, and what clip_grad_norm_ makes of it."""
    import torch

    gradient = np.random.default_rng(SEED + 1).normal(size=7).round(3)
    parameter = torch.zeros(7, dtype=torch.float64, requires_grad=True)
    parameter.grad = torch.from_numpy(gradient.copy())
    torch.nn.utils.clip_grad_norm_([parameter], 0.5)
    return {"gradient": gradient.tolist(), "limit": 0.5, "clipped": parameter.grad.tolist()}


def make():
    """Return everything that is stored."""
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)  # NAdam keeps its product of μ in this type
    X, target, W, b = draw()
    cases = []
    for name, grid in SETTINGS.items():
        for settings in grid:
            losses, thetas, averages = trajectory(name, settings)
            case = {"name": name, "settings": settings, "losses": losses, "thetas": thetas}
            cases.append(case | ({"averages": averages} if averages else {}))
    return {
        "made_with": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        "batch_size": BATCH_SIZE,
        "stored_steps": STORED_STEPS,
        "X": X.tolist(),
        "target": target.tolist(),
        "W": W.tolist(),
        "b": b.tolist(),
        "cases": cases,
        "clip": clipped_by_pytorch(),
        "epochs": EPOCHS,
        "steps_per_epoch": STEPS,
        "figures": FIGURES,
        "schedules": [schedule | {"rates": rates(schedule)} for schedule in SCHEDULES],
    }


def main():
    """Write the file."""
    parser = argparse.ArgumentParser(description="Make the trajectories that PyTorch computes.")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).with_name("pytorch_optimizers.json"),
        help="the file to write (default: pytorch_optimizers.json beside this script)",
    )
    stored = make()
    # One case a line: a change is seen in a diff.
    lines = []
    for key, value in stored.items():
        if key in ("cases", "schedules"):
            rows = ",\n".join(json.dumps(entry) for entry in value)
            lines.append(f'"{key}": [\n{rows}\n]')
        else:
            lines.append(f'"{key}": {json.dumps(value)}')
    parser.parse_args().output.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
