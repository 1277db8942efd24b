"""mlp replay RUN."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.completion import complete_run
from mlpcli.cli.console import print_error, print_json, print_note, print_result
from mlpcli.cli.options import Debug, Json, Quiet
from mlpcli.cli.signals import StopRequest
from mlpcli.cli.training_options import ProgressKind
from mlpcli.errors import counted

if TYPE_CHECKING:
    from mlpcli.cli.progress import NoProgress
    from mlpcli.runs.recorded_run import RecordedRun
    from mlpcli.runs.replay import Outcome
    from mlpcli.runs.what_changed import Change
    from mlpcli.training.training import Training


@verb
def replay(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="The directory of a finished run.", autocompletion=complete_run
        ),
    ],
    progress: ProgressKind = "auto",
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int | None:
    """Train a run again, and compare it bit by bit.

    From the run's own spec and data: metrics.csv and replicas.csv, `seconds` aside, then the
    model's tensors and its description. Training ends at the first difference. The exit code is 0
    where all bits are the same; else 1, with what differs first, how far, and what has changed
    since: CPU kernel, BLAS, NumPy, pandas, Python, mlp, the spec. Other data are found before
    anything is trained. Nothing in the run is changed.

    \b
    Examples:
      mlp replay runs/digits-20261123-101500
      mlp replay -q runs/old || echo "other bits"
    """
    from mlpcli.runs.difference import Difference
    from mlpcli.runs.recorded_run import read_run
    from mlpcli.runs.replay import Outcome, prepare
    from mlpcli.runs.replay import replay as train_again
    from mlpcli.runs.what_changed import changed_machine, changed_spec

    recorded = read_run(run)
    if recorded.model.is_damaged:
        print_error(f"{recorded.path}: the model file is damaged: its checksum does not match")
    prepared, stop = prepare(recorded), StopRequest()
    if isinstance(prepared, Difference):
        outcome = Outcome(difference=prepared)
    else:
        shown = _shown(recorded, prepared, "none" if quiet or json else progress)
        with stop, closing(shown):
            outcome = train_again(recorded, prepared, stop, shown.show)
    if outcome.interrupted:
        raise KeyboardInterrupt(stop.signal)
    changes = [*changed_machine(recorded), *changed_spec(recorded)]
    if json:
        print_json(_document(recorded, outcome, changes))
    elif not quiet:
        _print(outcome, changes)
    return None if outcome.difference is None else 1


def _shown(run: RecordedRun, training: Training, progress: str) -> NoProgress:
    from mlpcli.cli.progress import progress_for

    if progress != "none":
        print_note(f"training {run.path} again")
    return progress_for(progress, training.spec.training.epochs, training.columns)


def _document(recorded: RecordedRun, outcome: Outcome, changes: list[Change]) -> dict[str, Any]:
    found = outcome.difference
    difference = None
    if found is not None:
        difference = {"kind": found.kind, **found.where, "then": found.then, "now": found.now}
    return {
        "run": str(recorded.path),
        "same": found is None,
        "epochs": outcome.epochs,
        "tensors": outcome.tensors,
        "difference": difference,
        "changed": [asdict(each) for each in changes],
    }


def _print(outcome: Outcome, changes: list[Change]) -> None:
    from mlpcli.runs.what_changed import listed

    found = outcome.difference
    if found is None:
        what = f"{counted(outcome.epochs, 'epoch')}, {counted(outcome.tensors, 'tensor')}"
        print_result(f"the same bits: {what}")
        lines, head = listed(changes), "though these have changed since:"
    else:
        print_result(f"not the same bits: {found.sentence()}")
        lines, head = listed(changes), "changed since:"
    if changes:
        print_result(head)
        for line in lines:
            print_result(f"  {line}")
    elif found is not None and found.kind != "data":
        print_result("CPU kernel, BLAS, NumPy, pandas, Python, mlp, spec and data are as they were")
