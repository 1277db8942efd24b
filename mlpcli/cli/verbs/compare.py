"""mlp compare RUN…."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.completion import complete_metric, complete_run
from mlpcli.cli.console import print_json, print_note, print_result, table
from mlpcli.cli.options import Debug, Json, Quiet
from mlpcli.errors import RunError, UsageError

if TYPE_CHECKING:
    from mlpcli.runs.compare import Comparison, Contender

MAX_KEYS = 4  # of the specs that differ; more columns are no longer read
ODD_ENDS = {"interrupted": "its training was interrupted", "diverged": "its training diverged"}


@verb
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN", help="Run directories or model files.", autocompletion=complete_run
        ),
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="To compare by, or loss; else accuracy or r2.",
            autocompletion=complete_metric,
        ),
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="The rows to compare on; by default the test rows."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="The data; by default each run's own.")
    ] = None,
    fail_if_worse: Annotated[
        bool,
        typer.Option("--fail-if-worse", help="Exit with 1 if a later run is shown to be worse."),
    ] = False,
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
    from mlpcli.runs import compare as side_by_side

    if fail_if_worse and len(runs) == 1:
        raise UsageError("--fail-if-worse: name two runs or more")
    if data == "-" and len(runs) > 1:
        raise UsageError("--data -: standard input can be read only once; name a file")
    contenders = [_contender(run, data, split) for run in runs]
    side_by_side.check_same_question(contenders)
    metric = side_by_side.choose_metric(contenders, metric)
    base = contenders[0]
    ranked = side_by_side.best_first(contenders, metric)
    found = [side_by_side.compare(run, base, metric) for run in ranked if run is not base]
    if json:
        print_json(_document(ranked, base, found, metric))
    elif not (quiet and fail_if_worse):
        _print(ranked, base, found, metric, quiet=quiet)
    return _exit_code(found, base) if fail_if_worse else None


def _contender(run: str, data: str | None, split: str | None) -> Contender:
    from mlpcli.cli.describe import note_on_changes
    from mlpcli.runs.compare import load_contender

    contender = load_contender(run, data, split)
    note_on_changes(contender.path, contender.model)
    return contender


def _exit_code(found: list[Comparison], base: Contender) -> int | None:
    """Return 1 where a run is worse; 5, having said why, where that could not be looked at."""
    if any(each.verdict == "worse" for each in found):
        return 1
    for each in found:
        if each.interval is None:
            why, advice = each.verdict.partition(": ")[2], _advice(each, base)
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


def _print(
    ranked: list[Contender],
    base: Contender,
    found: list[Comparison],
    metric: str,
    *,
    quiet: bool,
) -> None:
    from mlpcli.cli.loss_curve import print_curves
    from mlpcli.runs.compare import have_one_loss

    for each in ranked if not quiet else ():
        how = ODD_ENDS.get(str(each.model.training.get("reason")))
        if how is not None:
            print_note(f"{each.run}: {how}")
    _print_runs(ranked, metric, quiet=quiet)
    if found:
        _print_comparisons(found, base, metric)
    histories = [(each.run, each.history) for each in ranked]
    if not quiet and all(rows for _, rows in histories):
        print_curves(histories)
        if not have_one_loss(ranked):
            problem = "the runs have different losses"
            print_note(f"{problem}: only the shapes of their curves can be compared")


def _print_runs(ranked: list[Contender], metric: str, *, quiet: bool) -> None:
    from mlpcli.runs.compare import differing_keys
    from mlpcli.spec.yaml_reader import dotted

    differing = differing_keys(ranked)
    keys = list(differing)[:MAX_KEYS]
    figures = [metric] if metric == "loss" else [metric, "loss"]
    splits = {each.split for each in ranked}
    rows = f"{ranked[0].split} rows" if len(splits) == 1 else "rows"
    several = ["networks"] if any(each.n_networks > 1 for each in ranked) else []
    header = ["run", *map(dotted, keys), "seed", *several, "parameters", "epoch", rows]
    table(
        [*header, *figures, "seconds"],
        [
            [
                each.run,
                *(_cell(differing[key][k]) for key in keys),
                each.model.spec.seed,
                *([each.n_networks] if several else []),
                each.n_params,
                each.model.training.get("best_epoch"),
                each.scores.rows,
                *(each.scores.metrics[name] for name in figures),
                each.seconds,
            ]
            for k, each in enumerate(ranked)
        ],
    )
    if len(differing) > MAX_KEYS and not quiet:
        print_note(f"{len(differing) - MAX_KEYS} more keys of the specs differ: they are in --json")


def _cell(value: Any) -> str:
    """Return a value of a spec in a word or two."""
    from mlpcli.spec.faults import shown

    if isinstance(value, dict) and "name" in value:
        return str(value["name"])
    inner = list(value.values()) if isinstance(value, dict) else []
    if inner and not any(isinstance(each, dict | list) for each in inner):
        return ", ".join(f"{key} {_cell(each)}" for key, each in value.items())
    if isinstance(value, list):
        return f"{len(value)} entr{'y' if len(value) == 1 else 'ies'}"
    return value if isinstance(value, str) else shown(value)


def _print_comparisons(found: list[Comparison], base: Contender, metric: str) -> None:
    paired = [each for each in found if each.interval is not None]
    if paired:
        which = "" if base.split == "all" else f"{base.split} "
        same = f"the same {base.scores.rows:,} {which}rows"
        print_result(f"\nagainst {base.run}, on {same}: {metric}, run minus {base.run}")
        rows = [[each.run.run, *_interval_cells(each), each.verdict] for each in found]
        table(["run", "difference", "95 % interval", "method", "verdict"], rows)
    else:
        print_result()
        for each in found:
            print_result(f"{each.run.run} and {base.run}: {each.verdict}")
    if len(paired) > 1:
        print_result(
            "where nothing differs, 1 in 20 such intervals leaves out 0 by chance: "
            f"of these {len(paired)}, {0.05 * len(paired):.2g} on average"
        )
    if any("other rows" in each.verdict for each in found):
        print_result(
            "other rows: not the same rows of the same file; to compare, name one that no run has "
            "seen: --data FILE"
        )
    for each in found:
        advice = _advice(each, base)
        if advice:
            print_result(advice)


def _advice(comparison: Comparison, base: Contender) -> str:
    """Return how a run comes to have the base's rows, where a seed is all that it needs."""
    from mlpcli.runs.compare import seed_to_share

    seed = seed_to_share(comparison.run, base)
    if seed is None:
        return ""
    return (
        f"to give {comparison.run.run} the rows of {base.run}, train it again with "
        f"--set data.split.seed={seed}"
    )


def _interval_cells(comparison: Comparison) -> list[str]:
    found = comparison.interval
    if found is None:
        return ["", "", ""]
    return [f"{found.estimate:+.4g}", f"{found.low:+.4g} to {found.high:+.4g}", found.method]
