"""What benchmarks/ensembles.py measures: ensembles beside one network, and stacks beside turns."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from performance_runs import Run, run
from performance_settings import ROOT

from mlpcli.data.dataset import Dataset
from mlpcli.randomness import replica_seed
from mlpcli.runs.ensemble_result import ensemble_result
from mlpcli.runs.model_file import Model
from mlpcli.runs.prediction_intervals import interval_columns
from mlpcli.spec.load import load_spec
from mlpcli.spec.schema import Spec
from mlpcli.training.build import load_dataset
from mlpcli.training.evaluation import evaluate
from mlpcli.training.events import Ended
from mlpcli.training.training import Training

ONE, KINDS = "one", ("bootstrap", "kfold", "seeds")
REPLICAS = 20  # of an ensemble beside one network
LEVEL = 0.9  # of the intervals
SPECS = {"penguins": ("loss", "accuracy"), "diabetes": ("loss", "r2")}
THREADS = (1, 2)


@dataclass(frozen=True)
class Shape:
    """Many replicas of one network, all trained for the same epochs."""

    name: str
    spec: str
    layers: str
    batch: int
    epochs: int


MANY = 64  # replicas of each shape
SHAPES = (
    Shape("4-16-3", "iris", "[{units: 16, activation: tanh}]", 16, 400),
    Shape(
        "64-128-10",
        "digits",
        "[{units: 128, activation: relu, initializer: he_uniform}]",
        32,
        10,
    ),
)


def say(text: str) -> None:
    """Say on standard error how far the measurement is."""
    print(text, file=sys.stderr, flush=True)


def _spec(name: str) -> str:
    return str(ROOT / "configs" / f"{name}.yaml")


def _ensemble(kind: str, replicas: int) -> list[str]:
    return [] if kind == ONE else [f"ensemble={{kind: {kind}, replicas: {replicas}}}"]


def _cpu() -> float:
    """Return the seconds of the cores so far, of this process and of those that it has ended."""
    every = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in every)


def timed(training: Callable[[], Training]) -> tuple[Any, Ended, dict[str, float]]:
    """Train, from a spec and its data to the numbers; return it, its end and what it took."""
    begun, cpu = time.perf_counter(), _cpu()
    one = training()
    *_, ended = one.run()
    assert isinstance(ended, Ended)
    took = {"seconds": time.perf_counter() - begun, "cpu_seconds": _cpu() - cpu}
    return one, ended, took


# --- an ensemble beside one network -------------------------------------------------------------


def train(kind: str, spec: Spec, data: Dataset) -> tuple[Any, dict[str, float]]:
    """Train one network or an ensemble; return it, and its seconds and epochs."""
    one, ended, took = timed(lambda: Training(spec, data))
    epochs = [ended.epochs] if kind == ONE else [each.epochs for each in one.ended]
    processes = 1 if kind == ONE else one.plan.processes
    took |= {"epochs": max(epochs), "all_epochs": sum(epochs), "processes": processes}
    return one, took


def covered(trained: Training) -> dict[str, float]:
    """Return shares of the test rows that lie in the intervals that `mlp predict` gives them."""
    part, encoding, network = trained.dataset.parts["test"], trained.encoding, trained.network
    about = ensemble_result(trained)[1]
    model = Model(trained.spec, encoding, network, {}, None, {}, about)
    # What `predict` gives as ŷ is the average that the scores are of.
    y_hat = evaluate(network, encoding, part).outcome.score
    if encoding.task == "regression":
        y_hat = encoding.target.encode(y_hat)
    found = interval_columns(model, part.X, y_hat, LEVEL)
    if "prediction_set" in found:
        sets = [each.split("|") for each in found["prediction_set"]]
        classes = np.array(encoding.target.classes)[part.labels].astype(str)
        held = [label in each for label, each in zip(classes, sets, strict=True)]
        return {"set": float(np.mean(held)), "set_size": float(np.mean([len(s) for s in sets]))}
    if encoding.task != "regression":
        return {}  # no rows were held out
    shares, y = {}, part.labels[:, 0]
    for name in ("prediction", "observation"):
        if f"{name}_low" in found:
            low, high = found[f"{name}_low"], found[f"{name}_high"]
            shares[name] = float(np.mean((low <= y) & (y <= high)))
            shares[f"{name}_width"] = float(np.mean(high - low))
    return shares


def measure_trainings(name: str, seeds: int) -> Iterator[Run]:
    """Train one network and ensembles of each kind, by turns, a seed a turn; score the test rows.

    All share the rows of a seed, which are read once.
    """
    for turn in range(-1, seeds):  # one turn before that is not counted
        say(f"trainings: {name}, seed {turn}")
        seed = max(turn, 0)
        data = load_dataset(load_spec(_spec(name), (), seed))
        for threads in THREADS:
            for kind in (ONE, *KINDS) if threads == 1 else (ONE, KINDS[0]):
                sets = [f"runtime.threads={threads}", *_ensemble(kind, REPLICAS)]
                trained, figures = train(kind, load_spec(_spec(name), sets, seed).spec, data)
                if turn < 0:
                    continue
                yield Run("training", f"{name}, {threads}", kind, turn, figures)
                if threads == 1:
                    scores = evaluate(trained.network, data.encoding, data.parts["test"]).metrics
                    found = {figure: scores[figure] for figure in SPECS[name]}
                    found["rows"] = len(data.parts["test"])
                    found |= {} if kind == ONE else covered(trained)
                    yield Run("test", name, kind, turn, found)


def measure_processes(name: str, seeds: int) -> Iterator[Run]:
    """Run `mlp train` with one network and with an ensemble, by turns, a seed a turn."""
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(-1, seeds):
            say(f"mlp train: {name}, seed {turn}")
            for threads in THREADS:
                for kind in (ONE, KINDS[0]):
                    sets = [f"runtime.threads={threads}", *_ensemble(kind, REPLICAS)]
                    command = [sys.executable, "-m", "mlpcli", "train", _spec(name), "-q"]
                    command += ["--seed", str(max(turn, 0)), "--run-dir", f"{folder}/run"]
                    command += ["--force", *(flag for each in sets for flag in ("--set", each))]
                    figures = run(command, ROOT)[1]
                    if turn >= 0:
                        yield Run("process", f"{name}, {threads}", kind, turn, figures)


# --- many replicas beside one after the other ---------------------------------------------------


def measure_replicas(shape: Shape, turns: int) -> Iterator[Run]:
    """Train 64 replicas as an ensemble with one process, one after the other, and with two."""
    sets = [f"training.epochs={shape.epochs}", "training.early_stopping=null"]
    sets += [f"training.batch_size={shape.batch}", f"model.layers={shape.layers}"]
    sets += ["training.optimizer={name: sgd, learning_rate: 0.1, momentum: 0.9}"]
    sets += ["regularization.l2=0"]
    plain = load_spec(_spec(shape.spec), [*sets, "runtime.threads=1"])
    data = load_dataset(plain)
    specs = {
        threads: load_spec(
            _spec(shape.spec), [*sets, f"runtime.threads={threads}", *_ensemble("seeds", MANY)]
        ).spec
        for threads in THREADS
    }

    def stacked(threads: int) -> dict[str, float]:
        one, _, took = timed(lambda: Training(specs[threads], data))
        return took | {"processes": one.plan.processes, "stacks": len(one.plan.stacks)}

    def in_turn() -> dict[str, float]:
        total = {"seconds": 0.0, "cpu_seconds": 0.0, "processes": 1}
        for replica in range(MANY):
            own = plain.spec.model_copy(update={"seed": replica_seed(plain.spec.seed, replica)})
            took = timed(lambda spec=own: Training(spec, data))[2]
            total |= {name: total[name] + took[name] for name in took}
        return total

    rows = len(data.parts["train"])
    steps = MANY * shape.epochs * -(-rows // shape.batch)
    for turn in range(turns):
        say(f"replicas: {shape.name}, turn {turn}")
        for engine, once in (
            ("1", lambda: stacked(1)),
            ("in turn", in_turn),
            ("2", lambda: stacked(2)),
        ):
            yield Run("replicas", shape.name, engine, turn, once() | {"steps": steps})
