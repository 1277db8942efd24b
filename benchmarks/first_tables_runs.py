"""One table with one seed: mlp's commands as a new user types them, the pipelines, the losses."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from first_tables_form import REGRESSION, Table
from first_tables_pipeline import TOOLS, Columns, Predicted, fit_and_predict

LEAST = float(np.finfo(np.float32).eps)  # a probability is kept this far away from 0 and 1
THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
MOST_SECONDS = 1800  # of one command
MLP, CONSTANT = "mlp", "constant"


@dataclass(frozen=True)
class Mlp:
    """The mlp that is measured.

    python    that runs it
    root      the tree whose mlpcli it is
    drafted   the spec is of `mlp init`, else it is the four lines that name file and target
    report    `mlp report` is run, too
    """

    python: str
    root: Path
    drafted: bool
    report: bool

    def run(self, folder: Path, *words: str) -> dict[str, Any]:
        """Run a command in a folder, and return its status, seconds and errors."""
        variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | THREADS
        variables["PYTHONPATH"] = str(self.root)
        began = time.perf_counter()
        with tempfile.TemporaryFile("w+") as out:
            process = subprocess.Popen(
                [self.python, "-m", "mlpcli", *words],
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            said = out.read()
        return {
            "command": words[0],
            "status": process.returncode,
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
            "seconds": round(time.perf_counter() - began, 2),
            "memory_mb": round(usage.ru_maxrss / 1024),
            "said": said,
        }

    def commands(self, table: Table, known: Path, new: Path, seed: int) -> list[list[str]]:
        """Return what the user types."""
        train = ["train", "spec.yaml", "--run-dir", "run", "--seed", str(seed), "-q"]
        predict = ["predict", "run", str(new), "-o", "predicted.csv"]
        init = ["init", str(known), "--target", table.target, "-o", "spec.yaml", "-q"]
        report = ["report", "run", "-q"]
        return [
            *([init] if self.drafted else []),
            train,
            *([report] if self.report else []),
            predict,
        ]


def smallest(table: Table, known: Path) -> str:
    """Return the four lines."""
    return f"data:\n  path: {json.dumps(str(known))}\n  target: {json.dumps(table.target)}\n"


def row_losses(predicted: Predicted, truth: pd.Series) -> np.ndarray:
    """Return the squared error, or the log loss, of each row.

    mlp's probabilities are float32: with the ε of each tool's own type those of float64 would pay
    more for a row of which they are wrongly sure.
    """
    if not predicted.classes:
        return (predicted.figures.ravel() - truth.to_numpy(float)) ** 2
    p = predicted.figures / predicted.figures.sum(axis=1, keepdims=True)
    place = {name: k for k, name in enumerate(predicted.classes)}
    index = truth.map(place)
    chosen = np.where(index.isna(), 0.0, p[np.arange(len(p)), index.fillna(0).astype(int)])
    return -np.log(np.clip(chosen, LEAST, 1 - LEAST))


def right(predicted: Predicted, truth: pd.Series) -> float | None:
    """Return the share of rows whose most probable class is theirs."""
    if not predicted.classes:
        return None
    names = np.array(predicted.classes)[predicted.figures.argmax(axis=1)]
    return float((names == truth.to_numpy(str)).mean())


def read_predictions(path: Path, table: Table) -> Predicted:
    """Return what `mlp predict` wrote."""
    frame = pd.read_csv(path)
    if table.task == REGRESSION:
        return Predicted(frame["prediction"].to_numpy(float), (), 0.0)
    columns = [name for name in frame if name.startswith("probability_")]
    classes = tuple(name.removeprefix("probability_") for name in columns)
    return Predicted(frame[columns].to_numpy(float), classes, 0.0)


def constant(table: Table, known: pd.DataFrame, rows: int) -> Predicted:
    """Return the mean, or the classes' shares, of the known rows."""
    y = known[table.target]
    if table.task == REGRESSION:
        return Predicted(np.full(rows, y.mean()), (), 0.0)
    shares = y.astype(str).value_counts(normalize=True)
    return Predicted(np.tile(shares.to_numpy(), (rows, 1)), tuple(shares.index), 0.0)


class Kept:
    """The pipelines' part of a table and seed, for as long as they learn from the same rows.

    key  a digest of the rows
    """

    def __init__(self, stem: Path, key: str) -> None:
        self.key, self.stem = key, stem
        self.about: dict[str, Any] = {}
        self.rows: dict[str, np.ndarray] = {}
        note = Path(f"{stem}.peers.json")
        if note.exists():
            read = json.loads(note.read_text("utf-8"))
            if read["key"] == key:
                self.about = read["about"]
                self.rows = dict(np.load(f"{stem}.peers.npz"))

    def write(self) -> None:
        """Write it beside the losses."""
        np.savez_compressed(f"{self.stem}.peers.npz", **self.rows)
        text = json.dumps({"key": self.key, "about": self.about})
        Path(f"{self.stem}.peers.json").write_text(text, encoding="utf-8")


def measure_mlp(mlp: Mlp, table: Table, folder: Path, seed: int, place: Path) -> dict[str, Any]:
    """Run mlp's commands in a new folder; return what each took, and the run's own figures."""
    known, new = table.write(folder)
    if not mlp.drafted:
        (place / "spec.yaml").write_text(smallest(table, known), encoding="utf-8")
    steps: list[dict[str, Any]] = []
    for words in mlp.commands(table, known, new, seed):
        steps.append(mlp.run(place, *words))
        if steps[-1]["status"]:
            break
    found = {"steps": steps, "status": steps[-1]["status"]}
    page = place / "run" / "report.html"
    if page.exists():
        found["report_kb"] = round(page.stat().st_size / 1000)
    return found


def measure(mlp: Mlp, table: Table, folder: Path, seed: int, losses: Path) -> dict[str, Any]:
    """Return what is stored of one table and one seed; the new rows' losses go to a file.

    The pipelines learn from the rows that mlp's run trains on and validates with, and choose their
    setting with the latter: those that the run keeps for its test are nobody's.
    """
    known, new = table.rows()
    known = known.dropna(subset=table.target).reset_index(drop=True)
    truth = new[table.target]
    texts = truth if table.task == REGRESSION else table.form.texts(table.target, truth)
    words = truth if table.task == REGRESSION else truth.astype(str)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        one = measure_mlp(mlp, table, folder, seed, place)
        found: dict[str, Any] = {"table": table.name, "seed": seed, MLP: one}
        if one["status"]:
            return found
        manifest = json.loads((place / "run" / "manifest.json").read_text("utf-8"))
        predicted = read_predictions(place / "predicted.csv", table)
        spec = (place / "spec.yaml").read_text("utf-8")
    (losses / f"{table.name}.{seed}.yaml").write_text(spec, encoding="utf-8")
    rows = {MLP: row_losses(predicted, texts), CONSTANT: None}
    one["right"] = right(predicted, texts)
    one["task"], one["rows"] = manifest["data"]["task"], manifest["data"]["split"]["rows"]
    one["own_test"] = manifest["result"]["scores"].get("test", {})
    indices = manifest["data"]["split"]["indices"]
    assert sum(one["rows"].values()) == len(known)
    is_test = np.isin(np.arange(len(known)), indices.get("test", []))
    chooses = np.isin(np.arange(len(known)), indices.get("validation", []))[~is_test]
    learnt = known[~is_test].reset_index(drop=True)
    rows[CONSTANT] = row_losses(constant(table, learnt, len(new)), words)
    key = hashlib.sha256(is_test.tobytes() + chooses.tobytes()).hexdigest()
    kept = Kept(losses / f"{table.name}.{seed}", key)
    for tool in TOOLS:
        if tool not in kept.about:
            of = fit_and_predict(tool, table, learnt, chooses, new, seed)
            kept.rows[tool] = row_losses(of, words)
            kept.about[tool] = {"cpu_seconds": round(of.seconds, 2), "right": right(of, words)}
        rows[tool] = kept.rows[tool]
        found[tool] = dict(kept.about[tool])
    kept.write()
    columns = Columns(table, known)
    found["columns"] = known.shape[1] - 1
    found["used"] = sum(map(len, (columns.numbers, columns.dates, columns.hours)))
    for tool, values in rows.items():
        figure = float(np.mean(values))
        loss = figure**0.5 if table.task == REGRESSION else figure
        found.setdefault(tool, {})["loss"] = loss
    np.savez_compressed(losses / f"{table.name}.{seed}.npz", **rows)
    return found
