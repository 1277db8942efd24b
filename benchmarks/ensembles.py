#!/usr/bin/env python3
"""What an ensemble costs and gains beside one network, and what its intervals hold.

Usage::

    python benchmarks/ensembles.py                # ten seeds; writes docs/ensembles.md and the JSON
    python benchmarks/ensembles.py --replicas     # 64 replicas alone, the rest stays as stored
    python benchmarks/ensembles.py --trainings    # the other tables alone
    python benchmarks/ensembles.py --page         # the page anew from the JSON; measures nothing

A seed decides the split, the first weights and the order of rows, for one network and for the
first replica of an ensemble. All that is compared runs by turns; ratios are of neighbours.

BLAS has one thread. Exit status: 0, whether goals are met or not; 2 where something could not be
measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict

for _library in ("OPENBLAS", "OMP", "MKL"):  # before NumPy is imported: as `mlp` itself runs
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
from ensembles_page import page  # noqa: E402
from ensembles_runs import (  # noqa: E402
    SHAPES,
    SPECS,
    measure_processes,
    measure_replicas,
    measure_trainings,
)
from performance_runs import MeasurementError, Run, machine  # noqa: E402
from performance_settings import ROOT  # noqa: E402

from mlpcli.errors import MlpError  # noqa: E402

PAGE = ROOT / "docs" / "ensembles.md"
STORED = ROOT / "benchmarks" / "ensembles.json"
EXIT_IMPOSSIBLE = 2
SEEDS, TURNS = 10, 5


def measure(*, trainings: bool, replicas: bool) -> list[Run]:
    """Measure what is asked for."""
    runs: list[Run] = []
    if replicas:
        for shape in SHAPES:
            runs += measure_replicas(shape, TURNS)
    if trainings:
        for name in SPECS:
            runs += measure_trainings(name, SEEDS)
            runs += measure_processes(name, SEEDS)
    return runs


def main() -> int:
    """Measure, write the runs and the page, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replicas", action="store_true", help="measure 64 replicas alone")
    parser.add_argument("--trainings", action="store_true", help="measure the rest alone")
    parser.add_argument("--page", action="store_true", help="write the page from the stored runs")
    asked = parser.parse_args()
    whole = asked.replicas == asked.trainings
    stored = {} if whole and not asked.page else json.loads(STORED.read_text("utf-8"))
    try:
        if not asked.page:
            runs = measure(trainings=whole or asked.trainings, replicas=whole or asked.replicas)
            tables = {one.table for one in runs}
            kept = [one for one in stored.get("runs", []) if one["table"] not in tables]
            about = {"machine": machine(), "numpy": np.__version__}
            stored = about | {"runs": [*kept, *(asdict(one) for one in runs)]}
            STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    except (MlpError, MeasurementError) as error:
        print(f"ensembles.py: {error}", file=sys.stderr)
        return EXIT_IMPOSSIBLE
    PAGE.write_text(page(stored), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
