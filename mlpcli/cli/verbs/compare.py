"""mlp compare RUN…."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.completion import complete_metric, complete_run
from mlpcli.cli.console import print_json, print_note
from mlpcli.cli.options import Debug, Json, Quiet
from mlpcli.errors import RunError, UsageError

if TYPE_CHECKING:
    from mlpcli.runs.compare import Comparison, Contender

ODD_ENDS = {"interrupted": "its training was interrupted", "diverged": "its training diverged"}


Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN", help="Run directories or model files.", autocompletion=complete_run
    ),
]
MetricName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The metric to compare by, or loss; by default accuracy or r2.",
        autocompletion=complete_metric,
    ),
]
SplitName = Annotated[
    Literal["train", "validation", "test"] | None,
    typer.Option(help="The rows to compare on; by default the test rows."),
]
Data = Annotated[
    str | None, typer.Option(metavar="FILE", help="The data; by default each run's own.")
]
FailIfWorse = Annotated[
    bool, typer.Option("--fail-if-worse", help="Exit with 1 if a later run is shown to be worse.")
]


@verb
def compare(
    runs: Runs,
    metric: MetricName = None,
    split: SplitName = None,
    data: Data = None,
    fail_if_worse: FailIfWorse = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int | None:
    """Compare runs: a table, best first, and what the same rows show.

    Each later run is compared with the first one named, on the same rows: the difference (run minus
    first), its 95 % interval and its method, and a verdict. The verdict is of these trained
    networks: another seed may differ by more. Runs of several seeds have the same test rows where
    data.split.seed is given; runs whose rows are not the same are compared by --data FILE, with
    rows that no run has seen.

    With --fail-if-worse the exit code is 1 if any later run is shown to be worse than the first,
    5 if none is but one could not be compared with it, else 0; with -q nothing is printed.

    \b
    Examples:
      mlp compare runs/iris-*
      mlp compare runs/old runs/new --metric log_loss --fail-if-worse -q
      mlp compare old.safetensors new.safetensors --data unseen.csv --json
    """
    from mlpcli.cli.comparison import print_comparison
    from mlpcli.runs import compare as side_by_side

    if fail_if_worse and len(runs) == 1:
        raise UsageError("--fail-if-worse: name two runs or more")
    runs, left_out = _runs_among(runs, strict=fail_if_worse)
    if data == "-" and len(runs) > 1:
        raise UsageError("--data -: standard input can be read only once; name a file")
    contenders = [_contender(run, data, split) for run in runs]
    contenders, others = side_by_side.of_one_question(contenders, strict=fail_if_worse)
    left_out += others
    metric = side_by_side.choose_metric(contenders, metric)
    base = contenders[0]
    ranked = side_by_side.best_first(contenders, metric)
    found = [side_by_side.compare(run, base, metric) for run in ranked if run is not base]
    if json:
        notes = [*left_out, *(note for each in contenders for note in _notes(each))]
        print_json({**_document(ranked, base, found, metric), "notes": notes})
    elif not (quiet and fail_if_worse):
        if not quiet:
            for line in [*left_out, *filter(None, map(_odd_end, ranked))]:
                print_note(line)
        print_comparison(ranked, base, found, metric, quiet=quiet)
    return _exit_code(found, base) if fail_if_worse else None


def _runs_among(names: list[str], *, strict: bool) -> tuple[list[str], list[str]]:
    """Return the names that may be runs, and a sentence on each other one.

    strict  all of them are to be runs: what is none will be an error
    """
    from mlpcli.runs.compare import no_run

    if strict or len(names) == 1:
        return names, []
    why = {name: no_run(name) for name in names}
    runs = [name for name in names if not why[name]] or names
    return runs, [f"{name}: {why[name]}; left out" for name in names if name not in runs]


def _contender(run: str, data: str | None, split: str | None) -> Contender:
    from mlpcli.cli.describe import note_on_changes
    from mlpcli.runs.compare import load_contender

    contender = load_contender(run, data, split)
    note_on_changes(contender.path, contender.model)
    return contender


def _notes(contender: Contender) -> list[str]:
    """Return what there is to know of a run that has not ended, or not well."""
    from mlpcli.runs.compare import unfinished

    return [note for note in (unfinished(contender), _odd_end(contender)) if note]


def _odd_end(contender: Contender) -> str:
    how = ODD_ENDS.get(str(contender.model.training.get("reason")))
    return "" if how is None else f"{contender.run}: {how}"


def _exit_code(found: list[Comparison], base: Contender) -> int | None:
    """Return 1 where a run is worse; 5, having said why, where that could not be looked at."""
    from mlpcli.cli.comparison import advice_on_rows

    if any(each.verdict == "worse" for each in found):
        return 1
    for each in found:
        if each.interval is None:
            why, advice = each.verdict.partition(": ")[2], advice_on_rows(each, base)
            why += f"; {advice}" if advice else ""
            raise RunError(f"{each.run.run}: --fail-if-worse: not compared with {base.run}: {why}")
    return None


def _document(
    ranked: list[Contender], base: Contender, found: list[Comparison], metric: str
) -> dict[str, Any]:
    from mlpcli.runs.compare import differing_keys
    from mlpcli.spec.yaml_reader import dotted
    from mlpcli.training.metrics import greater_is_better

    return {
        "metric": metric,
        "greater_is_better": greater_is_better(metric),
        "base": base.run,
        "runs": [
            {
                "run": each.run,
                "model": str(each.path),
                "seed": each.model.spec.seed,
                "parameters": each.n_params,
                "networks": each.n_networks,
                **{key: each.model.training.get(key) for key in ("reason", "epochs", "best_epoch")},
                "seconds": each.seconds,
                "split": each.split,
                "rows": each.scores.rows,
                "scores": each.scores.metrics,
            }
            for each in ranked
        ],
        "comparisons": [_plain(each, base) for each in found],
        "differs": {dotted(path): values for path, values in differing_keys(ranked).items()},
    }


def _plain(comparison: Comparison, base: Contender) -> dict[str, Any]:
    from mlpcli.runs.compare import same_rows

    found = comparison.interval
    return {
        "run": comparison.run.run,
        "same_rows": same_rows(comparison.run, base),
        "difference": None if found is None else found.estimate,
        "interval": None if found is None else [found.low, found.high],
        "level": None if found is None else found.level,
        "method": None if found is None else found.method,
        "verdict": comparison.verdict,
    }
