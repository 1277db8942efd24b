"""Make `pytorch_embeddings.json`: embeddings of numeric columns, by their authors' own code.

    python -m pip install torch==2.13.0 numpy==2.4.6 scikit-learn rtdl_num_embeddings==0.0.12
    python tests/oracles/make_pytorch_embeddings.py

Nothing of mlpcli is imported: NumPy draws values, parameters and what is to flow back, the authors'
PyTorch modules do everything else, in float64. Stored are the edges that they fit, what each module
makes of the values, and the gradients of its parameters, sines first, where theirs has cosines.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np

SEED, N_TRAIN, N_ROWS, BINS, UNITS, FREQUENCIES = 22035, 60, 9, 5, 3, 4


def draw():
    """Return training rows, targets, and values, some of them beyond the training rows."""
    rng = np.random.default_rng(SEED)
    train = rng.normal(size=(N_TRAIN, 3)).astype(np.float32).astype(float)
    train[:, 1] = np.round(train[:, 1])  # few different values
    train[:, 2] = np.where(rng.random(N_TRAIN) < 0.6, 0.0, train[:, 2])  # one that is common
    y = np.sin(2 * train[:, 0]) + 0.5 * train[:, 1] ** 2 + rng.normal(0, 0.1, N_TRAIN)
    classes = rng.integers(0, 3, N_TRAIN) * (train[:, 0] > 0)
    x = np.vstack([rng.normal(0, 1.5, (N_ROWS - 2, 3)).round(3), [[9, 9, 9], [-9, -9, -9]]])
    return train, y.round(4), classes, x, rng


def run(module, x, delta, order):
    """Return the output, and the gradients of Σ delta ∗ output by their names.

    order  of the output's components
    """
    import torch

    out = module(torch.tensor(x))
    out = out[:, :, list(order)]
    (out * torch.tensor(delta)).sum().backward()
    grads = {name: value.grad.numpy() for name, value in module.named_parameters()}
    return out.detach().numpy(), grads


def set_parameters(module, rng):
    """Draw each parameter, rounded; return them by name."""
    import torch

    found = {}
    with torch.no_grad():
        for name, value in module.named_parameters():
            found[name] = rng.normal(0, 0.5, tuple(value.shape)).round(3)
            value.copy_(torch.tensor(found[name]))
    return found


def plain(**arrays):
    return {name: np.asarray(value).tolist() for name, value in arrays.items()}


def piecewise_linear(bins, x, rng):
    """Return the encoding itself, and with a map and ReLU after it."""
    import torch
    from rtdl_num_embeddings import PiecewiseLinearEmbeddings, _PiecewiseLinearEncodingImpl

    encoded = _PiecewiseLinearEncodingImpl(bins).double()(torch.tensor(x)).numpy()
    module = PiecewiseLinearEmbeddings(bins, UNITS, activation=True, version="A").double()
    params = set_parameters(module, rng)
    delta = rng.normal(size=(N_ROWS, 3, UNITS)).round(3)
    out, grads = run(module, x, delta, range(UNITS))
    return [
        {"settings": {}, **plain(out=encoded)},
        {
            "settings": {"units": UNITS},
            **plain(out=out, delta=delta),
            "params": plain(weight=params["linear.weight"], bias=params["linear.bias"]),
            "grads": plain(weight=grads["linear.weight"], bias=grads["linear.bias"]),
        },
    ]


def periodic(x, rng):
    """Return PLR, the same with a map that is shared, PL, and P."""
    from rtdl_num_embeddings import PeriodicEmbeddings

    k = FREQUENCIES
    sines_first = [*range(k, 2 * k), *range(k)]
    cases = []
    for settings in ({}, {"lite": True}, {"relu": False}, {"units": 0}):
        whole = PeriodicEmbeddings(
            3,
            UNITS,
            n_frequencies=k,
            lite=settings.get("lite", False),
            activation=settings.get("relu", True),
        ).double()
        has_map = settings.get("units") != 0
        module = whole if has_map else whole.periodic
        params = set_parameters(module, rng)
        width = UNITS if has_map else 2 * k
        delta = rng.normal(size=(N_ROWS, 3, width)).round(3)
        places = list(range(width)) if has_map else sines_first
        out, grads = run(module, x, delta, places)

        def ours(found, settings=settings, has_map=has_map):
            if not has_map:
                return plain(frequencies=found["weight"])
            weight = found["linear.weight"]
            weight = weight.T[sines_first] if settings.get("lite") else weight[:, sines_first]
            c, bias = found["periodic.weight"], found["linear.bias"]
            return plain(frequencies=c, weight=weight, bias=bias)

        case = {"params": ours(params), "grads": ours(grads), **plain(out=out, delta=delta)}
        cases.append({"settings": {"units": UNITS, **settings, "frequencies": k}, **case})
    return cases


def main():
    """Write the file."""
    import sklearn
    import torch
    from rtdl_num_embeddings import __version__, compute_bins

    torch.set_default_dtype(torch.float64)  # their edges too
    train, y, classes, x, rng = draw()
    X = torch.tensor(train)
    bins = compute_bins(X, BINS)
    trees = {}
    for name, target, regression in (("numbers", y, True), ("classes", classes, False)):
        for least in (1, 7):
            kwargs = {"min_samples_leaf": least}
            found = compute_bins(
                X, BINS, tree_kwargs=kwargs, y=torch.tensor(target), regression=regression
            )
            trees[f"{name}, {least}"] = [edges.tolist() for edges in found]
    document = {
        "made_with": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
            "scikit-learn": sklearn.__version__,
            "rtdl_num_embeddings": __version__,
        },
        "bins": BINS,
        **plain(train=train, y=y, classes=classes, x=x),
        "quantiles": [edges.tolist() for edges in bins],
        "trees": trees,
        "piecewise_linear": piecewise_linear(bins, x, rng),
        "periodic": periodic(x, rng),
    }
    Path(__file__).with_name("pytorch_embeddings.json").write_text(
        json.dumps(document) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
