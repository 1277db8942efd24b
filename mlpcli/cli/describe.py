"""Sentences and tables about data, networks and scores, shared by the verbs."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mlpcli.cli.console import print_error, print_note, print_result, table
from mlpcli.data.dataset import Dataset
from mlpcli.data.input_columns import NumericColumn
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.targets import ClassTarget
from mlpcli.errors import counted
from mlpcli.machine import in_bytes
from mlpcli.nn.network import Architecture

if TYPE_CHECKING:
    from pathlib import Path

    from mlpcli.runs.model_file import Model
    from mlpcli.spec.schema import EnsembleSpec
    from mlpcli.training.plan import Plan


def rows_line(dataset: Dataset) -> str:
    """Return what was read, in a line."""
    names = ", ".join(dict.fromkeys(t.name for t in dataset.tables.values()))
    rows = ", ".join(f"{len(part):,} {name}" for name, part in dataset.parts.items())
    task, inputs = dataset.encoding.task, dataset.encoding.inputs
    target = ", ".join(dataset.encoding.target.names)
    one = len(dataset.parts) == 1 and len(dataset.parts["train"]) == 1
    features = counted(inputs.n_features, "feature")
    return f"{names}: {rows} {'row' if one else 'rows'}; {features}; {task} on {target}"


def note_on_changes(path: Path, model: Model) -> None:
    """Say, even quietly, where a model's numbers are others than those that were written."""
    if model.changed:
        problem = "its numbers are not those that were written: damaged, or changed since"
        print_error(f"{path}: {problem}")


def note_replaced(inputs: InputEncoder, file: str, counts: dict[str, int]) -> None:
    """Print a line for each column of a file in which values were missing or unknown.

    counts  how many, by the column's name
    """
    columns = {column.name: column for column in inputs.columns}
    for name, n in counts.items():
        column, problem = columns[name], f"{file}: {name}: {n}"
        if isinstance(column, NumericColumn):
            values = f"missing value{'s' * (n > 1)}"
            print_note(f"{problem} {values} set to the training median, {column.fill:g}")
        else:
            values = "values are" if n > 1 else "value is"
            rule = "missing or in no category of the training rows: all its columns 0"
            print_note(f"{problem} {values} {rule}")


def describe_weights(dataset: Dataset) -> dict[str, Any] | None:
    """Return what rows are weighed by, class weights as they count; None where all are equal."""
    weights, target = dataset.encoding.weights, dataset.encoding.target
    if weights is None:
        return None
    classes = None
    if weights.by_class is not None and isinstance(target, ClassTarget):
        scaled = [weight / weights.mean for weight in weights.by_class]
        classes = dict(zip(map(str, target.classes), scaled, strict=True))
    return {"column": weights.column, "mean": weights.mean, "classes": classes}


def network_line(architecture: Architecture) -> str:
    """Return a network in a line: widths, activations, loss, parameters."""
    layers = [str(architecture.n_inputs)]
    for layer in architecture.hidden:
        norm = f"{layer.norm.name} " if layer.norm else ""
        layers.append(f"{layer.units} {norm}{layer.activation.name}")
    layers.append(f"{architecture.n_outputs} {architecture.output_activation.name}")
    n_params, loss = architecture.layout.n_params, architecture.loss.name
    line = f"network {' - '.join(layers)}; loss {loss}; {n_params:,} parameters"
    return line if architecture.members is None else f"{line}; {members_line(architecture)}"


def members_line(architecture: Architecture) -> str:
    """Return the members of a network that share weights, in a line."""
    members, layout = architecture.members, architecture.layout
    assert members is not None
    shared = [W for W in layout.weights if len(W.shape) == 2]  # noqa: PLR2004  no axis of heads
    shared += [b for b in layout.biases if len(b.shape) == 1]
    own = (layout.n_params - sum(t.stop - t.start for t in shared)) // members.k
    name, k = members.sharing.name, members.k
    return f"{name} of {k} members, each with {own:,} parameters of its own"


def ensemble_line(ensemble: EnsembleSpec, plan: Plan) -> str:
    """Return how the replicas of an ensemble are trained, in a line."""
    stacks, most = len(plan.stacks), max(len(stack) for stack in plan.stacks)
    replicas = sum(len(stack) for stack in plan.stacks)
    kind = {"kfold": "folds", "bootstrap": "bootstrap samples", "seeds": "seeds"}[ensemble.kind]
    how = f"in one stack of {most}" if stacks == 1 else f"in {stacks} stacks of at most {most}"
    if most == 1:
        how = "one after the other"
    if plan.processes > 1:
        how += f", {plan.processes} at a time"
    return f"ensemble of {replicas} {kind}, {how}; about {in_bytes(plan.memory)}"


def print_ensemble(ensemble: dict[str, Any]) -> None:
    """Print what the replicas reach one by one: mean, standard error and interval."""
    held_out = ensemble["held_out"]
    if held_out is not None:
        name = "out of bag" if ensemble["kind"] == "bootstrap" else "out of fold"
        figures = {k: v for k, v in held_out.items() if k != "spread"}
        how = "each predicted by the replicas that were not trained on it"
        print_result(f"\n{name}: training rows, {how}")
        print_scores({name: figures})
        print_spread({name: held_out["spread"]})
    print_spread(ensemble["spread"])


def print_spread(spread: dict[str, dict[str, Any]]) -> None:
    """Print mean ± standard error and interval of each figure over the replicas, by part."""
    first = next(iter(next(iter(spread.values())).values()))
    header = ["replica by replica", "figure", "mean", "standard error"]
    rows = [
        [part, name, one["mean"], one["standard_error"], one["low"], one["high"], one["method"]]
        for part, figures in spread.items()
        for name, one in figures.items()
    ]
    level = percent(first["level"])
    print_result("")
    table([*header, f"{level} from", "to", "by"], rows)


def percent(share: float) -> str:
    """Return a share in percent, with every digit that it was given with.

    >>> [percent(share) for share in (0.9, 0.95, 0.29, 0.99999999)]
    ['90 %', '95 %', '29 %', '99.999999 %']
    """
    return f"{(100 * Decimal(repr(float(share)))).normalize():f} %"


def print_scores(scores: dict[str, dict[str, Any]]) -> None:
    """Print a table with a row for each part and a column for each figure."""
    header = list(next(iter(scores.values())))
    table(["", *header], [[part, *(row[h] for h in header)] for part, row in scores.items()])
