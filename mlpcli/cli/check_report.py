"""What `mlp check` prints: the data, the network, and what there is to beat."""

from __future__ import annotations

import math
from typing import Any

from mlpcli.cli.console import format_number, print_result, print_sentence, table
from mlpcli.cli.describe import rows_line
from mlpcli.data.dataset import Dataset
from mlpcli.errors import counted, listing
from mlpcli.machine import free_memory, in_bytes
from mlpcli.training.baselines import Baselines, BaselineScore, baseline_names
from mlpcli.training.cost import Cost

FOUND, ODD, NOTE = "found: ", "odd: ", "note: "


def print_report(
    document: dict[str, Any], dataset: Dataset, cost: Cost, to_beat: Baselines
) -> None:
    """Print the report: what the data are, what is odd there, the network, what there is to beat.

    document  the same as plain data
    """
    print_sentence(rows_line(dataset), hang=2)
    print_findings(document)
    print_result()
    _print_network(document, cost)
    _print_training(document, dataset)
    print_result()
    print_to_beat(dataset, to_beat)


def print_findings(document: dict[str, Any]) -> None:
    """Print guesses, remarks on the spec and oddities, a line each, the prefix says which."""
    for prefix, texts in (
        (FOUND, [guess["text"] for guess in document["guesses"]]),
        (NOTE, document["remarks"]),
        (ODD, [oddity["text"] for oddity in document["oddities"]]),
    ):
        for text in texts:
            print_sentence(f"{prefix}{text}", hang=len(prefix))
    if not document["oddities"]:
        print_result("nothing odd in the data")


def _print_network(document: dict[str, Any], cost: Cost) -> None:
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
    print_sentence(
        f"\nmemory about {in_bytes(cost.memory_bytes)}{too_much}; an epoch is "
        f"{cost.steps_per_epoch:,} steps of {cost.batch_rows:,} rows, "
        f"{cost.multiply_adds_per_epoch:.3g} multiply-adds",
        hang=2,
    )
    if cost.shards > 1:
        print_sentence(_shards_line(cost), hang=2)


def _shards_line(cost: Cost) -> str:
    plan = f"a step is cut into {cost.shards} shards, for {counted(cost.threads, 'thread')}"
    if cost.threads == 1:
        return plan
    return (
        f"{plan}: about {cost.speed_up:.1f} times as many rows a second as one thread takes uncut "
        "(docs/scaling.md)"
    )


def _print_training(document: dict[str, Any], dataset: Dataset) -> None:
    """Print how inputs are scaled, rows weighed, and what else is trained than one network."""
    scale = dataset.scale
    if scale.reason and dataset.encoding.inputs.numeric.any():
        print_sentence(f"numeric inputs scaled by {scale.name}: {scale.reason}", hang=2)
    if document["weights"] is not None:
        print_sentence(_weights_line(**document["weights"]), hang=2)
    if document["ensemble"] is not None:
        print_sentence(document["ensemble"]["text"], hang=2)
    if document["sweep"] is not None:
        print_sentence(f"sweep: {document['sweep']['plan']}", hang=2)


def _weights_line(column: str | None, mean: float, classes: dict[str, float] | None) -> str:
    by = [f"column {column}"] if column is not None else []
    if classes is not None:
        each = listing(f"{label} {format_number(weight)}" for label, weight in classes.items())
        by.append(f"class ({each})")
    how = f"divided by the training rows' mean, {format_number(mean)}"
    return f"rows weigh by {' and '.join(by)}; {how}"


def print_to_beat(dataset: Dataset, to_beat: Baselines) -> None:
    """Print the best baseline in a line, then all of them in a table, and what to know of it."""
    best, names = to_beat.best, baseline_names(dataset)
    between = "" if math.isnan(best.low) else f" (95 % interval {_interval(best)})"
    print_sentence(
        f"to beat: {best.metric} {format_number(best.value)}{between} on the "
        f"{counted(to_beat.rows, f'{best.part} row')}, by {names[best.name]}",
        hang=2,
    )
    print_result()
    found = {(score.name, score.metric): score for score in to_beat.scores}
    other = next(metric for metric in to_beat.metrics if metric != best.metric)
    rows = []
    for name in dict.fromkeys(score.name for score in to_beat.scores):
        one = found[name, best.metric]
        rows.append([names[name], one.value, _interval(one), found[name, other].value])
    table(["baseline", best.metric, "95 % interval", other], rows)
    for note in to_beat.notes:
        print_sentence(note, hang=2)


def _interval(score: BaselineScore) -> str:
    if math.isnan(score.low):
        return ""
    return f"{format_number(score.low)} to {format_number(score.high)}"
