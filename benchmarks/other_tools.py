#!/usr/bin/env python3
"""The same job with other tools: a CSV, a model, a report. Commands, lines, seconds, megabytes.

Usage::

    python benchmarks/other_tools.py --folder runs/other_tools --tables runs/first_tables
    python benchmarks/other_tools.py --page      # the page anew from the JSON; measures nothing

The table is `votes` of benchmarks/first_tables.py, which has to be written already; NAME.csv is
what one has, and the predictions for NAME.new.csv are judged. Each tool gets an environment of its
own in --folder, `tools-NAME`, made and filled with pip unless it is there. What is slow to fetch
can be put there beforehand. Exit status: 0; what could not be installed or run is said in the page.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
JOBS = HERE / "other_tools_jobs"
PAGE, STORED = ROOT / "docs" / "other_tools.md", HERE / "other_tools.json"
TABLE, TARGET = "votes", "votetrump"
MOST_SECONDS = 1500  # of one command
LEAST = 1.1920929e-07  # a probability is kept this far away from 0 and 1: ε of float32
LUDWIG_RUN = "run/experiment_run"


@dataclass(frozen=True)
class Tool:
    """One tool and its own path.

    package   what pip installs
    commands  as they are typed; {python}, {table}, {new} and {jobs} are filled in
    written   the file that one has to write first, of the folder of jobs; None: none
    report    what one has to show at the end
    """

    name: str
    package: tuple[str, ...]
    commands: tuple[str, ...]
    written: str | None
    report: str


TOOLS = (
    Tool(
        "mlp",
        (f"{ROOT}[report]",),
        (
            "{python} -m mlpcli init {table} --target votetrump -o spec.yaml",
            "{python} -m mlpcli train spec.yaml --run-dir run",
            "{python} -m mlpcli report run",
            "{python} -m mlpcli predict run {new} -o new.csv",
        ),
        None,
        "an HTML page",
    ),
    Tool(
        "scikit-learn",
        ("scikit-learn", "pandas", "matplotlib"),
        ("{python} {jobs}/with_scikit_learn.py {table} {new} votetrump",),
        "with_scikit_learn.py",
        "what the script prints, and a picture",
    ),
    Tool(
        "autogluon",
        ("autogluon.tabular[all]",),
        ("{python} {jobs}/with_autogluon.py {table} {new} votetrump",),
        "with_autogluon.py",
        "a leaderboard and importances, printed",
    ),
    Tool(
        "ludwig",
        ("ludwig",),
        (
            "{ludwig} train --dataset {table} --config {jobs}/ludwig.yaml --output_directory run",
            "{ludwig} visualize --visualization learning_curves"
            " --training_statistics " + LUDWIG_RUN + "/training_statistics.json"
            " --output_directory pictures",
            "{ludwig} predict --dataset {new} --output_directory predicted"
            " --model_path " + LUDWIG_RUN + "/model",
        ),
        "ludwig.yaml",
        "pictures, one command each",
    ),
)


def install(tool: Tool, folder: Path) -> str:
    """Make the environment unless it is there; return what went wrong, or nothing."""
    place = folder / f"tools-{tool.name}"
    python = place / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        marker = place / "filled"
        if not marker.exists():
            pip = [str(python), "-m", "pip", "install", "-q", *tool.package]
            subprocess.run(pip, check=True, timeout=MOST_SECONDS)
            marker.touch()
    except (subprocess.SubprocessError, OSError) as error:
        return str(error)[:200]
    return ""


def megabytes(folder: Path) -> float:
    """Return the size of the files of an environment, without pip and setuptools."""
    total = 0
    for path in folder.rglob("*"):
        own = {"pip", "setuptools"} & set(path.parts)
        if path.is_file() and not path.is_symlink() and not own:
            total += path.stat().st_size
    return total / 1e6


def lines(path: Path) -> int:
    """Return the lines of a file that are neither empty nor a comment nor its docstring."""
    texts = (line.strip() for line in path.read_text("utf-8").splitlines())
    return sum(bool(text) and not text.startswith(("#", '"""')) for text in texts)


def run(command: list[str], folder: Path) -> dict[str, Any]:
    """Run a command; return its status, seconds of the clock and of the processor, and its end."""
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said = out.read()
    return {
        "status": process.returncode,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "memory_mb": round(usage.ru_maxrss / 1024),
        "said": said[-600:] if process.returncode else "",
    }


def judge(folder: Path, truth: list[str]) -> dict[str, float]:
    """Return the log loss and accuracy of the predictions of the new rows, whoever wrote them."""
    import numpy as np
    import pandas as pd

    found = folder / "new.csv"
    if not found.exists():  # Ludwig's
        found = next((folder / "predicted").glob("*.csv"), folder / "missing.csv")
    if found.exists():
        frame = pd.read_csv(found)
    else:
        frame = pd.read_parquet(next((folder / "predicted").glob("*.parquet")))
    # "1", "1.0", "probability_1" and "votetrump_probabilities_1" are the class 1.
    columns = {}
    for name in frame:
        ending = str(name).rsplit("_", 1)[-1].removesuffix(".0")
        if ending in ("0", "1"):
            columns[ending] = frame[name].to_numpy(float)
    p = columns["1"] / (columns["0"] + columns["1"])
    is_one = np.array(truth) == "1"
    chosen = np.clip(np.where(is_one, p, 1 - p), LEAST, 1 - LEAST)
    return {"loss": float(-np.log(chosen).mean()), "right": float(((p > 0.5) == is_one).mean())}


def measure(tool: Tool, folder: Path, table: Path, new: Path, truth: list[str]) -> dict[str, Any]:
    """Return what one tool's path comes to."""
    found: dict[str, Any] = {"name": tool.name, "report": tool.report}
    found["commands"] = len(tool.commands)
    found["lines"] = lines(JOBS / tool.written) if tool.written else 0
    wrong = install(tool, folder)
    if wrong:
        return found | {"wrong": f"not installed: {wrong}"}
    place = folder / f"tools-{tool.name}"
    found["megabytes"] = round(megabytes(place / "lib"))
    words = {
        "python": str(place / "bin" / "python"),
        "ludwig": str(place / "bin" / "ludwig"),
        "table": str(table),
        "new": str(new),
        "jobs": str(JOBS),
    }
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        found["steps"] = []
        for command in tool.commands:
            found["steps"].append(run(command.format(**words).split(), here))
            if found["steps"][-1]["status"]:
                return found | {"wrong": f"exit {found['steps'][-1]['status']}"}
        try:
            found |= judge(here, truth)
        except (OSError, KeyError, StopIteration, ImportError) as error:
            found["wrong"] = f"no predictions: {error!r}"
    return found


def rows(stored: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table."""
    heads = ("", "commands", "lines to write", "seconds", "of the processor", "MB installed")
    yield "| " + " | ".join((*heads, "log loss", "right", "to show")) + " |"
    yield "| " + " | ".join(["---"] * 9) + " |"
    for one in stored["tools"]:
        steps = one.get("steps", [])
        cells = [one["name"], str(one["commands"]), str(one["lines"])]
        if "loss" in one:
            cells += [f"{sum(s[key] for s in steps):.0f}" for key in ("seconds", "cpu_seconds")]
            cells += [f"{one['megabytes']:,}", f"{one['loss']:.4f}", f"{100 * one['right']:.1f} %"]
        else:
            size = f"{one['megabytes']:,}" if "megabytes" in one else "–"
            cells += ["–", "–", size, one["wrong"], "–"]
        yield "| " + " | ".join([*cells, one["report"]]) + " |"


def page(stored: dict[str, Any]) -> str:
    """Return the page."""
    machine = stored["machine"]
    return f"""# The same job with other tools

```sh
python benchmarks/other_tools.py    # writes this page and the JSON beside it
```

From a CSV to a model and something to show, by each tool's own path: the table `votes` of
[25 tables](first_tables.md), {stored["rows"]:,} rows with identifiers, codes for missing values and
gaps; {stored["new_rows"]:,} new rows judge the predictions.

{chr(10).join(rows(stored))}

- **Commands** are those that one types, the last of which predicts the new rows; **lines** those of
  the script or configuration that one writes first, without empty lines and docstring:
  [`benchmarks/other_tools_jobs`](../benchmarks/other_tools_jobs). mlp's spec is written by
  `mlp init`. scikit-learn's and Ludwig's lines know the table: what is an identifier, which codes
  stand for no value, of what type each column is; AutoGluon's and mlp's commands do not.
- **MB installed** are the files of a new environment, without pip. AutoGluon has
  PyTorch for CPUs alone, from a wheel that was at hand; with PyPI's own, which has CUDA's
  libraries, it is larger by far.
- **Seconds** are from the start of the first command to the end of the last one, on a machine that
  others used meanwhile; those of the processor are the ones to compare.
- AutoGluon trains a dozen models and weighs them together; that is what it is for, and its
  predictions are to be expected to be the best.

Machine: {machine["model"]}, {machine["cores"]} cores, shared and busy.
"""


def main() -> int:
    """Measure, write the JSON and the page, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "other_tools")
    parser.add_argument("--tables", type=Path, default=ROOT / "runs" / "first_tables")
    parser.add_argument("--tools", nargs="*", default=[], help="some alone; others are kept")
    parser.add_argument("--page", action="store_true", help="write the page from what is stored")
    asked = parser.parse_args()
    stored = json.loads(STORED.read_text("utf-8")) if STORED.exists() else {"tools": []}
    if not asked.page:
        from first_tables_real import REAL
        from performance_runs import machine

        asked.folder.mkdir(parents=True, exist_ok=True)
        (form,) = (table for table in REAL if table.name == TABLE)
        known, later = form.rows()
        table, new = form.write(asked.tables.resolve())
        truth = list(form.form.texts(TARGET, later[TARGET]))
        kept = {one["name"]: one for one in stored["tools"]}
        for tool in TOOLS:
            if not asked.tools or tool.name in asked.tools:
                kept[tool.name] = measure(tool, asked.folder.resolve(), table, new, truth)
                print(kept[tool.name], flush=True)
        ordered = [kept[tool.name] for tool in TOOLS if tool.name in kept]
        stored = {"machine": machine(), "rows": len(known), "new_rows": len(later)}
        stored["tools"] = ordered
        STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(stored), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
