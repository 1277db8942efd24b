"""Which lanes train in one stack, and in how many processes, within the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any, TypeVar

import numpy as np

from mlpcli.data.dataset import Dataset
from mlpcli.errors import DataError
from mlpcli.machine import free_memory, in_bytes
from mlpcli.nn.network import Architecture
from mlpcli.spec.schema import Spec
from mlpcli.spec.values import parse_bytes
from mlpcli.training.build import batch_size_of
from mlpcli.training.cost import memory_of
from mlpcli.training.lanes import PreparedLane
from mlpcli.training.shards import step_work, threads_of

Item = TypeVar("Item")
SHARE = 0.5  # of the free memory, where the spec leaves it open
WORTH_A_PROCESS = 2.0  # seconds of work below which another process is not worth its start
STEP_SECONDS = 2e-6  # of a step in a wide stack, beside its arithmetic
PER_SECOND = 5e9  # multiply-adds

# A stack pays NumPy's overhead of each call once, but its arrays leave the second-level cache:
# docs/decisions/0028 has the figures.
STACK_BYTES = 4 << 20
MOST_LANES = 64  # more save nothing


def memory_for(spec: Spec) -> int:
    """Return how many bytes the networks of an ensemble or a sweep may take."""
    if spec.runtime.memory is not None:
        return parse_bytes(spec.runtime.memory) or 0
    return int(SHARE * free_memory())


def processes_for(spec: Spec) -> int:
    """Return how many processes the stacks of an ensemble may be shared among."""
    return threads_of(spec)


@dataclass(frozen=True)
class Plan:
    """How lanes are trained; it changes no bit of the result.

    stacks     the lanes of each, by their numbers
    processes  in which stacks train at the same time
    memory     bytes that the networks take at most, beside the data
    """

    stacks: list[list[int]]
    processes: int
    memory: int


def plan_stacks(prepared: Sequence[PreparedLane], dataset: Dataset) -> Plan:
    """Return how these lanes are trained, by the first one's `runtime`.

    Raises DataError, with the spec's key, where not even one network fits into the stated memory.
    """
    spec = prepared[0].lane.spec
    n_train = len(dataset.parts["train"])
    batch = min(batch_size_of(spec, n_train), n_train)
    each = [memory_of(f.lane.spec, f.architecture, dataset, batch).per_network for f in prepared]
    largest, memory = max(each), memory_for(spec)
    if spec.runtime.memory is None:
        memory = max(memory, largest)  # a single network is not refused either
    if memory < largest:
        problem = f"{in_bytes(memory)} are not enough for one network, which takes about"
        raise DataError(f"{problem} {in_bytes(largest)}", ("runtime", "memory"))
    processes = min(processes_for(spec), len(prepared), memory // largest)
    if _seconds(prepared, n_train) < WORTH_A_PROCESS:
        processes = 1
    capacity = memory // processes // largest
    by_shape: dict[object, list[int]] = {}
    for lane, one in enumerate(prepared):
        by_shape.setdefault(one.shape, []).append(lane)
    stacks = []
    for lanes in by_shape.values():
        first = prepared[lanes[0]]
        most = min(capacity, best_lanes(first.architecture, batch, spec.runtime.dtype))
        wanted = max(1, processes // len(by_shape))
        stacks += even_runs(lanes, max(-(-len(lanes) // most), min(wanted, len(lanes))))
    stacks.sort(key=len, reverse=True)  # the longest first, so that none is waited for
    widths = [len(stack) for stack in stacks[:processes]]
    return Plan(stacks, processes, sum(widths) * largest)


def even_runs(items: Sequence[Item], n: int) -> list[list[Item]]:
    """Return n runs of these items in their order, whose lengths differ by one at most."""
    bounds = [len(items) * k // n for k in range(n + 1)]
    return [list(items[start:stop]) for start, stop in pairwise(bounds)]


def best_lanes(architecture: Architecture, batch_size: int, dtype: Any = np.float32) -> int:
    """Return how many networks to put in one stack; 1 where one after the other is as quick.

    As many as keep what a step touches below STACK_BYTES: a lane's θ and gradient, its rows, and
    u, h and δ of every unit for every row of the batch, and what an embedding holds of it.

    >>> from mlpcli.nn.losses import LOSSES
    >>> best_lanes(Architecture(256, (), 10, LOSSES["cross_entropy"]()), 64)
    44
    """
    layout = architecture.layout
    units = prod(architecture.member_shape) * sum(t.shape[-1] for t in layout.weights)
    a_row = architecture.n_inputs + 3 * units + architecture.embedded_numbers
    numbers = 2 * layout.n_params + batch_size * a_row
    return max(1, min(MOST_LANES, STACK_BYTES // (numbers * np.dtype(dtype).itemsize)))


def seconds_of(architecture: Architecture, batch_rows: int, steps: float) -> float:
    """Return about how long a network's steps take a process: a guess, to tell short from long."""
    return steps * (STEP_SECONDS + step_work(architecture, batch_rows) / PER_SECOND)


def _seconds(prepared: Sequence[PreparedLane], n_train: int) -> float:
    """Return about how long one process takes."""
    total = 0.0
    for each in prepared:
        spec, rows = each.lane.spec, each.n_rows
        batch = min(batch_size_of(spec, n_train), rows)
        total += seconds_of(each.architecture, batch, spec.training.epochs * rows / batch)
    return total
