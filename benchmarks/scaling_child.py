"""One process of benchmarks/scaling.py: does one piece of work, prints one line of JSON.

python scaling_child.py WORK JSON
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

LEAST_EPOCHS = 2
CUTS = {"one": (1, 1), "cut": (2, 1), "two": (2, 2)}  # shards and threads
VECTOR_PASSES = 3
CALLED_SHARDS = 1, 2, 8


def _trainer(rows: int, widths: list[int], batch: int) -> Any:
    """Return the trainer of a network of relu units on made-up data: plain SGD, one output."""
    import numpy as np

    from mlpcli.nn.activations import ACTIVATIONS
    from mlpcli.nn.losses import LOSSES
    from mlpcli.nn.network import Architecture, Layer, initialize
    from mlpcli.nn.optimizers import OPTIMIZERS
    from mlpcli.training.trainer import Trainer

    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, widths[0]), np.float32)
    target = rng.standard_normal((rows, 1), np.float32)
    hidden = tuple(Layer(n, ACTIVATIONS["relu"]()) for n in widths[1:-1])
    network = initialize(Architecture(widths[0], hidden, 1, LOSSES["mse"]()), 0)
    optimizer = OPTIMIZERS["sgd"](learning_rate=0.01)
    return Trainer(network, optimizer, X, target, batch_size=batch, seeds=[0])


def _floors(trainer: Any) -> dict[str, float]:
    """Return the seconds of an epoch's permutation alone, and of gathering its rows alone."""
    loader = trainer.loader
    begun = time.process_time()
    loader.start([0], 1)
    shuffled = time.process_time()
    for start, stop in loader.blocks():
        loader.load(start, stop)
    return {"shuffle": shuffled - begun, "gather": time.process_time() - shuffled}


def steps(rows: int, widths: list[int], batch: int, seconds: float) -> dict[str, Any]:
    """Train for about so long; return the median seconds of an epoch, of the core's time.

    The first epoch is not counted, in which the arrays are touched for the first time.
    """
    trainer = _trainer(rows, widths, batch)
    laps: list[float] = []
    least = 1 + LEAST_EPOCHS
    while len(laps) < least or sum(laps) < seconds:
        begun = time.process_time()
        for _ in trainer.epoch(len(laps) + 1, 0.01):
            pass
        laps.append(time.process_time() - begun)
    floors = [_floors(trainer) for _ in range(3)]
    return {
        "epoch": statistics.median(laps[1:]),
        "epochs": len(laps) - 1,
        "steps": trainer.loader.n_steps,
        "multiply_adds": _multiply_adds(trainer, rows) / trainer.loader.n_steps,
        **{name: statistics.median(each[name] for each in floors) for name in floors[0]},
    }


def _multiply_adds(trainer: Any, rows: int) -> int:
    """Return those of an epoch: forward, and twice as many backward less the first layer's δ."""
    architecture = trainer.network.architecture
    first = architecture.n_inputs * architecture.layout.weights[0].shape[1]
    return int(rows * (3 * architecture.multiply_adds - first))


def _resident() -> dict[str, int]:
    """Return this process's memory now, and at its peak, in bytes."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    numbers = dict(line.split(":", 1) for line in lines)
    return {key: int(numbers[f"Vm{key}"].split()[0]) * 1024 for key in ("RSS", "HWM")}


def memory(rows: int, widths: list[int], batch: int, optimizer: str) -> dict[str, Any]:
    """Train two epochs, with validation rows, and write the model; return how the peak grew.

    growth    of the peak since before there were data
    data      bytes of X and y of all parts, as they are
    estimate  what `mlp check` would say
    """
    import tempfile

    import numpy as np

    from mlpcli.data.dataset import Dataset, Encoding, Part
    from mlpcli.data.encoders import NumericColumn
    from mlpcli.data.inputs import InputEncoder
    from mlpcli.data.readers import ReadOptions
    from mlpcli.data.targets import RegressionTarget
    from mlpcli.runs.model_file import save_model
    from mlpcli.spec.schema import Spec
    from mlpcli.training.cost import cost_of
    from mlpcli.training.training import Training

    columns = tuple(NumericColumn(f"x{k}", 0.0, 0.0, 1.0) for k in range(widths[0]))
    target = RegressionTarget(("y",), (0.0,), (1.0,))
    encoding = Encoding("regression", InputEncoder(columns), target, ReadOptions())

    def spec_of(hidden: list[int]) -> Spec:
        settings = {"name": optimizer, "learning_rate": 1e-4}
        return Spec.model_validate(
            {
                "data": {"path": "none.csv", "target": "y", "task": "regression"},
                "model": {"layers": [{"units": n, "activation": "relu"} for n in hidden]},
                "training": {"epochs": 2, "batch_size": batch, "optimizer": settings},
            }
        )

    def part(seed: int, n: int) -> Part:
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n, widths[0]), np.float32)
        labels = rng.standard_normal((n, 1))
        return Part(X, encoding.target.encode(labels), labels, np.arange(n))

    def work(spec: Spec, n: int, folder: str) -> tuple[Any, Any]:
        parts = {"train": part(0, n), "validation": part(1, max(1, n // 10))}
        dataset = Dataset(parts, {}, None, encoding, {})
        training = Training(spec, dataset)
        for _ in training.run():
            pass
        kept = {"reason": "finished", "epochs": 2, "best_epoch": 2}
        save_model(Path(folder) / "model", spec, dataset, training.network, kept, None)
        return dataset, training.architecture

    with tempfile.TemporaryDirectory() as folder:
        work(spec_of([2] * len(widths[1:-1])), batch, folder)  # so that everything is imported
        before, spec = _resident(), spec_of(widths[1:-1])
        dataset, architecture = work(spec, rows, folder)
        after = _resident()
    return {
        "growth": after["HWM"] - before["RSS"],
        "before": before["RSS"],
        "data": sum(part.X.nbytes + part.y.nbytes for part in dataset.parts.values()),
        "parameters": architecture.layout.n_params,
        "estimate": cost_of(spec, architecture, dataset).memory_bytes,
    }


def _cut_trainer(rows: int, widths: list[int], batch: int, shards: int, threads: int) -> Any:
    """Return the trainer of a classifier with momentum and L2, a step cut into shards."""
    import numpy as np

    from mlpcli.nn.activations import ACTIVATIONS
    from mlpcli.nn.losses import LOSSES
    from mlpcli.nn.network import Architecture, Layer, initialize
    from mlpcli.nn.optimizers import OPTIMIZERS
    from mlpcli.nn.update import Regularization
    from mlpcli.training.trainer import Trainer
    from mlpcli.workers import Workers

    rng = np.random.default_rng(0)
    hidden = tuple(Layer(n, ACTIVATIONS["relu"]()) for n in widths[1:-1])
    architecture = Architecture(widths[0], hidden, widths[-1], LOSSES["cross_entropy"]())
    return Trainer(
        initialize(architecture, 0),
        OPTIMIZERS["sgd"](learning_rate=1e-3, momentum=0.9),
        rng.standard_normal((rows, widths[0]), np.float32),
        rng.integers(0, widths[-1], rows),
        batch_size=batch,
        seeds=[0],
        regularization=Regularization(l2=1e-4),
        shards=shards,
        workers=Workers(threads),
    )


def _pass_vectors(trainer: Any) -> None:
    """Take the passes of a step over vectors like θ, without its products."""
    step = trainer.step
    if len(step.update.pieces) == 1:
        for penalty in step.penalties:
            penalty.add_gradient(step.grad)
        step.update()
        return

    def work(piece: int) -> None:
        for penalty in step.penalties:
            penalty.add_gradient(step.grad, step.update.pieces[piece])
        step.update.move(piece)

    step.update.workers.run(work, len(step.update.pieces))
    step.update.finish()


def threads(rows: int, widths: list[int], batch: int, seconds: float) -> dict[str, Any]:
    """Train for about so long, uncut, cut in two, and in two on two threads, epochs in turns.

    Returns, by the clock, the median seconds of a step and of its passes over vectors like θ (3
    in a row) of each; those of gathering a batch; and the share of their time, by the clock, that
    the threads had a core: 1 where no other job took one.
    """
    trainers = {name: _cut_trainer(rows, widths, batch, *cut) for name, cut in CUTS.items()}
    laps: dict[str, list[float]] = {}
    begun, turn = time.perf_counter(), 0
    while turn <= LEAST_EPOCHS or time.perf_counter() - begun < seconds:
        turn += 1
        for name, trainer in trainers.items():
            n, lap, cpu = trainer.loader.n_steps, time.perf_counter(), time.process_time()
            for _ in trainer.epoch(turn, 1e-3):
                pass
            lap, cpu = time.perf_counter() - lap, time.process_time() - cpu
            passed = time.perf_counter()
            for _ in range(VECTOR_PASSES):
                _pass_vectors(trainer)
            passed = time.perf_counter() - passed
            if turn > 1:
                laps.setdefault(name, []).append(lap / n)
                laps.setdefault(f"{name} core", []).append(cpu / lap / CUTS[name][1])
                laps.setdefault(f"{name} vectors", []).append(passed / VECTOR_PASSES)
    gather = [_floors(trainers["one"])["gather"] for _ in range(3)]
    found = {name: statistics.median(each) for name, each in laps.items()}
    n_params = trainers["one"].network.architecture.layout.n_params
    return {**found, "turns": turn - 1, "gather": min(gather) * batch / rows, "params": n_params}


def calls(rows: int, widths: list[int], batch: int, seconds: float) -> dict[str, Any]:
    """Return the seconds of a step by its shards, in turns, on one thread: Python's, nearly all.

    The network is to be so small that its arithmetic takes next to nothing.
    """
    trainers = {n: _cut_trainer(rows, widths, batch, n, 1) for n in CALLED_SHARDS}
    laps: dict[int, list[float]] = {n: [] for n in trainers}
    begun, turn = time.perf_counter(), 0
    while turn <= LEAST_EPOCHS or time.perf_counter() - begun < seconds:
        turn += 1
        for n, trainer in trainers.items():
            lap = time.perf_counter()
            for _ in trainer.epoch(turn, 1e-3):
                pass
            laps[n].append((time.perf_counter() - lap) / trainer.loader.n_steps)
    return {str(n): statistics.median(each[1:]) for n, each in laps.items()}


def main() -> None:
    """Do it."""
    works = {each.__name__: each for each in (steps, memory, threads, calls)}
    print(json.dumps(works[sys.argv[1]](**json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
