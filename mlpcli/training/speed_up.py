"""How much sooner several threads end a step that is cut into shards: a model of its time.

    t(S, T) = products + packing + activations + vectors     a thread's shards and pieces
              + calls + gather + hand_over                    and what the threads do not share
            ≥ calls of all threads, which need Python's lock

docs/scaling.md, section Threads, has the fit, how far off it is, and what it leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from math import ceil, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpcli.nn.network import Architecture

ITEM = 4  # bytes of a float32
# Of passes with momentum and L2, arrays like θ read or written: α θ 2, onto the gradient 3,
# μ v 2, plus the gradient 3, λ v 2, off θ 3.
VECTOR_STREAMS = 15
# Likewise of relu, arrays (rows, units): plus b 2, max(u, 0) 3, u > 0 3, times δ 3, Σ δ 1.
UNIT_STREAMS = 12
KEPT_STREAMS = 4  # h and δ of a shard copied to where those of the whole batch are
VECTORS_HELD = 4  # θ, gradient, v, and α θ: what has to fit into a cache
STAGES = 2  # by rows, then by parameters


@dataclass(frozen=True)
class StepCosts:
    """The constants of the model.

    rate            multiply-adds a second, of products of many rows on one core
    packing_rows    rows of output that a product costs besides its own: BLAS copies its factors
    unit_bytes      bytes a second, of passes over activations on one core
    vector_bytes    the same of passes over vectors like θ, and
    memory_bytes    where those do not fit into cache_bytes; then all cores have no more than
    shared_bytes    a second together
    gather_bytes    bytes a second that rows of the data are read and written with
    step_calls      seconds of Python a step, and
    shard_calls     a shard with its piece of θ
    beside          the time of a core's work while others work too, over that while they are idle
    hand_over       seconds until all threads have begun the next stage
    """

    rate: float
    packing_rows: float
    unit_bytes: float
    vector_bytes: float
    memory_bytes: float
    shared_bytes: float
    cache_bytes: float
    gather_bytes: float
    step_calls: float
    shard_calls: float
    beside: float
    hand_over: float


# Fitted to steps of one and of two threads on two cores (`python benchmarks/scaling.py --only
# threads`; docs/scaling.md has the residuals). On another machine all of them are others, the
# ratio less so.
COSTS = StepCosts(
    rate=49.3e9,
    packing_rows=15.4,
    unit_bytes=30.8e9,
    vector_bytes=117.4e9,
    memory_bytes=61.7e9,
    shared_bytes=96.6e9,
    cache_bytes=16e6,
    gather_bytes=24.3e9,
    step_calls=13.9e-6,
    shard_calls=30.4e-6,
    beside=1.046,
    hand_over=160.8e-6,
)


@dataclass(frozen=True)
class StepTime:
    """Seconds of a step, by what takes them; `lock`: waited for Python's."""

    products: float
    packing: float
    activations: float
    vectors: float
    gather: float
    calls: float
    hand_over: float
    lock: float = 0.0

    @property
    def total(self) -> float:
        """Their sum."""
        return float(sum(astuple(self)))


def step_time(
    widths: Sequence[int], rows: int, shards: int, threads: int, costs: StepCosts
) -> StepTime:
    """Return the seconds of a step.

    widths   inputs, units of the hidden layers, outputs
    rows     of the batch
    shards   S, of rows, and as many pieces of θ
    threads  T
    """
    shards = min(shards, rows)
    threads = min(shards, threads)
    each = ceil(shards / threads)  # shards, and pieces, of the busiest thread
    weights = [a * b for a, b in pairwise(widths)]
    by_rows = 2 * sum(weights) - weights[0]  # h W, and δ Wᵀ but for the data
    core = costs.beside if threads > 1 else 1.0
    mine = each * ceil(rows / shards)
    products = mine * by_rows + each / shards * rows * sum(weights)  # and hᵀ δ
    packing = each * costs.packing_rows * (by_rows + rows * sum(widths[1:]))
    streams = UNIT_STREAMS + (KEPT_STREAMS if shards > 1 else 0)
    vector = ITEM * (sum(weights) + sum(widths[1:]))
    passed = VECTOR_STREAMS * vector
    if VECTORS_HELD * vector <= costs.cache_bytes:
        vectors = core * each / shards * passed / costs.vector_bytes
    else:
        alone = core * each / shards * passed / costs.memory_bytes
        vectors = max(alone, passed / costs.shared_bytes)
    found = StepTime(
        core * products / costs.rate,
        core * packing / costs.rate,
        core * mine * sum(widths[1:-1]) * streams * ITEM / costs.unit_bytes,
        vectors,
        2 * rows * widths[0] * ITEM / costs.gather_bytes,
        costs.step_calls + each * costs.shard_calls,
        STAGES * costs.hand_over if threads > 1 else 0.0,
    )
    held = costs.step_calls + shards * costs.shard_calls
    return replace(found, lock=max(0.0, held - found.total))


def expected_speed_up(
    architecture: Architecture, batch_rows: int, shards: int, threads: int
) -> float:
    """Return how many times as many rows a second threads train as one does with an uncut step.

    1 where nothing is shared out; below it where sharing costs more than it gives.
    """
    if min(shards, threads, batch_rows) <= 1:
        return 1.0
    layout = architecture.layout
    widths = [layout.weights[0].shape[-2], *(each.shape[-1] for each in layout.weights)]
    rows = batch_rows * prod(architecture.member_shape)  # each member has rows of its own
    one = step_time(widths, rows, 1, 1, COSTS).total
    return min(one / step_time(widths, rows, shards, threads, COSTS).total, shards, threads)
