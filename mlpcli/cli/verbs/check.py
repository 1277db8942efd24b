"""mlp check SPEC."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.console import format_number, print_json, print_note, print_result, table
from mlpcli.cli.options import Debug, Json, Overrides, Quiet, Seed, SpecPath, refuse_overwriting
from mlpcli.errors import UsageError, counted, listing
from mlpcli.machine import free_memory, in_bytes

if TYPE_CHECKING:
    from mlpcli.data.dataset import Dataset
    from mlpcli.spec.load import LoadedSpec
    from mlpcli.spec.schema import Spec
    from mlpcli.training.augmented import AugmentedRows
    from mlpcli.training.cost import Cost


@verb
def check(
    spec: SpecPath,
    overrides: Overrides = None,
    seed: Seed = None,
    augmented: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Show N training rows, augmented.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Save them as CSV.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Validate a spec and its data, and show what would be trained.

    Nothing is written but what --output names. Shows the network, its parameters, its memory and
    cost per epoch, what is odd in the data, and the figure that a model has to beat. With
    --augmented also the first rows of epoch 1 as training sees them, in the file's own units.

    \b
    Examples:
      mlp check configs/penguins.yaml
      mlp check config.yaml --json
      mlp check config.yaml --augmented 5
    """
    from mlpcli.cli.augmented_rows import rows_to_csv
    from mlpcli.runs.files import write_whole
    from mlpcli.spec.load import load_spec
    from mlpcli.sweep.rows import check_rows
    from mlpcli.training.augmented import augmented_rows
    from mlpcli.training.build import build_architecture, build_augmenter, load_dataset
    from mlpcli.training.cost import cost_of

    if output is not None and augmented is None:
        raise UsageError("--output saves augmented rows: say how many with --augmented N")
    if output == "-":
        raise UsageError("--output -: standard output has the report; name a file for the rows")
    loaded = load_spec(spec, overrides or (), seed)
    dataset = load_dataset(loaded)
    read = {spec: "the spec"} | {t.name: "the data" for t in dataset.tables.values()}
    refuse_overwriting(output, read)
    if loaded.spec.sweep is not None:
        check_rows(loaded, dataset)
    with loaded.locating():
        augmenter = build_augmenter(loaded.spec, dataset.encoding, dataset.parts["train"])
    rows = None if augmented is None else augmented_rows(loaded.spec, dataset, augmenter, augmented)
    architecture = build_architecture(loaded.spec, dataset.encoding)
    cost = cost_of(loaded.spec, architecture, dataset, augmenter.n_slots)
    document = _document(loaded, dataset, cost, rows)
    if rows is not None and output is not None:
        write_whole(Path(output), rows_to_csv(dataset.encoding, rows, loaded.spec.runtime.dtype))
    if json:
        print_json(document)
    elif not quiet:
        _print(document, dataset, cost)
        if rows is not None:
            _print_augmented(loaded, dataset, rows, output)


def _document(
    loaded: LoadedSpec, dataset: Dataset, cost: Cost, rows: AugmentedRows | None
) -> dict[str, Any]:
    from mlpcli.cli.augmented_rows import rows_to_plain
    from mlpcli.cli.describe import describe_weights
    from mlpcli.data.diagnosis import baseline, oddities
    from mlpcli.training.resolve import resolve

    spec, encoding, to_beat = loaded.spec, dataset.encoding, baseline(dataset)
    document = {
        "task": encoding.task,
        "target": list(encoding.target.names),
        "classes": getattr(encoding.target, "classes", None),
        "rows": {name: len(part) for name, part in dataset.parts.items()},
        "features": encoding.inputs.feature_names,
        "scale": asdict(dataset.scale),
        "weights": describe_weights(dataset),
        "layers": [layer.__dict__ for layer in cost.layers],
        "parameters": sum(layer.parameters for layer in cost.layers),
        "memory_bytes": cost.memory_bytes,
        "batch_rows": cost.batch_rows,
        "steps_per_epoch": cost.steps_per_epoch,
        "multiply_adds_per_epoch": cost.multiply_adds_per_epoch,
        "guesses": [asdict(guess) for guess in dataset.guesses],
        "remarks": loaded.remarks(),
        "oddities": [oddity.__dict__ for oddity in oddities(dataset)],
        "baseline": {"what": to_beat.what, **to_beat.scores},
        "sweep": _sweep(spec),
        "spec": resolve(spec, dataset).model_dump(),
    }
    if rows is not None:
        document["augmented"] = rows_to_plain(encoding, rows, spec.runtime.dtype)
    return {**document, "ensemble": _ensemble(loaded, dataset, cost)}


def _sweep(spec: Spec) -> dict[str, Any] | None:
    if spec.sweep is None:
        return None
    n_trials, n_lanes = spec.sweep.n_trials, spec.sweep.n_lanes
    return {"trials": n_trials, "networks": n_trials * n_lanes, "plan": str(spec.sweep)}


def _ensemble(loaded: LoadedSpec, dataset: Dataset, cost: Cost) -> dict[str, Any] | None:
    from mlpcli.cli.describe import ensemble_line, members_line
    from mlpcli.training.build import build_architecture
    from mlpcli.training.lanes import lanes_of, prepare_lanes
    from mlpcli.training.plan import plan_stacks

    if loaded.spec.ensemble is None:
        return None
    if loaded.spec.ensemble.shares_weights:  # one network, trained as one is
        architecture = build_architecture(loaded.spec, dataset.encoding)
        return {
            **loaded.spec.ensemble.model_dump(),
            "stacks": [1],
            "processes": 1,
            "memory_bytes": cost.memory_bytes,
            "text": f"ensemble: {members_line(architecture)}",
        }
    with loaded.locating():
        lanes = lanes_of(loaded.spec, dataset)
        plan = plan_stacks(prepare_lanes(lanes, dataset), dataset)
    return {
        **loaded.spec.ensemble.model_dump(),
        "stacks": [len(stack) for stack in plan.stacks],
        "processes": plan.processes,
        "memory_bytes": plan.memory,
        "text": ensemble_line(loaded.spec.ensemble, plan),
    }


def _print_augmented(
    loaded: LoadedSpec, dataset: Dataset, rows: AugmentedRows, output: str | None
) -> None:
    from mlpcli.cli.augmented_rows import print_rows

    image, regularization = loaded.spec.data.image, loaded.spec.regularization
    file = next(iter(dataset.tables.values())).name
    print_rows(dataset.encoding, rows, None if image is None else image.shape, file)
    if not regularization.augmentation:
        print_note("regularization.augmentation is empty: these are the training rows as they are")
    noise = regularization.noise
    if noise.input or noise.input_multiplicative or noise.labels:
        print_note("not shown: regularization.noise, which training adds to these rows")
    if output is not None:
        print_note(f"{counted(len(rows.source), 'row')} in {output}")


def _print(document: dict[str, Any], dataset: Dataset, cost: Cost) -> None:
    from mlpcli.cli.describe import rows_line

    print_result(rows_line(dataset) + "\n")
    rows: list[list[Any]] = [
        [
            layer.name,
            f"{layer.fan_in} → {layer.fan_out}",
            f"{layer.norm} {layer.activation}" if layer.norm else layer.activation,
            layer.initializer,
            layer.keep_prob,
            layer.parameters,
        ]
        for layer in cost.layers
    ]
    header = ["layer", "shape", "activation", "initializer", "keep_prob", "parameters"]
    table(header, [*rows, ["total", "", "", "", "", document["parameters"]]])
    free = free_memory()
    too_much = f", of which {in_bytes(free)} are free here" if cost.memory_bytes > free else ""
    print_result(
        f"\nmemory about {in_bytes(cost.memory_bytes)}{too_much}; an epoch is "
        f"{cost.steps_per_epoch:,} steps of {cost.batch_rows:,} rows, "
        f"{cost.multiply_adds_per_epoch:.3g} multiply-adds"
    )
    scale = dataset.scale
    if scale.reason and dataset.encoding.inputs.numeric.any():
        print_result(f"numeric inputs scaled by {scale.name}: {scale.reason}")
    if document["ensemble"] is not None:
        print_result(document["ensemble"]["text"])
    what, *scores = document["baseline"].items()
    shown = ", ".join(f"{name} {format_number(score)}" for name, score in scores)
    print_result(f"to beat: {what[1]}: {shown}")
    if document["weights"] is not None:
        print_result(_weights_line(**document["weights"]))
    if document["sweep"] is not None:
        print_result(f"sweep: {document['sweep']['plan']}")
    for guess in document["guesses"]:
        print_result(f"found: {guess['text']}")
    oddities = [f"odd: {oddity['text']}" for oddity in document["oddities"]]
    for line in [f"note: {remark}" for remark in document["remarks"]] + oddities:
        print_result(line)
    if not oddities:
        print_result("nothing odd in the data")


def _weights_line(column: str | None, mean: float, classes: dict[str, float] | None) -> str:
    by = [f"column {column}"] if column is not None else []
    if classes is not None:
        each = listing(f"{label} {format_number(weight)}" for label, weight in classes.items())
        by.append(f"class ({each})")
    how = f"divided by the training rows' mean, {format_number(mean)}"
    return f"rows weigh by {' and '.join(by)}; {how}"
