"""Into how many pieces a step is cut, and how many threads take them.

The numbers of a training depend on S, its shards, and never on T, its threads. So `auto` chooses S
by what is known beforehand: the network's size, the batch, and the cores that this process may use.
"""

from __future__ import annotations

from mlpcli.machine import cores
from mlpcli.nn.network import Architecture
from mlpcli.spec.schema import Spec
from mlpcli.training.build import batch_size_of
from mlpcli.workers import SHARED

# S shards need a step of S² times as much: each shard's calls hold Python's lock for some 30 µs,
# one after the other, and only then do those of all of them take a small share of a step's time.
LEAST_WORK = 1 << 24  # multiply-adds, docs/threads.md
LEAST_ROWS = 32  # of each shard: fewer make slow products
MOST_SHARDS = 16  # each has a gradient of its own, and all are added up


def threads_of(spec: Spec) -> int:
    """Return how many threads may work: the spec's, or as many as there are cores."""
    return cores() if spec.runtime.threads is None else spec.runtime.threads


def use_threads(spec: Spec) -> None:
    """Let no more threads of this process work than the spec allows."""
    if spec.runtime.threads is not None:
        SHARED.n = spec.runtime.threads


def step_work(architecture: Architecture, batch_rows: int) -> int:
    """Return the multiply-adds of a step: forward, and twice as many backward."""
    return 3 * batch_rows * architecture.multiply_adds


def auto_shards(architecture: Architecture, batch_rows: int, n_cores: int) -> int:
    """Return S for a network alone: a power of 2, at most the number of cores.

    >>> from mlpcli.nn.losses import LOSSES
    >>> wide = Architecture(4096, (), 1000, LOSSES["cross_entropy"]())
    >>> [auto_shards(wide, rows, 8) for rows in (32, 128, 512, 4096)]
    [1, 4, 8, 8]
    """
    work, shards = step_work(architecture, batch_rows), 1
    while (
        2 * shards <= min(n_cores, MOST_SHARDS)
        and batch_rows >= 2 * shards * LEAST_ROWS
        and work >= (2 * shards) ** 2 * LEAST_WORK
    ):
        shards *= 2
    return shards


def shards_of(spec: Spec, architecture: Architecture, n_train: int) -> int:
    """Return S of a spec's training, given the number of its training rows.

    Networks of an ensemble or a sweep are shared out whole: each of them is one shard.
    """
    if spec.runtime.shards is not None:
        return spec.runtime.shards
    if spec.replicated is not None or spec.sweep is not None:
        return 1
    # Not the number of threads, which is to change no bit.
    return auto_shards(architecture, min(batch_size_of(spec, n_train), n_train), cores())
