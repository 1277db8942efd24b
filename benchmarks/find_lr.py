#!/usr/bin/env python3
"""Test losses of trainings at the rate of `mlp train --find-lr`, and at the spec's own.

Usage::

    python benchmarks/find_lr.py FOLDER    # all tables; prints the table of docs/find_lr.md
    python benchmarks/find_lr.py FOLDER --only concrete leaf --optimizers adam
    python benchmarks/find_lr.py FOLDER --factors 1 0.01 100   # the spec's rate, times these

FOLDER has NAME.json, with the `target`, and NAME.split0.csv, whose column `split` says train, val
or test. The spec is the smallest: table, target and two hidden layers, 128 and 64 relu; the
optimizer has its default rate, times the factor. --find-lr sees training and validation rows. Where
it suggests another rate, the spec is trained at both, to its end, with seeds that --find-lr has not
used, and the test losses are compared seed by seed.

Exit status: 0; 1 where a suggested rate is worse than the spec's by more than a standard error.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

for _library in ("OPENBLAS", "OMP", "MKL"):  # before NumPy is imported: as `mlp` itself runs
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

from mlpcli.data.dataset import Dataset  # noqa: E402
from mlpcli.nn.network import Network  # noqa: E402
from mlpcli.nn.optimizers import OPTIMIZERS  # noqa: E402
from mlpcli.randomness import replica_seed  # noqa: E402
from mlpcli.spec.load import load_spec  # noqa: E402
from mlpcli.spec.schema import Spec  # noqa: E402
from mlpcli.training.build import load_dataset  # noqa: E402
from mlpcli.training.evaluation import evaluate  # noqa: E402
from mlpcli.training.find_rate import find_rate  # noqa: E402
from mlpcli.training.lanes import Lane  # noqa: E402
from mlpcli.training.rate_trials import with_rate  # noqa: E402
from mlpcli.training.training import Training  # noqa: E402

SPEC = """
data: {{path: {path}, target: {target}, split: {{column: split}}}}
model: {{layers: [{{units: 128, activation: relu}}, {{units: 64, activation: relu}}]}}
"""
OTHER_SEEDS = 1000  # the seeds of the comparison are those of the spec's seed plus this
EXIT_WORSE = 1


@dataclass(frozen=True)
class Trained:
    """Means over the seeds of trainings at one rate; the losses of their best epochs."""

    validation: float
    test: list[float]
    diverged: int


@dataclass(frozen=True)
class Case:
    """One table with one optimizer at one rate of the spec.

    seconds    of processor time that --find-lr took
    at_spec    None where the spec's rate is kept: then there is nothing to compare
    difference mean of the test loss at the suggested rate less that at the spec's, and its
    error      standard error over the seeds; NaN where a training at the spec's rate diverged
    """

    table: str
    optimizer: str
    rows: int
    spec_rate: float
    verdict: str
    suggested: float | None
    seconds: float
    at_spec: Trained | None = None
    at_suggested: Trained | None = None
    difference: float = 0.0
    error: float = 0.0

    @property
    def is_worse(self) -> bool:
        """Whether the suggested rate is worse by more than a standard error."""
        if self.at_spec is None or self.at_suggested is None:
            return False
        if self.at_spec.diverged or self.at_suggested.diverged:
            return self.at_suggested.diverged > self.at_spec.diverged
        return self.difference > self.error


def measure(folder: Path, table: str, optimizer: str, factor: float, seeds: int) -> Case:
    """Find a rate; train at it and at the spec's, where they differ."""
    target = json.loads((folder / f"{table}.json").read_text("utf-8"))["target"]
    rate = OPTIMIZERS[optimizer].learning_rate * factor
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"{table}.yaml"
        data = (folder / f"{table}.split0.csv").resolve()
        path.write_text(SPEC.format(path=json.dumps(str(data)), target=json.dumps(target)), "utf-8")
        member = f"training.optimizer={{name: {optimizer}, learning_rate: {rate:g}}}"
        loaded = load_spec(str(path), [member])
        dataset = load_dataset(loaded)
    spec, begun = loaded.spec, time.process_time()
    found = find_rate(Training(spec, dataset, [Lane(spec, spec.seed)]))
    assert found is not None
    seconds = time.process_time() - begun
    rows = len(dataset.parts["train"])
    case = Case(table, optimizer, rows, rate, found.verdict, found.suggested, seconds)
    if found.verdict != "better":
        return case
    both = [train(spec, dataset, each, seeds) for each in (rate, found.suggested)]
    differences = [b - a for a, b in zip(both[0].test, both[1].test, strict=True)]
    error = statistics.stdev(differences) / math.sqrt(seeds)
    return Case(*list(asdict(case).values())[:7], *both, statistics.fmean(differences), error)


def train(spec: Spec, dataset: Dataset, rate: float, seeds: int) -> Trained:
    """Train to the end with several seeds, side by side."""
    each = with_rate(spec, rate)
    numbers = [replica_seed(spec.seed + OTHER_SEEDS, k) for k in range(seeds)]
    training = Training(each, dataset, [Lane(each, seed) for seed in numbers])
    for _ in training.run():
        pass
    losses = [
        [
            evaluate(
                Network(training.architecture, vector), dataset.encoding, dataset.parts[part]
            ).metrics["loss"]
            for vector in training.vectors
        ]
        for part in ("validation", "test")
    ]
    diverged = sum(ended is not None and ended.reason == "diverged" for ended in training.ended)
    return Trained(statistics.fmean(losses[0]), losses[1], diverged)


def line(case: Case) -> str:
    """Return a row of the page's table."""
    words = [case.table, case.optimizer, f"{case.rows:,}", f"{case.spec_rate:g}"]
    if case.at_spec is None or case.at_suggested is None:
        said = {"kept": "kept", "none": "no rate found", "diverged": "every rate diverged"}
        return (
            "| "
            + " | ".join([*words, said[case.verdict], "", "", "", f"{case.seconds:.0f}"])
            + " |"
        )
    words.append(f"{case.suggested:g}")
    for each in (case.at_spec, case.at_suggested):
        lost = f" ({each.diverged} diverged)" if each.diverged else ""
        words.append(f"{statistics.fmean(each.test):.4g}{lost}")
    mark = " **worse**" if case.is_worse else ""
    words += [f"{case.difference:+.3g} ± {case.error:.2g}{mark}", f"{case.seconds:.0f}"]
    return "| " + " | ".join(words) + " |"


HEADER = """\
| table | optimizer | rows | spec's λ | suggested | test loss at the spec's | at that | − | s |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def main() -> int:
    """Measure all, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these tables")
    parser.add_argument("--optimizers", nargs="+", default=["sgd", "adam"], metavar="NAME")
    parser.add_argument("--factors", nargs="+", type=float, default=[1.0], metavar="F")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    suffix = ".split0.csv"
    names = sorted(path.name.removesuffix(suffix) for path in chosen.folder.glob(f"*{suffix}"))
    names = [name for name in chosen.only or names if name in names]
    jobs = [
        (chosen.folder, name, optimizer, factor, chosen.seeds)
        for factor in chosen.factors
        for name in names
        for optimizer in chosen.optimizers
    ]
    print(HEADER, flush=True)
    cases = []
    with ProcessPoolExecutor(chosen.processes) as pool:
        for case in pool.map(measure, *zip(*jobs, strict=True)):
            cases.append(case)
            print(line(case), flush=True)
    worse = sum(case.is_worse for case in cases)
    other = sum(case.verdict == "better" for case in cases)
    print(
        f"\n{len(cases)} cases, another rate suggested in {other}; "
        f"worse by more than a standard error: {worse}"
    )
    return EXIT_WORSE if worse else 0


if __name__ == "__main__":
    sys.exit(main())
