"""The memory that networks take in training, asked for before it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mlpcli.data.dataset import Dataset
from mlpcli.errors import counted
from mlpcli.memory import require
from mlpcli.nn.network import Architecture
from mlpcli.training.build import batch_size_of

if TYPE_CHECKING:
    from mlpcli.training.lanes import PreparedLane
    from mlpcli.training.plan import Plan

FEW_NUMBERS = 1 << 20  # of parameters, a batch and its rows: no need to look closer
ADVICE = "smaller model.layers or a smaller training.batch_size are needed"
OF_SEVERAL = "smaller model.layers or fewer ensemble.replicas are needed"


def require_memory(
    prepared: Sequence[PreparedLane],
    dataset: Dataset,
    plan: Plan | None = None,
    *,
    more_vectors: int = 0,
) -> None:
    """Raise OutOfMemoryError where the networks of a training do not fit into what is free.

    plan          of the lanes; None: one network trains, or so many as one does
    more_vectors  of the parameters, that something else than the training keeps besides
    """
    n_train = len(dataset.parts["train"])
    first = prepared[0]
    batch = min(batch_size_of(first.lane.spec, n_train), first.n_rows)
    n = first.architecture.layout.n_numbers
    by_row = n_train * first.architecture.n_outputs
    vectors = 1 + more_vectors
    if len(prepared) * (vectors * n + batch * _widths(first.architecture)) + by_row <= FEW_NUMBERS:
        return
    from mlpcli.training.cost import memory_of

    item = np.dtype(first.lane.spec.runtime.dtype).itemsize
    shared = len(prepared) * n * item
    if plan is None:
        one = memory_of(first.lane.spec, first.architecture, dataset, batch).per_network
        shared *= len(prepared) > 1  # of one network its own
    else:
        one = plan.memory
    one += more_vectors * n * item
    replicas = counted(len(prepared), "network")
    what = f"{replicas} of {counted(first.architecture.layout.n_params, 'parameter')}"
    require(shared + one, what, OF_SEVERAL if len(prepared) > 1 else ADVICE)


def _widths(architecture: Architecture) -> int:
    """Return how many numbers a row has in all layers."""
    each = sum(sum(weight.shape[-2:]) for weight in architecture.layout.weights)
    return each * prod(architecture.member_shape) + architecture.embedded_numbers


def require_rows(n_lanes: int, n_rows: int) -> None:
    """Raise OutOfMemoryError where there is no memory for the row numbers of each lane."""
    n_bytes = n_lanes * n_rows * np.dtype(np.intp).itemsize
    what = f"the rows of {counted(n_lanes, 'network')}, of {counted(n_rows, 'row')} each"
    require(n_bytes, what, "fewer ensemble.replicas are needed")
