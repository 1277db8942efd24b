"""Sentences and tables about data, networks and scores, shared by the verbs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from shlex import quote
from typing import TYPE_CHECKING, Any

from mlpcli.cli.console import (
    format_number,
    print_error,
    print_note,
    print_result,
    table,
)
from mlpcli.data.dataset import Dataset
from mlpcli.data.guesses import Guess
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

MOST_GUESSES = 8  # lines of them before a training
FIRST = ("rows", "task", "split", "left_out")  # kinds of guesses that decide what is trained


def rows_line(dataset: Dataset) -> str:
    """Return what was read, in a line."""
    names = ", ".join(dict.fromkeys(t.name for t in dataset.tables.values()))
    rows = ", ".join(f"{len(part):,} {name}" for name, part in dataset.parts.items())
    task, inputs = dataset.encoding.task, dataset.encoding.inputs
    target = ", ".join(dataset.encoding.target.names)
    one = len(dataset.parts) == 1 and len(dataset.parts["train"]) == 1
    features = counted(inputs.n_features, "feature")
    return f"{names}: {rows} {'row' if one else 'rows'}; {features}; {task} on {target}"


def note_guesses(guesses: Sequence[Guess], spec: str) -> None:
    """Print what was found in the data, a line each; of many the first, and where the rest is.

    Rows and columns that are left out come first.

    spec  the path of the spec, as it was given
    """
    guesses = sorted(guesses, key=lambda guess: guess.kind not in FIRST)
    shown = guesses if len(guesses) <= MOST_GUESSES else guesses[: MOST_GUESSES - 1]
    for guess in shown:
        print_note(f"found: {guess.text}", hang=len("found: "))
    if len(shown) < len(guesses):
        print_note(f"found: and {len(guesses) - len(shown)} more: mlp check {quote(spec)}")


def note_on_changes(path: Path, model: Model) -> list[str]:
    """Say, even quietly, where a model is not what its run has written, or is to end with.

    Returns the sentences on the run, of which there are none where it has ended.
    """
    from mlpcli.runs.names import MODEL
    from mlpcli.runs.status import why_not_final

    if model.changed:
        problem = "its numbers are not those that were written: damaged, or changed since"
        print_error(f"{path}: {problem}")
    unfinished = path.name == MODEL and why_not_final(path.parent, model.training.get("epochs"))
    if not unfinished:
        return []
    print_error(unfinished)
    return [unfinished]


def interruption_notes(model: Model) -> list[str]:
    """Return a sentence where a model is an interrupted run's; none where training had ended."""
    if model.training.get("reason") != "interrupted":
        return []
    epoch, best = model.training.get("last_epoch"), model.training.get("best_epoch")
    weights = f"its weights are those of epoch {best}" if best else "no epoch was completed"
    return [f"the model is an interrupted run's: stopped in epoch {epoch}, {weights}"]


def note_replaced(inputs: InputEncoder, file: str, counts: dict[str, int]) -> None:
    """Print a line for each column of a file in which values were missing or unknown.

    counts  how many, by the column's name
    """
    columns = inputs.by_name
    for name, n in counts.items():
        print_note(f"{file}: {name}: {columns[name].replacement(n)}")


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
    if architecture.embedding is not None:
        layers.append(f"{architecture.fan_in} {architecture.embedding.member.name}")
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


def temperature_line(calibration: dict[str, Any]) -> str:
    """Return what came of fitting a temperature, in a line."""
    rows = f"{calibration['rows']:,} validation rows"
    if not calibration["kept"]:
        return f"temperature 1: no other lowers the log loss of the {rows} beyond chance"
    losses = (calibration["log_loss"], calibration["log_loss_fitted"])
    before, after = map(format_number, losses)
    return f"temperature {calibration['fitted']:.3g}: log loss of the {rows} {before}, now {after}"


def print_ensemble(ensemble: dict[str, Any]) -> None:
    """Print what the replicas reach one by one: mean, standard error and interval."""
    held_out = ensemble["held_out"]
    if held_out is not None:
        name = "out of bag" if ensemble["kind"] == "bootstrap" else "out of fold"
        figures = {k: v for k, v in held_out.items() if k != "spread"}
        how = "each predicted by the replicas that were not trained on it"
        print_result(f"\n{name}: training rows, {how}")
        print_scores({name: figures})
        print_spread({name: held_out["spread"]}, "its held-out rows")
    print_spread(ensemble["spread"])


def print_spread(spread: dict[str, dict[str, Any]], rows: str = "the same rows") -> None:
    """Print mean, standard error and interval of each figure over the replicas, by part.

    rows  that each replica's figure is of
    """
    found = [(part, name, one) for part, figures in spread.items() for name, one in figures.items()]
    level = percent(found[0][2]["level"])
    print_result(f"\nreplica by replica, on {rows}: mean, standard error, {level} interval")
    table(
        ["", "figure", "mean", "± SE", f"{level} from", "to"],
        [
            [part, name, *(one[key] for key in ("mean", "standard_error", "low", "high"))]
            for part, name, one in found
        ],
    )
    methods: dict[str, dict[str, None]] = {}
    for _, name, one in found:
        methods.setdefault(one["method"], {})[name] = None
    if methods.pop("none", None):
        print_result("–: no interval: the numbers are one alone, all equal, or not all finite")
    for method, names in methods.items():
        print_result(f"{', '.join(names)}: {level} by {method}")
    for part, figures in spread.items():
        far_out = {name: one["far_out"] for name, one in figures.items() if one["far_out"]}
        if far_out:  # a line is enough: of a metric, which has a unit that people know
            name = next((name for name in far_out if name != "loss"), "loss")
            far, others = (format_number(far_out[name][key]) for key in ("replica", "others"))
            print_result(f"{part}: one replica's {name} is {far}, the mean of the others' {others}")


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
