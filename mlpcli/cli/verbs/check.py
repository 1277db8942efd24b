"""mlp check SPEC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpcli.cli.command import verb
from mlpcli.cli.options import Debug, Json, Overrides, Quiet, Seed, SpecPath

if TYPE_CHECKING:
    from mlpcli.training.cost import Cost


@verb
def check(
    spec: SpecPath,
    overrides: Overrides = None,
    seed: Seed = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Validate a spec and its data, and show what would be trained.

    Nothing is written. Shows the network, its parameters, its memory and cost per epoch, what is
    odd in the data, and the figure that a model has to beat.

    \b
    Examples:
      mlp check configs/penguins.yaml
      mlp check config.yaml --json
    """
    from mlpcli.cli.console import say_json
    from mlpcli.data.diagnosis import baseline, oddities
    from mlpcli.spec.load import load_spec
    from mlpcli.training.assemble import build_architecture, load_dataset, resolve
    from mlpcli.training.cost import cost_of

    loaded = load_spec(spec, overrides or (), seed)
    dataset = load_dataset(loaded)
    architecture = build_architecture(loaded.spec, dataset.encoding)
    cost = cost_of(loaded.spec, architecture, dataset)
    odd = oddities(dataset)
    to_beat = baseline(dataset)
    document: dict[str, Any] = {
        "task": dataset.encoding.task,
        "target": list(dataset.encoding.target.names),
        "classes": getattr(dataset.encoding.target, "classes", None),
        "rows": {name: len(part) for name, part in dataset.parts.items()},
        "features": dataset.encoding.inputs.feature_names,
        "layers": [layer.__dict__ for layer in cost.layers],
        "parameters": architecture.layout.n_params,
        "memory_bytes": cost.memory_bytes,
        "steps_per_epoch": cost.steps_per_epoch,
        "multiply_adds_per_epoch": cost.multiply_adds_per_epoch,
        "oddities": [oddity.__dict__ for oddity in odd],
        "baseline": {"what": to_beat.what, **to_beat.figures},
        "spec": resolve(loaded.spec, dataset.encoding).model_dump(),
    }
    if json:
        say_json(document)
    elif not quiet:
        _print(document, dataset, cost)


def _print(document: dict[str, Any], dataset: Any, cost: Cost) -> None:
    from mlpcli.cli.console import figure, say, table
    from mlpcli.cli.describe import rows_line

    say(rows_line(dataset) + "\n")
    rows = [
        [
            layer.name,
            f"{layer.fan_in} → {layer.fan_out}",
            layer.activation,
            layer.initializer,
            layer.keep_prob,
            layer.parameters,
        ]
        for layer in cost.layers
    ]
    header = ["layer", "shape", "activation", "initializer", "keep_prob", "parameters"]
    table(header, [*rows, ["total", "", "", "", "", document["parameters"]]])
    say(
        f"\nmemory about {cost.memory_bytes / 2**20:,.1f} MiB; an epoch is "
        f"{cost.steps_per_epoch:,} steps, {cost.multiply_adds_per_epoch:.3g} multiply-adds"
    )
    shown = ", ".join(f"{k} {figure(v)}" for k, v in document["baseline"].items() if k != "what")
    say(f"to beat: {document['baseline']['what']}: {shown}")
    for oddity in document["oddities"]:
        say(f"odd: {oddity['text']}")
    if not document["oddities"]:
        say("nothing odd in the data")
