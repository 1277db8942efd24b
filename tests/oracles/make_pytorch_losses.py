"""Make `pytorch_losses.json`: values, gradients and short trainings of every loss, by PyTorch.

    python -m pip install torch==2.13.0 numpy==2.4.6
    python tests/oracles/make_pytorch_losses.py

The stored file names the versions it was made with. Nothing of mlpcli is imported: NumPy draws the
numbers, PyTorch does everything else, in float64, its autograd the derivatives.

J sums over the outputs and averages over the rows, so PyTorch's losses are taken for each entry
(`reduction="none"`) and summed here. Those it does not have are spelled out from their papers:
log cosh, the pinball loss, the gamma deviance, Lin et al.'s focal loss (as torchvision writes it,
where nothing is rounded to 0 or 1) and Crammer and Singer's hinge.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import re
from pathlib import Path

import numpy as np

# PyTorch is imported in the functions: pytest looks into every module of tests/ for doctests,
# and the tests must run where there is no PyTorch.

SEED = 1847
N_ROWS, N_OUTPUTS = 10, 6  # as many outputs as two, and three, for each target
N_INPUTS, HIDDEN, BATCH_SIZE, N_STEPS, RATE = 3, 5, 8, 20, 0.05
KEPT = (1, 10, 20)
FAR = 60.0  # beyond it the exponential of poisson and gamma goes on as a straight line

REGRESSION = [
    ("mse", {}),
    ("mae", {}),
    ("huber", {"delta": 0.4}),
    ("huber", {"delta": 2.0}),
    ("log_cosh", {}),
    ("quantile", {"levels": [0.3]}),
    ("quantile", {"levels": [0.05, 0.9]}),
    ("quantile", {"levels": [0.1, 0.5, 0.75]}),
    ("gaussian_nll", {"floor": 1e-6}),
    ("gaussian_nll", {"floor": 0.2}),
    ("poisson", {}),
    ("gamma", {}),
]
FOCAL = [
    ("focal", {"gamma": g, "alpha": a, "label_smoothing": e})
    for g, a, e in itertools.product((0.0, 0.5, 2.0, 3.5), (None, 0.3), (0.0, 0.1))
]
BINARY = [("binary_cross_entropy", {"label_smoothing": e}) for e in (0.0, 0.1, 0.4)]
CLASSES = [("cross_entropy", {"label_smoothing": e}) for e in (0.0, 0.1, 0.4)]


def cases():
    """Yield the task, whether targets are mixtures, the loss, its settings, the output."""
    for name, settings in REGRESSION:
        yield "regression", False, name, settings, None
    for name in ("poisson", "gamma"):
        yield "regression", False, name, {}, "softplus"
    for mixed in (False, True):
        for name, settings in [("mse", {}), *BINARY, *FOCAL]:
            yield "multilabel", mixed, name, settings, None
        for name, settings in [*CLASSES, *FOCAL]:
            if settings.get("alpha") is None:
                yield "multiclass", mixed, name, settings, None
    yield "multilabel", False, "hinge", {}, None
    yield "multiclass", False, "hinge", {}, None


def row_losses(task, name, settings, output, u, y):
    """Return each row's loss (N,); y (N, targets), or class numbers (N,), or mixtures."""
    if name in ("poisson", "gamma"):
        return positive(name, output, u, y)
    if name in ("hinge", "focal"):
        return {"hinge": hinge, "focal": focal}[name](task, u, y, **settings)
    return SPELLED[name](u, y, **settings)


def mse(u, y):
    import torch

    return torch.nn.functional.mse_loss(u, y, reduction="none").sum(dim=1) / 2


def mae(u, y):
    import torch

    return torch.nn.functional.l1_loss(u, y, reduction="none").sum(dim=1)


def huber(u, y, delta):
    import torch

    return torch.nn.functional.huber_loss(u, y, reduction="none", delta=delta).sum(dim=1)


def log_cosh(u, y):
    import torch

    size = (u - y).abs()
    return (size + torch.log1p(torch.exp(-2 * size)) - np.log(2)).sum(dim=1)


def quantile(u, y, levels):
    import torch

    level = torch.tensor(levels, dtype=torch.float64)[:, None]
    short = y[:, None, :] - u.reshape(len(u), len(levels), -1)
    return torch.maximum(level * short, (level - 1) * short).sum(dim=(1, 2))


def gaussian_nll(u, y, floor):
    import torch

    mean, raw = u.chunk(2, dim=1)
    variance = floor + torch.logaddexp(raw, torch.zeros((), dtype=torch.float64))
    theirs = torch.nn.functional.gaussian_nll_loss
    return theirs(mean, y, variance, eps=floor, reduction="none").sum(dim=1)


def binary_cross_entropy(u, y, label_smoothing):
    import torch

    y = smoothed(y, label_smoothing, 2)
    theirs = torch.nn.functional.binary_cross_entropy_with_logits
    return theirs(u, y, reduction="none").sum(dim=1)


def cross_entropy(u, y, label_smoothing):
    import torch

    theirs = torch.nn.functional.cross_entropy
    return theirs(u, y, reduction="none", label_smoothing=label_smoothing)


SPELLED = {
    "mse": mse,
    "mae": mae,
    "huber": huber,
    "log_cosh": log_cosh,
    "quantile": quantile,
    "gaussian_nll": gaussian_nll,
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": cross_entropy,
}


def smoothed(y, epsilon, classes):
    return y * (1 - epsilon) + epsilon / classes


def positive(name, output, u, y):
    """Poisson's and the gamma loss; PyTorch has the first, and cannot go beyond exp(709)."""
    import torch

    if output == "softplus":
        mean = torch.nn.functional.softplus(u, threshold=1e3)
        if name == "poisson":
            return torch.nn.functional.poisson_nll_loss(
                mean, y, log_input=False, eps=0.0, reduction="none"
            ).sum(dim=1)
        return (y / mean + torch.log(mean)).sum(dim=1)
    each = exponential(u) - y * u if name == "poisson" else y * exponential(-u) + u
    if name == "poisson" and u.abs().max() < FAR:
        theirs = torch.nn.functional.poisson_nll_loss(u, y, log_input=True, reduction="none")
        assert torch.equal(each, theirs)
    return each.sum(dim=1)


def exponential(u):
    import torch

    near = torch.clamp(u, max=FAR)
    return torch.exp(near) * (1 + (u - near))


def hinge(task, u, y):
    import torch

    if task != "multiclass":
        return torch.clamp(1 - (2 * y - 1) * u, min=0).sum(dim=1)
    own = torch.zeros_like(u, dtype=torch.bool).scatter(1, y[:, None], value=True)
    others = u.masked_fill(own, -torch.inf).max(dim=1).values
    return torch.clamp(1 + others - u.gather(1, y[:, None])[:, 0], min=0)


def focal(task, u, y, *, gamma, alpha, label_smoothing):
    """−Σ_k y_k (1 − p_k)^γ log p_k, over two labels of each output, or over the classes."""
    import torch

    if task == "multiclass":
        if y.ndim == 1:
            y = torch.nn.functional.one_hot(y, u.shape[1]).double()
        y = smoothed(y, label_smoothing, u.shape[1])
        logarithm = torch.log_softmax(u, dim=1)
        return -(y * (1 - logarithm.exp()) ** gamma * logarithm).sum(dim=1)
    y = smoothed(y, label_smoothing, 2)

    def of_label(label):  # torchvision.ops.sigmoid_focal_loss
        p = torch.sigmoid(u)
        cost = torch.nn.functional.binary_cross_entropy_with_logits(
            u, torch.full_like(u, label), reduction="none"
        )
        p_t = p * label + (1 - p) * (1 - label)
        loss = cost * ((1 - p_t) ** gamma)
        return loss if alpha is None else (alpha * label + (1 - alpha) * (1 - label)) * loss

    return (y * of_label(1.0) + (1 - y) * of_label(0.0)).sum(dim=1)


def may_be_far(name, output):
    """Whether the formulas above survive u of 10,000."""
    return name != "focal" and output is None


def draw():
    """Return u near 0 and far from it, and targets of every kind, all rounded."""
    rng = np.random.default_rng(SEED)
    near = (2.5 * rng.normal(size=(N_ROWS, N_OUTPUTS))).round(3)
    far = rng.choice([-1e4, -300.0, -70.0, -9.0, 2.0, 40.0, 90.0, 1e4], (N_ROWS, N_OUTPUTS))
    far = (far * (1 + 0.1 * rng.random(far.shape))).round(3)  # no two alike: no ties
    y = (1.5 * rng.normal(size=(24, N_OUTPUTS))).round(2)
    mixtures = rng.dirichlet(np.ones(N_OUTPUTS), 24).round(2)
    mixtures[:, 0] += 1 - mixtures.sum(axis=1)
    drawn = {
        "near": near,
        "far": far,
        "regression": y,
        "positive": np.abs(y) + 0.01,
        "multilabel": rng.integers(0, 2, (24, N_OUTPUTS)),
        "multiclass": rng.integers(0, N_OUTPUTS, 24),
        "multilabel-mixed": rng.random((24, N_OUTPUTS)).round(2),
        "multiclass-mixed": np.abs(mixtures.round(2)),
        "X": rng.normal(size=(24, N_INPUTS)).round(3),
        "hidden.1.weight": rng.normal(0, 0.6, (N_INPUTS, HIDDEN)).round(3),
        "hidden.1.bias": rng.normal(0, 0.3, HIDDEN).round(3),
        "output.weight": rng.normal(0, 0.5, (HIDDEN, N_OUTPUTS)).round(3),
        "output.bias": rng.normal(0, 0.3, N_OUTPUTS).round(3),
    }
    return {name: values.round(6) for name, values in drawn.items()}


def targets_of(name, settings, task, mixed):
    """Return under which name the targets are stored, and how many columns of them are used."""
    if task != "regression":
        return task + "-mixed" * mixed, N_OUTPUTS
    share = {"quantile": len(settings.get("levels", ())), "gaussian_nll": 2}.get(name, 1)
    kind = "positive" if name in ("poisson", "gamma") else "regression"
    return kind, N_OUTPUTS // share


def gradient(case, u, y):
    """Return the rows' losses and their derivatives by u."""
    import torch

    leaf = torch.from_numpy(u).requires_grad_()
    rows = row_losses(*case, leaf, torch.from_numpy(y))
    rows.sum().backward()
    return {"rows": rows.tolist(), "delta": leaf.grad.tolist()}


def trajectory(case, drawn, y):
    """Return J of each batch before its step, and all parameters after the steps KEPT."""
    import torch

    names = ("hidden.1.weight", "output.weight", "hidden.1.bias", "output.bias")
    W, U, b, c = (torch.from_numpy(drawn[name].copy()).requires_grad_() for name in names)
    X, y = torch.from_numpy(drawn["X"]), torch.from_numpy(y)
    descent, losses, kept = torch.optim.SGD([W, U, b, c], lr=RATE), [], []
    for step in range(N_STEPS):
        start = step * BATCH_SIZE % len(X)
        batch = slice(start, start + BATCH_SIZE)
        descent.zero_grad()
        u = torch.tanh(X[batch] @ W + b) @ U + c
        value = row_losses(*case, u, y[batch]).mean()
        value.backward()
        descent.step()
        losses.append(value.item())
        if step + 1 in KEPT:
            kept.append(torch.cat([t.detach().reshape(-1) for t in (W, U, b, c)]).tolist())
    return {"losses": losses, "theta": kept}


def make():
    """Return everything that is stored."""
    import torch

    torch.set_num_threads(1)
    drawn, found, trained = draw(), [], set()
    for task, mixed, name, settings, output in cases():
        stored, columns = targets_of(name, settings, task, mixed)
        y = drawn[stored][:, :columns] if drawn[stored].ndim > 1 else drawn[stored]
        y = y if y.ndim == 1 else np.ascontiguousarray(y, np.float64)
        case = (task, name, settings, output)
        entry = {
            "task": task,
            "mixed": mixed,
            "loss": name,
            "settings": settings,
            "output": output,
            "targets": stored,
            "columns": columns,
            "near": gradient(case, drawn["near"], y[:N_ROWS]),
        }
        if may_be_far(name, output):
            entry["far"] = gradient(case, drawn["far"], y[:N_ROWS])
        # One training of each loss in each task.
        if (task, mixed, name, output) not in trained and settings_are_telling(name, settings):
            trained.add((task, mixed, name, output))
            entry["trajectory"] = trajectory(case, drawn, y)
        found.append(entry)
    return {
        "made_with": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        "batch_size": BATCH_SIZE,
        "learning_rate": RATE,
        "kept": KEPT,
        "drawn": {name: values.tolist() for name, values in drawn.items()},
        "cases": found,
    }


def settings_are_telling(name, settings):
    """Whether a training with these would show that a setting is ignored."""
    smooth = settings.get("label_smoothing") in (None, 0.1)
    return smooth and (name != "focal" or settings["gamma"] == 3.5)


def main():
    """Write the file."""
    parser = argparse.ArgumentParser(description="Make the losses that PyTorch computes.")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).with_name("pytorch_losses.json"),
        help="the file to write (default: pytorch_losses.json beside this script)",
    )
    output = parser.parse_args().output
    text = json.dumps(make(), indent=0)
    # One row of numbers a line: a change is seen in a diff.
    text = re.sub(r"\[([^][{}]*)\]", lambda row: f"[{' '.join(row[1].split())}]", text)
    output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
