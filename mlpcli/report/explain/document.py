"""All numbers of a step as plain data: what `mlp explain --json` prints."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from mlpcli.errors import counted
from mlpcli.memory import require
from mlpcli.report.explain.context import Context
from mlpcli.report.explain.source import ExplainedStep

WORDS = {  # of the trace's arrays, in the words of docs/maths.md
    "kept": "h_dropped",
    "delta_h": "dJ_dh",
    "delta_y": "dJ_dy",
    "slope": "derivative",
}
BYTES = 700  # of a parameter in some ten lists of numbers, and as text, measured
INNER = ("below",)  # the same as another array, or of no use to a reader


def document_of(step: ExplainedStep, context: Context) -> dict[str, Any]:
    """Return where the step is, its arrays, the gradient, and the update."""
    trace, reached = context.trace, step.reached
    optimizer: Any = trace.optimizer
    layout = trace.architecture.layout
    params = counted(layout.n_params, "parameter")
    require(layout.n_params * BYTES, f"--json of {params}", "leave it out, or smaller model.layers")
    return {
        "source": step.name,
        "step": reached.number,
        "epoch": reached.epoch,
        "begins_with": step.begins,
        "file": step.file,
        "rows": step.rows[: trace.n_rows].tolist(),
        "rows_of_training_batch": reached.batch.n,
        "inputs": step.encoding.inputs.feature_names,
        "targets": list(step.encoding.target.names),
        "layers": [part.name for part in context.parts],
        "activations": [
            *(layer.activation.name for layer in trace.architecture.hidden),
            trace.architecture.output_activation.name,
        ],
        "loss": trace.architecture.loss.name,
        "arrays": {
            _renamed(name): array.tolist()
            for name, array in trace.arrays.items()
            if name.rpartition(".")[2] not in INNER
        },
        "weight": None if trace.weight is None else trace.weight.tolist(),
        "J": trace.J,
        "P": trace.P,
        "parameters": _plain(context.theta),
        "noisy_parameters": None if trace.noisy is None else _plain(context.used),
        "gradient": _plain(trace.tensors(trace.gradient)),
        "gradient_with_penalties": _plain(trace.tensors(trace.penalized)),
        "central_differences": {
            name: [{"index": list(index), "value": value} for index, value in found.items()]
            for name, found in context.differences.items()
        },
        "optimizer": {
            "name": optimizer.name,
            "settings": {f.name: getattr(optimizer, f.name) for f in fields(optimizer)},
            "learning_rate": trace.learning_rate,
            "step": trace.number,
            "state": {name: _plain(layout.unpack(vector)) for name, vector in trace.state.items()},
        },
        "regularization": {
            f.name: getattr(trace.regularization, f.name) for f in fields(trace.regularization)
        },
        "parameters_after": _plain(trace.tensors(trace.after)),
        "J_after": trace.J_after,
        "P_after": trace.P_after,
    }


def _renamed(name: str) -> str:
    part, dot, word = name.rpartition(".")
    return f"{part}{dot}{WORDS.get(word, word)}"


def _plain(tensors: Any) -> dict[str, Any]:
    return {name: tensor.tolist() for name, tensor in tensors.items()}
