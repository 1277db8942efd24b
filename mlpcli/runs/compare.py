"""Runs side by side: their metrics, what differs in their specs, and differences on the same rows.

The first run named is the base that the others are compared with.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Part
from mlpcli.errors import RunError, UsageError, nearest
from mlpcli.runs.directory import find_model
from mlpcli.runs.evaluate import NoSuchPartError, load_parts
from mlpcli.runs.metrics_file import read_metrics
from mlpcli.runs.model_file import Model, load_model
from mlpcli.runs.names import MANIFEST, MODEL
from mlpcli.runs.names import METRICS as METRICS_FILE
from mlpcli.runs.status import why_not_final
from mlpcli.training.evaluation import Scores, evaluate, row_losses
from mlpcli.training.intervals import Interval, metric_difference, rows_difference
from mlpcli.training.metrics import METRICS, greater_is_better

LOSS = "loss"
STUDY = "study.log"  # of `mlp sweep`, in a directory beside the runs
# Of the spec: the table shows the seed by itself, and where a file lies says nothing of a model.
SEEDS = (("seed",), ("data", "split", "seed"))
NOT_COMPARED = (*SEEDS, ("data", "path"), ("data", "split", "files"))


@dataclass(frozen=True)
class Contender:
    """A run among those compared.

    run     as it was named
    split   the name of the part that it is scored on
    source  the SHA-256 of that part's file, where each run has its own; else empty
    """

    run: str
    path: Path
    model: Model
    split: str
    part: Part
    source: str
    scores: Scores

    @property
    def n_networks(self) -> int:
        """How many networks the model is: of an ensemble those that it averages."""
        return math.prod(self.model.network.lane_shape)

    @property
    def n_params(self) -> int:
        """How many parameters the model has: those of each network, counted in all of them."""
        return self.n_networks * self.model.network.architecture.layout.n_params

    @property
    def seconds(self) -> float | None:
        """How long training took, where the run's files are there to say so.

        The manifest of a run that is not finished does not: then it is the sum of its epochs'.
        """
        try:
            result = json.loads((Path(self.run) / MANIFEST).read_text("utf-8"))["result"]
            return float(result["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            spent = [row.get("seconds", math.nan) for row in self.history]
            return math.fsum(spent) if spent and not any(map(math.isnan, spent)) else None

    @property
    def history(self) -> list[dict[str, float]]:
        """The rows of metrics.csv that the model's epochs have; none where it is a model file."""
        rows = read_metrics(Path(self.run) / METRICS_FILE)
        last = self.model.training.get("epochs")  # a run that goes on has rows of later ones
        return rows[:last] if isinstance(last, int) else rows


@dataclass(frozen=True)
class Comparison:
    """A run against the base: run − base on the same rows, and what it shows.

    interval  None where they are not compared
    verdict   better, worse, no difference shown, or not compared: why
    """

    run: Contender
    interval: Interval | None
    verdict: str


def study_note(name: str) -> str:
    """Return what the directory of a sweep is, and which command shows it."""
    return f"a sweep's study, which mlp report {shlex.quote(name)} shows"


def no_run(name: str) -> str:
    """Return why a name, one of several such as `runs/*` has, is no run; empty: it may be one.

    What does not exist, or is damaged, is not looked at here: that is an error.
    """
    path = Path(name)
    if path.is_dir():
        try:
            find_model(name)
        except RunError as error:
            return study_note(name) if (path / STUDY).is_file() else str(error).partition(": ")[2]
    elif path.is_file() and path.suffix != Path(MODEL).suffix:
        with path.open("rb") as file:  # a model file begins with the length of its header
            begins = file.read(9)
        return "" if begins.endswith(b"{") and len(begins) == 9 else "not a model file"  # noqa: PLR2004
    return ""


def load_contender(run: str, data: str | None, split: str | None) -> Contender:
    """Return a run scored on one part of its data, or of a file that all are scored on."""
    path = find_model(run)
    model = load_model(path)
    wanted = "test" if split is None and data is None else split
    try:
        parts, *_ = load_parts(model, data, wanted)
    except NoSuchPartError:
        if split is not None:
            raise
        raise RunError(
            f"{run}: it has no test rows; choose others with --split, or name a file with --data"
        ) from None
    name = wanted or ("test" if "test" in parts else next(iter(parts)))
    if wanted is None and name != "test" and len(parts) > 1:
        names = ", ".join(parts)
        raise UsageError(f"{data}: there are no test rows for {run}; choose with --split: {names}")
    part = parts[name]
    source = "" if data else model.sha256.get("data" if model.codes is not None else name, "")
    scores = evaluate(model.network, model.encoding, part, model.temperature)
    return Contender(run, path, model, name, part, source, scores)


def unfinished(contender: Contender) -> str:
    """Return in a sentence that a run goes on, or was killed; empty: its model is its last one."""
    path = contender.path
    return (
        why_not_final(path.parent, contender.model.training.get("epochs"))
        if path.name == MODEL
        else ""
    )


def of_one_question(
    contenders: Sequence[Contender], *, strict: bool = False
) -> tuple[list[Contender], list[str]]:
    """Return the runs with the first one's task and targets, and a sentence on each other one.

    strict  whether all must have them
    Raises UsageError where no other run has them, RunError where all must and one has not: no
    metric is of them all.
    """
    first, kept, notes = contenders[0], [], []
    for each in contenders:
        if _question(each) == _question(first):
            kept.append(each)
        else:
            notes.append(f"{each.run} is {_question(each)} and {first.run} is {_question(first)}")
    if notes and (strict or len(kept) == 1):
        raise (RunError if strict else UsageError)(f"{notes[0]}: they cannot be compared")
    return kept, [f"{note}; left out" for note in notes]


def _question(contender: Contender) -> str:
    encoding = contender.model.encoding
    return f"{encoding.task} on {', '.join(encoding.target.names)}"


def choose_metric(contenders: Sequence[Contender], name: str | None) -> str:
    """Return the metric to compare by: `name`, or the first that is the better the greater it is.

    That is accuracy, or r2 of regression. Raises UsageError where not all runs have it, or where
    their losses are not one and the same function.
    """
    shared = [
        metric
        for metric in contenders[0].scores.metrics
        if all(metric in contender.scores.metrics for contender in contenders)
    ]
    if name is None:
        return next(f for f in shared if f != LOSS and METRICS[f].greater_is_better)
    if name not in shared:
        near = nearest(name, shared)
        hint = f"; did you mean {near}?" if near else ""
        raise UsageError(
            f"--metric {name}: not all of these runs have this metric; they share: "
            f"{', '.join(shared)}{hint}"
        )
    if name == LOSS and len({_loss_of(contender) for contender in contenders}) > 1:
        raise UsageError(
            "--metric loss: the losses of these runs are not one function in one unit; compare by "
            f"a metric: {', '.join(f for f in shared if f != LOSS)}"
        )
    return name


def _loss_of(contender: Contender) -> tuple[Any, ...]:
    """Return all that makes a loss the function that it is: settings, unit, weights."""
    encoding, weights = contender.model.encoding, contender.model.encoding.weights
    weighed = None
    if contender.part.weight is not None and weights is not None:
        by_class = None if weights.by_class is None else tuple(weights.by_class)
        weighed = (weights.column, by_class)
    return repr(contender.model.network.architecture.loss), repr(encoding.target), weighed


def have_one_loss(contenders: Sequence[Contender]) -> bool:
    """Whether their losses are one function, though perhaps in units that differ a little."""
    return len({_loss_of(contender)[0] for contender in contenders}) == 1


def best_first(contenders: Sequence[Contender], metric: str) -> list[Contender]:
    """Return the runs sorted, the best first; equal ones as named, undefined ones last."""
    sign = -1 if greater_is_better(metric) else 1

    def key(contender: Contender) -> tuple[bool, float]:
        value = contender.scores.metrics[metric]
        return math.isnan(value), 0.0 if math.isnan(value) else sign * value

    return sorted(contenders, key=key)


def same_rows(one: Contender, other: Contender) -> bool:
    """Whether two runs are scored on the same rows of the same file, in the same order."""
    return one.source == other.source and np.array_equal(one.part.rows, other.part.rows)


def drawn_seed(contender: Contender) -> int | None:
    """Return the seed that its parts were drawn from; None where they were not drawn."""
    spec = contender.model.spec
    split = spec.data.split
    if contender.model.codes is None or split.column is not None or split.time is not None:
        return None
    return spec.seed if split.seed is None else split.seed


def seed_to_share(run: Contender, base: Contender) -> int | None:
    """Return the `data.split.seed` that gives `run` the rows of the base; None: no seed would.

    The runs are of one file, and what their specs say of the split differs by the seed alone.
    """
    seeds = drawn_seed(run), drawn_seed(base)
    if same_rows(run, base) or None in seeds or seeds[0] == seeds[1] or not base.source:
        return None
    splits = [each.model.spec.data.split.model_copy(update={"seed": 0}) for each in (run, base)]
    targets = [each.model.spec.data.targets for each in (run, base)]
    same = run.source == base.source and splits[0] == splits[1] and targets[0] == targets[1]
    return seeds[1] if same else None


def compare(run: Contender, base: Contender, metric: str) -> Comparison:
    """Return a run against the base; the difference has the sign of run − base."""
    if not same_rows(run, base):
        return Comparison(run, None, "not compared: other rows")
    if len(run.part) < 2:  # noqa: PLR2004
        return Comparison(run, None, "not compared: one row")
    if not np.isfinite([run.scores.metrics[metric], base.scores.metrics[metric]]).all():
        return Comparison(run, None, f"not compared: {metric} is not defined")
    with np.errstate(all="ignore"):
        if metric == LOSS:
            found = rows_difference(_row_losses(run), _row_losses(base))
        else:
            found = metric_difference(METRICS[metric](), run.scores.outcome, base.scores.outcome)
    if not np.isfinite([found.estimate, found.low, found.high]).all():
        return Comparison(run, None, f"not compared: {metric} is rarely defined on rows drawn anew")
    if found.low <= 0 <= found.high:
        return Comparison(run, found, "no difference shown")
    better = (found.low > 0) == greater_is_better(metric)
    return Comparison(run, found, "better" if better else "worse")


def _row_losses(contender: Contender) -> Array:
    """Return each row's part in the loss, weighted as that is: their mean is the loss."""
    part, model = contender.part, contender.model
    losses = row_losses(model.network, model.encoding, part, model.temperature)
    if part.weight is None:
        return losses
    return losses * part.weight / np.mean(part.weight, dtype=np.float64)


def differing_keys(contenders: Sequence[Contender]) -> dict[tuple[str | int, ...], list[Any]]:
    """Return the keys of the specs that are not the same in all runs, with each run's value."""
    plain = [contender.model.spec.model_dump() for contender in contenders]
    found = _differing((), plain)
    return {path: values for path, values in found if path not in NOT_COMPARED}


def _differing(
    path: tuple[str | int, ...], values: list[Any]
) -> Iterator[tuple[tuple[str | int, ...], list[Any]]]:
    """Yield the smallest parts that differ: members of one name and lists of one length inside."""
    first = values[0]
    if all(value == first for value in values):
        return
    if all(isinstance(v, dict) and v.get("name") == first.get("name") for v in values):
        for key in dict.fromkeys(key for value in values for key in value):
            yield from _differing((*path, key), [value.get(key) for value in values])
    elif all(isinstance(v, list) and len(v) == len(first) for v in values):
        for k in range(len(first)):
            yield from _differing((*path, k), [value[k] for value in values])
    else:
        yield path, values
