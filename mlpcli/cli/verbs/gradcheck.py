"""mlp gradcheck SPEC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.options import Debug, Json, Overrides, Quiet, Seed, SpecPath

if TYPE_CHECKING:
    from mlpcli.nn.gradcheck import GradientCheck


@verb
def gradcheck(
    spec: SpecPath,
    overrides: Overrides = None,
    seed: Seed = None,
    samples: Annotated[
        int, typer.Option(min=1, metavar="N", help="Entries to check in each larger tensor.")
    ] = 256,
    all: Annotated[bool, typer.Option("--all", help="Check every entry.")] = False,  # noqa: A002
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Use made-up data: the spec's need not exist.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int | None:
    """Prove the gradient of a spec's network on its data.

    Against central differences, in float64, on the first batch as training sees it, at the random
    beginning, with L1 and L2, weights of rows, and frozen dropout masks. Exit code 0: every tensor
    passed. 1: at least one did not, or rounding could hide that it should not have.

    \b
    Examples:
      mlp gradcheck configs/digits.yaml
      mlp gradcheck configs/iris.yaml --all --json
    """
    from mlpcli.cli.console import say_json
    from mlpcli.nn.gradcheck import check_gradient
    from mlpcli.spec.load import load_spec
    from mlpcli.training.first_batch import first_batch, synthetic_batch

    loaded = load_spec(spec, overrides or (), seed)
    batch = synthetic_batch(loaded) if synthetic else first_batch(loaded)
    found = check_gradient(
        batch.architecture,
        batch.theta,
        batch.X,
        batch.target,
        added=batch.added,
        samples=None if all else samples,
        seed=loaded.spec.seed,
    )
    if json:
        say_json(_document(found, batch))
    elif not quiet:
        _print(found, batch)
    return None if found.passed else 1


def _document(found: GradientCheck, batch: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "passed": found.passed,
        "tolerance": found.tolerance,
        "value": found.value,
        "resolution": found.resolution,
        "rows": len(batch.X),
        "tensors": [asdict(tensor) for tensor in found.tensors],
        "directions": asdict(found.directions),
    }


def _print(found: GradientCheck, batch: Any) -> None:
    from mlpcli.cli.console import note, say, table
    from mlpcli.cli.describe import network_line
    from mlpcli.errors import counted

    note(network_line(batch.architecture))
    n = counted(len(batch.X), "row")
    note(f"{batch.source}: a batch of {n}, float64, at the random beginning")
    rows: list[list[Any]] = [
        [
            tensor.name,
            tensor.entries,
            tensor.checked,
            tensor.redrawn,
            f"{tensor.worst:.1e}",
            str(list(tensor.where)),
            f"{tensor.analytic:.6g}",
            f"{tensor.numeric:.6g}",
            _verdict(tensor),
        ]
        for tensor in found.tensors
    ]
    along = found.directions
    title = f"{along.directions} random directions"
    rows.append([title, "", along.directions, along.redrawn, f"{along.worst:.1e}", "", "", ""])
    rows[-1].append(_verdict(along))
    header = ["tensor", "entries", "checked", "redrawn", "worst error"]
    table([*header, "at", "backpropagation", "differences", "verdict"], rows)
    say(f"\n{_sentence(found, batch)}")


def _sentence(found: GradientCheck, batch: Any) -> str:
    import numpy as np

    if found.is_blunt:
        largest = float(np.max(np.abs(batch.X), initial=0.0))
        return (
            f"NOT PROVED: J is {found.value:.3g} with inputs up to {largest:.3g}; rounding could "
            f"hide an error of {100 * found.resolution:.2g} %. Scale the data"
        )
    verdict = "every tensor passed" if found.passed else "THE GRADIENT IS WRONG"
    return f"{verdict}: largest relative error allowed {found.tolerance:g}"


def _verdict(part: Any) -> str:
    if part.passed:
        return "pass"
    return f"FAIL, {part.undecided} undecided" if part.undecided else "FAIL"
