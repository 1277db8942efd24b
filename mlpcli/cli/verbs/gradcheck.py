"""mlp gradcheck SPEC."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpcli import __version__
from mlpcli.cli.checked_package import package, warning
from mlpcli.cli.command import verb
from mlpcli.cli.console import print_error, print_json, print_note, print_result, table
from mlpcli.cli.options import Debug, Json, Overrides, Quiet, Seed, SpecPath
from mlpcli.errors import counted

if TYPE_CHECKING:
    from mlpcli.training.gradcheck import SpecCheck, StepCheck


@verb
def gradcheck(
    spec: SpecPath,
    overrides: Overrides = None,
    seed: Seed = None,
    samples: Annotated[
        int, typer.Option(min=1, metavar="N", help="Entries to check of each tensor that has more.")
    ] = 256,
    all: Annotated[bool, typer.Option("--all", help="Check every entry.")] = False,  # noqa: A002
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Use synthetic data; the spec's need not exist.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int | None:
    """Prove the gradient and the update of a spec's training.

    The gradient that the first training step leaves on the spec's data, in float64, on its first
    batch (augmented, weighted, with the step's dropout masks and noise), against central
    differences of J with its penalties; then the steps themselves against the optimizer's published
    formula.

    \b
    Examples:
      mlp gradcheck configs/digits.yaml
      mlp gradcheck configs/iris.yaml --all --json
    """
    from mlpcli.spec.load import load_spec
    from mlpcli.training.gradcheck import check_spec
    from mlpcli.training.metrics import METRICS

    loaded = load_spec(spec, overrides or (), seed, METRICS)
    found = check_spec(loaded, synthetic=synthetic, samples=None if all else samples)
    if json:
        print_json({**_document(found.step), "package": str(package())})
    elif not quiet:
        _print(found)
    elsewhere = warning()
    if elsewhere:
        print_error(elsewhere)
    return None if found.step.passed else 1


def _document(found: StepCheck) -> dict[str, Any]:
    gradient = found.gradient
    return {
        "passed": found.passed,
        "tolerance": gradient.tolerance,
        "value": gradient.value,
        "resolution": gradient.resolution,
        "rows": len(found.X),
        "tensors": [asdict(tensor) for tensor in gradient.tensors],
        "directions": asdict(gradient.directions),
        "update": asdict(found.update),
    }


def _print(found: SpecCheck) -> None:
    from mlpcli.cli.describe import network_line

    print_note(f"checking mlpcli {__version__} in {package()}")
    print_note(network_line(found.architecture))
    n = counted(len(found.step.X), "row")
    print_note(f"{found.source}: a batch of {n}, float64, at the initial parameters")
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
        for tensor in found.step.gradient.tensors
    ]
    along, update = found.step.gradient.directions, found.step.update
    title = f"{along.directions} random directions"
    rows.append([title, "", along.directions, along.redrawn, f"{along.worst:.1e}", "", "", ""])
    rows[-1].append(_verdict(along))
    title = f"update  {update.optimizer}  {update.formula}"
    rows.append([title, "", update.steps, "", f"{update.worst:.1e}", "", "", ""])
    rows[-1].append("pass" if update.passed else "FAIL")
    header = ["tensor", "entries", "checked", "redrawn", "worst error"]
    table([*header, "at", "backpropagation", "differences", "verdict"], rows)
    print_result(f"\n{_sentence(found.step)}")


def _sentence(found: StepCheck) -> str:
    import numpy as np

    gradient = found.gradient
    if np.isinf(gradient.resolution):
        return (
            "NOT PROVED: this batch has no gradient at all, as where every row weighs 0 or dropout "
            "keeps no unit. Take a larger training.batch_size"
        )
    if gradient.inconclusive:
        largest = float(np.max(np.abs(found.X), initial=0.0))
        return (
            f"NOT PROVED: J is {gradient.value:.3g} with inputs up to {largest:.3g}; rounding "
            f"could hide an error of {100 * gradient.resolution:.2g} %. Scale the data"
        )
    verdict = "every tensor passed"
    if not found.update.passed:
        verdict = "THE UPDATE IS WRONG"
    if not gradient.passed:
        verdict = "THE GRADIENT IS WRONG"
    return f"{verdict}: largest relative error allowed {gradient.tolerance:g}"


def _verdict(part: Any) -> str:
    if part.passed:
        return "pass"
    return f"FAIL, {part.undecided} undecided" if part.undecided else "FAIL"
