"""Make `pytorch_sharing.json`: ensembles that share weights, by TabM's authors' own package.

    python -m pip install torch==2.14.1 numpy==2.4.6 tabm==0.0.3
    python tests/oracles/make_pytorch_sharing.py

Nothing of mlpcli is imported: NumPy draws data and beginnings, the package `tabm` (Gorishniy,
Kotelnikov and Babenko) does everything else with PyTorch, in float64, and
`test_pytorch_sharing.py` replays it. Stored are, before the first step, the members' outputs, the
mean of their losses, its gradient and the mean of their predictions; and the loss of each of ten
steps of SGD with the tensors after the last.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np

SEED, N_ROWS, N_INPUTS, UNITS, K, N_STEPS = 20250, 10, 4, 5, 3, 10
N_OUTPUTS = {"mse": 2, "cross_entropy": 3}
LEARNING_RATE = 0.2
NAMES = ("hidden.1", "hidden.2", "output")


def draw(n_outputs, rng):
    """Return a tensor of every name that any kind has; rounded, so that they can be typed in."""
    found = {}
    widths = (N_INPUTS, UNITS, UNITS, n_outputs)
    for name, fan_in, fan_out in zip(NAMES, widths[:-1], widths[1:], strict=True):
        found[f"{name}.weight"] = rng.normal(0, 1 / np.sqrt(fan_in), (fan_in, fan_out))
        found[f"{name}.weight of each"] = rng.normal(0, 1 / np.sqrt(fan_in), (K, fan_in, fan_out))
        found[f"{name}.bias"] = rng.normal(0, 0.3, fan_out)
        found[f"{name}.bias of each"] = rng.normal(0, 0.3, (K, fan_out))
        found[f"{name}.input_scale"] = rng.normal(0, 1, (K, fan_in))
        found[f"{name}.output_scale"] = rng.normal(0, 1, (K, fan_out))
    return {name: value.round(3) for name, value in found.items()}


def network(kind, n_outputs):
    """Return a module (batch, inputs) -> (batch, k, outputs), and our name of each parameter.

    Of a parameter: our name, and whether the package has it transposed.
    """
    import tabm
    import torch

    backbone = {"d_in": N_INPUTS, "n_blocks": 2, "d_block": UNITS, "dropout": 0.0, "k": K}
    backbone |= {"activation": "Tanh"}
    if kind == "batch_ensemble":
        body = tabm.MLPBackboneBatchEnsemble(
            **backbone,
            tabm_init=False,
            scaling_init="random-signs",
            start_scaling_init_chunks=None,
        )
        head = tabm.LinearBatchEnsemble(UNITS, n_outputs, k=K, scaling_init="random-signs")
        whole = torch.nn.Sequential(tabm.EnsembleView(k=K), body, head)
        prefixes = {"hidden.1": "1.blocks.0.0", "hidden.2": "1.blocks.1.0", "output": "2"}
    else:
        whole = tabm.TabM(
            n_num_features=N_INPUTS,
            d_out=n_outputs,
            arch_type=kind.replace("_", "-"),
            start_scaling_init="random-signs",
            **{key: value for key, value in backbone.items() if key != "d_in"},
        )
        prefixes = {
            "hidden.1": "backbone.blocks.0.0",
            "hidden.2": "backbone.blocks.1.0",
            "output": "output",
        }
    whole = whole.double()
    words = {"weight": "weight", "bias": "bias", "r": "input_scale", "s": "output_scale"}
    names = {}
    for name, prefix in prefixes.items():
        heads = name == "output" and kind != "batch_ensemble"
        for word, ours in words.items():
            names[f"{prefix}.{word}"] = f"{name}.{ours}", word == "weight" and not heads
    names["backbone.affine.weight"] = "hidden.1.input_scale", False
    return whole, {key: names[key] for key, _ in whole.named_parameters()}


def run(kind, loss, X, y, drawn):
    """Return one case as plain data."""
    import torch

    whole, names = network(kind, N_OUTPUTS[loss])
    initial = {}
    for key, parameter in whole.named_parameters():
        ours, transposed = names[key]
        shape = tuple(parameter.shape)[::-1] if transposed else tuple(parameter.shape)
        found = next(
            drawn[each] for each in (ours, f"{ours} of each") if drawn[each].shape == shape
        )
        initial[ours] = found
        with torch.no_grad():
            parameter.copy_(torch.tensor(found.T if transposed else found))
    X, y = torch.tensor(X), torch.tensor(y)

    def mean_loss(u):
        if loss == "mse":
            return (u - y[:, None]).square().sum(-1).mean() / 2
        each = [torch.nn.functional.cross_entropy(u[:, m], y) for m in range(K)]
        return torch.stack(each).mean()

    def ours(value_of):
        return {
            names[key][0]: (value.T if names[key][1] else value).tolist()
            for key, parameter in whole.named_parameters()
            for value in [value_of(parameter).detach().numpy()]
        }

    sgd = torch.optim.SGD(whole.parameters(), lr=LEARNING_RATE)
    case = {"kind": kind, "loss": loss, "losses": []}
    for step in range(N_STEPS):
        sgd.zero_grad()
        u = whole(X)
        value = mean_loss(u)
        value.backward()
        case["losses"].append(value.item())
        if step == 0:
            predicted = torch.softmax(u, -1) if loss == "cross_entropy" else u
            case["outputs"] = u.detach().transpose(0, 1).tolist()
            case["predicted"] = predicted.detach().mean(1).tolist()
            case["gradient"] = ours(lambda parameter: parameter.grad)
        sgd.step()
    case["initial"] = {name: value.tolist() for name, value in initial.items()}
    case["after"] = ours(lambda parameter: parameter)
    return case


def main():
    """Write the file."""
    import tabm
    import torch

    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(N_ROWS, N_INPUTS)).round(3)
    targets = {"mse": rng.normal(size=(N_ROWS, 2)).round(3)}
    targets["cross_entropy"] = rng.integers(0, N_OUTPUTS["cross_entropy"], N_ROWS)
    cases = [
        run(kind, loss, X, y, draw(N_OUTPUTS[loss], rng))
        for loss, y in targets.items()
        for kind in ("tabm", "tabm_mini", "batch_ensemble")
    ]
    document = {
        "made_with": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
            "tabm": tabm.__version__,
        },
        "learning_rate": LEARNING_RATE,
        "activation": "tanh",
        "X": X.tolist(),
        "targets": {loss: y.tolist() for loss, y in targets.items()},
        "cases": cases,
    }
    Path(__file__).with_name("pytorch_sharing.json").write_text(
        json.dumps(document) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
