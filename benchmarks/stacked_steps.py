"""One step of a stack beside one of its networks alone: the work of benchmarks/stacks.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any


def stacked_steps(
    widths: list[int], batch: int, lanes: Sequence[int], steps: int, rounds: int
) -> dict[str, Any]:
    """Return microseconds of the core: one step alone, and one of a stack of so many lanes.

    All train whole epochs of `steps` steps, shuffled and gathered, in turns, `rounds` of them; the
    first is not counted. The result is a list of microseconds for each number of lanes, 0 for the
    network alone.
    """
    times: dict[int, list[float]] = {0: [], **{n: [] for n in lanes}}
    alone = _epoch(widths, batch, steps, 0)
    for n in lanes:
        together = _epoch(widths, batch, steps, n)
        for turn in range(rounds + 1):
            for key, epoch in ((0, alone), (n, together)):
                begun = time.process_time()
                epoch(turn + 1)
                if turn:
                    times[key].append((time.process_time() - begun) / steps * 1e6)
    return {str(key): found for key, found in times.items()}


def _epoch(widths: list[int], batch: int, steps: int, lanes: int) -> Callable[[int], None]:
    """Return what trains one epoch of a network, or of a stack of them."""
    import numpy as np
    from engines.mlp import architecture_of

    from mlpcli.nn.network import initialize, initialize_stack
    from mlpcli.nn.optimizers import Sgd
    from mlpcli.training.trainer import Trainer

    rng, is_regression = np.random.default_rng(0), widths[-1] == 1
    X = rng.standard_normal((batch * steps, widths[0]), np.float32)
    y: Any = rng.standard_normal((len(X), 1), np.float32)
    if not is_regression:
        y = rng.integers(0, widths[-1], len(X))
    architecture = architecture_of(widths, "relu", 1.0, is_regression=is_regression)
    seeds = list(range(max(1, lanes)))
    network = initialize_stack(architecture, seeds) if lanes else initialize(architecture, 0)
    trainer = Trainer(network, Sgd(), X, y, batch_size=batch, seeds=seeds)
    rate: Any = np.full((lanes, 1), 0.01) if lanes else 0.01

    def epoch(number: int) -> None:
        for _rows in trainer.epoch(number, rate):
            pass

    return epoch
