"""The runs in a table, and what differs in their specs."""

from __future__ import annotations

from mlpcli.report.blocks import Section, Table, Text
from mlpcli.report.comparison.compared_runs import ComparedRuns
from mlpcli.report.settings import cell


def runs_table(runs: ComparedRuns) -> Section:
    """Return each run with its figures, the best first."""
    shared = [
        name
        for name in runs.base.scores.metrics
        if all(name in run.scores.metrics for run in runs.runs)
    ]
    figures = [runs.metric, *(name for name in shared if name != runs.metric)]
    several = ["networks"] if any(run.n_networks > 1 for run in runs.runs) else []
    rows = [
        [
            *(rank, runs.name(run), *(run.scores.metrics[name] for name in figures)),
            *(run.scores.rows, run.model.spec.seed, *[run.n_networks] * len(several)),
            *(run.n_params, *(run.model.training.get(key) for key in ("epochs", "best_epoch"))),
            run.seconds,
        ]
        for rank, run in enumerate(runs.ranked, 1)
    ]
    header = ["rank", "run", *figures, "rows", "seed", *several]
    header += ["parameters", "epochs", "best epoch", "seconds"]
    caption = f"The runs on {runs.rows_text}, the best {runs.metric} first."
    return Section("runs", "Runs", [Table(caption, header, rows, sortable=True)])


def specs(runs: ComparedRuns) -> Section:
    """Return the keys in which the specs differ."""
    title = "What differs in the specs"
    if not runs.differing:
        return Section("specs", title, [Text("Nothing but seeds and where the data lies.")])
    header = ["key", *(runs.name(run) for run in runs.ranked)]
    rows = [[key, *map(cell, values)] for key, values in runs.differing.items()]
    caption = "The keys whose values are not the same in all runs, seeds aside."
    return Section("specs", title, [Table(caption, header, rows)])
