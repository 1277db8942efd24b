"""What benchmarks/performance.py measures beside steps: reading a CSV, and an epoch's fixed cost.

Runs in processes of its own (performance_child.py); imports what it measures when it is called.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from performance_settings import ROOT

FEATURES = 19
BLOCK = 10_000


def write_csv(folder: str, rows: int) -> dict[str, Any]:
    """Write a table of 19 numbers and a class, and a spec that trains on it.

    The same ten thousand rows over and over: no reader takes notice.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    X = rng.normal(size=(min(BLOCK, rows), FEATURES))
    lines = (
        ",".join([*(f"{value:.6g}" for value in row), "abc"[int(row.argmax()) % 3]]) for row in X
    )
    block = "\n".join(lines) + "\n"
    names = [*(f"x{k}" for k in range(FEATURES)), "label"]
    with (Path(folder) / "table.csv").open("w", encoding="utf-8") as file:
        file.write(",".join(names) + "\n")
        for _ in range(max(1, rows // BLOCK)):
            file.write(block)
    spec = "data: {path: table.csv, target: label, scale: standard}\n"
    spec += "model: {layers: [{units: 16}]}\n"
    (Path(folder) / "spec.yaml").write_text(spec, "utf-8")
    return {"bytes": (Path(folder) / "table.csv").stat().st_size}


def _resident() -> dict[str, int]:
    """Return this process's memory now, and at its peak, in bytes; empty where nobody says."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
        numbers = dict(line.split(":", 1) for line in lines)
        return {key: int(numbers[f"Vm{key}"].split()[0]) * 1024 for key in ("RSS", "HWM")}
    return {}


def _measured(work: Any, count: Any) -> dict[str, Any]:
    before = _resident()
    begun = time.perf_counter(), time.process_time()
    result = work()
    ended = time.perf_counter(), time.process_time()
    after = _resident()
    growth = after["HWM"] - before["RSS"] if after else None
    return {
        "wall": ended[0] - begun[0],
        "cpu": ended[1] - begun[1],
        "growth_bytes": growth,
        "rows": count(result),
    }


def read_csv(folder: str) -> dict[str, Any]:
    """Read the table with pandas, and nothing else."""
    import pandas as pd

    return _measured(lambda: pd.read_csv(f"{folder}/table.csv"), len)


def spec_load(folder: str) -> dict[str, Any]:
    """Read, encode and split the table as `mlp train` does; pandas is imported before, as above."""
    import pandas as pd  # noqa: F401

    from mlpcli.spec.load import load_spec
    from mlpcli.training.build import load_dataset

    loaded = load_spec(f"{folder}/spec.yaml")

    return _measured(lambda: load_dataset(loaded), lambda data: sum(map(len, data.parts.values())))


def fixed_cost(folder: str, epochs: int) -> dict[str, Any]:
    """Return what an epoch of `mlp train configs/iris.yaml` costs beside its steps, microseconds.

    beside  what the loop, the metrics row, the validation rows, early stopping and the plain
            progress take: between the end of one epoch's steps and the next one's beginning
    begin   what shuffling and gathering the rows take before the first step
    """
    from mlpcli.cli.progress import progress_for
    from mlpcli.runs.directory import run_directory
    from mlpcli.runs.files import Folder
    from mlpcli.runs.recorder import Recorder
    from mlpcli.spec.load import load_spec
    from mlpcli.training.build import load_dataset
    from mlpcli.training.trainer import Trainer
    from mlpcli.training.training import Training

    sets = [f"training.epochs={epochs}", f"training.early_stopping.patience={epochs}"]
    loaded = load_spec(str(ROOT / "configs" / "iris.yaml"), sets)
    training = Training(loaded.spec, load_dataset(loaded))
    with run_directory(loaded.name, f"{folder}/run") as run:
        recorder = Recorder(Folder(run.path), training, loaded.folder)
    inner, clock = Trainer.epoch, time.perf_counter
    laps: list[tuple[float, float]] = []

    def timed(*arguments: Any) -> Any:
        begun = clock()
        yield from inner(*arguments)
        laps.append((begun, clock()))

    Trainer.epoch = timed  # type: ignore[method-assign]
    with contextlib.redirect_stderr(io.StringIO()):
        shown = progress_for("plain", epochs, training.columns)
        for event in training.run():
            shown.show(event)
            recorder.record(event)
    Trainer.epoch = inner  # type: ignore[method-assign]
    beside = [b[0] - a[1] for a, b in pairwise(laps)]
    loader = training.trainer(training.network, [0]).loader
    begins = []
    for epoch in range(1, 201):
        begun = clock()
        loader.start([0], epoch)
        loader.load(0, loader.rows_per_block)
        begins.append(clock() - begun)
    return {
        "beside": 1e6 * statistics.median(beside),
        "beside_quartiles": [1e6 * q for q in statistics.quantiles(beside, n=4)[::2]],
        "begin": 1e6 * statistics.median(begins),
        "epoch": 1e6 * statistics.median(b - a for a, b in laps),
    }
