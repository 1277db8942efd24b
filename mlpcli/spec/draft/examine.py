"""A table examined for a first spec: loaded, diagnosed, decided, until nothing new is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlpcli.data.data_options import DataOptions
from mlpcli.data.dataset import Dataset
from mlpcli.data.diagnosis import oddities
from mlpcli.data.loading import load_dataset
from mlpcli.data.splitting import SplitOptions
from mlpcli.errors import DataError
from mlpcli.spec.draft.decisions import Decisions
from mlpcli.spec.draft.unreadable import mend, open_table

MOST_ROUNDS = 4  # the third is rarely needed: a leak may hide another one


@dataclass(frozen=True)
class Examined:
    """A data set as the drafted spec has it, and what was decided."""

    dataset: Dataset
    decisions: Decisions


def examine(path: str, targets: Sequence[str], task: str | None = None) -> Examined:
    """Return a table's data set and what a spec should say of it.

    task  None: by the targets' values
    Raises DataError where no spec would do: the table cannot be read, or the target is none.
    """
    decisions = Decisions()
    options = with_decisions(
        DataOptions(targets=targets, path=path, task=task, suggest_logarithm=True), decisions
    )
    try:
        dataset = load_dataset(options)
    except DataError:
        given = options
        options, table = open_table(options)
        mended = mend(table, options)
        if not mended and options is given:
            raise
        for name, each in mended.items():
            decisions.read(name, each.reading, each.why)
        options = with_decisions(options, decisions)
        dataset = load_dataset(options)
    for _ in range(MOST_ROUNDS):
        if not decisions.decide(dataset, oddities(dataset)):
            break
        options = with_decisions(options, decisions)
        dataset = load_dataset(options)
    return Examined(dataset, decisions)


def with_decisions(options: DataOptions, decisions: Decisions) -> DataOptions:
    """Return the options that the drafted spec stands for."""
    by = decisions.split
    split = SplitOptions(
        group=by.get("group"), time=by.get("time"), column=by.get("column"), is_default=not by
    )
    exclude = [name for name in decisions.exclude if name not in decisions.split.values()]
    return replace(options, exclude=exclude, columns=decisions.kept_readings, split=split)
