#!/usr/bin/env python3
"""What threads gain: the same work on one and on two of them, in turns, by the clock.

Usage::

    python benchmarks/threads.py                  # prints the tables
    python benchmarks/threads.py --rounds 9       # of every pair
    python benchmarks/threads.py --busy           # beside a process that keeps one core busy
    python benchmarks/threads.py --only steps     # steps, crossover, stacks or evaluation

The bits are the same whatever the number of threads (`python tests/campaigns/sharded.py`). Each
round measures one thread, then more, one after the other in one process; the ratio is that of the
two, shown with its median and quartiles. Quote the ratios: the machine may be shared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from typing import Any

for library in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    if os.environ.pop(name, None) is not None:  # it is read when the process starts
        os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np  # noqa: E402

from mlpcli.machine import cores  # noqa: E402
from mlpcli.nn.activations import ACTIVATIONS  # noqa: E402
from mlpcli.nn.evaluation import Evaluation  # noqa: E402
from mlpcli.nn.losses import LOSSES  # noqa: E402
from mlpcli.nn.network import Architecture, Layer, initialize, initialize_stack  # noqa: E402
from mlpcli.nn.optimizers import OPTIMIZERS  # noqa: E402
from mlpcli.nn.update import Regularization  # noqa: E402
from mlpcli.training.shards import auto_shards, step_work  # noqa: E402
from mlpcli.training.trainer import Trainer  # noqa: E402
from mlpcli.workers import Workers  # noqa: E402

WIDE = (((784, 512, 256, 10), 128), ((512, 1024, 1024, 10), 256))
CROSSOVER = [((64, n, n, 10), 128) for n in (64, 128, 192, 256, 384, 512, 768)]
STACKS = ((64, (64, 128, 10), 32), (16, (16, 32, 3), 32), (64, (16, 32, 3), 32))
EVALUATED = (64, 128, 10), 1_000_000
SECONDS = 0.4  # of each measurement, about
Pair = tuple[float, float]


def architecture(widths: Sequence[int]) -> Architecture:
    """Return a classifier of relu layers."""
    layers = tuple(Layer(units, ACTIVATIONS["relu"]()) for units in widths[1:-1])
    return Architecture(widths[0], layers, widths[-1], LOSSES["cross_entropy"]())


def stepper(widths: Sequence[int], batch: int, shards: int, threads: int, lanes: int = 0) -> Any:
    """Return a function that trains an epoch of 16 steps, with momentum and L2."""
    made, rng = architecture(widths), np.random.default_rng(0)
    network = initialize_stack(made, range(lanes)) if lanes else initialize(made, 0)
    X = rng.standard_normal((16 * batch, widths[0]), np.float32)
    y = rng.integers(0, widths[-1], len(X))
    trainer = Trainer(
        network,
        OPTIMIZERS["sgd"](learning_rate=1e-3, momentum=0.9),
        X,
        y,
        batch_size=batch,
        seeds=range(max(1, lanes)),
        regularization=Regularization(l2=1e-4),
        shards=shards,
        workers=Workers(threads),
    )
    epochs = iter(range(1, 1 << 30))

    def epoch() -> None:
        for _ in trainer.epoch(next(epochs), 1e-3):
            pass

    return epoch


def rate(work: Callable[[], None], times: int) -> float:
    """Return how often a second it is done."""
    begun = time.perf_counter()
    for _ in range(times):
        work()
    return times / (time.perf_counter() - begun)


def pairs(one: Callable[[], None], more: Callable[[], None], rounds: int) -> list[Pair]:
    """Return (rate of one, rate of more) of each round, measured in turns."""
    for work in (one, more):
        work()
    times = max(1, round(SECONDS * rate(one, 1)))
    return [(rate(one, times), rate(more, times)) for _ in range(rounds)]


def shown(found: Sequence[Pair]) -> str:
    """Return median and quartiles of the ratios."""
    ratios = [more / one for one, more in found]
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{median:.2f} ({low:.2f} to {high:.2f})"


def steps(threads: int, rounds: int) -> Iterator[str]:
    """Two wide networks, in as many shards as `auto` takes, and in one."""
    yield "| network | batch | shards | steps/s, one thread | steps/s | ratio |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for widths, batch in WIDE:
        shards = max(2, auto_shards(architecture(widths), batch, threads))
        found = pairs(stepper(widths, batch, 1, 1), stepper(widths, batch, shards, threads), rounds)
        one, more = (16 * statistics.median(each) for each in zip(*found, strict=True))
        name = "-".join(map(str, widths))
        yield f"| {name} | {batch} | {shards} | {one:.0f} | {more:.0f} | {shown(found)} |"


def crossover(threads: int, rounds: int) -> Iterator[str]:
    """Two shards on two threads beside one on one, by the size of the network."""
    yield "| network | batch | multiply-adds a step | µs a step, one thread | ratio | `auto` |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for widths, batch in CROSSOVER:
        made = architecture(widths)
        found = pairs(stepper(widths, batch, 1, 1), stepper(widths, batch, 2, threads), rounds)
        one = 1e6 / (16 * statistics.median(a for a, _ in found))
        work, chosen = step_work(made, batch), auto_shards(made, batch, threads)
        name = "-".join(map(str, widths))
        yield f"| {name} | {batch} | {work:.3g} | {one:.0f} | {shown(found)} | {chosen} |"


def _train_stack(widths: Sequence[int], batch: int, lanes: int) -> float:
    """Return the steps a second of a stack; in a process of its own."""
    epoch = stepper(widths, batch, 1, 1, lanes)
    epoch()
    times = max(1, round(SECONDS * rate(epoch, 1)))
    return 16 * rate(epoch, times)


def _train_in_threads(widths: Sequence[int], batch: int, lanes: int, threads: int) -> float:
    """Return the steps a second of a stack whose parts are trained by threads of one process."""
    workers = Workers(threads)
    epochs = [stepper(widths, batch, 1, 1, lanes // threads) for _ in range(threads)]

    def train(times: int) -> None:
        def work(part: int) -> None:
            for _ in range(times):
                epochs[part]()

        workers.run(work, threads)

    train(1)
    times = max(1, round(SECONDS * rate(lambda: train(1), 1)))
    return 16 * times * rate(lambda: train(times), 1)


def stacks(threads: int, rounds: int) -> Iterator[str]:
    """A stack in one process beside parts of it in several, as ensembles train, and in threads."""
    yield "| networks | batch | steps/s, one process | processes | threads |"
    yield "| --- | --- | --- | --- | --- |"
    with get_context("fork").Pool(threads) as pool:

        def train(stacks: Sequence[int], widths: Sequence[int], batch: int) -> float:
            words = [(widths, batch, lanes) for lanes in stacks]
            return min(pool.starmap(_train_stack, words, chunksize=1))

        for lanes, widths, batch in STACKS:
            parts, in_processes, in_threads = [lanes // threads] * threads, [], []
            for _ in range(rounds):
                one = train([lanes], widths, batch)
                in_processes.append((one, train(parts, widths, batch)))
                words = widths, batch, lanes, threads
                in_threads.append((one, pool.apply(_train_in_threads, words)))
            name, base = "-".join(map(str, widths)), statistics.median(a for a, _ in in_threads)
            ratios = f"{shown(in_processes)} | {shown(in_threads)}"
            yield f"| {lanes} of {name} | {batch} | {base:.0f} | {ratios} |"


def evaluation(threads: int, rounds: int) -> Iterator[str]:
    """Predictions for many rows."""
    widths, n_rows = EVALUATED
    network = initialize(architecture(widths), 0)
    X = np.random.default_rng(0).standard_normal((n_rows, widths[0]), np.float32)
    out = np.empty((n_rows, widths[-1]), np.float32)
    one, more = (Evaluation(network, Workers(n)) for n in (1, threads))
    found = pairs(lambda: one.predict(X, out), lambda: more.predict(X, out), rounds)
    per_row = 1e9 / statistics.median(a for a, _ in found) / n_rows
    name = "-".join(map(str, widths))
    yield f"{n_rows:,} rows by {name}, {per_row:.0f} ns a row in one thread: {shown(found)} ×"


def _spin() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    while True:
        pass


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tables = (steps, crossover, stacks, evaluation)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--busy", action="store_true", help="with a neighbour pinned to a core")
    parser.add_argument("--only", choices=[each.__name__ for each in tables])
    arguments = parser.parse_args()
    neighbour = get_context("fork").Process(target=_spin, daemon=True)
    if arguments.busy:
        neighbour.start()
    print(f"{arguments.threads} threads; load before: {os.getloadavg()[0]:.1f}")
    for table in tables:
        if arguments.only in (None, table.__name__):
            print(f"\n{table.__name__}\n", flush=True)
            for line in table(arguments.threads, arguments.rounds):
                print(line, flush=True)


if __name__ == "__main__":
    main()
