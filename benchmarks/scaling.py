#!/usr/bin/env python3
"""How mlp's cost grows with the work: rows, multiply-adds, parameters.

Usage::

    python benchmarks/scaling.py           # all; writes docs/scaling.md, its plots and the JSON
    python benchmarks/scaling.py --quick   # the small cases, once; prints the page, writes nothing
    python benchmarks/scaling.py --page    # page and plots anew from the JSON; measures nothing
    python benchmarks/scaling.py --only threads    # one table; the others stay as they are stored

Every measurement is a process of its own; all run on one core, one after the other, but those of
threads, which have all cores and go by the clock (on a busy machine: `chrt -r 1 python …`). Takes
about 1.5 GB of memory: where less is free, the largest cases are left out, and the page says so.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from performance_runs import MeasurementError, Run, machine, pin, run
from scaling_page import page, plots
from scaling_settings import CALLS, CASES, PAGE, ROOT, ROUNDS, STORED, TABLES, THREADS, Case

CHILD = Path(__file__).resolve().parent / "scaling_child.py"
PERFORMANCE_CHILD = CHILD.with_name("performance_child.py")
BYTES_PER_ROW = 500  # at most, of the cases with many rows
QUICK_ROWS, QUICK_WIDTH, QUICK_CUT_WIDTH = 30_000, 64, 512
ONLY = {table: (table,) for table in TABLES if table != CALLS} | {THREADS: (THREADS, CALLS)}


def once(case: Case, turn: int) -> Run:
    """Run one process."""
    command = [sys.executable, str(CHILD), case.work, json.dumps(case.about)]
    said, figures = run(command, ROOT, all_cores=case.work == "threads")
    return Run(case.table, case.x, case.series, turn, {**figures, **json.loads(said)})


def fits(case: Case) -> bool:
    """Whether a case's data fit into half of the free memory."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return bool(BYTES_PER_ROW * case.about["rows"] < free / 2)


def measure(cases: list[Case], rounds: int) -> list[Run]:
    """Run every case once in each round."""
    runs = []
    for turn in range(rounds):
        for case in cases:
            print(f"{turn}: {case.table}: {case.x} {case.series}", file=sys.stderr, flush=True)
            runs.append(once(case, turn))
    return runs


def versions() -> dict[str, Any]:
    """Return those of Python, NumPy and its BLAS."""
    command = [sys.executable, str(PERFORMANCE_CHILD), "versions", '{"modules": ["numpy"]}']
    return dict(json.loads(run(command, ROOT)[0].splitlines()[-1]))


def renewed(stored: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return the stored runs with those of the tables that were measured now in their places.

    apart  on what they were measured, by table, where that was not with all others
    """
    apart = {name: document[name] for name in ("machine", "versions")}
    tables = {run["table"] for run in document["runs"]}
    runs = [run for run in stored["runs"] if run["table"] not in tables] + document["runs"]
    return {
        **stored,
        "apart": {**stored.get("apart", {}), **dict.fromkeys(sorted(tables), apart)},
        "runs": runs,
    }


def write(document: dict[str, Any]) -> None:
    """Write page and plots."""
    PAGE.write_text(page(document), "utf-8")
    for name, text in plots(document).items():
        PAGE.with_name(name).write_text(text, "utf-8")


def main() -> int:
    """Measure and write; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the small cases, once")
    parser.add_argument("--page", action="store_true", help="write page and plots from the JSON")
    parser.add_argument("--only", choices=ONLY, help="measure this table alone")
    options = parser.parse_args()
    if options.page:
        write(json.loads(STORED.read_text("utf-8")))
        return 0
    cases = [c for c in CASES if fits(c) and c.table in ONLY.get(options.only, TABLES)]
    if options.quick:
        small = {"rows": QUICK_ROWS, "steps": QUICK_WIDTH, "threads": QUICK_CUT_WIDTH}
        cases = [c for c in cases if int(c.x) <= small.get(c.table, 500_000)]
    pin()
    try:
        runs = measure(cases, 1 if options.quick else ROUNDS)
        document = {"machine": machine(), "versions": versions(), "runs": [*map(asdict, runs)]}
    except MeasurementError as error:
        print(f"scaling.py: {error}", file=sys.stderr)
        return 2
    if options.only is not None:
        document = renewed(json.loads(STORED.read_text("utf-8")), document)
    if options.quick:
        print(page(document))
        return 0
    STORED.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    write(document)
    return 0


if __name__ == "__main__":
    sys.exit(main())
