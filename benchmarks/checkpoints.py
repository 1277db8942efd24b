"""What saving the state costs a training: its share of the time, and with it against without.

    python benchmarks/checkpoints.py [--seconds 30] [--pairs 4] [--networks small large]

Each network trains for about so many seconds, without checkpoints, with the default (10 s between
two) and with 1 s, in turns, every other time the other way round. `share` is the time within saving
by the time of the training, `cpu` the same of the processor's time; `ratio` the median of the
paired quotients of processor time, with against without. Exit code 1 where a share is above 2 %; on
a machine that is busy with other work the clock says little, and `cpu` more.
"""

# ruff: noqa: E402  BLAS reads its environment once, when NumPy is loaded
from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import numpy as np

from mlpcli.runs.checkpointing import CheckpointClock
from mlpcli.runs.files import Folder
from mlpcli.runs.names import CHECKPOINT
from mlpcli.runs.recorder import Recorder
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.training import Training

MOST = 0.02
NEVER = 1e9  # seconds
WITHOUT = "without"
SETTINGS = {"default": 10.0, "1 s": 1.0}
SPEC = """
data: {{path: rows.npz, target: y, scale: none, split: {{validation: 0.1, test: 0.0}}}}
model: {{layers: [{layers}]}}
training: {{epochs: {epochs}, batch_size: 128, early_stopping: null, calibration: none}}
runtime: {{checkpoint_seconds: {seconds}}}
"""
NETWORKS = {"small": ((2_000, 16), [16]), "large": ((10_000, 784), [1024, 1024])}


@dataclass(frozen=True)
class Measured:
    """One training: seconds of the clock and of the processor, and what saving took of them."""

    wall: float
    cpu: float
    saving: float
    saving_cpu: float
    saves: int
    n_bytes: int


class TimedClock(CheckpointClock):
    """Adds up what saving takes."""

    total, cpu, saves = 0.0, 0.0, 0

    def measure(self, save: Callable[[], None]) -> None:
        """Save, and remember how long it took."""
        before = time.process_time()
        super().measure(save)
        self.cpu += time.process_time() - before
        self.total += self.cost
        self.saves += 1


def write_rows(folder: Path, shape: tuple[int, int]) -> None:
    """Write a table of classes that a network can learn."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal(shape, np.float32)
    y = (X[:, :10] + 0.5 * rng.standard_normal((shape[0], 10))).argmax(axis=1)
    columns: dict[str, Any] = {f"x{k}": X[:, k] for k in range(shape[1])}
    np.savez(folder / "rows.npz", y=y, **columns)


def train(folder: Path, layers: list[int], epochs: int, seconds: float) -> Measured:
    """Train into a directory of its own."""
    units = ", ".join(f"{{units: {n}}}" for n in layers)
    text = SPEC.format(layers=units, epochs=epochs, seconds=seconds)
    (folder / "spec.yaml").write_text(text, "utf-8")
    loaded = load_spec(str(folder / "spec.yaml"))
    training = Training(loaded.spec, load_dataset(loaded))
    with tempfile.TemporaryDirectory(dir=folder) as name:
        recorder = Recorder(Folder(Path(name)), training, loaded.folder)
        clock = TimedClock(seconds, recorder.checkpointing.clock.cost)
        recorder.checkpointing.clock = clock
        begun, used = time.perf_counter(), time.process_time()
        for event in training.run(due=clock.due):
            recorder.record(event)
        wall, cpu = time.perf_counter() - begun, time.process_time() - used
        path = Path(name) / CHECKPOINT
        n_bytes = path.stat().st_size if path.exists() else 0
    return Measured(wall, cpu, clock.total, clock.cpu, clock.saves, n_bytes)


def measure(folder: Path, name: str, seconds: float, pairs: int) -> float:
    """Print a line for each setting; return the largest share."""
    shape, layers = NETWORKS[name]
    write_rows(folder, shape)
    few = 2
    epochs = max(few, int(few * seconds / train(folder, layers, few, NEVER).cpu))
    every = {WITHOUT: NEVER, **SETTINGS}
    found: dict[str, list[Measured]] = {setting: [] for setting in every}
    for pair in range(pairs):
        order = list(every) if pair % 2 == 0 else list(every)[::-1]
        for setting in order:
            found[setting].append(train(folder, layers, epochs, every[setting]))
    without = found.pop(WITHOUT)
    largest = 0.0
    for setting, each in found.items():
        share = statistics.median(one.saving / one.wall for one in each)
        cpu = statistics.median(one.saving_cpu / one.cpu for one in each)
        ratio = statistics.median(
            one.cpu / other.cpu for one, other in zip(each, without, strict=True)
        )
        one = each[-1]
        print(
            f"{name:6}  {setting:8}  share {share:7.3%}  cpu {cpu:7.3%}  ratio {ratio:.4f}  "
            f"{one.saves} saves of {one.n_bytes / 1e6:.3f} MB in {one.wall:.1f} s",
            flush=True,
        )
        largest = max(largest, share)
    return largest


def main() -> int:
    """Measure each network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="of one training, about")
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    arguments = parser.parse_args()
    largest = 0.0
    for name in arguments.networks:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder), name, arguments.seconds, arguments.pairs)
        largest = max(largest, found)
    print(f"saving takes at most {largest:.2%} of a training's time")
    return 0 if largest <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
