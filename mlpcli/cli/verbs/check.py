"""mlp check SPEC."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.console import print_json, print_note
from mlpcli.cli.options import Debug, Json, Overrides, Quiet, Seed, SpecPath, refuse_overwriting
from mlpcli.cli.signals import raised
from mlpcli.errors import UsageError, counted

if TYPE_CHECKING:
    from mlpcli.data.dataset import Dataset
    from mlpcli.data.diagnosis import Oddity
    from mlpcli.spec.load import LoadedSpec
    from mlpcli.spec.schema import Spec
    from mlpcli.training.augmented import AugmentedRows
    from mlpcli.training.baselines import Baselines
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
    fail_if_odd: Annotated[
        bool, typer.Option("--fail-if-odd", help="Exit code 1 where the data have an oddity.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int | None:
    """Validate a spec and its data, and show what would be trained.

    Nothing is written but what --output names. Shows what was found in the data, what is odd, the
    network, its memory and cost, what threads are expected to gain, and what a model has to beat on
    the test rows (where there are none, the validation rows): a constant, a linear model, and
    gradient boosting where LightGBM or scikit-learn is there, all fitted to the training rows, with
    95 % intervals. With --augmented also the first rows of epoch 1 as training sees them, in the
    file's own units.

    With --fail-if-odd the exit code is 1 where something is odd (the lines `odd:`, in --json
    `oddities`; not `found:`); with -q it is all there is.

    \b
    Examples:
      mlp check configs/penguins.yaml
      mlp check config.yaml --json
      mlp check config.yaml --fail-if-odd -q
      mlp check config.yaml --augmented 5
    """
    from mlpcli.data.diagnosis import oddities
    from mlpcli.spec.load import load_spec
    from mlpcli.training.build import load_dataset
    from mlpcli.training.metrics import METRICS

    _check_options(augmented, output)
    loaded = load_spec(spec, overrides or (), seed, METRICS)
    dataset = load_dataset(loaded)
    read = {spec: "the spec"} | {t.name: "the data" for t in dataset.tables.values()}
    refuse_overwriting(output, read)
    cost, rows = _cost_and_rows(loaded, dataset, augmented)
    if rows is not None and output is not None:
        _save(loaded, dataset, rows, output)
    odd = oddities(dataset)
    if json or not quiet:
        _report(loaded, dataset, cost, odd, rows, output, json=json)
    return int(fail_if_odd and bool(odd))


def _check_options(augmented: int | None, output: str | None) -> None:
    """Raise UsageError where two options contradict each other."""
    if output is not None and augmented is None:
        raise UsageError("--output saves augmented rows: say how many with --augmented N")
    if output == "-":
        raise UsageError("--output -: standard output has the report; name a file for the rows")


def _cost_and_rows(
    loaded: LoadedSpec, dataset: Dataset, augmented: int | None
) -> tuple[Cost, AugmentedRows | None]:
    """Return what training costs, and augmented rows where they are asked for."""
    from mlpcli.sweep.rows import check_rows
    from mlpcli.training.augmented import augmented_rows
    from mlpcli.training.build import build_architecture, build_augmenter
    from mlpcli.training.cost import cost_of

    if loaded.spec.sweep is not None:
        check_rows(loaded, dataset)
    with loaded.locating():
        augmenter = build_augmenter(loaded.spec, dataset.encoding, dataset.parts["train"])
    rows = None if augmented is None else augmented_rows(loaded.spec, dataset, augmenter, augmented)
    architecture = build_architecture(loaded.spec, dataset.encoding)
    return cost_of(loaded.spec, architecture, dataset, augmenter.n_slots), rows


def _save(loaded: LoadedSpec, dataset: Dataset, rows: AugmentedRows, output: str) -> None:
    from mlpcli.cli.augmented_rows import rows_to_csv
    from mlpcli.runs.files import write_whole

    content = rows_to_csv(dataset.encoding, rows, loaded.spec.runtime.dtype)
    with raised():
        write_whole(Path(output), content)


def _report(
    loaded: LoadedSpec,
    dataset: Dataset,
    cost: Cost,
    odd: list[Oddity],
    rows: AugmentedRows | None,
    output: str | None,
    *,
    json: bool,
) -> None:
    """Fit the baselines and print everything, for people or as JSON."""
    from mlpcli.cli.check_report import print_report
    from mlpcli.training.baselines import fit_baselines

    to_beat = fit_baselines(dataset, loaded.spec.seed, loaded.spec.data.split.group)
    document = _document(loaded, dataset, cost, rows, odd, to_beat)
    if json:
        print_json(document)
        return
    print_report(document, dataset, cost, to_beat)
    if rows is not None:
        _print_augmented(loaded, dataset, rows, output)


def _document(
    loaded: LoadedSpec,
    dataset: Dataset,
    cost: Cost,
    rows: AugmentedRows | None,
    odd: list[Oddity],
    to_beat: Baselines,
) -> dict[str, Any]:
    from mlpcli.cli.augmented_rows import rows_to_plain
    from mlpcli.cli.describe import describe_weights
    from mlpcli.data.diagnosis import baseline
    from mlpcli.training.resolve import resolve
    from mlpcli.training.shards import threads_of

    spec, encoding, constant = loaded.spec, dataset.encoding, baseline(dataset)
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
        "shards": cost.shards,
        "threads": threads_of(spec),
        "speed_up": cost.speed_up,
        "steps_per_epoch": cost.steps_per_epoch,
        "multiply_adds_per_epoch": cost.multiply_adds_per_epoch,
        "guesses": [asdict(guess) for guess in dataset.guesses],
        "remarks": loaded.remarks(),
        "oddities": [oddity.__dict__ for oddity in odd],
        "baseline": {"what": constant.what, **constant.scores},
        "baselines": [asdict(score) for score in to_beat.scores],
        "to_beat": asdict(to_beat.best),
        "baseline_notes": list(to_beat.notes),
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
