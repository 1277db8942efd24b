"""What `mlp compare` prints: the runs, best first, their differences, their curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpcli.cli.console import print_note, print_result, print_sentence, table
from mlpcli.errors import counted

if TYPE_CHECKING:
    from mlpcli.runs.compare import Comparison, Contender

MAX_KEYS = 4  # of the specs that differ; more columns are no longer read


def print_comparison(
    ranked: list[Contender],
    base: Contender,
    found: list[Comparison],
    metric: str,
    *,
    quiet: bool,
) -> None:
    """Print the runs, the differences and, but for -q, the curves of their losses."""
    from mlpcli.cli.loss_curve import print_curves
    from mlpcli.runs.compare import have_one_loss

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
        return _listed(value)
    return value if isinstance(value, str) else shown(value)


def _listed(entries: list[Any]) -> str:
    """Return a list in a word or two: layers as `64-32`, members by their names.

    >>> _listed([{"units": 64}, {"units": 32}]), _listed([{"name": "flip"}]), _listed([])
    ('64-32', 'flip', 'none')
    """
    if not entries:
        return "none"
    for key, between in (("units", "-"), ("name", ", ")):
        if all(isinstance(each, dict) and key in each for each in entries):
            return between.join(str(each[key]) for each in entries)
    return counted(len(entries), "entry", "entries")


def _print_comparisons(found: list[Comparison], base: Contender, metric: str) -> None:
    paired = [each for each in found if each.interval is not None]
    if paired:
        which = "" if base.split == "all" else f"{base.split} "
        same = f"the same {base.scores.rows:,} {which}rows"
        print_sentence(f"\nagainst {base.run}, on {same}: {metric}, run minus {base.run}")
        rows = [[each.run.run, *_interval_cells(each), each.verdict] for each in found]
        table(["run", "difference", "95 % interval", "method", "verdict"], rows)
    else:
        print_result()
        for each in found:
            print_sentence(f"{each.run.run} and {base.run}: {each.verdict}")
    if len(paired) > 1:
        print_sentence(
            "where nothing differs, 1 in 20 such intervals leaves out 0 by chance: "
            f"of these {len(paired)}, {0.05 * len(paired):.2g} on average"
        )
    if any("other rows" in each.verdict for each in found):
        print_sentence(
            "other rows: not the same rows of the same file; to compare, name one that no run has "
            "seen: --data FILE"
        )
    for each in found:
        advice = advice_on_rows(each, base)
        if advice:
            print_sentence(advice)


def advice_on_rows(comparison: Comparison, base: Contender) -> str:
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
